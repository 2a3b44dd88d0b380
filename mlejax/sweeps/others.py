"""The other processes of a sweep, as the first sees them: at work on the directory, or gone."""

import contextlib
import time
from pathlib import Path

from ..progress import say
from ..store.files import StoreError
from ..store.lock import SECONDS_TO_A_WORD, Lock, is_held

SECONDS_FOR_OTHERS = 30.0
"""How long another process may be away while the first waits for its runs."""


class Others:
    """The processes that share a sweep with the first one, which takes over the runs of those that are gone."""

    def __init__(self, path: Path, processes: int):
        """Begin to look.

        Args:
            path: the result directory.
            processes: how many there are, with the first.
        """
        self.path, self.processes = path, processes
        self.away: dict[int, float] = {}  # since when each has not been at work, as far as it was looked
        self.called: set[int] = set()  # those of which that has been said
        self.taken: dict[int, Lock] = {}  # those whose runs have been taken over

    def take_over(self, process: int, runs: int) -> bool:
        """Return whether the first process is to make the runs of another, which has been away for too long.

        Args:
            process: which.
            runs: how many of its runs have not ended.
        """
        now = time.monotonic()
        if process in self.taken:
            return True
        if is_held(self.path, process):
            self.away.pop(process, None)
            return False
        gone = now - self.away.setdefault(process, now)
        name, count = f"process {process} (of 0 to {self.processes - 1})", f"{runs:,} run{'s' * (runs > 1)}"
        if gone > SECONDS_TO_A_WORD and process not in self.called:
            self.called.add(process)
            say(
                f"waiting for {count} of {name}, which is not at work on {self.path}: start it again with the same "
                f"command; after {SECONDS_FOR_OTHERS:.0f} s this process makes them"
            )
        if gone < SECONDS_FOR_OTHERS:
            return False
        with contextlib.suppress(StoreError):  # raised where it has come just now
            self.taken[process] = Lock(self.path, process, ": the first, which has taken over the runs of this one")
            say(f"{name} has been away for {gone:.0f} s; this one makes its {count}")
        return process in self.taken

    def close(self) -> None:
        """Release what was taken over."""
        for hold in self.taken.values():
            hold.close()
