"""Raw observations: models and data, and the oracle, which is the formula as it is written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from zoo import NormalMixture

from mlejax import Observations, StudentT, Weibull

STARTS = {
    "weibull": Weibull(1.5, 2.5),
    "student_t": StudentT(1.0, 1.5, 5.0),
    "mixture": NormalMixture(0.4, -0.5, 1.2, 2.5, 2.0),
}

every_model = pytest.mark.parametrize("model", STARTS.values(), ids=STARTS)


def draw(n, seed=0):
    return np.random.RandomState(seed).gamma(2.0, 1.3, n)


def plain(model, values):
    """The oracle: the formula as it is written, observation by observation."""
    return jnp.mean(jax.vmap(model.log_prob)(jnp.asarray(values)))


def mean(model, values):
    return Observations(jnp.asarray(values)).mean_log_prob(model)


def assert_trees_close(found, expected, rtol):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
