"""Maps of a sweep, read back from what was drawn."""

import matplotlib as mpl
import numpy as np
import pytest
from drawn import LIMIT, RATES, VARIANCE_RATES, legend, line
from matplotlib.collections import QuadMesh

from mlejax import Normal, SweepResult, plotting
from mlejax.plotting import maps, style
from mlejax.results.schema import ARRIVED
from mlejax.results.sweep import Provenance


@pytest.mark.parametrize("value", ["distance", "epochs", "train_log_likelihood", "validation_log_likelihood"])
def test_heat_map_is_the_median_over_all_other_axes(value, sweep):
    ax = plotting.heat_map(sweep, value=value)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate of the mean", "learning rate of the variance")
    (mesh,) = meshes(ax)
    cells = np.ma.filled(mesh.get_array(), np.inf).reshape(len(VARIANCE_RATES), len(RATES))
    np.testing.assert_array_equal(cells, np.median(getattr(sweep, value), axis=0).T)
    corners = mesh.get_coordinates()
    assert np.all((corners[0, :-1, 0] < RATES) & (corners[0, 1:, 0] > RATES))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    unit = {"distance": "standard errors", "epochs": "epochs"}.get(value, "nats")
    assert unit in ax.figure.axes[1].get_ylabel()
    assert ("∞: no maximum nearby" in legend(ax)) == (value == "distance")
    assert any("stability limit of the mean: 15.7" in text for text in legend(ax))
    assert line(ax, "stability").get_xdata()[0] == LIMIT


def test_heat_map_of_statuses_is_the_commonest(sweep):
    ax = plotting.heat_map(sweep, "learning_rate.mean", "learning_rate.variance", "status")
    (mesh,) = meshes(ax)
    colors = np.asarray(mesh.get_array()).reshape(len(VARIANCE_RATES), len(RATES), 3)
    looks = {fate: mpl.colors.to_rgb(look.color) for fate, look in style.LOOKS.items()}
    counts = {fate: np.sum(sweep.status == fate, axis=0).T for fate in looks}
    for row, column in np.ndindex(*colors.shape[:2]):
        (fate,) = [fate for fate, color in looks.items() if np.allclose(colors[row, column], color)]
        assert counts[fate][row, column] == max(count[row, column] for count in counts.values())
    assert "commonest of 3 runs" in ax.get_title("right")
    names = {text.split(":")[0] for text in legend(ax)}
    assert {"stopped by patience", "epoch limit reached", "diverged"} <= names
    assert "stopped by tolerance" not in names
    assert not ax.get_lines() or all(line.get_marker() == "None" for line in ax.get_lines())  # nothing on the cells


def test_heat_map_of_arrivals_is_their_share(sweep):
    ax = plotting.heat_map(sweep, value="arrived")
    cells = meshes(ax)[0].get_array().reshape(len(VARIANCE_RATES), len(RATES))
    np.testing.assert_allclose(cells, np.mean(sweep.distance <= ARRIVED, axis=0).T)
    assert (meshes(ax)[0].norm.vmin, meshes(ax)[0].norm.vmax) == (0, 1)
    assert "one rate for both" in legend(ax)


def lightness(color):
    return np.array(color[:3]) ** 2.2 @ [0.2126, 0.7152, 0.0722]


def test_colors_of_distances_change_where_runs_arrive_and_get_lighter_in_gray(sweep):
    ax = plotting.heat_map(sweep)
    mesh, bar = meshes(ax)[0], ax.figure.axes[1]
    below, above = (mesh.cmap(mesh.norm(ARRIVED * factor)) for factor in (0.97, 1.03))
    assert np.argmax(below[:3]) == 2  # blue
    assert np.argmin(above[:3]) == 2  # yellow
    shades = [lightness(mesh.cmap(mesh.norm(d))) for d in np.geomspace(mesh.norm.vmin, mesh.norm.vmax, 100)]
    assert np.all(np.diff(shades) >= -1e-12)
    assert ARRIVED in [line.get_ydata()[0] for line in bar.get_lines()]


@pytest.mark.parametrize(("low", "high"), [(1e-12, 1e-9), (1e-5, 1e-3), (0.5, 100.0), (1e3, 1e9), (1.0, 1.0)])
def test_distances_on_one_side_have_the_colors_of_that_side(low, high):
    made = maps._distances(low, high)
    for distance in (low, high):
        blue = np.argmax(made.colors(made.norm(np.clip(distance, made.low, made.high)))[:3]) == 2
        assert blue == (distance <= ARRIVED)


def meshes(ax):
    return [c for c in ax.collections if isinstance(c, QuadMesh)]


def test_many_seeds_are_sorted_by_what_became_of_them():
    distance = np.random.RandomState(0).choice([1e-4, 0.5, 2.0, np.inf], (40, 6))
    axes = {"seed": np.arange(100, 140), "learning_rate": np.geomspace(0.1, 10, 6)}
    many = SweepResult(axes, Normal(0.0, 1.0), {"distance": distance}, Provenance({}, []))
    ax = plotting.heat_map(many)
    assert ax.get_ylabel() == "40 seeds, sorted by arrivals"
    cells = np.ma.filled(meshes(ax)[0].get_array(), np.inf).reshape(40, 6)
    np.testing.assert_array_equal(np.sort(cells, axis=None), np.sort(distance, axis=None))
    assert {tuple(row) for row in cells} == {tuple(row) for row in distance}  # a seed keeps its row
    arrived = np.sum(cells <= ARRIVED, axis=1)
    assert np.all(np.diff(arrived) <= 0)


def test_heat_map_chooses_axes_and_scales(sweep):
    ax = plotting.heat_map(sweep, y="seed")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate of the mean", "seed")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    np.testing.assert_allclose(ax.get_ylim(), (-0.5, 2.5))


def test_optimizers_are_drawn_under_their_names():
    axes = {"learning_rate": np.array([0.1, 1.0]), "optimizer": np.arange(2)}
    made = Provenance({"optimizer": [["adam", "optax 12ab"], ["plain", "plain ascent"]]}, [])
    result = SweepResult(axes, Normal(0.0, 1.0), {"distance": np.ones((2, 2))}, made)
    ax = plotting.heat_map(result)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["adam", "plain"]
