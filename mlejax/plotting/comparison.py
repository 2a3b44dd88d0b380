"""A picture of a comparison: the best families over the observations."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..results.comparison import Comparison
from ..results.diagnostics import density_on, distribution_of
from .estimates import shares_up_to
from .style import HALF, LINES, in_lines, new_axes, new_figure

MOST = 4
"""Families that a picture shows."""

HIGHEST = 1.6
"""How far the axis of densities reaches at most, in heights of the histogram: a density may have no bound."""


def comparison_figure(comparison: Comparison, name: str = "observation") -> Figure:
    """Draw the densities of the best families over a histogram, and their distribution functions over the shares seen.

    Args:
        comparison: of `compare`, of single numbers.
        name: of what was observed, and its unit.

    Returns:
        A new figure of two panels; families by rising AIC, at most four.

    Raises:
        ValueError: no family has a maximum.
    """
    fits = {which: fit for which, fit in comparison.fits.items() if fit.converged}
    best = comparison.best
    values, weights = np.asarray(best.observations), best.weights
    shown = list(fits.items())[:MOST]
    figure = new_figure(4.4, [fit for _, fit in shown])
    left, right = (new_axes(ax) for ax in figure.subplots(1, 2))
    whole = bool(best.model.support.whole)
    low, high = np.quantile(values, [0.0005, 0.9995])
    low, high = (low, high) if low < high else (values.min() - 0.5, values.max() + 0.5)
    grid = np.arange(np.floor(low), np.ceil(high) + 1) if whole else np.linspace(low, high, 500)
    edges: Any = np.append(grid, grid[-1] + 1) - 0.5 if whole else np.histogram_bin_edges(values, "auto", (low, high))
    counted, _ = np.histogram(values, edges, weights=weights)
    total = len(values) if weights is None else np.sum(weights)
    left.stairs(counted / (total * np.diff(edges)), edges, fill=True, color="0.85", label="observations")
    seen, _, shares = shares_up_to(best)
    right.step(seen, shares, where="post", color="0.6", linewidth=2, label="observations")
    style: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1} if whole else {"linewidth": 1.8}
    for (which, fit), (color, line) in zip(shown, LINES, strict=False):
        look = style | {"color": color, "linestyle": line, "label": f"{which} ({fit.aic:.1f})"}
        left.plot(grid, density_on(fit.model, grid), **look)
        if (found := distribution_of(fit.model, values)) is not None:
            right.plot(grid, found.at(grid), **look)
    name = in_lines(name, HALF)
    left.set(xlabel=name, ylabel="probability" if whole else in_lines(f"density (per unit of {name})", HALF))
    left.set_ylim(0, min(left.get_ylim()[1], HIGHEST * float(np.max(counted / (total * np.diff(edges))))))
    right.set(xlabel=name, ylabel="share up to this value")
    handles, _ = left.get_legend_handles_labels()
    figure.legend(
        handles=handles, loc="outside upper left", ncols=3, frameon=False, title="AIC in parentheses", alignment="left"
    )
    return figure
