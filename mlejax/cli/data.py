"""The numbers that a command line names: read, checked, and said where they are from."""

import argparse
from collections.abc import Collection, Sequence

from ..models.base import Model
from ..samples.files import Column, read_column, read_columns
from ..samples.observations import check_support


def column_of(options: argparse.Namespace, progress: bool = False, label: str | None = None) -> Column:
    """Return the column of numbers that these options name, and the labels of its rows where a column has these."""
    if label is not None:
        return columns_of(options, [options.column], progress, label)[0]
    drop = options.missing == "drop"
    comma = options.decimal == "comma"
    return read_column(options.file, options.column, options.delimiter, drop=drop, progress=progress, comma=comma)


def columns_of(
    options: argparse.Namespace,
    names: Sequence[str | None],
    progress: bool = False,
    label: str | None = None,
    ends: Collection[int] = (),
) -> list[Column]:
    """Return columns of the file that these options name, which lack the same rows; with the labels of these.

    Those at the places `ends` may hold `inf`.
    """
    drop = options.missing == "drop"
    comma = options.decimal == "comma"
    return read_columns(options.file, names, options.delimiter, drop, progress, label, ends, comma)


def read_from(column: Column) -> str:
    """Return how many observations were read, from where, and what was made of the file."""
    header = "" if column.header else ", which has no header: its first line is read as data"
    return f"{len(column.values):,} observations from {column.file}{header}{left_out(column)}\n"


def left_out(column: Column) -> str:
    """Return how many rows of the file were left out, after a semicolon; nothing where none were."""
    rows = f"; {column.dropped} row{'s' * (column.dropped > 1)} with a missing value left out"
    return rows if column.dropped else ""


def check_density(start: Model, column: Column) -> None:
    """Refuse a column with a number that the start gives no density, naming its line. Devices have been started."""
    check_support(start, column.values, place=lambda index: f"in {column.place(index)}")
