"""Tables of numbers in text: what is plain is read many lines at a time, everything else a cell at a time.

The careful reader alone decides what is malformed, and says where. It begins every table, because it knows headers and
comments, and goes on from the first lines that are not plain.
"""

import array
import csv
import io
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from .cells import (
    DELIMITERS,
    almost_number,
    check_no_point,
    is_comment,
    is_missing,
    is_number,
    mismatch,
    number,
    shown,
    with_point,
)
from .plain import Plain, Shape, plain_numbers, whole_lines
from .table import Column, TableError, column_index

__all__ = ["read_text"]

MARK = "\ufeff".encode()
"""A byte order mark, with which spreadsheets begin a file; it is no part of the first cell."""


def read_text(
    file: str,
    pieces: Iterator[bytes],
    columns: Sequence[str | None],
    delimiter: str | None,
    drop: bool,
    label: str | None = None,
    ends: Collection[int] = (),
    comma: bool = False,
) -> list[Column]:
    """Read columns of finite numbers from text.

    Args:
        file: its name, for messages.
        pieces: its bytes.
        columns: names from the header, or numbers from 1; None where there is one column.
        delimiter: what stands between cells, by its name or itself; None for what the first lines show.
        drop: whether to leave out rows in which a value is missing, rather than refuse them.
        label: a column of text, such as the group of each row, that is read besides; a cell at a time.
        ends: the places in `columns` of those that may hold `inf`.
        comma: whether numbers have a decimal comma.

    Raises:
        TableError: it is no such table; the message names the file, the line and the column of the first thing that is
            malformed.
    """
    lines = _Lines(file, whole_lines(pieces))
    separator = _separator(file, lines.first(2), delimiter, comma)
    rows = _Rows(file, lines, separator)
    table, first = _begin(file, rows, columns, label, ends, comma)
    shape = Shape(separator, table.width, table.chosen, comma)
    for line, cells in first:
        table.add_row(line, cells, separator, drop)
    for some in lines.unread():
        plain = plain_numbers(some, shape, drop) if label is None else None
        if plain is None:
            lines.read_again(some)
            break
        table.add_lines(lines.number, plain)
        lines.number += len(plain.kept)
    for line, cells in rows:
        table.add_row(line, cells, separator, drop)
    return table.columns()


class _Lines:
    """The lines of a file, counted, the last one remembered; those that are not text are refused."""

    def __init__(self, file: str, blocks: Iterator[bytes]):
        self.file, self.blocks, self.number, self.last = file, blocks, 0, ""
        self.text, self.ahead = io.StringIO(_decoded(next(blocks, b"").removeprefix(MARK)), newline=""), [""] * 0

    def first(self, count: int) -> list[str]:
        """Return the first lines that are neither blank nor comments; they are read again."""
        found: list[str] = []
        while len(found) < count and (line := self._next()):
            self.ahead.append(line)
            if line.strip() and not is_comment(line):
                found.append(line)
        return found

    def __iter__(self) -> Iterator[str]:
        while line := (self.ahead.pop(0) if self.ahead else self._next()):
            self.number += 1
            self.last = line
            if not line.isascii():
                self._check_encoding(line)
            elif "\0" in line:
                raise TableError(f"{self.file}, line {self.number}: a NUL character; this is not a file of text")
            yield line

    def unread(self) -> Iterator[bytes]:
        """Yield the lines that have not been read, many at a time."""
        rest = "".join((*self.ahead, self.text.read())).encode(errors="surrogateescape")
        self.ahead = []
        yield from filter(None, itertools.chain([rest], self.blocks))

    def read_again(self, lines: bytes) -> None:
        """Read the lines again that `unread` has just yielded."""
        self.text = io.StringIO(_decoded(lines), newline="")

    def _next(self) -> str:
        while not (line := self.text.readline()):
            block = next(self.blocks, None)
            if block is None:
                return ""
            self.text = io.StringIO(_decoded(block), newline="")
        return line

    def _check_encoding(self, line: str) -> None:
        try:
            line.encode()
        except UnicodeEncodeError as error:
            byte = ord(line[error.start]) & 0xFF
            raise TableError(
                f"{self.file}, line {self.number}: not UTF-8 text (byte 0x{byte:02x}); save the file as UTF-8"
            ) from None


def _decoded(lines: bytes) -> str:
    # Bytes that are not UTF-8 become lone surrogates, which `_Lines` finds: so the line is known.
    return lines.decode(errors="surrogateescape")


def _separator(file: str, first: list[str], delimiter: str | None, comma: bool) -> str:
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
    possible = ";\t" if comma else ",;\t"
    agreed = [character for character in possible if _agree(first, character)]
    if len(agreed) > 1:
        names = " and ".join(DELIMITERS[character] for character in agreed)
        decimal = "; --decimal comma reads decimal commas" if "," in agreed else ""
        raise TableError(f"{file}: the first lines may be cut at {names}; say which with --delimiter{decimal}")
    return agreed[0] if agreed else possible[0]


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
    file: str, rows: Iterator[tuple[int, list[str]]], column: str | None, is_data: Callable[[str], bool]
) -> tuple[list[str] | None, int, list[str]]:
    """Return the names of the columns where a comment holds them, and the first row; comments before it are left out.

    A comment holds names where the row below it has as many cells and is of numbers, or the column is one of them.
    """
    comment: list[str] = []
    for line, cells in rows:
        if is_comment(cells[0]):
            comment = [cells[0].lstrip("#").strip() or cells[0], *map(str.strip, cells[1:])]
        elif len(comment) != len(cells) or not any(map(is_data, cells)):
            return None, line, cells
        elif all(map(is_data, cells)) or column in comment:
            return comment, line, cells
        else:
            raise TableError(
                f"{file}, line {line}: the first row, or the names of the columns? The comment above it has as many "
                "cells. Remove the comment, or its #"
            )
    return None, 0, []


class _Table:
    """The numbers of a table that have been read, and where they stand."""

    def __init__(
        self,
        file: str,
        width: int,
        chosen: Sequence[int],
        names: Sequence[str],
        named: bool,
        label: int | None,
        ends: Collection[int],
        comma: bool,
    ):
        self.comma = comma
        self.file, self.width, self.chosen, self.names, self.named = file, width, tuple(chosen), names, named
        self.label, self.labels = label, [""] * 0
        self.infinite = [i in ends for i in range(len(self.chosen))]
        self.values = [array.array("d") for _ in chosen]
        self.starts: list[int] = []  # indices from which on lines follow each other
        self.lines: list[int] = []  # the line of each of these
        self.last, self.dropped = -1, 0

    def add_row(self, line: int, cells: list[str], separator: str, drop: bool) -> None:
        """Read a row, and check that it has as many cells as the first."""
        if len(cells) != self.width:
            raise TableError(f"{self.file}, line {line}: {mismatch(cells, self.width, separator, self.named)}")
        needed = self.chosen if self.label is None else (*self.chosen, self.label)
        if drop and any(is_missing(cells[index]) for index in needed):
            self.dropped += 1
            return
        if self.label is not None:
            if is_missing(cells[self.label]):
                raise TableError(
                    f"{self.file}, line {line}: no label in column {self.label + 1}; --missing drop leaves such out"
                )
            self.labels.append(cells[self.label].strip())
        if line != self.last + 1:
            self.starts.append(len(self.values[0]))
            self.lines.append(line)
        self.last = line
        for index, name, values, infinite in zip(self.chosen, self.names, self.values, self.infinite, strict=True):
            try:
                cell = cells[index]
                if self.comma:
                    check_no_point(cell)
                    cell = with_point(cell)
                values.append(number(cell, separator, infinite))
            except ValueError as error:
                raise TableError(f"{self.file}, line {line}, {name}: {error}") from None

    def add_lines(self, before: int, plain: Plain) -> None:
        """Add lines that are a row each, after so many others."""
        lines = np.flatnonzero(plain.kept) + before + 1
        self.dropped += len(plain.kept) - len(lines)
        begin = np.flatnonzero(np.diff(lines, prepend=self.last) != 1)
        self.starts += (begin + len(self.values[0])).tolist()
        self.lines += lines[begin].tolist()
        self.last = int(lines[-1]) if len(lines) else self.last
        for values, more in zip(self.values, plain.values, strict=True):
            values.frombytes(more.tobytes())

    def columns(self) -> list[Column]:
        """Return what has been read."""
        where = {"starts": tuple(self.starts), "lines": tuple(self.lines)}
        labels = None if self.label is None else _in_type(self.labels)
        read = {"header": self.named, "dropped": self.dropped, "labels": labels}
        return [
            Column(np.array(values, np.float64), self.file, name, **where, **read)
            for values, name in zip(self.values, self.names, strict=True)
        ]


def _in_type(labels: list[str]) -> np.ndarray:
    """Return labels as whole numbers where each is one, and is written as such; otherwise as text."""
    found = np.array(labels, str)
    if labels and all(label.isascii() and label.isdigit() and len(label) < 19 for label in labels):
        numbers = found.astype(np.int64)
        return numbers if np.array_equal(numbers.astype(str), found) else found  # "007" is not 7
    return found


def _begin(
    file: str, rows: _Rows, columns: Sequence[str | None], label: str | None, ends: Collection[int], comma: bool
) -> tuple[_Table, list[tuple[int, list[str]]]]:
    """Find the columns at the beginning of a table; return it, and the row of numbers read to find them, if any."""
    separator, column = rows.separator, columns[0]

    def is_data(cell: str) -> bool:
        return is_number(with_point(cell) if comma else cell)

    names, begin, first = _beginning(file, iter(rows), column, is_data)
    if not first:
        raise TableError(f"{file}: the file is empty")
    if first[0].lower().startswith("sep="):
        raise TableError(f"{file}, line {begin}: {shown(first[0])} tells a spreadsheet where to cut cells; remove it")
    data = names is not None or all(map(is_data, first))  # whether the first row is, and no header
    named = names is not None or not data
    names = [cell.strip() for cell in names or first] if named else [str(i + 1) for i in range(len(first))]
    if not named and column is None and separator == "," and len(first) > 1:
        raise TableError(
            f"{file}: {len(first)} cells in a line, and no header. Where that is a decimal comma, --decimal comma "
            f"reads it; where these are columns, say which with --column, a number from 1 to {len(first)}"
        )
    chosen = [column_index(file, names, column, named) for column in columns]
    where = [f"column {shown(names[index])}" if named else f"column {index + 1}" for index in chosen]
    for index, column in zip(chosen, columns, strict=True):
        if named:
            _check_name(file, begin, names[index], column, len(first) == 1, comma)
    by = None if label is None else column_index(file, names, label, named)
    return _Table(file, len(first), chosen, where, named, by, ends, comma), [(begin, first)] if data else []


def _check_name(file: str, line: int, name: str, column: str | None, alone: bool, comma: bool) -> None:
    """Refuse a first line that may be a header or data: to take the one for the other would lose a number."""
    if comma and is_number(name) and column != name:
        try:
            check_no_point(name)
        except ValueError as error:
            raise TableError(f"{file}, line {line}: {error}") from None
    if is_number(name) and column != name:
        raise TableError(
            f"{file}, line {line}: {name} may be a number or the name of a column; add a header, or choose the column "
            f"by that name (--column {name})"
        )
    if almost_number(name) and (name or alone):
        raise TableError(f"{file}, line {line}: {shown(name)} is neither a number nor the name of a column")
