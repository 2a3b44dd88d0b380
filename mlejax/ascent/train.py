"""`train`: one run from data to a result."""

import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from tqdm import tqdm

from .. import checks, devices
from ..models.base import M, Model
from ..models.parameters import Parameters, cast, parameter_names, with_dtype
from ..models.rows import row_count
from ..results.schema import check_names
from ..results.train import History, TrainResult
from ..samples.prepared import prepare
from ..samples.raw import Observations
from ..samples.representation import Sample
from ..status import Status
from .epochs import ascend
from .optimizers import checked_optimizer
from .outcome import Outcome, Outlook, conclude, look_around
from .pace import Pace
from .packing import Layout
from .run import Run, begin
from .sense import Optimizer
from .settings import Stopping, checked_rates, rates_of
from .step import StepInfo, TrainState

FIRST_CALL = 10_000_000
"""Work in the first call of compiled code, in observations or steps of similar cost."""


def train(
    model: M,
    observations: object,
    *,
    validation_fraction: float | int = 0.2,
    split_seed: int = 42,
    learning_rate: ArrayLike | float | int | Model = 0.1,
    max_epochs: int = 10_000,
    patience: int = 50,
    tolerance: float | int = 1e-8,
    optimizer: Optimizer | None = None,
    dtype: DTypeLike = np.float64,
    record_every: int = 1,
    summarize: bool = True,
    progress: bool = True,
) -> TrainResult[M]:
    """Train a model on data by gradient ascent on the log-likelihood, with early stopping.

    Args:
        model: the start point.
        observations: finite numbers (n,), vectors (n, d) or a record of such columns, not all alike, each observation
            with a finite log-density at the start.
        validation_fraction: the part held out to decide the stop; 0 trains on everything and lets the train
            log-likelihood decide.
        split_seed: of the permutation that cuts the parts; scikit-learn's `train_test_split` cuts the same.
        learning_rate: one number, or a model of one rate per parameter, such as `Normal(0.1, 1.0)`; of an array of
            parameters also an array. Positive.
        max_epochs: the run ends after this many epochs.
        patience: the run ends after this many epochs without a better validation log-likelihood.
        tolerance: the run ends when the validation log-likelihood comes this close to its best from below, nats.
        optimizer: an `optax.GradientTransformation` in place of plain ascent; see `train_step`.
        dtype: `float64`, or `float32` for a run that ends when its digits run out. Whatever JAX's own flag says.
        record_every: keep every so many epochs in the history.
        summarize: whether to look for sufficient statistics; False trains on the raw observations.
        progress: show a progress bar on standard error when the run takes more than a second.

    Returns:
        A `TrainResult`: `.model` is the estimate, `.distance` says in standard errors how far from the maximum it is,
        `.arrived` whether that is near enough for standard errors, AIC and BIC to mean something.

    Raises:
        TypeError, ValueError: an argument is not as described, or the observations are not; it names the value.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> x = np.random.RandomState(0).normal(5.0, 2.0, 1000)
        >>> result = mlejax.train(mlejax.Normal(0.0, 1.0), x, validation_fraction=0, learning_rate=0.5)
        >>> print(f"{result.model.mean:.6f} {x.mean():.6f}", result.status.name)
        4.909487 4.909487 TOLERANCE
    """
    devices.start()
    start = with_dtype(model, np.float64)
    check_names(type(start).__name__, parameter_names(start))
    rates = rates_of(start, checked_rates(start, learning_rate))
    stopping = Stopping.checked(max_epochs, patience, tolerance)
    dtype = checks.floating_type(dtype)
    with jax.enable_x64(True):
        optimizer = checked_optimizer(optimizer, start)
    record_every = int(checks.counts("record_every", record_every))
    data = prepare(start, observations, validation_fraction, split_seed, summarize)
    with jax.enable_x64(True):
        run = Run(start, rates, stopping, data.train, data.validation)
        outcome, around, history = _ascend(run, dtype, optimizer, record_every, progress)
    names = Parameters.of(start).entries
    return TrainResult(
        model=_numbers(outcome.model),
        start=_numbers(start),
        last_model=_numbers(outcome.last_model),
        status=Status(int(outcome.status)),
        epochs=int(outcome.epochs),
        best_epoch=int(outcome.best_epoch),
        train_log_likelihood=float(outcome.train_log_likelihood),
        validation_log_likelihood=float(outcome.validation_log_likelihood),
        distance=float(outcome.distance),
        curvature_errors=_numbers(around.standard_errors),
        undetermined=_where(around.undetermined, names),
        rises_doubled=_where(around.doubled, names),
        rises_halved=_where(around.halved, names),
        learning_rate=_numbers(rates),
        count=data.count,
        spread=data.spread,
        dtype=dtype,
        representation=data.representation,
        history=history,
        train=data.on_host[0],
        validation=data.on_host[1],
    )


def _ascend(
    run: Run[M], dtype: np.dtype, optimizer: Any, record_every: int, progress: bool
) -> tuple[Outcome[M], Outlook[M], History[M]]:
    """Run to the end; what it found, the look around, and its history."""
    max_epochs = int(run.stopping.max_epochs)
    # A power of two: another `max_epochs` seldom compiles again.
    capacity = 1 << (-(-max_epochs // record_every) - 1).bit_length()
    samples = run.train
    # A guess for the first call: an observation costs about 10 ns and a whole epoch on statistics not much more.
    guess = FIRST_CALL // (row_count(samples.values) if isinstance(samples, Observations) else 10)
    how = {"record_every": record_every, "optimizer": optimizer}
    if max_epochs <= guess and not isinstance(samples, Observations):
        rows, found = _at_once(run, capacity=capacity, dtype=dtype, **how)
    else:
        begun, state, rows = _begin(run, capacity=capacity, dtype=dtype, optimizer=optimizer)
        pace = Pace(turns=max(1, min(guess, max_epochs)))
        epochs, running = 0, True
        with tqdm(total=max_epochs, unit=" epochs", delay=1, leave=False, disable=not progress) as bar:
            while running:
                began = time.perf_counter()
                until = min(epochs + int(pace.turns), max_epochs)
                state, rows = _advance(state, rows, begun, until, **how)
                before, (epochs, status) = epochs, map(int, jax.device_get((state.epoch, state.status)))
                running = status == Status.RUNNING
                if before == 0:  # the first call may have compiled, which is no speed
                    bar.initial = bar.n = epochs
                    bar.unpause()
                bar.update(epochs - before if before else 0)
                pace.learn(time.perf_counter() - began, rounds=1, most=max_epochs)
        found = _conclude(state, run.train, run.validation)
    row, ending = _layouts(Parameters.of(run.start))
    outcome, around = ending.unpack(np.asarray(found))
    kept = np.asarray(rows, np.float64)[: -(-int(outcome.epochs) // record_every)]
    return outcome, around, History(*row.unpack(kept))


@functools.partial(jax.jit, static_argnames=("capacity", "dtype", "record_every", "optimizer"))
def _at_once(run: Run[M], *, capacity: int, dtype: np.dtype, record_every: int, optimizer: Any) -> tuple[Any, Any]:
    """Return the history of a short run as rows, and what `_conclude` returns: one program, since each call costs."""
    begun, state, rows = _begin(run, capacity=capacity, dtype=dtype, optimizer=optimizer)
    until = run.stopping.max_epochs
    state, rows = _recorded(state, rows, begun, until, record_every=record_every, optimizer=optimizer)
    return rows, _conclude(state, run.train, run.validation)


@functools.partial(jax.jit, static_argnames=("capacity", "dtype", "optimizer"))
def _begin(run: Run[M], *, capacity: int, dtype: np.dtype, optimizer: Any) -> tuple[Run[M], TrainState[M], Any]:
    """Return the run in its own type, its first state, and an empty history."""
    run = cast(run, dtype)
    return run, begin(run, optimizer), jnp.zeros((capacity, _layouts(Parameters.of(run.start))[0].width), dtype)


def _recorded(
    state: TrainState[M], rows: Any, run: Run[M], until: Any, *, record_every: int, optimizer: Any
) -> tuple[TrainState[M], Any]:
    """Advance one run up to `until`, or to its end, writing a row of the history every `record_every` epochs."""

    def keep(rows: Any, before: TrainState[M], following: TrainState[M], info: StepInfo[M]) -> Any:
        held_out = jnp.nan if info.validation_log_likelihood is None else info.validation_log_likelihood
        measured = info.train_log_likelihood, held_out, info.model
        return rows.at[before.epoch // record_every].set(Layout.pack((following.epoch, *measured), rows.dtype))

    return ascend(state, rows, run, until, keep=keep, optimizer=optimizer, every=record_every)


_advance = jax.jit(_recorded, static_argnames=("record_every", "optimizer"), donate_argnums=(0, 1))


@functools.lru_cache(maxsize=64)
def _layouts(table: Parameters[M]) -> tuple[Layout, Layout]:
    """Return how a row of the history is laid out, and what `_conclude` returns."""
    model, flags = table.to_model(np.zeros(table.size)), [np.zeros(shape, bool) for shape in table.shapes]
    ending = Outcome(model, model, 0, 0, 0, 0.0, 0.0, 0.0), Outlook(model, flags, flags, flags)
    return Layout((0, 0.0, 0.0, model)), Layout(ending)


@jax.jit
def _conclude(state: TrainState[M], train: Sample, validation: Sample | None) -> Any:
    """Return an `Outcome` and an `Outlook`, packed, in float64."""
    outcome = conclude(cast(state, np.float64), train, validation)
    return Layout.pack((outcome, look_around(outcome.model, train)), np.float64)


def _where(flags: Sequence[np.ndarray], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the numbers whose flag is set."""
    each = np.concatenate([np.ravel(flag) for flag in flags])
    return tuple(name for name, flag in zip(names, each, strict=True) if flag)


def _numbers(model: M) -> M:
    """Return leaves as NumPy float64: a float64 JAX array turns float32 in the caller's next expression."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64)[()], model)
