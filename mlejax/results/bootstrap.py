"""The fits of resamples: how the estimate scatters, and intervals from that."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Generic

import numpy as np
from jaxtyping import Float

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
        """The standard deviation of the estimates, by name."""
        return {name: float(np.std(at, ddof=1)) for name, at in self.estimates.items()}

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

        Returns:
            Pairs of ends by name, in the units of the parameters.

        Raises:
            ValueError: the level or the method is not as described, or there are too few resamples for the level.
        """
        if method not in ALL_METHODS:
            raise InputValueError(f"method must be wald, percentile, basic or bca; got {shown(method)}")
        return {name: self._interval(name, level, method) for name in self.estimates}

    def all_intervals(self, level: float | int = 0.95) -> dict[str, dict[str, Interval]]:
        """Return the intervals of every method by parameter and method; NaN where a method has none.

        Args:
            level: between 0 and 1.

        Raises:
            ValueError: the level is not as described, or there are too few resamples for it.
        """
        found: dict[str, dict[str, Interval]] = {name: {} for name in self.estimates}
        for name, by_method in found.items():
            for method in ALL_METHODS:
                none = method == "bca" and not 0 < self._share_below(name) < 1
                by_method[method] = (math.nan, math.nan) if none else self._interval(name, level, method)
        return found

    def _interval(self, name: str, level: float | int, method: str) -> Interval:
        from scipy.special import ndtr, ndtri

        check_level(level, len(self.estimates[name]))
        at, center = self.estimates[name], self.estimate[name]
        shares = np.array([(1 - level) / 2, (1 + level) / 2])
        if method == "wald":
            half = float(ndtri(shares[1])) * self.fitted_errors.get(name, math.nan)
            return (center - half, center + half)
        if method == "bca":
            below = self._share_below(name)
            if not 0 < below < 1:
                raise InputValueError(f"{name}: all estimates of resamples lie on one side of the estimate")
            moved = ndtri(below) + ndtri(shares)
            shares = ndtr(ndtri(below) + moved / (1 - self.acceleration[name] * moved))
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
            [name, *(f"{x:.6g}" for x in (value, errors[name], bias[name], *intervals[name]["bca"]))]
            for name, value in self.estimate.items()
        ]
        head = ["parameter", "estimate", "bootstrap error", "bias", "95 % from", "to"]
        why = f"\n{self.why_not}" if self.why_not else ""
        return f"{self.family}, {self.count:,} resamples, BCa intervals\n\n{table(rows, header=head)}{why}"

    def __repr__(self) -> str:
        return f"Bootstrap({self.family}, {self.count:,} resamples)"


def check_level(level: float | int, resamples: int) -> None:
    """Refuse a level that is none, or that asks more resamples.

    Raises:
        ValueError: saying how many are needed.
    """
    if not 0 < level < 1:
        raise InputValueError(f"level must be between 0 and 1; got {shown(level)}")
    if resamples * (1 - level) / 2 < 1:
        raise InputValueError(
            f"level {level} needs {round(2 / (1 - level))} resamples with a maximum at least; got {resamples}"
        )
