"""The result of a comparison: families fitted to the same observations, the most plausible first."""

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import InputValueError
from ..status import Status
from .fit import FitResult
from .record import fit_record, json_pieces
from .text import table

TIED = 2.0
"""Families of which the AIC differs by less are not told apart by these observations.

Source: K. P. Burnham and D. R. Anderson, Model Selection and Multimodel Inference (2002), section 2.6.
"""

FEW = 40
"""Observations for each parameter, below which AICc belongs beside AIC. Source: as above, section 2.4."""


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Families fitted to the same observations. `print` shows a table, `best` is the fit of lowest AIC."""

    fits: Mapping[str, FitResult[Any]]  # by the name of the family: converged ones by rising AIC, then the others
    left_out: Mapping[str, str]  # families that were not fitted, and why
    count: float | int  # observations, or the sum of their weights
    notes: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether any family has a maximum."""
        return any(fit.converged for fit in self.fits.values())

    @property
    def best(self) -> FitResult[Any]:
        """The fit of lowest AIC.

        Raises:
            ValueError: no family has a maximum.
        """
        if not self.converged:
            raise InputValueError("no family has a maximum of the likelihood for these observations")
        return next(iter(self.fits.values()))

    @property
    def differences(self) -> dict[str, float]:
        """How much higher the AIC of each family is than the lowest; NaN of one that has no maximum."""
        lowest = self.best.aic if self.converged else math.nan
        return {name: fit.aic - lowest for name, fit in self.fits.items()}

    @property
    def weights(self) -> dict[str, float]:
        """Akaike's weight of each family, exp(-difference / 2) over their sum; 0 of one that has no maximum."""
        shares = {name: math.exp(-away / 2) if away >= 0 else 0.0 for name, away in self.differences.items()}
        total = sum(shares.values()) or 1.0
        return {name: share / total for name, share in shares.items()}

    @property
    def tied(self) -> tuple[str, ...]:
        """The families whose AIC is less than 2 above the lowest."""
        return tuple(name for name, away in self.differences.items() if away < TIED)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What should be known when the table is read, in sentences."""
        found = list(self.notes)
        if len(self.tied) > 1:
            found.append(f"{_listed(self.tied)} are not told apart: their AIC differs by less than {TIED:g}.")
        maxima = {name: fit for name, fit in self.fits.items() if fit.converged}
        if maxima and self.count < FEW * max(fit.parameter_count for fit in maxima.values()):
            corrected = {name: fit.aicc for name, fit in maxima.items() if not math.isnan(fit.aicc)}
            lowest = min(corrected, key=lambda name: corrected[name]) if corrected else ""
            prefers = f"also prefers {lowest}" if lowest == next(iter(maxima)) else f"prefers {lowest} instead"
            found.append(
                f"With {self.count:,g} observations AICc, which corrects AIC for few of them, "
                f"{prefers if lowest else 'is not defined'}."
            )
        found += [f"{name}: {fit.reason}." for name, fit in maxima.items() if fit.reason]
        return tuple(found)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each family, in the order of the table; NaN where there is no maximum."""
        differences, weights = self.differences, self.weights
        return [
            {
                "model": name,
                "parameters": fit.parameter_count,
                "log_likelihood": math.inf if fit.status is Status.UNBOUNDED else fit.log_likelihood,
                "aic": fit.aic,
                "difference": differences[name],
                "weight": weights[name],
                "aicc": fit.aicc,
                "bic": fit.bic,
                "converged": fit.converged,
                "status": fit.status.name,
                "reason": fit.reason,
            }
            for name, fit in self.fits.items()
        ]

    def to_record(self) -> dict[str, Any]:
        """Return the comparison as JSON has it: rows by rising AIC, each with its parameters."""
        rows = [
            row | {"parameters": fit_record(fit)["parameters"]}
            for row, fit in zip(self.to_dict(), self.fits.values(), strict=True)
        ]
        return {
            "models": rows,
            "best": next(iter(self.fits)) if self.converged else None,
            "tied": list(self.tied),
            "count": self.count,
            "left_out": dict(self.left_out),
            "remarks": list(self.remarks),
        }

    def to_json(self) -> str:
        """Return the comparison as JSON, null where a number would mislead."""
        return "".join(json_pieces(self.to_record()))

    def __str__(self) -> str:
        families = f"{len(self.fits)} famil{'y' if len(self.fits) == 1 else 'ies'}"
        lines = [f"{families}, {self.count:,g} observations", "", table(self._rows(), header=HEADER)]
        without = {name: fit.reason for name, fit in self.fits.items() if not fit.converged}
        for title, reasons in (("No maximum", without), ("Left out", self.left_out)):
            by_reason: dict[str, list[str]] = {}
            for name, reason in reasons.items():
                by_reason.setdefault(reason, []).append(name)
            if by_reason:
                lines += ["", f"{title}:", *(f"  {', '.join(names)}: {reason}" for reason, names in by_reason.items())]
        return "\n".join([*lines, *(["", *self.remarks] if self.remarks else [])])

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str = "td") -> str:
            return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

        rows = "".join([row(HEADER, "th"), *map(row, self._rows())])
        return f"<table>{rows}</table>{''.join(f'<p>{html.escape(each)}</p>' for each in self.remarks)}"

    def __repr__(self) -> str:
        best = next(iter(self.fits)) if self.converged else "none"
        return f"<Comparison of {', '.join(self.fits)}; best by AIC: {best}>"

    def _rows(self) -> list[list[str]]:
        def cell(value: float, digits: int = 2) -> str:
            return "-" if math.isnan(value) else f"{value:.{digits}f}"

        return [
            [
                row["model"],
                str(row["parameters"]),
                cell(row["log_likelihood"]) if row["converged"] else "-",
                cell(row["aic"]),
                cell(row["difference"]),
                cell(row["weight"], 3) if row["converged"] else "-",
                cell(row["bic"]),
                "yes" if row["converged"] else f"no ({row['status']})",
            ]
            for row in self.to_dict()
        ]


HEADER = ("model", "parameters", "log-likelihood", "AIC", "difference", "weight", "BIC", "converged")


def by_rising_aic(fits: Mapping[str, FitResult[Any]]) -> dict[str, FitResult[Any]]:
    """Return fits in the order of a table: converged ones by rising AIC, then the others."""
    return dict(sorted(fits.items(), key=lambda each: np.nan_to_num(each[1].aic, nan=math.inf)))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
