"""Pictures of what repeated samples tell of an estimate: the bootstrap of one, and simulation studies."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .. import __version__
from ..results.bootstrap import ALL_METHODS, Bootstrap, Interval
from ..results.study import Coverage, Study
from .style import (
    BLUE,
    GREEN,
    HALF,
    LINES,
    ORANGE,
    RED,
    as_written,
    in_lines,
    legend_above,
    new_axes,
    new_figure,
    plain_ticks,
)

WORDS = {"wald": "Wald", "percentile": "percentile", "basic": "basic", "bca": "BCa"}
"""How intervals are called."""

COLORS: dict[str, str] = dict(zip(ALL_METHODS, (RED, BLUE, ORANGE, GREEN), strict=True))
MARKERS: dict[str, str] = dict(zip(ALL_METHODS, "osD^", strict=True))

MOST_TICKS = 5
"""Counts that are each a tick."""

MARGIN = 0.03
"""Beside what is drawn, of its width: so that no end of an interval lies in the frame."""

THIRD = 30
"""The width of one of three panels, in letters."""

BINS = 60
"""Bars of a histogram, at most."""


def bootstrap_figure(found: Bootstrap[Any], level: float = 0.95) -> Figure:
    """Draw how the estimates of resamples scatter, parameter by parameter, with all intervals below.

    Args:
        found: a bootstrap.
        level: of the intervals, between 0 and 1.

    Returns:
        A figure with two panels for each parameter.

    Raises:
        TypeError, ValueError: the level is not as described.
    """
    names, intervals = found.shown, found.all_intervals(level)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    drawn = f"{found.count:,} resamples"
    if found.converged < found.count:
        drawn += f", of which the {found.converged:,} with a maximum are shown"
    said = f"{found.family}, {drawn}; intervals of {level:.3g}; mlejax {__version__}"
    figure = new_figure(3.9 * rows, said)
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 1.3] * rows)
    for i, name in enumerate(names):
        upper, lower = panels[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]
        _draw_estimates(upper, found, name, intervals[name])
        _draw_intervals(lower, intervals[name], found.estimate[name], name)
        lower.set_xlim(upper.get_xlim())
        for ax in (upper, lower):
            ax.xaxis.set_major_locator(MaxNLocator(4))
    for i in range(len(names), rows * columns):
        for ax in panels[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]:
            ax.set_visible(False)
    return figure


def _draw_estimates(ax: Axes, found: Bootstrap[Any], name: str, intervals: dict[str, Interval]) -> None:
    ax, at = new_axes(ax), found.estimates[name]
    ax.hist(at, bins=min(BINS, max(8, round(len(at) ** 0.5))), color="0.8")
    ax.axvline(found.estimate[name], color="black", linewidth=1.2, label="estimate")
    ax.axvline(float(np.mean(at)), color=BLUE, linewidth=1.2, linestyle="--", label="mean of resamples")
    shown = [*at, found.estimate[name], *(end for pair in intervals.values() for end in pair if np.isfinite(end))]
    if (margin := MARGIN * (max(shown) - min(shown))) > 0:
        ax.set_xlim(min(shown) - margin, max(shown) + margin)
    ax.set(ylabel="resamples", xticklabels=[])
    legend_above(ax, columns=2, letters=44)


def _draw_intervals(ax: Axes, intervals: dict[str, Interval], estimate: float, name: str) -> None:
    ax = new_axes(ax)
    for place, (method, (low, high)) in enumerate(intervals.items()):
        if np.isfinite(low) and np.isfinite(high):
            ax.plot([low, high], [place, place], color=COLORS[method], linewidth=2.4, solid_capstyle="butt")
            ax.plot([low, high], [place, place], "|", color=COLORS[method], markersize=9, markeredgewidth=1.8)
        else:
            ax.text(0.5, place, "none", transform=ax.get_yaxis_transform(), ha="center", va="center", fontsize="small")
    ax.axvline(estimate, color="black", linewidth=1.2)
    ax.set_yticks(range(len(intervals)), [WORDS[method] for method in intervals])
    ax.set(ylim=(len(intervals) - 0.5, -0.5), xlabel=as_written(in_lines(name, HALF)))


def study_figure(found: Study) -> Figure:
    """Draw bias, scatter and coverage over the number of observations, a row for each parameter.

    Args:
        found: a simulation study.

    Returns:
        A figure of three panels for each parameter. Bars are two Monte Carlo standard errors to both sides.
    """
    names = list(found.parameters)
    said = f"{found.family}, {found.samples:,} samples of each size; mlejax {__version__}"
    figure = new_figure(max(3.0, 2.7 * len(names)), said)
    for row, each in enumerate(names):
        name = as_written(each)
        at, panels = found.parameters[each], [figure.add_subplot(len(names), 3, 3 * row + i) for i in (1, 2, 3)]
        bias, scatter, coverage = map(new_axes, panels)
        bias.errorbar(found.counts, at.bias, 2 * at.bias_error, fmt="o-", color=BLUE, markersize=4, capsize=3)
        bias.axhline(0, color="0.4", linewidth=1)
        bias.set(ylabel=in_lines(f"bias of {name}", THIRD))
        figures = {"deviation": at.standard_deviation, "rmse": at.root_mean_square_error}
        figures["s.e."] = at.mean_standard_error
        for (label, values), (color, line), marker in zip(figures.items(), LINES, "osD", strict=False):
            scatter.plot(found.counts, values, linestyle=line, color=color, marker=marker, markersize=4, label=label)
        scatter.set(ylabel=in_lines(f"scatter of {name}", THIRD), yscale="log")
        shares = {"wald": Coverage(at.coverage, at.coverage_error, at.coverage_lacking), **at.bootstrap}
        for i, (method, held) in enumerate(shares.items()):
            aside = 1.06 ** (i - (len(shares) - 1) / 2)  # so that bars do not hide each other
            coverage.errorbar(
                found.counts * aside, held.share, 2 * held.error, fmt=f"{MARKERS[method]}-", color=COLORS[method],
                markersize=4, capsize=3, label=WORDS[method],
            )  # fmt: skip
        coverage.axhline(found.level, color="0.4", linewidth=1)
        coverage.set(ylabel=in_lines(f"coverage of {name}", THIRD))
        coverage.yaxis.set_major_formatter(PercentFormatter(1))
        for ax in (bias, scatter, coverage):
            ax.set(xscale="log", xlabel="observations" if row == len(names) - 1 else "")
            ax.set_xlim(found.counts.min() / 1.4, found.counts.max() * 1.4)
            plain_ticks(ax.xaxis)
            if len(found.counts) <= MOST_TICKS:
                ax.set_xticks(found.counts, [f"{count:,}" for count in found.counts.tolist()])
                ax.set_xticks([], minor=True)
        if np.any(at.root_mean_square_error > 0):
            plain_ticks(scatter.yaxis)
        if row == 0:
            legend_above(scatter, columns=2, letters=THIRD)
            legend_above(coverage, columns=2, letters=THIRD)
    return figure
