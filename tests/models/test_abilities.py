"""What a family can do besides its log-density is told by its methods."""

import jax
import numpy as np
import pytest
from zoo import Rayleigh

import mlejax
from mlejax.models.abilities import (
    CanDrawClosedForm,
    CanSample,
    HasCanonicalForm,
    HasClosedForm,
    HasStart,
    HasTypicalObservations,
)

NORMAL = mlejax.Normal(np.float64(7.2), np.float64(7.84))


@pytest.mark.parametrize(
    ("ability", "families"),
    [
        (CanSample, [NORMAL, mlejax.Gamma(1.0, 1.0), mlejax.Poisson(1.0)]),
        (HasClosedForm, [NORMAL]),
        (HasTypicalObservations, [NORMAL]),
        (CanDrawClosedForm, [NORMAL]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_who_has_the_methods_can(ability, families):
    assert all(isinstance(family, ability) for family in families)
    assert not isinstance(Rayleigh(1.0), ability)


class Named(mlejax.Model):
    """A model whose parameter bears the name of an ability."""

    canonical: float
    base: mlejax.Model

    def log_prob(self, x):
        return -((x - self.canonical) ** 2)


def test_a_parameter_is_no_ability():
    assert not isinstance(Named(1.0, NORMAL), HasCanonicalForm)
    assert isinstance(mlejax.Mixture.of(mlejax.Normal, 2).start([0.0, 0.1, 5.0, 5.1]), HasCanonicalForm)


def test_what_is_no_model_can_do_what_it_has_methods_for():
    class Family:
        def start(self, observations, weights=None):
            return NORMAL

    assert isinstance(Family(), HasStart)
    assert isinstance(mlejax.Fixed.of(mlejax.StudentT, degrees_of_freedom=9), HasStart)
    assert isinstance(mlejax.Normal, HasStart)
    assert not isinstance(Rayleigh, HasStart)
    assert not isinstance(object(), HasStart)


def test_typical_observations_give_every_quadratic_its_expectation(x64):
    x = np.asarray(NORMAL.typical_observations())
    assert np.mean(x) == pytest.approx(7.2, rel=1e-15)
    assert np.mean((x - 7.2) ** 2) == pytest.approx(7.84, rel=1e-14)


@pytest.mark.slow
def test_a_closed_form_that_is_drawn_follows_the_key(x64):
    one, again, other = (NORMAL.draw_closed_form(jax.random.key(key), 50) for key in (1, 1, 2))
    assert one.mean == again.mean
    assert one.variance != other.variance
