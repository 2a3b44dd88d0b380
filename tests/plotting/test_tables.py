"""Pictures of the fits of many samples show the numbers of the table, and leave out what is none."""

import dataclasses

import numpy as np
import pytest

import mlejax
from mlejax import plotting
from mlejax.status import Status


def table_of(count, without=()):
    random = np.random.RandomState(0)
    status = np.full(count, int(Status.CONVERGED))
    status[list(without)] = int(Status.AT_INFINITY)
    rates = mlejax.Exponential(random.gamma(2.0, size=count))
    errors = np.where(status == Status.CONVERGED, 0.5, np.nan)
    return mlejax.FitTable(
        family="Exponential", axis="group", labels=np.arange(count), model=rates,
        standard_errors=mlejax.Exponential(errors), log_likelihood=np.zeros(count), distance=np.zeros(count),
        count=np.arange(count) + 5.0, steps=np.ones(count, int), status=status, reasons={},
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 12, 300, 3000])
def test_estimates_stand_in_their_order(count):
    table = table_of(count)
    axes = plotting.estimates(table, "rate")
    drawn = axes.lines[-1].get_ydata()
    np.testing.assert_array_equal(drawn, np.sort(table.model.rate))


def test_what_has_no_maximum_is_left_out_and_said():
    table = table_of(20, without=(3, 4))
    axes = plotting.estimates(table, "rate")
    assert axes.get_title() == "2 without a maximum left out"
    assert len(axes.lines[-1].get_ydata()) == 18
    assert len(plotting.funnel(table, "rate").lines[0].get_xdata()) == 18


def test_a_figure_has_a_row_for_each_parameter_and_says_what_it_shows():
    figure = plotting.table_figure(table_of(20, without=(3,)))
    assert len(figure.axes) == 3
    assert "Exponential, 20 fits by group, 19 converged; n = 5 to 24" in figure.get_supxlabel()


def test_a_table_without_any_maximum_can_be_drawn():
    plotting.table_figure(table_of(3, without=range(3))).canvas.draw()


def test_the_distribution_stands_beside_what_errors_alone_would_scatter():
    table = table_of(4000)
    axes = plotting.spread(table, "rate")
    counted = sum(bar.get_height() for bar in axes.patches)
    assert counted == 4000 - 2 * 4  # a thousandth left out at either end
    (curve,) = axes.lines
    grid, heights = curve.get_data()
    top = np.argmax(heights)
    assert grid[top] == pytest.approx(np.median(table.model.rate), abs=grid[top + 1] - grid[top])
    assert "standard errors alone" in axes.get_xlabel()


def test_bars_of_a_positive_parameter_do_not_reach_below_zero():
    table = table_of(30)
    assert np.any(table.model.rate < 1.0)  # two standard errors
    axes = plotting.estimates(table, "rate")
    bars = np.concatenate(axes.collections[0].get_segments())[:, 1].reshape(-1, 2)
    rates = np.sort(table.model.rate)
    # A lower end is drawn as what the estimate exceeds it by, which leaves it 16 digits of the estimate.
    expected = rates[:, None] * np.exp(np.array([-1, 1]) / rates[:, None])
    np.testing.assert_allclose(bars, expected, rtol=1e-12, atol=1e-15)
    assert axes.get_yscale() == "log"
    assert "2 standard errors of its logarithm" in axes.get_ylabel().replace("\n", " ")
    certain = dataclasses.replace(table, standard_errors=mlejax.Exponential(np.full(30, 1e-3)))
    assert plotting.estimates(certain, "rate").get_yscale() == "linear"


def test_samples_of_one_size_are_said_and_drawn_to_be():
    table = dataclasses.replace(table_of(20), count=np.full(20, 30.0))
    assert "; n = 30; " in plotting.table_figure(table).get_supxlabel()
    assert [tick.get_text() for tick in plotting.funnel(table, "rate").get_xticklabels()] == ["30"]


def test_names_with_dollar_signs_and_long_ones_are_drawn_as_they_are_written(tmp_path):
    table = dataclasses.replace(table_of(3), labels=np.array(["$a$_$b_$", "x" * 80, "质量"]))
    figure = plotting.table_figure(table)
    plotting.save(figure, tmp_path / "table.png")
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert sorted(labels, key=len)[1:] == [r"\$a\$_\$b_\$", "x" * 29 + "..."]


def test_the_scatter_of_a_positive_parameter_is_drawn_on_a_logarithmic_axis_where_errors_reach_beyond_0():
    table = table_of(200)
    axes = plotting.spread(table, "rate")
    assert axes.get_xscale() == "log"
    assert plotting.funnel(table, "rate").get_yscale() == "log"
    heights = [bar.get_height() for bar in axes.patches]
    assert sum(heights) == 200
    # The curve holds as many samples as the bars, in the logarithm, in units of a bar.
    x, y = map(np.asarray, axes.lines[0].get_data())
    width = np.log(axes.patches[0].get_x() + axes.patches[0].get_width()) - np.log(axes.patches[0].get_x())
    center = np.log(np.median(table.model.rate))
    top = y[np.argmin(np.abs(np.log(x) - center))]
    errors = 0.5 / table.model.rate
    expected = 200 * width * np.mean(1 / (errors * np.sqrt(2 * np.pi)))
    assert top == pytest.approx(expected, rel=0.02)
