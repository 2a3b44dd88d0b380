"""Columns of numbers from files: every cell is checked, and the first that is malformed is named with its line."""

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from .cells import DELIMITERS, almost_number, is_comment, is_missing, is_number, mismatch, number, shown
from .table import Column, TableError, column_index

__all__ = ["Column", "TableError", "read_column", "read_columns"]

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


def read_column(file: str, column: str | None = None, delimiter: str | None = None) -> Column:
    """Read one column of finite numbers: at least two, not all equal; see `read_columns`."""
    (found,) = read_columns(file, [column], delimiter)
    values, name = found.values, "standard input" if file == "-" else file
    if len(values) == 1:
        raise TableError(f"{name}: one number in {found.name}; an estimate needs at least two")
    if np.all(values == values[0]):
        raise TableError(
            f"{name}: all {len(values)} numbers in {found.name} equal {values[0]:g}; there is nothing to estimate"
        )
    return found


def read_columns(
    file: str, columns: Sequence[str | None], delimiter: str | None = None, drop: bool = False
) -> list[Column]:
    """Read columns of finite numbers, at least one in each.

    Args:
        file: a .csv, .tsv or other text file (also with .gz), a .npy file, or `-` for text on standard input.
        columns: names from the header, or numbers from 1; None where there is one column.
        delimiter: what stands between cells: comma, semicolon, tab or pipe, or the character itself; by default what
            the first lines show.
        drop: whether to leave out rows in which a value is missing, such as NA, rather than refuse them.

    Returns:
        The columns; `.values` holds the numbers, (n,) float64, and `.place(index)` says where one of them stands.

    Raises:
        TableError: the file is not such a table; the message names the file, the line and the column of the first
            thing that is malformed.
    """
    path, name = Path(file), "standard input" if file == "-" else file
    try:
        if other := next((end for end in _OTHERS if file.lower().removesuffix(".gz").endswith(end)), None):
            raise TableError(f"{name}: {other} files are not read; give a .csv, .tsv, .txt (also .gz) or .npy file")
        npy = path.suffix.lower() == ".npy"
        found = _read_npy(path, columns, drop) if npy else _read_text(file, name, columns, delimiter, drop)
    except FileNotFoundError:
        raise TableError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise TableError(f"{name}: is a directory, not a file of numbers") from None
    except PermissionError:
        raise TableError(f"{name}: may not be read (permission denied)") from None
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{name}: cannot be read: {error}") from None
    if len(found[0].values) == 0:
        raise TableError(f"{name}: no numbers in {found[0].name}")
    return found


def _read_npy(path: Path, columns: Sequence[str | None], drop: bool) -> list[Column]:
    try:
        with open(path, "rb") as handle:
            array = np.load(handle, allow_pickle=False)
    except ValueError as error:
        raise TableError(f"{path}: not an array of numbers: {error}") from None
    if not isinstance(array, np.ndarray):
        raise TableError(f"{path}: not an array of numbers but an archive of several")
    if array.dtype.kind not in "iuf":
        raise TableError(f"{path}: not an array of numbers but of {array.dtype}")
    chosen = [_of_array(path, array, column) for column in columns]
    known = np.all([np.isfinite(found.values) for found in chosen], axis=0) if drop else np.ones(len(array), bool)
    for found in chosen:
        bad = np.flatnonzero(~np.isfinite(found.values) & known)
        if len(bad):
            raise TableError(f"{path}, {found.name}: {found.values[bad[0]]} at index {bad[0]} is not a finite number")
    dropped = int(np.count_nonzero(~known))
    return [dataclasses.replace(found, values=found.values[known], dropped=dropped) for found in chosen]


def _of_array(path: Path, array: np.ndarray, column: str | None) -> Column:
    where = "the array"
    if array.ndim == 2:
        index = column_index(str(path), [str(i + 1) for i in range(array.shape[1])], column, named=False)
        array, where = array[:, index], f"column {index + 1}"
    if array.ndim != 1:
        raise TableError(f"{path}: an array of shape {array.shape} is not a column")
    if column not in (None, "1") and where == "the array":
        raise TableError(f"{path}: no column {shown(str(column))}; the array is one column without a name")
    return Column(array.astype(np.float64), str(path), where)


# Text -----------------------------------------------------------------------------------------------------------------


def _read_text(file: str, name: str, columns: Sequence[str | None], delimiter: str | None, drop: bool) -> list[Column]:
    with _opened(file, name) as handle:
        # Spreadsheets begin a file with a byte order mark, which is no part of the first cell. Bytes that are not UTF-8
        # become lone surrogates, which `_Lines` finds: so the line is known.
        text = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="")
        lines = _Lines(name, text)
        separator = _separator(name, lines.first(2), delimiter)
        return _columns(name, _Rows(name, lines, separator), columns, drop)


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


def _columns(file: str, rows: _Rows, columns: Sequence[str | None], drop: bool) -> list[Column]:
    """Read the numbers of some columns, and check that every row has as many cells as the first."""
    separator, remaining, column = rows.separator, iter(rows), columns[0]
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
    chosen = [column_index(file, names, column, named) for column in columns]
    where = [f"column {shown(names[index])}" if named else f"column {index + 1}" for index in chosen]
    for index, column in zip(chosen, columns, strict=True):
        if named:
            _check_name(file, begin, names[index], column, alone=len(first) == 1)
    values: list[list[float]] = [[] for _ in chosen]
    starts: list[int] = []
    lines: list[int] = []
    expected = dropped = 0
    for line, cells in itertools.chain([(begin, first)] if data else [], remaining):
        if len(cells) != len(first):
            raise TableError(f"{file}, line {line}: {mismatch(len(cells), len(first), separator, named)}")
        if drop and any(is_missing(cells[index]) for index in chosen):
            dropped += 1
            continue
        if line != expected:
            starts.append(len(values[0]))
            lines.append(line)
        for which, index in enumerate(chosen):
            try:
                values[which].append(number(cells[index], separator))
            except ValueError as error:
                raise TableError(f"{file}, line {line}, {where[which]}: {error}") from None
        expected = line + 1
    return [
        Column(np.array(each, np.float64), file, name, tuple(starts), tuple(lines), header=named, dropped=dropped)
        for each, name in zip(values, where, strict=True)
    ]


def _check_name(file: str, line: int, name: str, column: str | None, alone: bool) -> None:
    """Refuse a first line that may be a header or data: to take the one for the other would lose a number."""
    if is_number(name) and column != name:
        raise TableError(
            f"{file}, line {line}: {name} may be a number or the name of a column; add a header, or choose the column "
            f"by that name (--column {name})"
        )
    if almost_number(name) and (name or alone):
        raise TableError(f"{file}, line {line}: {shown(name)} is neither a number nor the name of a column")
