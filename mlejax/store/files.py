"""Files that are whole or not there, also after a power cut, and that no link leads out of the result directory."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..checks import InputValueError

PART = ".{}.part"
"""What a file is called while it is written."""


class StoreError(InputValueError):
    """A result directory cannot be used as asked; the message says why and what to do."""


def write_whole(root: Path, name: str, content: bytes) -> None:
    """Write a file atomically and durably: a temporary file, fsync, rename, fsync of the directory.

    Args:
        root: the result directory.
        name: of the file, relative to it; folders in between are made.
        content: of the file.

    Raises:
        StoreError: a folder in between is a link.
        OSError: it cannot be written; no part of it is left.
    """
    folder, file = make_folder(root, Path(name).parent), root / name
    aside = folder / PART.format(file.name)
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()  # of a process that was killed; where it is a link, the link itself
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(descriptor, "wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        if file.is_dir() and not file.is_symlink():
            file.rmdir()  # fails where anything is in it
        os.replace(aside, file)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()  # room on a disk that is full
        raise
    flush_folder(folder)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Let a file be written under another name beside it; where the block succeeds it becomes the file.

    Args:
        path: the file, which is there whole or not at all. A device or a pipe is written as it is.

    Yields:
        The name to write under.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        yield path
        return
    aside = path.with_name(PART.format(path.name))
    try:
        yield aside
        with open(aside, "rb") as part:
            os.fsync(part.fileno())
        os.replace(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def make_folder(root: Path, below: Path) -> Path:
    """Make the folders between the root and a file, none of which may be a link.

    Args:
        root: the result directory.
        below: the folder, relative to it.

    Returns:
        The folder.

    Raises:
        StoreError: one of them is a link, which would lead the results elsewhere.
    """
    folder = root
    for part in below.parts:
        folder = folder / part
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        if folder.is_symlink():
            raise StoreError(f"{folder} is a link; results are not written through links. Remove it.")
    return folder


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_whole(file: Path) -> bytes | None:
    """Read a regular file.

    Args:
        file: which; a link is none.

    Returns:
        Its bytes; None where there is none, or something else than a file.
    """
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as handle:
            return handle.read() if stat.S_ISREG(os.fstat(handle.fileno()).st_mode) else None
    except OSError:
        return None


def remove_parts(root: Path, names: list[str]) -> None:
    """Remove what processes that were killed left half written.

    Args:
        root: the result directory.
        names: its arrays; nothing else is looked at.
    """
    folders = [root, *(Path(folder) for name in names for folder, _, _ in os.walk(root / name))]
    for folder in folders:
        for part in folder.glob(PART.format("*")):
            if part.name[1:-5].isdigit() or part.name == PART.format("zarr.json"):
                part.unlink(missing_ok=True)
