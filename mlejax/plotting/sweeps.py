"""Pictures of a sweep."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter

from ..checks import InputValueError
from ..results.schema import ARRIVED
from ..results.sweep import SweepResult
from ..status import Status
from .style import HATCHES, LOOKS, MEANINGS, MOST_MARKERS, legend_above, new_axes, new_figure


def learning_rates(
    result: SweepResult[Any], value: str = "epochs", axis: str = "learning_rate", ax: Axes | None = None
) -> Axes:
    """Draw every run of a sweep, and their spread, against the learning rate; both axes logarithmic.

    Line: the median run over all other axes. Band: 10 % to 90 % of them. Thin lines: the least and the most. Markers:
    single runs, by why they ended (of very many a random choice). Infinite distances lie on a line at the top.

    Args:
        result: a `SweepResult`.
        value: "epochs" or "distance".
        axis: the name of an axis of learning rates, such as "learning_rate.variance".
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value, or no such axis.
    """
    _one_of("value", value, ("epochs", "distance"))
    _one_of("axis", axis, tuple(result.axes))
    ax, order = new_axes(ax), np.argsort(result.axes[axis])
    rates = np.asarray(result.axes[axis], float)[order]
    status = _rows(result, "status", axis)[order]
    ax.set(xscale="log", yscale="log", xlabel=_label(axis), ylabel=MEANINGS[value])
    runs = _with_ceiling(ax, _rows(result, value, axis)[order].astype(float))
    least, low, median, high, most = (_quantile(runs, q) for q in (0.0, 0.1, 0.5, 0.9, 1.0))
    ax.plot(rates, median, color="black", linewidth=1.8, label="median run", zorder=3)
    ax.fill_between(rates, low, high, color="0.85", linewidth=0, label="10 to 90 %", zorder=1)
    ax.plot(rates, least, color="0.6", linewidth=0.7, label="least, most", zorder=2)
    ax.plot(rates, most, color="0.6", linewidth=0.7, zorder=2)
    chosen = np.zeros(runs.shape, bool)
    # At random, the same ones every time: equal steps would meet the same few seeds at every rate.
    chosen.flat[np.random.RandomState(0).permutation(runs.size)[:MOST_MARKERS]] = True
    for fate, (color, marker) in LOOKS.items():
        at = np.nonzero((status == fate) & chosen)
        if np.any(status == fate):
            look = {"color": color, "marker": marker, "s": 24, "linewidths": 0.4, "edgecolors": "white"}
            ax.scatter(rates[at[0]], runs[at], label=_with_share(fate, status), zorder=4, **look)
    _limit(ax.axvline, result, axis, rates[0] / 3, rates[-1] * 3)
    legend_above(ax, columns=4)
    return ax


def heat_map(
    result: SweepResult[Any],
    x: str | None = None,
    y: str | None = None,
    value: str = "distance",
    ax: Axes | None = None,
) -> Axes:
    """Draw one value of a sweep over two of its axes: of the median run over all others, or the commonest status.

    Args:
        result: a `SweepResult`.
        x: name of the horizontal axis. By default an axis with more than one value, learning rates before others.
        y: name of the vertical axis, likewise.
        value: "distance" and "epochs" (logarithmic colors), "status", "train_log_likelihood",
            "validation_log_likelihood" (sums in nats).
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such value or axis, or the sweep has fewer than two axes.
    """
    _one_of("value", value, tuple(MEANINGS))
    x, y = _two_axes(result, x, y)
    ax, at = new_axes(ax, height=5.5), [np.sort(np.asarray(result.axes[name], float)) for name in (x, y)]
    columns, rows = (np.argsort(result.axes[name]) for name in (x, y))
    cells = _rows(result, value, y, x)[rows][:, columns]
    scales = [_scale(name, places) for name, places in zip((x, y), at, strict=True)]
    edges = [_edges(places, scale) for places, scale in zip(at, scales, strict=True)]
    ax.set(xscale=scales[0], yscale=scales[1], xlabel=_label(x), ylabel=_label(y))
    if value == "status":
        handles = _status_cells(ax, at, edges, cells)
    else:
        handles = _number_cells(ax, edges, cells.astype(float), value)
    for line, name, ends in ((ax.axvline, x, edges[0]), (ax.axhline, y, edges[1])):
        handles += _limit(line, result, name, ends[0], ends[-1])
    if handles:
        legend_above(ax, 3 if value == "status" else 2, handles)
    return ax


def sweep_figure(result: SweepResult[Any], axis: str = "learning_rate") -> Figure:
    """Draw `learning_rates` twice: epochs over distance, on one axis of learning rates.

    Args:
        result: a `SweepResult`.
        axis: the name of an axis of learning rates.

    Returns:
        A new figure of two panels.
    """
    figure = new_figure(8.5)
    upper, lower = figure.subplots(2, 1, sharex=True)
    learning_rates(result, "epochs", axis, upper).label_outer()
    learning_rates(result, "distance", axis, lower).legend_ = None
    return figure


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputValueError(f"{what} must be one of {', '.join(allowed)}; got {value!r}")


def _two_axes(result: SweepResult[Any], x: str | None, y: str | None) -> tuple[str, str]:
    names = sorted(result.axes, key=lambda name: (len(result.axes[name]) < 2, not name.startswith("learning_rate")))
    for what, name in (("x", x), ("y", y)):
        _one_of(what, name or names[0], tuple(result.axes))
    if len(names) < 2 or x == y is not None:
        raise InputValueError(f"heat_map needs two different axes of {', '.join(result.axes)}; got x={x!r}, y={y!r}")
    across = x or next(name for name in names if name != y)
    return across, y or next(name for name in names if name != across)


def _rows(result: SweepResult[Any], value: str, *names: str) -> np.ndarray:
    """Return one value of every run: the named axes first, all others flattened into the last."""
    values, axes = np.asarray(getattr(result, value)), list(result.axes)
    values = np.moveaxis(values, [axes.index(name) for name in names], range(len(names)))
    return values.reshape(*values.shape[: len(names)], -1)


def _quantile(runs: np.ndarray, q: float) -> np.ndarray:
    """Return a quantile along the last axis, always a run that was made: infinities never mix with numbers."""
    return np.sort(runs, axis=-1)[..., max(math.ceil(q * runs.shape[-1]) - 1, 0)]


def _with_ceiling(ax: Axes, runs: np.ndarray) -> np.ndarray:
    """Return the runs with what is not finite moved to a labeled line at the top of a logarithmic axis."""
    usual = runs[np.isfinite(runs) & (runs > 0)]
    low, high = (usual.min(), usual.max()) if usual.size else (1.0, 1.0)
    runs = np.where(runs < low, low, runs)
    if np.all(np.isfinite(runs)):
        return runs
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = range(first, last + 1, max(1, (last - first) // 6))
    ceiling = 10.0 ** (last + 1)
    ax.set_ylim(10.0**first / 2, ceiling * 3)
    ax.axhline(ceiling, color="0.4", linewidth=0.8, linestyle=":", zorder=1)
    ax.set_yticks([*(10.0**k for k in decades), ceiling], labels=[*(f"$10^{{{k}}}$" for k in decades), "∞"])
    return np.where(np.isfinite(runs), runs, ceiling)


def _with_share(fate: Status, status: np.ndarray) -> str:
    return f"{fate.name} {100 * np.mean(status == fate):.1f} %"


def _label(name: str) -> str:
    meaning = name.replace("_", " ").replace(".", " of the ")
    return f"{meaning} (epochs)" if name == "patience" else meaning


def _limit(line: Callable[..., Any], result: SweepResult[Any], name: str, low: float, high: float) -> list[Any]:
    """Draw the learning rate above which ascent cannot settle, when it is in view."""
    limit = result.stability_limit(name) if name.startswith("learning_rate") else None
    if limit is None or not low <= limit <= high:
        return []
    line(limit, color="white", linewidth=3.5, zorder=2.5)  # so that the dashes stand out on dark cells too
    style = {"color": "black", "linewidth": 1.5, "linestyle": "--" if line.__name__ == "axvline" else "-."}
    return [line(limit, zorder=3, label=f"stability limit: {limit:.3g}", **style)]


def _scale(name: str, at: np.ndarray) -> str:
    """Return the scale on which coordinates are spread more evenly."""
    if at[0] <= 0 or (len(at) < 3 and not name.startswith("learning_rate")):
        return "linear"
    linear, logarithmic = np.diff(at), np.diff(np.log(at))
    if name.startswith("learning_rate") and len(at) < 3:
        return "log"
    return "log" if np.std(logarithmic) / np.mean(logarithmic) < np.std(linear) / np.mean(linear) else "linear"


def _edges(at: np.ndarray, scale: str) -> np.ndarray:
    """Return the boundaries of the cells about sorted coordinates: (k + 1,)."""
    places = np.log(at) if scale == "log" else at
    gaps = np.diff(places) if len(at) > 1 else np.ones(1)
    edges = np.concatenate(
        [[places[0] - gaps[0] / 2], places[:-1] + gaps[: len(at) - 1] / 2, [places[-1] + gaps[-1] / 2]]
    )
    return np.exp(edges) if scale == "log" else edges


def _number_cells(ax: Axes, edges: list[np.ndarray], cells: np.ndarray, value: str) -> list[Any]:
    values = _quantile(cells, 0.5)
    usual = values[np.isfinite(values)]
    low, high, below = (usual.min(), usual.max(), False) if usual.size else (1.0, 1.0, False)
    if value in ("distance", "epochs"):
        positive = usual[usual > 0]
        low = positive.min() if positive.size else 1.0
        values, norm = np.maximum(values, low), LogNorm(low, max(high, 1.01 * low))
    else:
        # A few diverged runs would leave one color to all others.
        floor = high - 4 * (high - np.quantile(usual, 0.25)) if usual.size else low
        below = low < floor < high
        norm = Normalize(floor if below else low, high)
    mesh = ax.pcolormesh(*edges, np.ma.masked_invalid(values), norm=norm, cmap="cividis", rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, label=MEANINGS[value], extend="min" if below else "neither")
    if value.endswith("likelihood"):
        bar.formatter = StrMethodFormatter("{x:,.10g}")
    if np.all(np.isfinite(values)):
        return []
    ax.patch.set(facecolor="white", edgecolor="0.6", hatch="////")
    meaning = "∞: no maximum nearby" if value == "distance" else "no value"
    return [Patch(facecolor="white", edgecolor="0.6", hatch="////", label=meaning)]


def _status_cells(ax: Axes, at: list[np.ndarray], edges: list[np.ndarray], cells: np.ndarray) -> list[Any]:
    fates = [fate for fate in LOOKS if np.any(cells == fate)]
    shares = np.stack([np.mean(cells == fate, axis=-1) for fate in fates])
    winner, share = np.argmax(shares, axis=0), np.max(shares, axis=0)[..., None]
    colors = np.array([to_rgb(LOOKS[fate][0]) for fate in fates])[winner]
    ax.pcolormesh(*edges, 1 - share * (1 - colors), rasterized=True)
    steps = [max(1, math.ceil(len(places) / 30)) for places in at]
    handles = []
    for i, fate in enumerate(fates):
        color, marker = LOOKS[fate]
        rows, columns = np.nonzero(winner[:: steps[1], :: steps[0]] == i)
        place = at[0][:: steps[0]][columns], at[1][:: steps[1]][rows]
        ax.plot(*place, marker, color="white", markeredgecolor="black", markersize=6, markeredgewidth=0.7)
        look = {"marker": marker, "markersize": 9, "markeredgecolor": "black", "linestyle": "none"}
        handles.append(Line2D([], [], color=color, label=_with_share(fate, cells), **look))
    return handles + (
        [Patch(facecolor="white", edgecolor="0.6", label="paler: fewer agree")] if share.min() < 1 else []
    )


def status_shares(result: SweepResult[Any], axis: str = "learning_rate", ax: Axes | None = None) -> Axes:
    """Draw why runs ended, as shares of all runs at each learning rate, and as a line the share that arrived.

    Args:
        result: a `SweepResult`.
        axis: the name of an axis of learning rates.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: no such axis.
    """
    _one_of("axis", axis, tuple(result.axes))
    ax, order = new_axes(ax), np.argsort(result.axes[axis])
    rates = np.asarray(result.axes[axis], float)[order]
    status = _rows(result, "status", axis)[order]
    bottom = np.zeros(len(rates))
    for (fate, (color, _)), hatch in zip(LOOKS.items(), HATCHES, strict=True):
        share = np.mean(status == fate, axis=1)
        if np.any(share > 0):
            look = {"color": color, "alpha": 0.75, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
            ax.fill_between(rates, bottom, bottom + share, label=_with_share(fate, status), **look)
        bottom = bottom + share
    arrived = np.mean(_rows(result, "distance", axis)[order] <= ARRIVED, axis=1)
    ax.plot(rates, arrived, color="black", linewidth=1.8, label=f"arrived: within {ARRIVED} standard errors")
    _limit(ax.axvline, result, axis, rates[0] / 3, rates[-1] * 3)
    ax.set(xscale="log", xlabel=_label(axis), ylabel="share of runs", ylim=(0, 1), xlim=(rates[0], rates[-1]))
    legend_above(ax, columns=3)
    return ax


def atlas(result: SweepResult[Any], axis: str = "learning_rate") -> Figure:
    """Draw `status_shares` over `learning_rates`, epochs and distance, on one axis of learning rates.

    Args:
        result: a `SweepResult`.
        axis: the name of an axis of learning rates.

    Returns:
        A new figure of three panels.
    """
    figure = new_figure(11.5)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    status_shares(result, axis, top).label_outer()
    learning_rates(result, "epochs", axis, middle).label_outer()
    learning_rates(result, "distance", axis, bottom).legend_ = None
    middle.legend_ = None
    return figure


def sweep_pictures(result: SweepResult[Any]) -> dict[str, Figure | Axes]:
    """Draw the pictures that fit a sweep's axes: a pair of panels for each axis of learning rates, and maps.

    Args:
        result: a `SweepResult`.

    Returns:
        The pictures by their names, which `save_all` makes into file names. Where runs have not ended each says so.
    """
    rates = [name for name, at in result.axes.items() if name.startswith("learning_rate") and len(at) > 1]
    pictures: dict[str, Figure | Axes] = {
        name.replace(".", "_").replace("learning_rate", "learning_rates"): sweep_figure(result, name) for name in rates
    }
    if sum(len(at) > 1 for at in result.axes.values()) > 1:
        pictures |= {f"map_{value}": heat_map(result, value=value) for value in ("distance", "epochs", "status")}
    if not result.finished:
        for picture in pictures.values():
            said = f"unfinished: {result.ended:,} of {result.count:,} runs have ended"
            figure = picture if isinstance(picture, Figure) else picture.get_figure(root=True)
            assert figure is not None
            figure.suptitle(said, fontsize="medium")
    return pictures
