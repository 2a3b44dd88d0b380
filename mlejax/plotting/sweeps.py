"""Pictures of a sweep against its learning rates."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from matplotlib.transforms import blended_transform_factory

from ..results.schema import ARRIVED, samples_along
from ..results.sweep import SweepResult
from ..status import Status
from .counts import by_count
from .grid import draw_limit, edges_of, label, one_of, rows_of
from .maps import heat_map
from .style import LOOKS, MEANINGS, legend_above, new_axes, new_figure, plain_ticks, with_share

FEW_RUNS = 30
"""Runs at one rate that are drawn one by one; of more, how densely they lie."""

BINS = 80

FEW_COUNTS = 4
"""Numbers of observations each of which has an atlas of its own."""


def learning_rates(
    result: SweepResult[Any], value: str = "epochs", axis: str = "learning_rate", ax: Axes | None = None
) -> Axes:
    """Draw every run of a sweep against the learning rate; both axes logarithmic.

    Up to 30 runs at a rate are markers. More are areas: the darker, the more of the runs at that rate ended there.
    Colors, and the shapes of markers, say why they ended: in an area, why most of its runs did. Infinite distances lie
    on a line at the top.

    Args:
        result: a `SweepResult`.
        value: "epochs" or "distance".
        axis: the name of an axis of learning rates, such as "learning_rate.variance", or `count`.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value, or no such axis.
    """
    one_of("value", value, ("epochs", "distance"))
    one_of("axis", axis, tuple(result.axes))
    ax, order = new_axes(ax, result=result), np.argsort(result.axes[axis])
    rates = np.asarray(result.axes[axis], float)[order]
    status = rows_of(result, "status", axis)[order]
    ax.set(xscale="log", xlabel=label(axis))
    runs = _against(ax, rows_of(result, value, axis)[order].astype(float), status, value)
    if runs.shape[1] <= FEW_RUNS:
        _markers(ax, np.broadcast_to(rates[:, None], runs.shape), runs, status)
    else:
        _areas(ax, rates, runs, status)
    draw_limit(ax.axvline, result, axis, rates[0] / 3, rates[-1] * 3)
    if value == "distance":
        draw_arrived(ax)
    plain_ticks(ax.xaxis)
    legend_above(ax, columns=3)
    return ax


def status_shares(result: SweepResult[Any], axis: str = "learning_rate", ax: Axes | None = None) -> Axes:
    """Draw why runs ended, as shares of all runs at each learning rate, and as a line the share that arrived.

    Args:
        result: a `SweepResult`.
        axis: the name of an axis of learning rates, or `count`.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such axis.
    """
    one_of("axis", axis, tuple(result.axes))
    ax, order = new_axes(ax, result=result), np.argsort(result.axes[axis])
    rates = np.asarray(result.axes[axis], float)[order]
    status = rows_of(result, "status", axis)[order]
    # Every rate has a column as wide as its share of the axis, as the other panels of an atlas have.
    edges, bottom = edges_of(rates, "log"), np.zeros(len(rates))
    for fate, look in LOOKS.items():
        share = np.mean(status == fate, axis=1)
        if np.any(share > 0):
            style: dict[str, Any] = {
                "color": look.color,
                "hatch": look.hatch,
                "edgecolor": "white",
                "linewidth": 0,
                "fill": True,
            }
            ax.stairs(bottom + share, edges, baseline=bottom, label=with_share(fate, status), **style)
        bottom = bottom + share
    arrived = np.mean(rows_of(result, "arrived", axis)[order], axis=1)
    for width, color in ((4.0, "white"), (1.8, "black")):
        shown: dict[str, Any] = {"label": f"arrived: within {ARRIVED} standard errors"} if color == "black" else {}
        ax.stairs(arrived, edges, baseline=None, color=color, linewidth=width, **shown)
    ax.set(xscale="log", xlabel=label(axis), ylabel="share of runs", ylim=(0, 1), xlim=(edges[0], edges[-1]))
    draw_limit(ax.axvline, result, axis, edges[0], edges[-1])
    plain_ticks(ax.xaxis)
    legend_above(ax, columns=3)
    return ax


def outcomes(result: SweepResult[Any], value: str = "distance", ax: Axes | None = None) -> Axes:
    """Draw all runs of a sweep, the best first: how many of them ended within how much.

    Args:
        result: a `SweepResult`.
        value: "epochs" or "distance".
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value.
    """
    one_of("value", value, ("epochs", "distance"))
    ax = new_axes(ax, result=result)
    values, status = (np.asarray(getattr(result, name), float).ravel() for name in (value, "status"))
    order = np.argsort(values)
    runs = _against(ax, values[order], status[order], value)
    _markers(ax, 100 * np.arange(1, runs.size + 1) / runs.size, runs, status[order])
    ax.set(xlim=(0, 102), xlabel="runs with at most this (%)")
    if value == "distance":
        draw_arrived(ax)
    legend_above(ax, columns=3)
    return ax


def atlas(result: SweepResult[Any], axis: str = "learning_rate") -> Figure:
    """Draw `status_shares` over `learning_rates`, epochs and distance, on one axis of learning rates or counts.

    Args:
        result: a `SweepResult`.
        axis: the name of an axis of learning rates, or `count`.

    Returns:
        A new figure of three panels.
    """
    figure = new_figure(10.5, result)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    learning_rates(result, "epochs", axis, middle).label_outer()
    learning_rates(result, "distance", axis, bottom)
    status_shares(result, axis, top).label_outer()
    middle.legend_ = bottom.legend_ = None
    figure.align_ylabels()
    return figure


def sweep_pictures(result: SweepResult[Any]) -> dict[str, Figure | Axes]:
    """Draw the pictures that fit a sweep's axes: an atlas for each axis of learning rates, and maps.

    With several numbers of observations, `by_count`, and an atlas for each number, where they are few.

    Args:
        result: a `SweepResult`.

    Returns:
        The pictures by their names, which `save_all` makes into file names. Where runs have not ended each says so.
    """
    several = [name for name, at in result.axes.items() if len(at) > 1]
    rates = {
        name: name.removeprefix("learning_rate").replace(".", "_")
        for name in several
        if name.startswith("learning_rate")
    }
    pictures: dict[str, Figure | Axes] = {}
    if "count" not in several:
        pictures |= {f"atlas{end}": atlas(result, name) for name, end in rates.items()}
    else:
        pictures |= {f"counts{end}": by_count(result, name) for name, end in rates.items()}
        counts = result.axes["count"].tolist()
        for count in counts if len(counts) <= FEW_COUNTS else ():
            part = result.sel(count=count)
            pictures |= {f"atlas{end}_{count}": atlas(part, name) for name, end in rates.items()}
        pictures |= {} if rates else {"atlas_count": atlas(result, "count")}
    if len(several) > 1:
        shared = [] if len(several) == 2 and samples_along(several) in several else ["arrived"]
        pictures |= {
            f"map_{value}": heat_map(result, value=value) for value in (*shared, "distance", "epochs", "status")
        }
    if not pictures:
        figure = new_figure(7.5, result)
        upper, lower = figure.subplots(2, 1, sharex=True)
        outcomes(result, "epochs", upper).label_outer()
        outcomes(result, "distance", lower).legend_ = None
        figure.align_ylabels()
        pictures["outcomes"] = figure
    if not result.finished:
        for picture in pictures.values():
            said = f"unfinished: {result.ended:,} of {result.count:,} runs have ended"
            figure = picture if isinstance(picture, Figure) else picture.get_figure(root=True)
            assert figure is not None
            figure.suptitle(said, fontsize="medium")
    return pictures


def _against(ax: Axes, runs: np.ndarray, status: np.ndarray, value: str) -> np.ndarray:
    """Make the vertical axis that of epochs or distances; return the runs with infinity at a labeled line at its top.

    Runs of which nothing is known stay NaN, which is not drawn.
    """
    runs = np.where((status == Status.RUNNING) | (status == Status.OUTSIDE_SUPPORT), np.nan, runs)
    usual = runs[np.isfinite(runs) & (runs > 0)]
    low, high = (usual.min(), usual.max()) if usual.size else (1.0, 1.0)
    if value == "distance":
        low, high = min(low, ARRIVED / 3), max(high, ARRIVED * 3)
    runs = np.fmax(runs, np.where(np.isnan(runs), np.nan, low))
    ax.set(yscale="log", ylabel=MEANINGS[value].replace(" (", "\n("))
    infinite = np.isinf(runs)
    ceiling = high * (high / low) ** 0.1 * 2
    ax.set_ylim(low / 1.5, ceiling * 1.5 if infinite.any() else high * 1.5)
    plain_ticks(ax.yaxis)
    if infinite.any():
        ticks = [tick for tick in ax.get_yticks() if low / 1.5 <= tick <= ceiling / 3]
        texts = [ax.yaxis.get_major_formatter()(tick) for tick in ticks]
        limits = ax.get_ylim()
        ax.set_yticks([*ticks, ceiling], labels=[*texts, "∞"])
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_ylim(limits)
        ax.axhline(ceiling, color="0.4", linewidth=0.8, linestyle=":", zorder=1)
    return np.where(infinite, ceiling, runs)


def _markers(ax: Axes, x: np.ndarray, runs: np.ndarray, status: np.ndarray) -> None:
    size = float(np.clip(8000 / max(runs.size, 1), 5, 28))
    for fate, look in LOOKS.items():
        where = (status == fate) & ~np.isnan(runs)
        if np.any(where):
            style: dict[str, Any] = {
                "color": look.color,
                "marker": look.marker,
                "s": size,
                "linewidths": 0.4 if size > 10 else 0,
            }
            ax.scatter(x[where], runs[where], label=with_share(fate, status), zorder=4, edgecolors="black", **style)


def _areas(ax: Axes, rates: np.ndarray, runs: np.ndarray, status: np.ndarray) -> None:
    """Draw the runs at each rate as cells: the color of the commonest status, stronger where there are more."""
    low, high = ax.get_ylim()
    inside = np.geomspace(low, high, BINS + 1)
    place = np.clip(np.digitize(runs, inside) - 1, 0, BINS - 1) + BINS * np.arange(len(rates))[:, None]
    present = [fate for fate in LOOKS if np.any((status == fate) & ~np.isnan(runs))]
    counts = np.stack(
        [np.bincount(place[(status == f) & ~np.isnan(runs)], minlength=BINS * len(rates)) for f in present]
    ) if present else np.zeros((1, BINS * len(rates)), int)  # fmt: skip
    colors = np.array([to_rgb(LOOKS[fate].color) for fate in present] or [(1.0, 1.0, 1.0)])
    share = (counts.sum(axis=0) / runs.shape[1]).reshape(len(rates), BINS).T
    strength = np.where(share > 0, 0.45 + 0.55 * np.minimum(1, 3 * share), 0)[..., None]
    cells = colors[np.argmax(counts, axis=0)].reshape(len(rates), BINS, 3).transpose(1, 0, 2)
    ax.pcolormesh(edges_of(rates, "log"), inside, np.concatenate([cells, strength], axis=-1), rasterized=True, zorder=2)
    for fate in present:
        look = LOOKS[fate]
        ax.plot([], [], "s", color=look.color, markersize=8, label=with_share(fate, status))


def draw_arrived(ax: Axes) -> None:
    """Draw the distance below which a run has arrived."""
    ax.axhline(ARRIVED, color="black", linewidth=1, zorder=3)
    place = blended_transform_factory(ax.transAxes, ax.transData)
    text: dict[str, Any] = {"fontsize": 8, "va": "bottom", "ha": "left", "zorder": 5}
    ax.text(0.005, ARRIVED, f"arrived: below {ARRIVED}", transform=place, **text)
