"""Pictures of the histories of chosen runs: many curves at once."""

import dataclasses
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..ascent.step import RESOLUTION
from ..results.histories import Histories
from ..results.schema import SAMPLES
from ..results.settings import in_words
from ..status import Status
from .grid import label, one_of, scale_of
from .style import (
    BESIDE_A_BAR,
    GAP,
    GAP_FROM_BEST,
    LINES,
    LOOKS,
    legend_above,
    new_axes,
    new_figure,
    plain_ticks,
    with_share,
)
from .sweeps import draw_arrived

FEW = len(LINES)
"""Values along an axis that have a line style each; more have colors of a scale."""

MANY = 40
"""Curves from which on they are thin, and only their ends show why they ended."""

NATS = 1e-3
"""Differences in the validation log-likelihood that are not told from smaller ones, in nats."""

VALUES = ("distance", "validation")

SCALE = LinearSegmentedColormap.from_list("dark to light", ["#00204D", "#31446B", "#7F7C75", "#B9A76A", "#E0C04A"])
"""Cividis without its lightest part, which would be lost on white: lighter is more, in gray too."""


def histories(result: Histories[Any], value: str = "distance", by: str | None = None, ax: Axes | None = None) -> Axes:
    r"""Draw a curve for every run that was recorded, epoch by epoch; both axes logarithmic.

    A mark stands where the estimate was measured, and says why the run ended; behind it the curve is faint. What is
    too small to matter lies on a line at the bottom.

    Args:
        result: of `record`.
        value: "distance": from the maximum of the train log-likelihood on the run's own sample, $\sqrt{2 (L_{max} -
            L)}$, in standard errors; where no run of the sweep arrived, from the highest value known. "validation": how
            far the validation log-likelihood is below the best that any run of the sweep has on that sample, in nats.
        by: the axis whose values have colors. By default one with several values: learning rates before others, seeds
            last. More than five seeds have the colors of why their runs ended.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value or axis.
    """
    axes = result.sweep.axes
    order = sorted(axes, key=lambda name: (len(axes[name]) < 2, name in SAMPLES, not name.startswith("learning_rate")))
    one_of("value", value, VALUES)
    one_of("by", by or order[0], tuple(axes))
    ax, name = new_axes(ax, height=5.5, result=result.sweep), by or order[0]
    colors, many = _Colors.of(result, name), result.sweep.count > MANY
    heights, least = _heights(result, value)
    heights = np.maximum(heights, least)
    thin: dict[str, Any] = {"linewidth": 0.6 if many else 1.3, "zorder": 2}
    marks: dict[Status, list[tuple[Any, ...]]] = {}
    for index in np.ndindex(result.sweep.shape):
        there = np.isfinite(heights[index])
        epochs, curve, (color, line) = result.epoch[index][there], heights[index][there], colors.at(index)
        if not len(epochs):
            continue
        best = max(int(np.searchsorted(epochs, result.sweep.best_epoch[index], side="right")) - 1, 0)
        ax.plot(epochs[: best + 1], curve[: best + 1], color=color, linestyle=line, **thin)
        ax.plot(epochs[best:], curve[best:], color=color, linestyle=line, alpha=0.4, **thin)
        marks.setdefault(Status(int(result.sweep.status[index])), []).append((epochs[best], curve[best], color))
    for fate, points in marks.items():
        x, y, color = zip(*points, strict=True)
        style: dict[str, Any] = {"c": color, "marker": LOOKS[fate].marker, "linewidths": 0.4, "edgecolors": "black"}
        ax.scatter(x, y, 12 if many else 34, zorder=4, **style)
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel=_meaning(result, value))
    if value == "distance":
        draw_arrived(ax)
    if np.any(heights <= least):
        said = f"{least:g} or less" if value == "validation" else "less is rounding"
        ax.axhline(least, color="0.5", linewidth=0.8, linestyle=":", zorder=1)
        ax.text(0.005, least, said, fontsize=8, va="bottom", transform=ax.get_yaxis_transform())
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    handles: list[Artist] = colors.draw(ax)
    for fate, look in LOOKS.items():
        if fate in marks:
            said = with_share(fate, result.sweep.status)
            handles.append(
                Line2D([], [], color="0.4", markeredgecolor="black", label=said, marker=look.marker, linestyle="none")
            )
    legend_above(ax, 3, handles, BESIDE_A_BAR)
    return ax


def _heights(result: Histories[Any], value: str) -> tuple[np.ndarray, float]:
    """Return how far every epoch is from the best, NaN where there is none; and the least that is worth showing."""
    if value == "validation":
        return result.highest_validation[..., None] - result.validation_log_likelihood, NATS
    rounding = RESOLUTION * np.finfo(float).eps * np.fmax.reduce(np.abs(result.highest), axis=None, initial=1e-300)
    gap = result.highest[..., None] - result.train_log_likelihood
    return np.sqrt(2 * np.maximum(gap, rounding)), float(np.sqrt(2 * rounding))


def _meaning(result: Histories[Any], value: str) -> str:
    if value == "validation":
        return "validation log-likelihood\nbelow the best on its sample (nats)"
    if np.all(result.arrived[np.isfinite(result.highest)]):
        return f"distance from the maximum\n{GAP} (standard errors)"
    return f"distance from the best known\n{GAP_FROM_BEST} (standard errors)"


@dataclasses.dataclass(frozen=True, eq=False)
class _Colors:
    """What tells the curves apart: the values along one axis, or why the runs ended."""

    name: str  # of the axis
    values: np.ndarray
    place: int  # of the axis among all
    words: list[str]
    status: np.ndarray  # of all runs
    norm: Normalize | None  # of a scale of colors

    @classmethod
    def of(cls, result: Histories[Any], name: str) -> "_Colors":
        values, made = result.sweep.axes[name], result.sweep.provenance.settings
        words = [f"{label(name)}: {in_words(made, name, value)}" for value in values.tolist()]
        norm = None
        if len(values) > FEW and name not in SAMPLES:
            at = np.sort(values)
            norm = (LogNorm if scale_of(name, at) == "log" else Normalize)(float(at[0]), float(at[-1]))
        return cls(name, values, list(result.sweep.axes).index(name), words, result.sweep.status, norm)

    def at(self, index: tuple[int, ...]) -> tuple[Any, Any]:
        """Return the color and the line style of a run."""
        place = index[self.place]
        if self.norm is not None:
            return SCALE(self.norm(self.values[place])), "-"
        if len(self.values) > FEW:
            return LOOKS[Status(int(self.status[index]))].color, "-"
        return LINES[place] if len(self.values) > 1 else (LINES[0][0], "-")

    def draw(self, ax: Axes) -> list[Artist]:
        """Draw a bar of colors, or return what a legend says of each value."""
        if self.norm is not None:
            bar = ax.figure.colorbar(
                ScalarMappable(self.norm, SCALE), ax=ax, label=label(self.name), pad=0.02, aspect=30
            )
            if isinstance(self.norm, LogNorm):
                plain_ticks(bar.ax.yaxis)
            return []
        if not 1 < len(self.values) <= FEW:
            return []
        styles = zip(LINES, self.words, strict=False)
        return [Line2D([], [], color=color, linestyle=line, label=said) for (color, line), said in styles]


def histories_figure(result: Histories[Any]) -> Figure:
    """Draw `histories` of the distance, and below it of the validation log-likelihood where there is one.

    Args:
        result: of `record`.

    Returns:
        A new figure of one or two panels.
    """
    held_out = bool(np.any(np.isfinite(result.validation_log_likelihood)))
    figure = new_figure(9.5 if held_out else 5.5, result.sweep)
    panels = figure.subplots(2 if held_out else 1, 1, sharex=True, squeeze=False).ravel()
    histories(result, "distance", ax=panels[0])
    if held_out:
        panels[0].label_outer()
        histories(result, "validation", ax=panels[1]).legend_ = None
        figure.align_ylabels()
    return figure
