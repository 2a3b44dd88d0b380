"""Results as a file for other programs."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..results.schema import Dimension, columns
from ..samples.files import TableError
from ..status import Status
from .files import whole

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
    try:
        with whole(path) as aside:
            if kind == "netcdf":
                plain = {
                    key: value if isinstance(value, str) else json.dumps(value) for key, value in dataset.attrs.items()
                }
                dataset.assign_attrs(plain).to_netcdf(aside, engine="h5netcdf")
                return int(dataset.status.size)
            return (_write_csv if kind == "csv" else _write_parquet)(_blocks(dataset, finished_only), aside)
    except ImportError as error:
        raise TableError(
            f"{kind} needs a package that is not installed: pip install 'mlejax[export]' ({error})"
        ) from None
    except OSError as error:
        raise TableError(f"{path}: cannot be written: {error.strerror or error}") from None


def _blocks(dataset: Any, finished_only: bool) -> Iterator[Any]:
    """Yield a block of rows at a time, so that memory does not grow with their number."""
    first = next(iter(dataset.status.dims))
    step = max(1, ROWS_TOGETHER * dataset.sizes[first] // dataset.status.size)
    for start in range(0, dataset.sizes[first], step):
        yield _rows(dataset.isel({first: slice(start, start + step)}), finished_only)


def _write_csv(blocks: Iterator[Any], path: Path) -> int:
    count = 0
    with open(path, "w", newline="") as handle:
        for i, rows in enumerate(blocks):
            rows.to_csv(handle, index=False, float_format="%.17g", header=i == 0)
            count += len(rows)
    return count


def _write_parquet(blocks: Iterator[Any], path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    count = 0
    with contextlib.ExitStack() as closing:
        writer = None
        for rows in blocks:
            table = pa.Table.from_pandas(rows, preserve_index=False)
            writer = writer or closing.enter_context(parquet.ParquetWriter(path, table.schema))
            writer.write_table(table)
            count += len(rows)
    return count


def _rows(dataset: Any, finished_only: bool) -> Any:
    """Return one row per run; the elements of a vector are columns of their own."""
    axes, flat = dataset.status.dims, {}
    for name, array in dataset.data_vars.items():
        own = [dim for dim in array.dims if dim not in axes]
        dims = [Dimension(dim, dataset.sizes[dim], tuple(array.attrs.get(f"{dim}_labels", ()))) for dim in own]
        for index, column in columns(name, dims).items():
            flat[column] = array.isel(dict(zip(own, index, strict=True)))
    rows = dataset.drop_vars(list(dataset.data_vars)).assign(flat).to_dataframe(dim_order=list(axes)).reset_index()
    if finished_only:
        rows = rows[rows["status"] != Status.RUNNING]
    status = dataset.status.attrs
    names = dict(zip(status["flag_values"], status["flag_meanings"].split(), strict=True))
    return rows.assign(status=rows["status"].map(names))
