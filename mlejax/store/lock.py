"""One process at a time: the lock on a result directory."""

import fcntl
import os
import time
from pathlib import Path
from typing import Any

import jax

from .layout import StoreError

FOLLOW_SECONDS, POLL_SECONDS = 300.0, 0.2


def wait_for_followers(path: Path) -> None:
    """Wait until the other processes are gone: the first keeps the connection between all of them."""
    deadline = time.monotonic() + FOLLOW_SECONDS
    for process in range(1, jax.process_count()):
        while time.monotonic() < deadline:
            try:
                lock_directory(path, process).close()
                break
            except StoreError:
                time.sleep(POLL_SECONDS)


HELD: list[Any] = []


def lock_directory(path: Path, process: int) -> Any:
    """Hold the directory for this process; the system lets go of it even when the process is killed."""
    handle = open(path / (f".lock.{process}" if process else ".lock"), "a+")  # noqa: SIM115 - held until the sweep ends
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        owner = handle.read().strip()
        handle.close()
        raise StoreError(
            f"{path} is in use by another process ({owner or 'unknown'}). Wait for it, or stop it."
        ) from None
    handle.truncate(0)
    handle.write(f"pid {os.getpid()}")
    handle.flush()
    return handle
