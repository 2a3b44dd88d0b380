"""Pictures of a sweep, read back from what was drawn."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from drawn import LIMIT, RATES, VARIANCE_RATES, legend, line
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.patches import StepPatch

from mlejax import Normal, Status, SweepResult, plotting
from mlejax.plotting import style, sweeps
from mlejax.results.schema import ARRIVED
from mlejax.results.sweep import Provenance
from mlejax.status import OF_TRAINING


def markers(ax):
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def test_few_runs_are_drawn_one_by_one(sweep):
    part = sweep.sel(**{"learning_rate.variance": VARIANCE_RATES[3]})
    ax = plotting.learning_rates(part, "epochs", "learning_rate.mean")
    drawn = markers(ax)
    places = np.concatenate([c.get_offsets() for c in drawn])
    expected = np.stack([np.broadcast_to(RATES, part.shape).ravel(), part.epochs.ravel()], axis=1)
    np.testing.assert_allclose(sorted(map(tuple, places)), sorted(map(tuple, expected)))
    assert {c.get_label().split(":")[0] for c in drawn} == {"stopped by patience", "epoch limit reached", "diverged"}
    share = 100 * np.mean(part.status == Status.DIVERGED)
    assert f"diverged: {share:.1f} %" in legend(ax)
    assert line(ax, "stability limit of the mean: 15.7").get_xdata()[0] == LIMIT
    assert len({c.get_paths()[0].vertices.tobytes() for c in drawn}) == len(drawn)  # shapes, not only colors
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "learning rate of the mean")
    assert "epochs" in ax.get_ylabel()


def test_infinite_distances_lie_on_a_labeled_line(sweep):
    part = sweep.sel(**{"learning_rate.variance": VARIANCE_RATES[3]})
    ax = plotting.learning_rates(part, "distance", "learning_rate.mean")
    labels = dict(zip((text.get_text() for text in ax.get_yticklabels()), ax.get_yticks(), strict=True))
    (diverged,) = [c for c in markers(ax) if c.get_label().startswith("diverged")]
    assert np.all(diverged.get_offsets()[:, 1] == labels["∞"])
    finite = part.distance[np.isfinite(part.distance)]
    assert ax.get_ylim()[0] < finite.min() < finite.max() < labels["∞"] < ax.get_ylim()[1]
    assert "standard errors" in ax.get_ylabel()
    ax = plotting.learning_rates(dataclasses.replace(part, arrays={**part.arrays, "distance": np.ones(part.shape)}),
                                 "distance", "learning_rate.mean")  # fmt: skip
    assert "∞" not in [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize("value", ["distance", "epochs"])
def test_only_distances_have_a_line_where_runs_have_arrived(value, sweep):
    ax = plotting.learning_rates(sweep, value, "learning_rate.mean")
    across = [line.get_ydata()[0] for line in ax.get_lines() if len(line.get_ydata()) and line.get_color() == "black"]
    assert (ARRIVED in across) == (value == "distance")
    assert ax.get_ylim()[0] < ARRIVED < ax.get_ylim()[1] or value == "epochs"


def test_many_runs_are_areas_whose_strength_is_their_share():
    """Of 400 runs at the first rate three quarters end in epoch 7 and a quarter in 700; at the second, all in 7."""
    shape = (400, 2)
    axes = {"seed": np.arange(shape[0]), "learning_rate": np.array([0.1, 0.2])}
    late = np.zeros(shape, bool)
    late[:100, 0] = True
    status, epochs = np.where(late, Status.MAX_EPOCHS, Status.PATIENCE), np.where(late, 700, 7)
    many = SweepResult(axes, Normal(0.0, 1.0), {"status": status, "epochs": epochs}, Provenance({}, []))
    ax = plotting.learning_rates(many)
    assert not markers(ax)
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    edges = mesh.get_coordinates()[:, 0, 1]
    cells = np.asarray(mesh.get_array()).reshape(len(edges) - 1, 2, 4)
    rows = {epoch: np.searchsorted(edges, epoch) - 1 for epoch in (7, 700)}
    filled = np.argwhere(cells[..., 3] > 0).tolist()
    assert sorted(filled) == sorted([[rows[7], 0], [rows[700], 0], [rows[7], 1]])
    np.testing.assert_allclose(cells[rows[7], 0, :3], mpl.colors.to_rgb(style.LOOKS[Status.PATIENCE].color))
    np.testing.assert_allclose(cells[rows[700], 0, :3], mpl.colors.to_rgb(style.LOOKS[Status.MAX_EPOCHS].color))
    assert cells[rows[700], 0, 3] < cells[rows[7], 0, 3] == cells[rows[7], 1, 3] == 1
    assert "stopped by patience: 87.5 %" in legend(ax)
    assert not any("stability" in text for text in legend(ax))


@pytest.mark.parametrize("seeds", [3, 100])
def test_runs_of_which_nothing_is_known_are_not_drawn(seeds):
    shape = (seeds, 2)
    axes = {"seed": np.arange(seeds), "learning_rate": np.array([0.1, 0.2])}
    status, epochs = np.full(shape, Status.PATIENCE), np.full(shape, 50)
    status[0], epochs[0] = (Status.RUNNING, Status.OUTSIDE_SUPPORT), 0
    part = SweepResult(axes, Normal(0.0, 1.0), {"status": status, "epochs": epochs}, Provenance({}, []))
    ax = plotting.learning_rates(part)
    assert ax.get_ylim()[0] > 10
    for text in legend(ax):
        assert text.startswith("stopped by patience")


def test_outcomes_are_all_runs_the_best_first(sweep):
    ax = plotting.outcomes(sweep, "epochs")
    places = np.concatenate([c.get_offsets() for c in markers(ax)])
    places = places[np.argsort(places[:, 0])]
    np.testing.assert_array_equal(places[:, 1], np.sort(sweep.epochs, axis=None))
    np.testing.assert_allclose(places[:, 0], 100 * np.arange(1, sweep.count + 1) / sweep.count)


BAD = {
    "value": (lambda s: plotting.heat_map(s, value="mean"), "value must be one of distance, .*; got 'mean'"),
    "axis": (lambda s: plotting.heat_map(s, x="rate"), "x must be one of seed, .*; got 'rate'"),
    "same axis": (lambda s: plotting.heat_map(s, x="seed", y="seed"), "two different axes"),
    "outcomes value": (lambda s: plotting.outcomes(s, "status"), "value must be one of epochs, distance"),
    "rates value": (lambda s: plotting.learning_rates(s, "status", "seed"), "value must be one of epochs, distance"),
    "rates axis": (lambda s: plotting.learning_rates(s), "axis must be one of .*; got 'learning_rate'"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name, sweep):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call(sweep)


def test_shares_of_all_statuses_add_up_to_one(sweep):
    fates = np.resize(OF_TRAINING, sweep.shape)  # every status occurs
    mixed = dataclasses.replace(sweep, arrays={**sweep.arrays, "status": fates})
    ax = plotting.status_shares(mixed, "learning_rate.mean")
    assert [text.split(":")[0] for text in legend(ax)][: len(OF_TRAINING)] == [x.words for x in style.LOOKS.values()]
    areas = {str(p.get_label()).split(":")[0]: p.get_data() for p in ax.patches if isinstance(p, StepPatch)}
    bottom = np.zeros(len(RATES))
    for fate, look in style.LOOKS.items():
        values, _, baseline = areas[look.words]
        np.testing.assert_allclose(baseline, bottom)
        bottom = bottom + np.mean(fates == fate, axis=(0, 2))
        np.testing.assert_allclose(values, bottom)
    np.testing.assert_allclose(bottom, 1)
    arrived = np.mean(sweep.distance <= ARRIVED, axis=(0, 2))
    np.testing.assert_allclose(areas["arrived"].values, arrived)


def test_the_atlas_shares_its_learning_rates(sweep):
    figure = plotting.atlas(sweep, "learning_rate.mean")
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log", "log"]


def test_pictures_fit_the_axes(sweep):
    maps = {"map_distance", "map_epochs", "map_status"}
    found = plotting.sweep_pictures(sweep)
    assert set(found) == {"atlas_mean", "atlas_variance", "map_arrived", *maps}
    one_rate = sweep.sel(**{"learning_rate.variance": VARIANCE_RATES[0]})
    assert set(plotting.sweep_pictures(one_rate)) == {"atlas_mean", *maps}  # a share of one run is none
    seeds = one_rate.sel(**{"learning_rate.mean": RATES[0]})
    assert set(plotting.sweep_pictures(seeds)) == {"outcomes"}
    assert set(plotting.sweep_pictures(seeds.sel(seed=0))) == {"outcomes"}


@pytest.mark.slow
def test_pictures_of_an_unfinished_sweep_say_so(sweep):
    def titles(result):
        found = sweeps.sweep_pictures(result).values()
        return {getattr(picture, "figure", picture).get_suptitle() for picture in found}

    assert titles(sweep) == {""}
    status = sweep.status.copy()
    status.flat[:3] = Status.RUNNING
    part = dataclasses.replace(sweep, arrays={**sweep.arrays, "status": status})
    assert titles(part) == {f"unfinished: {sweep.status.size - 3:,} of {sweep.status.size:,} runs have ended"}
