"""Pictures of a sweep over the number of observations, read back from what was drawn."""

import dataclasses

import numpy as np
import pytest
from drawn import legend, rings
from matplotlib.figure import Figure

from mlejax import Normal, Status, SweepResult, plotting
from mlejax.plotting import counts
from mlejax.results.schema import ARRIVED
from mlejax.results.sweep import Provenance

RATES, COUNTS = np.array([10.0, 0.1, 1.0]), np.array([1000, 50])
ARRIVALS = np.array([[0, 4, 2], [3, 0, 1]])  # of four seeds, by count and rate


def result_of(arrivals, rates=RATES, sizes=COUNTS, seeds=4):
    """A sweep in which so many seeds arrive, each a hundred epochs after the one before."""
    arrived = np.arange(seeds)[:, None, None] < np.asarray(arrivals)
    epochs = np.broadcast_to(100 * (1 + np.arange(seeds))[:, None, None] + sizes[:, None], arrived.shape)
    arrays = {
        "mean": np.zeros(arrived.shape),
        "variance": np.ones(arrived.shape),
        "status": np.full(arrived.shape, int(Status.PATIENCE)),
        "epochs": epochs,
        "distance": np.where(arrived, ARRIVED / 2, 2.0),
    }
    axes = {"seed": np.arange(seeds), "count": sizes, "learning_rate": rates}
    return SweepResult(axes, Normal(0.0, 1.0), arrays, Provenance({}, [{}]))


def curves(ax):
    """What is drawn of each number of observations, by its name."""
    return {line.get_label(): line.get_xydata() for line in ax.get_lines() if line.get_label().startswith("n = ")}


def test_a_curve_for_each_number_of_observations():
    upper, lower = plotting.by_count(result_of(ARRIVALS)).axes
    assert list(curves(upper)) == ["n = 50", "n = 1,000"]
    np.testing.assert_allclose(curves(upper)["n = 1,000"], [[0.1, 1.0], [1.0, 0.5], [10.0, 0.0]])
    np.testing.assert_allclose(curves(upper)["n = 50"], [[0.1, 0.0], [1.0, 0.25], [10.0, 0.75]])
    # Medians of those that arrived: 100, 200, ... epochs, and as many more as there are observations.
    np.testing.assert_allclose(curves(lower)["n = 1,000"], [[0.1, 1250.0], [1.0, 1150.0], [10.0, np.nan]])
    np.testing.assert_allclose(curves(lower)["n = 50"], [[0.1, np.nan], [1.0, 150.0], [10.0, 250.0]])
    assert (lower.get_xscale(), lower.get_yscale(), lower.get_xlabel()) == ("log", "log", "learning rate")


def test_a_ring_is_about_the_rate_that_the_summary_recommends():
    result = result_of(ARRIVALS)
    upper, lower = plotting.by_count(result).axes
    best = {row["count"]: row for row in result.summary()["best_by_count"]}
    expected = [(best[count]["learning_rate"], best[count]["arrived_epochs"]) for count in (50, 1000)]
    np.testing.assert_allclose([ring.get_xydata()[0] for ring in rings(lower)], expected)
    assert "the rate to use" in legend(upper)


def test_more_observations_are_darker_and_have_another_shape():
    upper, _ = plotting.by_count(result_of(ARRIVALS)).axes
    lines = {line.get_label(): line for line in upper.get_lines() if line.get_label().startswith("n = ")}
    weights = [0.2126, 0.7152, 0.0722]
    light = {name: np.array(line.get_color()[:3]) ** 2.2 @ weights for name, line in lines.items()}
    assert light["n = 1,000"] < 0.2 < light["n = 50"] < 0.7  # none as light as the paper
    assert len({line.get_marker() for line in lines.values()}) == 2


def test_of_many_numbers_of_observations_some_are_named():
    sizes = np.geomspace(2, 1e6, 30).round().astype(int)
    upper, _ = plotting.by_count(result_of(np.full((30, 3), 2), sizes=sizes)).axes
    assert len(curves(upper)) == len(counts.MARKERS)
    assert {"n = 2", "n = 1,000,000"} <= curves(upper).keys()
    assert len([line for line in upper.get_lines() if len(line.get_xdata()) == len(RATES)]) == 30


def test_nothing_is_ringed_where_nothing_arrived():
    upper, lower = plotting.by_count(result_of(np.zeros((2, 3)))).axes
    assert "the rate to use" not in legend(upper)
    assert not rings(lower)
    lower.figure.canvas.draw()


def test_a_sweep_without_the_axis_is_refused():
    with pytest.raises(ValueError, match="the axes of by_count must be one of seed, learning_rate; got 'count'"):
        plotting.by_count(result_of(ARRIVALS).sel(count=50))


MAPS = {"map_arrived", "map_distance", "map_epochs", "map_status"}


def test_pictures_of_a_sweep_over_the_number_of_observations():
    result = result_of(ARRIVALS)
    found = plotting.sweep_pictures(result)
    assert set(found) == {"counts", "atlas_1000", "atlas_50", *MAPS}
    assert isinstance(atlas := found["atlas_50"], Figure)
    assert "n = 50;" in atlas.get_supxlabel()
    ax = plotting.heat_map(result, value="arrived")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("learning rate", "observations per sample", "log")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1,000", "50"]
    many = result_of(np.full((9, 3), 2), sizes=np.arange(2, 11))
    assert set(plotting.sweep_pictures(many)) == {"counts", *MAPS}  # nine atlases are too many


def test_one_learning_rate_is_drawn_against_the_number_of_observations():
    result = result_of(ARRIVALS)
    one = dataclasses.replace(
        result,
        axes={**result.axes, "learning_rate": RATES[:1]},
        arrays={name: values[..., :1] for name, values in result.arrays.items()},
    )
    found = plotting.sweep_pictures(one)
    assert set(found) == {"atlas_count", *MAPS} - {"map_arrived"}
    assert isinstance(atlas := found["atlas_count"], Figure)
    assert (atlas.axes[-1].get_xscale(), atlas.axes[-1].get_xlabel()) == ("log", "observations per sample")
