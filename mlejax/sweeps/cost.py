"""What a sweep will need, predicted from a short calibration."""

import contextlib
import dataclasses
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from .. import devices as local
from ..models.parameters import Parameters
from ..progress import Progress, Tally
from ..results.schema import QUANTITIES
from ..results.text import duration, size
from ..samples.gather import Samples
from ..store.layout import batch_shape, encoded
from .measure import Measured, Work, samples_for
from .spec import SweepSpec

FEW_RUNS, MANY_RUNS = 2048, 131_072
FEW_SEEDS, MANY_SEEDS = 4, 2048
RAW_RUNS, RAW_SEEDS = 64, 4
"""What a trial begins with, and the most that it goes up to; on raw observations it tries this many runs and seeds."""

TRIAL_SECONDS = 0.4
"""How long the larger trial of drawing or of training is to take, if there is enough to do."""

MOST_SECONDS = 1.0
"""After how long a trial of training is stopped, compilation excluded: some of its runs have not ended then."""

TIMING_ERROR = 0.15
"""By how much a time is uncertain, as a share of it, where two measurements of it agree."""

WORKING_BYTES = 4
"""Per run, besides its results: whether it has ended, and whether it waits."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a sweep will need."""

    runs: int
    batches: int  # of results on disk
    runs_per_batch: int
    devices: str
    representation: str  # of the samples, and why
    run_epochs: float  # useful ones
    executed_run_epochs: float
    drawing_seconds: float
    training_seconds: float  # measuring what runs found included
    starting_seconds: float  # start-up: mostly compilation, imports excluded
    memory_bytes: float  # of the process at most, where it keeps the results
    stored_memory_bytes: float  # likewise, where results go to a directory
    disk_bytes: float
    tried_runs: int  # what all of this is predicted from
    tried_seeds: int
    uncertain_seconds: float  # of drawing and training: a standard error, if the machine stays as busy as it was

    def __str__(self) -> str:
        seconds = self.drawing_seconds + self.training_seconds + self.starting_seconds
        batches = f"{self.batches:,} batches of at most {self.runs_per_batch:,}" if self.batches > 1 else "one batch"
        rows = [
            ["runs", f"{self.runs:,} in {batches}"],
            ["devices", self.devices],
            ["samples", self.representation],
            ["run-epochs", f"{self.run_epochs:.3g} useful, {self.executed_run_epochs:.3g} executed"],
            ["drawing", duration(self.drawing_seconds)],
            ["training", duration(self.training_seconds)],
            ["starting", f"{duration(self.starting_seconds)}, mostly compilation"],
            ["in all", f"{duration(seconds)}, give or take {duration(self.uncertain_seconds)}"],
            ["tried", f"{self.tried_runs:,} runs on {self.tried_seeds:,} seeds"],
            ["memory", f"{size(self.stored_memory_bytes)}, or {size(self.memory_bytes)} with all results in it"],
            ["disk", size(self.disk_bytes)],
        ]
        return "\n".join(f"{name:<12}{text}" for name, text in rows)


def estimate_cost(
    spec: SweepSpec[Any], *, devices: Sequence[local.Device] | None = None, progress: bool = True
) -> Cost:
    """Predict what a sweep will need, from some of its runs on some of its seeds.

    Args:
        spec: the sweep, from `SweepSpec.checked`.
        devices: the devices to use; all local ones by default.
        progress: show a progress bar.

    Returns:
        Run-epochs, seconds, and bytes of memory and disk.

    Example:
        >>> import mlejax
        >>> spec = mlejax.SweepSpec.checked(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(4), learning_rates=[0.5],
        ...     observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 100), max_epochs=50,
        ... )
        >>> mlejax.estimate_cost(spec, progress=False).runs
        4
    """
    local.start()
    mesh, axis, random = local.mesh(devices), spec.source.axis, np.random.default_rng(0)
    seeds = spec.axes[axis]
    some = random.choice(seeds, min(MANY_SEEDS, len(seeds)), replace=False)
    with Progress(enabled=progress) as told, local.own_settings():
        told.say("trying some of the runs")

        def draw(count: int) -> tuple[SweepSpec, Samples]:
            part = spec.with_axes(**{axis: np.sort(some[:count])})
            return part, samples_for(part, np.ones(part.shape, bool), mesh, Progress(enabled=False))

        drawing = _calibrate(draw, FEW_SEEDS, len(some))
        part, samples = drawing.result
        setting = local.tuning(mesh.devices.flat[0])
        # As many as fill the lanes of a large sweep, so that their program is compiled once.
        few, most = max(FEW_RUNS, setting.lanes * setting.fillings * mesh.size), int(np.max(spec.stopping.max_epochs))
        trained, tried, groups = [], np.zeros(0, np.int64), _alike(part, samples)
        for alike in groups:
            among = alike if isinstance(alike, int) else len(alike)
            ids = random.choice(alike, min(MANY_RUNS if samples.stacks else RAW_RUNS, among), replace=False)
            training = _calibrate(lambda count, ids=ids: _try(part, samples, mesh, ids[:count]), few, len(ids))
            trained.append(_Training.predicted(training, spec.run_count / len(groups), most, setting.epochs))
            tried = np.concatenate([tried, ids[: training.count]])
    drawing_seconds = drawing.predicted(len(seeds))
    training_seconds = sum(each.seconds for each in trained)
    errors = drawing_seconds * drawing.error, *(each.seconds * each.error for each in trained)
    results = [found for each in trained for found in each.results]
    batch, working = batch_shape(spec.shape), _resident() + spec.run_count * WORKING_BYTES
    return Cost(
        runs=spec.run_count,
        batches=math.prod(-(-n // size) for n, size in zip(spec.shape, batch, strict=True)),
        runs_per_batch=math.prod(batch),
        devices=local.describe(mesh),
        representation=samples.representation,
        run_epochs=sum(each.useful for each in trained),
        executed_run_epochs=sum(each.executed for each in trained),
        drawing_seconds=drawing_seconds,
        training_seconds=training_seconds,
        starting_seconds=drawing.starting + sum(each.starting for each in trained),
        memory_bytes=working + spec.run_count * _bytes_per_run(spec),
        stored_memory_bytes=working,
        disk_bytes=spec.run_count * (_stored_bytes_per_run(results) or float(_bytes_per_run(spec))),
        tried_runs=len(tried),
        tried_seeds=len(np.unique(np.unravel_index(tried, part.shape)[list(part.axes).index(axis)])),
        uncertain_seconds=math.hypot(*errors),
    )


@dataclasses.dataclass(frozen=True)
class _Calibration:
    """Some work done with little and with more of it, in seconds; and what came of the latter."""

    starting: float  # extra seconds of the first call
    less: tuple[int, float]
    count: int
    seconds: float
    error: float  # of a time predicted from it, as a share
    result: Any

    def predicted(self, count: int) -> float:
        """Predict from the difference of the two, which is free of what is paid once."""
        more = self.count - self.less[0]
        each = (self.seconds - self.less[1]) / more if more else 0.0
        return self.seconds + (count - self.count) * (each if each > 0 else self.seconds / self.count)


@dataclasses.dataclass(frozen=True)
class _Training:
    """What runs that take alike long an epoch will need."""

    useful: float  # run-epochs
    executed: float  # likewise
    seconds: float
    error: float  # of them, as a share
    starting: float  # seconds, once
    results: list[Measured]  # of the runs that were tried

    @classmethod
    def predicted(cls, training: _Calibration, runs: float, most: int, between: int) -> "_Training":
        """Predict it from a trial of some of them.

        Args:
            training: the trial.
            runs: how many there are.
            most: the epochs after which a run ends, at most.
            between: epochs between two looks at a lane.
        """
        trial: _Trial = training.result
        tally, scale = trial.tally, runs / training.count
        useful, unsure = trial.run_epochs(training.count, most)
        # What lanes go through besides useful epochs: half a visit for every run, and their emptying at the end, once.
        half = between / 2 * training.count
        ending = max(0.0, tally.executed - tally.useful - half) if trial.finished else 0.0
        executed = scale * (useful + half) + ending
        seconds = executed * training.seconds / max(tally.executed, 1)
        error = math.hypot(training.error, unsure)
        return cls(scale * useful, executed, seconds, error, training.starting, trial.results)


def _alike(part: SweepSpec[Any], samples: Samples) -> list[int | np.ndarray]:
    """Return the numbers of runs to try, or how many of the first: those whose epochs take alike long together.

    On raw observations seeds come one after another, so of these there are a few, and an epoch takes as long as there
    are observations.
    """
    if samples.stacks:
        return [part.run_count]
    seeds, counts = min(RAW_SEEDS, part.shape[0]), part.sample_count // part.shape[0]
    by_count = np.arange(part.run_count // part.shape[0] * seeds).reshape(seeds, counts, -1)
    return [by_count[:, place].ravel() for place in range(counts)]


def _calibrate(work: Callable[[int], Any], few: int, most: int) -> _Calibration:
    """Do a little of it, and then as much as takes long enough to be measured; each once more than is timed.

    The first time of every amount may compile: more runs may mean more lanes.
    """
    count, starting, times = min(few, most), 0.0, []
    less: tuple[int, float] | None = None
    while True:
        first, _ = _timed(work, count)
        times = [_timed(work, count)]
        seconds = times[0][0]
        starting = max(starting, first - seconds)
        less = less or (count, seconds)
        if count == most or seconds >= TRIAL_SECONDS / 2:
            break
        # No more than 16 times as much at once: most of a short time may be what every call costs.
        count = min(most, int(count * np.clip(TRIAL_SECONDS / max(seconds, 1e-3), 2, 16)))
    if seconds < MOST_SECONDS / 2:
        times.append(_timed(work, count))
    times.sort(key=lambda timed: timed[0])
    seconds, result = times[0]
    error = max(TIMING_ERROR, times[-1][0] / seconds - 1)
    return _Calibration(starting, less, count, seconds, error, result)


def _timed(work: Callable[[int], Any], count: int) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work(count)
    return time.perf_counter() - began, result


class _Enough(Exception):
    """A trial has taken as long as it may."""


class _Trial(Progress):
    """Some runs under way for a limited time, and what came of them; nothing is shown."""

    def __init__(self) -> None:
        super().__init__(enabled=False)
        self.tally, self.ended, self.finished = Tally(), 0, False
        self.results: list[Measured] = []
        self.deadline = math.inf

    def compiling(self, begins: bool) -> None:
        """Let the time begin once the compiler is done."""
        super().compiling(begins)
        self.deadline = math.inf if begins else time.perf_counter() + MOST_SECONDS

    def runs_done(self, count: int, tally: Tally) -> None:
        """Count runs, and end the trial when it has taken long enough."""
        self.ended += count
        if self.deadline == math.inf:
            self.deadline = time.perf_counter() + MOST_SECONDS
        if time.perf_counter() > self.deadline:
            raise _Enough

    def run_epochs(self, count: int, most: int) -> tuple[float, float]:
        """Return the epochs of so many runs tried, and how uncertain those of others are, as a share of them.

        A run that has not ended takes no fewer epochs than it has had, and no more than `most`.
        """
        if not self.finished:
            high = self.tally.useful + (count - self.ended) * float(most)
            low = min(float(self.tally.executed), high)  # lanes may have been empty
            middle = (low + high) / 2
            return middle, (middle - low) / max(middle, 1.0)
        epochs = np.concatenate([np.asarray(outcome.epochs, float) for _, outcome in self.results])
        return float(epochs.sum()), float(np.std(epochs) / math.sqrt(len(epochs)) / max(np.mean(epochs), 1.0))


def _try(spec: SweepSpec[Any], samples: Samples, mesh: Mesh, ids: np.ndarray) -> _Trial:
    """Run some runs of a sweep to their ends, or for as long as a trial may take."""
    trial, wanted = _Trial(), np.zeros(spec.shape, bool)
    wanted.flat[ids] = True
    trial.train(len(ids), 0)
    with (
        contextlib.suppress(_Enough),
        contextlib.closing(Work(spec, mesh, trial.tally, trial).outcomes(samples, wanted)) as made,
    ):
        trial.results += made
        trial.finished = True
    return trial


def _bytes_per_run(spec: SweepSpec) -> int:
    return 8 * Parameters.of(spec.start).size + sum(np.dtype(kept.dtype).itemsize for kept in QUANTITIES.values())


def _stored_bytes_per_run(results: list[Any]) -> float:
    """Return what the store's compression leaves of these runs, array by array, neighbors side by side; 0 of none."""
    if not results:
        return 0.0
    order = np.argsort(np.concatenate([ids for ids, _ in results]))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(outcome for _, outcome in results))
    arrays = [np.asarray(getattr(outcome, kept.name), kept.dtype) for kept in QUANTITIES.values()]
    arrays += jax.tree.leaves(outcome.model)
    return sum(len(encoded(np.ascontiguousarray(array))) for array in arrays) / len(order)


def _resident() -> float:
    """Return the most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
