"""Samples of many sizes side by side: each is what it is alone, whatever its neighbors are."""

import jax
import numpy as np
import pytest
from scipy import stats

import mlejax
from mlejax.models.tracing import ONE_NUMBER
from mlejax.samples.beside import made_ready, rows_for
from mlejax.samples.sources import Parts
from mlejax.samples.summary import form_of_any

pytestmark = pytest.mark.usefixtures("x64")
GAMMA, WEIBULL = mlejax.Gamma(np.float64(2.0), np.float64(1.0)), mlejax.Weibull(np.float64(1.5), np.float64(2.0))
X = np.random.RandomState(0).gamma(2.0, 1.5, 200)
SAMPLES = [Parts(X[:30], X[30:38]), Parts(X[40:45], X[45:46]), Parts(X[50:80] * 3, X[80:88])]


@pytest.mark.slow
def test_statistics_are_those_of_each_sample_alone():
    form = form_of_any(GAMMA, ONE_NUMBER)
    found = made_ready(GAMMA, SAMPLES, (32, 8), form)
    assert len(found) == 3
    for one, parts in zip(found, SAMPLES, strict=True):
        assert (one.contained, one.sound) == (True, True)
        for sample, values in zip((one.train, one.validation), parts, strict=True):
            expected, _ = mlejax.summarize(GAMMA, values)
            assert float(sample.count) == len(values)
            np.testing.assert_allclose(
                sample.centers + sample.residuals, expected.centers + expected.residuals, rtol=1e-15
            )
            np.testing.assert_allclose(sample.averages, expected.averages, rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "factors"), [(GAMMA, True), (WEIBULL, False)], ids=["statistics", "raw"])
def test_no_bit_hangs_on_neighbors(start, factors):
    form = form_of_any(start, ONE_NUMBER) if factors else None
    together = made_ready(start, SAMPLES, (32, 8), form)
    (alone,) = made_ready(start, SAMPLES[1:2], (32, 8), form)
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(together[1]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_raw_observations_count_and_those_filled_in_do_not():
    for one, parts in zip(made_ready(WEIBULL, SAMPLES, (32, 8), None), SAMPLES, strict=True):
        assert one.train.values.shape == (32,)
        expected = stats.weibull_min(1.5, scale=2.0).logpdf(parts.train).mean()
        assert float(one.train.mean_log_prob(WEIBULL)) == pytest.approx(expected, rel=1e-13)
        assert one.validation.weights.sum() == len(parts.held_out)


@pytest.mark.slow
@pytest.mark.parametrize("factors", [True, False])
def test_a_sample_outside_the_support_is_told_from_the_others(factors):
    form = form_of_any(GAMMA, ONE_NUMBER) if factors else None
    outside = [SAMPLES[0], Parts(SAMPLES[1].train, -SAMPLES[1].held_out), SAMPLES[2]]
    assert [one.contained for one in made_ready(GAMMA, outside, (32, 8), form)] == [True, False, True]


@pytest.mark.slow
def test_where_nothing_is_held_out_there_is_one_part():
    whole = [Parts(X[:20], X[:0]), Parts(X[20:50], X[:0])]
    for one, parts in zip(made_ready(WEIBULL, whole, (32,), None), whole, strict=True):
        assert one.validation is None
        assert one.train.weights.sum() == len(parts.train)


def test_a_call_takes_fewer_samples_where_they_are_long():
    assert [rows_for(length) for length in (32, 1024, 2048, 1 << 16, 1 << 20)] == [64, 64, 32, 1, 1]
