"""A simulation study against estimates in closed form, and as a test of the package itself."""

import numpy as np
import pytest

import mlejax


@pytest.mark.slow
def test_its_figures_are_those_of_their_definitions():
    target, n, samples = mlejax.Exponential(2.0), 40, 300
    found = mlejax.study(target, [n, 80], samples, base_seed=5, progress=False).parameters["rate"]
    draws = mlejax.Draws(target, n, base_seed=5)
    rates = np.array([1 / draws.cut(seed, 0).train.mean() for seed in range(samples)])
    errors = rates / np.sqrt(n)  # of the maximum likelihood estimate of a rate
    assert found.bias[0] == pytest.approx(np.mean(rates - 2.0), rel=1e-6)
    assert found.bias_error[0] == pytest.approx(np.std(rates, ddof=1) / np.sqrt(samples), rel=1e-9)
    assert found.root_mean_square_error[0] == pytest.approx(np.sqrt(np.mean((rates - 2.0) ** 2)), rel=1e-9)
    assert found.mean_standard_error[0] == pytest.approx(errors.mean(), rel=1e-6)
    share = np.mean(np.abs(rates - 2.0) <= 1.959963984540054 * errors)
    assert found.coverage[0] == share
    assert found.coverage_error[0] == pytest.approx(np.sqrt(share * (1 - share) / samples))
    assert np.isnan(found.bootstrap_coverage).all()
    # The rate is biased by 2 / (n - 1): three Monte Carlo errors either way.
    assert found.bias[0] == pytest.approx(2.0 / (n - 1), abs=3 * found.bias_error[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", [mlejax.Gamma(2.0, 0.5), mlejax.Weibull(1.5, 2.0)], ids=lambda target: type(target).__name__
)
def test_intervals_of_regular_families_hold_the_truth_as_often_as_they_say(target):
    found = mlejax.study(target, 2000, 300, progress=False)
    assert found.converged.tolist() == [1.0]
    for name, at in found.parameters.items():
        near = 3 * np.sqrt(0.95 * 0.05 / 300) + 0.005
        assert abs(at.coverage[0] - 0.95) <= near, name
        assert at.mean_standard_error[0] == pytest.approx(at.standard_deviation[0], rel=0.15), name


@pytest.mark.slow
def test_bootstrap_intervals_can_be_studied_too():
    found = mlejax.study(mlejax.Exponential(2.0), 100, 20, resamples=200, progress=False)
    assert 0.7 < found.parameters["rate"].bootstrap_coverage[0] <= 1
    assert "bootstrap" in str(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((mlejax.Exponential(2.0), 1), "counts must be a whole number from 2"),
        ((mlejax.Exponential(2.0), [10, 10]), "counts must be distinct; got 10 at index 0 and 1"),
        ((mlejax.Exponential(2.0), 10, 1), "samples must be a whole number from 2"),
    ],
)
def test_what_is_no_study_is_refused(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mlejax.study(*arguments)
