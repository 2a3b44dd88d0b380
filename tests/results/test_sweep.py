"""What a sweep found: selecting, summing up, labeling; against results made by hand."""

import dataclasses

import jax
import numpy as np
import oracles
import pytest
import xarray
from jaxtyping import Array, Float

import mlejax
from mlejax.results.schema import ARRIVED, QUANTITIES, variables
from mlejax.results.sweep import Provenance
from mlejax.results.text import sweep_report
from mlejax.status import Status

P, T, M, D = (int(s) for s in (Status.PATIENCE, Status.TOLERANCE, Status.MAX_EPOCHS, Status.DIVERGED))
INFORMATION = np.array([[0.5, 0.1], [0.1, 0.25]])


@pytest.fixture
def made():
    """Three seeds by two rates by two values of patience; the first rate works, the second does not."""
    shape = (3, 2, 2)
    numbers = np.arange(12.0).reshape(shape)
    status = np.array([[[P, T], [M, D]], [[T, T], [P, D]], [[P, M], [D, D]]], np.int8)
    distance = np.array([[[0.5, 0.001], [3.0, np.inf]], [[0.002, 0.003], [0.9, 50.0]], [[1.5, 0.01], [np.inf, np.inf]]])
    epochs = np.array([[[100, 400], [1000, 3]], [[300, 300], [90, 2]], [[70, 1000], [1, 1]]], np.int32)
    result = mlejax.SweepResult(
        axes={"seed": np.array([3, 5, 9]), "learning_rate": np.array([0.1, 2.0]), "patience": np.array([10, 50])},
        template=mlejax.Normal(0.0, 1.0),
        arrays={
            "mean": 7 + numbers / 100,
            "variance": 8 + numbers / 10,
            "status": status,
            "epochs": epochs,
            "best_epoch": epochs - 1,
            "train_log_likelihood": -100 - numbers,
            "validation_log_likelihood": numbers - 50,
            "distance": distance,
        },
        provenance=Provenance(
            {"optimizer": "plain ascent"}, [{}], device="1 x abacus", information=INFORMATION.ravel().tolist()
        ),
        attributes={"device": "mine"},
    )
    assert result.shape == shape
    return result


def test_run_by_position(made):
    run = made.run(1, 0, 1)
    assert run.record() == {
        "seed": 5,
        "learning_rate": 0.1,
        "patience": 50,
        "mean": pytest.approx(7.05),
        "variance": pytest.approx(8.5),
        "status": "TOLERANCE",
        "epochs": 300,
        "best_epoch": 299,
        "train_log_likelihood": -105.0,
        "validation_log_likelihood": -45.0,
        "distance": 0.003,
    }
    assert type(run.record()["seed"]) is int


def test_sel_takes_a_part_by_value(made):
    part = made.sel(seed=9, patience=10)
    assert list(part.axes) == ["learning_rate"]
    np.testing.assert_array_equal(part.distance, [1.5, np.inf])
    np.testing.assert_array_equal(part.model.mean, made.model.mean[2, :, 0])
    assert part.attributes == made.attributes
    assert made.sel(seed=9, learning_rate=2.0, patience=50).run().distance == np.inf


def test_sel_matches_numbers_to_rounding(made):
    np.testing.assert_array_equal(made.sel(learning_rate=0.1 * (1 + 1e-12)).epochs, made.epochs[:, 0])
    with pytest.raises(KeyError, match=r"no run with learning_rate = 0.1001; the nearest are 0.1 and 2"):
        made.sel(learning_rate=0.1001)


def test_sel_names_the_nearest_and_the_axes(made):
    with pytest.raises(KeyError, match="no run with seed = 8; the nearest are 9 and 5"):
        made.sel(seed=8)
    with pytest.raises(KeyError, match="no axis 'tolerance'; the axes are seed, learning_rate, patience"):
        made.sel(tolerance=1.0)


@pytest.mark.parametrize(
    ("by", "index"),
    [
        ("distance", (0, 0, 1)),
        ("epochs", (1, 0, 0)),  # of those that arrived; runs that diverge in epoch 1 are not fast
        ("train_log_likelihood", (0, 0, 0)),
        ("validation_log_likelihood", (2, 1, 1)),
    ],
)
def test_best(made, by, index):
    assert made.best(by).record() == made.run(*index).record()


def test_where_no_run_arrived_none_is_the_best(made):
    short = made.sel(learning_rate=2.0)
    assert not short.arrived.any()
    for by in ("distance", "epochs", "train_log_likelihood", "validation_log_likelihood"):
        assert short.best(by) is None
    assert short.summary()["best"] is None
    assert "So no setting can be recommended." in str(short)


def test_jax_keeps_the_order_of_the_axes(made):
    assert list(jax.tree.map(lambda leaf: leaf, made.run(0, 0, 0)).axes) == ["seed", "learning_rate", "patience"]


def test_best_by_something_else_is_refused(made):
    with pytest.raises(ValueError, match="best: by must be distance, epochs or a log-likelihood; got 'mean'"):
        made.best("mean")


def test_summary(made):
    summary = made.summary()
    assert summary["runs"] == 12
    assert summary["statuses"] == {"PATIENCE": 3, "TOLERANCE": 3, "MAX_EPOCHS": 2, "DIVERGED": 4}
    assert summary["arrived"] == 4
    assert summary["settings"] == [
        row(0.1, 10, arrived=1, close=1, stopped_short=1, epochs=100.0, distance=0.5, arrived_epochs=300.0),
        row(0.1, 50, arrived=3, epochs=400.0, distance=0.003, arrived_epochs=400.0),
        row(2.0, 10, close=1, stopped_short=1, diverged=1, epochs=90.0, distance=3.0),
        row(2.0, 50, diverged=3, epochs=2.0, distance=np.inf),
    ]
    assert summary["best"] == summary["settings"][1]


def row(rate, patience, **found):
    none = dict.fromkeys(["arrived", "close", "stopped_short", "diverged", "outside_support", "running"], 0)
    return {"learning_rate": rate, "patience": patience, "runs": 3, "arrived_epochs": None} | none | found


def test_its_text_is_the_table_of_its_settings(made):
    assert str(made) == sweep_report(made)
    assert repr(made).startswith("SweepResult(Normal, 3 seed x 2 learning_rate x 2 patience: 12 of 12 runs")


def test_runs_that_have_not_ended_did_not_stop_short(made):
    waiting = dataclasses.replace(made, arrays={name: array.copy() for name, array in made.arrays.items()})
    assert (waiting.finished, waiting.ended, waiting.count) == (True, 12, 12)
    waiting.status[0] = Status.RUNNING
    waiting.distance[0] = np.nan
    assert (waiting.finished, waiting.ended, waiting.count) == (False, 8, 12)
    assert [r["stopped_short"] for r in waiting.summary()["settings"]] == [1, 0, 0, 0]


def test_arrived_is_within_a_hundredth_of_a_standard_error(made):
    assert ARRIVED == 0.01
    np.testing.assert_array_equal(np.argwhere(made.arrived), [[0, 0, 1], [1, 0, 0], [1, 0, 1], [2, 0, 1]])


def test_to_xarray_is_labeled(made):
    data = made.to_xarray()
    assert dict(data.sizes) == {"seed": 3, "learning_rate": 2, "patience": 2}
    assert set(data.data_vars) == {"mean", "variance", *QUANTITIES}
    assert float(data["variance"].sel(seed=5, learning_rate=0.1, patience=50)) == pytest.approx(8.5)
    for name, variable in QUANTITIES.items():
        assert data[name].dtype == variable.dtype
        assert data[name].attrs["units"] == variable.unit
        assert data[name].attrs["long_name"] == variable.meaning
    assert dict(zip(data["status"].flag_values, data["status"].flag_meanings.split(), strict=True)) == {
        int(status): status.name for status in Status
    }
    assert data.attrs["mlejax"]["device"] == "1 x abacus"
    assert data.attrs["attributes"] == {"device": "mine"}


def test_to_xarray_survives_a_zarr_store(made, tmp_path):
    made.to_xarray().to_zarr(tmp_path / "copy", zarr_format=2)
    with xarray.open_zarr(tmp_path / "copy") as data:
        xarray.testing.assert_identical(data.drop_attrs().load(), made.to_xarray().drop_attrs())
        assert data.attrs["mlejax"]["information"] == INFORMATION.ravel().tolist()


def test_stability_limits_are_two_over_the_curvature(made):
    largest = 0.375 + np.hypot(0.125, 0.1)  # the larger eigenvalue of a symmetric 2 x 2 matrix
    assert made.stability_limit("learning_rate") == pytest.approx(2 / largest, rel=1e-12)
    assert made.stability_limit("learning_rate.mean") == pytest.approx(4.0)
    assert made.stability_limit("learning_rate.variance") == pytest.approx(8.0)
    assert made.stability_limit("patience") is None


@pytest.mark.slow
def test_the_stability_limit_is_where_runs_stop_to_settle(small_normal):
    """Started at the maximum but for a little, plain ascent goes back below the limit and away above it."""
    mean, variance = oracles.exact_mean_and_variance(small_normal)
    near = mlejax.Normal(mean + 0.05, variance)
    first = mlejax.sweep(
        near, seeds=[0], learning_rates=[1.0], observations=small_normal, validation_fraction=0, progress=False
    )
    limit = first.stability_limit("learning_rate")
    assert limit == pytest.approx(2 * variance, rel=1e-6)  # the mean's curvature, 1 / variance, is the larger
    around = mlejax.sweep(
        near, seeds=[0], learning_rates=limit * np.array([0.97, 1.03]), observations=small_normal,
        validation_fraction=0, patience=1000, tolerance=0.0, max_epochs=1000, progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(around.arrived[0], [True, False])


@pytest.mark.slow
def test_no_limit_is_claimed_where_no_run_came_near_a_maximum(small_normal):
    far = mlejax.sweep(
        mlejax.Normal(0.0, 1.0),
        seeds=[0],
        learning_rates=[1e-6],
        observations=small_normal,
        max_epochs=5,
        progress=False,
    )
    assert far.distance[0, 0] > 1
    assert far.stability_limit("learning_rate") is None


def test_records_are_the_runs_one_by_one(made):
    assert list(made.records()) == [made.run(*index).record() for index in np.ndindex(made.shape)]


def test_a_vector_parameter_has_a_dimension_of_its_own():
    class Pair(mlejax.Model):
        w: Float[Array, "..."]

        def log_prob(self, x):
            return -((x - self.w[0]) ** 2) - self.w[1] ** 2

    kept = {variable.name: variable for variable in variables(Pair(np.zeros(2)))}
    assert kept["w"].dims == (("w_index", 2, ()),)
    arrays = {name: variable.blank((3,)) for name, variable in kept.items()}
    arrays["w"] = np.arange(6.0).reshape(3, 2)
    result = mlejax.SweepResult({"seed": np.arange(3)}, Pair(np.zeros(2)), arrays, Provenance({}, [{}]))
    assert result.to_xarray()["w"].dims == ("seed", "w_index")
    assert [(row["w[0]"], row["w[1]"]) for row in result.records()] == [(0, 1), (2, 3), (4, 5)]


@pytest.mark.parametrize("name", ["status", "seed", "learning_rate", "standard_error"])
def test_a_parameter_that_bears_the_name_of_a_result_is_refused(name):
    family = type("Odd", (mlejax.Model,), {"__annotations__": {name: float}, "log_prob": lambda self, x: -(x**2)})
    with pytest.raises(ValueError, match=rf"Odd.{name} bears the name of (a result|an axis): give"):
        mlejax.sweep(family(1.0), seeds=[0], learning_rates=[0.1], observations=[1.0, 2.0, 3.0], progress=False)


def test_a_result_is_shown_in_one_line(made):
    said = "SweepResult(Normal, 3 seed x 2 learning_rate x 2 patience: 12 of 12 runs have ended)"
    assert repr(made) == said
