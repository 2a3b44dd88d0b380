"""What all pictures share: nothing is cut off, no setting is touched, files are what they are called."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import mlejax
from mlejax import plotting
from mlejax.plotting import style
from mlejax.results.text import caption
from mlejax.status import OF_TRAINING

PICTURES = {
    "log_likelihood": lambda r, x, s, ax: plotting.log_likelihood(r, ax),
    "distance": lambda r, x, s, ax: plotting.distance(r, ax),
    "distribution": lambda r, x, s, ax: plotting.distribution(r, x, mlejax.Normal(7.2, 7.84), ax),
    "surface": lambda r, x, s, ax: plotting.surface(r, ax),
    "learning_rates": lambda r, x, s, ax: plotting.learning_rates(s, "distance", "learning_rate.mean", ax),
    "heat_map": lambda r, x, s, ax: plotting.heat_map(s, ax=ax),
    "heat_map of statuses": lambda r, x, s, ax: plotting.heat_map(s, value="status", ax=ax),
    "heat_map of arrivals": lambda r, x, s, ax: plotting.heat_map(s, value="arrived", ax=ax),
    "status_shares": lambda r, x, s, ax: plotting.status_shares(s, "learning_rate.mean", ax),
    "outcomes": lambda r, x, s, ax: plotting.outcomes(s, ax=ax),
    "heat_map of log-likelihoods": lambda r, x, s, ax: plotting.heat_map(s, value="train_log_likelihood", ax=ax),
}


@pytest.mark.slow
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


@pytest.mark.slow
def test_nothing_touches_the_settings(result):
    before = dict(mpl.rcParams)
    plotting.fit_figure(result)
    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_figures_share_their_horizontal_axis_and_are_saved(result, sweep, tmp_path):
    for figure in (plotting.fit_figure(result), plotting.atlas(sweep, "learning_rate.mean")):
        upper, lower = figure.axes[:2]
        assert upper.get_xlim() == lower.get_xlim()
        plotting.save(figure, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    plotting.save(lower, tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes()[:4] == b"%PDF"


def test_statuses_differ_in_gray_in_shape_and_in_words():
    assert set(style.LOOKS) == set(OF_TRAINING)
    linear = [np.array(mpl.colors.to_rgb(look.color)) ** 2.2 for look in style.LOOKS.values()]
    lightness = [116 * np.cbrt(color @ [0.2126, 0.7152, 0.0722]) - 16 for color in linear]  # CIE L*, 0 to 100
    assert min(abs(a - b) for a, b in itertools.combinations(lightness, 2)) > 5
    assert lightness == sorted(lightness)
    for looks in (style.LOOKS.values(),):
        assert len({look.marker for look in looks}) == len({look.words for look in looks}) == len(style.LOOKS)
    assert not any(status.name in look.words for status, look in style.LOOKS.items())


@pytest.mark.parametrize(
    ("limits", "ticks"),
    [
        ((200.0, 400.0), ["200", "250", "300", "350", "400"]),
        ((1.0, 100.0), ["1", "2", "5", "10", "20", "50", "100"]),
        ((0.001, 1000.0), ["0.001", "0.01", "0.1", "1", "10", "100", "1,000"]),
        ((1e-9, 1.0), [f"$10^{{{k}}}$" for k in range(-9, -4)] + ["0.0001", "0.001", "0.01", "0.1", "1"]),
    ],
)
def test_ticks_are_plain_numbers(limits, ticks):
    ax = Figure().subplots()
    ax.set(xscale="log", xlim=limits)
    style.plain_ticks(ax.xaxis)
    inside = [at for at in ax.get_xticks() if limits[0] * 0.999 <= at <= limits[1] * 1.001]
    shown = [ax.xaxis.get_major_formatter()(at) for at in inside]
    assert set(shown) <= set(ticks)
    assert len(shown) >= 4
    assert not any("times" in text for text in [*shown, *(t.get_text() for t in ax.get_xticklabels(minor=True))])


@pytest.mark.slow
def test_every_picture_says_in_small_print_what_it_shows(result, data, sweep):
    for name, picture in PICTURES.items():
        of = sweep if any(word in name for word in ("heat", "rates", "shares", "outcomes")) else result
        assert picture(result, data, sweep, None).figure.get_supxlabel() == caption(of), name
    for of, figures in ((sweep, plotting.sweep_pictures(sweep).values()), (result, [plotting.fit_figure(result)])):
        assert {getattr(figure, "figure", figure).get_supxlabel() for figure in figures} == {caption(of)}


@pytest.mark.parametrize("high", [0.00137, 0.0085, 1.37, 1370.0, 1.37e7])
def test_long_numbers_below_half_a_figure_do_not_run_into_each_other(high):
    figure = style.new_figure(4.2)
    left, _ = (style.new_axes(ax) for ax in figure.subplots(1, 2))
    left.plot([0.0, high], [0.0, 1.0])
    figure.canvas.draw()
    seen = [label.get_window_extent() for label in left.get_xticklabels() if label.get_text()]
    assert len(seen) > 3
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(sorted(seen, key=lambda box: box.x0)))
