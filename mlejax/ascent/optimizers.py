"""Optimizers: what can be used as one, what fits a state, and directions of ascent that Optax does not have."""

import functools
from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from ..checks import InputTypeError, InputValueError
from ..likelihood import expected_information
from ..models.abilities import HasTypicalObservations
from ..models.base import Model
from ..models.digest import rendering
from ..models.parameters import Parameters
from .sense import LOOK_AHEAD, Optimizer, sense_of


def natural_gradient() -> Optimizer:
    """Return the gradient in the metric of the Fisher information: information(parameters)^-1 gradient.

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
    import optax  # a run without an optimizer does not need it

    def direction(gradient: Any, model: Any) -> Any:
        if not (isinstance(model, Model) and isinstance(model, HasTypicalObservations)):
            raise InputTypeError(
                f"natural_gradient() needs a family of which the expected information is known; "
                f"{type(model).__name__} has no typical_observations: use another optimizer, such as optax.adam(0.1)"
            )
        table = Parameters.of(model)
        factor = jax.scipy.linalg.cho_factor(expected_information(model))
        return table.to_model(jax.scipy.linalg.cho_solve(factor, table.to_vector(gradient)))

    return optax.stateless(direction)


def checked_optimizer(optimizer: Optimizer | None, model: Model) -> Optimizer | None:
    """Check an optimizer before anything runs.

    Args:
        optimizer: an `optax.GradientTransformation`, or None.
        model: the start of the run, with numbers for parameters.

    Returns:
        The optimizer, or the first one that was checked of those that compute the same: what is compiled for one of
        them serves all.

    Raises:
        TypeError: it is not one, or its `update` asks for more than gradient, state and parameters.
        ValueError: its first `LOOK_AHEAD` updates are zero for a gradient of ones.
    """
    if optimizer is None:
        return None
    if not callable(getattr(optimizer, "init", None)) or not callable(getattr(optimizer, "update", None)):
        name = getattr(optimizer, "__name__", None)
        fix = f"; call it first, as in {name}(0.1)" if name else ""
        raise InputTypeError(
            "optimizer must be an optax.GradientTransformation, such as optax.adam(0.1), or None; "
            f"got {optimizer!r}{fix}"
        )
    content = _content(optimizer, model)
    if content in _checked:
        return _checked[content]
    ones = jax.tree.map(lambda leaf: jnp.ones(jnp.shape(leaf), jnp.result_type(leaf, float)), model)
    try:
        sense = jax.jit(functools.partial(sense_of, optimizer))(0.0, optimizer.init(ones), ones, model)
    except TypeError as error:
        if "required keyword-only" not in str(error):
            raise
        asked = str(error).rpartition(": ")[2]
        raise InputTypeError(
            f"optimizer: its update asks for more than gradient, state and parameters ({asked}), "
            "as optax.lbfgs() and reduce_on_plateau() do; such a one cannot be used: take one such as optax.adam(0.1)"
        ) from None
    if sense == 0:
        raise InputValueError(f"optimizer: its first {LOOK_AHEAD} updates are zero, so that no run would move")
    if content is not None:
        while len(_checked) >= MOST_KEPT:
            del _checked[next(iter(_checked))]
        _checked[content] = optimizer
    return optimizer


MOST_KEPT = 128
"""Optimizers that are remembered."""

_checked: dict[Hashable, Optimizer] = {}
"""Optimizers by what they compute, the latest last."""


def _content(optimizer: Optimizer, model: Model) -> Hashable:
    """Return what an optimizer computes for models like one, in float64 and in float32; None where it cannot be told.

    It cannot where hyperparameters are being traced by JAX, or a function of Python is called back.
    """
    found: list[Hashable] = []
    try:
        for dtype in (np.float64, np.float32):
            one = jax.tree.map(lambda leaf, dtype=dtype: jax.ShapeDtypeStruct(np.shape(leaf), dtype), model)
            begun, memory = jax.make_jaxpr(optimizer.init, return_shape=True)(one)
            moved = jax.make_jaxpr(lambda g, s, p: optimizer.update(g, s, p))(one, memory, one)
            for traced in (begun, moved):
                if traced.effects or any(isinstance(constant, Tracer) for constant in traced.consts):
                    return None
                if "callback" in (text := rendering(traced)):
                    return None
                found.append(text)
            found.append(jax.tree.structure(memory))
        return jax.tree.structure(model), tuple(found)
    except Exception:  # what it raises is said where it is used
        return None


def check_memory(optimizer: Optimizer | None, memory: PyTree, model: Model) -> None:
    """Check that `memory`, the optimizer part of a state, is of the kind that `optimizer` makes for `model`.

    Raises:
        TypeError: it was made by another optimizer, or by none, or for none.
    """
    expected = () if optimizer is None else jax.eval_shape(optimizer.init, model)
    kinds = [
        (jax.tree.structure(tree), [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (memory, expected)
    ]
    if kinds[0] != kinds[1]:
        raise InputTypeError(
            "optimizer: this state was made with another one; give init_state and train_step the same optimizer"
        )
