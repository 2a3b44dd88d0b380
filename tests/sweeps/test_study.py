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
    assert found.coverage_lacking[0] == 0
    again = np.random.RandomState(0).choice(rates, (4000, samples))  # how figures scatter, by resamples of the samples
    scatter = {"root_mean_square_error": np.sqrt(np.mean((again - 2.0) ** 2, axis=1)), "bias": again.mean(axis=1)}
    for name, figures in scatter.items():
        assert getattr(found, f"{name}_error")[0] == pytest.approx(np.std(figures), rel=0.1)
    assert found.standard_deviation_error[0] == pytest.approx(np.std(rates, ddof=1) / np.sqrt(2 * (samples - 1)))
    assert found.bootstrap == {}
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
    target, n, samples = mlejax.Exponential(2.0), 100, 20
    found = mlejax.study(
        target, n, samples, intervals=("wald", "percentile", "bca"), resamples=200, progress=False
    )  # fmt: skip
    draws, held = mlejax.Draws(target, n), []
    for seed in range(samples):
        x = draws.cut(seed, 0).train
        source = mlejax.Resamples(x, 200, seed=seed)
        rates = [n / (source.member(i).weights @ x) for i in range(200)]
        low, high = np.quantile(rates, [0.025, 0.975])
        held.append(low <= 2.0 <= high)
    boot = found.parameters["rate"].bootstrap
    assert list(boot) == ["percentile", "bca"]
    assert boot["percentile"].share[0] == np.mean(held)
    assert 0.7 < boot["bca"].share[0] <= 1
    assert str(found).splitlines()[2].split()[-4:] == ["percentile", "+-", "bca", "+-"]


@pytest.mark.slow
def test_samples_without_a_maximum_or_an_interval_are_left_out_and_counted():
    target, samples = mlejax.Poisson(0.3), 20
    found = mlejax.study(target, 5, samples, intervals="percentile", resamples=50, progress=False)
    draws, held = mlejax.Draws(target, 5), []
    totals = np.array([draws.cut(seed, 0).train.sum() for seed in range(samples)])
    assert found.converged[0] == np.mean(totals > 0) < 1  # of zeros alone the likelihood has no maximum
    for seed, at in enumerate(np.flatnonzero(totals > 0)):
        x = draws.cut(int(at), 0).train
        source = mlejax.Resamples(x, 50, seed=seed)
        rates = np.array([source.member(i).weights @ x / 5 for i in range(50)])
        rates = rates[rates > 0]
        low, high = np.quantile(rates, [0.025, 0.975]) if len(rates) >= 40 else (np.nan, np.nan)
        held.append(np.nan if np.isnan(low) else low <= 0.3 <= high)
    at = found.parameters["rate"].bootstrap["percentile"]
    assert at.lacking[0] == np.mean(np.isnan(held)) > 0
    assert at.share[0] == pytest.approx(np.nanmean(held))
    assert f"without a percentile interval of rate, left out of its coverage: {at.lacking[0]:.2%} at n = 5" in str(
        found
    )


@pytest.mark.slow
def test_a_count_of_which_no_sample_has_a_maximum_loses_no_other():
    found = mlejax.study(mlejax.Poisson(0.01), [1000, 2], 10, progress=False)
    at = found.parameters["rate"]
    assert found.converged.tolist() == [1.0, 0.1]
    assert np.isfinite(at.coverage[0])
    assert np.isnan([at.bias[1], at.coverage[1], at.coverage_lacking[1]]).all()
    assert str(found).splitlines()[5].split()[3:] == ["-"] * 7
    assert found.to_record()["study"][1]["bias"] is None
    with pytest.raises(ValueError, match="study: 1 of 10 samples of 2 have a maximum: 1 of 10 converged"):
        mlejax.study(mlejax.Poisson(0.01), 2, 10, progress=False)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"intervals": ["wald", "normal"]}, "intervals must be of wald, percentile, basic and bca; got 'normal'"),
        ({"resamples": 100}, "resamples are for bootstrap intervals: ask for them"),
        ({"intervals": "bca", "resamples": 10}, "level 0.95 needs 40 resamples with a maximum at least; got 10"),
        ({"level": 1.5}, "level must be between 0 and 1; got 1.5"),
    ],
)
def test_intervals_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlejax.study(mlejax.Exponential(2.0), 10, **arguments)
