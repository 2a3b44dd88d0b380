"""Results as a file for other programs."""

import json
from pathlib import Path
from typing import Any

from ..samples.files import TableError


def write_table(dataset: Any, kind: str, path: Path) -> None:
    """Write an `xarray.Dataset` of results: `netcdf` as it is, `csv` and `parquet` with one row per run.

    Raises:
        TableError: a package is missing, or the file cannot be written; the message says which.
    """
    try:
        if kind == "netcdf":
            plain = {
                key: json.dumps(value) if isinstance(value, bool) or not isinstance(value, str | int | float) else value
                for key, value in dataset.attrs.items()
            }
            dataset.assign_attrs(plain).to_netcdf(path, engine="h5netcdf")
            return
        rows = dataset.to_dataframe().reset_index()
        names = dict(
            zip(dataset.status.attrs["flag_values"], dataset.status.attrs["flag_meanings"].split(), strict=True)
        )
        rows["status"] = rows["status"].map(names)
        if kind == "csv":
            rows.to_csv(path, index=False, float_format="%.17g")
        else:
            rows.to_parquet(path, engine="pyarrow", index=False)
    except ImportError as error:
        raise TableError(
            f"{kind} needs a package that is not installed: pip install 'mlejax[export]' ({error})"
        ) from None
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror or error}") from None
