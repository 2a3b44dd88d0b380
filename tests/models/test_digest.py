"""Short names of formulas: another formula, another constant or another way to draw has another name."""

import jax.numpy as jnp
import numpy as np
import pytest
from zoo import family

import mlejax
from mlejax import positive
from mlejax.models.digest import formula_digest, sample_digest

EXPONENTIAL = {
    "the same": lambda m, x: jnp.log(m.rate) - m.rate * x,
    "another sign": lambda m, x: jnp.log(m.rate) + m.rate * x,
    "another constant": lambda m, x: jnp.log(m.rate) - m.rate * x + 1e-9,
    "another constant array": lambda m, x: jnp.log(m.rate) - m.rate * x * jnp.asarray(np.ones(3))[0],
}


def digest(log_prob):
    return formula_digest(family(log_prob, rate=positive)(np.float64(1.0)))


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_a_name_follows_the_formula(name):
    library = formula_digest(mlejax.Exponential(np.float64(1.0)))
    assert (digest(EXPONENTIAL[name]) == library) == (name == "the same")


def test_a_name_does_not_follow_the_values_of_the_parameters():
    one, other = (formula_digest(mlejax.Exponential(np.float64(rate))) for rate in (1.0, 2.0))
    assert one == other


def test_a_formula_that_takes_whole_numbers_alone_has_a_name():
    table = np.array([0.1, 0.2, 0.7])
    assert len(digest(lambda m, x: jnp.log(jnp.asarray(table)[x]) * m.rate)) == 16


def test_ways_of_drawing_are_told_apart():
    one, other = (sample_digest(model(np.float64(1.0))) for model in (mlejax.Exponential, mlejax.Poisson))
    assert one != other
