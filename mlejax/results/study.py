"""What a simulation study found: how estimates of samples of known origin scatter, and how often intervals hold."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .text import table


class Coverage(NamedTuple):
    """How often an interval holds the truth, for each count; (k,) each."""

    share: Float[np.ndarray, " k"]
    error: Float[np.ndarray, " k"]  # its Monte Carlo standard error


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
    bootstrap: Mapping[str, Coverage] = dataclasses.field(default_factory=dict)  # likewise, by method


FIGURES = (
    "bias", "bias_error", "standard_deviation", "root_mean_square_error", "mean_standard_error", "coverage",
    "coverage_error",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A simulation study over numbers of observations. `print` shows a table."""

    family: str
    level: float  # of the intervals
    samples: int  # of each count
    counts: Int[np.ndarray, " k"]  # observations in a sample
    converged: Float[np.ndarray, " k"]  # the share of samples with a maximum; the others are left out below
    parameters: Mapping[str, Scatter]

    @property
    def methods(self) -> tuple[str, ...]:
        """The bootstrap intervals whose coverage was studied."""
        return tuple(next(iter(self.parameters.values())).bootstrap)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each count and parameter, in plain values."""
        return [
            {
                "count": int(count),
                "converged": float(self.converged[i]),
                "parameter": name,
                "truth": at.truth,
                **{figure: float(getattr(at, figure)[i]) for figure in FIGURES},
                **{f"{method}_coverage": float(held.share[i]) for method, held in at.bootstrap.items()},
                **{f"{method}_coverage_error": float(held.error[i]) for method, held in at.bootstrap.items()},
            }
            for i, count in enumerate(self.counts)
            for name, at in self.parameters.items()
        ]

    def to_record(self) -> dict[str, Any]:
        """Return the study as JSON has it, null where there is no number."""
        rows = [
            {name: value if isinstance(value, str) or np.isfinite(value) else None for name, value in row.items()}
            for row in self.rows()
        ]
        return {"model": self.family, "level": self.level, "samples": self.samples, "study": rows}

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV with a row for each count and parameter; a number that is none is left empty."""
        import csv

        rows = self.to_record()["study"]
        with open(path, "w", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each count and parameter."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def __str__(self) -> str:
        head = ["parameter", "n", "truth", "bias", "+-", "deviation", "rmse", "mean s.e.", "coverage", "+-"]
        for method in self.methods:
            head += [method, "+-"]
        cells = []
        for row in self.rows():
            numbers = [row[name] for name in ("truth", "bias", "bias_error", "standard_deviation")]
            numbers += [row["root_mean_square_error"], row["mean_standard_error"]]
            shares = [row["coverage"], row["coverage_error"]]
            for method in self.methods:
                shares += [row[f"{method}_coverage"], row[f"{method}_coverage_error"]]
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
