"""Results as a file for other programs."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..samples.files import TableError
from ..status import Status
from .files import PART

ROWS_TOGETHER = 65_536
"""About how many rows of a CSV are made at a time."""


def write_table(dataset: Any, kind: str, path: Path, finished_only: bool = False) -> int:
    """Write an `xarray.Dataset` of results: `netcdf` as it is, `csv` and `parquet` with one row per run.

    Args:
        dataset: as `SweepResult.to_xarray` returns it.
        kind: `netcdf`, `csv` or `parquet`.
        path: the file. It is there whole or not at all.
        finished_only: leave out the runs that have not ended; of `netcdf`, which keeps the grid of all axes, refused.

    Returns:
        The number of runs that were written.

    Raises:
        TableError: a package is missing, or the file cannot be written; the message says which.
    """
    if finished_only and kind == "netcdf":
        raise TableError("netcdf keeps the grid of all runs, finished or not; csv and parquet can leave runs out")
    aside = path.with_name(PART.format(path.name))
    try:
        if kind == "netcdf":
            plain = {
                key: value if isinstance(value, str) else json.dumps(value) for key, value in dataset.attrs.items()
            }
            dataset.assign_attrs(plain).to_netcdf(aside, engine="h5netcdf")
            count = int(dataset.status.size)
        elif kind == "csv":
            count = _write_csv(dataset, aside, finished_only)
        else:
            rows = _rows(dataset, finished_only)
            rows.to_parquet(aside, engine="pyarrow", index=False)
            count = len(rows)
        os.replace(aside, path)
    except ImportError as error:
        raise TableError(
            f"{kind} needs a package that is not installed: pip install 'mlejax[export]' ({error})"
        ) from None
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    return count


def _write_csv(dataset: Any, path: Path, finished_only: bool) -> int:
    """Write a block of rows at a time, so that memory does not grow with their number."""
    first = next(iter(dataset.status.dims))
    step, count = max(1, ROWS_TOGETHER * dataset.sizes[first] // dataset.status.size), 0
    for start in range(0, dataset.sizes[first], step):
        rows = _rows(dataset.isel({first: slice(start, start + step)}), finished_only)
        rows.to_csv(path, index=False, float_format="%.17g", mode="a" if start else "w", header=start == 0)
        count += len(rows)
    return count


def _rows(dataset: Any, finished_only: bool) -> Any:
    """Return one row per run; the elements of a vector are columns of their own."""
    axes, flat = dataset.status.dims, {}
    for name, array in dataset.data_vars.items():
        own = [dim for dim in array.dims if dim not in axes]
        for index in np.ndindex(*(dataset.sizes[dim] for dim in own)):
            column = f"{name}[{','.join(map(str, index))}]" if own else name
            flat[column] = array.isel(dict(zip(own, index, strict=True)))
    rows = dataset.drop_vars(list(dataset.data_vars)).assign(flat).to_dataframe(dim_order=list(axes)).reset_index()
    if finished_only:
        rows = rows[rows["status"] != Status.RUNNING]
    status = dataset.status.attrs
    names = dict(zip(status["flag_values"], status["flag_meanings"].split(), strict=True))
    return rows.assign(status=rows["status"].map(names))
