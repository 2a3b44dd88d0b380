"""Maps of a sweep: one value over two of its axes."""

import dataclasses
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, LogNorm, Normalize, to_rgb
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter, StrMethodFormatter

from ..results.schema import ARRIVED, SAMPLES
from ..results.settings import in_words, median
from ..results.sweep import SweepResult
from .grid import draw_limit, edges_of, label, one_of, rows_of, scale_of, two_axes
from .style import BESIDE_A_BAR, LOOKS, MEANINGS, legend_above, new_axes, plain_ticks, with_share

FEW_SEEDS = 12
"""Seeds, or groups, that are drawn in their own order, each under its name; more are sorted by what became of them."""

FEW_COUNTS = 8
"""Numbers of observations that are all written at an axis."""

NEAREST, FURTHEST = 1e-6, 1e3
"""Distances beyond which the colors of a map stay the same, in standard errors."""

NEAR = LinearSegmentedColormap.from_list("near", ["#03122E", "#0B3C7D", "#3F7FC0"])
FAR = LinearSegmentedColormap.from_list("far", ["#E69F00", "#F6CF6B", "#FFF6D6"])
"""The colors of distances that have arrived and that have not: lighter is further, in gray too."""


def heat_map(
    result: SweepResult[Any],
    x: str | None = None,
    y: str | None = None,
    value: str = "distance",
    ax: Axes | None = None,
) -> Axes:
    """Draw one value of a sweep over two of its axes: the median of the runs that differ in all others.

    Of statuses it is the commonest. More than 12 seeds, or groups, along an axis have no order of their own: they are
    sorted by how many of their runs arrived, and how far the others ended from the maximum.

    Args:
        result: a `SweepResult`.
        x: name of the horizontal axis. By default an axis with more than one value, learning rates before others.
        y: name of the vertical axis, likewise.
        value: "distance" (logarithmic colors, which change at 0.01 standard errors), "epochs" (logarithmic),
            "arrived" (the share of runs that did), "status", "train_log_likelihood", "validation_log_likelihood" (sums
            in nats).
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value or axis, or the sweep has fewer than two axes.
    """
    one_of("value", value, tuple(MEANINGS))
    names = two_axes(result, x, y)
    ax, cells = new_axes(ax, height=5.5, result=result), rows_of(result, value, *names)
    edges, scales = [], []
    for dimension, name in enumerate(names):
        order, at, words = _along(result, name)
        cells = np.take(cells, order, axis=dimension)
        scales.append(scale_of(name, at))
        edges.append(edges_of(at, scales[-1]))
        (ax.set_xlabel if dimension == 0 else ax.set_ylabel)(words)
    ax.set(xscale=scales[0], yscale=scales[1], xlim=tuple(edges[0][[0, -1]]), ylim=tuple(edges[1][[0, -1]]))
    cells = np.swapaxes(cells, 0, 1)
    handles = _status_cells(ax, edges, cells) if value == "status" else _number_cells(ax, edges, cells, value)
    for line, name, ends in ((ax.axvline, names[0], edges[0]), (ax.axhline, names[1], edges[1])):
        handles += draw_limit(line, result, name, ends[0], ends[-1])
    if all(name.startswith("learning_rate.") for name in names):
        handles += _diagonal(ax, edges)
    for axis, scale, name in ((ax.xaxis, scales[0], names[0]), (ax.yaxis, scales[1], names[1])):
        if scale == "log":
            plain_ticks(axis)
            if name == "count" and len(result.axes[name]) <= FEW_COUNTS:
                axis.set_major_locator(FixedLocator(result.axes[name].astype(float).tolist()))
                axis.set_minor_locator(NullLocator())
        elif name == "optimizer":
            numbers = result.axes[name]
            axis.set_ticks(numbers, labels=[in_words(result.provenance.settings, name, n) for n in numbers.tolist()])
        elif _is_text(result.axes[name]) and len(result.axes[name]) <= FEW_SEEDS:
            axis.set_ticks(np.arange(1, len(result.axes[name]) + 1), labels=np.sort(result.axes[name]).tolist())
        elif name in (*SAMPLES, "start"):
            axis.set_major_locator(MaxNLocator(6, integer=True))
    if handles:
        legend_above(ax, 2, handles, BESIDE_A_BAR)
    return ax


def _along(result: SweepResult[Any], name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the order of the values of an axis, where each of them is drawn, and the axis in words."""
    values = result.axes[name]
    if name not in SAMPLES or len(values) <= FEW_SEEDS:
        order, words = np.argsort(values), label(name)
        return order, np.arange(1, len(values) + 1) if _is_text(values) else np.asarray(values[order], float), words
    arrived = np.sum(rows_of(result, "arrived", name), axis=1)
    distance = np.clip(np.nan_to_num(rows_of(result, "distance", name), nan=np.inf), NEAREST, FURTHEST)
    order = np.lexsort((np.mean(np.log(distance), axis=1), -arrived))
    return order, np.arange(1, len(values) + 1), f"{len(values):,} {name}s, sorted by arrivals"


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind == "U"


@dataclasses.dataclass(frozen=True)
class _Colors:
    """How numbers become colors."""

    low: float
    high: float
    logarithmic: bool = False
    colors: Colormap | str = "cividis"
    extend: str = "neither"  # at which ends there are numbers beyond

    @property
    def norm(self) -> Normalize:
        return LogNorm(self.low, self.high) if self.logarithmic else Normalize(self.low, self.high)


def _number_cells(ax: Axes, edges: list[np.ndarray], cells: np.ndarray, value: str) -> list[Artist]:
    runs, said = np.moveaxis(cells.astype(float), -1, 0), MEANINGS[value]
    values = np.mean(runs, axis=0) if value == "arrived" else median(runs, ~np.isnan(runs))
    if value == "epochs":
        values = np.where(values < 1, np.nan, values)  # nothing ran
    usual = values[np.isfinite(values)]
    colors = _colors(value, usual if usual.size else np.ones(1))
    if value == "distance":
        values = np.where(np.isfinite(values), np.clip(values, colors.low, colors.high), values)
    shown = np.ma.masked_invalid(values)
    mesh = ax.pcolormesh(*edges, shown, norm=colors.norm, cmap=colors.colors, rasterized=True)
    said = f"median {said}" if len(runs) > 1 and value != "arrived" else said
    bar = ax.figure.colorbar(mesh, ax=ax, label=said, extend=colors.extend, pad=0.02, aspect=30)
    if value == "arrived":
        bar.formatter = PercentFormatter(1, decimals=0)
    elif not colors.logarithmic:
        bar.formatter = StrMethodFormatter("{x:,.10g}")
    else:
        plain_ticks(bar.ax.yaxis)
    if value == "distance" and colors.low < ARRIVED < colors.high:
        bar.ax.axhline(ARRIVED, color="black", linewidth=2)
        place: dict[str, Any] = {"xytext": (-3, -4), "textcoords": "offset points", "ha": "right", "va": "top"}
        bar.ax.annotate("arrived", (0, ARRIVED), fontsize=7, rotation=90, **place)
    if np.all(np.isfinite(values)):
        return []
    ax.patch.set(facecolor="white", edgecolor="0.6", hatch="////")
    meaning = "∞: no maximum nearby" if value == "distance" else "no value"
    return [Patch(facecolor="white", edgecolor="0.6", hatch="////", label=meaning)]


def _colors(value: str, usual: np.ndarray) -> _Colors:
    """Return the colors of the finite numbers of a map."""
    low, high = float(usual.min()), float(usual.max())
    if value == "arrived":
        return _Colors(0.0, 1.0)
    if value == "epochs":
        return _Colors(low, max(high, 1.01 * low), logarithmic=True)
    if value == "distance":
        return _distances(low, high)
    # A few diverged runs would leave one color to all others.
    floor = high - 4 * (high - float(np.quantile(usual, 0.25)))
    return _Colors(floor, high, extend="min") if low < floor < high else _Colors(low, high)


def _distances(low: float, high: float) -> _Colors:
    """Return the colors of distances, which change where a run has arrived."""
    first = float(np.clip(low, NEAREST, FURTHEST / 1.01))
    last = float(np.clip(high, 1.01 * first, FURTHEST))
    steps = np.geomspace(first, last, 512)
    part = np.log(steps / first) / np.log(last / first)
    at = float(np.clip(np.log(ARRIVED / first) / np.log(last / first), 0, 1))
    near, far = NEAR(np.minimum(part / max(at, 1e-9), 1)), FAR(np.maximum((part - at) / max(1 - at, 1e-9), 0))
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[low < first, high > last]
    return _Colors(first, last, True, ListedColormap(np.where((steps <= ARRIVED)[:, None], near, far)), extend)


def _status_cells(ax: Axes, edges: list[np.ndarray], cells: np.ndarray) -> list[Artist]:
    fates = [fate for fate in LOOKS if np.any(cells == fate)]
    winner = np.argmax(np.stack([np.mean(cells == fate, axis=-1) for fate in fates]), axis=0)
    colors = np.array([to_rgb(LOOKS[fate].color) for fate in fates])
    ax.pcolormesh(*edges, colors[winner], rasterized=True)
    if cells.shape[-1] > 1:
        ax.set_title(f"color: the commonest of {cells.shape[-1]:,} runs", fontsize="small", loc="right")
    return [Patch(color=LOOKS[fate].color, label=with_share(fate, cells)) for fate in fates]


def _diagonal(ax: Axes, edges: list[np.ndarray]) -> list[Artist]:
    """Draw where both parameters have one rate."""
    low, high = max(edge[0] for edge in edges), min(edge[-1] for edge in edges)
    if low >= high:
        return []
    ax.plot([low, high], [low, high], color="white", linewidth=3.5, zorder=2.5)
    style: dict[str, Any] = {"color": "black", "linewidth": 1.2, "linestyle": (0, (1, 1)), "zorder": 3}
    return [*ax.plot([low, high], [low, high], label="one rate for both", **style)]
