"""What a sweep will need, predicted from a short calibration."""

import dataclasses
import functools
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
from ..models.parameters import parameter_names
from ..progress import Progress, Tally
from ..results.schema import QUANTITIES
from ..results.text import duration, size
from ..samples.gather import Samples
from ..store.layout import batch_shape, encoded
from .measure import Measured, Work, samples_for
from .spec import SweepSpec

FEW_RUNS, MANY_RUNS = 2048, 131_072
FEW_SEEDS, MANY_SEEDS = 32, 2048
RAW_RUNS = 64
"""What a calibration begins with, and the most that it goes up to; on raw observations it begins with fewer runs."""

CALIBRATION_SECONDS = 0.5
"""How long the larger of two calibrations is to take, if there is enough to do; more where a little takes longer."""

GROWTH = 4
REPEATS = 3

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
            ["in all", duration(seconds)],
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
    with Progress(enabled=progress) as told, jax.enable_x64(True):

        def draw(count: int) -> tuple[SweepSpec, Samples]:
            part = spec.with_axes(**{axis: np.sort(some[:count])})
            return part, samples_for(part, np.ones(part.shape, bool), mesh, told)

        drawing = _calibrate(draw, FEW_SEEDS, len(some))
        part, samples = drawing.result
        ids = np.arange(part.run_count)  # seed by seed: on raw observations the runs of a seed go together
        stacked = bool(samples.stacks)
        if stacked:
            ids = random.choice(part.run_count, min(MANY_RUNS, part.run_count), replace=False)
        run = functools.partial(_run, part, samples, mesh, told)
        training = _calibrate(lambda count: run(ids[:count]), FEW_RUNS if stacked else RAW_RUNS, len(ids))
    tally, results = training.result
    scale = spec.run_count / training.count
    # What lanes go through besides useful epochs: half a visit for every run, and their emptying at the end, once.
    between = local.tuning(mesh.devices.flat[0]).epochs / 2 * training.count
    ending = max(0.0, tally.executed - tally.useful - between)
    batch, working = batch_shape(spec.shape), _resident() + spec.run_count * WORKING_BYTES
    return Cost(
        runs=spec.run_count,
        batches=math.prod(-(-n // size) for n, size in zip(spec.shape, batch, strict=True)),
        runs_per_batch=math.prod(batch),
        devices=local.describe(mesh),
        representation=samples.representation,
        run_epochs=scale * tally.useful,
        executed_run_epochs=scale * (tally.useful + between) + ending,
        drawing_seconds=drawing.predicted(len(seeds)),
        training_seconds=training.predicted(spec.run_count),
        starting_seconds=drawing.starting + training.starting,
        memory_bytes=working + spec.run_count * _bytes_per_run(spec),
        stored_memory_bytes=working,
        disk_bytes=spec.run_count * _stored_bytes_per_run(results),
    )


@dataclasses.dataclass(frozen=True)
class _Calibration:
    """Some work done with little and with more of it, in seconds; and what came of the latter."""

    starting: float  # extra seconds of the first call
    less: tuple[int, float]
    count: int
    seconds: float
    result: Any

    def predicted(self, count: int) -> float:
        """Predict from the difference of the two, which is free of what is paid once."""
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
    """Return the middle one of a few times, or fewer where one takes long."""
    times = [_timed(work, count)]
    while len(times) < REPEATS and sum(seconds for seconds, _ in times) < REPEATS * CALIBRATION_SECONDS:
        times.append(_timed(work, count))
    return sorted(times, key=lambda timed: timed[0])[len(times) // 2]


def _timed(work: Callable[[int], Any], count: int) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work(count)
    return time.perf_counter() - began, result


def _run(
    spec: SweepSpec[Any], samples: Samples, mesh: Mesh, told: Progress, ids: np.ndarray
) -> tuple[Tally, list[Measured]]:
    tally = Tally()
    told.train(len(ids), 0)
    wanted = np.zeros(spec.shape, bool)
    wanted.flat[ids] = True
    return tally, list(Work(spec, mesh, tally, told).outcomes(samples, wanted))


def _bytes_per_run(spec: SweepSpec) -> int:
    return 8 * len(parameter_names(spec.start)) + sum(np.dtype(kept.dtype).itemsize for kept in QUANTITIES.values())


def _stored_bytes_per_run(results: list[Any]) -> float:
    """Return what the store's compression leaves of these runs, array by array, neighbours side by side."""
    order = np.argsort(np.concatenate([ids for ids, _ in results]))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(outcome for _, outcome in results))
    arrays = [np.asarray(getattr(outcome, kept.name), kept.dtype) for kept in QUANTITIES.values()]
    arrays += jax.tree.leaves(outcome.model)
    return sum(len(encoded(np.ascontiguousarray(array))) for array in arrays) / len(order)


def _resident() -> float:
    """Return the most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
