"""Counts with further zeros."""

import jax
import numpy as np
import pytest
import scipy.stats
import zoo

import mlejax
from mlejax.models.abilities import starts_many
from mlejax.models.parameters import parameter_dict
from mlejax.status import Status


def counts():
    random = np.random.RandomState(1)
    return random.poisson(2.5, 300) * (random.uniform(size=300) > 0.3)


@pytest.mark.slow
def test_log_prob_against_scipy(x64):
    x = np.arange(8.0)
    found = jax.vmap(mlejax.ZeroInflated(mlejax.NegativeBinomial(2.5, 3.0), 0.2).log_prob)(x)
    expected = 0.8 * scipy.stats.nbinom(2.5, 2.5 / 5.5).pmf(x) + 0.2 * (x == 0)
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-12)


@pytest.mark.slow
def test_it_is_the_formula_written_out():
    x = counts()
    one = mlejax.fit(mlejax.ZeroInflated.of(mlejax.Poisson), x)
    other = mlejax.fit(zoo.ZeroInflatedPoisson(1.0, 0.5), x)
    assert one.converged
    assert (one.model.rate, one.model.zero_probability) == pytest.approx((other.model.rate, other.model.zero), rel=1e-7)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    errors = one.standard_errors
    assert errors.zero_probability == pytest.approx(other.standard_errors.zero, rel=1e-6)


@pytest.mark.slow
def test_the_score_of_the_maximum_by_hand():
    """With z zeros of n: p + (1 - p) exp(-r) = z / n, and r / (1 - exp(-r)) the mean of the others."""
    x = counts()
    found = mlejax.fit(mlejax.ZeroInflated.of(mlejax.Poisson), x).model
    assert found.rate / -np.expm1(-found.rate) == pytest.approx(np.mean(x[x > 0]), rel=1e-8)
    share = found.zero_probability + (1 - found.zero_probability) * np.exp(-found.rate)
    assert share == pytest.approx(np.mean(x == 0), rel=1e-8)


@pytest.mark.slow
def test_too_few_zeros_are_at_the_wall():
    x = np.repeat([0, 1, 2, 3], [1, 30, 30, 10])
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.ZeroInflated.of(mlejax.Poisson), x)
    assert result.status is Status.AT_BOUNDARY
    assert "keeps rising as zero_probability approaches 0" in result.reason


def test_the_parameters_of_the_model_inside_keep_their_names():
    start = mlejax.ZeroInflated.of(mlejax.Geometric).start(counts())
    assert list(parameter_dict(start)) == ["probability", "zero_probability"]


@pytest.mark.slow
def test_draws(x64):
    model = mlejax.ZeroInflated(mlejax.Poisson(3.0), 0.4)
    drawn = np.asarray(model.sample(jax.random.key(1), (4000,)))
    expected = 0.4 + 0.6 * np.exp(-3.0)
    assert abs(np.mean(drawn == 0) - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)


@pytest.mark.parametrize("family", [mlejax.Normal, mlejax.Exponential, mlejax.Truncated.of(mlejax.Poisson, lower=1)])
def test_what_does_not_count_from_zero_is_refused(family):
    with pytest.raises(ValueError, match="needs a family of counts from 0"):
        mlejax.ZeroInflated.of(family)


@pytest.mark.parametrize(
    "inner", [mlejax.Poisson, mlejax.NegativeBinomial, mlejax.Geometric, mlejax.Binomial.of(12)], ids=str
)
def test_samples_side_by_side_start_as_each_does_alone(inner):
    family = mlejax.ZeroInflated.of(inner)
    samples = np.stack([counts()[:60], np.zeros(60), np.full(60, 3), 1 + counts()[60:120]]).astype(float)
    found = parameter_dict(family.start(samples.T))
    for i, sample in enumerate(samples):
        alone = parameter_dict(family.start(sample))
        np.testing.assert_allclose([at[i] for at in found.values()], list(alone.values()), rtol=1e-13)


def test_only_families_whose_starts_take_weights_of_many_samples_start_them_side_by_side():
    class Own(mlejax.Poisson):
        pass

    assert starts_many(mlejax.ZeroInflated.of(mlejax.Poisson))
    assert not starts_many(mlejax.ZeroInflated.of(Own))
