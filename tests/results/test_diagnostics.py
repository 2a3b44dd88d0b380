"""What pictures need computed, beside closed forms of the normal distribution."""

import numpy as np
import pytest
from scipy import stats
from zoo import family

import mlejax
from mlejax.results import diagnostics


@pytest.fixture(scope="module")
def run(small_normal):
    return mlejax.train(mlejax.Normal(7.0, 8.0), small_normal, max_epochs=30, learning_rate=0.5, progress=False)


@pytest.mark.slow
def test_the_maximum_is_the_closed_form_of_the_train_part(run, small_normal):
    held_out = np.random.RandomState(42).permutation(200)[:40]
    train = np.delete(small_normal, held_out)
    peak, errors, height, found = diagnostics.maximum(run)
    assert found
    assert (peak.mean, peak.variance) == (pytest.approx(train.mean(), rel=1e-9), pytest.approx(train.var(), rel=1e-9))
    assert errors.mean == pytest.approx(np.sqrt(train.var() / 160), rel=1e-6)
    exact = stats.norm.logpdf(train, train.mean(), train.std()).sum()
    assert height == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
def test_a_density_is_that_of_scipy():
    grid = np.linspace(-3, 3, 7)
    expected = stats.norm.pdf(grid, 0.5, 2.0)
    np.testing.assert_allclose(diagnostics.density_on(mlejax.Normal(0.5, 4.0), grid), expected, rtol=1e-6)


def test_a_density_outside_the_support_is_no_number():
    assert np.isnan(diagnostics.density_on(mlejax.Gamma(2.0, 1.0), np.array([-1.0]))).all()


def test_a_grid_holds_the_path_and_stays_in_the_domain(run):
    for name, values in (("mean", run.history.model.mean), ("variance", run.history.model.variance)):
        grid = diagnostics.grid_around(run, name)
        assert grid.min() <= values.min() <= values.max() <= grid.max()
    assert diagnostics.grid_around(run, "variance").min() > 0


def test_heights_are_the_log_likelihood_and_highest_near_the_maximum(run):
    x, y = np.linspace(5.0, 9.0, 41), np.linspace(4.0, 12.0, 81)
    heights = diagnostics.heights_over(run, ("mean", "variance"), x, y)
    assert heights.shape == (81, 41)
    row, column = np.unravel_index(np.argmax(heights), heights.shape)
    peak = diagnostics.maximum(run)[0]
    assert abs(x[column] - peak.mean) <= 0.1
    assert abs(y[row] - peak.variance) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "exact"),
    [
        (mlejax.Normal(3.0, 4.0), stats.norm(3.0, 2.0)),
        (mlejax.Cauchy(1.0, 2.0), stats.cauchy(1.0, 2.0)),
        (mlejax.Gamma(0.5, 2.0), stats.gamma(0.5, scale=0.5)),
        (mlejax.Beta(0.5, 2.0), stats.beta(0.5, 2.0)),
        (mlejax.Poisson(4.0), stats.poisson(4.0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_distribution_functions_against_scipy(model, exact):
    values = exact.ppf(np.linspace(0.02, 0.98, 25))
    found = diagnostics.distribution_of(model, values)
    np.testing.assert_allclose(found.at(values), exact.cdf(values), atol=2e-4)


def test_what_is_no_density_has_no_distribution_function():
    doubled = family(lambda m, x: np.log(2.0) - x / m.scale, scale=mlejax.positive)(1.0)
    assert diagnostics.distribution_of(doubled, np.array([0.5, 1.0, 2.0])) is None


def test_a_distribution_function_of_angles_begins_opposite_to_their_location():
    model, angles = mlejax.VonMises(3.0, 2.0), np.array([-3.0, -1.5, 0.5, 2.9, 3.1])
    assert diagnostics.distribution_of(model, angles) is None  # they are on both sides of where the circle is cut
    turned = diagnostics.uncut(model, angles)
    np.testing.assert_allclose(turned, np.where(angles < 3.0 - np.pi, angles + 2 * np.pi, angles), rtol=1e-15)
    for one in (model, mlejax.Fixed.of(model, location=3.0)):
        found = diagnostics.distribution_of(one, diagnostics.uncut(one, angles))
        np.testing.assert_allclose(found.at(turned), stats.vonmises(2.0, 3.0).cdf(turned), atol=1e-5)
        assert (found.below[0] < 1e-4, found.below[-1]) == (True, 1.0)
    assert diagnostics.uncut(mlejax.Normal(3.0, 2.0), angles) is angles
