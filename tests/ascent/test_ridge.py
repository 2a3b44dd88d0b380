"""Maxima at the far end of a curved ridge."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import gammaln
from scipy import optimize, special, stats

import mlejax
from mlejax import ConvergenceWarning, Gamma, Model, Shifted, Status, parameter, positive, real
from mlejax.ascent import profile as by_profile
from mlejax.ascent.outward import End, View
from mlejax.ascent.ridge import follow
from mlejax.models.parameters import Parameters

COUNT, ALONG, ACROSS = 40.0, 1e-3, 10.0


def banana(top):
    """Climb -ALONG (t - top)^2 / 2 - ACROSS (y - t^2)^2 / 2: with t held, to the ridge at once; else stay."""

    def ascend(points, free, most, beside=False):
        found = []
        for t, y in points:
            y = t * t if free[0] == 0 and most else y
            across = y - t * t
            score = np.array([ALONG * (top - t) + 2 * ACROSS * across * t, -ACROSS * across])
            cross = -2 * ACROSS * t
            information = np.array([[ALONG + 4 * ACROSS * t * t - 2 * ACROSS * across, cross], [cross, ACROSS]])
            distance = float(np.sqrt(COUNT * score @ np.linalg.solve(information, score)))
            height = -ALONG * (t - top) ** 2 / 2 - ACROSS * across**2 / 2
            at = np.array([t, y])
            found.append(
                End(at, height, information, np.eye(2), np.array([1.0, 1e6]), distance, 1, Status.MAX_STEPS, at)
            )
        return found

    return ascend


def test_a_profile_is_followed_to_its_top():
    table = Parameters.of(mlejax.Laplace(0.0, 1.0))  # a real coordinate first
    for top in (40.0, -3.0):
        (start,) = banana(top)([np.array([5.0, 25.0])], np.ones(2), 0)
        found = follow(banana(top), start, table, COUNT)
        assert isinstance(found, End)
        assert found.distance < 1e-6
        np.testing.assert_allclose(found.coordinates, [top, top * top], rtol=1e-4)
        assert found.steps > start.steps


def sample(seed):
    """Nearly normal observations, as which a moved gamma distribution has a large shape far below them."""
    random = np.random.RandomState(seed)
    random.uniform(size=80)
    return random.normal(10.0, 1.0, 40)


def profile(location, x):
    """Return the shape and the highest log-likelihood of a gamma distribution that begins at a location."""
    y = x - location
    wanted = np.log(np.mean(y)) - np.mean(np.log(y))
    shape = optimize.brentq(lambda a: np.log(a) - special.digamma(a) - wanted, 1e-3, 1e9, xtol=1e-12, rtol=1e-14)
    return shape, np.sum(stats.gamma.logpdf(y, shape, scale=np.mean(y) / shape))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 11, 12])
def test_the_top_of_a_ridge_is_reached(seed):
    x = sample(seed)
    result = mlejax.fit(Shifted.of(Gamma), x, progress=False)
    assert result.converged
    found = optimize.minimize_scalar(lambda at: -profile(at, x)[1], bounds=(-200.0, x.min() - 0.1), method="bounded")
    assert result.log_likelihood == pytest.approx(-found.fun, abs=1e-7)
    shape, height = profile(result.model.location, x)
    assert result.log_likelihood == pytest.approx(height, rel=1e-12)
    assert result.model.base.shape == pytest.approx(shape, rel=1e-6)


@pytest.mark.slow
def test_without_following_it_the_climb_ends_on_the_ridge(monkeypatch):
    monkeypatch.setattr(by_profile, "follow", lambda *_: None)
    with pytest.warns(ConvergenceWarning):
        result = mlejax.fit(Shifted.of(Gamma), sample(11), progress=False)
    assert result.status is Status.MAX_STEPS


@pytest.mark.slow
def test_a_ridge_without_a_top_has_no_maximum():
    x = 20.0 - sample(10)  # skewed to the other side
    assert stats.skew(x) < 0
    with pytest.warns(ConvergenceWarning):
        result = mlejax.fit(Shifted.of(Gamma), x, progress=False)
    assert result.status is not Status.CONVERGED


class MovedGamma(Model):
    """A moved gamma distribution as someone may write it: no family that is known to become normal."""

    location: float = parameter(real)
    shape: float = parameter(positive)
    rate: float = parameter(positive)

    def log_prob(self, x):
        y = jnp.where(x > self.location, x - self.location, 1.0)
        density = self.shape * jnp.log(self.rate) - gammaln(self.shape) + (self.shape - 1) * jnp.log(y) - self.rate * y
        return jnp.where(x > self.location, density, -jnp.inf)


@pytest.mark.slow
@pytest.mark.parametrize("count", [50, 1000])
def test_a_ridge_without_a_top_in_a_formula_of_your_own_rises_to_its_limit(count):
    """As the location falls and the shape follows, a gamma distribution becomes normal."""
    for seed in range(3):
        x = 10.0 - np.random.RandomState(seed).gamma(4.0, size=count)
        start = MovedGamma(x.min() - 5 * x.std(), 25.0, 25.0 / (x.mean() - x.min() + 5 * x.std()))
        with pytest.warns(ConvergenceWarning):
            result = mlejax.fit(start, x)
        assert result.status is Status.AT_INFINITY, (seed, result.reason)
        found = re.search(r"keeps rising as location falls; its supremum, (-[0-9.]+) at infinity", result.reason)
        assert found, result.reason
        limit = np.sum(stats.norm.logpdf(x, x.mean(), x.std()))
        assert float(found[1]) == pytest.approx(limit, abs=0.01)  # nats; the formula itself rounds by a tenth of that


@pytest.mark.parametrize(("rise", "levels"), [(lambda t: -1 / (1 - t), True), (lambda t: np.log(1 - t) / 50, False)])
def test_a_profile_that_levels_off_is_told_from_one_that_does_not(rise, levels):
    def ascend(points, free, most, beside=False):
        information = np.diag([1e-3, 1.0])
        ends = (np.array([t, 0.0]) for t, _ in points)
        return [
            End(at, float(rise(at[0])), information, np.eye(2), np.array([1.0, 1e6]), 1.0, 1, Status.MAX_STEPS, at)
            for at in ends
        ]

    table = Parameters.of(mlejax.Laplace(0.0, 1.0))
    (start,) = ascend([np.zeros(2)], np.ones(2), 0)
    found = follow(ascend, start, table, COUNT)
    assert isinstance(found, View) == levels
    if levels:
        assert (found.index, found.sign) == (0, -1)
        assert COUNT * found.highest.mean_log_likelihood == pytest.approx(0.0, abs=1e-3)
