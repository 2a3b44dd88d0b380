"""Directions of ascent that Optax does not have."""

from typing import Any

import jax
import optax
from jax.flatten_util import ravel_pytree

from ..likelihood import expected_information


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
        flat, unravel = ravel_pytree(gradient)
        factor = jax.scipy.linalg.cho_factor(expected_information(model))
        return unravel(jax.scipy.linalg.cho_solve(factor, flat))

    return optax.stateless(direction)
