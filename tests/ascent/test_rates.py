"""The learning rate that curvature suggests, beside quadratics and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from zoo import Cauchy, Rayleigh

import mlejax
from mlejax import article


class Bowl(mlejax.Model):
    """A quadratic whose curvatures along the diagonals, 6 and 2, do not lie along its parameters."""

    a: float
    b: float

    def log_prob(self, x):
        return -(4 * self.a**2 + 4 * self.a * self.b + 4 * self.b**2) / 2 + x * 0


ANY = np.arange(3.0)


def ascend(start, x, rate, epochs):
    return mlejax.train(
        start, x, learning_rate=rate, validation_fraction=0, max_epochs=epochs, patience=epochs, tolerance=0.0,
        progress=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_quarter_of_the_limit_halves_the_error_along_the_steepest_direction():
    rate = mlejax.suggest_learning_rate(Bowl(0.3, -2.0), ANY)
    assert rate == pytest.approx(1 / 12, rel=1e-12)
    for curvature, direction in ((6, np.array([1.0, 1.0])), (2, np.array([1.0, -1.0]))):
        nearer = ascend(Bowl(*direction), ANY, rate, 1).last_model
        np.testing.assert_allclose([nearer.a, nearer.b], (1 - curvature / 12) * direction, rtol=1e-12)


@pytest.mark.slow
def test_four_times_the_suggested_rate_is_where_ascent_no_longer_settles():
    rate = mlejax.suggest_learning_rate(Bowl(1.0, 1.0), ANY)
    for factor, settles in ((3.9, True), (4.1, False)):
        last = ascend(Bowl(1.0, 1.0), ANY, factor * rate, 300).last_model
        assert (abs(last.a) < 1) == settles


@pytest.mark.slow
def test_a_maximum_that_curves_more_than_the_start_is_reached(small_normal):
    """A Rayleigh log-likelihood curves 3.4 times as much at its maximum as at 1.25 times that."""
    waves = np.abs(small_normal)
    scale = np.sqrt(np.mean(waves**2) / 2)
    near = Rayleigh(1.25 * scale)
    curvature = [mlejax.observed_information(Rayleigh(at), waves)[0, 0] for at in (scale, near.scale)]
    assert 2 < curvature[0] / curvature[1] < 4
    run = ascend(near, waves, mlejax.suggest_learning_rate(near, waves), 300)
    assert run.arrived
    assert run.model.scale == pytest.approx(scale, rel=1e-6)


def test_separate_rates_of_a_quadratic_have_the_same_limit():
    rates = mlejax.suggest_learning_rate(Bowl(1.0, 1.0), ANY, per_parameter=True)
    assert isinstance(rates, Bowl)
    assert (rates.a, rates.b) == (
        pytest.approx(1 / 12),
        pytest.approx(1 / 12),
    )  # own curvature 4, of the scaled one 1.5


@pytest.mark.slow
def test_the_reference_problem_arrives_with_it():
    x = article.article_observations()
    near = mlejax.Normal(np.median(x), np.var(x[:1000]))
    rate = mlejax.suggest_learning_rate(near, x)
    mean, variance = oracles.exact_mean_and_variance(x)
    # At any (m, v) the information is 1/v, (mean - m)/v^2, and -1/(2 v^2) + (variance + (mean - m)^2)/v^3.
    off, last = mean - near.mean, -1 / (2 * near.variance**2) + (variance + (mean - near.mean) ** 2) / near.variance**3
    matrix = [[1 / near.variance, off / near.variance**2], [off / near.variance**2, last]]
    assert rate == pytest.approx(0.5 / np.linalg.eigvalsh(matrix)[-1], rel=1e-9)
    run = mlejax.train(
        mlejax.Normal(0.0, 1.0), x, learning_rate=rate, validation_fraction=0, max_epochs=10_000, progress=False
    )
    assert run.arrived


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e3], ids=["tonnes", "grams", "milligrams"])
def test_rates_follow_the_unit(unit, small_normal):
    x = small_normal * unit
    near = mlejax.Normal(6.0 * unit, 5.0 * unit**2)
    rates = mlejax.suggest_learning_rate(near, x, per_parameter=True)
    grams = mlejax.suggest_learning_rate(mlejax.Normal(6.0, 5.0), small_normal, per_parameter=True)
    assert rates.mean / unit**2 == pytest.approx(grams.mean, rel=1e-9)
    assert rates.variance / unit**4 == pytest.approx(grams.variance, rel=1e-9)
    run, base = (ascend(*given, 300) for given in ((near, x, rates), (mlejax.Normal(6.0, 5.0), small_normal, grams)))
    assert run.arrived
    assert run.model.mean / unit == pytest.approx(base.model.mean, rel=1e-9)
    assert run.last_model.variance / unit**2 == pytest.approx(base.last_model.variance, rel=1e-6)
    assert mlejax.suggest_learning_rate(mlejax.Normal.closed_form(x), x, natural=True) == pytest.approx(1, rel=1e-6)


@pytest.mark.slow
def test_where_the_likelihood_curves_upward_the_size_of_the_curvature_counts():
    """Far from the center a Cauchy log-density curves upward: at 3 scales by 2 (9 - 1) / (9 + 1)^2 = 0.16."""
    here = Cauchy(3.0, 1.0)
    hessian = jax.hessian(lambda v: Cauchy(v[0], v[1]).log_prob(0.0))(jnp.array([3.0, 1.0]))
    largest = np.abs(np.linalg.eigvalsh(np.asarray(hessian))).max()
    assert mlejax.observed_information(here, [0.0])[0, 0] == pytest.approx(-0.16)
    assert mlejax.suggest_learning_rate(here, [0.0]) == pytest.approx(0.5 / largest, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("per_parameter", [False, True])
def test_it_is_the_same_side_by_side(per_parameter, small_normal):
    models = [mlejax.Normal(7.0, 8.0), mlejax.Normal(5.0, 3.0)]
    stacked = jax.tree.map(lambda *leaves: jnp.array(leaves), *models)

    def suggest(model):
        return mlejax.suggest_learning_rate(model, small_normal, per_parameter=per_parameter)

    together = jax.tree.leaves(jax.jit(jax.vmap(suggest))(stacked))
    alone = np.transpose([jax.tree.leaves(suggest(model)) for model in models])
    np.testing.assert_allclose(together, alone, rtol=1e-4)  # float32 inside


@pytest.mark.slow
def test_a_summary_serves_as_well(small_normal):
    near = mlejax.Normal(7.0, 8.0)
    rate = mlejax.suggest_learning_rate(near, mlejax.summarize(near, small_normal)[0])
    assert rate == pytest.approx(mlejax.suggest_learning_rate(near, small_normal), rel=1e-9)
    assert isinstance(rate, np.float64)


class Flat(mlejax.Model):
    a: float

    def log_prob(self, x):
        return 2 * self.a + x


def test_what_has_no_curvature_is_refused():
    with pytest.raises(mlejax.InputError, match=r"no finite curvature at Flat\(a=1.0\); give a model near its maximum"):
        mlejax.suggest_learning_rate(Flat(1.0), ANY)
    with pytest.raises(mlejax.InputError, match="give per_parameter or natural"):
        mlejax.suggest_learning_rate(mlejax.Normal(0.0, 1.0), ANY, per_parameter=True, natural=True)
