"""Results as text for a terminal."""

import math
from collections.abc import Sequence
from typing import Any

from ..models import Normal
from ..models.parameters import parameter_dict
from .schema import ARRIVED
from .sweep import SweepResult
from .train import TrainResult


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def text(line: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        return "  ".join(cells).rstrip()

    return "\n".join([text(header), "  ".join("-" * width for width in widths), *map(text, rows)])


def how_far(distance: float) -> str:
    """A distance in words: "0.02 standard errors from the maximum", "not at a maximum"."""
    if not math.isfinite(distance):
        return "not at a maximum: the log-likelihood does not curve down around this estimate"
    near = f"{distance:.2g} standard error{'' if distance == 1 else 's'} from the maximum"
    return near if distance <= 1 else f"not at a maximum: {near}"


def train_report(result: TrainResult[Any], closed_form: Any = None) -> str:
    """What one run found, with standard errors, and beside it the closed form where one is given."""
    header = ["parameter", "estimate", "standard error"]
    columns = [parameter_dict(result.model), parameter_dict(result.standard_errors)]
    if closed_form is not None:
        header.append("closed form")
        columns.append(parameter_dict(closed_form))
    rows = [[name, *(f"{column[name]:.6f}" for column in columns)] for name in columns[0]]
    validation = result.validation_log_likelihood
    facts = {
        "log-likelihood": f"{result.log_likelihood:.4f} over {result.count} observations",
        "  train": f"{result.train_log_likelihood:.4f}",
        "  validation": "none held out" if math.isnan(validation) else f"{validation:.4f}",
        "AIC": f"{result.aic:.4f}",
        "BIC": f"{result.bic:.4f}",
        "ended": f"{result.status.name} in epoch {result.epochs}; best in epoch {result.best_epoch}",
        "distance": how_far(result.distance),
        "data": result.path,
    }
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {text}" for name, text in facts.items()]
    return "\n".join([table(rows, header=header), "", *lines, "", result.status.advice])


def sweep_report(result: SweepResult[Any], most: int = 24) -> str:
    """Which settings reach the maximum, how fast, for how many seeds; at most so many of them."""
    summary = result.summary()
    names = [name for name in result.axes if name != "seed"]
    settings = summary["settings"]
    shown = settings if len(settings) <= most else [settings[i] for i in _spread(len(settings), most)]
    header = [*names, "arrived", "stopped short", "diverged", "median epochs", "median distance"]
    rows = [
        [
            *(f"{row[name]:.4g}" for name in names),
            *(f"{row[key]}/{row['runs']}" for key in ("arrived", "stopped_short", "diverged")),
            f"{row['epochs']:.0f}",
            f"{row['distance']:.3g}",
        ]
        for row in shown
    ]
    best = summary["best"]
    where = ", ".join(f"{name} = {best[name]:.4g}" for name in names) or "these settings"
    lines = [
        table(rows, header=header),
        "" if shown is settings else f"({len(shown)} of {len(settings)} settings, evenly spread)",
        f"{summary['runs']} runs: " + ", ".join(f"{count} {name}" for name, count in summary["statuses"].items()),
        f"{summary['arrived']} arrived: within {ARRIVED} standard errors of the maximum. "
        f"Most often, and soonest, with {where}: {best['arrived']} of {best['runs']} seeds, "
        f"median {best['epochs']:.0f} epochs.",
    ]
    lines += [
        f"Plain ascent cannot settle with {name} above {limit:.4g} (2 / curvature at the maximum)."
        for name in names
        if (limit := result.stability_limit(name)) is not None
    ]
    stopped = sum(row["stopped_short"] for row in settings)
    if stopped:
        lines.append(f"{stopped} ended more than one standard error short of it, without diverging: see the heat map.")
    return "\n".join(lines)


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def closed_form_of(result: TrainResult[Any], observations: Any) -> Normal | None:
    """The closed form of the maximum over all observations, for families that know it."""
    return type(result.model).closed_form(observations) if hasattr(type(result.model), "closed_form") else None


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
