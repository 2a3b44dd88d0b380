"""One process at a time: the lock on a result directory, by `flock`, on Linux and macOS."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .. import devices
from .files import StoreError

FOLLOW_SECONDS, POLL_SECONDS = 300.0, 0.2
"""How long processes of a cluster wait for each other, and how often they look, in seconds."""

SECONDS_TO_A_WORD = 5.0
"""How long a process waits for another before it says so."""


class Lock:
    """A hold on a result directory; the system lets go of it even when the process is killed."""

    file: Path
    fresh: bool  # whether this hold made the file: it goes again where nothing comes of it
    handle: IO[str]

    def __init__(self, path: Path, process: int = 0, note: str = ""):
        """Take hold of a directory for one process of a sweep.

        Args:
            path: the directory.
            process: whose part of the runs it is, from 0.
            note: what is said of this hold, besides the process that has it, to others that ask for it.

        Raises:
            StoreError: another process holds it, or the lock is not a file of its own.
        """
        self.file = _file(path, process)
        self.fresh = not os.path.lexists(self.file)
        self.handle = self._take(path, note)

    def _take(self, path: Path, note: str) -> IO[str]:
        attempts = 3
        while True:
            if self.file.is_symlink() or (self.file.exists() and not self.file.is_file()):
                raise StoreError(f"{self.file} is not an ordinary file, so it cannot be the lock. Remove it.")
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            handle = open(descriptor, "r+")  # noqa: SIM115 - held until the sweep ends
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if (attempts := attempts - 1) > 0:
                    handle.close()
                    time.sleep(POLL_SECONDS / 2)  # it may be somebody who only looks
                    continue
                owner = handle.read(256).strip()
                handle.close()
                raise StoreError(
                    f"{path} is in use by another process ({owner or 'unknown'}). Wait for it, or stop it."
                ) from None
            if os.path.lexists(self.file) and os.path.samestat(os.fstat(descriptor), os.lstat(self.file)):
                break
            handle.close()  # its holder has removed it in between
        handle.truncate(0)
        handle.write(f"pid {os.getpid()}{note}")
        handle.flush()
        return handle

    def close(self, forget: bool = False) -> None:
        """Release the lock.

        Args:
            forget: remove the lock file as well, if this hold has made it.
        """
        if forget and self.fresh:
            self.file.unlink(missing_ok=True)
        self.handle.close()


def is_held(path: Path, process: int = 0) -> bool:
    """Return whether one of the processes of a sweep, from 0, holds its part of a directory."""
    try:
        with open(os.open(_file(path, process), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def _file(path: Path, process: int) -> Path:
    return path / (f".lock.{process}" if process else ".lock")


@contextlib.contextmanager
def none_following(path: Path) -> Iterator[None]:
    """Keep all processes but the first away from a directory, while it becomes another.

    Raises:
        StoreError: one of an earlier call still writes.
    """
    with contextlib.ExitStack() as held:
        for file in sorted(path.glob(".lock.*")):
            if (number := file.name.removeprefix(".lock.")).isdigit():
                held.callback(Lock(path, int(number)).close)
        yield


HELD: list[Lock] = []
"""Holds of processes that follow, which they keep until they end: the first waits for that."""


def wait_for_followers(path: Path) -> None:
    """Wait until the other processes are gone: the first keeps the connection between all of them.

    Args:
        path: the result directory.
    """
    deadline = time.monotonic() + FOLLOW_SECONDS
    for process in range(1, devices.process_count()):
        while time.monotonic() < deadline:
            try:
                Lock(path, process).close()
                break
            except StoreError:
                time.sleep(POLL_SECONDS)
