"""Which way an optimizer steps: along the gradient that it is given, or against it."""

from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from ..models.base import M

if TYPE_CHECKING:
    import optax

    Optimizer: TypeAlias = optax.GradientTransformation | optax.MultiSteps
    """Anything of Optax that makes an update of a gradient, its own state and the parameters alone."""
else:
    Optimizer = object  # while running, `checked_optimizer` refuses what is none

LOOK_AHEAD = 64
"""Epochs of an optimizer that are tried out in one to see which way it steps: a schedule may begin with zeros."""


def sense_of(optimizer: Optimizer, sense: ArrayLike, memory: PyTree, gradient: M, model: M) -> Array:
    """Return +1 where an optimizer steps along the gradient it is given and -1 where, written to minimize, against it.

    The sign of <update(gradient) - update(-gradient), gradient>: what an optimizer does whatever the gradient, such as
    weight decay, cancels. It is asked for epoch after epoch from `memory` while its updates are zero: the parameters
    do not move meanwhile, so that the gradient stays the same.

    Args:
        optimizer: an `optax.GradientTransformation`.
        sense: what is known already; unless it is 0 it is returned, and nothing is computed.
        memory: the optimizer's state.
        gradient: of the log-likelihood at `model`.
        model: the parameters.

    Returns:
        +1 or -1; 0 where no update of the next `LOOK_AHEAD` moves, or the gradient is zero; NaN where one is not
        finite.
    """
    largest = jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(gradient)]).max()
    unit = jax.tree.map(lambda g: g / largest, gradient)

    def search(sense: Any, memory: Any, gradient: Any, unit: Any, model: Any) -> Any:
        downhill = jax.tree.map(jnp.negative, gradient)

        def unknown(carry: Any) -> Any:
            sense, epoch, _, _ = carry
            return (sense == 0) & (epoch < LOOK_AHEAD)

        def ask(carry: Any) -> Any:
            _, epoch, along, against = carry
            up, after_up = optimizer.update(gradient, along, model)
            down, after_down = optimizer.update(downhill, against, model)
            products = jax.tree.map(lambda u, d, g: jnp.sum((u - d) * g), up, down, unit)
            found = jnp.sign(sum(jax.tree.leaves(products))).astype(sense.dtype)
            return found, epoch + 1, _as_before(after_up, along), _as_before(after_down, against)

        return jax.lax.while_loop(unknown, ask, (sense, 0, memory, memory))[0]

    # A sign has no derivative, nor may the loop have one: what the optimizer closes over is made an argument first.
    given = jax.lax.stop_gradient((sense, memory, gradient, unit, model))
    search, closed_over = jax.closure_convert(search, *given)
    return search(*given, *jax.lax.stop_gradient(closed_over))


def _as_before(new: Any, old: Any) -> Any:
    return jax.tree.map(lambda new, old: jnp.asarray(new, jnp.result_type(old)), new, old)
