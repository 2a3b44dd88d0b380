"""The epochs of ONE run between its first and its last, in which nothing is decided but that it goes on.

An epoch of `train_step` says of every run why it ends, and keeps what has ended as it is. Nearly all epochs end
nothing. `onward` makes those as `train_step` makes them, and leaves a run that would end in the next one where it is,
for `train_step` to make that one. It is written for a loop over lanes, which XLA makes of one kernel for each value
that several others need: what is cheap is computed where it is needed, and choices are masks of bits.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from ..ascent.run import Run
from ..ascent.step import TrainState
from ..formula.jaxpr import DECLARED, Formula, opened, traced
from ..models.parameters import Parameters
from ..samples.summary import Summary
from .kernel import ELEMENTWISE

T = TypeVar("T")


def goes_onward(run: Run[Any]) -> bool:
    """Return whether `onward` makes the epochs of a run faster: by statistics, with operations that cost little.

    Args:
        run: as arrays, or their shapes.
    """
    if not isinstance(run.train, Summary):
        return False
    leaves, tree = jax.tree.flatten((run.start, run.train))

    def ascent(*leaves: Any) -> list[Any]:
        model, sample = jax.tree.unflatten(tree, leaves)
        return jax.tree.leaves(jax.value_and_grad(lambda model: sample.mean_log_prob(model, inside=True))(model))

    shapes = [jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]
    return all(name in ELEMENTWISE or name in MOVING for name in _operations(traced(ascent, *shapes)))


MOVING = frozenset(("broadcast_in_dim", "item", "reshape", "slice", "squeeze"))
"""Operations that compute nothing."""


def _operations(formula: Formula) -> Iterator[str]:
    """Yield the names of all operations of a formula, also of those that stand in place of others on some platform."""
    for node in formula.nodes:
        if node.name in DECLARED:
            yield from _operations(opened(node))
        elif node.name == "cond" and node.inputs[0].name == "platform_index":
            for branch in range(len(node.equation.params["branches"])):
                yield from _operations(opened(node, branch))
        elif node.function is not None and node.name != "platform_index":
            yield node.name


def onward(run: Run[Any], state: TrainState[Any]) -> TrainState[Any]:
    """Return the state after one more epoch of plain ascent that does not end the run; the state itself where it would.

    A state that comes back as it is would come back so for ever. The status is not looked at: a run that has ended
    stays as it is where its `max_epochs` is 0.

    Args:
        run: what decides it, with a `Summary` to train on.
        state: as in a lane: its counters are floating-point numbers like all else.
    """
    assert run.train is not None  # a sample of its own
    table = Parameters.of(state.model)
    leaves, structure = jax.tree.flatten(state.model)
    rates = jax.tree.leaves(table.one_for_each(run.learning_rate))
    *apart, at = _copies(state.model, len(leaves) + 1)
    moved = jax.tree.unflatten(
        structure, [_moved(run.train, model, rates[i], i).astype(leaves[i].dtype) for i, model in enumerate(apart)]
    )
    held_out = run.train if run.validation is None else run.validation
    measured = (held_out.count * held_out.mean_log_prob(at, inside=True)).astype(state.best_log_likelihood.dtype)

    epoch, best = state.epoch + 1, state.best_log_likelihood
    gain, waited = measured - best, epoch - state.best_epoch
    improves_or_waits = (gain > 0) | ((waited < run.stopping.patience) & (gain <= -run.stopping.tolerance))
    healthy = (jnp.abs(measured) <= jnp.finfo(measured.dtype).max) & table.inside(moved)
    goes = _mask(improves_or_waits & (epoch < run.stopping.max_epochs) & healthy, measured)

    pairs = iter(_copies((measured, best), len(leaves) + 2))

    def kept(new: Array, old: Array) -> Array:
        measured, best = next(pairs)
        return _chosen(goes & _mask(measured > best, measured), new, old)

    ((found, again),) = _copies((state.model, state.epoch), 1)
    return TrainState(
        model=jax.tree.map(lambda new, old: _chosen(goes, new, old), moved, state.model),
        best_model=jax.tree.map(kept, found, state.best_model),
        best_log_likelihood=kept(measured, best),
        best_epoch=kept(again + 1, state.best_epoch),
        epoch=state.epoch + _chosen(goes, jnp.ones_like(state.epoch), jnp.zeros_like(state.epoch)),
        status=state.status,
        optimizer=state.optimizer,
        sense=state.sense,
    )


def _moved(sample: Any, model: Any, rate: Any, index: int) -> Any:
    """Return the parameter of this index after a step along its gradient of the mean log-likelihood."""
    gradient = jax.grad(lambda model: sample.mean_log_prob(model, inside=True))(model)
    return jax.tree.leaves(model)[index] + rate * jax.tree.leaves(gradient)[index]


def _copies(value: T, count: int) -> list[T]:
    """Return a value so many times. On a CPU the compiler takes them for different ones until it has made kernels.

    What is computed from two of them does not meet in a kernel of its own, which would pass over memory; computed in
    one kernel after all, it is computed once.
    """

    def alike(value: T) -> list[T]:
        return [value] * count

    def apart(value: T) -> list[T]:
        return jax.lax.optimization_barrier([value] * count)

    return jax.lax.platform_dependent(value, cpu=apart, default=alike)


def _bits(value: Array) -> Array:
    return jax.lax.bitcast_convert_type(value, jnp.int64 if value.dtype == jnp.float64 else jnp.int32)


def _mask(condition: Array, like: Array) -> Array:
    """Return all bits or none, of a number as wide as another: a truth value would be narrowed and widened again."""
    ones = _bits(like).dtype.type(-1)
    return jnp.where(condition, ones, ones.dtype.type(0))


def _chosen(mask: Array, new: Array, old: Array) -> Array:
    """Return one of two numbers, bit by bit: `new` under the mask, `old` elsewhere."""
    return jax.lax.bitcast_convert_type(_bits(old) ^ ((_bits(old) ^ _bits(new)) & mask), new.dtype)
