"""Batches of training runs as programs that advance them by epochs: mlejax, hand-written C++, plain JAX and NumPy."""

import ctypes
import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax import devices
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.models.parameters import cast
from mlejax.samples import representation
from mlejax.samples.summary import Summary
from mlejax.sweeps import lanes

from . import common

SOURCE = Path(__file__).with_name("epochs.cpp")
FAST = ("-O3", "-march=native", "-ffast-math")
START = (0.0, 1.0)
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


def wide(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method use float64, as mlejax's entry points do: without flipping the process's own setting."""

    @functools.wraps(method)
    def inside(*arguments: Any, **options: Any) -> Any:
        with jax.enable_x64(True):
            return method(*arguments, **options)

    return inside


def lane_runs(runs: Runs) -> Run:
    """Return the same as `mlejax.sweep` gives them to its lanes: through a sample's summary, as found in `log_prob`."""
    start = mlejax.Normal(*map(np.float64, START))
    n = len(runs)

    def summary(mean: np.ndarray, variance: np.ndarray, count: float) -> Summary:
        found, path = representation.summarize(start, np.random.default_rng(0).normal(7.2, 2.8, 100), True)
        if np.shape(getattr(found, "centers", None)) != (1,) or np.shape(found.averages) != (1,):
            raise TypeError(f"expected a center and an average squared deviation: {path}")
        return dataclasses.replace(
            found,
            centers=mean[:, None],
            residuals=np.zeros((n, 1)),
            averages=variance[:, None],
            count=np.full(n, count),
        )

    return Run(
        start=jax.tree.map(lambda leaf: np.full(n, leaf), start),
        learning_rate=mlejax.Normal(runs.learning_rate, runs.learning_rate),
        stopping=Stopping(np.full(n, runs.max_epochs), np.full(n, runs.patience), np.full(n, runs.tolerance)),
        train=summary(runs.train_mean, runs.train_variance, runs.train_count),
        validation=summary(runs.held_out_mean, runs.held_out_variance, runs.held_out_count),
    )


def lane_answer(state: Any) -> dict[str, np.ndarray]:
    state = jax.device_get(state)
    return {
        "status": state.status,
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        **dict(zip(("mean", "variance"), jax.tree.leaves(state.best_model), strict=True)),
    }


class Lanes(Program):
    """mlejax's lane program, as a sweep runs it on each of its devices."""

    device: Any = None  # the first of this process
    tuning: devices.Tuning | None = None  # the one for that device

    def setup(self) -> None:
        devices.start(1)
        self._setup()

    def instructions(self) -> str:
        """Return the instruction set and the compiler's options that the lanes were compiled with."""
        known = devices.computed_by()
        return ", ".join([known["instructions"], *known["compiler_options"], *known["xla_flags"]])

    def in_lanes(self) -> tuple[Run, tuple[Any, Any]]:
        """Return the runs, leaves (width, ...), and the samples that all of them share, if they do."""
        return lane_runs(self.runs), (None, None)

    @wide
    def _setup(self) -> None:
        (runs, shared), device = cast(self.in_lanes(), self.dtype), self.device or jax.local_devices()[0]
        one, setting = jax.tree.map(lambda leaf: leaf[0], runs), self.tuning or devices.tuning(device)
        self.shared = jax.device_put(shared, device)
        self.engine = lanes.Engine(one, shared, None, self.dtype, setting)
        self.block = setting.epochs
        width = len(self.runs)
        rows = np.concatenate([np.reshape(leaf, (width, -1)) for leaf in jax.tree.leaves(runs)], axis=1)
        self.program = self.engine.program(width, device)
        waiting = self.engine.queue * width
        queued = np.zeros((waiting, rows.shape[1]), self.dtype)
        queued[:width] = rows
        full = lanes.Queue(queued, np.arange(waiting), np.int32(width))
        self.full = jax.device_put(full, device)
        self.nothing = dataclasses.replace(self.full, length=np.int32(0))

    @wide
    def reset(self) -> None:
        self.finished: list[lanes.Finished] = []
        self._call(self.full, 0, 1, self.engine.empty(len(self.runs)))

    @wide
    def advance(self, epochs: int) -> None:
        rounds, rest = divmod(epochs, self.block)
        self._call(self.nothing, self.block, rounds, self.lanes)
        if rest:
            self._call(self.nothing, rest, 1, self.lanes)

    @wide
    def _call(self, queue: Any, epochs: int, rounds: int, state: Any) -> None:
        turns = -(-epochs // self.engine.unroll)  # an epoch too many changes nothing: all runs have ended by then
        limits = lanes.Limits(np.int32(turns), np.int32(rounds), np.int32(0))
        self.lanes, finished = self.program(state, queue, limits, self.shared)
        self.finished.append(jax.block_until_ready(finished))

    def answer(self) -> dict[str, np.ndarray]:
        held, running = np.asarray(self.lanes.run_ids), lane_answer(self.lanes.lane.state)
        found = {name: np.zeros(len(held)) for name in running}
        for name, values in running.items():
            found[name][held[held >= 0]] = values[held >= 0]
        for finished in self.finished:
            n = int(finished.count)
            ids = np.asarray(finished.ids)[:n]
            ended = self.engine.end_layout.unpack(np.asarray(finished.rows)[:n])
            for name, values in lane_answer(ended).items():
                found[name][ids] = values
        return found


class OtherLanes(Lanes):
    """The lane program for other families: gamma by its sufficient statistics, Weibull on raw observations.

    All runs have the sample; they begin at different rates. `answer` is that of the family's two parameters.
    """

    def __init__(self, *arguments: Any, family: str, observations: int, **settings: Any):
        self.family, self.observations = family, observations
        super().__init__(*arguments, **settings)

    def in_lanes(self) -> tuple[Run, tuple[Any, Any]]:
        random, n = np.random.RandomState(42), len(self.runs)
        drawn = random.gamma(2.0, 1.5, self.observations) if self.family == "Gamma" else 3 * random.weibull(1.7, 100)
        start = getattr(mlejax, self.family)(np.float64(1.5), np.float64(2.5))
        train, validation = (
            representation.summarize(start, part)[0]
            for part in (drawn[self.observations // 5 :], drawn[: self.observations // 5])
        )
        by_statistics = isinstance(train, Summary)
        if by_statistics != (self.family == "Gamma"):
            raise TypeError(f"{self.family} was expected to be represented otherwise")
        rates = self.runs.learning_rate
        stopping = (self.runs.max_epochs, self.runs.patience, self.runs.tolerance)
        repeated = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, axis=0), (train, validation))
        run = Run(
            start=jax.tree.map(lambda leaf: np.full(n, leaf), start),
            learning_rate=jax.tree.map(lambda _: rates, start),
            stopping=Stopping(*(np.full(n, value) for value in stopping)),
            train=repeated[0] if by_statistics else None,
            validation=repeated[1] if by_statistics else None,
        )
        return run, (None, None) if by_statistics else (train, validation)


class Scan(Program):
    """What one writes first: `vmap` of the training step in a `scan`, on JAX as it starts by itself."""

    @wide
    def setup(self) -> None:
        runs = cast(lane_runs(self.runs), self.dtype)

        def advance(run: Any, state: Any) -> Any:
            def step(state: Any, _: Any) -> Any:
                following, _ = mlejax.train_step(
                    state,
                    run.train,
                    run.validation,
                    run.learning_rate,
                    patience=run.stopping.patience,
                    tolerance=run.stopping.tolerance,
                    max_epochs=run.stopping.max_epochs,
                )
                return following, None

            return jax.lax.scan(step, state, length=SCAN)[0]

        self.compiled, self.data = jax.jit(jax.vmap(advance), donate_argnums=1), jax.device_put(runs)

    @wide
    def reset(self) -> None:
        self.states = jax.jit(jax.vmap(lambda run: mlejax.init_state(run.start)))(self.data)

    @wide
    def advance(self, epochs: int) -> None:
        for _ in range(-(-epochs // SCAN)):
            self.states = self.compiled(self.data, self.states)
        jax.block_until_ready(self.states)

    def answer(self) -> dict[str, np.ndarray]:
        return lane_answer(self.states)


SCAN = 128
"""Epochs of one scan."""
