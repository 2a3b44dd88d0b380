"""What the pictures show, read back from what was drawn."""

import types

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure

import mlejax
from mlejax import Status, plotting
from mlejax.plotting import style, sweeps
from mlejax.results import diagnostics

RATES = np.geomspace(1e-3, 100.0, 11)
VARIANCE_RATES = np.geomspace(1e-3, 1e3, 7)
LIMIT = 15.7


@pytest.fixture(scope="module")
def data():
    return np.random.RandomState(1).normal(7.2, 2.8, 10_000)


@pytest.fixture(scope="module")
def result(data):
    result = mlejax.train(mlejax.Normal(0.0, 1.0), data, progress=False)
    assert result.status == Status.PATIENCE
    assert 0.5 < result.distance < 2  # short of the maximum: what is drawn must not take the estimate for it
    return result


@pytest.fixture(scope="module")
def sweep():
    """Three seeds; runs above the limit diverge, slow ones run out of epochs."""
    axes = {"seed": np.arange(3), "learning_rate.mean": RATES, "learning_rate.variance": VARIANCE_RATES}
    seed, rate, _ = np.meshgrid(*axes.values(), indexing="ij")
    diverged = rate > LIMIT
    epochs = np.where(diverged, 2.0, np.minimum(np.ceil((seed + 1) * 30 / rate), 10_000))
    distance = np.where(diverged, np.inf, (seed + 1) * 1e-4 / rate)
    status = np.where(diverged, Status.DIVERGED, np.where(epochs == 10_000, Status.MAX_EPOCHS, Status.PATIENCE))
    return types.SimpleNamespace(
        axes=axes,
        status=status.astype(int),
        epochs=epochs,
        best_epoch=epochs,
        distance=distance,
        train_log_likelihood=-8000 - np.where(diverged, 1e6, distance),
        validation_log_likelihood=-2000 - np.where(diverged, 1e6, distance),
        stability_limit=lambda axis: LIMIT if axis == "learning_rate.mean" else None,
    )


def line(ax, label):
    (found,) = [line for line in ax.get_lines() if str(line.get_label()).startswith(label)]
    return found


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def rings(ax):
    return [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_markerfacecolor() == "none"]


PICTURES = {
    "log_likelihood": lambda r, x, s, ax: plotting.log_likelihood(r, ax),
    "distance": lambda r, x, s, ax: plotting.distance(r, ax),
    "distribution": lambda r, x, s, ax: plotting.distribution(r, x, mlejax.Normal(7.2, 7.84), ax),
    "surface": lambda r, x, s, ax: plotting.surface(r, ax),
    "learning_rates": lambda r, x, s, ax: plotting.learning_rates(s, "distance", "learning_rate.mean", ax),
    "heat_map": lambda r, x, s, ax: plotting.heat_map(s, ax=ax),
    "heat_map of statuses": lambda r, x, s, ax: plotting.heat_map(s, value="status", ax=ax),
    "heat_map of log-likelihoods": lambda r, x, s, ax: plotting.heat_map(s, value="train_log_likelihood", ax=ax),
}


@pytest.mark.parametrize("name", PICTURES)
def test_draws_on_the_axes_it_is_given_and_nothing_is_cut_off(name, result, data, sweep):
    own = PICTURES[name](result, data, sweep, None)
    assert own.get_xlabel()
    assert own.get_ylabel()
    own.figure.canvas.draw()
    inside, whole = own.figure.get_tightbbox(), own.figure.bbox_inches
    assert inside.x0 >= 0 and inside.y0 >= 0 and inside.x1 <= whole.x1 and inside.y1 <= whole.y1  # noqa: PT018
    # The axes themselves are most of the picture: a legend that is too wide would squeeze them.
    assert own.get_position().width > 0.6

    ax = Figure().subplots()
    assert PICTURES[name](result, data, sweep, ax) is ax


def test_nothing_touches_the_settings(result):
    before = dict(mpl.rcParams)
    plotting.fit_figure(result)
    assert dict(mpl.rcParams) == before


def test_log_likelihood_is_the_history_per_observation(result):
    ax = plotting.log_likelihood(result)
    for name, count in (("train", 8000), ("validation", 2000)):
        epochs, values = line(ax, name).get_data()
        np.testing.assert_array_equal(epochs, result.history.epoch)
        np.testing.assert_array_equal(values, getattr(result.history, f"{name}_log_likelihood") / count)
    assert [ring.get_xdata()[0] for ring in rings(ax)] == [result.best_epoch] * 2
    assert rings(ax)[0].get_ydata()[0] == result.train_log_likelihood / 8000
    assert line(ax, "stop").get_xdata()[0] == result.epochs
    assert f"stop: epoch {result.epochs:,}, {result.status.name}" in legend(ax)
    assert f"best: epoch {result.best_epoch:,}" in legend(ax)
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "epoch")
    assert "nats" in ax.get_ylabel()


def test_first_fall_does_not_flatten_the_rest_and_is_said(result):
    ax = plotting.log_likelihood(result)
    first = result.history.train_log_likelihood[0] / 8000
    assert first < ax.get_ylim()[0]
    assert any(f"{first:.4g}".lstrip("-") in text.get_text() for text in ax.texts)
    assert ax.get_ylim()[1] > result.train_log_likelihood / 8000


def test_one_sample_draws_one_curve(data):
    result = mlejax.train(mlejax.Normal(6.0, 5.0), data, validation_fraction=0.0, max_epochs=50, progress=False)
    ax = plotting.log_likelihood(result)
    assert not any("validation" in text for text in legend(ax))
    assert any(text == "best and stop: epoch 50, MAX_EPOCHS" for text in legend(ax))


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


def test_distance_without_a_maximum_says_so(data):
    far = mlejax.train(mlejax.Normal(0.0, 1.0), data, learning_rate=40.0, max_epochs=500, progress=False)
    assert far.distance == np.inf
    ax = plotting.distance(far)
    assert "best measured" in ax.get_ylabel()
    assert not any("maximum" in text for text in legend(ax))


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


def test_surface_of_raw_observations_and_of_chosen_parameters():
    data = np.random.RandomState(0).weibull(2.0, 3000)
    result = mlejax.train(mlejax.Weibull(1.0, 2.0), data, max_epochs=300, progress=False)
    ax = plotting.surface(result, parameters=("scale", "shape"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("scale", "shape")
    with pytest.raises(ValueError, match="surface needs two of the parameters shape, scale; got shape, mean"):
        plotting.surface(result, parameters=("shape", "mean"))


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
    finite = types.SimpleNamespace(**{**vars(sweep), "distance": np.ones(sweep.status.shape)})
    ax = plotting.learning_rates(finite, "distance", "learning_rate.mean")
    assert "∞" not in [text.get_text() for text in ax.get_yticklabels()]


def test_many_runs_are_thinned():
    shape = (20_000, 2)
    many = types.SimpleNamespace(
        axes={"seed": np.arange(shape[0]), "learning_rate": np.array([0.1, 0.2])},
        status=np.ones(shape, int),
        epochs=np.full(shape, 7.0),
        stability_limit=lambda axis: None,
    )
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


def test_figures_share_their_horizontal_axis_and_are_saved(result, sweep, tmp_path):
    for figure in (plotting.fit_figure(result), plotting.sweep_figure(sweep, "learning_rate.mean")):
        upper, lower = figure.axes[:2]
        assert upper.get_xlim() == lower.get_xlim()
        plotting.save(figure, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    plotting.save(lower, tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes()[:4] == b"%PDF"
