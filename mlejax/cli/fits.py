"""`mlejax fit` and `mlejax train`: one estimate from the numbers in a file."""

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import devices
from ..checks import ConvergenceWarning, InputValueError
from ..models.abilities import HasClosedForm, HasTypicalObservations
from ..models.base import Model, name_of
from ..models.censored import IntervalCensored, RightCensored
from ..models.normal import Normal
from ..models.parameters import entry_dict, with_dtype
from ..models.support import Support
from ..results import record, text
from ..results.fit import FitResult
from ..results.schema import ARRIVED
from ..samples.files import Column, TableError
from ..samples.members import Groups
from ..samples.observations import check_inside
from . import machine
from .data import check_density, column_of, columns_of, read_from
from .models import family_of
from .options import in_options
from .output import Answer, UsageError, folder
from .pictures import draw_fit, draw_survival, draw_training, pictures_text
from .training import OTHERS, family_asked, rates_given, rates_of_each, start_of, where_fit_begins


def train(options: argparse.Namespace) -> Answer:
    """Train a model on a column of a file."""
    from ..ascent.train import train as run_train

    start = _plain_start(options)
    column = column_of(options, options.progress)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    start = start_of(options, column) if start is None else start
    check_density(start, column)
    rates = _rates(start, options, column)
    result = run_train(
        start,
        column.values,
        validation_fraction=options.validation_fraction,
        split_seed=options.split_seed,
        learning_rate=rates.learning_rate,
        max_epochs=options.max_epochs,
        patience=options.patience,
        tolerance=options.tolerance,
        optimizer=rates.optimizer,
        dtype=options.dtype,
        progress=options.progress,
    )
    lines = [
        read_from(column),
        in_options(text.train_report(result, text.closed_form_of(result, column.values)), options.name),
        *([rates.said] if rates.said else []),
    ]
    arrived = result.distance <= ARRIVED
    complaint = "" if arrived else f"the estimate has not arrived: {text.how_far(result.distance)}"
    return Answer(
        "\n".join(lines),
        lambda: record.train_record(result),
        0 if arrived else 1,
        complaint,
        lambda: pictures_text(draw_training(result, column, out, options)),
    )


def fit(options: argparse.Namespace) -> Answer:
    """Find the maximum of the likelihood of a column of a file, or of a regression on several."""
    from ..ascent.fit import fit as find_maximum
    from .many import fit_by

    if options.by is None and (options.repair or options.allow_mixed):
        raise UsageError(f"--{'repair' if options.repair else 'allow-mixed'} is of --by: one fit is not stored")
    if machine.check_cluster(options) and (options.by is None or options.out is None):
        raise UsageError("several processes share the fits of groups: give --by, and --out, which all of them reach")
    options.stores, options.out = options.out is not None, options.out or "mlejax-fit"
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

    read = read_sample(options)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    read.check()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last line says it
        result = find_maximum(
            read.family, read.observations, weights=read.weights, starts=options.starts, progress=options.progress
        )
    return answer_of(result, read.column, options, lambda: _pictures(result, read, out, options))


def answer_of(
    result: FitResult[Any], column: Column, options: argparse.Namespace, draw: Callable[[], list[Path]]
) -> Answer:
    """Return what a command has to say of a fit.

    Args:
        result: the fit.
        column: the one that says where the observations are from.
        options: of the command.
        draw: draws the pictures, and returns the files written.
    """
    complaint = "" if result.converged else f"no maximum: {result.reason}"
    return Answer(
        f"{read_from(column)}\n{in_options(str(result), options.name)}",
        lambda: record.fit_record(result),
        int(not result.converged),
        complaint,
        lambda: pictures_text(draw(), "\n"),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Read:
    """The sample of a fit, and where its numbers are from."""

    family: Any  # or the model to start at
    column: Column
    second: Column | None  # of events, or of the upper ends of intervals
    interval: bool
    weights: np.ndarray | None

    @property
    def observations(self) -> np.ndarray | dict[str, np.ndarray]:
        """The numbers, or the pairs of them."""
        if self.second is None:
            return self.column.values
        names = IntervalCensored.names if self.interval else RightCensored.names
        return dict(zip(names, (self.column.values, self.second.values), strict=True))

    @property
    def source(self) -> np.ndarray | dict[str, np.ndarray] | Groups:
        """The sample, in groups where the rows have labels."""
        labels = self.column.labels
        return self.observations if labels is None else Groups(self.observations, labels)

    def check(self) -> None:
        """Refuse a number that no model of the family gives a density, naming its line."""
        support = getattr(self.family, "support", None)
        supports = [(self.column, support)]
        if self.second is not None and self.interval:
            inside = getattr(getattr(self.family, "inner", None), "support", None)
            supports = [(self.second, inside)]  # a lower end may lie below all that is possible
            if np.any(wrong := self.column.values > self.second.values):
                at = int(np.argmax(wrong))
                ends = f"{self.column.values[at]:g} to {self.second.values[at]:g}"
                raise TableError(f"an interval must not end before it begins; got {ends} in {self.second.place(at)}")
        elif self.second is not None and isinstance(support, dict):
            supports = [(self.column, support["time"]), (self.second, support["event"])]
        for part, own in supports:
            if isinstance(own, Support):
                known = np.flatnonzero(np.isfinite(part.values))  # all but upper ends that are not
                check_inside(
                    name_of(self.family),
                    own,
                    part.values[known],
                    lambda at, part=part, known=known: f"in {part.place(int(known[at]))}",
                )


def read_sample(options: argparse.Namespace) -> Read:
    """Return the sample that options name; with the labels of its rows where `--by` names their column.

    Raises:
        UsageError: they do not go together.
        TableError: a column cannot be read.
    """
    if options.event is not None and options.upper_column is not None:
        raise UsageError("--event cannot go with --upper-column")
    second = options.event if options.upper_column is None else options.upper_column
    limits, interval = {"lower": options.lower, "upper": options.upper}, options.upper_column is not None
    censored = () if second is None else ("interval_censored",) if interval else ("right_censored", "left_censored")
    family = family_of(options.model, options.fixed or (), limits, censored)
    columns = [options.column, *(name for name in (options.weights, second) if name is not None)]
    ends = (len(columns) - 1,) if interval else ()
    column, *others = columns_of(options, columns, options.progress, getattr(options, "by", None), ends)
    weights = others[0].values if options.weights is not None else None
    return Read(family, column, None if second is None else others[-1], interval, weights)


def _pictures(result: FitResult[Any], read: Read, out: Path, options: argparse.Namespace) -> list[Path]:
    """Draw an estimate; observations that are all the same have no distribution to show."""
    if read.second is not None:
        return draw_survival(result, read.column, read.second if read.interval else None, out, options)
    return draw_fit(result, read.column, out, options) if np.ptp(read.column.values) else []


def _plain_start(options: argparse.Namespace) -> Normal | None:
    """Return where the training of a whole normal distribution begins; None of another model.

    Raises:
        UsageError: the start of a normal distribution is given, and another model, or another start.
    """
    plain = options.model == "normal" and not (options.start or options.fixed)
    plain = plain and options.lower is None and options.upper is None
    given = {"mean": options.start_mean, "variance": options.start_variance}
    given = {name: value for name, value in given.items() if value is not None}
    if given and not plain:
        raise UsageError("--start-mean and --start-variance are of a whole normal distribution alone; give --start")
    return with_dtype(dataclasses.replace(Normal(0.0, 1.0), **given), np.float64) if plain else None


def _one_rate(name: str, values: np.ndarray) -> float:
    if np.size(values) != 1:
        raise UsageError(f"--learning-rate-of {name}: a run has one rate; several are for mlejax sweep")
    return float(values[0])


@dataclasses.dataclass(frozen=True)
class _Rates:
    """How far the steps of a run go, and which way."""

    learning_rate: Any  # a number, or a model of one for each parameter
    optimizer: Any = None
    said: str = ""  # of what was chosen here


def _rates(start: Model, options: argparse.Namespace, column: Column) -> _Rates:
    """Return the learning rates that are asked for, or else those that the curvature near the maximum suggests.

    Raises:
        UsageError: a parameter is not one of the model, or has several rates; or nothing suggests any.
    """
    from ..ascent.optimizers import natural_gradient
    from ..ascent.rates import suggest_learning_rate

    if separate := {name: _one_rate(name, values) for name, values in rates_given(options).items()}:
        others = OTHERS if options.learning_rate is None else options.learning_rate
        return _Rates(rates_of_each(start, separate, others))
    if options.learning_rate is not None:
        return _Rates(options.learning_rate)
    natural = isinstance(start, HasTypicalObservations)
    try:
        near = _near_the_maximum(start, options, column)
        if not natural:
            rates = suggest_learning_rate(near, column.values, per_parameter=True)
            each = ", ".join(f"{name} {rate:.4g}" for name, rate in entry_dict(rates).items())
            return _Rates(rates, said=f"Learning rates from the curvature: {each}.")
        rate = float(suggest_learning_rate(near, column.values, natural=True))
    except InputValueError as error:
        if not natural:
            raise UsageError(f"--learning-rate is needed: {error}") from None
        rate = OTHERS  # observations without spread have no curvature that suggests one
    said = f"Ascent by the natural gradient, at a learning rate of {rate:.4g} from the curvature."
    return _Rates(rate, natural_gradient(), said)


def _near_the_maximum(start: Model, options: argparse.Namespace, column: Column) -> Model:
    if isinstance(start, HasClosedForm):
        return start.closed_form(column.values)
    family = family_asked(options)
    return start if isinstance(family, Model) else where_fit_begins(family, column)
