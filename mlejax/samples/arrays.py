"""Columns of numbers from arrays in files: .npy, .npz, Parquet."""

import dataclasses
import itertools
import zipfile
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .cells import shown
from .table import Column, TableError, column_index

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_arrays", "read_parquet"]


def read_arrays(file: str, columns: Sequence[str | None], drop: bool, ends: Collection[int] = ()) -> list[Column]:
    """Read columns of a .npy file, or of an .npz file, whose arrays are the columns or whose one array holds them.

    Args:
        file: its name.
        columns: names of arrays, or numbers from 1; None where there is one column.
        drop: whether to leave out rows in which a value is NaN.
        ends: the places in `columns` of those that may hold infinity.

    Raises:
        TableError: it holds no such columns of finite numbers.
    """
    try:
        with open(file, "rb") as handle:
            found = np.load(handle, allow_pickle=False)
            if isinstance(found, np.ndarray):
                chosen = [_of_array(file, found, column) for column in columns]
            else:
                chosen = _of_archive(file, found, columns)
    except TableError:
        raise
    except (ValueError, zipfile.BadZipFile) as error:
        raise TableError(f"{file}: not an array of numbers: {error}") from None
    return _known(chosen, drop, ends)


def _of_archive(file: str, archive: Mapping[str, np.ndarray], columns: Sequence[str | None]) -> list[Column]:
    names = list(archive)
    if not names:
        raise TableError(f"{file}: no arrays in it")
    if len(names) == 1 and columns != names:
        return [_of_array(file, archive[names[0]], column) for column in columns]
    asked = [names[column_index(file, names, column, named=True)] for column in columns]
    found = [_numbers(file, archive[name], f"array {shown(name)}") for name in asked]
    for first, other in itertools.pairwise(found):
        if len(first.values) != len(other.values):
            raise TableError(
                f"{file}: {first.name} has {len(first.values):,} numbers and {other.name} {len(other.values):,}"
            )
    return found


def _of_array(file: str, array: np.ndarray, column: str | None) -> Column:
    where = "the array"
    if array.ndim == 2:
        index = column_index(file, [str(i + 1) for i in range(array.shape[1])], column, named=False)
        array, where = array[:, index], f"column {index + 1}"
    elif column not in (None, "1") and array.ndim == 1:
        raise TableError(f"{file}: no column {shown(column)}; the array is one column without a name")
    return _numbers(file, array, where)


def _numbers(file: str, array: np.ndarray, where: str) -> Column:
    if array.dtype.kind not in "iuf":
        raise TableError(f"{file}: not an array of numbers but of {array.dtype}")
    if array.ndim != 1:
        raise TableError(f"{file}: an array of shape {array.shape} is not a column")
    return Column(array.astype(np.float64), file, where)


def read_parquet(file: str, columns: Sequence[str | None], drop: bool, ends: Collection[int] = ()) -> list[Column]:
    """Read columns of a Parquet file.

    Args:
        file: its name.
        columns: their names, or numbers from 1; None where there is one column.
        drop: whether to leave out rows in which a value is null or NaN.
        ends: the places in `columns` of those that may hold infinity.

    Raises:
        TableError: it holds no such columns of finite numbers, or PyArrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise TableError(f"{file}: reading Parquet needs PyArrow: pip install 'mlejax[parquet]'") from None
    try:
        with parquet.ParquetFile(file) as table:
            names = list(table.schema_arrow.names)
            chosen = [column_index(file, names, column, named=True) for column in columns]
            for index in chosen:
                if names.count(names[index]) > 1:
                    raise TableError(f"{file}: several columns are named {shown(names[index])}; rename all but one")
            found = table.read(columns=[names[index] for index in chosen])
    except pa.ArrowException as error:
        raise TableError(f"{file}: not a Parquet file: {str(error).splitlines()[0]}") from None
    return _known([_of_arrow(file, found.column(names[index]), names[index]) for index in chosen], drop, ends)


def _of_arrow(file: str, column: "pa.ChunkedArray", name: str) -> Column:
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        values = np.array([np.nan if value is None else float(value) for value in column.to_pylist()])
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.to_numpy().astype(np.float64)
    else:
        raise TableError(f"{file}, column {shown(name)}: not numbers but {column.type}")
    return Column(values, file, f"column {shown(name)}")


def _known(chosen: Sequence[Column], drop: bool, ends: Collection[int]) -> list[Column]:
    """Leave out the rows in which a value is missing, or refuse them, as all other values that are not finite."""
    missing = np.any([np.isnan(column.values) for column in chosen], axis=0)
    kept = ~missing if drop else np.ones_like(missing)
    for place, column in enumerate(chosen):
        good = np.isfinite(column.values) | ((column.values == np.inf) if place in ends else False)
        bad = np.flatnonzero(~good & kept)
        if len(bad):
            value, index = column.values[bad[0]], bad[0]
            cure = "; fill it in, or leave the row out" if np.isnan(value) else ""
            raise TableError(f"{column.file}, {column.name}: {value} at index {index} is not a finite number{cure}")
    dropped = int(np.count_nonzero(~kept))
    return [dataclasses.replace(column, values=column.values[kept], dropped=dropped) for column in chosen]
