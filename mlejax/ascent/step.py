"""ONE run of gradient ascent with early stopping: its state and its step.

For epoch e = 1, 2, ... the step measures the log-likelihoods at the current parameters, moves them uphill along the
gradient of the MEAN train log-likelihood, and stops when the validation log-likelihood has not improved for `patience`
epochs or stays within `tolerance` of its best. Everything is written for one run; `sweep` batches it.
"""

import functools
import weakref
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from .. import checks
from ..checks import InputValueError
from ..models.base import M, Model
from ..models.parameters import Parameters
from ..models.rows import Rows, described, named_columns, one_of, row_count
from ..models.tracing import check_fields, explained
from ..samples.raw import Observations
from ..samples.representation import Sample, as_sample
from ..samples.summary import Summary
from ..status import Status
from .optimizers import check_memory
from .sense import Optimizer, sense_of

T = TypeVar("T")

RESOLUTION = 8
"""Rounding errors, in units of the last place, that a log-likelihood evaluated in floating point may carry."""


class TrainState(eqx.Module, Generic[M]):
    """What the next step needs. Every leaf is a scalar, or of the shape of its parameter."""

    model: M  # the parameters that the next epoch measures and moves; always finite and inside their domain
    best_model: M  # the best measured so far: the estimate
    best_log_likelihood: Any  # the deciding log-likelihood (a sum) at `best_model`; -inf before the first epoch
    best_epoch: Any  # the epoch that measured it
    epoch: Any  # epochs done
    status: Any  # a `Status`
    optimizer: Any  # the optimizer's own state; () for plain ascent
    # Whether the optimizer steps along the gradient that it is given (+1) or, written to minimize, against it (-1);
    # 0 before it is known, () for plain ascent.
    sense: Any = ()


class StepInfo(eqx.Module, Generic[M]):
    """What a person wants to see of one epoch, measured before the parameters move. Log-likelihoods are sums, nats."""

    model: M  # the parameters that were measured
    train_log_likelihood: Any
    validation_log_likelihood: Any  # None without a validation sample
    gradient: M  # of the mean train log-likelihood; of numbers that are bound to each other, along what binds them


def init_state(model: M, *, optimizer: Optimizer | None = None) -> TrainState[M]:
    """Return the state of a run before its first epoch.

    Args:
        model: the start point; its parameters decide the floating-point type of the run.
        optimizer: an `optax.GradientTransformation`, the one that `train_step` will be given, or None for plain
            gradient ascent.

    Returns:
        A state of which every leaf is an array of its own, so that it may be donated. Its status is RUNNING; DIVERGED
        where a parameter lies outside its domain.

    Example:
        >>> import mlejax
        >>> state = init_state(mlejax.Normal(0.0, 1.0))
        >>> int(state.epoch), mlejax.Status(int(state.status)).name
        (0, 'RUNNING')
    """

    # Every leaf is an array of its own, so that a caller may donate the state.
    def copy(model: M) -> M:
        return jax.tree.map(lambda leaf: jnp.array(leaf, jnp.result_type(leaf, float)), model)

    check_fields(model)
    dtype = jnp.result_type(*jax.tree.leaves(copy(model)))
    # Integers as wide as the floats: a mask over one then selects from the other without a conversion.
    integer = jnp.int64 if dtype == jnp.float64 else jnp.int32
    # A step takes it that the parameters lie inside their domain, and a run that does not begin there has no first one.
    status = jnp.where(Parameters.of(model).inside(model), int(Status.RUNNING), int(Status.DIVERGED))
    return TrainState(
        model=copy(model),
        best_model=copy(model),
        best_log_likelihood=jnp.array(-jnp.inf, dtype),
        best_epoch=jnp.array(0, integer),
        epoch=jnp.array(0, integer),
        status=status.astype(integer),
        optimizer=() if optimizer is None else optimizer.init(copy(model)),  # type: ignore[arg-type]
        sense=() if optimizer is None else jnp.array(0, dtype),
    )


def train_step(
    state: TrainState[M],
    train: Sample | Rows | ArrayLike,
    validation: Sample | Rows | ArrayLike | None,
    learning_rate: ArrayLike | M,
    *,
    patience: ArrayLike = 50,
    tolerance: ArrayLike = 1e-8,
    max_epochs: ArrayLike | None = None,
    optimizer: Optimizer | None = None,
) -> tuple[TrainState[M], StepInfo[M]]:
    """Make one epoch of one run: measure, move uphill, decide whether to stop. Compiled, and pure.

    theta <- theta + learning_rate * direction, with direction the gradient of the mean train log-likelihood, or what
    `optimizer` makes of it. Of numbers that are bound to each other, such as those of a simplex, the gradient is the
    part that keeps what binds them, so that steps add up to 0 and weights to 1; a step beyond the ends of a domain ends
    the run DIVERGED. A run that has ended stays as it is. Works in the floating-point type of `state`.

    Args:
        state: from `init_state` or an earlier step.
        train: the sample to ascend on: observations, an array or a record of arrays; or a `Summary`.
        validation: the sample that decides the stop, likewise; None lets the train log-likelihood decide.
        learning_rate: one number, or a model whose leaves are one rate per parameter. Positive.
        patience: epochs without a better validation log-likelihood after which the run ends.
        tolerance: the run ends when the validation log-likelihood is this close to its best without exceeding it, nats.
        max_epochs: the epoch after which the run ends; None sets no limit.
        optimizer: static; an `optax.GradientTransformation`. Optimizers that carry their own rate, such as
            `optax.adam(1e-2)`, are followed uphill and multiplied by `learning_rate`: give 1.0 to leave theirs as it
            is. `optax.scale_by_adam()` takes its rate from `learning_rate` alone, which can then be swept.

    Returns:
        The next state, and what this epoch measured.

    Raises:
        TypeError: the state was made with another optimizer.
        ValueError: outside any JAX transformation, where values are known: an observation that is not finite, none at
            all, a weight below 0, or a learning rate that is not positive. Anywhere: observations of a shape that
            `log_prob` does not turn into one number, or another number of weights.

    Example:
        Inside your own `jit` and `scan`:

        >>> import jax, jax.numpy as jnp, mlejax
        >>> x = jnp.linspace(-1.0, 3.0, 101)
        >>> @jax.jit
        ... def train(learning_rate):
        ...     def epoch(state, _):
        ...         return mlejax.train_step(state, x, None, learning_rate)
        ...     return jax.lax.scan(epoch, mlejax.init_state(mlejax.Normal(0.0, 1.0)), length=600)
        >>> state, info = train(0.1)
        >>> print(f"{float(state.model.mean):.2f}", info.train_log_likelihood.shape)
        1.00 (600,)
    """
    check_values("train", train)
    if validation is not None:
        check_values("validation", validation)
    for rate in jax.tree.leaves(learning_rate):
        if not isinstance(rate, Tracer):
            checks.positive("learning_rate", rate)
    return _train_step(
        state, train, validation, learning_rate,
        patience=patience, tolerance=tolerance, max_epochs=max_epochs, optimizer=optimizer,
    )  # fmt: skip


_seen_finite: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()
"""Observations that have been looked through already, by identity: JAX's arrays never change."""

_seen_heavy: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()
"""Weights likewise."""


def check_values(name: str, sample: Sample | Rows | ArrayLike) -> None:
    """Check observations whose values are known: at least one, all finite, of weights that are none below 0.

    Tracers and summaries pass.

    Raises:
        ValueError: naming the sample, the first offending value and its index.
    """
    given = sample.values if isinstance(sample, Observations) else sample
    if isinstance(sample, Observations) and sample.weights is not None:
        _check_weights(f"{name}: weights", sample)
    leaves = jax.tree.leaves(given)
    if isinstance(given, Summary) or any(isinstance(leaf, Tracer) for leaf in leaves):
        return
    if isinstance(given, Array) and _seen_finite.get(id(given)) is given:
        return
    columns = {"": given} if isinstance(given, list | tuple) and not hasattr(given, "_fields") else named_columns(given)
    for column, numbers in columns.items():
        array, what = np.asarray(numbers), f"{name}: {column}" if column else name
        if not array.ndim or not len(array):
            raise InputValueError(f"{what} must hold at least one observation; got shape {array.shape}")
        if array.dtype.kind == "f" and not np.all(finite := np.isfinite(array)):
            index = tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), array.shape))
            place = ", ".join(map(str, index))
            raise InputValueError(f"{what} must be finite; got {array[index]} at index {place}")
    if isinstance(given, Array):
        _seen_finite[id(given)] = given


def _check_weights(name: str, sample: Observations) -> None:
    """Check weights: one for each observation; where they are known, at least 0, and not all 0."""
    if np.shape(sample.weights) != (n := row_count(sample.values),):
        raise InputValueError(f"{name} must be one for each of {n} observations; got shape {np.shape(sample.weights)}")
    if isinstance(sample.weights, Tracer) or _seen_heavy.get(id(sample.weights)) is sample.weights:
        return
    if not np.any(checks.non_negative(name, sample.weights)):
        raise InputValueError(f"{name} must not all be 0")
    if isinstance(sample.weights, Array):
        _seen_heavy[id(sample.weights)] = sample.weights


def _check_shape(model: Model, sample: Sample) -> None:
    """Check that the formula turns one observation into one number."""
    if isinstance(sample, Observations):
        one = one_of(sample.values)
        with explained(model, one):
            found = jax.eval_shape(lambda model, x: model.log_prob(x), model, one)
        if found.shape != ():
            raise InputValueError(
                f"{type(model).__name__}.log_prob must return one number; for one observation, {described(one)}, "
                f"it returns an array of shape {found.shape}"
            )


@functools.partial(jax.jit, static_argnames=("optimizer",))
def _train_step(
    state: TrainState[M],
    train: Any,
    validation: Any,
    learning_rate: Any,
    *,
    patience: Any,
    tolerance: Any,
    max_epochs: Any,
    optimizer: Any,
) -> tuple[TrainState[M], StepInfo[M]]:
    check_memory(optimizer, state.optimizer, state.model)
    sample, held_out = as_sample(train), None if validation is None else as_sample(validation)
    for part in (sample, held_out):
        if part is not None:
            _check_shape(state.model, part)
    dtype = state.best_log_likelihood.dtype
    table = Parameters.of(state.model)
    mean, gradient = jax.value_and_grad(lambda model: sample.mean_log_prob(model, inside=True))(state.model)
    gradient = table.tangent(gradient)
    train_log_likelihood = (sample.count * mean).astype(dtype)
    measured = train_log_likelihood
    if held_out is not None:
        measured = (held_out.count * held_out.mean_log_prob(state.model, inside=True)).astype(dtype)
    direction, sense, optimizer_state = gradient, state.sense, state.optimizer
    improved = measured > state.best_log_likelihood
    counts = True
    if optimizer is not None:
        sense = sense_of(optimizer, sense, state.optimizer, gradient, state.model)
        uphill = jax.tree.map(lambda g: jnp.where(sense < 0, -g, g), gradient)
        direction, optimizer_state = optimizer.update(uphill, state.optimizer, state.model)
        # A schedule that warms up from zero does not move at first. Measuring the start again says nothing of how
        # near the maximum is: until the first move no epoch is the best so far.
        counts = (state.best_log_likelihood > -jnp.inf) | _any_moves(direction) | ~_any_moves(gradient)
    rates = table.one_for_each(learning_rate)
    moved = jax.tree.map(lambda p, rate, d: (p + rate * d).astype(p.dtype), state.model, rates, direction)
    moved = table.nearest(moved)  # rates of their own, an optimizer and rounding lead away from it

    epoch = state.epoch + 1
    waited = epoch - state.best_epoch
    healthy = jnp.isfinite(measured) & table.inside(moved)
    if optimizer is not None:
        # An optimizer that accumulates gradients makes no update meanwhile. To measure the best parameters again says
        # nothing of how near the maximum is, as long as there are updates to come that change them.
        again = table.equal(state.model, state.best_model)
        to_come = ~table.equal(moved, state.model) | (~_any_moves(direction) & _any_moves(gradient))
        tolerance = jnp.where(again & to_come, -1.0, tolerance)
    over = False if max_epochs is None else epoch >= max_epochs
    status = _decide(state, measured, improved, waited, patience, tolerance, over)
    status = jnp.where(healthy, status, _as_in(state, Status.DIVERGED))
    running = state.status == Status.RUNNING
    better = running & improved & jnp.isfinite(measured) & counts
    following = TrainState(
        model=select(running & healthy, moved, state.model),
        best_model=select(better, state.model, state.best_model),
        best_log_likelihood=select(better, measured, state.best_log_likelihood),
        best_epoch=select(better, epoch, state.best_epoch),
        epoch=select(running, epoch, state.epoch),
        status=select(running, status, state.status),
        optimizer=select(running, optimizer_state, state.optimizer),
        sense=select(running, sense, state.sense),
    )
    inside = table.inside(state.model)  # of every run but one that did not begin there
    validation_log_likelihood = None if held_out is None else jnp.where(inside, measured, jnp.nan)
    train_log_likelihood = jnp.where(inside, train_log_likelihood, jnp.nan)
    return following, StepInfo(state.model, train_log_likelihood, validation_log_likelihood, gradient)


def _decide(
    state: TrainState, measured: Any, improved: Any, waited: Any, patience: Any, tolerance: Any, over: Any
) -> Any:
    """Return whether the run ends in this epoch, and by which rule; `over` says whether it is the last one allowed."""
    of = functools.partial(_as_in, state)
    shortfall = jnp.abs(measured - state.best_log_likelihood)
    # A difference that rounding alone could have made decides nothing: such a stop is PRECISION, whatever rule fired.
    resolution = RESOLUTION * jnp.finfo(measured.dtype).eps * jnp.abs(measured)
    close, impatient = shortfall < tolerance, waited >= patience
    by_tolerance = jnp.where(tolerance > resolution, of(Status.TOLERANCE), of(Status.PRECISION))
    by_patience = jnp.where(shortfall > resolution, of(Status.PATIENCE), of(Status.PRECISION))
    otherwise = jnp.where(over, of(Status.MAX_EPOCHS), of(Status.RUNNING))
    status = jnp.where(impatient, by_patience, jnp.where(close, by_tolerance, otherwise))
    return jnp.where(improved, otherwise, status)


def _as_in(state: TrainState, status: Status) -> Array:
    """Return a status in the type that the state has for it: a choice between others would be converted afterwards."""
    return jnp.asarray(int(status), state.status.dtype)


def select(condition: ArrayLike, new: T, old: T) -> T:
    """Return one of two pytrees, leaf by leaf: `new` where the condition holds, `old` elsewhere."""
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)


def _any_moves(tree: Any) -> Any:
    return functools.reduce(jnp.logical_or, (jnp.any(leaf != 0) for leaf in jax.tree.leaves(tree)))
