"""What a person sees while a sweep runs."""

import sys
import time
from typing import Any

from tqdm import tqdm


class Tally:
    """What a sweep has cost so far."""

    def __init__(self) -> None:
        self.useful: int = 0  # epochs of runs that have ended
        self.executed: int = 0  # epochs that lanes, busy or not, went through


class Progress:
    """A progress bar on standard error: what is being done, runs done, epochs per second, time left."""

    def __init__(self, enabled: bool):
        self.runs, self.began, self.enabled = 0, 0.0, enabled
        self.bar: Any = tqdm(disable=True)  # nothing is shown before the arguments are known to be good

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def draw(self, seeds: int) -> None:
        """Count seeds."""
        self.bar.close()
        self.bar = tqdm(
            total=seeds, unit=" seeds", desc="drawing", disable=not self.enabled, leave=False, file=sys.stderr
        )

    def seeds_done(self, count: int) -> None:
        self.bar.update(count)

    def train(self, runs: int, finished: int) -> None:
        """From counting seeds to counting runs, some of which may be finished already."""
        self.runs = runs
        self.bar.set_description_str("training", refresh=False)
        self.bar.unit, self.began, self.bar.initial = " runs", time.perf_counter(), finished
        self.bar.reset(total=self.runs)
        self.bar.update(finished)

    def compiling(self, begins: bool) -> None:
        self.bar.set_description_str("compiling" if begins else "training")

    def waiting_for(self, runs: int) -> None:
        """Other processes have so many runs to finish."""
        self.bar.set_description_str("waiting for other processes")
        self.bar.n = self.runs - runs
        self.bar.refresh()

    def runs_done(self, count: int, tally: Tally) -> None:
        rate = tally.executed / (time.perf_counter() - self.began)
        self.bar.set_postfix_str(f"{rate:.2g} epochs/s", refresh=False)
        self.bar.update(count)
