"""Pictures of one run."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from ..ascent.step import RESOLUTION
from ..checks import InputValueError
from ..models.base import Model
from ..models.parameters import Parameters, entry_dict
from ..results.diagnostics import density_on, grid_around, heights_over, maximum
from ..results.fit import FitResult
from ..results.schema import ARRIVED
from ..results.train import TrainResult
from ..samples.observations import as_observations
from .style import (
    BESIDE_A_BAR,
    BLUE,
    GAP,
    GAP_FROM_BEST,
    HALF,
    LINES,
    LOOKS,
    ORANGE,
    RED,
    in_lines,
    legend_above,
    listed,
    new_axes,
    new_figure,
    plain_ticks,
)


def log_likelihood(result: TrainResult[Any], ax: Axes | None = None) -> Axes:
    """Draw the train and validation log-likelihood per observation, in nats, against the epoch (logarithmic).

    The vertical axis begins where the first steep rise is over; words say where the curves come from.

    Args:
        result: of `train`.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Example:
        >>> import mlejax
        >>> from mlejax import plotting
        >>> run = mlejax.train(mlejax.Normal(0.0, 1.0), [1.0, 2.0, 4.0], validation_fraction=0, max_epochs=50)
        >>> plotting.log_likelihood(run).get_xlabel()
        'epoch'
    """
    ax, history = new_axes(ax, result=result), result.history
    samples: list[tuple[str, str, Any, Any]] = [("train", BLUE, "-", result.train)]
    if result.validation is not None:
        samples.append(("validation", RED, (0, (4, 1.5)), result.validation))
    curves = []
    for name, color, line, sample in samples:
        curves.append(getattr(history, f"{name}_log_likelihood") / float(sample.count))
        at_best = getattr(result, f"{name}_log_likelihood") / float(sample.count)
        ax.plot(history.epoch, curves[-1], color=color, linestyle=line, label=name)
        _ring(ax, result.best_epoch, at_best, color)
    _mark_end(ax, result)
    _keep_the_end_in_view(ax, history.epoch, np.array(curves))
    ax.set(xlabel="epoch", ylabel="log-likelihood per observation (nats)")
    plain_ticks(ax.xaxis)
    legend_above(ax, columns=4)
    return ax


def distance(result: TrainResult[Any], ax: Axes | None = None) -> Axes:
    r"""Draw how far each epoch was from the maximum of the train log-likelihood, in standard errors; logarithmic axes.

    The whole model, $\sqrt{2 (L_{max} - L)}$, and each parameter, |value - value at the maximum| / standard error.
    The maximum is where a few Newton steps from the estimate lead; where they lead nowhere, the best that was measured
    stands in for it and the axis says so. What rounding hides is left out.

    Args:
        result: of `train`.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.
    """
    ax, history = new_axes(ax, result=result), result.history
    peak, errors, top, found = maximum(result)
    rounding = RESOLUTION * np.finfo(float).eps * abs(top)
    gap = top - history.train_log_likelihood
    whole = np.sqrt(2 * np.where(gap > rounding, gap, np.nan))
    ax.plot(history.epoch, whole, color="black", linewidth=2.2, label=f"all: {GAP if found else GAP_FROM_BEST}")
    errors, places = entry_dict(errors), entry_dict(peak)
    for i, (name, values) in enumerate(Parameters.of(peak).by_entry(history.model).items()):
        away = np.abs(values - places[name]) / errors[name]
        color, line = LINES[i % len(LINES)]
        if np.isfinite(errors[name]):
            away = np.where(away > 0, away, np.nan)
            ax.plot(history.epoch, away, color=color, linestyle=line, linewidth=1.3, label=name)
    shown = whole[np.isfinite(whole)]
    if found:
        at_best = math.sqrt(2 * max(top - result.train_log_likelihood, rounding))
        _ring(ax, result.best_epoch, at_best, "black")
        shown = np.append(shown, at_best)
    shown = np.append(shown, ARRIVED)
    _mark_end(ax, result)
    if found:
        ax.axhline(ARRIVED, color="0.4", linewidth=0.8, label=f"arrived: below {ARRIVED}")
    ax.set(yscale="log", ylim=(shown.min() / 3, shown.max() * 3), xlabel="epoch")
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    ax.set_ylabel(f"distance from the {'maximum' if found else 'best measured'}\n(standard errors)")
    legend_above(ax, columns=3)
    return ax


def distribution(
    result: TrainResult[Any] | FitResult[Any],
    observations: ArrayLike,
    target: Model | None = None,
    ax: Axes | None = None,
    name: str = "observation",
) -> Axes:
    """Draw the data, and the densities of the estimate, the start of a run and, where known, the target.

    Args:
        result: of `train` or `fit`.
        observations: the data, (n,); of a fit, its `observations`. Integers within a hundred of each other are drawn as
            the share of each.
        target: the model that the data were drawn from.
        ax: where to draw; None for a new figure.
        name: of the horizontal axis: what was observed, and its unit.

    Returns:
        The axes drawn on.
    """
    ax, values = new_axes(ax, result=result), as_observations(observations, any_number=True)
    low, high = np.quantile(values, [0.0005, 0.9995])
    if low == high:
        low, high = values.min(), values.max()
    # Curves only where there are data: outside its support a formula may give anything.
    grid, whole = np.linspace(low, high, 500), bool(np.all(values == np.round(values)))
    grid = np.unique(np.round(grid)) if whole else grid
    few = whole and len(grid) <= 100 and max(abs(low), abs(high)) < 2**52  # beyond, float64 holds no halves
    edges = np.append(grid, grid[-1] + 1) - 0.5 if few else _bin_edges(values, low, high)
    weights = np.ones(len(values)) if isinstance(result, TrainResult) or result.weights is None else result.weights
    shares = np.histogram(values, edges, weights=weights)[0] / (np.sum(weights) * np.diff(edges))
    if few:
        ax.bar(grid, shares, width=0.8, color="0.85")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        ax.stairs(shares, edges, fill=True, color="0.85")
    curves: list[Any] = [("start", result.start, ORANGE, (0, (1, 1)), "^")] if isinstance(result, TrainResult) else []
    curves.append(("estimate", result.model, BLUE, "-", "o"))
    if target is not None:
        curves.append(("target", target, "black", (0, (4, 4)), "s"))
    tallest, handles = shares.max(), [Patch(color="0.85", label=f"data, n = {len(values):,}")]
    # A start far narrower than the data may not flatten them: its legend says how high it goes.
    ceiling = 3 * tallest
    for which, model, color, line, marker in curves:
        density = density_on(model, grid)
        peak = float(np.max(np.nan_to_num(density)))
        label = f"{which}: {_values(model)}" + (f" (up to {peak:.2g})" if peak > ceiling else "")
        if peak < tallest / 200:  # a line along the axis would say nothing
            handles.append(Patch(facecolor="none", edgecolor="none", label=f"{label} (beyond these data)"))
            continue
        tallest = max(tallest, peak)
        style: dict[str, Any] = {"linewidth": 1, "marker": marker, "markersize": 5} if few else {"linewidth": 2}
        handles += ax.plot(grid, density, color=color, linestyle=line, label=label, **style)
    ax.set(xlabel=in_lines(name, 88), ylim=(0, 1.08 * min(tallest, ceiling)))
    ax.set_ylabel("probability" if few else in_lines(f"density (per unit of {name})", HALF))
    legend_above(ax, 2, handles)
    return ax


def surface(result: TrainResult[Any], ax: Axes | None = None, parameters: tuple[str, str] | None = None) -> Axes:
    r"""Draw the train log-likelihood over two parameters, and the way that the run took.

    Colors are $\sqrt{2 (L_{max} - L)}$, in standard errors, in logarithmic steps. The other parameters are as in the
    estimate. Numbers along the path are epochs.

    Args:
        result: of `train`.
        ax: where to draw; None for a new figure.
        parameters: names of two; the first two if None.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: the model lacks such a parameter.
    """
    table = Parameters.of(result.model)
    # A number that is bound to others, such as one of a simplex, cannot be moved while they stay.
    names = [name for name, domain in zip(table.entries, table.entry_domains, strict=True) if not domain.rank]
    chosen = tuple(parameters or names[:2])
    if len(set(chosen)) != 2 or not set(chosen) <= set(names):
        raise InputValueError(f"surface needs two of the parameters {', '.join(names)}; got {', '.join(chosen)}")
    ax = new_axes(ax, height=6.0, result=result)
    x, y = (grid_around(result, name) for name in chosen)
    heights = heights_over(result, chosen, x, y)
    gap = np.sqrt(2 * np.maximum(max(np.nanmax(heights), maximum(result)[2]) - heights, 0))
    # Nearly all of the picture has colors of its own; a corner far below the rest would leave one color to that.
    levels = _levels(np.nanquantile(gap, 0.002), np.nanquantile(gap, 0.98))
    style: dict[str, Any] = {"norm": LogNorm(levels[0], levels[-1]), "cmap": "cividis", "extend": "both", "zorder": 0}
    filled = ax.contourf(x, y, np.clip(gap, levels[0] / 2, levels[-1] * 2), levels, **style)
    ax.contour(x, y, gap, levels, colors="white", linewidths=0.5, alpha=0.5, zorder=1)
    bar = ax.figure.colorbar(filled, ax=ax, label="below the maximum (standard errors)", pad=0.02, aspect=30)
    bar.set_ticks(levels, labels=[f"{level:,g}" for level in levels])
    bar.ax.yaxis.set_minor_locator(NullLocator())
    for which, grid in (("x", x), ("y", y)):
        if not np.allclose(np.diff(grid), grid[1] - grid[0]):
            ax.set(**{f"{which}scale": "log"})
    path = [table.by_entry(result.history.model)[name] for name in chosen]
    halo = [withStroke(linewidth=2.2, foreground="black")]
    ax.plot(*path, color="white", linewidth=1, path_effects=halo, label="path of the ascent; numbers: epochs")
    for name, model, marker, color, size in (
        ("start", result.start, "s", ORANGE, 9),
        ("estimate", result.model, "*", RED, 17),
    ):
        place = [entry_dict(model)[key] for key in chosen]
        look = {"color": color, "marker": marker, "markersize": size, "markeredgecolor": "black", "linestyle": "none"}
        ax.plot(*place, label=f"{name}: {_values(model, chosen)}", zorder=5, **look)
    ax.set(xlabel=chosen[0], ylabel=chosen[1], xlim=x[[0, -1]], ylim=y[[0, -1]])
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() == "log":
            plain_ticks(axis)
    if others := [name for name in table.entries if name not in chosen]:
        held = ", ".join(f"{name} = {float(entry_dict(result.model)[name]):.5g}" for name in others)
        ax.plot([], [], linestyle="none", label=f"held at the estimate: {held}")
    _number_epochs(ax, result.history.epoch, np.transpose(path))
    legend_above(ax, columns=2, letters=BESIDE_A_BAR)
    return ax


def fit_figure(result: TrainResult[Any]) -> Figure:
    """Draw `log_likelihood` over `distance`, on one axis of epochs.

    Args:
        result: of `train`.

    Returns:
        A new figure of two panels.
    """
    figure = new_figure(8.0, result)
    upper, lower = figure.subplots(2, 1, sharex=True)
    log_likelihood(result, upper).label_outer()
    distance(result, lower)
    figure.align_ylabels()
    return figure


def _values(model: Model, names: Sequence[str] | None = None) -> str:
    values = entry_dict(model)
    return listed([f"{name} = {float(values[name]):.5g}" for name in names or values])


def _ring(ax: Axes, x: Any, y: Any, color: str) -> None:
    ax.plot(x, y, "o", color=color, markersize=9, markerfacecolor="none", markeredgewidth=1.5, zorder=4)


def _mark_end(ax: Axes, result: TrainResult[Any]) -> None:
    """Mark where the estimate was measured and where the run stopped, and end the axis of epochs there."""
    first = result.history.epoch[0]
    stop = f"stop: epoch {result.epochs:,}, {LOOKS[result.status].words}"
    if result.best_epoch == result.epochs:
        stop = f"best and {stop}"
    else:
        best = f"best: epoch {result.best_epoch:,}"
        ax.axvline(result.best_epoch, color="0.4", linewidth=1, linestyle="--", label=best)
    ax.axvline(result.epochs, color="0.4", linewidth=1.4, linestyle=":", label=stop)
    ax.set(xscale="log", xlim=(0.85 * first, 1.2 * result.epochs))


def _keep_the_end_in_view(ax: Axes, epoch: np.ndarray, curves: np.ndarray) -> None:
    """Let the vertical axis begin a third of the (logarithmic) way along, when that at least halves it."""
    along = np.searchsorted(epoch, np.geomspace(epoch[0], epoch[-1], 200).clip(epoch[0], epoch[-1]))
    low, top = np.nanquantile(curves[:, along], 0.4), np.nanmax(curves)
    if top - np.nanmin(curves) > 2 * (top - low) > 0:
        ax.set_ylim(low - 0.1 * (top - low), top + 0.1 * (top - low))
        number = f"{curves[0, 0]:,.{0 if abs(curves[0, 0]) >= 1000 else 2}f}".replace("-", "\N{MINUS SIGN}")
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        said = f"begins below, at {number} in epoch {epoch[0]}"
        ax.text(0.015, 0.03, said, transform=ax.transAxes, color="0.3", fontsize="small", bbox=box, zorder=1.5)


def _bin_edges(values: np.ndarray, low: float, high: float) -> np.ndarray:
    inner = values[(values >= low) & (values <= high)]
    bins = np.clip((high - low) * np.cbrt(len(inner)) / (2 * (np.ptp(np.quantile(inner, [0.25, 0.75])) or 1.0)), 15, 80)
    return np.unique(np.linspace(low, high, int(bins) + 1))  # which float64 may not hold apart


def _levels(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10, 20, ... from the first above `low` to the first above `high`; decades alone when many."""
    low = max(low, 1e-6)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(max(high, 10 * low))) + 1)
    steps = [lead * 10.0**k for k in decades for lead in ((1, 2, 5) if len(decades) <= 6 else (1,))]
    first = next(i for i, step in enumerate(steps) if step >= low)
    last = next(i for i, step in enumerate(steps) if step >= high and i >= first + 2)
    return steps[first : last + 1]


def _number_epochs(ax: Axes, epoch: np.ndarray, path: np.ndarray) -> None:
    """Write the epochs 3, 10, 30, ... beside the path, where there is room."""
    places = ax.transAxes.inverted().transform(ax.transData.transform(path))  # as shares of the axes
    taken = [places[0], places[-1]]
    for number in (lead * 10**k for k in range(8) for lead in (1, 3)):
        row = np.searchsorted(epoch, number)
        if row < len(epoch) and all(np.linalg.norm(places[row] - other) > 0.06 for other in taken):
            taken.append(places[row])
            ax.plot(*path[row], "o", color="white", markersize=5, markeredgecolor="black", zorder=4)
            halo = [withStroke(linewidth=2.5, foreground="black")]
            place = {"textcoords": "offset points", "xytext": (8, -11), "color": "white", "path_effects": halo}
            ax.annotate(f"{epoch[row]:,}", tuple(path[row]), **place)


def ascents(found: Sequence[Any], ax: Axes | None = None, about: str = "") -> Axes:
    r"""Draw several ways of ascending: $\sqrt{2 (L_{max} - L)}$ before every epoch, in standard errors.

    Args:
        found: each with its `name`, `learning_rate`, `epochs` to the maximum (None: never) and `history`, the
            distances.
        ax: where to draw; None for a new figure.
        about: the small print of a new figure.

    Returns:
        The axes drawn on.
    """
    ax, floor = new_axes(ax, result=about), ARRIVED / 20
    for ascent, (color, line) in zip(found, LINES, strict=False):
        reached = "never arrives" if ascent.epochs is None else f"{ascent.epochs:,} epochs"
        label = f"{ascent.name}, rate {ascent.learning_rate:.3g}: {reached}"
        epochs = np.arange(1, len(ascent.history) + 1)
        below = np.maximum(ascent.history, floor / 2)  # so that the line reaches the edge where it leaves the picture
        ax.plot(epochs, below, color=color, linestyle=line, linewidth=1.8, label=label)
    ax.axhline(ARRIVED, color="0.4", linewidth=1, label=f"{ARRIVED} standard errors: arrived")
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylim=(floor, None))
    ax.set_ylabel("below the maximum\n(standard errors)")
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    legend_above(ax, columns=2)
    return ax
