"""What a command has to say, and where it goes: checked before the work, written before a word is printed."""

import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class UsageError(Exception):
    """A command line that asks for what cannot be, or names a file that cannot be used."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command has to say."""

    text: str
    record: Callable[[], Mapping[str, Any]]  # the results for `--json`; called only where they are asked for
    status: int = 0  # the exit status
    complaint: str = ""  # one line for standard error
    pictures: Callable[[], str] | None = None  # draws them, once the text is out, and says where they are


def check_json(file: str | None, closed: bool) -> None:
    """Check that `--json` can be obeyed.

    Args:
        file: where to, `-` for standard output, None for nowhere.
        closed: whether standard output is closed.

    Raises:
        UsageError: it cannot.
    """
    if file is None:
        return
    if file == "-":
        if closed:
            raise UsageError("--json -: standard output is closed")
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"--json {file}: is a directory, not a file")
    if not path.parent.is_dir():
        raise UsageError(f"--json {file}: there is no such directory")
    # It is written beside and renamed, unless it is a device.
    if not os.access(path if path.exists() and not path.is_file() else Path(os.path.realpath(path)).parent, os.W_OK):
        raise UsageError(f"--json {file}: may not be written")


def folder(name: str, make: bool = True) -> Path:
    """Return the directory of `--out`, made unless it is there or `make` is False.

    Raises:
        UsageError: nothing can be written there, and it holds no store either, which may be finished.
    """
    path = Path(name)
    standing = next(path for path in (path, *path.absolute().parents) if path.exists())
    if not standing.is_dir():
        raise UsageError(f"--out {name}: {standing} is a file, not a directory")
    if not os.access(standing, os.W_OK | os.X_OK) and (make or not (path / "zarr.json").exists()):
        raise UsageError(f"--out {name}: {standing} may not be written to")
    if make:
        path.mkdir(parents=True, exist_ok=True)
    return path


def write(answer: Answer, json: str | None, closed: bool = False) -> str:
    """Write the JSON and print the text of an answer, then draw its pictures: a fault in these costs no answer.

    Args:
        answer: what to write.
        json: the file that `--json` names; `-` prints the JSON in place of the text.
        closed: whether standard output is closed.

    Returns:
        Why not all of it could be printed; nothing where it was.
    """
    if json not in (None, "-"):
        _write_json(answer, json)
    printed = functools.partial(_write_json, answer, "-") if json == "-" else functools.partial(_print, answer.text)
    unsaid = "standard output is closed" if closed and answer.text else _unsaid(printed)
    if answer.pictures is None:
        return unsaid
    said = answer.pictures()
    return unsaid if unsaid or json == "-" else _unsaid(functools.partial(_print, said))


def _print(text: str) -> None:
    if text:
        print(text)


def _unsaid(printed: Callable[[], None]) -> str:
    """Return why not all of what is printed could be."""
    try:
        printed()
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return "standard output was closed before all was written to it"
        raise OSError(error.errno, error.strerror, "standard output") from None
    return ""


def _write_json(answer: Answer, file: str) -> None:
    from ..results.record import json_pieces
    from ..store.files import whole

    pieces = json_pieces(answer.record())
    if file == "-":
        sys.stdout.writelines(pieces)
        return
    with whole(Path(file)) as aside, open(aside, "w") as handle:
        handle.writelines(pieces)
