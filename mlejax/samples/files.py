"""Columns of numbers from files: every cell is checked, and the first that is malformed is named with its line."""

import bisect
import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ..checks import InputValueError
from .cells import DELIMITERS, almost_number, is_comment, is_number, listed, number, shown

SNIFFED = 1 << 16
"""Bytes at the beginning of a file from which its kind is told."""

_KINDS = {
    b"PK\x03\x04": "a ZIP archive (a spreadsheet, or several arrays)",
    b"\x1f\x8b": "compressed by gzip; decompress it, or let its name end in .gz",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"\x93NUMPY": "a NumPy array; let its name end in .npy",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}
"""First bytes of files that are no tables of text."""

_OTHERS = (
    *(".json", ".jsonl", ".xls", ".xlsx", ".ods", ".parquet", ".feather", ".arrow", ".h5", ".hdf5", ".nc", ".npz"),
    *(".pkl", ".pickle", ".mat", ".sav", ".dta", ".rds", ".zip", ".xz", ".bz2", ".zst", ".7z", ".tar", ".html"),
    *(".xml", ".yaml", ".yml", ".pdf", ".png", ".jpg"),
)
"""Endings of the names of files that are no tables of text either."""


class TableError(InputValueError):
    """A file that is not a table of numbers; the message names the file, the line and the column."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of numbers, and where each of them stands in its file."""

    values: np.ndarray  # (n,) finite float64
    file: str
    name: str  # in words, such as "column 'cm'"
    starts: tuple[int, ...] = ()  # indices from which on lines follow each other; none in an array
    lines: tuple[int, ...] = ()  # the line of each of these
    header: bool = True  # whether its name is known; otherwise the first line was read as data

    def place(self, index: int) -> str:
        """Return where the value with this index stands, such as "heights.csv, line 7, column 'cm'"."""
        if not self.starts:
            return f"{self.file}, {self.name}, index {index}"
        run = bisect.bisect_right(self.starts, index) - 1
        return f"{self.file}, line {self.lines[run] + index - self.starts[run]}, {self.name}"


def read_column(file: str, column: str | None = None, delimiter: str | None = None) -> Column:
    """Read one column of finite numbers: at least two, not all equal.

    Args:
        file: a .csv, .tsv or other text file (also with .gz), a .npy file, or `-` for text on standard input.
        column: a name from the header, or a number from 1; not needed when there is one column.
        delimiter: what stands between cells: comma, semicolon, tab or pipe, or the character itself; by default what
            the first lines show.

    Returns:
        The column; `.values` holds the numbers, (n,) float64, and `.place(index)` says where one of them stands.

    Raises:
        TableError: the file is not such a table; the message names the file, the line and the column of the first
            thing that is malformed.
    """
    path, name = Path(file), "standard input" if file == "-" else file
    try:
        if other := next((end for end in _OTHERS if file.lower().removesuffix(".gz").endswith(end)), None):
            raise TableError(f"{name}: {other} files are not read; give a .csv, .tsv, .txt (also .gz) or .npy file")
        found = _read_npy(path, column) if path.suffix.lower() == ".npy" else _read_text(file, name, column, delimiter)
    except FileNotFoundError:
        raise TableError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise TableError(f"{name}: is a directory, not a file of numbers") from None
    except PermissionError:
        raise TableError(f"{name}: may not be read (permission denied)") from None
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{name}: cannot be read: {error}") from None
    values = found.values
    if len(values) == 0:
        raise TableError(f"{name}: no numbers in {found.name}")
    if len(values) == 1:
        raise TableError(f"{name}: one number in {found.name}; an estimate needs at least two")
    if np.all(values == values[0]):
        raise TableError(
            f"{name}: all {len(values)} numbers in {found.name} equal {values[0]:g}; there is nothing to estimate"
        )
    return found


def _read_npy(path: Path, column: str | None) -> Column:
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
        index = _column_index(str(path), [str(i + 1) for i in range(array.shape[1])], column, named=False)
        array, where = array[:, index], f"column {index + 1}"
    if array.ndim != 1:
        raise TableError(f"{path}: an array of shape {array.shape} is not a column")
    if column not in (None, "1") and where == "the array":
        raise TableError(f"{path}: no column {shown(str(column))}; the array is one column without a name")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise TableError(f"{path}, {where}: {array[bad[0]]} at index {bad[0]} is not a finite number")
    return Column(array.astype(np.float64), str(path), where)


# Text -----------------------------------------------------------------------------------------------------------------


def _read_text(file: str, name: str, column: str | None, delimiter: str | None) -> Column:
    with _opened(file, name) as handle:
        # Spreadsheets begin a file with a byte order mark, which is no part of the first cell. Bytes that are not UTF-8
        # become lone surrogates, which `_Lines` finds: so the line is known.
        text = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="")
        lines = _Lines(name, text)
        separator = _separator(name, lines.first(2), delimiter)
        return _column(name, _Rows(name, lines, separator), column)


@contextlib.contextmanager
def _opened(file: str, name: str) -> Iterator[io.BufferedReader]:
    """Open a file for its bytes, after a look at the first of them."""
    with contextlib.ExitStack() as closing:
        if file == "-":
            raw: IO[bytes] | gzip.GzipFile = sys.stdin.buffer
        else:
            raw = closing.enter_context(open(file, "rb"))
            if file.lower().endswith(".gz"):
                raw = closing.enter_context(gzip.GzipFile(fileobj=raw))
        handle = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw, SNIFFED)  # type: ignore[arg-type]
        head = handle.peek(SNIFFED)
        kind = next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)
        if kind is None and b"\0" in head:
            kind = "UTF-16 text or a binary file; save it as UTF-8 text"
        if kind is not None:
            raise TableError(f"{name}: not a table of text but {kind}")
        yield handle


class _Lines:
    """The lines of a file, counted, the last one remembered; those that are not text are refused."""

    def __init__(self, file: str, text: Iterator[str]):
        self.file, self.text, self.number, self.last, self.ahead = file, text, 0, "", [""] * 0

    def first(self, count: int) -> list[str]:
        """Return the first lines that are neither blank nor comments; they are read again."""
        found: list[str] = []
        while len(found) < count and (line := next(self.text, None)) is not None:
            self.ahead.append(line)
            if line.strip() and not is_comment(line):
                found.append(line)
        return found

    def __iter__(self) -> Iterator[str]:
        for ahead in (self.ahead, self.text):
            for line in ahead:
                self.number += 1
                self.last = line
                if not line.isascii():
                    self._check_encoding(line)
                elif "\0" in line:
                    raise TableError(f"{self.file}, line {self.number}: a NUL character; this is not a file of text")
                yield line

    def _check_encoding(self, line: str) -> None:
        try:
            line.encode()
        except UnicodeEncodeError as error:
            byte = ord(line[error.start]) & 0xFF
            raise TableError(
                f"{self.file}, line {self.number}: not UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8"
            ) from None


def _separator(file: str, first: list[str], delimiter: str | None) -> str:
    """Return the character between cells: the one that is asked for, or the one that the first two lines agree on."""
    if delimiter is not None:
        by_name = {name: character for character, name in DELIMITERS.items()}
        character = by_name.get(delimiter.lower(), "\t" if delimiter == "\\t" else delimiter)
        if character not in DELIMITERS:
            choices = ", ".join(DELIMITERS.values())
            raise TableError(f"--delimiter must be one of {choices}, or the character; got {shown(delimiter)}")
        return character
    if file.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    agreed = [character for character in ",;\t" if _agree(first, character)]
    if len(agreed) > 1:
        names = " and ".join(DELIMITERS[character] for character in agreed)
        raise TableError(f"{file}: the first lines may be cut at {names}; say which with --delimiter")
    return agreed[0] if agreed else ","


def _agree(lines: list[str], separator: str) -> bool:
    """Return whether a separator cuts all lines into as many cells, and into several."""
    try:
        counts = {len(next(csv.reader([line], delimiter=separator))) for line in lines}
    except csv.Error:  # which is met again, with its line, when all is read
        return False
    return len(counts) == 1 and counts != {1}


class _Rows:
    """The rows of a table: the number of its first line and the cells of each; lines that are blank are no rows."""

    def __init__(self, file: str, lines: _Lines, separator: str):
        self.file, self.lines, self.separator = file, lines, separator
        # Strict: a quote in the wrong place is an error, where the lenient reader would make another cell of two.
        self.reader = csv.reader(iter(lines), delimiter=separator, strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            line = self.lines.number + 1
            try:
                cells = next(self.reader, None)
            except csv.Error as error:
                raise TableError(f"{self.file}, line {line}: not a row of cells: {error}") from None
            if cells is None:
                return
            if len(cells) > 1 or (cells and (cells[0].strip() or self.lines.last.strip())):
                yield line, cells


def _beginning(
    file: str, rows: Iterator[tuple[int, list[str]]], column: str | None
) -> tuple[list[str] | None, int, list[str]]:
    """Return the names of the columns where a comment holds them, and the first row; comments before it are left out.

    A comment holds names where the row below it has as many cells and is of numbers, or the column is one of them.
    """
    comment: list[str] = []
    for line, cells in rows:
        if is_comment(cells[0]):
            comment = [cells[0].lstrip("#").strip() or cells[0], *map(str.strip, cells[1:])]
        elif len(comment) != len(cells) or not any(map(is_number, cells)):
            return None, line, cells
        elif all(map(is_number, cells)) or column in comment:
            return comment, line, cells
        else:
            raise TableError(
                f"{file}, line {line}: the first row, or the names of the columns? The comment above it has as many "
                "cells. Remove the comment, or its #"
            )
    return None, 0, []


def _column(file: str, rows: _Rows, column: str | None) -> Column:
    """Read the numbers of one column, and check that every row has as many cells as the first."""
    separator, remaining = rows.separator, iter(rows)
    names, begin, first = _beginning(file, remaining, column)
    if not first:
        raise TableError(f"{file}: the file is empty")
    data = names is not None or all(map(is_number, first))  # whether the first row is, and no header
    named = names is not None or not data
    names = [cell.strip() for cell in names or first] if named else [str(i + 1) for i in range(len(first))]
    if not named and column is None and separator == "," and len(first) > 1:
        raise TableError(
            f"{file}: {len(first)} cells in a line, and no header. Where that is a decimal comma, write points; where "
            f"these are columns, say which with --column, a number from 1 to {len(first)}"
        )
    index = _column_index(file, names, column, named)
    where = f"column {shown(names[index])}" if named else f"column {index + 1}"
    if named:
        _check_name(file, begin, names[index], column, alone=len(first) == 1)
    values: list[float] = []
    starts: list[int] = []
    lines: list[int] = []
    expected = 0
    for line, cells in itertools.chain([(begin, first)] if data else [], remaining):
        if len(cells) != len(first):
            raise TableError(f"{file}, line {line}: {_mismatch(len(cells), len(first), separator, named)}")
        if line != expected:
            starts.append(len(values))
            lines.append(line)
        try:
            values.append(number(cells[index], separator))
        except ValueError as error:
            raise TableError(f"{file}, line {line}, {where}: {error}") from None
        expected = line + 1
    return Column(np.array(values, np.float64), file, where, tuple(starts), tuple(lines), header=named)


def _mismatch(count: int, expected: int, separator: str, named: bool) -> str:
    """Return how a row differs from the first one."""
    found = f"{count} cell{'s' * (count != 1)} where the {'header' if named else 'first line'} has {expected}"
    if separator == "," and count == 2 * expected:
        return f"{found}; is this a decimal comma? write a point"
    return f"{found} (cells are cut at the {DELIMITERS[separator]}; --delimiter names another)"


def _check_name(file: str, line: int, name: str, column: str | None, alone: bool) -> None:
    """Refuse a first line that may be a header or data: to take the one for the other would lose a number."""
    if is_number(name) and column != name:
        raise TableError(
            f"{file}, line {line}: {name} may be a number or the name of a column; add a header, or choose the column "
            f"by that name (--column {name})"
        )
    if almost_number(name) and (name or alone):
        raise TableError(f"{file}, line {line}: {shown(name)} is neither a number nor the name of a column")


def _column_index(file: str, names: list[str], column: str | None, named: bool) -> int:
    if column is None:
        if len(names) == 1:
            return 0
        raise TableError(f"{file}: {len(names)} columns ({listed(names)}); say which with --column")
    if names.count(column) > 1:
        places = [str(i + 1) for i, name in enumerate(names) if name == column]
        raise TableError(
            f"{file}: columns {' and '.join(places[:2])} are both named {shown(column)}; give the number of the column"
        )
    if column in names:
        return names.index(column)
    if re.fullmatch("[0-9]{1,9}", column) and 1 <= int(column) <= len(names):
        return int(column) - 1
    kind = "columns are" if named else "columns have no names and are numbered"
    raise TableError(f"{file}: no column {shown(column)}; the {kind} {listed(names)}")
