import math

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import zoo

import mlejax
from mlejax import Exponential, Model, Normal, Poisson, Weibull, parameter, positive, summarize

# Compiled whole: operation by operation they take seconds.
distance = jax.jit(mlejax.distance)
score_of = jax.jit(mlejax.score)
observed_information = jax.jit(mlejax.observed_information)
covariance_of = jax.jit(mlejax.covariance)
standard_errors = jax.jit(mlejax.standard_errors)
expected_information = jax.jit(mlejax.expected_information)
robust_standard_errors = jax.jit(mlejax.robust_standard_errors)

POINTS = [(7.0, 8.0), (0.0, 1.0), (7.3, 2.5), (-40.0, 300.0)]


@pytest.fixture(scope="module")
def samples():
    """The same 300 observations, raw and as a summary."""
    x = np.random.RandomState(9).normal(7.2, 2.8, 300)
    assert x.shape == (300,)
    return {"observations": x, "summary": jax.device_get(summarize(Normal(0.0, 1.0), x)[0])}


representation = pytest.mark.parametrize("which", ["observations", "summary"])


@pytest.mark.slow
@representation
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_likelihood_score_information_and_distance_against_fifty_digits(which, point, samples, x64):
    exact = oracles.exact_normal(samples["observations"], *point)
    model, sample = Normal(*point), samples[which]
    likelihood = float(mlejax.log_likelihood(model, sample))
    assert likelihood == pytest.approx(exact["log_likelihood"], rel=1e-13)
    assert float(mlejax.mean_log_likelihood(model, sample)) == pytest.approx(likelihood / 300, rel=1e-14)
    score = score_of(model, sample)
    # Near the maximum the terms of a score cancel: rounding is relative to n / (2 variance), their size.
    rounding = 1e-13 * 300 / point[1]
    assert float(score.mean) == pytest.approx(exact["score_mean"], rel=1e-13, abs=rounding)
    assert float(score.variance) == pytest.approx(exact["score_variance"], rel=1e-13, abs=rounding)
    information = np.asarray(observed_information(model, sample))
    a, b, c = (exact[f"information_{name}"] for name in ("mean", "cross", "variance"))
    np.testing.assert_allclose(information, [[a, b], [b, c]], rtol=1e-12, atol=rounding)
    assert float(distance(model, sample)) == pytest.approx(exact["distance"], rel=1e-10)


@pytest.mark.slow
@representation
def test_standard_errors_at_the_maximum(which, samples, x64):
    x = samples["observations"]
    best = Normal.closed_form(x)
    errors = standard_errors(best, samples[which])
    v, n = x.var(), len(x)
    assert float(errors.mean) == pytest.approx(math.sqrt(v / n), rel=1e-12)
    assert float(errors.variance) == pytest.approx(math.sqrt(2 * v**2 / n), rel=1e-12)
    covariance = np.asarray(covariance_of(best, samples[which]))
    np.testing.assert_allclose(covariance, np.diag([v / n, 2 * v**2 / n]), rtol=1e-12, atol=1e-12)
    assert float(distance(best, samples[which])) < 1e-10


@pytest.mark.slow
def test_covariance_is_the_inverse_of_the_information_away_from_the_maximum(samples, x64):
    model = Normal(7.4, 7.0)
    product = covariance_of(model, samples["summary"]) @ observed_information(model, samples["summary"])
    np.testing.assert_allclose(product, np.eye(2), atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("delta", [0.5, 2.0], ids=str)
def test_distance_counts_standard_errors(delta, samples, x64):
    # The log-likelihood of a normal with the mean alone wrong is a parabola in the mean, but not in both: so a known
    # variance, in a model of one parameter, where the count is exact.
    class Location(Model):
        mean: float

        def log_prob(self, x):
            return -((x - self.mean) ** 2) / (2 * 7.84)

    x = samples["observations"]
    away = Location(x.mean() + delta * math.sqrt(7.84 / len(x)))
    assert float(distance(away, x)) == pytest.approx(delta, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-6, 1e3, 1e9])
def test_distance_does_not_depend_on_units(unit, samples, x64):
    x = samples["observations"]
    plain = float(distance(Normal(7.4, 7.0), x))
    assert plain > 0.1
    assert float(distance(Normal(7.4 * unit, 7.0 * unit**2), x * unit)) == pytest.approx(plain, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("point", [(7.2, 400.0), (0.0, 1e4)], ids=str)
def test_distance_is_infinite_where_the_information_is_not_positive_definite(point, samples, x64):
    information = np.asarray(observed_information(Normal(*point), samples["summary"]))
    assert np.linalg.eigvalsh(information).min() < 0
    assert float(distance(Normal(*point), samples["summary"])) == math.inf


@pytest.mark.slow
def test_robust_errors_count_an_observation_by_its_weight(x64):
    weighted = mlejax.Observations(np.array([0.5, 1.5, 4.0]), weights=np.array([2.0, 1.0, 1.0]))
    robust = robust_standard_errors(Exponential(0.5), weighted).rate
    assert float(robust) == pytest.approx(robust_standard_errors(Exponential(0.5), np.array([0.5, 0.5, 1.5, 4.0])).rate)
    # The information is n / rate^2, the scores are 1 / rate - x.
    assert float(robust) == pytest.approx(math.sqrt(2 * 1.5**2 + 0.5**2 + 2.0**2) * 0.25 / 4)


def test_distance_is_infinite_where_a_parameter_does_not_matter(x64):
    class Idle(Model):
        rate: float = parameter(positive)
        idle: float = 0.0

        def log_prob(self, x):
            return jnp.log(self.rate) - self.rate * x + 0 * self.idle

    assert float(distance(Idle(1.0), np.array([1.0, 2.0]))) == math.inf


def test_expected_information_of_one_normal_observation(x64):
    np.testing.assert_allclose(expected_information(Normal(3.0, 4.0)), np.diag([1 / 4, 1 / 32]), rtol=1e-14, atol=1e-16)


@pytest.mark.slow
def test_expected_information_is_the_mean_of_the_observed(x64):
    x = np.random.RandomState(1).normal(3.0, 2.0, 100_000)
    sample, _ = summarize(Normal(3.0, 4.0), x)
    observed = np.asarray(observed_information(Normal(3.0, 4.0), sample)) / len(x)
    # Standard deviations of the entries over n: sqrt(1/v^3 / n) and sqrt(2) / v^2 / sqrt(n), taken fivefold.
    np.testing.assert_allclose(observed, np.diag([1 / 4, 1 / 32]), atol=5 * 0.125 / math.sqrt(1e5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "draw", "information"),
    [
        (Exponential(0.5), lambda r: r.exponential(2.0, 500), lambda m, x: len(x) / m.rate**2),
        (Poisson(3.0), lambda r: r.poisson(3.0, 500), lambda m, x: x.sum() / m.rate**2),
    ],
    ids=["Exponential", "Poisson"],
)
def test_information_of_other_families(model, draw, information, x64):
    x = draw(np.random.RandomState(4))
    for sample in (x, summarize(model, x)[0]):
        found = np.asarray(observed_information(model, sample))
        assert found.shape == (1, 1)
        assert found[0, 0] == pytest.approx(information(model, x), rel=1e-13)


@pytest.mark.slow
def test_score_of_a_family_without_sufficient_statistics(x64):
    x = np.random.RandomState(4).weibull(1.5, 300) * 2
    score = score_of(Weibull(1.4, 2.1), x)
    z = x / 2.1
    assert float(score.shape) == pytest.approx(np.sum(1 / 1.4 + np.log(z) - z**1.4 * np.log(z)), rel=1e-12)
    assert float(score.scale) == pytest.approx(np.sum(1.4 / 2.1 * (z**1.4 - 1)), rel=1e-12)


@pytest.mark.slow
def test_robust_standard_errors_against_the_formula_by_hand(x64):
    # Exponential: score 1/rate - x, information n / rate^2, so the sandwich is rate^2 sqrt(sum (1/rate - x)^2) / n.
    x = np.random.RandomState(4).gamma(4.0, 0.5, 500)  # not exponential: the plain standard error is wrong
    rate = 1 / x.mean()
    robust = float(robust_standard_errors(Exponential(rate), x).rate)
    assert robust == pytest.approx(rate**2 * math.sqrt(np.sum((1 / rate - x) ** 2)) / len(x), rel=1e-12)
    plain = float(standard_errors(Exponential(rate), x).rate)
    assert robust < 0.6 * plain


@pytest.mark.slow
def test_robust_standard_errors_of_a_normal(samples, x64):
    x = samples["observations"]
    best = Normal.closed_form(x)
    d, n = x - x.mean(), len(x)
    robust = robust_standard_errors(best, x)
    assert float(robust.mean) == pytest.approx(math.sqrt(np.mean(d**2) / n), rel=1e-11)
    assert float(robust.variance) == pytest.approx(math.sqrt((np.mean(d**4) - np.mean(d**2) ** 2) / n), rel=1e-11)


@pytest.mark.slow
@representation
def test_the_articles_gradient_at_random_points(which, samples, x64):
    x, random = samples["observations"], np.random.RandomState(0)
    gradient = jax.jit(jax.grad(mlejax.mean_log_likelihood))
    for mean, variance in zip(random.normal(5, 10, 20), np.exp(random.normal(0, 2, 20)), strict=True):
        found = gradient(Normal(mean, variance), samples[which])
        expected = oracles.article_gradient(x, mean, variance)
        np.testing.assert_allclose([found.mean, found.variance], expected, rtol=1e-12)


def test_the_articles_gradient_itself_against_fifty_digits(samples):
    for mean, variance in POINTS:
        exact = oracles.exact_normal(samples["observations"], mean, variance)
        found = oracles.article_gradient(samples["observations"], mean, variance)
        assert found == pytest.approx((exact["score_mean"] / 300, exact["score_variance"] / 300), rel=1e-12)


def test_models_batch_under_vmap(samples, x64):
    grid = Normal(jnp.linspace(5.0, 9.0, 5), jnp.full(5, 8.0))
    found = jax.jit(jax.vmap(lambda m: mlejax.log_likelihood(m, samples["summary"])))(grid)
    expected = [oracles.Statistics.of(samples["observations"]).log_likelihood(m, 8.0) for m in np.linspace(5, 9, 5)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


# Outside and inside JAX's transformations ----------------------------------------------------------------------------

OF_A_SAMPLE = ["mean_log_likelihood", "log_likelihood", "score", "observed_information", "covariance",
               "standard_errors", "robust_standard_errors", "distance"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("name", OF_A_SAMPLE)
def test_outside_jax_the_answer_is_numpy_float64_whatever_the_flag(name, flag, samples):
    function, model, x = getattr(mlejax, name), Normal(7.0, 8.0), samples["observations"]
    with jax.enable_x64(flag):
        found = jax.tree.leaves(function(model, x))
        assert jax.config.jax_enable_x64 == flag
    assert all(isinstance(leaf, np.ndarray | np.float64) and leaf.dtype == np.float64 for leaf in found)
    with jax.enable_x64(True):
        expected = jax.tree.leaves(jax.jit(function)(model, x))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "dtype"), [(False, np.float32), (True, np.float64)])
@pytest.mark.parametrize("name", OF_A_SAMPLE)
def test_inside_jit_the_answer_has_the_type_of_the_program(name, flag, dtype, samples):
    function, x = getattr(mlejax, name), samples["observations"].astype(dtype)
    with jax.enable_x64(flag):
        for found in (jax.jit(lambda: function(Normal(7.0, 8.0), x))(), jax.jit(function)(Normal(7.0, 8.0), x)):
            assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(dtype)}


@pytest.mark.slow
def test_digits_do_not_depend_on_how_an_answer_is_asked_for(samples):
    x = samples["observations"]
    exact = oracles.exact_normal(x, 7.0, 8.0)
    for model in (Normal(7, 8), Normal(7.0, 8.0), Normal(np.float32(7), np.float32(8)), Normal(jnp.array(7.0), 8)):
        for sample in (x, list(x), samples["summary"], mlejax.Observations(x)):
            assert mlejax.log_likelihood(model, sample) == pytest.approx(exact["log_likelihood"], rel=1e-13)


@pytest.mark.slow
def test_standard_errors_print_as_numbers(samples):
    errors = mlejax.standard_errors(Normal(0.0, 4.0), [-2.0, 2.0])
    assert str(errors) == f"Normal(mean={math.sqrt(2.0)}, variance=4.0)"
    assert isinstance(errors.mean, float)


def test_a_model_of_integers_has_a_score():
    assert mlejax.score(Exponential(2), [1.0, 2.0]).rate == pytest.approx(2 / 2 - 3, rel=1e-15)
    with jax.enable_x64(True):
        assert float(score_of(Exponential(2), jnp.array([1.0, 2.0])).rate) == pytest.approx(-2.0, rel=1e-15)


@pytest.mark.slow
@representation
def test_value_score_and_information_come_together(which, samples):
    model, sample = Normal(7.0, 8.0), samples[which]
    here = mlejax.likelihood.local_quadratic(model, sample)
    assert here.log_likelihood == pytest.approx(mlejax.log_likelihood(model, sample), rel=1e-15)
    score = mlejax.score(model, sample)
    np.testing.assert_allclose(here.score, [score.mean, score.variance], rtol=1e-12)
    np.testing.assert_allclose(here.information, mlejax.observed_information(model, sample), rtol=1e-14)


@pytest.mark.slow
def test_an_array_of_parameters_has_a_row_for_each_number():
    rows = np.random.RandomState(0).normal(size=(50, 3))
    model = zoo.Vector(rows.mean(0))
    np.testing.assert_allclose(mlejax.observed_information(model, rows), 50 * np.eye(3), atol=1e-12)
    errors = mlejax.standard_errors(model, rows)
    np.testing.assert_allclose(errors.mean, np.full(3, 1 / math.sqrt(50)), rtol=1e-13)
    assert mlejax.distance(model, rows) < 1e-12


@pytest.mark.slow
def test_robust_standard_errors_need_the_observations(samples):
    with pytest.raises(TypeError, match="a Summary does not keep the score of every observation; give the obser"):
        mlejax.robust_standard_errors(Normal(7.0, 8.0), samples["summary"])


def test_a_family_without_expected_information_says_so():
    with pytest.raises(TypeError, match=r"Weibull has no expected information: .* observed_information serves every"):
        mlejax.expected_information(Weibull(1.0, 1.0))
    assert mlejax.expected_information(Normal(3.0, 4.0)).dtype == np.float64


NOWHERE = {
    "a negative variance": mlejax.Normal(7.0, -1.0),
    "no variance": mlejax.Normal(7.0, 0.0),
    "an infinite variance": mlejax.Normal(7.0, np.inf),
    "a variance that is no number": mlejax.Normal(7.0, np.nan),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", NOWHERE.values(), ids=NOWHERE)
@pytest.mark.parametrize("traced", [False, True], ids=["called", "jit"])
def test_outside_the_domain_there_is_no_likelihood_by_the_statistics_nor_by_the_data(model, traced, samples, x64):
    for which in ("summary", "observations"):
        functions = (mlejax.log_likelihood, mlejax.mean_log_likelihood)
        for function in map(jax.jit, functions) if traced else functions:
            assert not np.isfinite(function(model, samples[which]))
    for function in (mlejax.log_likelihood, mlejax.score, mlejax.observed_information):
        found = (jax.jit(function) if traced else function)(model, samples["summary"])
        assert all(np.isnan(leaf).all() for leaf in jax.tree.leaves(found))
    assert mlejax.distance(model, samples["summary"]) == np.inf
    assert not np.isfinite(mlejax.covariance(model, samples["summary"])).any()
