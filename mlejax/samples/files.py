"""Columns of numbers from files: every cell is checked, and the first that is malformed is named with its line."""

import contextlib
import gzip
import os
import sys
import zlib
from collections.abc import Collection, Generator, Sequence

import numpy as np

from ..progress import Progress
from .arrays import read_arrays, read_parquet
from .table import Column, TableError
from .text import read_text

__all__ = ["Column", "TableError", "read_column", "read_columns"]

SNIFFED = 1 << 16
"""Bytes at the beginning of a file from which its kind is told."""

PIECE = 1 << 17
"""Bytes that are read and parsed at a time."""

LARGE = 1 << 25
"""Bytes from which on it is shown how much of a file has been read."""

_KINDS = {
    b"PK\x03\x04": "a ZIP archive (a spreadsheet, or several arrays)",
    b"\x1f\x8b": "compressed by gzip; decompress it, or let its name end in .gz",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"\x93NUMPY": "a NumPy array; let its name end in .npy",
    b"PAR1": "a Parquet file; let its name end in .parquet",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}
"""First bytes of files that are no tables of text."""

_OTHERS = (
    *(".json", ".jsonl", ".xls", ".xlsx", ".ods", ".feather", ".arrow", ".h5", ".hdf5", ".nc", ".pkl", ".pickle"),
    *(".mat", ".sav", ".dta", ".rds", ".zip", ".xz", ".bz2", ".zst", ".7z", ".tar", ".html", ".xml", ".yaml", ".yml"),
    *(".pdf", ".png", ".jpg", ".npy.gz", ".npz.gz", ".parquet.gz"),
)
"""Endings of the names of files that are no tables of text either."""


def read_column(
    file: str,
    column: str | None = None,
    delimiter: str | None = None,
    *,
    drop: bool = False,
    progress: bool = False,
    comma: bool = False,
) -> Column:
    """Read one column of finite numbers: at least two, not all equal; see `read_columns`."""
    (found,) = read_columns(file, [column], delimiter, drop, progress, comma=comma)
    values, name = found.values, "standard input" if file == "-" else file
    if len(values) == 1:
        raise TableError(f"{name}: one number in {found.name}; an estimate needs at least two")
    if np.all(values == values[0]):
        raise TableError(
            f"{name}: all {len(values)} numbers in {found.name} equal {values[0]:g}; there is nothing to estimate"
        )
    return found


def read_columns(
    file: str,
    columns: Sequence[str | None],
    delimiter: str | None = None,
    drop: bool = False,
    progress: bool = False,
    label: str | None = None,
    ends: Collection[int] = (),
    comma: bool = False,
) -> list[Column]:
    """Read columns of finite numbers, at least one in each.

    Args:
        file: a .csv, .tsv or other text file (also with .gz), a .npy, .npz or .parquet file, or `-` for text on
            standard input.
        columns: names from the header, or numbers from 1; None where there is one column.
        delimiter: what stands between cells of text: comma, semicolon, tab or pipe, or the character itself; by default
            what the first lines show.
        drop: whether to leave out rows in which a value is missing, such as NA, rather than refuse them.
        progress: whether to show on standard error how much of a large file has been read.
        label: a column of text besides, such as the group of each row; only text files have one.
        ends: the places in `columns` of those that may hold infinite numbers: upper ends that are not known.
        comma: whether numbers in text have a decimal comma: 3,14. Then the first lines show no comma between cells.

    Returns:
        The columns; `.values` holds the numbers, (n,) float64, `.place(index)` says where one of them stands, and
        `.labels` are those of the rows.

    Raises:
        TableError: the file is not such a table; the message names the file, the line and the column of the first
            thing that is malformed.
    """
    name = "standard input" if file == "-" else file
    ending = os.path.splitext(file.lower())[1]
    try:
        if other := next((end for end in _OTHERS if file.lower().removesuffix(".gz").endswith(end)), None):
            raise TableError(
                f"{name}: {other} files are not read; give a .csv, .tsv, .txt (also .gz), .npy, .npz or .parquet file"
            )
        if label is not None and ending in (".npy", ".npz", ".parquet", ".pq"):
            raise TableError(f"{name}: labels are read from text, such as a .csv file, alone")
        if ending in (".npy", ".npz"):
            found = read_arrays(file, columns, drop, ends)
        elif ending in (".parquet", ".pq"):
            found = read_parquet(file, columns, drop, ends)
        else:
            with contextlib.closing(_pieces(file, name, progress)) as pieces:
                found = read_text(name, pieces, columns, delimiter, drop, label, ends, comma)
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


def _pieces(file: str, name: str, progress: bool) -> Generator[bytes]:
    """Yield the bytes of a file of text in pieces, after a look at the first."""
    with contextlib.ExitStack() as closing:
        raw = sys.stdin.buffer if file == "-" else closing.enter_context(open(file, "rb"))
        size = 0 if file == "-" else os.fstat(raw.fileno()).st_size
        compressed = file.lower().endswith(".gz")
        handle = closing.enter_context(gzip.GzipFile(fileobj=raw)) if compressed else raw
        told = closing.enter_context(Progress(progress and size >= LARGE))
        told.read(size)
        piece = handle.read(PIECE)
        kind = next((kind for magic, kind in _KINDS.items() if piece.startswith(magic)), None)
        if kind is None and b"\0" in piece[:SNIFFED]:
            kind = "UTF-16 text or a binary file; save it as UTF-8 text"
        if kind is not None:
            raise TableError(f"{name}: not a table of text but {kind}")
        while piece:
            yield piece
            if told.enabled:
                told.bytes_read(raw.tell())
            piece = handle.read(PIECE)
