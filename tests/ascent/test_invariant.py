"""Where parameters can be changed together without any change of the likelihood, and where that only seems so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mlejax
from mlejax import Model, Status, ordered, parameter, positive, real
from mlejax.ascent.invariant import is_invariant
from mlejax.ascent.outward import BESIDE, End
from mlejax.models.parameters import Parameters


class Grades(Model):
    """Ordered outcomes of a line and logistic noise: all that is measured in units of the noise is known up to it."""

    slopes: object = parameter(real)
    cuts: object = parameter(ordered)
    noise: object = parameter(positive)

    def log_prob(self, row):
        below = jax.nn.sigmoid((self.cuts - row["x"] @ self.slopes) / self.noise)
        shares = jnp.diff(below, prepend=0.0, append=1.0)
        return jnp.log(shares[row["grade"]])


class Product(Model):
    """A normal distribution whose mean is a product, so that its factors lie on a hyperbola."""

    one: object = parameter(real)
    other: object = parameter(real)
    variance: object = parameter(positive)

    def log_prob(self, x):
        return mlejax.Normal(self.one * self.other, self.variance).log_prob(x)


@pytest.fixture(scope="module")
def grades():
    rng = np.random.RandomState(0)
    x = rng.normal(size=(100, 2))
    return {"x": x, "grade": np.digitize(x @ [1.0, -0.5] + rng.logistic(size=100), [-1.0, 0.5, 2.0])}


@pytest.mark.slow
def test_a_scale_that_cancels_is_not_identified(grades):
    with pytest.warns(mlejax.ConvergenceWarning):
        found = mlejax.fit(Grades([0.0, 0.0], [-1.0, 0.0, 1.0], 1.0), grades, progress=False)
    assert found.status is Status.NOT_IDENTIFIED
    assert found.reason.startswith("these data do not tell slopes[0], slopes[1], cuts[0], log(cuts[1] - cuts[0]), ")
    # the oracle: all times c, whose logarithms change by log c, and what is no logarithm in proportion to itself
    said = dict(
        part.rsplit(" by ", 1) for part in found.reason.split(" when ")[1].removesuffix(" change together").split(", ")
    )
    model, log_c = found.model, 1 / found.model.slopes[0]
    np.testing.assert_allclose(float(said["log noise"]), log_c, rtol=6e-3)  # three digits are said
    np.testing.assert_allclose(float(said["cuts[0]"]), log_c * model.cuts[0], rtol=6e-3)
    np.testing.assert_allclose(float(said["slopes[1]"]), log_c * model.slopes[1], rtol=6e-3)


@pytest.mark.slow
def test_the_same_with_the_scale_held_has_a_maximum(grades):  # the control
    model = mlejax.Fixed.of(Grades([0.0, 0.0], [-1.0, 0.0, 1.0], 1.0), noise=1.0)
    assert mlejax.fit(model, grades, progress=False).status is Status.CONVERGED


@pytest.mark.slow
def test_factors_on_a_hyperbola_are_not_identified():
    x = np.random.RandomState(1).normal(3.0, 1.0, 50)
    with pytest.warns(mlejax.ConvergenceWarning, match="do not tell one and other apart"):
        found = mlejax.fit(Product(1.0, 1.0, 1.0), x, progress=False)
    assert found.status is Status.NOT_IDENTIFIED
    assert found.model.one * found.model.other == pytest.approx(np.mean(x), rel=1e-6)


COUNT = 100.0


def seen_from(at, tilt=0.0, most=10):
    """Whether a parabola about a curve is told to be the same along it; where it is tilted, it rises on and on.

    In the coordinates of a normal distribution: about mean x variance = 3, and lower by tilt / variance.
    """
    table = Parameters.of(mlejax.Normal(0.0, 1.0))

    def height(u):
        return -((u[0] * np.exp(u[1]) - 3) ** 2) / 2 - tilt * np.exp(-u[1]) / COUNT

    def end_at(u):
        slope, shift = np.exp(u[1]) * np.array([1.0, u[0]]), np.array([0.0, BESIDE])
        information = np.outer(slope, slope) + np.diag([0.0, -tilt * np.exp(-u[1]) / COUNT])
        beside = height(u + shift), height(u - shift)
        return End(u, height(u), information, np.eye(2), np.ones(2), 1e-9, 5, Status.CONVERGED, u, beside)

    def ascend(starts, free, steps, *, beside=False):
        return [end_at(climbed(np.array(start), free, min(steps, most))) for start in starts]

    def climbed(u, free, steps):
        for _ in range(steps):
            away, slope = u[0] * np.exp(u[1]) - 3, np.exp(u[1]) * np.array([1.0, u[0]]) * free
            u = u - np.clip(away * slope / max(slope @ slope, 1e-300), *np.array([[-np.inf, -1.0], [np.inf, 1.0]]))
        return u

    return is_invariant(ascend, end_at(np.array([3 * np.exp(-at), at])), table, COUNT)


@pytest.mark.parametrize("at", [-3.0, 0.0, 5.0])
def test_a_curve_of_one_height_is_followed_to_its_ends(at):
    assert seen_from(at)


@pytest.mark.parametrize(("at", "tilt"), [(10.0, 1.0), (20.0, 1.0), (20.0, 1e-3), (50.0, 1.0)])
def test_what_flattens_towards_infinity_is_told_from_it(at, tilt):
    assert tilt * np.exp(-at) < 1e-4  # nats: no step from here finds anything higher
    assert not seen_from(at, tilt)


def test_a_curve_that_cannot_be_followed_proves_nothing():
    assert not seen_from(0.0, most=0)


def test_what_curves_every_way_is_not_followed():
    end = End(np.zeros(2), 0.0, np.eye(2), np.eye(2), np.ones(2), 1e-9, 5, Status.CONVERGED, np.zeros(2))

    def ascend(starts, free, most, *, beside=False):
        pytest.fail("it is")

    assert not is_invariant(ascend, end, Parameters.of(mlejax.Normal(0.0, 1.0)), COUNT)
