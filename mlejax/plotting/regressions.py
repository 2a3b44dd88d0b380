"""Pictures of a regression: what its responses differ by from what it expects of them."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..checks import InputTypeError, shown
from ..models.regression import Regression
from ..results.fit import FitResult
from .estimates import some_of
from .style import BLUE, HALF, in_lines, legend_above, new_axes, new_figure

Vector = Float[np.ndarray, " n"]


def residuals(result: FitResult[Any], ax: Axes | None = None, name: str = "response") -> Axes:
    """Draw residuals, in standard deviations of their responses, against what the regression expects of these.

    Args:
        result: of `fit`, for a regression.
        ax: where to draw; None for a new figure.
        name: of the response, and its unit.

    Returns:
        The axes drawn on.

    Raises:
        TypeError: it is no regression.
    """
    expected, standardized = _standardized(result)
    ax = new_axes(ax, result=result)
    some = _some(np.argsort(expected, kind="stable"))
    ax.axhline(0.0, color="0.4", linewidth=1)
    ax.plot(expected[some], standardized[some], "o", color=BLUE, markersize=3.5)
    ax.set(xlabel=in_lines(f"expected {name}", HALF), ylabel="residual / standard deviation")
    return ax


def residual_quantiles(result: FitResult[Any], ax: Axes | None = None) -> Axes:
    """Draw residuals of a linear regression against the quantiles of the normal distribution: a Q-Q plot.

    Args:
        result: of `fit`, for a `LinearRegression`.
        ax: where to draw; None for a new figure.

    Returns:
        The axes drawn on.

    Raises:
        TypeError: it is no regression.
    """
    from scipy.special import ndtri

    _, standardized = _standardized(result)
    ax = new_axes(ax, result=result)
    order = np.argsort(standardized, kind="stable")
    weights = np.ones(len(order)) if result.weights is None else result.weights[order]
    expected = ndtri((np.cumsum(weights) - weights / 2) / np.sum(weights))
    some = _some(np.arange(len(order)))
    values = standardized[order]
    ends = [min(values[0], expected[0]), max(values[-1], expected[-1])]
    ax.plot(ends, ends, color="0.4", linewidth=1, label="equal")
    ax.plot(expected[some], values[some], "o", color=BLUE, markersize=3.5, label="residuals")
    ax.set(xlabel="quantile of the normal distribution", ylabel="residual / standard deviation")
    legend_above(ax, columns=2)
    return ax


def regression_figure(result: FitResult[Any], name: str = "response") -> Figure:
    """Draw `residuals`, and beside them, of a linear regression, `residual_quantiles`.

    Args:
        result: of `fit`, for a regression.
        name: of the response, and its unit.

    Returns:
        A new figure.

    Raises:
        TypeError: it is no regression.
    """
    figure = new_figure(4.2, result)
    if not hasattr(result.model, "variance"):
        residuals(result, new_axes(figure.subplots()), name)
        return figure
    left, right = figure.subplots(1, 2)
    residuals(result, new_axes(left), name)
    residual_quantiles(result, new_axes(right))
    return figure


def _standardized(result: FitResult[Any]) -> tuple[Vector, Vector]:
    """Return what is expected of the responses, and their residuals in standard deviations."""
    model = result.model
    if not isinstance(model, Regression):
        raise InputTypeError(f"residuals are those of a regression; got a fit of {shown(model)}")
    found = model.fitted(result.observations)
    away = np.asarray(result.observations[model.response], float) - found.mean
    # A response that is certain, as where responses are separated, is no way off and has no deviation.
    return found.mean, np.divide(away, found.deviation, out=np.zeros_like(away), where=away != 0)


def _some(order: np.ndarray) -> np.ndarray:
    """Return at most so many of the indices as a picture shows, evenly spread, the first and the last among them."""
    return order[some_of(len(order))]
