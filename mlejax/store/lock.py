"""One process at a time: the lock on a result directory, by `flock`, on Linux and macOS."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

import jax

from .files import StoreError

FOLLOW_SECONDS, POLL_SECONDS = 300.0, 0.2
"""How long processes of a cluster wait for each other, and how often they look, in seconds."""


class Lock:
    """A hold on a result directory; the system lets go of it even when the process is killed."""

    file: Path
    fresh: bool  # whether this hold made the file: it goes again where nothing comes of it
    handle: IO[str]

    def __init__(self, path: Path, process: int = 0):
        """Take hold of a directory for one process of a sweep.

        Args:
            path: the directory.
            process: which of several processes this is, from 0.

        Raises:
            StoreError: another process holds it, or the lock is not a file of its own.
        """
        self.file = path / (f".lock.{process}" if process else ".lock")
        self.fresh = not os.path.lexists(self.file)
        self.handle = self._take(path)

    def _take(self, path: Path) -> IO[str]:
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
                owner = handle.read(64).strip()
                handle.close()
                raise StoreError(
                    f"{path} is in use by another process ({owner or 'unknown'}). Wait for it, or stop it."
                ) from None
            if os.path.lexists(self.file) and os.path.samestat(os.fstat(descriptor), os.lstat(self.file)):
                break
            handle.close()  # its holder has removed it in between
        handle.truncate(0)
        handle.write(f"pid {os.getpid()}")
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


def is_held(path: Path) -> bool:
    """Return whether the first process of a sweep holds a directory."""
    try:
        with open(os.open(path / ".lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


HELD: list[Lock] = []
"""Holds of processes that follow, which they keep until they end: the first waits for that."""


def wait_for_followers(path: Path) -> None:
    """Wait until the other processes are gone: the first keeps the connection between all of them.

    Args:
        path: the result directory.
    """
    deadline = time.monotonic() + FOLLOW_SECONDS
    for process in range(1, jax.process_count()):
        while time.monotonic() < deadline:
            try:
                Lock(path, process).close()
                break
            except StoreError:
                time.sleep(POLL_SECONDS)
