"""Shares of observations that are censored, estimated without a model: what a fitted one is held against."""

import dataclasses

import numpy as np
from jaxtyping import Float, Real

Numbers = Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True, eq=False)
class Stairs:
    """A distribution function that rises at some points."""

    points: np.ndarray  # distinct, rising
    before: np.ndarray  # the share below each
    after: np.ndarray  # the share up to each

    @property
    def middles(self) -> np.ndarray:
        """The share in the middle of each step."""
        return (self.before + self.after) / 2

    def survival(self, values: np.ndarray) -> np.ndarray:
        """Return the shares beyond values."""
        steps = np.concatenate([self.before[:1], self.after])
        return 1 - steps[np.searchsorted(self.points, values, side="right")]


def kaplan_meier(
    times: Numbers, seen: Real[np.ndarray, " n"], weights: Numbers | None = None, left: bool = False
) -> Stairs:
    """Return the product-limit estimate of the distribution of times, at those that were seen.

    Args:
        times: at which something happened, or watching ended.
        seen: 1 where it happened, 0 where it is only known to lie beyond.
        weights: how often each counts; None: once.
        left: what was not seen lies below its time.

    Returns:
        A step at every distinct time that was seen; of times that agree, what was not seen lies beyond.

    Example:
        >>> import numpy as np
        >>> kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 0])).after
        array([0.25 , 0.625])

    Source: E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, Journal of the American
    Statistical Association 53 (1958) 457-481.
    """
    if left:
        found = kaplan_meier(-times, seen, weights)
        return Stairs(-found.points[::-1], 1 - found.after[::-1], 1 - found.before[::-1])
    heavy = np.ones(len(times)) if weights is None else weights
    points, place = np.unique(times[seen == 1], return_inverse=True)
    happened = np.bincount(place, heavy[seen == 1], minlength=len(points))
    order = np.argsort(times, kind="stable")
    left_over = np.append(np.cumsum(heavy[order][::-1])[::-1], 0.0)
    watched = left_over[np.searchsorted(times[order], points, side="left")]
    after = 1 - np.cumprod(1 - happened / watched)
    return Stairs(points, np.append(0.0, after[:-1])[: len(points)], after)


def interval_bounds(lower: Numbers, upper: Numbers, weights: Numbers | None = None) -> tuple[Stairs, Stairs]:
    """Return the lowest and the highest distribution function that intervals allow, each of them apart."""
    heavy = np.ones(len(lower)) if weights is None else weights

    def stairs(ends: Numbers) -> Stairs:
        points, place = np.unique(ends, return_inverse=True)
        after = np.cumsum(np.bincount(place, heavy)) / np.sum(heavy)
        return Stairs(points, np.append(0.0, after[:-1]), after)

    return stairs(upper), stairs(lower)
