"""Pictures of bootstraps and studies show their numbers, and say where there is none."""

import dataclasses

import numpy as np
import pytest

import mlejax
from mlejax import plotting
from mlejax.results.bootstrap import Bootstrap
from mlejax.results.study import Coverage, Scatter, Study

AT = np.random.RandomState(0).gamma(30.0, 1 / 15, 500)


@pytest.mark.parametrize("family", [mlejax.Exponential, mlejax.StudentT])
def test_each_parameter_has_its_estimates_above_its_intervals(family):
    names = [field.name for field in dataclasses.fields(family)]
    fitted, model = (family(*[at] * len(names)) for at in (2.0, AT))
    found = Bootstrap(fitted, model, 510, dict.fromkeys(names, 0.05), "", dict.fromkeys(names, 0.3))
    figure = plotting.bootstrap_figure(found, 0.9)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 2 * len(names)
    lower = [ax for ax in shown if ax.get_xlabel()]
    assert sorted(ax.get_xlabel() for ax in lower) == sorted(names)
    drawn = [tuple(line.get_xdata()) for line in lower[0].lines[0:8:2]]
    assert drawn == list(found.all_intervals(0.9)[names[0]].values())
    assert f"{family.__name__}, 510 resamples; intervals of 0.9" in figure.get_supxlabel()
    figure.canvas.draw()


def test_an_interval_that_is_none_is_called_so():
    figure = plotting.bootstrap_figure(
        Bootstrap(mlejax.Exponential(9.0), mlejax.Exponential(AT), 500, {"rate": 0.0}, "")
    )
    assert [text.get_text() for text in figure.axes[1].texts] == ["none", "none"]  # of Wald and BCa


def test_a_study_has_bias_scatter_and_coverage_of_each_parameter():
    counts = np.array([20, 100, 1000])
    figures = [np.array([4.0, 2.0, 1.0]) / (i + 1) for i in range(7)]
    held = {"bca": Coverage(np.array([0.9, 0.94, 0.95]), np.full(3, 0.01))}
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
