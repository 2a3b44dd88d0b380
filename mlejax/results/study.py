"""What a simulation study found: how estimates of samples of known origin scatter, and how often intervals hold."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .text import table


class Coverage(NamedTuple):
    """How often an interval holds the truth, of the samples that have a maximum and such an interval; (k,) each."""

    share: Float[np.ndarray, " k"]
    error: Float[np.ndarray, " k"]  # its Monte Carlo standard error
    lacking: Float[np.ndarray, " k"]  # of the samples that have a maximum, the share without such an interval


@dataclasses.dataclass(frozen=True, eq=False)
class Scatter:
    """The estimates of one parameter over the samples of each count, beside the number that they estimate; (k,) each.

    Of the samples that have a maximum; NaN where fewer than two of a count have one. `bias_error`,
    `standard_deviation_error`, `root_mean_square_error_error` and `coverage_error` are Monte Carlo standard errors.
    """

    truth: float
    bias: Float[np.ndarray, " k"]
    bias_error: Float[np.ndarray, " k"]
    standard_deviation: Float[np.ndarray, " k"]
    standard_deviation_error: Float[np.ndarray, " k"]  # that of normal estimates
    root_mean_square_error: Float[np.ndarray, " k"]
    root_mean_square_error_error: Float[np.ndarray, " k"]
    mean_standard_error: Float[np.ndarray, " k"]  # what the fits themselves say
    coverage: Float[np.ndarray, " k"]  # of Wald intervals: the share that holds the truth
    coverage_error: Float[np.ndarray, " k"]
    coverage_lacking: Float[np.ndarray, " k"]  # the share without a standard error: left out of the last three
    bootstrap: Mapping[str, Coverage] = dataclasses.field(default_factory=dict)  # likewise, by method


FIGURES = (
    "bias", "bias_error", "standard_deviation", "standard_deviation_error", "root_mean_square_error",
    "root_mean_square_error_error", "mean_standard_error", "coverage", "coverage_error", "coverage_lacking",
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
                **{f"{method}_coverage_lacking": float(held.lacking[i]) for method, held in at.bootstrap.items()},
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
                row["parameter"], f"{row['count']:,}", *(_cell(x, "{:.4g}") for x in numbers),
                *(_cell(x, "{:.4f}") for x in shares),
            ])  # fmt: skip
        title = f"{self.family}, {self.samples:,} samples of each size, intervals of {100 * self.level:.6g}%"
        lines = [title, "", table(cells, header=head)]
        if lost := self._shares(1 - self.converged):
            lines.append(f"samples without a maximum, left out: {lost}")
        for name, at in self.parameters.items():
            missing = {"standard error": at.coverage_lacking}
            missing |= {f"{method} interval": held.lacking for method, held in at.bootstrap.items()}
            lines += [
                f"samples without a {what} of {name}, left out of its coverage: {lost}"
                for what, lacking in missing.items()
                if (lost := self._shares(lacking))
            ]
        return "\n".join(lines)

    def _shares(self, lacking: Float[np.ndarray, " k"]) -> str:
        """Return the shares above 0 in words."""
        pairs = zip(lacking.tolist(), self.counts.tolist(), strict=True)
        return ", ".join(f"{share:.2%} at n = {count:,}" for share, count in pairs if share > 0)

    def __repr__(self) -> str:
        return f"Study({self.family}, {self.samples:,} samples of {', '.join(map(str, self.counts))})"


def _cell(value: float, form: str) -> str:
    return "-" if np.isnan(value) else form.format(value)
