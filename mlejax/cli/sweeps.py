"""What a sweep on the command line is asked for: its arguments, its data, and the runs whose histories are recorded."""

import argparse
import contextlib
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..article import ARTICLE_TARGET
from ..checks import InputError
from ..models.base import Model
from ..models.normal import Normal
from ..results.histories import Histories, places_of
from ..samples.files import Column
from ..samples.members import Groups
from ..samples.sources import Draws
from ..store.files import StoreError
from . import machine
from .data import left_out
from .numbers import MOST_RUNS, AxisValues, FixedValue, geometric
from .output import UsageError, folder
from .signals import INTERRUPTS
from .targets import target_of
from .training import family_asked, rates_given, rates_of_each, start_of

DEFAULT_SEEDS = np.arange(100)


def check_sweep(options: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is read or drawn; fill in seeds that were not given."""
    together = [
        (
            options.learning_rates is not None and rates_given(options),
            "--learning-rates",
            "--learning-rate-mean, -variance or -of",
        ),
        (options.file and options.true, "--file", "--true: a file gives the data"),
        (options.file and options.observations is not None, "--file", "--observations: a file gives the data"),
        (options.file and options.draw is not None, "--file", "--draw: a file gives the data"),
        (options.by and options.seeds is not None, "--by", "--seeds: the samples are the groups"),
        (options.explain and options.record, "--explain", "--record: nothing is computed"),
        (options.explain and options.repair, "--explain", "--repair: nothing is computed"),
        (options.explain and options.allow_mixed, "--explain", "--allow-mixed: nothing is computed"),
    ]
    for wrong, what, other in together:
        if wrong:
            raise UsageError(f"{what} cannot go with {other}")
    for name in ("column", "delimiter", "decimal", "missing", "by"):
        if getattr(options, name) is not None and not options.file:
            raise UsageError(f"--{name} is of a --file, and none is given")
    machine.check_cluster(options)
    if options.seeds is None and not options.by:
        options.seeds = DEFAULT_SEEDS
    axes = (options.seeds, options.learning_rates, options.observations, *rates_given(options).values())
    if (runs := math.prod(np.size(values) for values in axes if values is not None)) > MOST_RUNS:
        raise UsageError(f"{runs:,} runs are asked for; at most {MOST_RUNS:,} are possible in one sweep")
    folder(options.out, make=False)


def is_plain(options: argparse.Namespace) -> bool:
    """Return whether a sweep trains the default model on draws, so that its arguments are known without computing."""
    others = (options.file, options.fixed, options.lower, options.upper, options.start, options.true)
    return options.model == "normal" and all(other is None for other in others)


def sweep_arguments(options: argparse.Namespace, column: Column | None) -> dict[str, Any]:
    """Return what `mlejax.sweep` is given for these options, the result directory excepted.

    Devices have to be there, unless the options are plain.

    Raises:
        UsageError: the model needs more of them, or they do not fit it.
    """
    plain = is_plain(options)
    start = Normal(0.0, 1.0) if plain else start_of(options, column)
    rates: Any = geometric("0.001:10:41") if options.learning_rates is None else options.learning_rates
    if separate := rates_given(options):
        rates = rates_of_each(start, separate)
    if column is None:
        observations: Any = Draws(ARTICLE_TARGET if plain else _target(options), _count(options), options.draw or "jax")
    else:
        observations = observations_of(column)
    return {
        "model": start,
        **({} if options.by else {"seeds": options.seeds}),
        "learning_rates": rates,
        "observations": observations,
        "validation_fraction": options.validation_fraction,
        "max_epochs": options.max_epochs,
        "patience": options.patience,
        "tolerance": options.tolerance,
        "dtype": options.dtype,
    }


def _target(options: argparse.Namespace) -> Model:
    family = family_asked(options)
    if options.true:
        return target_of(family, options.true)
    if family is Normal:
        return ARTICLE_TARGET
    raise UsageError(f"--model {options.model} needs --true, the parameters to draw from, or --file, your own numbers")


def _count(options: argparse.Namespace) -> Any:
    return 100_000 if options.observations is None else options.observations


def observations_of(column: Column) -> Any:
    """Return the numbers of a column as a sweep takes them: in groups where there are labels."""
    return column.values if column.labels is None else Groups(column.values, column.labels)


def data_of(options: argparse.Namespace, column: Column | None) -> str:
    """Return in words what the runs of a sweep were trained on."""
    if column is not None:
        samples = "seeds are splits" if column.labels is None else f"the samples are the groups of {options.by}"
        return f"data: {column.file}{left_out(column)}; {samples}\n"
    *others, last = (f"{each:,}" for each in np.atleast_1d(_count(options)).tolist())
    count = f"{', '.join(others)} or {last}" if others else last
    if options.true:
        return f"data: {count} draws from {options.model} with {_said(options.true)} per seed\n"
    return f"data: the reference problem, {count} draws from N(7.2, 2.8^2) per seed (--file takes your own numbers)\n"


def _said(values: Sequence[FixedValue]) -> str:
    return ", ".join(f"{each.name} {each.value:g}" for each in values)


# Histories ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Recorded:
    """The histories of chosen runs; or why there are none, although there should be."""

    histories: Histories[Any] | None = None
    complaint: str = ""

    def lines(self, directory: str) -> list[str]:
        """Return what is said of them, recorded in a directory."""
        if self.histories is None:
            return []
        count, rows = self.histories.sweep.count, self.histories.epoch.shape[-1]
        where = f"in {Path(directory, 'histories')} (mlejax.load_histories)"
        where = where if os.access(directory, os.W_OK | os.X_OK) else f"not stored: {directory} may not be written to"
        return [f"histories: {count:,} run{'s' * (count > 1)}, at most {rows:,} epochs of each, {where}"]


def chosen_runs(given: Sequence[AxisValues] | None, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the runs that `--record` names, each time it is given some values along one axis.

    Args:
        given: the values of the option.
        axes: of the sweep.

    Raises:
        UsageError: they are no runs of the sweep, or too many.
    """
    runs: dict[str, np.ndarray] = {}
    for one in given or ():
        kind = axes[one.axis].dtype.kind if one.axis in axes else ""
        values = one.values
        with contextlib.suppress(ValueError):  # labels that are numbers; what is none is refused by its name
            values = values.astype(float) if kind in "iuf" else values
        runs[one.axis] = np.concatenate([runs.get(one.axis, values[:0]), values])
    try:
        if runs:
            places_of(axes, runs)
    except InputError as error:
        raise UsageError(f"--record: {str(error).removeprefix('runs: ')}") from None
    return runs


def record_runs(
    runs: Mapping[str, np.ndarray], model: Model, observations: object, options: argparse.Namespace
) -> Recorded:
    """Record the histories of runs of the sweep in `--out`, if there are any.

    Args:
        runs: as `chosen_runs` returns them.
        model: that was swept.
        observations: the numbers of a file, or its groups, where the sweep was given one.
        options: of the command.
    """
    from ..sweeps.record import record

    if not runs:
        return Recorded()
    with INTERRUPTS.keeping(f"The sweep is safe in {options.out}; the histories have not been recorded."):
        try:
            return Recorded(
                record(options.out, runs, model=model, observations=observations, progress=options.progress)
            )
        except InputError as error:
            return Recorded(complaint=f"--record: {error}")


def stored_histories(directory: str) -> Recorded:
    """Return the histories in a result directory."""
    from ..store.histories import load_histories

    try:
        return Recorded(load_histories(directory))
    except StoreError as error:
        return Recorded(complaint=str(error))
