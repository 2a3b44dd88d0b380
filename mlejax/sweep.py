"""Many runs: axes -> runs -> lanes -> results."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import checks
from .collect import Results
from .datasets import Datasets, datasets
from .devices import describe
from .devices import mesh as device_mesh
from .devices import start as start_devices
from .fitting import cast
from .lanes import Engine
from .models import Model
from .models.base import M, with_dtype
from .plan import Along, Plan, axes_and_runs
from .progress import Progress
from .provenance import computed_by, fingerprint, settings_of
from .results import SweepResult
from .schedule import Tally, run_all, tuning
from .training import Outcome, TrainState, conclude

CONCLUDED_TOGETHER = 4096
"""Runs that are measured by one call once they have ended; always so many, so that one compilation serves all."""

RAW_CONCLUDED_TOGETHER = 64
"""Likewise where each of them goes over raw observations: memory is this many times their number."""

SECONDS_BETWEEN_CONCLUSIONS = 1.0
"""How long runs that have ended wait for others at most."""


def sweep(
    model: M,
    *,
    seeds: Any,
    learning_rates: Any,
    observations: Any = 100_000,
    target: Model | None = None,
    draw: str = "jax",
    starts: Sequence[M] | None = None,
    validation_fraction: float | int = 0.2,
    split_seed: int = 42,
    base_seed: int = 0,
    max_epochs: Any = 10_000,
    patience: Any = 50,
    tolerance: Any = 1e-8,
    optimizer: Any = None,
    dtype: Any = np.float64,
    summarise: bool = True,
    devices: Sequence[Any] | None = None,
    out: str | Path | None = None,
    repair: bool = False,
    attributes: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> SweepResult[M]:
    """Run gradient ascent for every combination of seeds, learning rates and whatever else is given as a sequence.

    Args:
        model: the start point; scalar parameters.
        seeds: whole numbers. Each is a sample of its own (drawn data), or a split of its own (data given).
        learning_rates: one axis of rates for all parameters, or a model with a number or a sequence per parameter,
            such as `Normal([0.1, 1.0], [1.0, 10.0])`, whose sequences become axes `learning_rate.mean`, ...
        observations: how many to draw from `target` per seed, or the data, (n,).
        target: the model to draw from; by default, where `model` is a Normal, the article's N(7.2, 2.8^2).
        draw: `"jax"`: independent draws from `fold_in(key(base_seed), seed)`; `"numpy"`: the article's legacy stream
            `RandomState(seed)` and its split; `"statistics"`: a sample's sufficient statistics drawn directly, exact
            in distribution, for families with `draw_closed_form`.
        starts: start points to use in place of `model`: an axis `start`, numbered from 0.
        validation_fraction: as in `fit`.
        split_seed: of the split that `draw="numpy"` makes.
        base_seed: of the key that draws by JAX are folded from.
        max_epochs: as in `fit`; a sequence becomes an axis.
        patience: as in `fit`; a sequence becomes an axis.
        tolerance: as in `fit`; a sequence becomes an axis.
        optimizer: as in `fit`.
        dtype: `float64` or `float32`.
        summarise: whether to look for sufficient statistics.
        devices: the devices to use; all local ones by default.
        out: a directory for the results: a Zarr store, which xarray opens at any time. The same sweep again goes on
            where it was interrupted; one with more values along an axis computes only the new runs.
        repair: recompute damaged batches of `out`.
        attributes: further attributes of the result: plain values, as JSON has them.
        progress: show a progress bar on standard error.

    Returns:
        A `SweepResult` whose arrays have the shape of the axes, in the order seed, start, learning rates, max_epochs,
        patience, tolerance. A run's result depends on nothing else in the sweep.

    Raises:
        TypeError, ValueError: an argument is not as described; the message names the value, its place and the rule.
        StoreError: (a ValueError) `out` cannot be used; the message says why and what to do.

    Example:
        >>> import mlejax
        >>> result = mlejax.sweep(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(3), learning_rates=[0.5, 2.0], observations=1000, max_epochs=2000
        ... )
        >>> result.model.mean.shape, list(result.axes)
        ((3, 2), ['seed', 'learning_rate'])
    """
    own = checks.attributes(attributes or {})
    with Progress(enabled=progress) as bar:
        job = prepare(
            model, seeds=seeds, learning_rates=learning_rates, observations=observations, target=target, draw=draw,
            starts=starts, validation_fraction=validation_fraction, split_seed=split_seed, base_seed=base_seed,
            max_epochs=max_epochs, patience=patience, tolerance=tolerance, optimizer=optimizer, dtype=dtype,
            summarise=summarise, devices=devices, bar=bar,
        )  # fmt: skip
        tally = Tally()
        with jax.enable_x64(True), Results(job.plan, job.start, job.settings, out, repair) as results:
            waiting = results.waiting()
            bar.train(job.plan.count, job.plan.count - len(waiting))
            with contextlib.closing(outcomes(job, waiting, tally, bar)) as ended:
                for ids, outcome in ended:
                    results.put(ids, outcome)
            made = {
                "path": job.data.path,
                "device": describe(job.mesh),
                "useful_run_epochs": tally.useful,
                "executed_run_epochs": tally.executed,
            }
            return results.finish(job.data, job.settings | made | own, bar.waiting_for)


@dataclasses.dataclass(frozen=True)
class Job:
    """A sweep that is ready to run."""

    start: Model
    plan: Plan
    data: Datasets
    optimizer: Any
    dtype: np.dtype
    mesh: Any
    settings: dict[str, Any]  # what decides the results besides the axes


def prepare(
    model: Model,
    *,
    seeds: Any,
    learning_rates: Any,
    observations: Any = 100_000,
    target: Model | None = None,
    draw: str = "jax",
    starts: Sequence[Model] | None = None,
    validation_fraction: float | int = 0.2,
    split_seed: int = 42,
    base_seed: int = 0,
    max_epochs: Any = 10_000,
    patience: Any = 50,
    tolerance: Any = 1e-8,
    optimizer: Any = None,
    dtype: Any = np.float64,
    summarise: bool = True,
    devices: Sequence[Any] | None = None,
    bar: Progress,
) -> Job:
    """Check the arguments of `sweep`, lay out its runs, and draw or cut their samples."""
    start_devices()
    dtype = checks.floating_type(dtype)
    start = with_dtype(model, np.float64)
    with jax.enable_x64(True):
        mesh = device_mesh(devices)
        axes, run = axes_and_runs(start, seeds, starts, learning_rates, max_epochs, patience, tolerance)
        bar.draw(len(axes["seed"]))
        data, draws = datasets(
            start, axes["seed"], observations, target, draw, validation_fraction, split_seed, base_seed, summarise
        )
        if data.factored:
            data.summarise(mesh, draws, bar.seeds_done)
        train, validation = jax.tree.map(lambda leaf: Along(np.asarray(leaf), 0), (data.train, data.validation))
        plan = Plan(axes, dataclasses.replace(run, train=train, validation=validation))
        settings = {"computed_by": computed_by(mesh), "dtype": dtype.name}
        settings |= settings_of(plan, data, validation_fraction) | {"optimizer": fingerprint(optimizer, start)}
    return Job(start, plan, data, optimizer, dtype, mesh, settings)


Ended = tuple[np.ndarray, Outcome]
"""Run numbers and what became of them."""


def outcomes(job: Job, waiting: np.ndarray, tally: Tally, bar: Progress) -> Generator[Ended, None, None]:
    """All runs together, or seed by seed where observations are raw. To be closed when left early."""
    if not len(waiting):
        return
    if job.data.factored:
        yield from _concluded(job, waiting, (None, None), tally, bar)
        return
    seed_of = job.plan.index(waiting)[0]
    for seed in np.unique(seed_of):
        yield from _concluded(job, waiting[seed_of == seed], job.data.of(int(seed)), tally, bar)


def _concluded(job: Job, ids: np.ndarray, shared: Any, tally: Tally, bar: Progress) -> Generator[Ended, None, None]:
    """Run these runs; measure what they found in float64, many at a time, while the devices go on."""
    plan, devices, cast_shared = job.plan, list(job.mesh.devices.flat), cast(shared, job.dtype)
    example, setting = cast(plan.example(), job.dtype), tuning(devices[0])
    engine = Engine.of(example, cast_shared, job.optimizer, job.dtype, setting.chunk, setting.unroll)
    held, since = [], time.monotonic()
    landed = run_all(engine, devices, cast_shared, plan.order(ids), plan.rows, tally, bar.compiling)
    with contextlib.closing(landed):
        try:
            for part in landed:
                held.append(part)  # before it is shown: Ctrl-C may come while the bar is drawn
                bar.runs_done(len(part[0]), tally)
                late = time.monotonic() - since > SECONDS_BETWEEN_CONCLUSIONS
                if late or sum(len(ids) for ids, _ in held) >= CONCLUDED_TOGETHER:
                    yield from _conclude_all(plan, shared, held)
                    held, since = [], time.monotonic()
        except KeyboardInterrupt:  # the runs that have ended are worth keeping
            yield from _conclude_all(plan, shared, held)
            raise
    yield from _conclude_all(plan, shared, held)


def _conclude_all(plan: Plan, shared: Any, held: list[tuple[np.ndarray, Any]]) -> Iterator[Ended]:
    """Measure what these runs found, all of it asked of the device before any is waited for."""
    if not held:
        return
    ids, states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *held)
    raw = plan.run.train is None
    together, index = RAW_CONCLUDED_TOGETHER if raw else CONCLUDED_TOGETHER, plan.index(ids)[0]
    asked = []
    for first in range(0, len(ids), together):
        take = np.resize(np.arange(first, min(first + together, len(ids))), together)
        samples = shared
        if not raw:
            both = (plan.run.train, plan.run.validation)
            samples = jax.tree.map(lambda leaf, take=take: leaf.values[index[take]], both)
        piece = jax.tree.map(lambda leaf, take=take: leaf[take], states)
        asked.append((ids[first : first + together], _conclude(piece, samples, raw)))
    for part, outcome in asked:  # the rest repeats runs
        yield part, jax.tree.map(lambda leaf, part=part: leaf[: len(part)], jax.device_get(outcome))


@functools.partial(jax.jit, static_argnums=2)
def _conclude(states: Any, samples: Any, shared: bool) -> Outcome:
    def one(state: Any, samples: Any) -> Outcome:
        model, best_model, best_log_likelihood, best_epoch, epoch, status = cast(state, np.float64)
        whole = TrainState(model, best_model, best_log_likelihood, best_epoch, epoch, status, optimizer=())
        return conclude(whole, *samples)

    return jax.vmap(one, (0, None if shared else 0))(states, samples)
