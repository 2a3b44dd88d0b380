"""Many runs: axes -> runs -> lanes -> results."""

import dataclasses
import functools
import hashlib
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np
from tqdm import tqdm

from . import checks
from .datasets import DRAWS, Datasets, Draws, draw_with_numpy
from .devices import describe
from .devices import mesh as device_mesh
from .devices import start as start_devices
from .fitting import cast
from .lanes import Engine, Run
from .likelihood import observed_information
from .models import Model, Normal
from .models.base import M, parameter_dict, parameter_names, with_dtype
from .results import QUANTITIES, SweepResult, blank
from .sample import Sample, as_observations, split, validation_count
from .schedule import Tally, run_all, tuning
from .status import Status
from .training import Outcome, TrainState, conclude, per_parameter

ARTICLE_TARGET = Normal(7.2, 2.8**2)
"""The distribution that the reference problem draws from."""

CONCLUDED_TOGETHER = 4096
"""Runs that are measured by one call once they have ended; always so many, so that one compilation serves all."""

RAW_CONCLUDED_TOGETHER = 64
"""Likewise where each of them goes over raw observations: memory is this many times their number."""

SECONDS_BETWEEN_CONCLUSIONS = 1.0
"""How long runs that have ended wait for others at most."""

SECONDS_BETWEEN_SAVES = 10.0
"""How often batches that are not complete yet are written too."""


@dataclasses.dataclass(frozen=True)
class Along:
    """One leaf of all the `Run`s of a sweep: its values (k, ...) along an axis, or a single one (axis -1)."""

    values: np.ndarray
    axis: int = -1


class Plan:
    """The runs of a sweep: the product of its axes, numbered in C order, and what decides each of them."""

    def __init__(self, axes: dict[str, np.ndarray], run: Run):
        self.axes, self.run = axes, run  # every leaf of `run` is an `Along`
        self.shape = tuple(len(values) for values in axes.values())
        self.count = int(np.prod(self.shape, dtype=np.int64))
        self.columns = [(leaf.axis, leaf.values.reshape(len(leaf.values), -1)) for leaf in jax.tree.leaves(run)]

    def example(self) -> Run:
        """The first run."""
        return jax.tree.map(lambda leaf: leaf.values[0], self.run)

    def index(self, ids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where runs lie along each axis; last, zeros for what lies along none."""
        return *np.unravel_index(ids, self.shape), np.zeros(len(ids), np.int64)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The packed `Run`s of run numbers: (m, width)."""
        index = self.index(ids)
        return np.concatenate([values[index[axis]] for axis, values in self.columns], axis=1)

    def order(self, ids: np.ndarray) -> np.ndarray:
        """Slow learners first: the runs that take longest then do not come last, when lanes stand empty."""
        index = self.index(ids)
        rates = [np.log(leaf.values)[index[leaf.axis]] for leaf in jax.tree.leaves(self.run.learning_rate)]
        return ids[np.argsort(sum(rates), kind="stable")]


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
            `RandomState(seed)` and its split.
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
    start_devices()
    dtype = checks.floating_type(dtype)
    start = with_dtype(model, np.float64)
    with jax.enable_x64(True):
        mesh = device_mesh(devices)
        axes, run = _axes(start, seeds, starts, learning_rates, max_epochs, patience, tolerance)
        with Progress(int(np.prod([len(v) for v in axes.values()])), len(axes["seed"]), enabled=progress) as bar:
            data, draws = _datasets(
                start, axes["seed"], observations, target, draw, validation_fraction, split_seed, base_seed, summarise
            )
            if data.factored:
                data.summarise(mesh, draws, bar.seeds_done)
            train, validation = jax.tree.map(lambda leaf: Along(np.asarray(leaf), 0), (data.train, data.validation))
            plan = Plan(axes, dataclasses.replace(run, train=train, validation=validation))
            settings = {"computed_by": computed_by(mesh), "dtype": dtype.name}
            settings |= _settings(plan, data, validation_fraction) | {"optimizer": fingerprint(optimizer, start)}
            tally = Tally()
            with Results(plan, start, settings, out, repair) as results:
                waiting = results.waiting()
                bar.train(plan.count - len(waiting))
                for ids, outcome in _outcomes(plan, waiting, data, optimizer, dtype, mesh, tally, bar):
                    results.put(ids, outcome)
                made = {
                    "path": data.path,
                    "device": describe(mesh),
                    "useful_run_epochs": tally.useful,
                    "executed_run_epochs": tally.executed,
                }
                return results.finish(data, settings | made)


class Results:
    """The results of runs by number, as they come; written to the store batch by batch where there is one."""

    def __init__(self, plan: Plan, start: Model, settings: dict[str, Any], out: str | Path | None, repair: bool):
        self.plan, self.tree, self.names = plan, jax.tree.structure(start), parameter_names(start)
        self.arrays = {name: blank(name, plan.shape) for name in (*self.names, *QUANTITIES)}
        self.store = None
        self.saved = time.monotonic()
        if out is not None:
            from .store import Store

            self.store = Store(out, plan.axes, self.names, settings, repair)
            self.arrays.update(self.store.loaded or {})
            missing = np.flatnonzero(self.arrays["status"].ravel() == Status.RUNNING)
            self.batch_of = self.store.batches_of(np.unravel_index(np.arange(plan.count), plan.shape))
            self.left = np.bincount(self.batch_of[missing], minlength=int(np.prod(self.store.grid)))
            self.unsaved: set[int] = set()

    def waiting(self) -> np.ndarray:
        """The numbers of the runs that are not finished."""
        return np.flatnonzero(self.arrays["status"].ravel() == Status.RUNNING)

    def put(self, ids: np.ndarray, outcome: Outcome) -> None:
        """Keep what became of these runs, and write the batches that this completes."""
        for name, leaf in zip(self.names, jax.tree.leaves(outcome.model), strict=True):
            self.arrays[name].reshape(-1)[ids] = leaf
        for name in QUANTITIES:
            self.arrays[name].reshape(-1)[ids] = getattr(outcome, name)
        if self.store is not None:
            touched, counts = np.unique(self.batch_of[ids], return_counts=True)
            self.left[touched] -= counts
            self.unsaved.update(touched.tolist())
            whole = [batch for batch in touched.tolist() if self.left[batch] == 0]
            self._save(whole if time.monotonic() - self.saved < SECONDS_BETWEEN_SAVES else list(self.unsaved))

    def _save(self, batches: list[int]) -> None:
        assert self.store is not None
        for batch in batches:
            self.store.save(tuple(map(int, np.unravel_index(batch, self.store.grid))), self.arrays)
            self.unsaved.discard(batch)
            self.saved = time.monotonic()

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: Any) -> None:
        """Whatever ends the sweep, the runs that have ended are on disk, and the directory is free."""
        if self.store is not None:
            try:
                self._save(list(self.unsaved))
            finally:
                self.store.close()

    def finish(self, data: Datasets, made: dict[str, Any]) -> SweepResult:
        """The result, its attributes written to the store as well."""
        quantities = {name: self.arrays[name] for name in QUANTITIES}
        model = jax.tree.unflatten(self.tree, [self.arrays[name] for name in self.names])
        information = self._information(model, data)
        if self.store is not None:
            self.store.describe(made | {"information": information.ravel().tolist()})
        return SweepResult(axes=self.plan.axes, model=model, information=information, attributes=made, **quantities)

    def _information(self, model: Model, data: Datasets) -> np.ndarray:
        """Per observation, at the estimate nearest to a maximum; NaN where no run came near one."""
        distance, size = self.arrays["distance"], len(self.names)
        nearest = np.unravel_index(int(np.argmin(distance)), self.plan.shape)
        if not distance[nearest] <= 1:
            return np.full((size, size), np.nan)
        train, _ = data.of(int(nearest[0]))
        return np.asarray(_information(jax.tree.map(lambda leaf: leaf[nearest], model), train))


def _settings(plan: Plan, data: Datasets, validation_fraction: float | int) -> dict[str, Any]:
    """What decides the results besides the axes, in plain values: a store refuses to mix two of them."""
    fixed = {
        name: leaf.values[0].item()
        for name, leaf in (
            ("max_epochs", plan.run.max_epochs),
            ("patience", plan.run.patience),
            ("tolerance", plan.run.tolerance),
        )
        if leaf.axis < 0
    }
    names = parameter_names(data.model)
    rates = zip(names, jax.tree.leaves(plan.run.learning_rate), strict=True)
    fixed |= {f"learning_rate.{name}": leaf.values[0].item() for name, leaf in rates if leaf.axis < 0}
    start = {name: leaf.values.tolist() for name, leaf in zip(names, jax.tree.leaves(plan.run.start), strict=True)}
    return (
        fixed
        | {
            "model": f"{type(data.model).__name__} {formula_digest(data.model)}",
            "start": start,
            "validation_fraction": validation_fraction,
            "sufficient_statistics": data.factored,
        }
        | data.origin
    )


@jax.jit
def _information(model: Model, train: Sample) -> Any:
    return observed_information(model, train) / train.count


def _outcomes(
    plan: Plan,
    waiting: np.ndarray,
    data: Datasets,
    optimizer: Any,
    dtype: np.dtype,
    mesh: Any,
    tally: Tally,
    bar: "Progress",
) -> Iterator[tuple[np.ndarray, Outcome]]:
    """Run numbers and what became of them: all runs together, or seed by seed where observations are raw."""
    if data.factored:
        if len(waiting):
            yield from _concluded(plan, waiting, (None, None), optimizer, dtype, mesh, tally, bar)
        return
    seed_of = plan.index(waiting)[0]
    for seed in np.unique(seed_of):
        ids = waiting[seed_of == seed]
        yield from _concluded(plan, ids, data.of(int(seed)), optimizer, dtype, mesh, tally, bar)


def _concluded(
    plan: Plan, ids: np.ndarray, shared: Any, optimizer: Any, dtype: np.dtype, mesh: Any, tally: Tally, bar: "Progress"
) -> Iterator[tuple[np.ndarray, Outcome]]:
    """Run these runs; measure what they found in float64, many at a time."""
    example = cast(plan.example(), dtype)
    engine = Engine.of(example, cast(shared, dtype), optimizer, dtype, mesh, tuning(mesh).chunk)
    held: list[Any] = []
    since = time.monotonic()
    try:
        for part in run_all(engine, cast(shared, dtype), plan.order(ids), plan.rows, tally, bar.compiling):
            held.append(part)
            bar.runs_done(len(part[0]), tally)
            late = time.monotonic() - since > SECONDS_BETWEEN_CONCLUSIONS
            if late or sum(len(ids) for ids, _ in held) >= CONCLUDED_TOGETHER:
                concluded = _conclude_all(plan, held, shared)
                held, since = [], time.monotonic()
                yield concluded
    except KeyboardInterrupt:
        if held:  # these have ended: they are worth keeping
            yield _conclude_all(plan, held, shared)
        raise
    if held:
        yield _conclude_all(plan, held, shared)


def _conclude_all(plan: Plan, held: list[Any], shared: Any) -> tuple[np.ndarray, Outcome]:
    ids = np.concatenate([ids for ids, _ in held])
    states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(states for _, states in held))
    index = plan.index(ids)[0]
    together = RAW_CONCLUDED_TOGETHER if plan.run.train is None else CONCLUDED_TOGETHER
    pieces = []
    for first in range(0, len(ids), together):
        take = np.resize(np.arange(first, min(first + together, len(ids))), together)
        samples = shared
        if plan.run.train is not None:
            both = (plan.run.train, plan.run.validation)
            samples = jax.tree.map(lambda leaf, take=take: leaf.values[index[take]], both)
        piece = jax.tree.map(lambda leaf, take=take: leaf[take], states)
        pieces.append(jax.device_get(_conclude(cast(piece, np.float64), samples, plan.run.train is None)))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(ids)], *pieces)
    return ids, outcome


@functools.partial(jax.jit, static_argnums=2)
def _conclude(states: Any, samples: Any, shared: bool) -> Outcome:
    def one(state: Any, samples: Any) -> Outcome:
        model, best_model, best_log_likelihood, best_epoch, epoch, status = state
        waited, optimizer = epoch, ()
        whole = TrainState(model, best_model, best_log_likelihood, best_epoch, epoch, waited, status, optimizer)
        return conclude(whole, *samples)

    return jax.vmap(one, (0, None if shared else 0))(states, samples)


def _axes(
    start: Model, seeds: Any, starts: Any, learning_rates: Any, max_epochs: Any, patience: Any, tolerance: Any
) -> tuple[dict[str, np.ndarray], Run]:
    """The axes by name, and the part of the runs that does not depend on data."""
    seeds = checks.counts("seeds", np.atleast_1d(np.asarray(seeds)), at_least=0, at_most=2**32 - 1)
    axes: dict[str, np.ndarray] = {"seed": checks.distinct("seeds", seeds)}

    def along(name: str, values: np.ndarray, always: bool = False) -> Along:
        if np.ndim(values) == 0 and not always:
            return Along(np.reshape(values, (1,)))
        axes[name] = checks.distinct(name, np.atleast_1d(values))
        return Along(axes[name], len(axes) - 1)

    model = jax.tree.map(lambda leaf: Along(np.asarray(leaf)[None]), start)
    if starts is not None:
        models = [with_dtype(each, np.float64, f"starts[{i}]") for i, each in enumerate(starts)]
        _check_family(start, "starts", models)
        axes["start"] = np.arange(len(models))
        position = len(axes) - 1
        model = jax.tree.map(lambda *leaves: Along(np.stack(leaves), position), *models)
    if isinstance(learning_rates, Model):
        _check_family(start, "learning_rates", [learning_rates])
        names = [f"learning_rate.{name}" for name in parameter_names(start)]
        leaves = jax.tree.leaves(learning_rates, is_leaf=lambda x: not isinstance(x, Model))
        found = [along(name, checks.positive(name, np.asarray(v))) for name, v in zip(names, leaves, strict=True)]
        rates = jax.tree.unflatten(jax.tree.structure(start), found)
    else:
        rate = along("learning_rate", checks.positive("learning_rates", np.asarray(learning_rates)), always=True)
        rates = per_parameter(rate, start)
    return axes, Run(
        start=model,
        learning_rate=rates,
        max_epochs=along("max_epochs", checks.counts("max_epochs", max_epochs)),
        patience=along("patience", checks.counts("patience", patience)),
        tolerance=along("tolerance", checks.non_negative("tolerance", tolerance)),
        train=None,
        validation=None,
    )


def _check_family(start: Model, name: str, models: Sequence[Model]) -> None:
    if not models:
        raise ValueError(f"{name} must be a non-empty sequence of models")
    for each in models:
        if type(each) is not type(start):
            raise TypeError(f"{name}: expected a {type(start).__name__}, as the start is; got a {type(each).__name__}")


def _datasets(
    start: Model,
    seeds: np.ndarray,
    observations: Any,
    target: Model | None,
    draw: str,
    validation_fraction: float | int,
    split_seed: int,
    base_seed: int,
    factoring: bool,
) -> tuple[Datasets, Draws | None]:
    """The samples of all seeds; and, for draws by JAX, how they are drawn."""
    if draw not in DRAWS:
        raise ValueError(f"draw must be one of {', '.join(DRAWS)}; got {draw!r}")
    if np.ndim(observations) > 0:
        values = as_observations(observations)
        digest = hashlib.sha256(values.tobytes()).hexdigest()[:16]
        origin = {"data": f"{len(values)} observations given, sha256 {digest}"}
        return Datasets(start, seeds, lambda seed: split(values, validation_fraction, seed), factoring, origin), None
    n = int(checks.counts("observations", observations, at_least=2, at_most=2**31 - 1))
    if target is None:
        if not isinstance(start, Normal):
            raise ValueError(f"observations={n} asks for draws: give the target= to draw from, or give data")
        target = ARTICLE_TARGET
    target = with_dtype(target, np.float64, "target")
    parameters = ", ".join(f"{name}={leaf:g}" for name, leaf in parameter_dict(target).items())
    drawn_from = f"{n} draws from {type(target).__name__}({parameters})"
    if draw == "numpy":
        origin = {"data": f"{drawn_from} by NumPy", "split_seed": split_seed}
        cut = draw_with_numpy(target, n, validation_fraction, split_seed)
        return Datasets(start, seeds, cut, factoring, origin), None
    if not hasattr(target, "sample"):
        raise TypeError(f"target: {type(target).__name__} cannot draw; give it a method sample(key, shape)")
    base_seed = int(checks.counts("base_seed", base_seed, at_least=0, at_most=2**32 - 1))
    draws = Draws(target, base_seed, n, validation_count(n, validation_fraction))
    origin = {"data": f"{drawn_from} by JAX", "base_seed": base_seed}
    return Datasets(start, seeds, draws.cut, factoring, origin), draws


def formula_digest(model: Model) -> str:
    """A short name for the formula of `log_prob`: it changes when the formula does."""
    x = jax.ShapeDtypeStruct((), np.float64)
    return _digest(jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, x))


def fingerprint(optimizer: Any, model: Model) -> str:
    """A short name for an optimizer, its own settings included."""
    if optimizer is None:
        return "plain ascent"
    return "optax " + _digest(jax.make_jaxpr(optimizer.update)(model, optimizer.init(model), model))


def _digest(jaxpr: Any) -> str:
    text = re.sub("0x[0-9a-f]+", "", str(jaxpr))  # where a function lies in memory is another place every time
    digest = hashlib.sha256(text.encode())
    for constant in jaxpr.consts:
        digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()[:16]


def computed_by(mesh: Any) -> str:
    """Backend and version: within one of them a run has the same bits always."""
    return f"jaxlib {jaxlib.__version__}, {mesh.devices.flat[0].platform}"


class Progress:
    """A progress bar on standard error: what is being done, runs done, epochs per second, time left."""

    def __init__(self, runs: int, seeds: int, enabled: bool):
        self.runs, self.began = runs, 0.0
        self.bar = tqdm(total=seeds, unit=" seeds", desc="drawing", disable=not enabled, leave=False, file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def seeds_done(self, count: int) -> None:
        self.bar.update(count)

    def train(self, finished: int) -> None:
        """From counting seeds to counting runs, some of which may be finished already."""
        self.bar.set_description_str("training", refresh=False)
        self.bar.unit, self.began, self.bar.initial = " runs", time.perf_counter(), finished
        self.bar.reset(total=self.runs)
        self.bar.update(finished)

    def compiling(self, begins: bool) -> None:
        self.bar.set_description_str("compiling" if begins else "training")

    def runs_done(self, count: int, tally: Tally) -> None:
        rate = tally.executed / (time.perf_counter() - self.began)
        self.bar.set_postfix_str(f"{rate:.2g} epochs/s", refresh=False)
        self.bar.update(count)
