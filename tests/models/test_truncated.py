"""Families between limits."""

import json

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.stats
from oracles import exact_maximum
from references import FAMILIES

import mlejax
from mlejax.models.distribution import has_distribution
from mlejax.models.named import family_named

LIMITS = {"above": (1.0, np.inf), "below": (-np.inf, 2.5), "between": (0.5, 3.0)}
CONTINUOUS = [
    name for name, (model, *_) in FAMILIES.items() if has_distribution(type(model)) and not model.support.whole
]
COUNTS = ["Poisson", "Geometric", "NegativeBinomial", "Binomial"]
log_probs = jax.jit(lambda model, x: jax.vmap(model.log_prob)(x))


def above_zero():
    x = np.random.RandomState(5).normal(1.0, 2.0, 250)
    return x[x > 0]


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("name", [*CONTINUOUS, *COUNTS])
def test_log_prob_against_scipy(name, limits, x64):
    model, reference, _ = FAMILIES[name]
    unit = 0.1 if name == "Beta" else 1.0  # whose numbers are below 1
    lower, upper = (unit * limit for limit in limits)
    whole = name in COUNTS
    x = np.array([1.0, 2.0]) if whole else np.linspace(max(lower, 0.3 * unit), min(upper, 9.0 * unit), 7)
    kept = reference.cdf(upper) - reference.cdf(np.ceil(lower) - 1 if whole else lower)
    expected = (reference.logpmf(x) if whole else reference.logpdf(x)) - np.log(kept)
    found = log_probs(mlejax.Truncated(model, lower, upper), jnp.asarray(x))
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def truncated_normal(x, mean, variance):
    log_density = -mpmath.log(2 * mpmath.pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)
    return log_density - mpmath.log(mpmath.ncdf(mean / mpmath.sqrt(variance)))


def test_a_truncated_normal_distribution_and_its_maximum_in_forty_digits():
    x = above_zero()
    result = mlejax.fit(mlejax.Truncated.of(mlejax.Normal, lower=0), x)
    assert result.converged
    assert str(result).startswith("Truncated(Normal, lower 0)\n")
    found, errors = (np.array(jax.tree.leaves(each)) for each in (result.model, result.standard_errors))
    assert np.max(np.abs(found - exact_maximum(truncated_normal, x, found)) / errors) < 1e-6
    assert "2 sufficient statistics" in result.representation


@pytest.mark.slow
def test_a_truncated_exponential_distribution_has_no_memory():
    x = 3 + np.random.RandomState(0).exponential(2.0, 80)
    result = mlejax.fit(mlejax.Truncated.of(mlejax.Exponential, lower=3), x)
    assert result.model.rate == pytest.approx(1 / np.mean(x - 3), rel=1e-9)


def test_counts_without_zero():
    """The mean of a Poisson distribution without zero is rate / (1 - exp(-rate))."""
    x = np.repeat([1, 2, 3, 4], [50, 20, 7, 1])
    result = mlejax.fit(mlejax.Truncated.of(mlejax.Poisson, lower=1), x)
    assert result.model.rate / -np.expm1(-result.model.rate) == pytest.approx(np.mean(x), rel=1e-9)


@pytest.mark.parametrize("rate", [1e-3, 0.5, 3.0, 200.0])
@pytest.mark.parametrize("lower", [1, 3])
def test_the_share_of_counts_that_is_kept_against_fifty_digits(lower, rate, x64):
    with mpmath.workdps(50):
        expected = mpmath.log(mpmath.gammainc(lower, 0, mpmath.mpf(rate), regularized=True))
    found = jax.jit(lambda model: model.log_kept)(mlejax.Truncated(mlejax.Poisson(rate), float(lower)))
    assert float(found) == pytest.approx(float(expected), rel=1e-11, abs=1e-15)


def test_a_limit_outside_of_the_support_rules_nothing_out(x64):
    inner = mlejax.Gamma(2.0, 3.0)
    assert float(mlejax.Truncated(inner, -5.0).log_prob(0.7)) == pytest.approx(float(inner.log_prob(0.7)), rel=1e-14)


@pytest.mark.slow
def test_draws_lie_between_the_limits(x64):
    model = mlejax.Truncated(mlejax.Normal(0.0, 1.0), 1.0, 2.0)
    drawn = np.asarray(model.sample(jax.random.key(0), (1000,)))
    assert scipy.stats.kstest(drawn, scipy.stats.truncnorm(1.0, 2.0).cdf).pvalue > 1e-3


@pytest.mark.slow
def test_a_truncated_family_with_a_parameter_fixed():
    x = above_zero()
    one = mlejax.fit(family_named("truncated(fixed(normal, variance=4), lower=0)"), x)
    other = mlejax.fit(family_named("fixed(truncated(normal, lower=0), variance=4)"), x)
    assert one.converged
    assert one.model.mean == pytest.approx(other.model.mean, rel=1e-9)
    kept = scipy.stats.truncnorm(-one.model.mean / 2, np.inf, one.model.mean, 2)
    assert one.log_likelihood == pytest.approx(np.sum(kept.logpdf(x)), rel=1e-10)


@pytest.mark.parametrize(
    ("family", "limits", "said"),
    [
        (mlejax.Normal, {}, "Truncated needs a limit"),
        (mlejax.Normal, {"lower": 2, "upper": 1}, "lower must be below upper; got lower=2, upper=1"),
        (mlejax.Beta, {"lower": 2}, "between 2 and inf there are too few numbers > 0 and < 1"),
        (mlejax.Poisson, {"upper": 0.5}, "between -inf and 0 there are too few whole numbers"),
        (mlejax.Normal, {"lower": np.nan}, "lower must be a number; got nan"),
        (mlejax.Normal, {"lower": 1}, "needs numbers >= 1; got 0.5 at index 1"),
        (mlejax.VonMises, {"lower": 0}, "VonMises has no distribution function"),
    ],
)
def test_limits_that_cannot_be_are_refused(family, limits, said):
    with pytest.raises(mlejax.InputError, match=said):
        mlejax.fit(mlejax.Truncated.of(family, **limits), [1.0, 0.5, 3.0])


@pytest.mark.slow
def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    from mlejax.cli import main

    monkeypatch.chdir(tmp_path)
    x = above_zero()
    (tmp_path / "x.csv").write_text("\n".join(map(repr, x.tolist())))
    assert main.main(["fit", "x.csv", "--model", "truncated(normal)", "--lower", "0", "--json", "-"]) == 0
    made = json.loads(capsys.readouterr().out)
    expected = mlejax.fit(mlejax.Truncated.of(mlejax.Normal, lower=0), x)
    assert made["model"] == "Truncated(Normal, lower 0)"
    assert made["parameters"]["mean"]["estimate"] == pytest.approx(expected.model.mean, rel=1e-9)
    assert main.main(["fit", "x.csv", "--model", "normal", "--lower", "0"]) == 2
    assert "--lower is of --model 'truncated(normal)'" in capsys.readouterr().err
