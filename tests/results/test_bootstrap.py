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
    assert "nan" in str(aside)
    assert np.isnan(found.confidence_intervals(0.9, "wald")["rate"]).all()  # the fit has told no standard error


def test_the_numbers_of_arrays_are_told_one_by_one():
    means, covariances = np.arange(6.0).reshape(3, 2), np.stack([np.eye(2)] * 3)
    of_two = Bootstrap(MultivariateNormal(np.zeros(2), np.eye(2)), MultivariateNormal(means, covariances), 3, {}, "")
    assert of_two.estimate["covariance[0,1]"] == 0
    assert of_two.estimates["mean[1]"].tolist() == [1.0, 3.0, 5.0]
    assert of_two.bias["mean[0]"] == 2.0
    assert list(of_two.estimates) == list(of_two.estimate)
