"""`mlejax fit` and `mlejax train`: one estimate from the numbers in a file."""

import argparse
import warnings

import numpy as np

from .. import devices
from ..checks import ConvergenceWarning, InputValueError
from ..models.base import name_of
from ..models.normal import Normal
from ..models.parameters import with_dtype
from ..models.support import Support
from ..results import record, text
from ..results.schema import ARRIVED
from ..samples.observations import check_inside
from . import machine
from .data import check_density, column_of, columns_of, read_from
from .models import family_of
from .options import in_options
from .output import Answer, UsageError, folder
from .pictures import draw_fit, draw_training, pictures_text


def train(options: argparse.Namespace) -> Answer:
    """Train a normal distribution on a column of a file."""
    from ..ascent.optimizers import natural_gradient
    from ..ascent.train import train as run_train

    start = with_dtype(Normal(options.start_mean, options.start_variance), np.float64)
    column = column_of(options, options.progress)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    check_density(start, column)
    natural = options.learning_rate is None
    rate = _suggested_rate(column.values) if natural else options.learning_rate
    result = run_train(
        start,
        column.values,
        validation_fraction=options.validation_fraction,
        split_seed=options.split_seed,
        learning_rate=rate,
        max_epochs=options.max_epochs,
        patience=options.patience,
        tolerance=options.tolerance,
        optimizer=natural_gradient() if natural else None,
        dtype=options.dtype,
        progress=options.progress,
    )
    pictures = draw_training(result, column, out, options)
    lines = [
        read_from(column),
        in_options(text.train_report(result, text.closed_form_of(result, column.values)), options.name),
        *([f"Ascent by the natural gradient, at a learning rate of {rate:.4g} from the curvature."] if natural else []),
        pictures_text(pictures),
    ]
    arrived = result.distance <= ARRIVED
    complaint = "" if arrived else f"the estimate has not arrived: {text.how_far(result.distance)}"
    return Answer("\n".join(lines), lambda: record.train_record(result), 0 if arrived else 1, complaint)


def fit(options: argparse.Namespace) -> Answer:
    """Find the maximum of the likelihood of a column of a file, or of a regression on several."""
    from ..ascent.fit import fit as find_maximum
    from .many import fit_by

    if options.response is not None:
        from .regressions import fit_regression

        return fit_regression(options)
    for name in ("columns", "offset", "no_intercept"):
        if getattr(options, name):
            raise UsageError(
                f"--{name.replace('_', '-')} is of a regression: give --response, the column that it explains"
            )
    if options.by is not None:
        return fit_by(options)

    limits, event = {"lower": options.lower, "upper": options.upper}, options.event is not None
    family = family_of(options.model, options.fixed or (), limits, event)
    columns = [options.column, *(name for name in (options.weights, options.event) if name is not None)]
    column, *others = columns_of(options, columns, options.progress)
    observations = {"time": column.values, "event": others[-1].values} if event else column.values
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    support = getattr(family, "support", None)
    parts = [(column, support)]
    if isinstance(support, dict) and event:
        parts = [(column, support["time"]), (others[-1], support["event"])]
    for part, own in parts:
        if isinstance(own, Support):
            check_inside(name_of(family), own, part.values, lambda index, part=part: f"in {part.place(index)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last line says it
        result = find_maximum(
            family,
            observations,
            weights=others[0].values if options.weights is not None else None,
            starts=options.starts,
            progress=options.progress,
        )
    # Observations that are all the same have no distribution to show, nor have pairs of them.
    pictures = draw_fit(result, column, out, options) if np.ptp(column.values) and not event else []
    lines = [
        read_from(column),
        in_options(str(result), options.name),
        *(["", pictures_text(pictures)] if pictures else []),
    ]
    complaint = "" if result.converged else f"no maximum: {result.reason}"
    return Answer("\n".join(lines), lambda: record.fit_record(result), int(not result.converged), complaint)


def _suggested_rate(values: np.ndarray) -> float:
    """Return a rate of the natural gradient for these data; without spread they have no curvature that suggests one."""
    from ..ascent.rates import suggest_learning_rate

    try:
        return float(suggest_learning_rate(Normal.closed_form(values), values, natural=True))
    except InputValueError:
        return 0.1
