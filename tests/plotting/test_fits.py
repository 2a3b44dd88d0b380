"""Pictures of a run, read back from what was drawn."""

import numpy as np
import pytest
from drawn import legend, line, rings

import mlejax
from mlejax import article, plotting
from mlejax.results import diagnostics
from mlejax.results.schema import ARRIVED


def test_log_likelihood_is_the_history_per_observation(result):
    ax = plotting.log_likelihood(result)
    for name, count in (("train", 8000), ("validation", 2000)):
        epochs, values = line(ax, name).get_data()
        np.testing.assert_array_equal(epochs, result.history.epoch)
        np.testing.assert_array_equal(values, getattr(result.history, f"{name}_log_likelihood") / count)
    assert [ring.get_xdata()[0] for ring in rings(ax)] == [result.best_epoch] * 2
    assert rings(ax)[0].get_ydata()[0] == result.train_log_likelihood / 8000
    assert line(ax, "stop").get_xdata()[0] == result.epochs
    assert f"stop: epoch {result.epochs:,}, stopped by patience" in legend(ax)
    assert f"best: epoch {result.best_epoch:,}" in legend(ax)
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "epoch")
    assert "nats" in ax.get_ylabel()


def test_first_fall_does_not_flatten_the_rest_and_is_said(result):
    ax = plotting.log_likelihood(result)
    first = result.history.train_log_likelihood[0] / 8000
    assert first < ax.get_ylim()[0]
    assert [text.get_text() for text in ax.texts] == [f"begins below, at \N{MINUS SIGN}{-first:.2f} in epoch 1"]
    assert ax.get_ylim()[1] > result.train_log_likelihood / 8000


@pytest.mark.slow
def test_one_sample_draws_one_curve(data):
    result = mlejax.train(mlejax.Normal(6.0, 5.0), data, validation_fraction=0.0, max_epochs=50, progress=False)
    ax = plotting.log_likelihood(result)
    assert not any("validation" in text for text in legend(ax))
    assert any(text == "best and stop: epoch 50, epoch limit reached" for text in legend(ax))


@pytest.mark.slow
def test_distance_is_measured_from_the_closed_form(result, data):
    ax = plotting.distance(result)
    train = np.random.RandomState(42).permutation(len(data))[2000:]
    peak = mlejax.Normal.closed_form(data[train])
    n, top = 8000, -8000 / 2 * (np.log(2 * np.pi * peak.variance) + 1)
    gap = np.sqrt(2 * (top - result.history.train_log_likelihood))
    np.testing.assert_allclose(line(ax, "all").get_ydata(), gap, rtol=1e-6)
    away = np.abs(result.history.model.mean - peak.mean) / np.sqrt(peak.variance / n)
    np.testing.assert_allclose(line(ax, "mean").get_ydata()[:500], away[:500], rtol=1e-6)  # later it is rounding
    away = np.abs(result.history.model.variance - peak.variance) / (peak.variance * np.sqrt(2 / n))
    np.testing.assert_allclose(line(ax, "variance").get_ydata(), away, rtol=1e-6)
    assert rings(ax)[0].get_xdata()[0] == result.best_epoch
    assert rings(ax)[0].get_ydata()[0] == pytest.approx(result.distance, rel=0.02)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "distance from the maximum\n(standard errors)" in ax.get_ylabel()


@pytest.mark.slow
def test_distance_without_a_maximum_says_so(data):
    far = mlejax.train(mlejax.Normal(0.0, 1.0), data, learning_rate=40.0, max_epochs=500, progress=False)
    assert far.distance == np.inf
    ax = plotting.distance(far)
    assert "best measured" in ax.get_ylabel()
    assert not any("maximum" in text for text in legend(ax))


@pytest.mark.slow
def test_distribution_shows_data_and_densities(result, data):
    ax = plotting.distribution(result, data, mlejax.Normal(7.2, 7.84))
    x, density = line(ax, "estimate").get_data()
    mean, variance = result.model.mean, result.model.variance
    expected = np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    np.testing.assert_allclose(density, expected, rtol=1e-12)
    (stairs,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    heights, edges, _ = stairs.get_data()
    assert np.sum(heights * np.diff(edges)) == pytest.approx(0.999, abs=1e-3)
    assert [text.split(":")[0] for text in legend(ax)] == ["data, n = 10,000", "start", "estimate", "target"]
    assert f"estimate: mean = {mean:.5g}, variance = {variance:.5g}" in legend(ax)
    assert "density" in ax.get_ylabel()
    assert not any("target" in text for text in legend(plotting.distribution(result, data)))


@pytest.mark.slow
def test_distribution_of_integers_is_bars():
    counts = np.random.RandomState(0).poisson(4.0, 500)
    result = mlejax.train(mlejax.Poisson(1.0), counts, progress=False)
    ax = plotting.distribution(result, counts)
    x, probability = line(ax, "estimate").get_data()
    np.testing.assert_array_equal(x, np.round(x))
    assert probability.sum() == pytest.approx(1, abs=0.01)
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in ax.patches}
    assert bars[4] == pytest.approx(np.mean(counts == 4))
    assert ax.get_ylabel() == "probability"


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [2.0**53 + 2 * np.arange(30), 1e18 + 128 * np.arange(5)], ids=["2^53", "1e18"])
def test_distribution_of_integers_too_large_for_halves(numbers):
    # Numbers of this size, such as identifiers, are held so coarsely that no bar of width 1 is about each.
    ax = plotting.distribution(mlejax.fit(mlejax.Normal, numbers, progress=False), numbers)
    (stairs,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    heights, edges, _ = stairs.get_data()
    assert np.all(np.diff(edges) > 0)
    assert np.sum(heights * np.diff(edges)) == pytest.approx(1)


@pytest.mark.slow
def test_a_start_far_from_the_data_is_said_and_not_drawn():
    heights = np.random.RandomState(1).normal(171, 9, 200)
    run = mlejax.train(mlejax.Normal(0.0, 1.0), heights, validation_fraction=0, max_epochs=3, progress=False)
    ax = plotting.distribution(run, heights, name="height (cm)")
    assert "start: mean = 0, variance = 1 (beyond these data)" in legend(ax)
    assert not any(str(line.get_label()).startswith("start") for line in ax.get_lines())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("height (cm)", "density (per unit of height (cm))")


@pytest.mark.slow
def test_a_path_over_decades_is_drawn_by_equal_factors():
    heights = np.random.RandomState(1).normal(171, 9, 200)
    run = mlejax.train(
        mlejax.Normal(0.0, 1.0), heights, validation_fraction=0, optimizer=mlejax.natural_gradient(), progress=False
    )
    ax = plotting.surface(run)
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    low, high = ax.get_ylim()
    assert 0 < low < 1
    assert high > run.history.model.variance.max()
    y = diagnostics.grid_around(run, "variance")
    np.testing.assert_allclose(np.diff(np.log(y)), np.log(y[1] / y[0]))


@pytest.mark.slow
def test_surface_has_its_top_at_the_maximum_and_the_path_on_it(result):
    ax = plotting.surface(result)
    x, y = diagnostics.grid_around(result, "mean"), diagnostics.grid_around(result, "variance")
    heights = diagnostics.heights_over(result, ("mean", "variance"), x, y)
    assert heights.shape == (len(y), len(x))
    row, column = np.unravel_index(np.argmax(heights), heights.shape)
    assert abs(x[column] - result.model.mean) < 1.5 * (x[1] - x[0])
    assert abs(y[row] - result.model.variance) < 4 * (y[1] - y[0])  # the run stops a little short
    path = np.array(line(ax, "path").get_data())
    np.testing.assert_array_equal(path, [result.history.model.mean, result.history.model.variance])
    assert y.min() > 0
    for limits, values in zip((ax.get_xlim(), ax.get_ylim()), path, strict=True):
        assert limits[0] < values.min() < values.max() < limits[1]
    assert line(ax, "start").get_xydata().tolist() == [[0.0, 1.0]]
    assert line(ax, "estimate").get_xydata().tolist() == [[result.model.mean, result.model.variance]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mean", "variance")
    bar = ax.figure.axes[1]
    assert "standard errors" in bar.get_ylabel()
    ticks = bar.get_yticks()
    assert len(ticks) >= 5
    assert np.ptp(np.diff(np.log(ticks))) < 0.5  # logarithmic: 1, 2, 5, 10


@pytest.mark.slow
def test_surface_of_raw_observations_and_of_chosen_parameters():
    data = np.random.RandomState(0).weibull(2.0, 3000)
    result = mlejax.train(mlejax.Weibull(1.0, 2.0), data, max_epochs=300, progress=False)
    ax = plotting.surface(result, parameters=("scale", "shape"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("scale", "shape")
    with pytest.raises(ValueError, match="surface needs two of the parameters shape, scale; got shape, mean"):
        plotting.surface(result, parameters=("shape", "mean"))


def test_ascents_reach_the_edge_where_they_leave_the_picture():
    """An ascent that lies at the maximum in epoch 3 is drawn until there, not until epoch 2."""
    arrives = article.Ascent("newton", 1.0, 3, np.array([1000.0, 300.0, 0.0]))
    never = article.Ascent("slow", 0.01, None, np.array([1000.0, 900.0, 800.0, 700.0]))
    ax = plotting.ascents([arrives, never], about="2 runs; n = 10")
    epochs, below = line(ax, "newton").get_data()
    np.testing.assert_array_equal(epochs, [1, 2, 3])
    assert 0 < below[2] < ax.get_ylim()[0] < ARRIVED
    assert legend(ax)[:2] == ["newton, rate 1: 3 epochs", "slow, rate 0.01: never arrives"]
    assert ax.figure.get_supxlabel() == "2 runs; n = 10"


def test_the_legend_of_many_parameters_fits_above_the_axes():
    x = np.random.RandomState(0).choice(6, 60)
    result = mlejax.fit(mlejax.Categorical, x, progress=False)
    axes = plotting.distribution(result, x)
    axes.figure.draw_without_rendering()
    (legend, box) = axes.get_legend().get_window_extent(), axes.figure.bbox
    assert legend.x1 <= box.x1
    assert all(tick == round(tick) for tick in axes.get_xticks())  # no category lies between two
    assert axes.get_legend().get_texts()[1].get_text().endswith("more")
