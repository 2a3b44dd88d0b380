"""Pictures of estimates from censored observations."""

import numpy as np
import pytest

from mlejax import Exponential, InputError, IntervalCensored, LeftCensored, RightCensored, Weibull, fit, plotting
from mlejax.results.lifetimes import kaplan_meier

RANDOM = np.random.RandomState(0)
ENDS, WATCHED = RANDOM.exponential(2.0, 30), RANDOM.uniform(0.5, 4.0, 30)
TIMES, SEEN = np.minimum(ENDS, WATCHED), (ENDS <= WATCHED) * 1


@pytest.fixture(scope="module")
def fitted():
    return fit(RightCensored.of(Exponential), (TIMES, SEEN), progress=False)


def test_the_survival_function_is_that_of_the_estimate_and_of_kaplan_and_meier(fitted):
    ax = plotting.survival(fitted, name="months")
    steps, unseen, curve = ax.lines
    x, y = curve.get_data()
    np.testing.assert_allclose(y, np.exp(-fitted.model.base.rate * x), atol=1e-4)
    assert (x[0], x[-1]) == (TIMES.min(), TIMES.max())
    expected = kaplan_meier(TIMES, SEEN)
    np.testing.assert_array_equal(steps.get_ydata()[1:-1], 1 - expected.after)
    np.testing.assert_array_equal(unseen.get_xdata(), np.sort(TIMES[SEEN == 0]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("months", "share beyond this value")


def test_what_was_seen_stands_beside_its_quantile(fitted):
    expected, values = plotting.survival_quantiles(fitted).lines[1].get_data()
    np.testing.assert_array_equal(values, np.sort(TIMES[SEEN == 1]))
    exact = -np.log1p(-kaplan_meier(TIMES, SEEN).middles) / fitted.model.base.rate
    np.testing.assert_allclose(expected, exact, rtol=1e-3)  # finer than a picture shows
    assert len(plotting.survival_figure(fitted, "months").axes) == 2


@pytest.mark.slow
def test_what_is_censored_on_the_left_and_what_is_not(fitted):
    lives = np.maximum(ENDS, 0.7)
    left = fit(LeftCensored.of(Exponential), {"time": lives, "event": (ENDS > 0.7) * 1}, progress=False)
    low = plotting.survival(left).lines[0].get_ydata()[0]
    assert low == pytest.approx(np.mean(ENDS > 0.7))  # nothing was seen below
    with pytest.raises(InputError, match="a survival function is drawn of a model that is censored"):
        plotting.survival(fit(Exponential, TIMES, progress=False))


@pytest.mark.slow
def test_intervals_are_drawn_as_what_they_allow():
    lower = np.floor(ENDS)
    result = fit(IntervalCensored.of(Weibull), (lower, lower + 1), progress=False)
    figure = plotting.survival_figure(result)
    (ax,) = figure.axes
    (band,) = ax.collections
    assert band.get_label() == "what the intervals allow"
    assert len(ax.lines) == 1
    with pytest.raises(InputError, match="no value was seen of what is censored to intervals"):
        plotting.survival_quantiles(result)
    upper = np.where(lower == lower.max(), np.inf, lower + 1)
    (ax,) = plotting.survival_figure(fit(IntervalCensored.of(Weibull), (lower, upper), progress=False)).axes
    assert ax.dataLim.xmax == lower.max()  # nothing is known of what lies beyond
    assert np.all(np.isfinite(ax.lines[0].get_ydata()))
