"""`mlejax bootstrap` and `mlejax study`: what an estimate would be, were the sample drawn again."""

import argparse
import math
import warnings
from pathlib import Path
from typing import Any

from .. import devices
from ..checks import ConvergenceWarning
from ..models.base import Model
from ..results import record, text
from ..results.bootstrap import ALL_METHODS, Bootstrap, check_level
from ..results.fit import FitResult
from . import machine
from .data import read_from
from .fits import read_sample
from .models import family_of
from .options import in_options
from .output import Answer, folder
from .pictures import draw_bootstrap, draw_study, pictures_text
from .targets import target_of

WORDS = {"wald": "Wald", "percentile": "percentile", "basic": "basic", "bca": "BCa"}
"""How intervals are called."""


def bootstrap(options: argparse.Namespace) -> Answer:
    """Fit resamples of a column of a file: errors, bias and intervals of the estimate."""
    from ..ascent.fit import fit

    options.weights = None
    check_level(options.level, options.resamples)
    read = read_sample(options)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    read.check()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last line says it
        result = fit(read.family, read.observations, progress=options.progress)
    if not result.converged:
        lines = [read_from(read.column), in_options(str(result), options.name)]
        made = {**record.fit_record(result), "resamples": 0}
        return Answer("\n".join(lines), lambda: made, 1, f"no maximum, so nothing is drawn again: {result.reason}")
    found = result.bootstrap(options.resamples, seed=options.seed, progress=options.progress)
    return Answer(
        f"{read_from(read.column)}\n{bootstrap_text(found, options.level)}",
        lambda: bootstrap_record(result, found, options),
        pictures=lambda: pictures_text(draw_bootstrap(found, options.level, out, options), "\n"),
    )


def bootstrap_text(found: Bootstrap[Any], level: float) -> str:
    """Return a table of errors and one of intervals, and why some resamples have no maximum."""
    errors, bias, intervals = found.standard_errors, found.bias, found.all_intervals(level)
    told = {name: found.fitted_errors.get(name, math.nan) for name in found.estimate}
    first = [
        [name, *(_number(x) for x in (found.estimate[name], told[name], errors[name], bias[name]))]
        for name in found.shown
    ]
    second = [[name, *(_between(*intervals[name][method]) for method in ALL_METHODS)] for name in found.shown]
    head = ["parameter", "estimate", "standard error", "bootstrap error", "bias"]
    return "\n".join([
        f"{found.family}, {found.count:,} resamples\n",
        text.table(first, header=head),
        f"\nintervals of {100 * level:.6g} %\n",
        text.table(second, header=["parameter", *(WORDS[method] for method in ALL_METHODS)]),
        *([f"\n{found.why_not}"] if found.why_not else []),
    ])  # fmt: skip


def bootstrap_record(result: FitResult[Any], found: Bootstrap[Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return a bootstrap as JSON has it, null where there is no number."""
    errors, bias, intervals = found.standard_errors, found.bias, found.all_intervals(options.level)
    parameters = {
        name: {
            "estimate": value,
            "standard_error": _known(found.fitted_errors.get(name, math.nan)),
            "bootstrap_standard_error": _known(errors[name]),
            "bias": bias[name],
            "intervals": {method: [_known(low), _known(high)] for method, (low, high) in intervals[name].items()},
        }
        for name, value in found.estimate.items()
    }
    return {
        "model": found.family, "parameters": parameters, "count": result.count, "converged": result.converged,
        "status": result.status.name, "reason": result.reason, "level": options.level, "resamples": found.count,
        "resamples_converged": found.converged, "seed": options.seed, "why_not": found.why_not,
    }  # fmt: skip


def study(options: argparse.Namespace) -> Answer:
    """Fit samples drawn from a known model: bias, scatter and coverage of the estimates."""
    from ..sweeps.study import study as run_study

    limits = {"lower": options.lower, "upper": options.upper}
    family = family_of(options.model, options.fixed or (), limits, drawn=True)
    target = target_of(family, options.true)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    found = run_study(
        target,
        options.counts,
        options.samples,
        family=None if isinstance(family, Model) else family,
        level=options.level,
        intervals=options.intervals.split(","),
        resamples=options.resamples,
        base_seed=options.seed,
        progress=options.progress,
    )
    found.to_csv(Path(out, "study.csv"))
    said = f"{found}\n\ntable: {Path(out, 'study.csv')}"
    return Answer(said, found.to_record, pictures=lambda: pictures_text(draw_study(found, out, options)))


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else "-"


def _between(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}" if math.isfinite(low) and math.isfinite(high) else "none"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
