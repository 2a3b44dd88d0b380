"""Curves of many runs, read back from what was drawn."""

import numpy as np
import pytest
from drawn import legend
from matplotlib.colors import to_hex, to_rgb

from mlejax import Histories, Normal, Status, SweepResult, plotting
from mlejax.plotting.histories import NATS, SCALE, histories_figure
from mlejax.plotting.style import LINES, LOOKS
from mlejax.results.histories import places_of
from mlejax.results.sweep import Provenance

EPOCHS = np.array([1, 10, 100, 200])


def made(seeds=1, rates=2):
    """Runs that come nearer by a factor of ten from row to row; the third was best."""
    axes = {"seed": np.arange(seeds), "learning_rate": np.geomspace(0.1, 10.0, rates)}
    shape = (seeds, rates)
    status = np.where(np.arange(rates) % 2, Status.PATIENCE, Status.MAX_EPOCHS) * np.ones(shape, int)
    distance = np.where(np.arange(rates) == 0, 0.01, 0.5) * np.ones(shape)
    train = np.full(shape, -200.0)
    train[:, 0] = -100 - 0.01**2 / 2  # so that the maximum is at -100
    arrays = {"mean": np.zeros(shape), "variance": np.ones(shape), "distance": distance, "train_log_likelihood": train}
    arrays |= {"validation_log_likelihood": np.full(shape, -25.0), "epochs": np.full(shape, 200)}
    arrays |= {"best_epoch": np.full(shape, 100), "status": status}
    whole = SweepResult(axes, Normal(0.0, 1.0), arrays, Provenance({"count": 50}, []))
    away = np.array([100.0, 10.0, 1.0, 0.1])
    rows = {"epoch": EPOCHS, "mean": EPOCHS, "variance": EPOCHS, "train_log_likelihood": -100 - away**2 / 2}
    rows |= {"validation_log_likelihood": -25 - np.array([30.0, 3.0, 0.0, 0.3])}
    found = {name: np.broadcast_to(values, (*shape, 4)).astype(values.dtype) for name, values in rows.items()}
    return Histories.of(whole, places_of(axes, {}), found)


def curves(ax):
    return [line for line in ax.get_lines() if len(line.get_xdata()) > 1 and line.get_xdata()[0] >= 1]


def test_a_curve_is_strong_up_to_the_estimate_and_faint_behind():
    result = made()
    ax = plotting.histories(result)
    strong, faint = curves(ax)[:2]
    np.testing.assert_array_equal(strong.get_xdata(), EPOCHS[:3])
    np.testing.assert_allclose(strong.get_ydata(), [100.0, 10.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(faint.get_ydata(), [1.0, 0.1], rtol=1e-9)
    assert strong.get_alpha() is None
    assert faint.get_alpha() < 1
    marks = ax.collections
    assert {mark.get_offsets()[0].tolist()[0] for mark in marks} == {100.0}
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_ylabel().startswith("distance from the maximum")
    said = legend(ax)
    assert said[:2] == ["learning rate: 0.1", "learning rate: 10"]
    assert [line.get_color() for line in curves(ax)[::2]] == [color for color, _ in LINES[:2]]
    assert {"stopped by patience: 50.0 %", "epoch limit reached: 50.0 %"} < set(said)


def test_the_distance_is_from_the_best_known_where_no_run_arrived():
    result = made(rates=1)
    result.arrived.flags.writeable = True
    result.arrived[:] = False
    assert plotting.histories(result).get_ylabel().startswith("distance from the best known")


def test_below_what_matters_curves_lie_on_a_line():
    ax = plotting.histories(made(), "validation")
    strong, faint = curves(ax)[:2]
    np.testing.assert_allclose(strong.get_ydata(), [30.0, 3.0, NATS], rtol=1e-9)
    np.testing.assert_allclose(faint.get_ydata(), [NATS, 0.3], rtol=1e-9)
    assert [text.get_text() for text in ax.texts] == ["0.001 or less"]
    assert "nats" in ax.get_ylabel()


def test_many_values_have_the_colors_of_a_bar_from_dark_to_light():
    ax = plotting.histories(made(rates=9))
    assert len(ax.get_figure().axes) == 2  # the bar
    colors = [to_rgb(line.get_color()) for line in curves(ax)[::2]]
    np.testing.assert_allclose(colors[0], SCALE(0.0)[:3])
    grays = [np.dot(color, [0.299, 0.587, 0.114]) for color in colors]
    assert np.all(np.diff(grays) > 0.02)
    assert not any("learning rate" in said for said in legend(ax))


def test_many_seeds_have_the_colors_of_why_their_runs_ended():
    result = made(seeds=7, rates=1)
    result.sweep.status[0] = Status.PATIENCE
    colors = [to_hex(line.get_color()).upper() for line in curves(plotting.histories(result))[::2]]
    assert colors[:2] == [LOOKS[Status.PATIENCE].color, LOOKS[Status.MAX_EPOCHS].color]
    by_seed = plotting.histories(made(seeds=3, rates=9), by="seed")
    assert legend(by_seed)[:3] == ["seed: 0", "seed: 1", "seed: 2"]


def test_runs_without_a_history_are_left_out():
    result = made()
    for values in result.arrays().values():
        values.flags.writeable = True
    result.epoch[0, 1], result.train_log_likelihood[0, 1] = 0, np.nan
    assert len(curves(plotting.histories(result))) == 2


def test_the_figure_has_a_panel_for_what_was_held_out():
    result = made()
    figure = histories_figure(result)
    assert [ax.get_ylabel().split()[0] for ax in figure.axes] == ["distance", "validation"]
    assert figure.get_supxlabel().startswith("2 runs (1 seed x 2 learning rates); n = 50")
    result.validation_log_likelihood.flags.writeable = True
    result.validation_log_likelihood[:] = np.nan
    assert [ax.get_ylabel().split()[0] for ax in histories_figure(result).axes] == ["distance"]


def test_other_values_and_axes_are_refused():
    with pytest.raises(ValueError, match="value must be one of distance, validation; got 'epochs'"):
        plotting.histories(made(), "epochs")
    with pytest.raises(ValueError, match="by must be one of seed, learning_rate; got 'rate'"):
        plotting.histories(made(), by="rate")
