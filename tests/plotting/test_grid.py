"""Where the runs of a sweep stand along its axes."""

import numpy as np
import pytest
from drawn import LIMIT

from mlejax import Normal, SweepResult
from mlejax.plotting import grid
from mlejax.results.sweep import Provenance


def made(information, axis="learning_rate"):
    settings = {"optimizer": "plain ascent"}
    axes = {"seed": np.arange(1), axis: np.array([0.1, 1.0])}
    return SweepResult(axes, Normal(0.0, 1.0), {}, Provenance(settings, [], information=information))


@pytest.mark.parametrize(
    ("information", "whose", "limit"),
    [
        ((0.5, 0.0, 0.0, 0.1), " of the mean", 4.0),
        ((0.1, 0.0, 0.0, 0.5), " of the variance", 4.0),
        ((0.5, 0.5, 0.5, 0.5), "", 2.0),  # both at once
    ],
)
def test_a_shared_limit_is_that_of_the_parameter_that_curves_most(information, whose, limit):
    assert grid.limit_of(made(information), "learning_rate") == (whose, pytest.approx(limit))


def test_limits_of_separate_rates_are_their_own(sweep):
    assert grid.limit_of(sweep, "learning_rate.mean") == (" of the mean", pytest.approx(LIMIT))
    assert grid.limit_of(sweep, "learning_rate.variance")[0] == " of the variance"
    assert grid.limit_of(sweep, "seed") is None
    assert grid.limit_of(made(()), "learning_rate") is None


def test_rows_have_the_named_axes_first(sweep):
    rows = grid.rows_of(sweep, "epochs", "learning_rate.variance", "seed")
    np.testing.assert_array_equal(rows, np.transpose(sweep.epochs, (2, 0, 1)))
    np.testing.assert_array_equal(grid.rows_of(sweep, "epochs", "seed"), sweep.epochs.reshape(3, -1))


@pytest.mark.parametrize(
    ("scale", "at", "edges"),
    [
        ("linear", [1.0, 2.0, 4.0], [0.5, 1.5, 3.0, 5.0]),
        ("log", [1.0, 100.0], [0.1, 10.0, 1000.0]),
        ("linear", [3.0], [2.5, 3.5]),
    ],
)
def test_cells_end_halfway_between_their_coordinates(scale, at, edges):
    np.testing.assert_allclose(grid.edges_of(np.array(at), scale), edges)


@pytest.mark.parametrize(
    ("name", "at", "scale"),
    [
        ("patience", [1.0, 2.0, 3.0], "linear"),
        ("patience", [1.0, 10.0, 100.0], "log"),
        ("learning_rate", [1.0, 2.0], "log"),
        ("count", [100.0, 200.0], "log"),
        ("count", [100.0, 200.0, 300.0], "log"),
        ("seed", [0.0, 1.0, 10.0], "linear"),
    ],
)
def test_scales_spread_coordinates_evenly(name, at, scale):
    assert grid.scale_of(name, np.array(at)) == scale


def test_seeds_are_an_axis_of_a_map_only_where_there_is_no_other():
    axes = {"seed": np.arange(5), "learning_rate": np.array([0.1, 1.0]), "patience": np.array([5, 50])}
    result = SweepResult(axes, Normal(0.0, 1.0), {}, Provenance({}, []))
    assert grid.two_axes(result, None, None) == ("learning_rate", "patience")
    assert grid.two_axes(result, None, "seed") == ("learning_rate", "seed")
