"""Progress bars, and what a sweep has cost so far."""

import sys
import time
from typing import Any

from tqdm import tqdm


class Tally:
    """A count of the epochs of a sweep so far."""

    def __init__(self) -> None:
        self.useful: int = 0  # epochs of runs that have ended
        self.executed: int = 0  # epochs that lanes, busy or not, went through


class Progress:
    """A progress bar on standard error: what is being done, runs done, epochs per second, time left."""

    runs: int  # how many there are
    began: float  # when the first of them began, in seconds
    enabled: bool

    def __init__(self, enabled: bool):
        self.runs, self.began, self.enabled = 0, 0.0, enabled
        self.bar: Any = tqdm(disable=True)  # nothing is shown before the arguments are known to be good

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def draw(self, seeds: int) -> None:
        """Count seeds."""
        self.bar.close()
        self.bar = tqdm(
            total=seeds, unit=" seeds", desc="drawing", disable=not self.enabled, leave=False, file=sys.stderr
        )

    def seeds_done(self, count: int) -> None:
        """Count this many seeds more."""
        self.bar.update(count)

    def train(self, runs: int, finished: int) -> None:
        """Go from counting seeds to counting runs, some of which may be finished already."""
        self.runs = runs
        self.bar.set_description_str("training", refresh=False)
        self.bar.unit, self.began, self.bar.initial = " runs", time.perf_counter(), finished
        self.bar.reset(total=self.runs)
        self.bar.update(finished)

    def compiling(self, begins: bool) -> None:
        """Say that compilation begins, or has ended."""
        self.bar.set_description_str("compiling" if begins else "training")

    def waiting_for(self, runs: int) -> None:
        """Show that other processes have so many runs to finish."""
        self.bar.set_description_str("waiting for other processes")
        self.bar.n = self.runs - runs
        self.bar.refresh()

    def runs_done(self, count: int, tally: Tally) -> None:
        """Count this many runs more, and show the epochs per second so far."""
        rate = tally.executed / (time.perf_counter() - self.began)
        self.bar.set_postfix_str(f"{rate:.2g} epochs/s", refresh=False)
        self.bar.update(count)
