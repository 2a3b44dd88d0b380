"""Results as text for a terminal."""

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .. import __version__
from ..models.abilities import HasClosedForm
from ..models.base import Model, name_of
from ..models.parameters import entry_dict
from ..models.rows import named_columns, row_count
from ..samples.observations import LARGEST_SQUARED, SMALLEST_SQUARED
from ..status import Status
from .fit import FitResult
from .schema import SAMPLES, samples_along
from .settings import FATES, SIGNIFICANCE, fates, in_words
from .sweep import SweepResult
from .train import TrainResult


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Return aligned columns: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def text(line: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        return "  ".join(cells).rstrip()

    return "\n".join([text(header), "  ".join("-" * width for width in widths), *map(text, rows)])


def how_far(distance: float) -> str:
    """Return a distance in words: "0.02 standard errors from the maximum", "not at a maximum"."""
    if not math.isfinite(distance):
        return "not at a maximum: the log-likelihood does not curve down around this estimate"
    near = f"{distance:.2g} standard error{'' if distance == 1 else 's'} from the maximum"
    return near if distance <= 1 else f"not at a maximum: {near}"


def train_report(result: TrainResult[Any], closed_form: Any = None) -> str:
    """Return what one run found as text, beside the closed form over all observations where one is given.

    Standard errors, AIC and BIC are those of the observations trained on. Of a run that has not arrived they are not
    shown: a dash stands in their place, and the last lines say what to do.
    """
    header = ["parameter", "estimate", "standard error"]
    columns = [entry_dict(result.model), entry_dict(result.standard_errors)]
    if closed_form is not None:
        header.append(f"closed form, all {result.count}")
        columns.append(entry_dict(closed_form))
    rows = [[name, *(number(column[name]) for column in columns)] for name in columns[0]]
    held_out = result.validation is not None
    of_train = f" over the {int(result.train.count)} observations trained on" if held_out else ""
    facts = {"log-likelihood": f"{result.log_likelihood:.4f} over {result.count} observations"}
    if held_out:
        facts["  train"] = f"{result.train_log_likelihood:.4f}"
        facts["  validation"] = f"{result.validation_log_likelihood:.4f}"
    if result.arrived:
        facts |= {"AIC": f"{result.aic:.4f}{of_train}", "BIC": f"{result.bic:.4f}{of_train}"}
    facts |= {
        "ended": f"{result.status.name} in epoch {result.epochs}; best in epoch {result.best_epoch}",
        "distance": how_far(result.distance),
        "data": result.representation,
    }
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {text}" for name, text in facts.items()]
    return "\n".join([table(rows, header=header), "", *lines, "", result.reason])


def number(value: Any) -> str:
    """Return a number as a table shows it; a dash for one that is not known."""
    if math.isnan(value):
        return "-"
    # Six decimals would leave few digits of a small number, or none, and more of a large one than it has.
    return f"{value:.6g}" if 0 < abs(value) < 0.01 or abs(value) >= 1e16 else f"{value:.6f}"


def train_reason(result: TrainResult[Any]) -> str:
    """Return sentences on why a run ended, whether it arrived, and, where it did not, what to do."""
    deciding = "validation" if result.validation is not None else "train"
    ended = {
        Status.PATIENCE: f"The {deciding} log-likelihood did not improve for `patience` epochs.",
        Status.TOLERANCE: f"The {deciding} log-likelihood came within `tolerance` of its best.",
        Status.MAX_EPOCHS: "The epochs ran out.",
        Status.PRECISION: f"The {deciding} log-likelihood, a sum in {result.dtype.name}, changed by no more than its "
        "own rounding, so its digits cannot show further progress.",
        Status.DIVERGED: "A step left the domain of the parameters or was not finite."
        if result.best_epoch > 1
        else "The first step left the domain of the parameters or was not finite, so the estimate is the start.",
    }.get(result.status, result.status.advice)
    if result.status is Status.OUTSIDE_SUPPORT:
        return ended
    return " ".join([ended, *_whether_arrived(result)])


def _whether_arrived(result: TrainResult[Any]) -> list[str]:
    if result.at_infinity:
        names = ", ".join(result.at_infinity)
        return [
            f"Not converged: {names} not determined by these data. The standard error exceeds the estimate and the "
            "log-likelihood still rises when it is doubled: the maximum may lie at infinity, where a simpler model "
            "is the limit."
        ]
    if result.arrived:
        despite = ", nevertheless" if result.status is Status.DIVERGED else ""
        said = [f"Converged{despite}: {how_far(result.distance)} of the train log-likelihood."]
        if result.undetermined:
            names = ", ".join(result.undetermined)
            said.append(f"Not determined by these data: {names}, whose standard error exceeds the estimate.")
        return said
    if math.isfinite(result.distance):
        near = f"{result.distance:.2g} standard error{'' if result.distance == 1 else 's'}"
        said = [f"Not converged: stopped {near} short of the maximum, so standard errors, AIC and BIC are not given."]
        return [*said, _what_to_do(result)]
    no_errors = "the log-likelihood does not curve down around the estimate, so there are no standard errors."
    return [f"Not converged: {no_errors}", *_why_no_maximum(result)]


def _what_to_do(result: TrainResult[Any]) -> str:
    """Return advice for a run that stopped on its way."""
    more = {
        Status.PATIENCE: "raise `patience` or the learning rate",
        Status.TOLERANCE: "lower `tolerance` or raise the learning rate",
        Status.MAX_EPOCHS: "allow more epochs or choose another learning rate",
        Status.DIVERGED: "use a smaller learning rate",
    }
    if result.status is Status.PRECISION:
        advice = "use `dtype=float64`" if result.dtype == np.float32 else "raise the learning rate"
    else:
        advice = more.get(result.status, "choose another learning rate")
    if result.validation is not None and result.status in (Status.PATIENCE, Status.TOLERANCE):
        advice += ", or, where the maximum of the likelihood is wanted, hold nothing out (`validation_fraction=0`)"
    return f"To arrive, {advice}."


def _why_no_maximum(result: TrainResult[Any]) -> list[str]:
    """Say what is in the way where the log-likelihood does not curve down, as far as it can be told."""
    if not SMALLEST_SQUARED < result.spread < LARGEST_SQUARED:
        return [
            f"The observations span {result.spread:.2g}, of which a square is beyond the range of float64: divide them "
            "by a number of that size and train again."
        ]
    if pairs := _still_equal(result):
        return [
            f"{' and '.join(pairs[0])} began equal and stayed so, as happens where the model is symmetric in them: "
            "start them at different values."
        ]
    if result.rises_halved and result.status is Status.DIVERGED:
        return [
            f"The log-likelihood still rises when {result.rises_halved[0]} is halved. Either the run is far from a "
            "maximum, and a smaller learning rate or a start nearer the data helps; or the log-likelihood grows "
            "without bound, as where a component collapses onto tied observations, and then no learning rate helps: "
            "choose another start or a model that rules this out."
        ]
    return [_what_to_do(result), "A start nearer the data helps too."]


def _still_equal(result: TrainResult[Any]) -> list[tuple[str, str]]:
    """Return pairs of parameters that moved, but were equal at the start and at the end."""
    start, model = entry_dict(result.start), entry_dict(result.model)
    return [
        (a, b)
        for a, b in itertools.combinations(model, 2)
        if start[a] == start[b] and math.isclose(model[a], model[b], rel_tol=1e-12) and model[a] != start[a]
    ]


def sweep_report(result: SweepResult[Any], most: int = 24) -> str:
    """Say which settings reach the maximum, how fast, for how many seeds; show at most so many, the best among them."""
    summary = result.summary()
    rows, best = summary["settings"], [row for row in summary.get("best_by_count", [summary["best"]]) if row]
    names = [name for name in result.axes if name != samples_along(result.axes)]
    several = bool(best) and 1 < len(summary.get("best_by_count", [])) < len(rows)
    advice = "" if several else summary["recommendation"] or _NO_SETTING["RUNNING" in summary["statuses"]]
    starred = {id(row) for row in best}
    shown = _spread(len(rows), most, [i for i, row in enumerate(rows) if id(row) in starred])
    kinds = [name for name in FATES if name in _ALWAYS_SHOWN or any(row[name] for row in rows)]
    header = [*names, *(name.replace("_", " ") for name in ("runs", *kinds)), *_MEDIANS, *(["best"] if best else [])]
    cells = [
        [
            *(in_words(result.provenance.settings, name, row[name]) for name in names),
            *(f"{row[name]:,}" for name in ("runs", *kinds)),
            *("-" if row[name] is None else form.format(row[name]) for name, form in _MEDIANS.values()),
            *(["*" if id(row) in starred else ""] if best else []),
        ]
        for row in (rows[i] for i in shown)
    ]
    lines = [
        table(cells, header=header),
        ""
        if len(shown) == len(rows)
        else f"({len(shown)} of {len(rows):,} settings, evenly spread, the best among them)",
        f"{summary['runs']:,} runs: " + ", ".join(f"{count:,} {name}" for name, count in summary["statuses"].items()),
        "Every run is one of: " + "; ".join(f"{name.replace('_', ' ')} ({FATES[name]})" for name in kinds) + ".",
        f"{summary['arrived']:,} of {summary['runs']:,} arrived. {advice}".rstrip(),
    ]
    if several:
        lines += _best_by_count(result, summary["best_by_count"], most)
    lines += [
        f"Plain ascent cannot settle with {name} above {limit:.4g} (2 / curvature at the maximum)."
        for name in names
        if (limit := result.stability_limit(name)) is not None
    ]
    return "\n".join([*lines, *_what_stopped(result)])


def _best_by_count(result: SweepResult[Any], best: Sequence[Any], most: int) -> list[str]:
    """Return the best setting of each number of observations, None where no run arrived, as a table."""
    made, samples = result.provenance.settings, samples_along(result.axes)
    names = [name for name in result.axes if name not in (samples, "count")]
    shown = [(result.axes["count"][i], best[i]) for i in _spread(len(best), most, [])]
    cells = [
        [
            f"{count:,}",
            *("-" if row is None else in_words(made, name, row[name]) for name in names),
            "none" if row is None else f"{row['arrived']:,} of {row['runs']:,}",
            "-" if row is None else f"{row['arrived_epochs']:,.0f}",
        ]
        for count, row in shown
    ]
    return [
        "Best setting by the number of observations, the fastest of those statistically tied for the most arrivals "
        f"(McNemar's exact test on the same {samples}s, level {SIGNIFICANCE:g}):",
        "",
        table(cells, header=["count", *names, "arrived", "median epochs"]),
        "",
    ]


_NO_SETTING = ("So no setting can be recommended.", "None is recommended before all runs have ended.")
_ALWAYS_SHOWN = ("arrived", "close", "stopped_short", "diverged")
_MEDIANS = {
    "median epochs": ("epochs", "{:.0f}"),
    "of arrived": ("arrived_epochs", "{:.0f}"),
    "median distance": ("distance", "{:.3g}"),
}
"""The last columns of a sweep's table: which median each holds, and how it is written."""


def _what_stopped(result: SweepResult[Any]) -> list[str]:
    """Say what stopped the runs that did not arrive and did not diverge, and what would take them further."""
    found = fates(result.status, result.distance)
    status = result.status[found["close"] | found["stopped_short"]]
    cures = {
        Status.PATIENCE: "by patience: raise it",
        Status.TOLERANCE: "by tolerance: lower it",
        Status.MAX_EPOCHS: "at the epoch limit: allow more, or change the rate",
        Status.PRECISION: "by rounding: use float64, or a larger rate",
    }
    counts = [(np.count_nonzero(status == fate), cure) for fate, cure in cures.items()]
    if not any(count for count, _ in counts):
        return []
    said = "; ".join(f"{count:,} {cure}" for count, cure in counts if count)
    lines = [f"{status.size:,} stopped before they arrived: {said}."]
    if result.provenance.settings.get("validation_fraction") and np.any(status != Status.MAX_EPOCHS):
        lines.append(
            "Early stopping looks at the observations held out, whose own maximum lies elsewhere: for the maximum of "
            "the likelihood hold none out (validation_fraction=0)."
        )
    return lines


def _spread(count: int, most: int, also: list[int]) -> list[int]:
    """Return at most so many indices: the first, the last, others evenly between them, and those given."""
    if count <= most:
        return list(range(count))
    also = [also[i] for i in _spread(len(also), most // 2, [])]
    others = most - len(also)
    return sorted({*also, *(round(i * (count - 1) / max(others - 1, 1)) for i in range(others))})


def caption(result: SweepResult[Any] | TrainResult[Any] | FitResult[Any] | Sequence[FitResult[Any]]) -> str:
    """Return what tells a result, or several fits of a sample, from others, for the small print of pictures.

    Returns:
        How many runs and observations, the version of mlejax, and a digest of what decides the result: of the settings
        of a sweep, or of the observations, the start and the rate of one run.
    """
    if isinstance(result, SweepResult):
        made = result.provenance
        axes = " x ".join(f"{len(at):,} {_along(name, len(at))}" for name, at in result.axes.items())
        runs = f"{result.count:,} run{'s' * (result.count > 1)}" + (f" ({axes})" if axes else "")
        count, version = made.settings.get("count", 0), {way.get("mlejax", "?") for way in made.computed_by}
        counts = result.axes.get("count", np.unique(made.settings.get("sizes", count)))
        decides: Any = made.settings
    elif not isinstance(result, TrainResult):
        fits = [result] if isinstance(result, FitResult) else result
        runs, version = f"{len(fits)} fit{'s' * (len(fits) > 1)}", {__version__}
        counts, columns = np.array([row_count(fits[0].observations)]), named_columns(fits[0].observations)
        decides = [columns, fits[0].weights, [[name_of(each.model), dict(each.parameters)] for each in fits]]
    else:
        runs, counts, version = "1 run", np.array([result.count]), {__version__}
        sample = [np.asarray(leaf, float) for leaf in jax.tree.leaves((result.train, result.validation))]
        numbers = [dict(entry_dict(model)) for model in (result.start, result.learning_rate)]
        decides = [name_of(result.model), result.dtype.name, result.count, numbers, sample]
    to = f" to {counts.max():,}" if len(counts) > 1 else ""
    observations = [f"n = {counts.min():,}{to}"] if counts.any() else []
    versions = ", ".join(sorted(version)) or "?"
    return "; ".join([runs, *observations, f"mlejax {versions}", f"settings {settings_digest(decides)}"])


def settings_digest(decides: Any) -> str:
    """Return eight letters that change when one of these plain values or arrays does."""

    def plain(value: Any) -> Any:
        array = np.asarray(value)
        return float(array) if array.ndim == 0 else [array.shape, hashlib.sha256(array.tobytes()).hexdigest()]

    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=plain).encode()).hexdigest()[:8]


def _along(name: str, count: int) -> str:
    """Return the name of an axis in words, in the plural where it has several values."""
    first, _, parameter = name.partition(".")
    plain = first in ("start", "count", "learning_rate", "optimizer", *SAMPLES)
    words = first.replace("_", " ") if plain else f"value{'s' * (count != 1)} of {first}"
    return words + ("s" if plain and count != 1 else "") + (f" of the {parameter}" if parameter else "")


def closed_form_of(result: TrainResult[Any], observations: Any) -> Model | None:
    """Return the closed form of the maximum over all observations, for families that know it."""
    return result.model.closed_form(observations) if isinstance(result.model, HasClosedForm) else None


def duration(seconds: float) -> str:
    """Write a duration to three digits, in nanoseconds to hours."""
    if seconds >= 120:
        return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
    unit, scale = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)) if seconds >= s), ("ns", 1e-9))
    value = seconds / scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def size(count: float | int) -> str:
    """Write a number of bytes to three digits, in bytes to TiB."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    power = next((i for i in range(4) if count < 1000 * 1024**i), 4)
    value = count / 1024**power
    return f"{value:,.{0 if value >= 100 or not power else 1 if value >= 10 else 2}f} {units[power]}"
