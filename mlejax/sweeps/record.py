"""Make chosen runs of a sweep again, and keep their histories."""

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import checks, devices
from ..ascent.epochs import ascend
from ..ascent.outcome import Outcome, conclude
from ..ascent.pace import Pace
from ..ascent.packing import Layout
from ..ascent.run import Run, begin
from ..ascent.sense import Optimizer
from ..ascent.step import RESOLUTION, StepInfo, TrainState
from ..ascent.vary import Making, Optimizers, programs
from ..checks import InputError, InputValueError
from ..likelihood import log_likelihood, standard_errors
from ..models.base import M, Model
from ..models.parameters import cast, parameter_dict
from ..progress import Progress, Tally
from ..results.histories import Histories, history_variables, places_of
from ..results.sweep import RunResult, SweepResult
from ..samples.gather import Pair
from ..samples.representation import Sample
from ..samples.sources import Numbers
from ..status import Status
from ..store.histories import held, write_histories
from ..store.load import load_sweep
from ..store.reading import read_root
from .known import digests_of_samples
from .measure import samples_for
from .plan import Plan
from .spec import SweepSpec

MOST_EPOCHS = 10_000
"""Epochs that are kept of a run, at most."""

NEAR = 1e-6
"""How far an estimate that is computed again may lie from the one before, in standard errors."""

FIRST_CALL = 128
"""Epochs in the first call of compiled code."""


def record(
    sweep: SweepResult[Any] | str | Path,
    runs: Mapping[str, Numbers],
    *,
    model: Model | None = None,
    observations: object = None,
    optimizer: Optimizers = None,
    epochs: int = 256,
    progress: bool = True,
) -> Histories[Any]:
    """Make chosen runs of a sweep again, and keep their histories: parameters and log-likelihoods, epoch by epoch.

    What the sweep was is read from its settings. Only what a digest cannot give back is asked for by name. Every run
    must end as it did in the sweep. With a directory the histories are written into it, in place of those recorded
    there before, so that `load_histories` and `mlejax plot` find them.

    Args:
        sweep: what `sweep` or `load` returned, or the `out` of a sweep. Only runs that have ended can be chosen.
        runs: axis name -> the values to take, such as `{"seed": [0, 1], "learning_rate": 0.1}`; of an axis not named,
            all. At most 1,000 runs.
        model: an instance of the model, if it is not one of the library's.
        observations: the data, if data were given.
        optimizer: the optimizer, if there was one.
        epochs: how many epochs are kept of a run at most, from 3 to 10,000: the first, the best and the last, and
            others between them in about equal ratios.
        progress: show a progress bar on standard error.

    Returns:
        The histories, and how these runs ended.

    Raises:
        KeyError: no such axis, or no such value on it; the message names the nearest.
        StoreError: the directory cannot be used.
        TypeError, ValueError: an argument is not as described; a run has not ended, or ends in another way here.

    Example:
        >>> import mlejax
        >>> result = mlejax.sweep(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.5, 1.0], max_epochs=100, progress=False,
        ...     observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 100),
        ... )
        >>> histories = mlejax.record(result, {"learning_rate": 0.5}, epochs=8, progress=False)
        >>> histories.epoch[0, 0].tolist()
        [1, 2, 4, 8, 15, 28, 53, 100]
    """
    epochs = int(checks.counts("epochs", epochs, at_least=3, at_most=MOST_EPOCHS))
    if isinstance(sweep, SweepResult):
        given = sweep.template if model is None else model
        return _recorded(sweep, runs, _spec(sweep, given, observations, optimizer), epochs, progress)
    path = checks.path("sweep", sweep)
    whole = load_sweep(path, model)
    read_root(path)  # a store of another version can be loaded; what it was cannot be read from it
    with held(path, whole) as writable:
        found = _recorded(whole, runs, _spec(whole, model, observations, optimizer), epochs, progress)
        if writable:
            write_histories(path, found)
    return found


def _spec(whole: SweepResult[Any], model: Model | None, observations: Any, optimizer: Optimizers) -> SweepSpec[Any]:
    try:
        return SweepSpec.from_record(
            whole.provenance.settings, whole.axes, model=model, observations=observations, optimizer=optimizer,
            digests=digests_of_samples(whole),
        )  # fmt: skip
    except InputError:
        raise
    except KeyError as missing:
        raise InputValueError(
            f"sweep: this is a part of one, or was made by another version: it has no {missing}. Give the whole, and "
            "choose by runs="
        ) from None


def _recorded(
    whole: SweepResult[M], runs: Mapping[str, Numbers], spec: SweepSpec[M], epochs: int, progress: bool
) -> Histories[M]:
    places = places_of(whole.axes, runs)
    variables, ends = history_variables(whole.template, whole.axes, epochs), whole.take(places)
    if np.any(waiting := ends.status == Status.RUNNING):
        first = ends.run(*np.argwhere(waiting)[0].tolist())
        raise InputValueError(
            f"runs: {np.count_nonzero(waiting):,} of the {ends.count:,} chosen have not ended, {_named(first)} first: "
            "finish the sweep, or choose others"
        )
    found = {variable.name: variable.blank(ends.shape) for variable in variables}
    ids = np.ravel_multi_index(np.ix_(*places), whole.shape)
    wanted = np.zeros(whole.shape, bool)
    wanted.flat[ids[ends.epochs > 0]] = True  # of the others nothing ran
    devices.start()
    different: list[tuple[RunResult[M], _Again]] = []
    with devices.own_settings(), Progress(progress) as told:
        samples, again = samples_for(spec, wanted, devices.mesh(), told), _Runs.of(spec, epochs)
        told.train(int(np.count_nonzero(wanted)), 0)
        told.compiling(compiling := True)
        tally = Tally()
        for number, of_sample in again.by_sample(np.flatnonzero(wanted)):
            pair = samples.of(number)
            for run in of_sample:
                index = tuple(np.argwhere(ids == run)[0].tolist())
                before = ends.run(*index)
                made = again.make(run, keep_epochs(before.epochs, before.best_epoch, epochs), pair)
                if not made.ends_as(before, spec.dtype):
                    different.append((before, made))
                for name, values in made.rows.items():
                    found[name][index] = values
                if compiling:
                    told.compiling(compiling := False)
                tally.executed += before.epochs
                told.runs_done(1, tally)
    if different:
        before, made = different[0]
        raise InputValueError(
            f"sweep: {len(different):,} of the {ends.count:,} chosen runs end in another way when they are made again, "
            f"{_named(before)} first: {Status(int(made.outcome.status)).name} in epoch {int(made.outcome.epochs):,}; "
            f"in the sweep {before.status.name} in epoch {before.epochs:,}. Where rounding decides, another device or "
            "version may end a run elsewhere. Nothing is recorded."
        )
    longest = max(1, int(np.max(np.count_nonzero(found["epoch"], axis=-1))))
    rows = (*[slice(None)] * len(ends.shape), slice(longest))
    return Histories.of(whole, places, {name: values[rows] for name, values in found.items()})


def _named(run: RunResult[Any]) -> str:
    axes = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in run.axes.items()}
    return ", ".join(f"{name} = {value}" for name, value in axes.items())


def keep_epochs(last: int, best: int, most: int) -> np.ndarray:
    """Return which epochs of a run to keep: the first, the best and the last, and others in about equal ratios.

    Args:
        last: the epoch that the run ended in, at least 1.
        best: the epoch that measured its estimate; 0 where none did.
        most: how many to keep, at most; at least 3.

    Returns:
        (k,): from the first on, as many in a row as it takes for equal ratios to reach whole numbers.

    Example:
        >>> keep_epochs(1000, 700, 9).tolist()
        [1, 3, 8, 21, 55, 145, 381, 700, 1000]
    """
    if last <= most:
        return np.arange(1, last + 1)
    kept = _spaced(last, most)
    return kept if best in (0, *kept) else np.unique([*_spaced(last, most - 1), best])


def _spaced(last: int, count: int) -> np.ndarray:
    """Return so many whole numbers from 1 to a greater one, in ratios as equal as they can be."""
    kept = [1]
    for left in range(count - 1, 0, -1):
        kept.append(max(kept[-1] + 1, round(kept[-1] * (last / kept[-1]) ** (1 / left))))
    return np.array(kept)


class _Kept(eqx.Module):
    """Epochs of a run that were kept so far."""

    epoch: Any  # (k,); 0 where there is none yet
    model: Any  # leaves (k, ...): the parameters that it measured
    place: Any  # the row that is written until its epoch has come


@dataclasses.dataclass(frozen=True, eq=False)
class _Again(Generic[M]):
    """A run that was made again."""

    rows: Mapping[str, np.ndarray]  # its history, by the names of `history_variables`
    outcome: Outcome[M]
    errors: M  # the standard errors of the estimate; NaN where there are none

    def ends_as(self, before: RunResult[M], dtype: np.dtype) -> bool:
        """Return whether it ended as it did before: the same status, and `NEAR` the same estimate."""

        def near(one: Any, other: Any, error: Any) -> bool:
            size = np.abs(other)
            rounding = RESOLUTION * np.finfo(dtype).eps * size
            return bool(np.all(np.abs(one - other) <= NEAR * np.where(np.isfinite(error), error, size) + rounding))

        alike = jax.tree.map(near, self.outcome.model, before.model, self.errors)
        return int(self.outcome.status) == before.status and all(jax.tree.leaves(alike))


@dataclasses.dataclass(frozen=True, eq=False)
class _Runs:
    """The runs of a sweep, to be made again one by one: on a CPU none waits for the slowest of them."""

    plan: Plan
    layout: Layout  # of a packed `Run`
    optimizers: list[Optimizer | Making | None]  # by the numbers along the axis of that name
    epochs: int  # that are kept of a run, at most

    @classmethod
    def of(cls, spec: SweepSpec[Any], epochs: int) -> "_Runs":
        plan = Plan.of(spec)
        return cls(plan, Layout(plan.example()), programs(spec.optimizer), epochs)

    def by_sample(self, ids: np.ndarray) -> Iterator[tuple[int, list[int]]]:
        """Yield the number of every sample, and those of these runs that are made on it."""
        samples = self.plan.samples(ids)
        for number in np.unique(samples).tolist():
            yield number, ids[samples == number].tolist()

    def make(self, number: int, wanted: np.ndarray, samples: Pair) -> _Again[Any]:
        """Make a run again.

        Args:
            number: of the run.
            wanted: the epochs to keep, (k,); the one that it ends in is kept always.
            samples: that it is made on.
        """
        here, spec = np.array([number]), self.plan.spec
        several = "optimizer" in spec.axes
        place = int(spec.axes["optimizer"][self.plan.index(here)["optimizer"][0]]) if several else 0
        optimizer = self.optimizers[place]
        run = self.layout.unpack(self.plan.rows(here)[0])
        run = dataclasses.replace(run, train=samples.train, validation=samples.validation)
        none_left = np.full(self.epochs - len(wanted), np.iinfo(np.int32).max)
        wanted = np.concatenate([wanted, none_left]).astype(np.int32)
        begun, state, kept = _begin(run, most=self.epochs, dtype=spec.dtype, optimizer=optimizer)
        most, pace = int(run.stopping.max_epochs), Pace(turns=FIRST_CALL)
        epochs = 0
        while int(state.status) == Status.RUNNING:
            began, epochs = time.perf_counter(), min(epochs + int(pace.turns), most)
            state, kept = jax.block_until_ready(_advance(state, kept, begun, wanted, epochs, optimizer=optimizer))
            pace.learn(time.perf_counter() - began, rounds=1, most=most)
        outcome, errors, train, validation, kept = jax.device_get(
            _measure(state, kept, samples.train, samples.validation)
        )
        rows = {"epoch": kept.epoch, **parameter_dict(kept.model)}
        return _Again(rows | {"train_log_likelihood": train, "validation_log_likelihood": validation}, outcome, errors)


@functools.partial(jax.jit, static_argnames=("most", "dtype", "optimizer"))
def _begin(
    run: Run[M], *, most: int, dtype: np.dtype, optimizer: Optimizer | Making | None
) -> tuple[Run[M], TrainState[M], _Kept]:
    """Return the run in its own type, its first state, and no epochs."""
    run = cast(run, dtype)
    state = begin(run, optimizer)
    model = jax.tree.map(lambda leaf: jnp.full((most, *leaf.shape), jnp.nan, leaf.dtype), state.model)
    return run, state, _Kept(jnp.zeros(most, jnp.int32), model, jnp.int32(0))


@functools.partial(jax.jit, static_argnames="optimizer", donate_argnums=(0, 1))
def _advance(
    state: TrainState[M], kept: _Kept, run: Run[M], wanted: Any, until: Any, *, optimizer: Optimizer | Making | None
) -> tuple[TrainState[M], _Kept]:
    """Advance a run, and write each epoch over the one before until the next that is wanted has come."""

    def keep(kept: _Kept, before: TrainState[M], following: TrainState[M], _: StepInfo[M]) -> _Kept:
        epoch = following.epoch.astype(jnp.int32)
        model = jax.tree.map(lambda rows, leaf: rows.at[kept.place].set(leaf), kept.model, before.model)
        on = (epoch >= wanted[kept.place]) & (kept.place < len(wanted) - 1)
        return _Kept(kept.epoch.at[kept.place].set(epoch), model, kept.place + on)

    return ascend(state, kept, run, until, keep=keep, optimizer=optimizer)


@jax.jit
def _measure(
    state: TrainState[M], kept: _Kept, train: Sample, validation: Sample | None
) -> tuple[Outcome[M], M, Any, Any, _Kept]:
    """Return in float64 what a run found, its standard errors, and the log-likelihoods of the epochs that were kept."""
    state, kept = cast((state, kept), np.float64)

    def over(sample: Sample | None) -> Any:
        if sample is None:
            return jnp.full(kept.epoch.shape, jnp.nan)

        def one(row: tuple[Any, M]) -> Any:
            epoch, model = row
            return jax.lax.cond(epoch > 0, lambda: log_likelihood(model, sample), lambda: jnp.nan)

        return jax.lax.map(one, (kept.epoch, kept.model))

    outcome = conclude(state, train, validation)
    return outcome, standard_errors(outcome.model, train), over(train), over(validation), kept
