"""Short names for formulas: what decides results is recorded by them, and two of them are told apart."""

import hashlib
from typing import Any

import jax
import numpy as np

from .base import Model


def formula_digest(model: Model) -> str:
    """Return a short name for the formula of `log_prob`: it changes when the formula does, fixed numbers included."""
    with jax.enable_x64(True):
        try:
            formula = jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, jax.ShapeDtypeStruct((), np.float64))
        except TypeError:  # a table look-up takes whole numbers
            formula = jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, jax.ShapeDtypeStruct((), np.int64))
    return digest_of(formula)


def sample_digest(model: Any) -> str:
    """Return a short name for the way in which a model draws: it changes when its `sample` does."""
    with jax.enable_x64(True):
        key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
        return digest_of(jax.make_jaxpr(lambda m, key: m.sample(key, (2,)))(model, key))


def digest_of(jaxpr: Any) -> str:
    """Return a short name for a traced function, the arrays that it holds included."""
    digest = hashlib.sha256(str(jaxpr).encode())  # JAX writes XXXX for the addresses of functions
    for constant in jaxpr.consts:
        digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()[:16]
