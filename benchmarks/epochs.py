"""The cost of one epoch of one run in a batch, on one core: mlejax, hand-written C++, plain JAX and NumPy."""

import argparse
import ctypes
import dataclasses
import functools
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
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

from . import common, workers

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

    def seconds(self, epochs: int) -> float:
        """One measurement: so many epochs, in stretches from the start."""
        total = 0.0
        while epochs > 0:
            self.reset()
            began = time.perf_counter()
            self.advance(min(epochs, STRETCH))
            total += time.perf_counter() - began
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
    model = state.best_model
    return {
        "status": state.status,
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "mean": model.mean,
        "variance": model.variance,
    }


class Lanes(Program):
    """mlejax's lane program, as a sweep runs it on each of its devices."""

    device: Any = None  # the first of this process
    tuning: devices.Tuning | None = None  # the one for that device

    def setup(self) -> None:
        devices.start(1)
        self._setup()

    @wide
    def _setup(self) -> None:
        runs, device = cast(lane_runs(self.runs), self.dtype), self.device or jax.local_devices()[0]
        one, setting = jax.tree.map(lambda leaf: leaf[0], runs), self.tuning or devices.tuning(device)
        self.engine = lanes.Engine(one, (None, None), None, self.dtype, setting)
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
        self.lanes, finished = self.program(state, queue, limits, (None, None))
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
            answers = {"status": ended.status, "epochs": ended.epoch, "best_epoch": ended.best_epoch}
            for name, values in (
                answers | {"mean": ended.best_model.mean, "variance": ended.best_model.variance}
            ).items():
                found[name][ids] = values
        return found


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


# Measuring -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table."""

    program: str
    make: str
    dtype: str = "float64"
    width: int = 4096
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def table_rows(widths: Sequence[int], dtypes: Sequence[str]) -> list[Row]:
    """Everything, the yardstick first."""
    middle = widths[len(widths) // 2]
    return [
        row
        for dtype in dtypes
        for row in (
            Row(YARDSTICK, "Cpp", dtype, middle),
            Row("C++ -O3", "Cpp", dtype, middle, arguments={"flags": ("-O3",)}),
            *(Row("mlejax, lanes", "Lanes", dtype, width) for width in widths),
            Row("JAX, vmap and scan", "Scan", dtype, middle),
            Row("NumPy", "NumPy", dtype, middle),
        )
    ]


YARDSTICK = "C++ fast-math"


def measure(rows: Sequence[Row], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Time all rows in turn, each in a process of its own; records with nanoseconds per run-epoch."""
    with ExitStack() as stack:
        programs: dict[int, Any] = {}
        records = [{"program": row.program, "dtype": row.dtype, "width": row.width} for row in rows]
        for number, row in enumerate(rows):
            try:
                arguments = {"count": row.width, "dtype": row.dtype, **ENDLESS, **row.arguments}
                worker = workers.Worker(f"{__package__}.epochs", row.make, arguments)
                programs[number] = stack.enter_context(worker)
            except workers.WorkerError as reason:
                records[number]["missing"] = str(reason)
        epochs = {number: _warm(worker, seconds) for number, worker in programs.items()}
        samples: dict[int, list[float]] = {number: [] for number in programs}
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for number, worker in programs.items():
                taken = worker.call("seconds", epochs=epochs[number])
                row = rows[number]
                samples[number].append(1e9 * taken / (row.width * epochs[number]))
        for number, worker in programs.items():
            records[number]["improving"] = worker.call("improving")
    for number, taken in samples.items():
        records[number] |= {"nanoseconds": _spread(taken), "samples": taken}
    return records


def _warm(worker: Any, seconds: float) -> int:
    """How many epochs take about so long, in multiples of a scan."""
    for _ in range(2):  # the first compiles
        taken = worker.call("seconds", epochs=SCAN)
    return STRETCH * max(1, round(seconds / (taken * STRETCH / SCAN)))


def _spread(samples: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(samples), "minimum": min(samples), "maximum": max(samples)}


def add_ratios(records: list[dict[str, Any]]) -> None:
    """Return the speed beside the yardstick's.

    Medians over the rounds of the ratio within a round, where both met the same noise.
    """
    measured = [record for record in records if "samples" in record]

    def compare(record: dict[str, Any], other: dict[str, Any] | None) -> float | None:
        if other is None:
            return None
        return statistics.median(a / b for a, b in zip(other["samples"], record["samples"], strict=True))

    for record in measured:
        same = [r for r in measured if r["dtype"] == record["dtype"]]
        yardstick = (r for r in same if r["program"] == YARDSTICK)
        record["speed"] = compare(record, next(yardstick, None))


# The same answers ----------------------------------------------------------------------------------------------------


ANSWERING = {
    YARDSTICK: ("Cpp", {}),
    "C++ -O3": ("Cpp", {"flags": ("-O3",)}),
    "mlejax, lanes": ("Lanes", {}),
    "JAX, vmap and scan": ("Scan", {}),
    "NumPy": ("NumPy", {}),
}


def answers(runs: Runs) -> dict[str, dict[str, np.ndarray]]:
    """Return what every program finds for the same runs, all of them run to their ends."""
    limits = {"patience": runs.patience, "tolerance": runs.tolerance, "max_epochs": runs.max_epochs}
    found = {}
    for name, (make, more) in ANSWERING.items():
        try:
            arguments = {"runs": runs.varying, **limits, **more}
            with workers.Worker(f"{__package__}.epochs", make, arguments) as worker:
                worker.call("advance", epochs=runs.max_epochs)
                found[name] = {key: np.array(values) for key, values in worker.call("answer").items()}
        except workers.WorkerError as reason:
            print(f"{name}: {reason}", file=sys.stderr)
    return found


def differences(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """By run, the larger difference of its two estimates, relative to the estimate or to 1."""
    pairs = ((found[name], reference[name]) for name in ("mean", "variance"))
    return np.max([np.abs(a - b) / np.maximum(np.abs(b), 1) for a, b in pairs], axis=0)


def agreement(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How many runs end alike, and how far the estimates of those that do lie apart."""
    alike = (found["status"] == reference["status"]) & (found["epochs"] == reference["epochs"])
    apart = differences(found, reference)
    return {
        "runs": len(alike),
        "same_status": int(np.sum(found["status"] == reference["status"])),
        "same_end": int(np.sum(alike)),
        "difference_of_these": float(np.max(apart[alike], initial=0.0)),
        "difference": float(np.max(apart)),
    }


# Output --------------------------------------------------------------------------------------------------------------


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    place = {"program": record["program"], "type": record["dtype"], "lanes": f"{record['width']:,}"}
    if "missing" in record:
        return place | {"x C++": record["missing"]}
    spread = record["nanoseconds"]
    return place | {
        "ns": f"{spread['median']:.2f}",
        "min .. max": f"{spread['minimum']:.2f} .. {spread['maximum']:.2f}",
        "x C++": common.ratio(record["speed"]),
    }


def compared(name: str, found: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table of answers."""
    return {
        "answers": name,
        "runs": str(found["runs"]),
        "same status": str(found["same_status"]),
        "and epoch": str(found["same_end"]),
        "these differ by": f"{found['difference_of_these']:.0e}",
        "all by": f"{found['difference']:.0e}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the tables with what is needed to read them."""
    lines = [common.table([cells(row) for row in record["results"]]), ""]
    least = min(row["improving"] for row in record["results"] if "improving" in row)
    lines += [
        "ns: per run-epoch, median over rounds: measure train gradient and validation log-likelihood, ascend,",
        "decide, keep the best. Every run has its own sample and settings; all lanes are busy, and at least",
        f"{least:.0%} of the runs improve, as runs do nearly all the time before they end. x C++: speed beside the C++",
        "fast-math row of the same type, the median of ratios within a round: all rows are measured in turn.",
        "fast-math: -O3 -march=native -ffast-math. More cores: python -m benchmarks cores.",
    ]
    lines += ["", common.table([compared(name, found) for name, found in record["agreement"].items()])]
    lines += [
        "The same runs by the reference rule, all to their ends, beside C++ fast-math. Relative differences of the",
        "estimates. The epoch hangs on rounding where log-likelihoods differ by less than their last digits resolve,",
        "as C++ -O3 shows, the same program with other rounding.",
    ]
    return "\n".join([*lines, common.describe(record["environment"])])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="repetitions of everything (default 15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of one repetition (default 0.1)")
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 512, 1024, 4096], help="lanes")
    parser.add_argument("--runs", type=int, default=512, help="runs whose answers are compared (default 512)")


def results(widths: Sequence[int], dtypes: Sequence[str], rounds: int, seconds: float, runs: int) -> dict[str, Any]:
    """Measure and compare everything."""
    one = measure(table_rows(widths, dtypes), rounds, seconds)
    add_ratios(one)
    found = answers(batch(runs, ANSWER_RATES))
    reference = found.pop(YARDSTICK, found["NumPy"])
    alike = {name: agreement(answer, reference) for name, answer in found.items()}
    return {"results": one, "agreement": alike}


def main(arguments: argparse.Namespace) -> None:
    found = results(arguments.widths, ("float64", "float32"), arguments.rounds, arguments.seconds, arguments.runs)
    record = {"benchmark": "epochs", "environment": common.environment(), **found}
    common.write(record, report(record), arguments)
