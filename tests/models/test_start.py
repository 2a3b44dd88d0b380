"""The start that a family finds in a sample: inside the domain, near the truth, in any unit."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.models.abilities import HasStart
from mlejax.models.parameters import Parameters

SCALES = {
    "Gamma": {"rate": -1},
    "Weibull": {"scale": 1},
    "StudentT": {"location": 1, "scale": 1},
    "Normal": {"mean": 1, "variance": 2},
}
"""By which power of a unit each parameter grows, for families that have units."""

TRUE = {
    "Normal": (mlejax.Normal(3.0, 4.0), lambda r, n: r.normal(3, 2, n)),
    "Gamma": (mlejax.Gamma(2.5, 0.7), lambda r, n: r.gamma(2.5, 1 / 0.7, n)),
    "Weibull": (mlejax.Weibull(1.5, 2.0), lambda r, n: 2 * r.weibull(1.5, n)),
    "StudentT": (mlejax.StudentT(0.5, 2.0, 3.5), lambda r, n: 0.5 + 2 * r.standard_t(3.5, n)),
}
families = pytest.mark.parametrize("name", TRUE)


@families
def test_a_start_is_near_the_truth(name):
    truth, draw = TRUE[name]
    assert isinstance(type(truth), HasStart)
    found = type(truth).start(draw(np.random.RandomState(1), 20_000))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(truth), strict=True):
        assert type(one) is float
        assert one == pytest.approx(other, rel=0.2, abs=0.05)


@families
@pytest.mark.parametrize("count", [5, 40])
@pytest.mark.parametrize("unit", [1e-9, 1e9, 1e160])
def test_a_start_follows_the_unit(name, count, unit):
    truth, draw = TRUE[name]
    x = draw(np.random.RandomState(2), count)
    one, other = type(truth).start(x), type(truth).start(unit * x)
    assert bool(Parameters.of(other).inside(other))
    for parameter, value in vars(other).items():
        power = SCALES[name].get(parameter, 0)
        if unit ** min(power, 1) * unit ** max(power - 1, 0) < 1e300:
            assert value == pytest.approx(getattr(one, parameter) * unit**power, rel=1e-12)


@families
def test_a_start_of_a_constant_sample_is_inside_the_domain(name):
    found = type(TRUE[name][0]).start(np.full(7, 2.5))
    assert bool(Parameters.of(found).inside(found))


@families
def test_weights_count_observations(name):
    truth, draw = TRUE[name]
    x, weights = draw(np.random.RandomState(3), 50), np.random.RandomState(4).randint(0, 4, 50).astype(float)
    one, other = type(truth).start(x, weights), type(truth).start(np.repeat(x, weights.astype(int)))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a == pytest.approx(b, rel=0.5 if name == "StudentT" else 1e-12)
