"""`mlejax fit --response y --columns a,b`: a regression on columns of a file."""

import argparse
import warnings
from pathlib import Path
from typing import Any

from .. import devices
from ..checks import ConvergenceWarning
from ..models import REGRESSIONS
from ..models.regression import Regression
from ..progress import Progress
from ..results.fit import FitResult
from ..samples.observations import check_inside
from ..samples.table import TableError
from . import machine
from .data import columns_of
from .fits import answer_of
from .output import Answer, UsageError, folder

NOT_OF_A_REGRESSION = ("column", "fixed", "lower", "upper", "event", "upper_column", "by", "starts")


def fit_regression(options: argparse.Namespace) -> Answer:
    """Find the maximum of the likelihood of a regression on columns of a file.

    Raises:
        UsageError: options do not go together.
        TableError: a column cannot be read.
    """
    from ..ascent.fit import fit as find_maximum

    kind = _kind_of(options)
    names = _names(options)
    given = {"response": options.response, "offset": options.offset, "weights": options.weights}
    extra = {what: name for what, name in given.items() if name is not None}
    try:
        read = columns_of(options, [*extra.values(), *names], options.progress)
    except TableError as error:
        category = "" if "not a number" not in str(error) else (
            "; a category in words goes into columns of 0 and 1, one for each word but one"
        )  # fmt: skip
        raise TableError(f"{error}{category}") from None
    by_use = dict(zip(extra, read, strict=False))
    features = {name: column.values for name, column in zip(names, read[len(extra) :], strict=True)}
    response: str = options.response
    sample: dict[str, Any] = features | {response: by_use["response"].values}
    family = kind.of(names, intercept=not options.no_intercept, response=response, offset=options.offset or "")
    if "offset" in by_use:
        sample[family.offset] = by_use["offset"].values
    weights = by_use["weights"].values if "weights" in by_use else None
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    place = by_use["response"].place
    check_inside(kind.__name__, {response: kind.of_response}, sample, lambda index: f"in {place(index)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last line says it
        result = find_maximum(family, sample, weights=weights, progress=options.progress)
    return answer_of(result, by_use["response"], options, lambda: _draw(result, response, out, options))


def _kind_of(options: argparse.Namespace) -> type[Regression]:
    name = "linear" if options.model == "normal" else options.model.removesuffix("_regression")
    if name not in REGRESSIONS:
        raise UsageError(f"--model {options.model}: with --response it is one of {', '.join(REGRESSIONS)}")
    return REGRESSIONS[name]  # type: ignore[return-value]


def _names(options: argparse.Namespace) -> list[str]:
    """Return the names of the features."""
    for other in NOT_OF_A_REGRESSION:
        if getattr(options, other):
            raise UsageError(f"--response cannot go with --{other.replace('_', '-')}")
    names = [name.strip() for name in (options.columns or "").split(",") if name.strip()]
    if options.columns is None:
        raise UsageError("--response needs the columns that it depends on: --columns a,b, or '' for a constant alone")
    if not names and options.no_intercept:
        raise UsageError("--columns '' leaves the constant alone, and --no-intercept takes it away")
    used = [options.response, *filter(None, (options.offset, options.weights))]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise UsageError(f"--columns names {name!r} twice")
        if name in used:
            raise UsageError(f"--columns names {name!r}, which has another use")
    return names


def _draw(result: FitResult[Any], name: str, out: Path, options: argparse.Namespace) -> list[Path]:
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        return plotting.save_all({"residuals": plotting.regression_figure(result, name)}, out, options.format)
