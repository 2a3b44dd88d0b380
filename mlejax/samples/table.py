"""What is read of a table: a column of numbers, and the error that says where a file is none."""

import bisect
import dataclasses
import re

import numpy as np

from ..checks import InputValueError
from .cells import DELIMITERS, listed, shown


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
    dropped: int = 0  # rows that were left out, where a value is missing
    labels: np.ndarray | None = None  # (n,) of the rows, where a column of labels was asked for

    def place(self, index: int) -> str:
        """Return where the value with this index stands, such as "heights.csv, line 7, column 'cm'"."""
        if not self.starts:
            return f"{self.file}, {self.name}, index {index}"
        run = bisect.bisect_right(self.starts, index) - 1
        return f"{self.file}, line {self.lines[run] + index - self.starts[run]}, {self.name}"


def column_index(file: str, names: list[str], column: str | None, named: bool) -> int:
    """Return which of the columns of a file is meant.

    Args:
        file: its name, for the message.
        names: of its columns; their numbers where they have none.
        column: a name, or a number from 1; None where there is one column.
        named: whether they have names.

    Raises:
        TableError: there is no such column, or more than one.
    """
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
    uncut = next((name for mark, name in DELIMITERS.items() if len(names) == 1 and mark in names[0]), None)
    cut = "" if uncut is None else f"; are cells cut at the {uncut}? --delimiter says so"
    raise TableError(f"{file}: no column {shown(column)}; the {kind} {listed(names)}{cut}")
