import numpy as np
import pytest
import scipy.stats

from mlejax import Exponential, Gamma, Poisson, VonMises, fit, plotting

WAITS = np.random.RandomState(0).exponential(2.0, 30)


@pytest.fixture(scope="module")
def fitted():
    return fit(Exponential, WAITS, progress=False)


def test_a_quantile_stands_beside_every_observation(fitted):
    ax = plotting.quantiles(fitted, name="hours")
    expected, values = ax.lines[1].get_data()
    np.testing.assert_array_equal(values, np.sort(WAITS))
    # The quantiles of an exponential at the middles of 30 equal shares.
    exact = -np.log1p(-(np.arange(30) + 0.5) / 30) / fitted.model.rate
    np.testing.assert_allclose(expected, exact, rtol=1e-3)  # finer than a picture shows
    assert ax.get_ylabel() == "hours"


def test_the_distribution_function_is_that_of_the_estimate(fitted):
    ax = plotting.distribution_function(fitted, name="hours")
    steps, curve = ax.lines
    assert steps.get_ydata()[-1] == pytest.approx(1.0)
    x, y = curve.get_data()
    np.testing.assert_allclose(y, -np.expm1(-fitted.model.rate * x), atol=1e-4)
    assert ax.get_xlabel() == "hours"


def test_weights_widen_the_steps():
    weighted = fit(Exponential, [1.0, 2.0, 3.0], weights=[2.0, 1.0, 1.0], progress=False)
    assert plotting.distribution_function(weighted).lines[0].get_ydata().tolist() == [0.5, 0.75, 1.0]
    assert len(plotting.estimate_figure(weighted).axes) == 2


def test_weights_raise_the_bars():
    weighted = fit(Exponential, [1.0, 2.0, 3.0], weights=[2.0, 1.0, 1.0], progress=False)
    ax = plotting.distribution(weighted, weighted.observations)
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.25, 0.25]
    assert not any("start" in text.get_text() for text in ax.get_legend().get_texts())


@pytest.mark.slow
def test_angles_are_drawn_about_where_they_lie():
    angles = np.remainder(np.random.RandomState(0).vonmises(3.0, 2.0, 200) + np.pi, 2 * np.pi) - np.pi
    assert np.min(angles) < -2 < 2 < np.max(angles)  # they lie about 3, on both sides of pi
    result = fit(VonMises, angles, progress=False)
    steps, curve = plotting.distribution_function(result).lines
    x, share = steps.get_data()
    assert np.ptp(x) < 2 * np.pi
    assert np.max(np.abs(share - np.interp(x, *curve.get_data()))) < 0.1  # three standard errors of 200
    expected, drawn = plotting.quantiles(result).lines[1].get_data()
    assert np.corrcoef(expected, drawn)[0, 1] > 0.99


def test_quantiles_of_whole_numbers_lie_about_the_line_and_not_beside_it():
    x = scipy.stats.poisson(3.0).ppf((np.arange(500) + 0.5) / 500)  # as near to a Poisson distribution as can be
    drawn = plotting.quantiles(fit(Poisson, x, progress=False)).lines[1]
    expected, seen = map(np.asarray, drawn.get_data())
    assert np.max(np.abs(seen - expected)) < 0.6
    assert abs(np.mean(seen - expected)) < 0.02


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_the_power_of_ten_of_an_axis_stands_below_the_legend(unit):
    x = unit * np.random.RandomState(0).gamma(2.0, 3.0, 50)
    result = fit(Gamma, x, progress=False)
    for axes in (plotting.distribution(result, x), plotting.quantiles(result)):
        axes.figure.draw_without_rendering()
        power, legend = axes.yaxis.get_offset_text(), axes.get_legend().get_window_extent()
        assert (power.get_text() != "") == (unit != 1.0)
        if power.get_text():
            assert power.get_window_extent().y1 <= legend.y0 + 1  # pixel
