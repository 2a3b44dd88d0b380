"""What a sweep will need, predicted from a short calibration."""

import dataclasses
import math
import resource
import sys
import time
from typing import Any

import jax
import numpy as np
from numcodecs import Zstd

from .devices import describe
from .models import Model
from .models.base import parameter_names
from .progress import Progress
from .results import QUANTITIES
from .schedule import Tally, tuning
from .store import batch_shape
from .sweep import Job, outcomes, prepare

CALIBRATION_RUNS = 8192
CALIBRATION_SEEDS = 32
RAW_CALIBRATION_RUNS = 64
REPEATS = 4


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
            ["drawing", _duration(self.drawing_seconds)],
            ["training", _duration(self.training_seconds)],
            ["starting", f"{_duration(self.starting_seconds)}, mostly compilation"],
            ["in all", _duration(seconds)],
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
    seeds = np.atleast_1d(np.asarray(seeds))
    random = np.random.default_rng(0)
    some = np.sort(random.choice(seeds, min(CALIBRATION_SEEDS, len(seeds)), replace=False))
    with Progress(enabled=progress) as bar, jax.enable_x64(True):
        job, first_draw = _timed(lambda: prepare(model, seeds=some, **arguments, bar=bar))
        job, draw = _timed(lambda: prepare(model, seeds=some, **arguments, bar=bar))
        total = job.plan.count // len(some) * len(seeds)
        most = CALIBRATION_RUNS if job.data.factored else RAW_CALIBRATION_RUNS
        ids = random.permutation(job.plan.count)[:most]
        bar.train((REPEATS + 1) * len(ids), 0)
        _, first_run = _timed(lambda: _run(job, ids[: len(ids) // 8 or 1], bar))
        (few, _), short = _soonest(lambda: _run(job, ids[: len(ids) // 8 or 1], bar))
        (tally, results), run = _soonest(lambda: _run(job, ids, bar))
    scale = total / len(ids)
    # What lanes go through besides useful epochs: half a visit for every run, and their emptying at the end, once.
    per_run = tuning(job.mesh.devices.flat[0]).epochs / 2
    ending = max(0.0, tally.executed - tally.useful - per_run * len(ids))
    executed = scale * (tally.useful + per_run * len(ids)) + ending
    # The difference of the two calibrations is free of what every sweep pays once.
    more = tally.executed - few.executed
    pace = (run - short) / more if more > 0 and run > short else run / max(tally.executed, 1)
    shape = (len(seeds), *job.plan.shape[1:])
    batch = batch_shape(shape)
    return Explanation(
        runs=total,
        batches=math.prod(-(-n // size) for n, size in zip(shape, batch, strict=True)),
        runs_per_batch=math.prod(batch),
        devices=describe(job.mesh),
        path=job.data.path,
        run_epochs=scale * tally.useful,
        executed_run_epochs=executed,
        drawing_seconds=draw * len(seeds) / len(some),
        training_seconds=run + pace * max(0.0, executed - tally.executed),
        starting_seconds=max(0.0, first_draw - draw) + max(0.0, first_run - short),
        memory_bytes=_resident() + total * (_bytes_per_run(job) + WORKING_BYTES),
        disk_bytes=total * _stored_bytes_per_run(results),
    )


def _timed(work: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def _soonest(work: Any) -> tuple[Any, float]:
    """The quickest of a few times: whatever else the machine does only ever adds."""
    return min((_timed(work) for _ in range(REPEATS)), key=lambda timed: timed[1])


def _run(job: Job, ids: np.ndarray, bar: Progress) -> tuple[Tally, list[Any]]:
    tally = Tally()
    return tally, list(outcomes(job, ids, tally, bar))


def _bytes_per_run(job: Job) -> int:
    return 8 * len(parameter_names(job.start)) + sum(np.dtype(kind).itemsize for kind, _, _ in QUANTITIES.values())


def _stored_bytes_per_run(results: list[Any]) -> float:
    """What the store's compression leaves of these runs, array by array, neighbours side by side."""
    order = np.argsort(np.concatenate([ids for ids, _ in results]))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(outcome for _, outcome in results))
    arrays = [np.asarray(getattr(outcome, name), kind) for name, (kind, _, _) in QUANTITIES.items()]
    arrays += jax.tree.leaves(outcome.model)
    return sum(len(Zstd(level=1).encode(np.ascontiguousarray(array))) for array in arrays) / len(order)


def _resident() -> float:
    """The most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
