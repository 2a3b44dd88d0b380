"""What a simulation study found: how estimates of samples of known origin scatter, and how often intervals hold."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .text import table


@dataclasses.dataclass(frozen=True, eq=False)
class Scatter:
    """The estimates of one parameter over the samples of each count, beside the number that they estimate; (k,) each.

    `..._error` is the Monte Carlo standard error of the figure before it.
    """

    truth: float
    bias: Float[np.ndarray, " k"]
    bias_error: Float[np.ndarray, " k"]
    standard_deviation: Float[np.ndarray, " k"]
    root_mean_square_error: Float[np.ndarray, " k"]
    mean_standard_error: Float[np.ndarray, " k"]  # what the fits themselves say
    coverage: Float[np.ndarray, " k"]  # of Wald intervals: the share that holds the truth
    coverage_error: Float[np.ndarray, " k"]
    bootstrap_coverage: Float[np.ndarray, " k"]  # likewise of percentile intervals; NaN where none were made
    bootstrap_coverage_error: Float[np.ndarray, " k"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A simulation study over numbers of observations. `print` shows a table."""

    family: str
    level: float  # of the intervals
    samples: int  # of each count
    counts: Int[np.ndarray, " k"]  # observations in a sample
    converged: Float[np.ndarray, " k"]  # the share of samples with a maximum; the others are left out below
    parameters: Mapping[str, Scatter]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each count and parameter, in plain values."""
        return [
            {
                "count": int(count),
                "converged": float(self.converged[i]),
                "parameter": name,
                **{
                    field.name: at.truth if field.name == "truth" else float(getattr(at, field.name)[i])
                    for field in dataclasses.fields(at)
                },
            }
            for i, count in enumerate(self.counts)
            for name, at in self.parameters.items()
        ]

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each count and parameter."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def __str__(self) -> str:
        boot = any(np.isfinite(at.bootstrap_coverage).any() for at in self.parameters.values())
        head = ["parameter", "n", "truth", "bias", "+-", "deviation", "rmse", "mean s.e.", "coverage", "+-"]
        head += ["bootstrap", "+-"] * boot
        cells = []
        for row in self.rows():
            numbers = [row[name] for name in ("truth", "bias", "bias_error", "standard_deviation")]
            numbers += [row["root_mean_square_error"], row["mean_standard_error"]]
            shares = [row["coverage"], row["coverage_error"]]
            shares += [row["bootstrap_coverage"], row["bootstrap_coverage_error"]] * boot
            cells.append([
                row["parameter"], f"{row['count']:,}", *(f"{x:.4g}" for x in numbers), *(f"{x:.4f}" for x in shares),
            ])  # fmt: skip
        lost = [
            f"{1 - share:.2%} at n = {count:,}"
            for share, count in zip(self.converged, self.counts, strict=True)
            if share < 1
        ]
        said = f"\nsamples without a maximum, left out: {', '.join(lost)}" if lost else ""
        title = f"{self.family}, {self.samples:,} samples of each size, intervals of {self.level:.0%}"
        return f"{title}\n\n{table(cells, header=head)}{said}"

    def __repr__(self) -> str:
        return f"Study({self.family}, {self.samples:,} samples of {', '.join(map(str, self.counts))})"
