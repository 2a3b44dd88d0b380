"""The factored log-likelihood against the sum over the data, observation by observation, with exact summation."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from factoring import N, assert_agrees, data_path, draw, factored_path, summary_of
from jax.scipy import stats
from jax.scipy.special import gammaln, xlogy
from zoo import NormalMixture, family

from mlejax import (
    Beta,
    Exponential,
    Gamma,
    LogNormal,
    Model,
    Normal,
    Observations,
    Poisson,
    StudentT,
    Summary,
    Weibull,
    parameter,
    positive,
    real,
    summarize,
    unit_interval,
)
from mlejax.samples.summary import find_form

# Families, written as a textbook writes them and as jax.scipy.stats does ------------------------------------------

CASES = {
    # name: model class, start, another point, data, numbers of (centers, further statistics)
    "normal": (Normal, (0.0, 1.0), (7.0, 8.0), "normal", (1, 1)),
    "normal, stats": (
        family(lambda m, x: stats.norm.logpdf(x, m.mean, jnp.sqrt(m.v)), mean=real, v=positive),
        (0.0, 1.0), (7.0, 8.0), "normal", (1, 1),
    ),
    "normal, standardized": (
        family(lambda m, x: -((x - m.mean) / m.sd) ** 2 / 2 - jnp.log(m.sd), mean=real, sd=positive),
        (0.0, 1.0), (7.0, 3.0), "normal", (1, 1),
    ),
    "exponential": (Exponential, (1.0,), (0.4,), "positive", (1, 0)),
    "exponential, stats": (
        family(lambda m, x: stats.expon.logpdf(x, scale=1 / m.rate), rate=positive),
        (1.0,), (0.4,), "positive", (1, 0),
    ),
    "gamma": (Gamma, (1.0, 1.0), (2.1, 0.7), "positive", (2, 0)),
    "gamma, stats": (
        family(lambda m, x: stats.gamma.logpdf(x, m.shape, scale=1 / m.rate), shape=positive, rate=positive),
        (1.0, 1.0), (2.1, 0.7), "positive", (2, 0),
    ),
    "lognormal": (LogNormal, (0.0, 1.0), (0.8, 0.5), "positive", (1, 1)),
    "lognormal, stats": (
        family(lambda m, x: stats.norm.logpdf(jnp.log(x), m.m, jnp.sqrt(m.v)) - jnp.log(x), m=real, v=positive),
        (0.0, 1.0), (0.8, 0.5), "positive", None,
    ),
    "beta": (Beta, (1.0, 1.0), (2.0, 3.1), "unit", (2, 0)),
    "beta, stats": (
        family(lambda m, x: stats.beta.logpdf(x, m.a, m.b), a=positive, b=positive),
        (1.0, 1.0), (2.0, 3.1), "unit", (2, 0),
    ),
    "poisson": (Poisson, (1.0,), (3.2,), "counts", (2, 0)),
    "poisson, stats": (
        family(lambda m, x: stats.poisson.logpmf(x, m.rate), rate=positive), (1.0,), (3.2,), "counts", (2, 0)
    ),
    "bernoulli": (
        family(lambda m, x: x * jnp.log(m.p) + (1 - x) * jnp.log(1 - m.p), p=unit_interval),
        (0.5,), (0.3,), "zero or one", (2, 0),
    ),
    "bernoulli, stats": (
        family(lambda m, x: stats.bernoulli.logpmf(x, m.p), p=unit_interval), (0.5,), (0.3,), "zero or one", (2, 0)
    ),
    "geometric": (
        family(lambda m, x: jnp.log(m.p) + (x - 1) * jnp.log1p(-m.p), p=unit_interval),
        (0.5,), (0.3,), "trials", (1, 0),
    ),
    "geometric, stats": (
        family(lambda m, x: stats.geom.logpmf(x, m.p), p=unit_interval), (0.5,), (0.3,), "trials", (1, 0)
    ),
    "negative binomial, stats": (
        family(lambda m, x: stats.nbinom.logpmf(x, 5, m.p), p=unit_interval), (0.5,), (0.4,), "failures", (2, 0)
    ),
    "pareto, known scale": (
        family(lambda m, x: jnp.log(m.a) - (m.a + 1) * jnp.log(x), a=positive), (1.0,), (3.0,), "above one", (1, 0)
    ),
    "pareto, stats": (family(lambda m, x: stats.pareto.logpdf(x, m.a), a=positive),
        (1.0,), (3.0,), "above one", (1, 0)),
    "laplace, known location, stats": (
        family(lambda m, x: stats.laplace.logpdf(x, 7.0, m.b), b=positive), (1.0,), (2.5,), "normal", (1, 0)
    ),
    "chi-squared, stats": (
        family(lambda m, x: stats.chi2.logpdf(x, m.k), k=positive), (2.0,), (3.3,), "positive", None
    ),
    "rayleigh, log of a product": (
        family(lambda m, x: jnp.log(x / m.s**2) - x**2 / (2 * m.s**2), s=positive),
        (1.0,), (2.0,), "positive", (2, 0)
    ),
    "inverse gamma": (
        family(
            lambda m, x: m.a * jnp.log(m.b) - gammaln(m.a) - (m.a + 1) * jnp.log(x) - m.b / x,
            a=positive, b=positive,
        ),
        (1.0, 1.0), (2.0, 3.0), "positive", (2, 0),
    ),
    "inverse Gaussian": (
        family(
            lambda m, x: jnp.log(m.b / (2 * jnp.pi * x**3)) / 2 - m.b * (x - m.m) ** 2 / (2 * m.m**2 * x),
            m=positive, b=positive,
        ),
        (1.0, 1.0), (3.0, 4.0), "positive", None,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "start", "elsewhere", "data", "numbers"), CASES.values(), ids=CASES)
def test_families_factor_and_agree_with_the_data(kind, start, elsewhere, data, numbers):
    values = draw(data)
    sample = summary_of(kind(*start), values)
    if numbers:
        assert (len(sample.centers), len(sample.averages)) == numbers
    for point in (start, elsewhere):
        assert_agrees(kind(*point), sample, values)


@pytest.mark.slow
@pytest.mark.parametrize("name", [first for first, second in itertools.pairwise(CASES) if second == f"{first}, stats"])
def test_both_ways_of_writing_a_family_give_the_same_numbers(name):
    (one, _, point, data, _), (other, _, same_point, _, _) = CASES[name], CASES[f"{name}, stats"]
    values = draw(data)
    size = data_path(one(*point), values)[1][0]
    found = [
        factored_path(kind(*p), summary_of(kind(*p), values))[0] for kind, p in ((one, point), (other, same_point))
    ]
    assert abs(found[0] - found[1]) <= 1e-13 * size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "exponential", "poisson"])
def test_summarize_says_what_it_found(name):
    kind, start, _, data, numbers = CASES[name]
    sample, path = summarize(kind(*start), draw(data))
    assert isinstance(sample, Summary)
    plural = "s" if sum(numbers) > 1 else ""
    assert path == f"{sum(numbers)} sufficient statistic{plural} found in {kind.__name__}.log_prob"


@pytest.mark.slow
def test_the_gradient_by_the_shape_survives_a_gamma_start_at_one():
    # Gamma(1, 1): the factor (shape - 1) of log(x) is 0, and a guard for 0 log 0 would drop its derivative.
    values = draw("positive")
    kind = CASES["gamma, stats"][0]
    sample, _ = summarize(kind(1.0, 1.0), values)
    by_shape = factored_path(kind(1.0, 1.0), sample)[1]
    euler = 0.57721566490153286061
    assert by_shape == pytest.approx(math.fsum(np.log(values)) / N + euler, rel=1e-13)  # log(rate) - digamma(1) + ...


@pytest.mark.slow
def test_xlogy_keeps_its_derivative_where_the_data_are_zero():
    kind = family(lambda m, x: xlogy(x, m.rate) - m.rate, rate=positive)
    values = np.array([0.0, 0, 3, 1, 0, 2])
    sample, path = summarize(kind(1.0), values)
    assert isinstance(sample, Summary), path
    assert factored_path(kind(2.0), sample) == pytest.approx([math.log(2) - 2, 1 / 2 - 1], rel=1e-14)


@pytest.mark.slow
def test_digits_survive_a_mean_of_ten_million_and_a_deviation_of_a_tenth():
    values = np.random.RandomState(3).normal(1e7, 0.1, 2000)
    mean, variance = oracles.exact_mean_and_variance(values)
    sample, path = summarize(Normal(1e7, 0.02), values)
    assert isinstance(sample, Summary), path
    assert abs(float(sample.centers[0]) - mean) <= np.spacing(1e7)
    # The center is a double near 1e7: its rounding, 1e-9, enters the variance 0.01 squared.
    assert math.sqrt(float(sample.averages[0])) == pytest.approx(math.sqrt(variance), rel=1e-12)
    naive = np.mean(values**2) - np.mean(values) ** 2
    assert abs(naive / variance - 1) > 1e-3  # the control: what would have been lost
    exact = oracles.exact_normal(values, 1e7 + 0.01, 0.011)
    got = factored_path(Normal(1e7 + 0.01, 0.011), sample) * len(values)
    # The mean of the data is known to a unit in its last place, as any parameter near 1e7 is.
    place = np.spacing(1e7)
    for name, value, slope in zip(
        ("log_likelihood", "score_mean", "score_variance"),
        got,
        (exact["score_mean"], exact["information_mean"], exact["information_cross"]),
        strict=True,
    ):
        assert abs(value - exact[name]) <= abs(slope) * place + 1e-12 * abs(exact[name]), name


@pytest.mark.slow
def test_integers_stay_integers_and_divide_as_integers():
    kind = family(lambda m, x: (x // 49) * jnp.log(m.a) + (x % 3) * jnp.log(m.b) - m.a - m.b, a=positive, b=positive)
    values = np.arange(200)
    sample, path = summarize(kind(1.0, 1.0), values)
    assert isinstance(sample, Summary), path
    expected = np.mean(values // 49) * math.log(2) + np.mean(values % 3) * math.log(3) - 5
    assert factored_path(kind(2.0, 3.0), sample)[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.slow
def test_constants_in_the_formula_and_a_jit_inside_it():
    table = np.array([0.5, 1.5, 2.5])

    @jax.jit
    def squared(x, m):
        return (x - m) ** 2

    class Odd(Model):
        m: float
        s: float = parameter(positive)
        order: int = eqx.field(static=True, default=2)

        def log_prob(self, x):
            return -squared(x, self.m) / (self.order * self.s) - jnp.log(self.s) * jnp.asarray(table).sum() + 7

    values = draw("normal")
    sample, path = summarize(Odd(1.0, 2.0), values)
    assert isinstance(sample, Summary), path
    expected = -np.mean((values - 3.0) ** 2) / 8 - math.log(4.0) * 4.5 + 7
    assert factored_path(Odd(3.0, 4.0), sample)[0] == pytest.approx(expected, rel=1e-13)
    other, _ = summarize(Odd(1.0, 2.0, 4), values)  # a static field is part of the formula
    assert factored_path(Odd(3.0, 4.0, 4), other)[0] == pytest.approx(
        -np.mean((values - 3.0) ** 2) / 16 - math.log(4.0) * 4.5 + 7, rel=1e-13
    )


@pytest.mark.slow
def test_a_branch_on_the_data_is_taken_when_all_observations_agree():
    kind = family(lambda m, x: jnp.where(x > 0, jnp.log(m.b) - m.b * x, -jnp.inf), b=positive)
    sample, path = summarize(kind(1.0), draw("positive"))
    assert isinstance(sample, Summary), path
    assert sample.form.branches == ()  # outside the support there is nothing to decide
    assert_agrees(kind(0.5), sample, draw("positive"))


@pytest.mark.slow
def test_a_branch_in_which_observations_differ_becomes_an_indicator():
    kind = family(lambda m, x: jnp.where(x > 7, jnp.log(m.a) - m.a * x, jnp.log(m.b) - m.b * x), a=positive, b=positive)
    values = draw("normal")
    sample, path = summarize(kind(1.0, 1.0), values)
    assert isinstance(sample, Summary), path
    assert sample.form.branches == (None,)
    assert_agrees(kind(0.5, 0.2), sample, values)


@pytest.mark.slow
def test_a_branch_in_which_one_side_has_no_value_is_not_trusted():
    # 0 * log(negative): the indicator does not save the product from NaN.
    kind = family(lambda m, x: jnp.where(x > 7, m.a * jnp.log(x - 7), -m.a), a=real)
    sample, path = summarize(kind(1.0), draw("normal"))
    assert isinstance(sample, Observations)
    assert path == "raw observations: the factored form is infinite or NaN where the formula is finite"


# What is not a sum of products ------------------------------------------------------------------------------------


@jax.custom_jvp
def liar(a, x):
    return a * x


liar.defjvp(lambda primals, tangents: (liar(*primals), 2 * tangents[0] * primals[1] + tangents[1] * primals[0]))


@jax.custom_vjp
def backward_liar(a, x):
    return a * x


backward_liar.defvjp(lambda a, x: (a * x, (a, x)), lambda saved, g: (2 * saved[1] * g, saved[0] * g))

FALLS_BACK = {
    "Weibull": (Weibull(1.0, 1.0), "positive", "`exp` of a value that mixes data and parameters"),
    "Student-t": (StudentT(0.0, 1.0, 3.0), "normal", "log of a sum that mixes data and parameters"),
    "mixture": (NormalMixture(0.5, 0.0, 1.0, 9.0, 1.0), "normal", "`max` of a value that mixes data and parameters"),
    "a power of the data": (
        family(lambda m, x: jnp.log(m.k) + (m.k - 1) * jnp.log(x) - x**m.k, k=positive)(1.0),
        "positive", "`pow` of a value that mixes data and parameters",
    ),
    "a support that depends on a parameter": (
        family(lambda m, x: jnp.where(x <= m.end, -jnp.log(m.end), -jnp.inf), end=positive)(100.0),
        "positive", "`le` compares data with parameters",
    ),
    "a support, by jax.scipy.stats": (
        family(lambda m, x: stats.uniform.logpdf(x, 0, m.end), end=positive)(100.0),
        "positive", "`gt` compares data with parameters",
    ),
    "log of a factor of unknown sign": (
        family(lambda m, x: jnp.log(m.a * m.b * x), a=real, b=real)(-1.0, -1.0),
        "positive", "log of a product whose factor in the parameters is not known to be positive",
    ),
    "square root of a factor of unknown sign": (
        family(lambda m, x: -jnp.sqrt(m.a * x), a=real)(1.0),
        "positive", "square root of a product whose factor in the parameters may be negative",
    ),
    "division by a sum": (
        family(lambda m, x: m.a / (x + m.a), a=positive)(1.0),
        "positive", "division by a sum that mixes data and parameters",
    ),
    "a gradient stopped": (
        family(lambda m, x: jnp.log(m.a) - jax.lax.stop_gradient(m.a * x), a=positive)(1.0), "positive", "",
    ),
    "rounding to whole numbers": (
        family(lambda m, x: (m.a * x).astype(int) * m.a, a=positive)(1.3),
        "positive", "`convert_element_type` of a value that mixes data and parameters",
    ),
    "a custom_jvp with another derivative": (
        family(lambda m, x: jnp.log(m.a) - liar(m.a, x), a=positive)(1.0),
        "positive", "the derivative that `liar` declares is not that of its formula",
    ),
    "a custom_vjp with another derivative": (
        family(lambda m, x: jnp.log(m.a) - backward_liar(m.a, x), a=positive)(1.0),
        "positive", "the derivative that `backward_liar` declares is not that of its formula",
    ),
    "a high power": (
        family(lambda m, x: -((x / 10 - m.a) ** 9), a=real)(1.0), "positive", "power 9 of a value that mixes",
    ),
    "too many terms": (
        family(
            lambda m, x: ((x - m.a) * (jnp.log(x) - m.a) * (1 / x - m.a) * (jnp.cos(x) - m.a)) ** 3, a=real,
        )(1.0),
        "positive", "the formula multiplies out to more than 64 terms",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("model", "data", "reason"), FALLS_BACK.values(), ids=FALLS_BACK)
def test_what_does_not_factor_trains_on_raw_observations_and_says_why(model, data, reason):
    values = draw(data)
    sample, path = summarize(model, values)
    assert isinstance(sample, Observations)
    assert path.startswith(f"raw observations: {reason}"), path
    np.testing.assert_array_equal(np.asarray(sample.values), values)
    assert sample.values.dtype == np.float64


@pytest.mark.slow
def test_a_proven_sign_lets_a_logarithm_split():
    kind = family(lambda m, x: jnp.log(jnp.exp(m.a) * m.b**2 / x), a=real, b=positive)
    sample, path = summarize(kind(-1.0, 0.5), draw("positive"))
    assert isinstance(sample, Summary), path
    assert_agrees(kind(-3.0, 0.1), sample, draw("positive"))


@pytest.mark.slow
def test_the_numbers_of_an_array_factor_as_parameters_of_their_own_do():
    class Line(Model):
        weights: jax.Array

        def log_prob(self, x):
            return -((self.weights[0] + self.weights[1] * x) ** 2)

    class Mixed(Line):
        def log_prob(self, x):
            return -jnp.sum(jnp.exp(self.weights * x))

    sample, _ = summarize(Line(np.array([1.0, 2.0])), draw("normal"))
    assert isinstance(sample, Summary)
    expected = -np.mean((-3.0 + 0.5 * draw("normal")) ** 2)
    with jax.enable_x64(True):
        found = sample.mean_log_prob(Line(np.array([-3.0, 0.5])))
    assert found == pytest.approx(expected, rel=1e-14)
    _, path = summarize(Mixed(np.ones(2)), draw("normal"))
    assert path.startswith("raw observations: `exp` of a value that mixes data and parameters")


def test_factoring_can_be_declined():
    sample, path = summarize(Normal(0.0, 1.0), draw("normal"), factoring=False)
    assert isinstance(sample, Observations)
    assert path == "raw observations, as asked"


def test_a_form_is_found_once():
    calls = []

    def log_prob(m, x):
        calls.append(1)
        return -m.b * x + jnp.log(m.b)

    kind = family(log_prob, b=positive)
    with jax.enable_x64(True):
        first = find_form(kind(1.0), jnp.asarray(draw("positive")))
        assert calls == [1]
        second = find_form(kind(2.0), jnp.asarray(draw("normal")))
    assert first == second
    assert first.separated() is second.separated()
    assert calls == [1]
