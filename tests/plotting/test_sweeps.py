"""Pictures of a sweep, read back from what was drawn."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from drawn import LIMIT, RATES, VARIANCE_RATES, legend, line
from matplotlib.collections import PathCollection, QuadMesh

from mlejax import Normal, Status, SweepResult, plotting
from mlejax.plotting import style, sweeps
from mlejax.results.schema import ARRIVED
from mlejax.results.sweep import Provenance


def test_learning_rates_show_every_run_median_limit_and_fate(sweep):
    ax = plotting.learning_rates(sweep, "epochs", "learning_rate.mean")
    rates, median = line(ax, "median run").get_data()
    np.testing.assert_array_equal(rates, RATES)
    np.testing.assert_array_equal(median, np.median(sweep.epochs, axis=(0, 2)))
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert sum(len(c.get_offsets()) for c in drawn) == sweep.epochs.size
    assert {c.get_label().split()[0] for c in drawn} == {"PATIENCE", "MAX_EPOCHS", "DIVERGED"}
    share = 100 * np.mean(sweep.status == Status.DIVERGED)
    assert f"DIVERGED {share:.1f} %" in legend(ax)
    assert line(ax, "stability limit").get_xdata()[0] == LIMIT
    assert len({c.get_paths()[0].vertices.tobytes() for c in drawn}) == len(drawn)  # shapes, not only colours
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "learning rate of the mean")
    assert "epochs" in ax.get_ylabel()


def test_infinite_distances_lie_on_a_labelled_line(sweep):
    ax = plotting.learning_rates(sweep, "distance", "learning_rate.mean")
    labels = dict(zip((text.get_text() for text in ax.get_yticklabels()), ax.get_yticks(), strict=True))
    median = line(ax, "median run").get_ydata()
    assert np.all(median[RATES > LIMIT] == labels["∞"])
    assert ax.get_ylim()[0] < median.min() < labels["∞"] < ax.get_ylim()[1]
    assert "standard errors" in ax.get_ylabel()
    finite = dataclasses.replace(sweep, arrays={**sweep.arrays, "distance": np.ones(sweep.shape)})
    ax = plotting.learning_rates(finite, "distance", "learning_rate.mean")
    assert "∞" not in [text.get_text() for text in ax.get_yticklabels()]


def test_many_runs_are_thinned():
    shape = (20_000, 2)
    axes = {"seed": np.arange(shape[0]), "learning_rate": np.array([0.1, 0.2])}
    arrays = {"status": np.ones(shape, int), "epochs": np.full(shape, 7.0)}
    many = SweepResult(axes, Normal(0.0, 1.0), arrays, Provenance({}, []))
    ax = plotting.learning_rates(many)
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert 0 < sum(len(c.get_offsets()) for c in drawn) <= sweeps.MOST_MARKERS
    assert "PATIENCE 100.0 %" in legend(ax)
    assert not any("stability" in text for text in legend(ax))


@pytest.mark.parametrize("value", ["distance", "epochs", "train_log_likelihood", "validation_log_likelihood"])
def test_heat_map_is_the_median_over_all_other_axes(value, sweep):
    ax = plotting.heat_map(sweep, value=value)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate of the mean", "learning rate of the variance")
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    cells = np.ma.filled(mesh.get_array(), np.inf).reshape(len(VARIANCE_RATES), len(RATES))
    np.testing.assert_array_equal(cells, np.median(getattr(sweep, value), axis=0).T)
    corners = mesh.get_coordinates()
    assert np.all((corners[0, :-1, 0] < RATES) & (corners[0, 1:, 0] > RATES))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    unit = {"distance": "standard errors", "epochs": "epochs"}.get(value, "nats")
    assert unit in ax.figure.axes[1].get_ylabel()
    assert ("∞: no maximum nearby" in legend(ax)) == (value == "distance")
    assert any("stability limit: 15.7" in text for text in legend(ax))
    assert line(ax, "stability").get_xdata()[0] == LIMIT


def test_heat_map_of_statuses_is_the_commonest_and_paler_where_mixed(sweep):
    ax = plotting.heat_map(sweep, "learning_rate.mean", "learning_rate.variance", "status")
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    colors = np.asarray(mesh.get_array()).reshape(len(VARIANCE_RATES), len(RATES), 3)
    np.testing.assert_allclose(colors[0, -1], mpl.colors.to_rgb(style.RED))
    np.testing.assert_allclose(colors[0, 0], mpl.colors.to_rgb(style.ORANGE))
    mixed = np.ptp(sweep.status, axis=0).T > 0
    assert mixed.any()
    assert not any(np.allclose(c, mpl.colors.to_rgb(o)) for c in colors[mixed] for o, _ in style.LOOKS.values())
    names = {text.split()[0] for text in legend(ax)}
    assert {"PATIENCE", "MAX_EPOCHS", "DIVERGED", "paler:"} <= names
    assert "TOLERANCE" not in names


def test_heat_map_chooses_axes_and_scales(sweep):
    ax = plotting.heat_map(sweep, y="seed")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate of the mean", "seed")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    np.testing.assert_allclose(ax.get_ylim(), (-0.5, 2.5))


BAD = {
    "value": (lambda s: plotting.heat_map(s, value="mean"), "value must be one of distance, .*; got 'mean'"),
    "axis": (lambda s: plotting.heat_map(s, x="rate"), "x must be one of seed, .*; got 'rate'"),
    "same axis": (lambda s: plotting.heat_map(s, x="seed", y="seed"), "two different axes"),
    "rates value": (lambda s: plotting.learning_rates(s, "status", "seed"), "value must be one of epochs, distance"),
    "rates axis": (lambda s: plotting.learning_rates(s), "axis must be one of .*; got 'learning_rate'"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name, sweep):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call(sweep)


def test_shares_of_all_statuses_add_up_to_one(sweep):
    fates = np.resize(list(Status), sweep.shape)  # every status occurs
    mixed = dataclasses.replace(sweep, arrays={**sweep.arrays, "status": fates})
    ax = plotting.status_shares(mixed, "learning_rate.mean")
    assert [text.split()[0] for text in legend(ax)][: len(Status)] == [status.name for status in Status]
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in ax.collections]
    assert max(tops) == pytest.approx(1)
    arrived = np.mean(sweep.distance <= ARRIVED, axis=(0, 2))
    np.testing.assert_allclose(line(ax, "arrived").get_ydata(), arrived)


def test_the_atlas_shares_its_learning_rates(sweep):
    figure = plotting.atlas(sweep, "learning_rate.mean")
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log", "log"]


def test_pictures_fit_the_axes(sweep):
    found = plotting.sweep_pictures(sweep)
    assert set(found) == {
        "learning_rates_mean", "learning_rates_variance", "map_distance", "map_epochs", "map_status",
    }  # fmt: skip


def test_pictures_of_an_unfinished_sweep_say_so(sweep):
    def titles(result):
        found = sweeps.sweep_pictures(result).values()
        return {getattr(picture, "figure", picture).get_suptitle() for picture in found}

    assert titles(sweep) == {""}
    status = sweep.status.copy()
    status.flat[:3] = Status.RUNNING
    part = dataclasses.replace(sweep, arrays={**sweep.arrays, "status": status})
    assert titles(part) == {f"unfinished: {sweep.status.size - 3:,} of {sweep.status.size:,} runs have ended"}
