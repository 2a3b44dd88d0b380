"""The fits of resamples: how the estimate scatters, and intervals from that."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Generic

import numpy as np
from jaxtyping import Float

from .. import checks
from ..checks import InputValueError, shown
from ..models.base import M, name_of
from ..models.parameters import Parameters, entry_dict

Interval = tuple[float, float]

METHODS = ("percentile", "basic", "bca")
"""Intervals from the estimates of resamples."""

ALL_METHODS = ("wald", *METHODS)
"""All intervals of a bootstrap."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Generic[M]):
    """What fits of resamples found. Numbers are NumPy float64; `print` shows a table."""

    fitted: M  # the estimate of the sample itself
    model: M  # leaves (m, ...): the estimates of the resamples that have a maximum
    count: int  # resamples, those without a maximum among them
    acceleration: Mapping[str, float]  # how fast the standard error changes with the parameter, for `bca`
    why_not: str  # of resamples without a maximum: how many, and why; nothing where there are none
    fitted_errors: Mapping[str, float] = dataclasses.field(default_factory=dict)  # of the fit itself

    @property
    def family(self) -> str:
        """What the model is called."""
        return name_of(self.fitted)

    @property
    def converged(self) -> int:
        """How many resamples have a maximum."""
        return len(next(iter(self.estimates.values())))

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the parameters in print and in pictures: of a symmetric matrix each pair once."""
        return Parameters.of(self.fitted).shown

    @functools.cached_property
    def estimate(self) -> dict[str, float]:
        """The estimate of the sample itself, by name; the entries of an array by its name and their place."""
        return {name: float(value) for name, value in entry_dict(self.fitted).items()}

    @functools.cached_property
    def estimates(self) -> dict[str, Float[np.ndarray, " m"]]:
        """The estimates of the resamples that have a maximum, likewise."""
        return Parameters.of(self.fitted).by_entry(self.model)

    @property
    def standard_errors(self) -> dict[str, float]:
        """The standard deviation of the estimates, by name; NaN of a single one."""
        return {name: float(np.std(at, ddof=1)) if len(at) > 1 else math.nan for name, at in self.estimates.items()}

    @property
    def bias(self) -> dict[str, float]:
        """The mean of the estimates less the estimate, by name."""
        return {name: float(np.mean(at) - self.estimate[name]) for name, at in self.estimates.items()}

    def confidence_intervals(self, level: float | int = 0.95, method: str = "bca") -> dict[str, Interval]:
        """Return an interval for every parameter that holds the true one in about a share `level` of samples.

        Args:
            level: between 0 and 1.
            method: `percentile`, the quantiles of the estimates; `basic`, these mirrored at the estimate; `bca`,
                quantiles that are corrected for bias and for a standard error that changes with the parameter; or
                `wald`, which asks no resamples: the estimate and so many standard errors of the fit to both sides.

        How fast the standard error changes is told by the influence of each observation, its score times the inverse
        information; 0 for a family whose likelihood has a corner at its maximum. Resamples without a maximum are left
        out; `why_not` tells how many.

        Returns:
            Pairs of ends by name, in the units of the parameters.

        Raises:
            TypeError, ValueError: the level or the method is not as described, there are too few resamples for the
                level, or the estimates of all resamples lie on one side of that of the sample, which `bca` cannot use.
        """
        if method not in ALL_METHODS:
            raise InputValueError(f"method must be wald, percentile, basic or bca; got {shown(method)}")
        checks.level(level)
        found = {name: self._interval(name, level, method) for name in self.estimates}
        if method != "wald":
            check_level(level, self.converged)
            if none := [name for name, (low, _) in found.items() if math.isnan(low)]:
                raise InputValueError(f"{none[0]}: all estimates of resamples lie on one side of the estimate")
        return found

    def all_intervals(self, level: float | int = 0.95) -> dict[str, dict[str, Interval]]:
        """Return the intervals of every method by parameter and method; NaN where a method has none.

        Args:
            level: between 0 and 1.

        Raises:
            TypeError, ValueError: the level is not as described.
        """
        checks.level(level)
        return {
            name: {method: self._interval(name, level, method) for method in ALL_METHODS} for name in self.estimates
        }

    def _interval(self, name: str, level: float | int, method: str) -> Interval:
        """Return an interval; NaN where there are too few resamples, or all lie where the method cannot use them."""
        from scipy.special import ndtr, ndtri

        at, center = self.estimates[name], self.estimate[name]
        shares = np.array([(1 - level) / 2, (1 + level) / 2])
        if method == "wald":
            half = float(ndtri(shares[1])) * self.fitted_errors.get(name, math.nan)
            return (center - half, center + half)
        below = self._share_below(name)
        if _too_few(level, self.converged) or (method == "bca" and not 0 < below < 1):
            return (math.nan, math.nan)
        if method == "bca":
            moved = ndtri(below) + ndtri(shares)
            slowed = 1 - self.acceleration[name] * moved  # at 0 and below, the end is that of all resamples
            corrected = ndtr(ndtri(below) + moved / np.where(slowed > 0, slowed, 1.0))
            shares = np.where(slowed > 0, corrected, moved > 0)
        low, high = map(float, np.quantile(at, shares))
        return (2 * center - high, 2 * center - low) if method == "basic" else (low, high)

    def _share_below(self, name: str) -> float:
        """Return the share of estimates below that of the sample, those that are equal counted half."""
        at, center = self.estimates[name], self.estimate[name]
        return float(np.sum(at < center) + 0.5 * np.sum(at == center)) / len(at)

    def __str__(self) -> str:
        from .text import table  # which knows of fits

        errors, bias, intervals = self.standard_errors, self.bias, self.all_intervals()
        rows = [
            [name, *(_cell(x) for x in (self.estimate[name], errors[name], bias[name], *intervals[name]["bca"]))]
            for name in self.shown
        ]
        head = ["parameter", "estimate", "bootstrap error", "bias", "95 % from", "to"]
        lacking = _too_few(0.95, self.converged)
        lines = [f"{self.family}, {self.count:,} resamples, BCa intervals", "", table(rows, header=head)]
        return "\n".join([*lines, *filter(None, (self.why_not, lacking))])

    def __repr__(self) -> str:
        return f"Bootstrap({self.family}, {self.count:,} resamples)"


def check_level(level: float | int, resamples: int) -> None:
    """Refuse a level that is none, or that asks more resamples.

    Raises:
        TypeError, ValueError: saying how many are needed.
    """
    checks.level(level)
    if lacking := _too_few(level, resamples):
        raise InputValueError(lacking)


def _too_few(level: float | int, resamples: int) -> str:
    """Return why there are too few resamples for one to lie beyond each end of an interval; "" if there are enough."""
    needed = math.ceil(round(2 / (1 - level), 6))  # 2 / (1 - 0.9) is a rounding error more than 20
    lacking = f"level {level} needs {needed} resamples with a maximum at least; got {resamples}"
    return "" if resamples >= needed else lacking


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"
