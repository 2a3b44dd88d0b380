"""Histories side by side: which runs are meant, and what a run is held against."""

import numpy as np
import pytest
import xarray
from zoo import family

import mlejax
from mlejax import Histories, Status, SweepResult, real
from mlejax.results.histories import history_variables, places_of
from mlejax.results.sweep import Provenance

AXES = {"seed": np.arange(3), "learning_rate": np.array([0.1, 0.2, 0.5])}


@pytest.fixture
def whole():
    """Three seeds at three rates. A run of seed 0 arrived, at a rate that is not chosen; of seed 1 one nearly did."""
    shape = (3, 3)
    distance = np.array([[3.0, 2.0, 0.01], [0.02, 5.0, np.inf], [np.nan, np.nan, np.nan]])
    train = np.array([[-104.5, -102.0, -100.0], [-50.0, -49.0, -70.0], [np.nan, np.nan, np.nan]])
    arrays = {"mean": np.zeros(shape), "variance": np.ones(shape), "distance": distance, "train_log_likelihood": train}
    arrays |= {"validation_log_likelihood": train / 4, "epochs": np.full(shape, 4), "best_epoch": np.full(shape, 3)}
    arrays |= {"status": np.where(np.isnan(distance), Status.OUTSIDE_SUPPORT, Status.PATIENCE)}
    return SweepResult(AXES, mlejax.Normal(0.0, 1.0), arrays, Provenance({}, []))


@pytest.fixture
def found(whole):
    """Those at the first two rates, of three epochs; of seed 1 at 0.1 of two; of seed 2 of none: nothing ran there."""
    rows = np.broadcast_to([1, 3, 4], (3, 2, 3)).astype(np.int32).copy()
    rows[1, 0], rows[2] = [1, 4, 0], 0
    train = np.where(rows > 0, -rows * 100.0, np.nan)
    train[1, 1] = [-90.0, -48.0, -60.0]
    numbers = {"epoch": rows, "mean": rows * 1.0, "variance": rows * 2.0, "train_log_likelihood": train}
    numbers |= {"validation_log_likelihood": train / 8}
    return Histories.of(whole, places_of(AXES, {"learning_rate": [0.1, 0.2]}), numbers)


def test_runs_are_chosen_by_the_values_of_axes():
    places = places_of(AXES, {"learning_rate": [0.5, 0.1 * (1 + 1e-12)], "seed": 2})
    assert [at.tolist() for at in places] == [[2], [2, 0]]
    assert [at.tolist() for at in places_of(AXES, {})] == [[0, 1, 2], [0, 1, 2]]


def test_too_many_runs_are_refused():
    axes = {"seed": np.arange(101), "learning_rate": np.geomspace(0.1, 1.0, 10)}
    assert [len(at) for at in places_of(axes, {"seed": range(100)})] == [100, 10]
    with pytest.raises(ValueError, match=r"runs: 1,010 are chosen \(101 seed x 10 learning_rate\); at most 1,000"):
        places_of(axes, {})


def test_the_history_of_a_run_ends_with_its_last_row(found):
    history = found.run(1, 0)
    assert history.epoch.tolist() == [1, 4]
    assert history.model.variance.tolist() == [2.0, 8.0]
    assert history.train_log_likelihood.tolist() == [-100.0, -400.0]
    assert found.run(0, 1).epoch.tolist() == [1, 3, 4]
    assert found.sweep.run(1, 0).distance == 0.02
    assert repr(found) == "Histories(Normal, 3 seed x 2 learning_rate: at most 3 epochs of each)"


def test_runs_are_held_against_the_maximum_of_their_own_sample(found):
    """Of seed 0 it lies half the square of a hundredth above; of seed 1 a row of another run is the highest known."""
    np.testing.assert_allclose(found.highest[:, 0], [-100.0 + 0.01**2 / 2, -48.0, np.nan], rtol=1e-15)
    np.testing.assert_array_equal(found.highest[:, 0], found.highest[:, 1])
    assert found.arrived.tolist() == [[True, True], [False, False], [False, False]]
    assert found.highest_validation[:, 0].tolist()[:2] == [-12.5, -6.0]


def test_as_a_table(found):
    table = found.to_xarray()
    assert isinstance(table, xarray.Dataset)
    assert dict(table.sizes) == {"seed": 3, "learning_rate": 2, "row": 3}
    assert list(table) == ["epoch", "mean", "variance", "train_log_likelihood", "validation_log_likelihood"]
    assert table["mean"].sel(seed=1, learning_rate=0.2).values.tolist() == [1.0, 3.0, 4.0]
    assert table["train_log_likelihood"].attrs["units"] == "nats"


@pytest.mark.parametrize("name", ["epoch", "row"])
def test_nothing_else_can_bear_the_name_of_a_part_of_a_history(name):
    named = family(lambda model, x: -((x - getattr(model, name)) ** 2), **{name: real})
    for template, axes in ((named(1.0), AXES), (mlejax.Normal(0.0, 1.0), [*AXES, name])):
        with pytest.raises(ValueError, match=rf"{name} names a parameter or an axis of this sweep, and a part of a"):
            history_variables(template, axes, 3)
