"""A column of numbers from a file."""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np


class TableError(ValueError):
    """A file is not a table of numbers; the message names the file, the line and the column."""


def read_column(file: str, column: str | None = None) -> np.ndarray:
    """One column of a .csv (also .gz) or .npy file: (n,) finite numbers, at least two, not all equal.

    Args:
        file: the path.
        column: a name from the header, or a number from 1; not needed when there is one column.

    Raises:
        TableError: naming the file, and where there is one the line and the column.
    """
    path = Path(file)
    try:
        values, where = _read_npy(path, column) if path.suffix == ".npy" else _read_csv(path, column)
    except FileNotFoundError:
        raise TableError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise TableError(f"{file}: is a directory, not a file of numbers") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise TableError(f"{file}: cannot be read: {error}") from None
    if len(values) == 0:
        raise TableError(f"{file}: no numbers in {where}")
    if len(values) == 1:
        raise TableError(f"{file}: one number in {where}; an estimate needs at least two")
    if np.all(values == values[0]):
        raise TableError(
            f"{file}: all {len(values)} numbers in {where} equal {values[0]:g}; there is nothing to estimate"
        )
    return values


def _read_npy(path: Path, column: str | None) -> tuple[np.ndarray, str]:
    try:
        with open(path, "rb") as handle:
            array = np.load(handle, allow_pickle=False)
    except ValueError as error:
        raise TableError(f"{path}: not an array of numbers: {error}") from None
    if not isinstance(array, np.ndarray):
        raise TableError(f"{path}: not an array of numbers but an archive of several")
    if array.dtype.kind not in "iuf":
        raise TableError(f"{path}: not an array of numbers but of {array.dtype}")
    where = "the array"
    if array.ndim == 2:
        index = _column_index(path, [str(i + 1) for i in range(array.shape[1])], column, named=False)
        array, where = array[:, index], f"column {index + 1}"
    if array.ndim != 1:
        raise TableError(f"{path}: an array of shape {array.shape} is not a column")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise TableError(f"{path}, {where}: {array[bad[0]]} at index {bad[0]} is not a finite number")
    return array.astype(np.float64), where


def _read_csv(path: Path, column: str | None) -> tuple[np.ndarray, str]:
    # Spreadsheets begin a file with a byte order mark, which is no part of the first cell.
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as handle:
        rows = _rows(csv.reader(handle))
        first = next(rows, None)
        if first is None:
            raise TableError(f"{path}: the file is empty")
        line, cells = first
        named = not all(_is_number(cell) for cell in cells)
        names = [cell.strip() for cell in cells] if named else [str(i + 1) for i in range(len(cells))]
        index = _column_index(path, names, column, named)
        where = f"column {names[index]!r}" if named else f"column {index + 1}"
        values = [] if named else [_number(path, line, where, cells, index)]
        values.extend(_number(path, line, where, cells, index) for line, cells in rows)
    return np.array(values, np.float64), where


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, without blank lines."""
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells  # type: ignore[attr-defined]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(path: Path, line: int, where: str, cells: list[str], index: int) -> float:
    place = f"{path}, line {line}, {where}"
    if index >= len(cells) or not cells[index].strip():
        raise TableError(f"{place}: no value")
    if not _is_number(cells[index]):
        raise TableError(f"{place}: {cells[index].strip()!r} is not a number")
    if not math.isfinite(value := float(cells[index])):
        raise TableError(f"{place}: {cells[index].strip()} is not a finite number")
    return value


def _column_index(path: Path, names: list[str], column: str | None, named: bool) -> int:
    if column is None:
        if len(names) == 1:
            return 0
        raise TableError(f"{path}: {len(names)} columns ({', '.join(names)}); say which with --column")
    if column in names:
        return names.index(column)
    if column.isdecimal() and 1 <= int(column) <= len(names):
        return int(column) - 1
    kind = "columns are" if named else "columns have no names and are numbered"
    raise TableError(f"{path}: no column {column!r}; the {kind} {', '.join(names)}")
