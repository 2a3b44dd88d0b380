"""The fits of resamples: how the estimate scatters, and intervals from that."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ..checks import InputValueError, shown

Interval = tuple[float, float]

METHODS = ("percentile", "basic", "bca")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """What fits of resamples found. Numbers are NumPy float64; `print` shows a table."""

    family: str
    estimate: Mapping[str, float]  # of the sample itself
    estimates: Mapping[str, Float[np.ndarray, " m"]]  # of the resamples that have a maximum
    count: int  # resamples, those without a maximum among them
    acceleration: Mapping[str, float]  # how fast the standard error changes with the parameter, for `bca`
    why_not: str  # of resamples without a maximum: how many, and why; nothing where there are none

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
            method: `percentile`, the quantiles of the estimates; `basic`, these mirrored at the estimate; or `bca`,
                quantiles that are corrected for bias and for a standard error that changes with the parameter.

        Returns:
            Pairs of ends by name, in the units of the parameters.

        Raises:
            ValueError: the level or the method is not as described, or there are too few resamples for the level.
        """
        from scipy.special import ndtr, ndtri

        if not 0 < level < 1:
            raise InputValueError(f"level must be between 0 and 1; got {shown(level)}")
        if method not in METHODS:
            raise InputValueError(f"method must be percentile, basic or bca; got {shown(method)}")
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        found: dict[str, Interval] = {}
        for name, at in self.estimates.items():
            if len(at) * tails[0] < 1:
                least = round(2 / (1 - level))
                raise InputValueError(f"level {level} needs {least} resamples with a maximum at least; got {len(at)}")
            center, shares = self.estimate[name], tails
            if method == "bca":
                below = (np.sum(at < center) + 0.5 * np.sum(at == center)) / len(at)
                if not 0 < below < 1:
                    raise InputValueError(f"{name}: all estimates of resamples lie on one side of the estimate")
                moved = ndtri(below) + ndtri(tails)
                shares = ndtr(ndtri(below) + moved / (1 - self.acceleration[name] * moved))
            low, high = np.quantile(at, shares)
            found[name] = (2 * center - high, 2 * center - low) if method == "basic" else (low, high)
        return {name: (float(low), float(high)) for name, (low, high) in found.items()}

    def __str__(self) -> str:
        from .text import table  # which knows of fits

        errors, bias, intervals = self.standard_errors, self.bias, self.confidence_intervals()
        rows = [
            [name, *(f"{x:.6g}" for x in (value, errors[name], bias[name], *intervals[name]))]
            for name, value in self.estimate.items()
        ]
        head = ["parameter", "estimate", "bootstrap error", "bias", "95 % from", "to"]
        why = f"\n{self.why_not}" if self.why_not else ""
        return f"{self.family}, {self.count:,} resamples, BCa intervals\n\n{table(rows, header=head)}{why}"

    def __repr__(self) -> str:
        return f"Bootstrap({self.family}, {self.count:,} resamples)"
