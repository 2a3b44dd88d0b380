"""What a bootstrap says: its table, its intervals, and what it refuses."""

import numpy as np
import pytest

from mlejax import Exponential, MultivariateNormal
from mlejax.results.bootstrap import Bootstrap


@pytest.fixture
def found():
    return Bootstrap(Exponential(2.0), Exponential(np.linspace(1.0, 3.0, 201)), 201, {"rate": 0.0}, "")


def test_without_bias_and_acceleration_all_intervals_are_the_same(found):
    expected = tuple(np.quantile(found.estimates["rate"], [0.05, 0.95]))
    for method in ("percentile", "basic", "bca"):
        assert found.confidence_intervals(0.9, method)["rate"] == pytest.approx(expected, rel=1e-12)


def test_a_positive_acceleration_moves_the_interval_up(found):
    faster = Bootstrap(Exponential(2.0), found.model, 201, {"rate": 0.1}, "")
    low, high = faster.confidence_intervals(0.9)["rate"]
    plain = found.confidence_intervals(0.9)["rate"]
    assert low > plain[0]
    assert high > plain[1]


@pytest.mark.parametrize(
    ("level", "method", "message"),
    [
        (1.0, "bca", "level must be between 0 and 1; got 1.0"),
        (0.9, "normal", "method must be wald, percentile, basic or bca; got 'normal'"),
        (0.999, "percentile", "level 0.999 needs 2000 resamples with a maximum at least; got 201"),
    ],
)
def test_what_is_no_interval_is_refused(found, level, method, message):
    with pytest.raises(ValueError, match=message):
        found.confidence_intervals(level, method)


def of_rates(rates, acceleration=0.0):
    rates = np.asarray(rates, float)
    return Bootstrap(Exponential(2.0), Exponential(rates), len(rates), {"rate": acceleration}, "", {"rate": 0.5})


def test_so_many_resamples_as_a_level_needs_are_enough():
    found = of_rates(np.linspace(1.0, 3.0, 20))
    low, high = found.confidence_intervals(0.9, "percentile")["rate"]  # 2 / (1 - 0.9) is above 20 by rounding
    assert (low, high) == pytest.approx((1.1, 2.9), rel=1e-12)
    with pytest.raises(ValueError, match=r"level 0\.9 needs 20 resamples with a maximum at least; got 19"):
        of_rates(np.linspace(1.0, 3.0, 19)).confidence_intervals(0.9, "percentile")


@pytest.mark.parametrize("count", [1, 10])
def test_few_resamples_are_printed_with_what_is_lacking(count):
    few = of_rates(np.linspace(1.0, 3.0, count))
    assert few.confidence_intervals(0.95, "wald")["rate"] == pytest.approx((2.0 - 0.98, 2.0 + 0.98), abs=1e-4)
    intervals = few.all_intervals()["rate"]
    assert np.isnan([intervals[method] for method in ("percentile", "basic", "bca")]).all()
    assert str(few).splitlines()[-2].split()[-2:] == ["-", "-"]
    assert str(few).endswith(f"level 0.95 needs 40 resamples with a maximum at least; got {count}")


def test_an_end_that_the_acceleration_moves_beyond_all_resamples_is_the_last_of_them():
    rates = np.append(np.linspace(1.0, 1.99, 190), np.linspace(2.01, 3.0, 10))  # z0 = 1.645
    low, high = of_rates(rates, 0.3).confidence_intervals(0.95)["rate"]  # 1 - 0.3 (1.645 + 1.960) < 0
    assert high == 3.0
    assert 1.0 < low < high


def test_estimates_on_one_side_have_no_corrected_interval(found):
    aside = Bootstrap(Exponential(5.0), found.model, 201, {"rate": 0.0}, "")
    with pytest.raises(ValueError, match="rate: all estimates of resamples lie on one side of the estimate"):
        aside.confidence_intervals()


def test_it_is_printed_as_a_table(found):
    error = f"{np.std(found.estimates['rate'], ddof=1):.6g}"
    assert str(found).splitlines()[-1].split() == ["rate", "2", error, "0", "1.05", "2.95"]
    assert repr(found) == "Bootstrap(Exponential, 201 resamples)"


def test_all_intervals_stand_beside_each_other(found):
    aside = Bootstrap(Exponential(5.0), found.model, 201, {"rate": 0.0}, "", {"rate": 0.5})
    intervals = aside.all_intervals(0.9)["rate"]
    assert list(intervals) == ["wald", "percentile", "basic", "bca"]
    assert intervals["wald"] == pytest.approx((5.0 - 1.6448536269514722 * 0.5, 5.0 + 1.6448536269514722 * 0.5))
    assert intervals["percentile"] == aside.confidence_intervals(0.9, "percentile")["rate"]
    assert np.isnan(intervals["bca"]).all()  # all estimates lie on one side
    assert str(aside).splitlines()[-1].split()[-2:] == ["-", "-"]
    assert np.isnan(found.confidence_intervals(0.9, "wald")["rate"]).all()  # the fit has told no standard error


def test_the_numbers_of_arrays_are_told_one_by_one():
    means, covariances = np.arange(6.0).reshape(3, 2), np.stack([np.eye(2)] * 3)
    of_two = Bootstrap(MultivariateNormal(np.zeros(2), np.eye(2)), MultivariateNormal(means, covariances), 3, {}, "")
    assert of_two.estimate["covariance[0,1]"] == 0
    assert of_two.estimates["mean[1]"].tolist() == [1.0, 3.0, 5.0]
    assert of_two.bias["mean[0]"] == 2.0
    assert list(of_two.estimates) == list(of_two.estimate)
