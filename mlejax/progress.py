"""What is being done now, shown on standard error, and what a sweep has cost."""

import contextlib
import dataclasses
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

COUNTED = (
    "{desc}: {n_fmt}/{total_fmt}{unit} |{bar:20}| {percentage:3.0f}% [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
)
"""A stage whose parts are counted."""

UNCOUNTED = "{desc} [{elapsed}]"
"""A stage of which nobody knows how much of it is done: no share of anything is shown."""


SECONDS_TO_A_RATE = 0.5
"""How long runs are under way before a rate of epochs is shown."""

SECONDS_TO_A_LINE = 1.0
"""How long something is under way before it is said."""


class Tally:
    """A count of the epochs of a sweep so far."""

    def __init__(self) -> None:
        self.useful: int = 0  # epochs of runs that have ended
        self.executed: int = 0  # epochs that lanes, busy or not, went through


@dataclasses.dataclass(frozen=True)
class Spent:
    """What one call of `sweep` took."""

    runs: int  # computed by this call
    of: int  # all of the sweep
    run_epochs: int  # of the runs that this call computed
    seconds: float  # from the arguments to the result
    training_seconds: float  # of them, while runs were under way, compilation excluded
    devices: str  # in words

    def __str__(self) -> str:
        if not self.runs:
            return f"All {self.of:,} runs were there already; answered in {self.seconds:.1f} s."
        stored = f" ({self.of - self.runs:,} others were there already)" if self.of > self.runs else ""
        return (
            f"{self.runs:,} runs{stored} in {self.seconds:.1f} s on {self.devices}: {self.run_epochs:.3g} run-epochs, "
            f"{self.run_epochs / max(self.training_seconds, 1e-9):.3g} a second while training."
        )


class Progress:
    """One line on standard error, which says what is being done now and how much of that is done."""

    runs: int  # all
    made: int  # those that were to be made
    trained: float  # for how long runs were under way before the present training began
    began: float  # when it began
    waited: float  # how long it has waited for the compiler
    since: float  # when the compiler began

    def __init__(self, enabled: bool):
        self.enabled = enabled
        self.bar: Any = tqdm(disable=True)  # nothing is shown before the arguments are known to be good
        self.opened = time.perf_counter()
        self.runs, self.made = 0, 0
        self.trained = self.began = self.waited = self.since = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def say(self, words: str) -> None:
        """Begin a stage whose parts are not counted.

        Args:
            words: what is being done.
        """
        self._show(words, UNCOUNTED)

    def read(self, size: int) -> None:
        """Begin to count the bytes of a file.

        Args:
            size: of the file.
        """
        self._show("reading", COUNTED, total=size, unit="B", unit_scale=True)

    def bytes_read(self, position: int) -> None:
        """Say how many bytes have been read."""
        self.bar.update(position - self.bar.n)

    def draw(self, samples: int) -> None:
        """Begin to count samples; nothing is counted while their program is compiled, before the first of them."""
        self._show("compiling, then drawing samples", UNCOUNTED, total=samples, unit=" samples")

    def samples_done(self, count: int) -> None:
        """Count this many samples more."""
        if self.enabled and self.bar.bar_format == UNCOUNTED:
            self.bar.bar_format = COUNTED
            self.bar.set_description_str("drawing", refresh=False)
        self.bar.update(count)

    def train(self, runs: int, finished: int) -> None:
        """Begin to count runs, some of which may be finished already: rates and times are of the others.

        Args:
            runs: all of them.
            finished: those there before.
        """
        self.runs, self.trained = runs, self.training_seconds
        self.made += runs - finished
        self.began, self.waited = time.perf_counter(), 0.0
        self._show("training", COUNTED, total=runs, initial=finished, unit=" runs")

    def compiling(self, begins: bool) -> None:
        """Say that compilation begins, or has ended. The clock of the runs stands still between."""
        now = time.perf_counter()
        if begins:
            self.since = now
            self.bar.bar_format = UNCOUNTED
            self.bar.set_description_str("compiling the training step")
            return
        self.waited += now - self.since
        self.bar.bar_format = COUNTED
        if self.enabled:
            self.bar.start_t += now - self.since
        self.bar.set_description_str("training")

    def waiting_for(self, runs: int) -> None:
        """Show that other processes have so many runs to finish."""
        self.bar.set_description_str("waiting for other processes", refresh=False)
        self.bar.n = self.runs - runs
        self.bar.refresh()

    def runs_done(self, count: int, tally: Tally) -> None:
        """Count this many runs more, and show the epochs per second so far."""
        if (seconds := self.training_seconds) > SECONDS_TO_A_RATE:
            self.bar.set_postfix_str(f"{tally.executed / seconds:.2g} epochs/s", refresh=False)
        self.bar.update(count)

    @property
    def training_seconds(self) -> float:
        """How long runs have been under way, compilation excluded."""
        return self.trained + (time.perf_counter() - self.began - self.waited if self.began else 0.0)

    def spent(self, run_epochs: int, devices: str) -> Spent:
        """Return what it took, and print it where progress is shown.

        Args:
            run_epochs: of the runs that were computed.
            devices: in words.
        """
        seconds = time.perf_counter() - self.opened
        spent = Spent(self.made, self.runs, run_epochs, seconds, self.training_seconds, devices)
        self.bar.close()
        if self.enabled:
            print(spent, file=sys.stderr)
        return spent

    def _show(self, words: str, form: str, **counted: Any) -> None:
        self.bar.close()
        style = {"disable": not self.enabled, "leave": False, "file": sys.stderr, "bar_format": form, "smoothing": 0}
        self.bar = tqdm(desc=words, **style, **counted)


def bar(words: str, samples: int, enabled: bool, finished: int = 0) -> "tqdm[Any]":
    """Return a bar that counts samples, and is shown when that takes more than a second.

    Args:
        words: what is being done.
        samples: how many there are.
        enabled: whether it is shown.
        finished: those there before.
    """
    return tqdm(total=samples, initial=finished, desc=words, unit=" samples", delay=1, leave=False, disable=not enabled)


def say(words: str) -> None:
    """Print a line on standard error, where there is one, above a bar that may be shown there.

    Args:
        words: what a person has to know before the work is done, such as what it waits for.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            tqdm.write(f"mlejax: {words}", file=sys.stderr)


@contextlib.contextmanager
def saying(words: str, enabled: bool) -> Iterator[None]:
    """Show on standard error what is being done, and for how long, where that takes more than a second.

    Args:
        words: what is done inside of the context, by something that says nothing itself.
        enabled: whether it is shown.
    """
    if not enabled:
        yield
        return
    over, began = threading.Event(), time.time()

    def show() -> None:
        if over.wait(SECONDS_TO_A_LINE):
            return
        with tqdm(desc=words, bar_format=UNCOUNTED, leave=False, file=sys.stderr) as line:
            line.start_t = began
            while not over.wait(SECONDS_TO_A_LINE):
                line.refresh()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
