"""Pictures of bootstraps and studies show their numbers, and say where there is none."""

import dataclasses
import itertools

import numpy as np
import pytest

import mlejax
from mlejax import plotting
from mlejax.results.bootstrap import Bootstrap
from mlejax.results.study import FIGURES, Coverage, Scatter, Study

AT = np.random.RandomState(0).gamma(30.0, 1 / 15, 500)


@pytest.mark.parametrize("family", [mlejax.Exponential, mlejax.StudentT])
def test_each_parameter_has_its_estimates_above_its_intervals(family):
    names = [field.name for field in dataclasses.fields(family)]
    fitted, model = (family(*[at] * len(names)) for at in (2.0, AT))
    found = Bootstrap(fitted, model, 500, dict.fromkeys(names, 0.05), "", dict.fromkeys(names, 0.3))
    figure = plotting.bootstrap_figure(found, 0.9)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 2 * len(names)
    lower = [ax for ax in shown if ax.get_xlabel()]
    assert sorted(ax.get_xlabel() for ax in lower) == sorted(names)
    drawn = [tuple(line.get_xdata()) for line in lower[0].lines[0:8:2]]
    assert drawn == list(found.all_intervals(0.9)[names[0]].values())
    assert f"{family.__name__}, 500 resamples; intervals of 0.9" in figure.get_supxlabel()
    figure.canvas.draw()


def test_labels_of_small_numbers_do_not_run_into_each_other():
    model, small = mlejax.Gamma(AT, 0.022 * AT / 2), mlejax.Gamma(2.0, 0.022)
    figure = plotting.bootstrap_figure(Bootstrap(small, model, 500, {"shape": 0.1, "rate": 0.1}, ""))
    figure.canvas.draw()
    for ax in figure.axes:
        boxes = [
            label.get_window_extent() for label in ax.get_xticklabels() if label.get_text() and label.get_visible()
        ]
        inside = [box for box in boxes if ax.bbox.x0 <= (box.x0 + box.x1) / 2 <= ax.bbox.x1]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(inside))


def test_an_interval_that_is_none_is_called_so():
    figure = plotting.bootstrap_figure(
        Bootstrap(mlejax.Exponential(9.0), mlejax.Exponential(AT), 500, {"rate": 0.0}, "")
    )
    assert [text.get_text() for text in figure.axes[1].texts] == ["none", "none"]  # of Wald and BCa


def test_a_study_has_bias_scatter_and_coverage_of_each_parameter():
    counts = np.array([20, 100, 1000])
    figures = [np.array([4.0, 2.0, 1.0]) / (i + 1) for i in range(len(FIGURES))]
    held = {"bca": Coverage(np.array([0.9, 0.94, 0.95]), np.full(3, 0.01), np.zeros(3))}
    one, other = Scatter(2.0, *figures, held), Scatter(1.0, *figures, held)
    figure = plotting.study_figure(Study("Gamma", 0.95, 1000, counts, np.ones(3), {"shape": one, "rate": other}))
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "bias of shape", "scatter of shape", "coverage of shape", "bias of rate", "scatter of rate", "coverage of rate",
    ]  # fmt: skip
    bias, _, coverage = figure.axes[:3]
    np.testing.assert_array_equal(bias.lines[0].get_ydata(), one.bias)
    assert [tick.get_text() for tick in bias.get_xticklabels()] == ["20", "100", "1,000"]
    assert [text.get_text() for text in coverage.get_legend().get_texts()] == ["Wald", "BCa"]
    bars = coverage.containers[1].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [0.88, 0.92])
    figure.canvas.draw()


def test_a_study_without_numbers_for_a_count_is_drawn():
    none = Scatter(2.0, *[np.array([np.nan])] * len(FIGURES), {})
    figure = plotting.study_figure(Study("Gamma", 0.95, 20, np.array([5]), np.zeros(1), {"shape": none}))
    figure.canvas.draw()
    assert figure.axes[0].get_ylabel() == "bias of shape"


def test_resamples_that_are_lacking_and_estimates_that_are_all_the_same_are_told():
    found = Bootstrap(mlejax.Exponential(2.0), mlejax.Exponential(np.full(50, 2.0)), 60, {"rate": 0.0}, "")
    figure = plotting.bootstrap_figure(found)
    assert "60 resamples, of which the 50 with a maximum are shown" in figure.get_supxlabel()
    figure.canvas.draw()


def test_pairs_of_a_symmetric_matrix_are_drawn_once_and_every_end_lies_inside():
    fitted = mlejax.MultivariateNormal(np.zeros(2), np.eye(2))
    model = mlejax.MultivariateNormal(np.ones((50, 2)) * AT[:50, None], AT[:50, None, None] * (np.eye(2) + 0.1))
    acceleration = dict.fromkeys(["mean[0]", "mean[1]", *(f"covariance[{i},{j}]" for i in (0, 1) for j in (0, 1))], 0.0)
    found = Bootstrap(fitted, model, 50, acceleration, "", dict.fromkeys(acceleration, 0.5))
    lower = [ax for ax in plotting.bootstrap_figure(found).axes if ax.get_visible() and ax.get_xlabel()]
    names = ["mean[0]", "mean[1]", "covariance[0,0]", "covariance[0,1]", "covariance[1,1]"]
    assert [ax.get_xlabel() for ax in lower] == names
    assert "covariance[0,1]" in str(found)
    assert "covariance[1,0]" not in str(found)
    for ax in lower:
        low, high = ax.get_xlim()
        ends = np.concatenate([line.get_xdata() for line in ax.lines])
        assert low < min(ends)
        assert max(ends) < high
