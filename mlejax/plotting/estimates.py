"""Pictures of a maximum likelihood estimate beside the observations."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..checks import InputValueError
from ..results.diagnostics import Distribution, distribution_of, uncut
from ..results.fit import FitResult
from .style import BLUE, HALF, in_lines, legend_above, new_axes, new_figure

MOST_POINTS = 1000
"""Observations that a picture shows; of more, evenly spread ones and the extremes."""


def distribution_function(result: FitResult[Any], ax: Axes | None = None, name: str = "observation") -> Axes:
    """Draw the share of observations up to each value, and the probability that the estimate gives it.

    Of angles the circle is cut opposite to where the estimate lies.

    Args:
        result: of `fit`.
        ax: where to draw; None for a new figure.
        name: of the horizontal axis: what was observed, and its unit.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: the density of the estimate does not integrate to one.
    """
    ax, found = new_axes(ax, result=result), _distribution(result)
    values, _, shares = shares_up_to(result)
    ax.step(values, shares, where="post", color="0.5", label="observations")
    inside = found.points[(found.points >= values[0]) & (found.points <= values[-1])]
    if result.model.support.whole:
        ax.plot(inside, found.at(inside), "o", color=BLUE, markersize=4, label="estimate")
    else:
        grid = np.linspace(values[0], values[-1], 500)
        ax.plot(grid, found.at(grid), color=BLUE, linewidth=1.8, label="estimate")
    ax.set(
        xlabel=in_lines(name, HALF),
        ylabel=f"share up to this {name}" if name == "observation" else "share up to this value",
    )
    legend_above(ax, columns=2)
    return ax


def quantiles(result: FitResult[Any], ax: Axes | None = None, name: str = "observation") -> Axes:
    """Draw every observation against the quantile of the estimate that it should be near: a Q-Q plot.

    A whole number k counts as the numbers from k - 1/2 to k + 1/2, over which it is spread.

    Args:
        result: of `fit`.
        ax: where to draw; None for a new figure.
        name: of what was observed, and its unit.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: the density of the estimate does not integrate to one.
    """
    ax, found = new_axes(ax, result=result), _distribution(result)
    values, middles, _ = shares_up_to(result)
    expected = found.quantiles(middles)
    if result.model.support.whole:  # of which each stands for the half before it and the half behind it
        ends_of = np.append(found.points[0], found.points + 1) - 0.5
        expected = np.interp(middles, np.append(0.0, found.below), ends_of)
    ends = [min(values[0], expected[0]), max(values[-1], expected[-1])]
    ax.plot(ends, ends, color="0.4", linewidth=1, label="equal")
    ax.plot(expected, values, "o", color=BLUE, markersize=3.5, label="observations")
    ax.set(xlabel="quantile of the estimate", ylabel=in_lines(name, HALF))
    legend_above(ax, columns=2)
    return ax


def estimate_figure(result: FitResult[Any], name: str = "observation") -> Figure:
    """Draw `distribution_function` beside `quantiles`.

    Args:
        result: of `fit`.
        name: of what was observed, and its unit.

    Returns:
        A new figure of two panels.

    Raises:
        ValueError: the density of the estimate does not integrate to one.
    """
    figure = new_figure(4.2, result)
    left, right = figure.subplots(1, 2)
    distribution_function(result, new_axes(left), name)
    quantiles(result, new_axes(right), name)
    return figure


def _distribution(result: FitResult[Any]) -> Distribution:
    found = distribution_of(result.model, uncut(result.model, result.observations))
    if found is None:
        raise InputValueError(f"the density of {result.model!r} does not integrate to one: there is nothing to draw")
    return found


def shares_up_to(result: FitResult[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sorted observations, and the shares of all that lie up to the middle and up to the end of each."""
    values = uncut(result.model, result.observations)
    order = np.argsort(values, kind="stable")
    weights = np.ones(len(order)) if result.weights is None else result.weights[order]
    up_to = np.cumsum(weights) / np.sum(weights)
    middle = up_to - weights / np.sum(weights) / 2
    some = some_of(len(order))
    return values[order][some].astype(float), middle[some], up_to[some]


def some_of(count: int) -> np.ndarray:
    """Return the indices of what a picture shows of so many in order: evenly spread ones, the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))
