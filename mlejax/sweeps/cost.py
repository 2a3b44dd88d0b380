"""What a sweep will need, predicted from a short calibration."""

import dataclasses
import math
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..devices import describe, tuning
from ..models import Model
from ..models.parameters import parameter_names
from ..progress import Progress, Tally
from ..results.schema import QUANTITIES
from ..results.text import duration
from ..store.layout import batch_shape, encoded
from .measure import outcomes
from .prepare import Job, prepare

FEW_RUNS, MANY_RUNS = 2048, 131_072
FEW_SEEDS, MANY_SEEDS = 32, 2048
RAW_RUNS = 64
"""What a calibration begins with, and the most that it goes up to; on raw observations it begins with fewer runs."""

CALIBRATION_SECONDS = 0.5
"""How long the larger of two calibrations is to take, if there is enough to do; more where a little takes longer."""

GROWTH = 4
REPEATS = 3

WORKING_BYTES = 40
"""Per run, besides its results: its place in the line and in the order, and its batch."""


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a sweep will need."""

    runs: int
    batches: int  # of results on disk
    runs_per_batch: int
    devices: str
    path: str  # how samples are represented, and why
    run_epochs: float  # useful ones
    executed_run_epochs: float
    drawing_seconds: float
    training_seconds: float  # measuring what runs found included
    starting_seconds: float  # imports not counted: mostly compilation; what this calibration took besides the work
    memory_bytes: float  # of the process at most
    disk_bytes: float

    def __str__(self) -> str:
        seconds = self.drawing_seconds + self.training_seconds + self.starting_seconds
        rows = [
            ["runs", f"{self.runs:,} in {self.batches:,} batches of at most {self.runs_per_batch:,}"],
            ["devices", self.devices],
            ["samples", self.path],
            ["run-epochs", f"{self.run_epochs:.3g} useful, {self.executed_run_epochs:.3g} executed"],
            ["drawing", duration(self.drawing_seconds)],
            ["training", duration(self.training_seconds)],
            ["starting", f"{duration(self.starting_seconds)}, mostly compilation"],
            ["in all", duration(seconds)],
            ["memory", f"{self.memory_bytes / 2**20:,.0f} MiB"],
            ["disk", f"{self.disk_bytes / 2**20:,.1f} MiB"],
        ]
        return "\n".join(f"{name:<12}{text}" for name, text in rows)


def explain(model: Model, *, seeds: Any, progress: bool = True, **arguments: Any) -> Explanation:
    """Predict what `sweep` with these arguments will need, from some of its runs on some of its seeds.

    Args:
        model, seeds, **arguments: as `sweep` takes them, `out` and `repair` excepted.
        progress: show a progress bar.
    """
    seeds, random = np.atleast_1d(np.asarray(seeds)), np.random.default_rng(0)
    some = random.choice(seeds, min(MANY_SEEDS, len(seeds)), replace=False)
    with Progress(enabled=progress) as bar, jax.enable_x64(True):
        drawing = _calibrate(
            lambda n: prepare(model, seeds=np.sort(some[:n]), **arguments, bar=bar), FEW_SEEDS, len(some)
        )
        job = drawing.result
        ids = np.arange(job.plan.count)  # seed by seed: on raw observations the runs of a seed go together
        if job.data.factored:
            ids = random.choice(job.plan.count, min(MANY_RUNS, job.plan.count), replace=False)
        training = _calibrate(lambda n: _run(job, ids[:n], bar), FEW_RUNS if job.data.factored else RAW_RUNS, len(ids))
    tally, results = training.result
    total = job.plan.count // drawing.count * len(seeds)
    scale = total / training.count
    # What lanes go through besides useful epochs: half a visit for every run, and their emptying at the end, once.
    between = tuning(job.mesh.devices.flat[0]).epochs / 2 * training.count
    ending = max(0.0, tally.executed - tally.useful - between)
    shape = (len(seeds), *job.plan.shape[1:])
    batch = batch_shape(shape)
    return Explanation(
        runs=total,
        batches=math.prod(-(-n // size) for n, size in zip(shape, batch, strict=True)),
        runs_per_batch=math.prod(batch),
        devices=describe(job.mesh),
        path=job.data.path,
        run_epochs=scale * tally.useful,
        executed_run_epochs=scale * (tally.useful + between) + ending,
        drawing_seconds=drawing.predicted(len(seeds)),
        training_seconds=training.predicted(total),
        starting_seconds=drawing.starting + training.starting,
        memory_bytes=_resident() + total * (_bytes_per_run(job) + WORKING_BYTES),
        disk_bytes=total * _stored_bytes_per_run(results),
    )


@dataclasses.dataclass(frozen=True)
class _Calibration:
    """Some work done with little and with more of it, in seconds; and what came of the latter."""

    starting: float  # what a first time takes longer
    less: tuple[int, float]
    count: int
    seconds: float
    result: Any

    def predicted(self, count: int) -> float:
        """The difference of the two is free of what is paid once."""
        more = self.count - self.less[0]
        each = (self.seconds - self.less[1]) / more if more else 0.0
        return self.seconds + (count - self.count) * (each if each > 0 else self.seconds / self.count)


def _calibrate(work: Callable[[int], Any], few: int, most: int) -> _Calibration:
    """Do more and more of it until it takes long enough to be measured."""
    count, less, starting = min(few, most), None, 0.0
    while True:
        first, _ = _timed(work, count)  # more runs may mean more lanes: a compilation of its own
        seconds, result = _median(work, count)
        starting = max(starting, first - seconds)
        less = less or (count, seconds)
        if count == most or seconds >= CALIBRATION_SECONDS:
            return _Calibration(starting, less, count, seconds, result)
        count = min(GROWTH * count, most)


def _median(work: Callable[[int], Any], count: int) -> tuple[float, Any]:
    """The middle one of a few times, or fewer where one takes long."""
    times = [_timed(work, count)]
    while len(times) < REPEATS and sum(seconds for seconds, _ in times) < REPEATS * CALIBRATION_SECONDS:
        times.append(_timed(work, count))
    return sorted(times, key=lambda timed: timed[0])[len(times) // 2]


def _timed(work: Callable[[int], Any], count: int) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work(count)
    return time.perf_counter() - began, result


def _run(job: Job, ids: np.ndarray, bar: Progress) -> tuple[Tally, list[Any]]:
    tally = Tally()
    bar.train(len(ids), 0)
    return tally, list(outcomes(job, ids, tally, bar))


def _bytes_per_run(job: Job) -> int:
    return 8 * len(parameter_names(job.start)) + sum(np.dtype(kept.dtype).itemsize for kept in QUANTITIES.values())


def _stored_bytes_per_run(results: list[Any]) -> float:
    """What the store's compression leaves of these runs, array by array, neighbours side by side."""
    order = np.argsort(np.concatenate([ids for ids, _ in results]))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(outcome for _, outcome in results))
    arrays = [np.asarray(getattr(outcome, kept.name), kept.dtype) for kept in QUANTITIES.values()]
    arrays += jax.tree.leaves(outcome.model)
    return sum(len(encoded(np.ascontiguousarray(array))) for array in arrays) / len(order)


def _resident() -> float:
    """The most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
