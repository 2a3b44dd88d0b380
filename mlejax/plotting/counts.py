"""A sweep over the number of observations: how it changes which learning rate is best."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..results.settings import median
from ..results.sweep import SweepResult
from .grid import draw_limit, edges_of, label, one_of, rows_of
from .style import legend_above, new_axes, new_figure, plain_ticks

MARKERS = "os^Dv<>p"
"""The shapes of as many counts; of more, some are named and the others lie between."""

RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "linewidth": 0,
    "markeredgewidth": 1.8,
}


def by_count(result: SweepResult[Any], axis: str = "learning_rate") -> Figure:
    """Draw, for each number of observations, how many runs arrived at each learning rate, and how fast.

    A curve for each number, the darker the more observations; a ring shows the rate to use, as `summary` recommends.

    Args:
        result: a `SweepResult` with an axis `count`.
        axis: the name of an axis of learning rates.

    Returns:
        A new figure of two panels: the share of runs that arrived, and the median epochs of these.

    Raises:
        ValueError: no such axis, or no axis of counts.
    """
    one_of("axis", axis, tuple(result.axes))
    one_of("the axes of by_count", "count", tuple(result.axes))
    figure = new_figure(7.5, result)
    upper, lower = figure.subplots(2, 1, sharex=True)
    order, up = np.argsort(result.axes[axis]), np.argsort(result.axes["count"])
    rates, counts = np.asarray(result.axes[axis], float)[order], result.axes["count"][up]
    arrived, epochs = (rows_of(result, name, "count", axis)[np.ix_(up, order)] for name in ("arrived", "epochs"))
    shares, times = np.mean(arrived, axis=-1), median(np.moveaxis(epochs, -1, 0), np.moveaxis(arrived, -1, 0))
    summary = result.summary()["best_by_count"]
    best = [summary[i] for i in up]
    named = np.unique(np.linspace(0, len(counts) - 1, len(MARKERS)).round().astype(int)).tolist()
    for ax, values in ((upper, shares), (lower, times)):
        new_axes(ax)
        for i, count in enumerate(counts):
            style: dict[str, Any] = {"color": mpl.colormaps["viridis_r"](0.15 + 0.85 * i / max(len(counts) - 1, 1))}
            if i in named:
                style |= {"label": f"n = {count:,}", "marker": MARKERS[named.index(i)], "markersize": 4.5}
            ax.plot(rates, values[i], linewidth=1.6 if i in named else 1.0, zorder=4, **style)
            if ax is lower and (row := best[i]) is not None:
                ax.plot([row[axis]], values[i][rates == row[axis]], color=style["color"], zorder=5, **RING)
        draw_limit(ax.axvline, result, axis, rates[0], rates[-1])
    edges = edges_of(rates, "log")
    upper.set(ylim=(-0.03, 1.05), ylabel="share of runs that arrived", xscale="log", xlim=(edges[0], edges[-1]))
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    lower.set(yscale="log", ylabel="epochs of those\n(median)", xlabel=label(axis))
    if not np.any(arrived):
        lower.set_ylim(1, 10_000)  # nothing is there that could decide it
    plain_ticks(lower.xaxis)
    plain_ticks(lower.yaxis)
    if any(best):
        upper.plot([], [], color="black", label="the rate to use", **RING)
    upper.label_outer()
    legend_above(upper, columns=5)
    figure.align_ylabels()
    return figure
