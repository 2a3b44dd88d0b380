"""Batches of training runs as programs that advance them by epochs: hand-written C++ and NumPy."""

import ctypes
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import mlejax

from . import common

SOURCE = Path(__file__).with_name("epochs.cpp")
FAST = ("-O3", "-march=native", "-ffast-math")
START = (0.0, 1.0)
SCAN = 128
"""Epochs of one scan."""

ENDLESS = {"patience": 1_000_000, "tolerance": 0.0, "max_epochs": 10_000_000}
"""Settings with which no run ends, so that all lanes stay busy; what is computed in an epoch is the same."""

STRETCH = 8192
"""Epochs after which the runs that are timed begin again. Until then nearly all of them improve, as runs do nearly all
of the time before they end; where none does, some compilers' code skips the stores."""

RATES = (0.005, 0.015)
"""With which the runs are far from their ends for so long."""

ANSWER_RATES = (0.05, 2.0)
"""Of the runs whose answers are compared: they end in several ways."""


# Runs --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Runs:
    """What decides each run of a batch: arrays (n,), and the settings that all runs share."""

    learning_rate: np.ndarray
    train_mean: np.ndarray
    train_variance: np.ndarray
    held_out_mean: np.ndarray
    held_out_variance: np.ndarray
    train_count: float = 80_000.0
    held_out_count: float = 20_000.0
    patience: int = 50
    tolerance: float = 1e-8
    max_epochs: int = 10_000

    @classmethod
    def of(cls, varying: Mapping[str, Sequence[float]], **settings: Any) -> "Runs":
        """From plain values."""
        return cls(**{name: np.asarray(values, np.float64) for name, values in varying.items()}, **settings)

    @property
    def varying(self) -> dict[str, np.ndarray]:
        """What differs from run to run."""
        return {name: getattr(self, name) for name in VARYING}

    def held_out_log_likelihood(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return a sum, in nats, by which a run that is out of epochs is concluded."""
        scatter = ((self.held_out_mean - mean) ** 2 + self.held_out_variance) / variance
        return -self.held_out_count / 2 * (np.log(2 * np.pi * variance) + scatter)

    def __len__(self) -> int:
        return len(self.learning_rate)

    def columns(self, dtype: Any) -> np.ndarray:
        """One row per setting, one column per run, in the order of epochs.cpp."""
        shared = (self.held_out_count, self.patience, self.tolerance, self.max_epochs)
        return np.stack([*self.varying.values(), *(np.full(len(self), value) for value in shared)]).astype(dtype)


VARYING = ("learning_rate", "train_mean", "train_variance", "held_out_mean", "held_out_variance")


def batch(
    count: int,
    rates: tuple[float, float] = RATES,
    counts: tuple[int, int] = (80_000, 20_000),
    **settings: Any,
) -> Runs:
    """Make runs on samples of their own. A normal sample's statistics are drawn directly: mean ~ N, scatter ~ chi^2."""
    random = np.random.default_rng(42)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        return random.normal(7.2, 2.8 / math.sqrt(n), count), 2.8**2 * random.chisquare(n - 1, count) / n

    learning_rates = np.linspace(*rates, count)[random.permutation(count)]
    drawn_from = {"train_count": float(counts[0]), "held_out_count": float(counts[1])}
    return Runs(learning_rates, *drawn(counts[0]), *drawn(counts[1]), **drawn_from, **settings)


# Programs: each advances a batch by epochs ---------------------------------------------------------------------------


class Program:
    """A batch of runs from the reference problem's start; `advance` them, then look at them.

    Args:
        count: so many runs of `batch`.
        dtype: the type that they are computed in.
        runs: the runs themselves, in place of `count`.
        settings: that all runs share.
    """

    def __init__(
        self, count: int = 0, dtype: str = "float64", runs: Mapping[str, Sequence[float]] | None = None, **settings: Any
    ):
        self.dtype = np.dtype(dtype)
        self.runs = batch(count, **settings) if runs is None else Runs.of(runs, **settings)
        self.setup()
        self.reset()

    clock: Callable[[], float] = staticmethod(time.process_time)  # of one core, whatever else the machine does

    def setup(self) -> None:
        """Compile, which is done once."""

    def reset(self) -> None:
        """To the start."""
        raise NotImplementedError

    def advance(self, epochs: int) -> None:
        """So many epochs of every run; returns when they are done."""
        raise NotImplementedError

    def answer(self) -> dict[str, np.ndarray]:
        """`status`, `epochs`, `best_epoch`, and the best parameters measured, of every run."""
        raise NotImplementedError

    def instructions(self) -> str | None:
        """Return the instructions that it was compiled for, in words, where that is known."""
        return None

    def seconds(self, epochs: int) -> float:
        """One measurement: so many epochs, in stretches from the start."""
        total = 0.0
        while epochs > 0:
            self.reset()
            began = self.clock()
            self.advance(min(epochs, STRETCH))
            total += self.clock() - began
            epochs -= STRETCH
        return total

    def improving(self) -> float:
        """Return the share of runs that still improve.

        Raises:
            RuntimeError: a run has ended.
        """
        found = self.answer()
        if np.any(found["status"]):
            raise RuntimeError("runs ended while they were timed")
        return float(np.mean(found["best_epoch"] == found["epochs"]))


class Cpp(Program):
    """epochs.cpp."""

    def __init__(self, *arguments: Any, flags: Sequence[str] = FAST, **settings: Any):
        self.flags = flags
        super().__init__(*arguments, **settings)

    def setup(self) -> None:
        library, _ = common.compile_library(SOURCE, self.flags)
        self.function = getattr(library, f"advance_{self.dtype.name}")
        self.settings = self.runs.columns(self.dtype)

    def instructions(self) -> str:
        """Return what a vector of this program's loops is made of, as the compiler understands its flags."""
        return common.vectors(self.flags)

    def reset(self) -> None:
        lowest = np.finfo(self.dtype).min
        start = [*START, *START, lowest, 0, 0, 0]
        self.states = np.repeat(np.array(start, self.dtype)[:, None], len(self.runs), axis=1)

    def advance(self, epochs: int) -> None:
        data = (ctypes.c_void_p(array.ctypes.data) for array in (self.settings, self.states))
        self.function(ctypes.c_size_t(len(self.runs)), epochs, *data)

    def answer(self) -> dict[str, np.ndarray]:
        _, _, mean, variance, _, best_epoch, epochs, status = self.states
        return {"status": status, "epochs": epochs, "best_epoch": best_epoch, "mean": mean, "variance": variance}


class NumPy(Program):
    """Vectorized over runs. They begin together, so that one number counts the epochs of all that still run."""

    def reset(self) -> None:
        n, dtype = len(self.runs), self.dtype
        self.varying = {name: values.astype(dtype) for name, values in self.runs.varying.items()}
        self.running, self.epoch = np.arange(n), 0
        self.mean, self.variance = np.full(n, START[0], dtype), np.full(n, START[1], dtype)
        self.best_mean, self.best_variance = self.mean.copy(), self.variance.copy()
        self.best, self.best_epoch = np.full(n, -np.inf, dtype), np.zeros(n, np.int64)
        self.last = self.mean.copy(), self.variance.copy()
        self.found = {name: np.zeros(n) for name in ("status", "epochs", "best_epoch", "mean", "variance")}

    def advance(self, epochs: int) -> None:
        with np.errstate(all="ignore"):
            for _ in range(epochs):
                if len(self.running):
                    self._epoch()

    def _epoch(self) -> None:
        runs, data, dtype = self.runs, self.varying, self.dtype.type
        mean, variance = self.mean, self.variance
        precision, away = 1 / variance, data["train_mean"] - mean
        off = data["held_out_mean"] - mean
        scatter = (off * off + data["held_out_variance"]) * precision
        measured = dtype(-runs.held_out_count / 2) * (dtype(math.log(2 * math.pi)) + np.log(variance) + scatter)
        step = data["learning_rate"] * precision
        next_mean = mean + step * away
        next_variance = variance + step * ((away * away + data["train_variance"]) * precision - 1) / 2
        self.epoch += 1

        improved = measured > self.best
        for kept, new in ((self.best_mean, mean), (self.best_variance, variance), (self.best, measured)):
            np.copyto(kept, new, where=improved)
        self.best_epoch[improved] = self.epoch
        healthy = np.isfinite(measured) & np.isfinite(next_mean) & np.isfinite(next_variance) & (next_variance > 0)
        stalled = np.flatnonzero(~improved)
        decided = self._decide(measured[stalled], stalled)
        self.mean, self.variance = next_mean, next_variance
        if self.epoch >= runs.max_epochs or np.any(decided) or not np.all(healthy):
            status = np.zeros(len(mean), np.int64)
            status[stalled] = decided
            if self.epoch >= runs.max_epochs:
                status[status == mlejax.Status.RUNNING] = mlejax.Status.MAX_EPOCHS
            status[~healthy] = mlejax.Status.DIVERGED
            for array, before in ((self.mean, mean), (self.variance, variance)):
                np.copyto(array, before, where=~healthy)
            self._take_out(status)

    def _decide(self, measured: np.ndarray, stalled: np.ndarray) -> np.ndarray:
        """Why the runs that did not improve end in this epoch; RUNNING where they go on."""
        status = mlejax.Status
        tolerance, shortfall = self.runs.tolerance, np.abs(measured - self.best[stalled])
        resolution = 8 * np.finfo(self.dtype).eps * np.abs(measured)
        by_patience = np.where(shortfall > resolution, status.PATIENCE, status.PRECISION)
        by_tolerance = np.where(tolerance > resolution, status.TOLERANCE, status.PRECISION)
        impatient = self.epoch - self.best_epoch[stalled] >= self.runs.patience
        return np.where(impatient, by_patience, np.where(shortfall < tolerance, by_tolerance, status.RUNNING))

    def _take_out(self, status: np.ndarray) -> None:
        """Keep what became of the runs that have ended, and go on with the others alone."""
        over, on = np.flatnonzero(status), np.flatnonzero(status == 0)
        ids = self.running[over]
        for name, values in (
            ("status", status[over]),
            ("epochs", self.epoch),
            ("best_epoch", self.best_epoch[over]),
            ("mean", self.best_mean[over]),
            ("variance", self.best_variance[over]),
        ):
            self.found[name][ids] = values
        self.last[0][ids], self.last[1][ids] = self.mean[over], self.variance[over]
        self.running = self.running[on]
        for name in ("mean", "variance", "best_mean", "best_variance", "best", "best_epoch"):
            setattr(self, name, getattr(self, name)[on])
        self.varying = {name: values[on] for name, values in self.varying.items()}

    def answer(self) -> dict[str, np.ndarray]:
        ongoing = {"epochs": self.epoch, "best_epoch": self.best_epoch}
        ongoing |= {"mean": self.best_mean, "variance": self.best_variance}
        for name, values in ongoing.items():
            self.found[name][self.running] = values
        return self.found
