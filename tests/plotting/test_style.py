"""What all pictures share: nothing is cut off, no setting is touched, files are what they are called."""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

import mlejax
from mlejax import plotting

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


def test_nothing_touches_the_settings(result):
    before = dict(mpl.rcParams)
    plotting.fit_figure(result)
    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_figures_share_their_horizontal_axis_and_are_saved(result, sweep, tmp_path):
    for figure in (plotting.fit_figure(result), plotting.sweep_figure(sweep, "learning_rate.mean")):
        upper, lower = figure.axes[:2]
        assert upper.get_xlim() == lower.get_xlim()
        plotting.save(figure, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    plotting.save(lower, tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes()[:4] == b"%PDF"
