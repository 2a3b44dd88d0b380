"""Optimizers: which way one steps, whether it fits a state, and directions of ascent that Optax does not have."""

import functools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from ..likelihood import expected_information
from ..models.base import M, Model

Optimizer: TypeAlias = optax.GradientTransformation | optax.MultiSteps
"""Anything of Optax that makes an update of a gradient, its own state and the parameters alone."""


def natural_gradient() -> optax.GradientTransformation:
    """The gradient in the metric of the Fisher information: information(parameters)^-1 gradient.

    For models with `typical_observations`, of which the expected information is known exactly. A learning rate of 1 is
    one step of Fisher scoring; the direction has the units of the parameters, so no unit decides the rate.

    Reference: S. Amari, Natural gradient works efficiently in learning, Neural Computation 10 (1998) 251-276.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> x = np.random.RandomState(0).normal(5.0, 2.0, 1000)
        >>> result = mlejax.train(mlejax.Normal(0.0, 1.0), x, optimizer=mlejax.natural_gradient(), learning_rate=1.0)
        >>> result.epochs < 60
        True
    """

    def direction(gradient: Any, model: Any) -> Any:
        if not hasattr(model, "typical_observations"):
            raise TypeError(
                f"natural_gradient() needs a family of which the expected information is known; "
                f"{type(model).__name__} has no typical_observations: use another optimizer, such as optax.adam(0.1)"
            )
        flat, unravel = ravel_pytree(gradient)
        factor = jax.scipy.linalg.cho_factor(expected_information(model))
        return unravel(jax.scipy.linalg.cho_solve(factor, flat))

    return optax.stateless(direction)


def checked_optimizer(optimizer: Any, model: Model) -> Optimizer | None:
    """Check an optimizer before anything runs.

    Args:
        optimizer: an `optax.GradientTransformation`, or None.
        model: the start of the run, with numbers for parameters.

    Returns:
        The optimizer as it is.

    Raises:
        TypeError: it is not one, or its `update` asks for more than gradient, state and parameters.
        ValueError: its first updates are zero for a gradient of ones.
    """
    if optimizer is None:
        return None
    if not callable(getattr(optimizer, "init", None)) or not callable(getattr(optimizer, "update", None)):
        fix = f"; call it first, as in {optimizer.__name__}(0.1)" if hasattr(optimizer, "__name__") else ""
        raise TypeError(
            "optimizer must be an optax.GradientTransformation, such as optax.adam(0.1), or None; "
            f"got {optimizer!r}{fix}"
        )
    ones = jax.tree.map(lambda leaf: jnp.ones(jnp.shape(leaf), jnp.result_type(leaf, float)), model)
    try:
        sense = jax.jit(functools.partial(sense_of, optimizer))(0.0, optimizer.init(ones), ones, model)
    except TypeError as error:
        if "required keyword-only" not in str(error):
            raise
        raise TypeError(
            f"optimizer: {error}. Transformations that search along a line, such as optax.lbfgs(), cannot be used; "
            "take one such as optax.adam(0.1)"
        ) from None
    if sense == 0:
        raise ValueError(f"optimizer: its first {LOOK_AHEAD} updates are zero, so that no run would move")
    return optimizer


def check_memory(optimizer: Optimizer | None, memory: Any, model: Model) -> None:
    """Check that `memory`, the optimizer part of a state, is of the kind that `optimizer` makes for `model`.

    Raises:
        TypeError: it was made by another optimizer, or by none, or for none.
    """
    expected = () if optimizer is None else jax.eval_shape(optimizer.init, model)
    kinds = [
        (jax.tree.structure(tree), [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (memory, expected)
    ]
    if kinds[0] != kinds[1]:
        raise TypeError(
            "optimizer: this state was made with another one; give init_state and train_step the same optimizer"
        )


LOOK_AHEAD = 64
"""Epochs of an optimizer that are tried out in one to see which way it steps: a schedule may begin with zeros."""


def sense_of(optimizer: Optimizer, sense: Any, memory: Any, gradient: M, model: M) -> Any:
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
