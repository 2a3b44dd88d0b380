import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import zoo

import mlejax
from mlejax import Normal, positive
from mlejax.models.tracing import trace_log_prob

BRANCH = r"Family.log_prob decides by a value .* as `if x > 0` does: write jnp.where\(x > 0, ..., ...\)"
AWAY = r"Family.log_prob hands a value to NumPy, SciPy or math, .* use jax.numpy and jax.scipy .* jnp.log\(x\)"
FORMULAS = {
    "if on a parameter": (lambda m, x: -x * m.a if m.a > 0 else 0.0, TypeError, BRANCH),
    "if on the data": (lambda m, x: -x * m.a if x > 0 else -m.a, TypeError, BRANCH),
    "NumPy": (lambda m, x: np.log(m.a) - m.a * x, TypeError, AWAY),
    "SciPy": (lambda m, x: scipy.stats.expon.logpdf(x, scale=1 / m.a), TypeError, AWAY),
    "math": (lambda m, x: math.log(m.a) - m.a * x, TypeError, AWAY),
    "float32": (lambda m, x: (-m.a * x).astype(jnp.float32), TypeError, "Family.log_prob returns float32 though"),
    "an integer": (lambda m, x: jnp.asarray(m.a * x, jnp.int64), TypeError, "must return a real number; got .* int64"),
    "complex": (lambda m, x: 1j * m.a * x, TypeError, "must return a real number; got one of type complex128"),
    "nothing": (lambda m, x: None, TypeError, "Family.log_prob must return one number; got None"),
    "a pair": (lambda m, x: (m.a, x), TypeError, r"Family.log_prob must return one number; got \("),
    "an array": (lambda m, x: jnp.stack([m.a, x]), ValueError, r"must return one number; got shape \(2,\)"),
}


@pytest.mark.parametrize(("formula", "error", "message"), FORMULAS.values(), ids=FORMULAS)
def test_what_jax_cannot_follow_is_a_sentence_with_a_remedy(formula, error, message):
    with pytest.raises(error, match=message):
        mlejax.train(zoo.family(formula, a=positive)(1.0), [1.0, 2.0], progress=False)


def test_a_parameter_that_is_none_is_named():
    with pytest.raises(TypeError, match=r"start: Normal.mean must be a real number; got None"):
        mlejax.train(Normal(None, 1.0), [1.0, 2.0], progress=False)


@pytest.mark.parametrize("dtype", [np.float64, np.int64], ids=str)
def test_formulas_that_jax_follows_pass(dtype):
    for formula in (lambda m, x: jnp.where(x > 0, -m.a * x, -m.a), lambda m, x: -m.a * jax.lax.stop_gradient(x)):
        trace_log_prob(zoo.family(formula, a=positive)(1.0), dtype)
    trace_log_prob(Normal(0, 1), dtype)


SCALE = 1.0


class ReadsAGlobal(mlejax.Model):
    """A formula with a number that is no field of the model."""

    mean: float

    def log_prob(self, x):
        return -0.5 * ((x - self.mean) / SCALE) ** 2 - jnp.log(SCALE)


def test_a_formula_that_reads_a_changed_value_is_refused(monkeypatch):
    data = {"observations": [1.0, 2.0, 4.0], "validation_fraction": 0, "progress": False}
    before = mlejax.train(ReadsAGlobal(0.0), **data).log_likelihood
    assert mlejax.train(ReadsAGlobal(0.0), **data).log_likelihood == before
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    with pytest.raises(ValueError, match=r"ReadsAGlobal.log_prob reads a value that has changed .* static field"):
        mlejax.train(ReadsAGlobal(0.0), **data)
    for observations in ([1.0, 2.0, 4.0, 7.0], mlejax.Draws(mlejax.Normal(0.0, 1.0), 50)):
        with pytest.raises(ValueError, match="reads a value that has changed"):
            mlejax.sweep(ReadsAGlobal(0.0), seeds=[0], learning_rates=[0.1], observations=observations, progress=False)
