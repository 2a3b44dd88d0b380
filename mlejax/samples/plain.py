"""Numbers from plain lines of text, many at a time.

Whatever is not plain is left to the careful reader, which alone knows what is wrong and where: so what is read here
has to be exactly what that reader would read.
"""

import csv
import dataclasses
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .cells import is_missing

IN_NUMBERS = b"0123456789+-.eE \t"
"""Bytes of numbers and spaces around them. Of what is made of these alone, `float` accepts what `cells.NUMBER` does."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What all lines of a table have in common."""

    separator: str
    width: int  # how many cells a line has
    chosen: tuple[int, ...]  # which of them are read
    comma: bool = False  # whether numbers have a decimal comma


@dataclasses.dataclass(frozen=True)
class Plain:
    """The numbers in some lines, of which each is a row."""

    values: tuple[np.ndarray, ...]  # one array for each column
    kept: np.ndarray  # (lines,) whether the line was kept; others lack a value


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut the bytes of a file at ends of lines.

    Args:
        pieces: the bytes as they are read.
    """
    ahead: list[bytes] = []
    for piece in pieces:
        # Where there is no line feed at all, lines may end in a carriage return; the last may be half of a line's end.
        end = piece.rfind(b"\n") + 1 or piece.rfind(b"\r", 0, -1) + 1
        if end:
            yield b"".join((*ahead, piece[:end]))
            ahead = []
        ahead.append(piece[end:])
    if any(ahead):
        yield b"".join(ahead)


def plain_numbers(lines: bytes, shape: Shape, drop: bool) -> Plain | None:
    """Read columns of numbers from lines; None where the careful reader has to look.

    Args:
        lines: whole ones; the last may lack its end.
        shape: of the table.
        drop: whether to leave out rows in which a value is missing.
    """
    lines = lines.replace(b"\r\n", b"\n")
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if b"\r" in lines or b"\0" in lines or not _is_text(lines):
        return None
    columns = _quoted_cells(lines, shape) if b'"' in lines else _cells(lines, shape)
    if columns is not None and shape.comma:
        columns = _with_points(columns)
    if columns is None:
        return None
    kept = np.ones(lines.count(b"\n"), bool)
    found = _numbers(columns)
    if found is None and drop:
        kept = ~_lacking(columns)
        found = _numbers([list(itertools.compress(column, kept)) for column in columns])
    return None if found is None else Plain(found, kept)


def _is_text(lines: bytes) -> bool:
    if lines.isascii():
        return True
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True


def _cells(lines: bytes, shape: Shape) -> list[list[bytes]] | None:
    """Return the cells of the columns that are read; None unless each line has as many as the first."""
    separator = shape.separator.encode()
    others = bytes(set(range(256)) - set(separator + b"\n"))
    if lines.translate(None, others) != (separator * (shape.width - 1) + b"\n") * lines.count(b"\n"):
        return None
    cells = lines.replace(b"\n", separator).split(separator)
    if len(lines) > csv.field_size_limit() and max(map(len, cells)) > csv.field_size_limit():
        return None
    return [cells[index : -1 : shape.width] for index in shape.chosen]


def _quoted_cells(lines: bytes, shape: Shape) -> list[list[bytes]] | None:
    """Do the same where cells are in quotes; None also where a cell has several lines."""
    text = io.StringIO(lines.decode(), newline="")
    try:
        rows = list(csv.reader(text, delimiter=shape.separator, strict=True))
    except csv.Error:
        return None
    if len(rows) != lines.count(b"\n") or set(map(len, rows)) != {shape.width}:
        return None
    return [[row[index].encode() for row in rows] for index in shape.chosen]


def _with_points(columns: Sequence[Sequence[bytes]]) -> list[list[bytes]] | None:
    """Return cells with points in place of commas; None where one has a point."""
    if any(b"." in b"".join(cells) for cells in columns):
        return None
    return [[cell.replace(b",", b".") for cell in cells] for cells in columns]


def _numbers(columns: Sequence[Sequence[bytes]]) -> tuple[np.ndarray, ...] | None:
    """Return finite numbers; None if anything else is among them."""
    found = []
    for cells in columns:
        if b"".join(cells).translate(None, IN_NUMBERS):
            return None
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            return None
        zeros = set(itertools.compress(cells, (values == 0).tolist()))
        if not np.all(np.isfinite(values)) or any(map(_is_too_small, zeros)):
            return None
        found.append(values)
    return tuple(found)


def _is_too_small(zero: bytes) -> bool:
    """Return whether a number that was read as 0 is none."""
    return bool(zero.lower().partition(b"e")[0].strip(b"+-.0 \t"))


def _lacking(columns: Sequence[Sequence[bytes]]) -> np.ndarray:
    """Return in which of the rows a value is missing."""
    missing = {cell for cell in set(itertools.chain.from_iterable(columns)) if is_missing(cell.decode())}
    lacks = [np.fromiter(map(missing.__contains__, cells), bool, len(cells)) for cells in columns]
    return np.any(lacks, axis=0)
