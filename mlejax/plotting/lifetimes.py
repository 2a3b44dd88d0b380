"""Pictures of an estimate from censored observations, beside what these say without a model."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..checks import InputTypeError, InputValueError, shown
from ..models.base import Model
from ..models.censored import IntervalCensored, LeftCensored, RightCensored, pair_of
from ..models.wrappers import Fixed, filled
from ..results.diagnostics import Distribution, distribution_of
from ..results.fit import FitResult
from ..results.lifetimes import Stairs, interval_bounds, kaplan_meier
from .estimates import some_of
from .style import BLUE, HALF, ORANGE, in_lines, legend_above, new_axes, new_figure


def survival(result: FitResult[Any], ax: Axes | None = None, name: str = "time") -> Axes:
    """Draw the share that lies beyond each value: that of the estimate, and that of Kaplan and Meier.

    Of intervals, in place of the latter, the lowest and the highest shares that they allow.

    Args:
        result: of `fit`, for a model that is censored.
        ax: where to draw; None for a new figure.
        name: of what was observed, and its unit.

    Returns:
        The axes drawn on.

    Raises:
        TypeError: the model is not censored.
        ValueError: its density does not integrate to one.
    """
    model, ax = _censored(result), new_axes(ax, result=result)
    first, second = _pair(result)
    values = _known(np.concatenate([first, second])) if isinstance(model, IntervalCensored) else first
    ends = values.min(), values.max()
    if isinstance(model, IntervalCensored):
        bounds = interval_bounds(first, second, result.weights)
        grid = np.unique(_known(np.concatenate([_some(stairs.points) for stairs in bounds])))
        most, least = (stairs.survival(grid) for stairs in bounds)
        ax.fill_between(grid, least, most, step="post", color="0.85", label="what the intervals allow")
    else:
        stairs = _stairs(result)
        at = np.concatenate([ends[:1], _some(stairs.points), ends[1:]])
        ax.step(at, stairs.survival(at), where="post", color="0.5", label="Kaplan-Meier")
        if len(unseen := _some(np.unique(first[second == 0]))):
            look: dict[str, Any] = {"marker": "|", "markersize": 7, "linestyle": "none", "color": ORANGE}
            ax.plot(
                unseen,
                stairs.survival(unseen),
                label="known to lie below" if _left(model) else "watched until here",
                **look,
            )
    grid = np.linspace(*ends, 500)
    ax.plot(grid, 1 - _distribution(result).at(grid), color=BLUE, linewidth=1.8, label="estimate")
    ax.set(xlabel=in_lines(name, HALF), ylabel="share beyond this value", ylim=(-0.02, 1.02))
    legend_above(ax, columns=2, letters=HALF)
    return ax


def survival_quantiles(result: FitResult[Any], ax: Axes | None = None, name: str = "time") -> Axes:
    """Draw every value that was seen against the quantile of the estimate at the share of Kaplan and Meier.

    Args:
        result: of `fit`, for a model that is censored on the right or on the left.
        ax: where to draw; None for a new figure.
        name: of what was observed, and its unit.

    Returns:
        The axes drawn on.

    Raises:
        TypeError: the model is not censored, or to intervals, of which no value was seen.
        ValueError: its density does not integrate to one, or nothing was seen.
    """
    stairs = _stairs(result)
    if not len(stairs.points):
        raise InputValueError("nothing was seen: there are no values to draw")
    ax = new_axes(ax, result=result)
    chosen = some_of(len(stairs.points))
    values, expected = stairs.points[chosen], _distribution(result).quantiles(stairs.middles[chosen])
    ends = [min(values[0], expected[0]), max(values[-1], expected[-1])]
    ax.plot(ends, ends, color="0.4", linewidth=1, label="equal")
    ax.plot(expected, values, "o", color=BLUE, markersize=3.5, label="seen")
    ax.set(xlabel="quantile of the estimate", ylabel=in_lines(name, HALF))
    legend_above(ax, columns=2, letters=HALF)
    return ax


def survival_figure(result: FitResult[Any], name: str = "time") -> Figure:
    """Draw `survival` beside `survival_quantiles`; of intervals, and where nothing was seen, `survival` alone.

    Args:
        result: of `fit`, for a model that is censored.
        name: of what was observed, and its unit.

    Returns:
        A new figure.

    Raises:
        TypeError: the model is not censored.
        ValueError: its density does not integrate to one.
    """
    figure, model = new_figure(4.2, result), _censored(result)
    if isinstance(model, IntervalCensored) or not np.any(_pair(result)[1] == 1):
        survival(result, new_axes(figure.subplots()), name)
        return figure
    left, right = figure.subplots(1, 2)
    survival(result, new_axes(left), name)
    survival_quantiles(result, new_axes(right), name)
    return figure


def _censored(result: FitResult[Any]) -> RightCensored[Any] | LeftCensored[Any] | IntervalCensored[Any]:
    """Return the fitted model, with its fixed numbers in their places."""
    model: Model = filled(result.model.base) if isinstance(result.model, Fixed) else result.model
    if not isinstance(model, RightCensored | LeftCensored | IntervalCensored):
        raise InputTypeError(f"a survival function is drawn of a model that is censored; got a fit of {shown(model)}")
    return model


def _left(model: Model) -> bool:
    return isinstance(model, LeftCensored)


def _pair(result: FitResult[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the two columns of the sample."""
    first, second = pair_of(result.observations, _censored(result).names)
    return np.asarray(first, float), np.asarray(second, float)


def _stairs(result: FitResult[Any]) -> Stairs:
    model = _censored(result)
    if isinstance(model, IntervalCensored):
        raise InputTypeError("no value was seen of what is censored to intervals")
    return kaplan_meier(*_pair(result), result.weights, left=_left(model))


def _some(points: np.ndarray) -> np.ndarray:
    return points[some_of(len(points))]


def _known(ends: np.ndarray) -> np.ndarray:
    return ends[np.isfinite(ends)]


def _distribution(result: FitResult[Any]) -> Distribution:
    model = _censored(result)
    first, second = _pair(result)
    values = _known(np.concatenate([first, second])) if isinstance(model, IntervalCensored) else first
    found = distribution_of(filled(model.base), values)
    if found is None:
        raise InputValueError(f"the density of {model!r} does not integrate to one: there is nothing to draw")
    return found
