"""Pictures of the fits of many samples: estimates in their order, their distribution, errors against counts."""

from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .. import __version__
from ..models.constraints import positive
from ..models.parameters import Parameters
from ..results.table import FitTable
from ..status import Status
from .style import BLUE, HALF, ORANGE, as_written, in_lines, new_axes, new_figure, plain_ticks

MOST_BARS = 2000
"""Estimates whose error bars are drawn each; of more, a band."""

CUT_FROM = 1000
"""Estimates from which on the distribution leaves out a thousandth at either end."""

FURTHEST = 10.0
"""How many times beyond the estimates a logarithmic axis goes: some bars may be much longer."""

MOST_BINS = 80

MOST_NAMES = 24
"""Estimates whose labels are written."""

LETTERS = 32
"""Of words along the upright axis of a panel, or of a label of a sample, at most."""


def estimates(table: FitTable[Any], name: str, ax: Axes | None = None) -> Axes:
    """Draw the estimates of one parameter in their order, each with two standard errors either way.

    Samples without a maximum are left out; the title says how many. Where bars would reach below a positive parameter's
    0, they are those of its logarithm, on an axis of it.

    Args:
        table: of `fit_many`.
        name: of the parameter.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.
    """
    ax = new_axes(ax, result=small_print(table))
    good = np.flatnonzero(table.converged)
    order = good[np.argsort(table.parameters[name][good], kind="stable")]
    values, errors = table.parameters[name][order], np.nan_to_num(2 * table.errors[name][order])
    places = np.arange(len(order))
    logarithmic = _is_logarithmic(table, name)
    low, high = values - errors, values + errors
    if logarithmic:
        low, high = values * np.exp(-errors / values), values * np.exp(np.minimum(errors / values, 100.0))
        ax.set(yscale="log", ylim=(max(low.min(), values.min() / FURTHEST), min(high.max(), values.max() * FURTHEST)))
        plain_ticks(ax.yaxis)
    if len(order) <= MOST_BARS:
        ax.errorbar(places, values, [values - low, high - values], fmt="none", ecolor="0.7", elinewidth=0.8)
    else:
        ax.fill_between(places, low, high, color="0.85", linewidth=0)
    ax.plot(places, values, ".", color=BLUE, markersize=4 if len(order) <= MOST_BARS else 1)
    if 0 < len(order) <= MOST_NAMES:
        labels = [_short(str(label)) for label in table.labels[order]]
        ax.set_xticks(places, labels, rotation=45, ha="right", fontsize="small")
        ax.set_xlabel(table.axis)
    else:
        ax.set_xlabel(f"{table.axis}s in the order of their estimates")
    left = len(table) - len(good)
    bars = f"(bars: 2 standard errors{' of its logarithm' * logarithmic})"
    ax.set(ylabel=_words(f"{name} {bars}"), title=f"{left:,} without a maximum left out" if left else "")
    return ax


def _is_logarithmic(table: FitTable[Any], name: str) -> bool:
    """Return whether a parameter is positive, and two standard errors reach beyond 0 somewhere."""
    one = Parameters.of(jax.tree.map(lambda leaf: leaf[0], table.model))
    if one.entry_domains[one.entries.index(name)] != positive:
        return False
    good = table.converged
    return bool(np.any(np.nan_to_num(2 * table.errors[name][good]) >= table.parameters[name][good]))


def _words(words: str) -> str:
    return as_written(in_lines(words, LETTERS))


def _short(label: str) -> str:
    return as_written(label if len(label) <= LETTERS else f"{label[: LETTERS - 3]}...")


def funnel(table: FitTable[Any], name: str, ax: Axes | None = None) -> Axes:
    """Draw each estimate of one parameter against its number of observations: few observations scatter more.

    Args:
        table: of `fit_many`.
        name: of the parameter.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.
    """
    ax = new_axes(ax, result=small_print(table))
    good = table.converged
    ax.plot(table.count[good], table.parameters[name][good], ".", color=BLUE, markersize=4, alpha=0.5)
    if np.any(good):
        ax.axhline(float(np.median(table.parameters[name][good])), color=ORANGE, linewidth=1.2)
    ax.set(xlabel="observations", ylabel=_words(f"{name} (line: median)"))
    if _is_logarithmic(table, name):
        ax.set_yscale("log")
        plain_ticks(ax.yaxis)
    if len(np.unique(table.count[good])) > 1:
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, whole=True)
    elif np.any(good):
        ax.set_xticks(table.count[good][:1], [f"{table.count[good][0]:,.0f}"])
    return ax


def spread(table: FitTable[Any], name: str, ax: Axes | None = None) -> Axes:
    """Draw how the estimates of one parameter are distributed, beside what their standard errors alone would scatter.

    Where the estimates scatter more than the curve, the samples differ; where they do not, they may be of one kind.
    The axis of a positive parameter is logarithmic where two standard errors reach beyond 0, and so is the curve.

    Args:
        table: of `fit_many`.
        name: of the parameter.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.
    """
    ax = new_axes(ax, result=small_print(table))
    values, errors = table.parameters[name][table.converged], table.errors[name][table.converged]
    if not len(values):
        ax.set(xlabel=_words(name), ylabel="samples")
        return ax
    logarithmic = _is_logarithmic(table, name)
    if logarithmic:
        values, errors = np.log(values), errors / values
    low, high = np.quantile(values, [0.0, 1.0] if len(values) < CUT_FROM else [0.001, 0.999])
    inside = values[(values >= low) & (values <= high)]
    first, third = np.quantile(inside, [0.25, 0.75])
    width = 2 * (third - first) / len(inside) ** (1 / 3)  # the rule of Freedman and Diaconis
    bins = int(np.clip((high - low) / width, 8, MOST_BINS)) if width > 0 else 8
    edges = np.histogram_bin_edges(inside, bins)
    drawn = np.exp if logarithmic else np.asarray
    heights, *_ = ax.hist(drawn(inside), bins=drawn(edges).tolist(), color="0.8")
    if logarithmic:
        ax.set_xscale("log")
        plain_ticks(ax.xaxis)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    known = errors[np.isfinite(errors) & (errors > 0)]
    if len(known):
        widths = np.quantile(known, (np.arange(200) + 0.5) / 200)  # of as many normal curves, whose mean is drawn
        grid = np.linspace(edges[0], edges[-1], 300)
        away = (grid - np.median(values)) / widths[:, None]
        curve = np.mean(np.exp(-0.5 * away**2) / (widths[:, None] * np.sqrt(2 * np.pi)), axis=0)
        ax.plot(drawn(grid), curve * len(inside) * (edges[1] - edges[0]), color=ORANGE, linewidth=1.4)
        ax.set_ylim(0, float(np.max(heights)) * 1.15)
    ax.set(xlabel=as_written(in_lines(f"{name} (curve: standard errors alone)", HALF)), ylabel="samples")
    return ax


def table_figure(table: FitTable[Any]) -> Figure:
    """Draw `estimates`, `spread` and `funnel` of every parameter of a table.

    Args:
        table: of `fit_many`.

    Returns:
        A figure with a row for each parameter.
    """
    names = table.shown
    figure = new_figure(3.2 * len(names), small_print(table))
    figure.set_figwidth(11.0)
    for name, (left, middle, right) in zip(names, figure.subplots(len(names), 3, squeeze=False), strict=True):
        estimates(table, name, left)
        spread(table, name, middle)
        funnel(table, name, right)
    return figure


def small_print(table: FitTable[Any]) -> str:
    """Return what tells a table from others."""
    good = int(np.sum(table.status == Status.CONVERGED))
    ends = dict.fromkeys(f"{end:,.0f}" for end in (table.count.min(), table.count.max()))
    counts = f"n = {' to '.join(ends)}"
    return f"{table.family}, {len(table):,} fits by {table.axis}, {good:,} converged; {counts}; mlejax {__version__}"
