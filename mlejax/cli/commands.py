"""What each command does. No mathematics; every file is written before a word is printed."""

import argparse
import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

from .. import devices
from ..checks import ConvergenceWarning, InputValueError
from ..models.base import Model
from ..models.normal import Normal
from ..models.parameters import with_dtype
from ..models.support import Support
from ..progress import Progress
from ..results import record, text
from ..results.schema import ARRIVED
from ..results.sweep import SweepResult
from ..samples.files import Column, TableError, read_column, read_columns
from ..samples.observations import check_inside, check_support
from .models import family_of, models
from .options import in_options
from .output import Answer, UsageError, folder
from .pictures import draw_fit, draw_sweep, draw_training, pictures_text
from .signals import INTERRUPTS
from .sweeps import check_sweep, chosen_runs, data_of, record_runs, stored_histories, sweep_arguments

# Commands -------------------------------------------------------------------------------------------------------------


def reproduce(options: argparse.Namespace) -> Answer:
    """Compute the published figures of the reference problem, and answer its questions."""
    from .. import article

    out = folder(options.out)
    use_compilation_cache()
    observations = article.article_observations()
    run, figures = article.article_run(observations, progress=options.progress)
    separate = article.separate_learning_rates(observations, progress=options.progress)
    with Progress(options.progress) as told:
        told.say("comparing ways of ascending")
        ascents = article.compare_ascents(observations)
        found = article.Reproduction(observations, run, figures, separate, ascents)
        told.say("drawing pictures")
        pictures = article.draw(found, out, options.format)
    lines = [
        "The reference problem: N(7.2, 2.8^2), 100,000 draws, gradient ascent from (0, 1), learning rate 0.1.\n",
        article.figures_text(figures),
        f"\nended      {run.status.name} in epoch {run.epochs}\ndistance   {text.how_far(run.distance)}\n",
        "Why the mean comes first\n",
        article.convergence_text(),
        "\nMust both share one learning rate?\n",
        article.separate_rates_text(separate),
        "\nAdaptive learning rates, all observations, each at its best rate\n",
        article.ascents_text(ascents),
        pictures_text(pictures),
    ]
    return Answer("\n".join(lines), lambda: article.record(found))


def train(options: argparse.Namespace) -> Answer:
    """Train a normal distribution on a column of a file."""
    from ..ascent.optimizers import natural_gradient
    from ..ascent.train import train as run_train

    start = with_dtype(Normal(options.start_mean, options.start_variance), np.float64)
    column = read_column(options.file, options.column, options.delimiter)
    out = folder(options.out)
    use_compilation_cache()
    devices.start()
    _check_density(start, column)
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
    """Find the maximum of the likelihood of a column of a file."""
    from ..ascent.fit import fit as find_maximum

    family = family_of(options.model)
    columns = [options.column, *([] if options.weights is None else [options.weights])]
    column, *others = read_columns(options.file, columns, options.delimiter, drop=options.missing == "drop")
    out = folder(options.out)
    use_compilation_cache()
    devices.start()
    if isinstance(support := family.support, Support):
        name = family.__name__ if isinstance(family, type) else type(family).__name__
        check_inside(name, support, column.values, lambda index: f"in {column.place(index)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last line says it
        result = find_maximum(
            family,
            column.values,
            weights=others[0].values if others else None,
            starts=options.starts,
            progress=options.progress,
        )
    # Observations that are all the same have no distribution to show.
    pictures = draw_fit(result, column, out, options) if np.ptp(column.values) else []
    lines = [
        read_from(column),
        in_options(str(result), options.name),
        *(["", pictures_text(pictures)] if pictures else []),
    ]
    complaint = "" if result.converged else f"no maximum: {result.reason}"
    return Answer("\n".join(lines), lambda: record.fit_record(result), int(not result.converged), complaint)


def read_from(column: Column) -> str:
    """Return how many observations were read, from where, and what was made of the file."""
    rows = f"{column.dropped} row{'s' * (column.dropped > 1)} with a missing value left out"
    dropped = f"; {rows}" if column.dropped else ""
    header = "" if column.header else ", which has no header: its first line is read as data"
    return f"{len(column.values)} observations from {column.file}{header}{dropped}\n"


def sweep(options: argparse.Namespace) -> Answer:
    """Train at many seeds and learning rates; or say what that will need."""
    from ..sweeps.cost import estimate_cost
    from ..sweeps.spec import SweepSpec
    from ..sweeps.sweep import sweep as run_sweep

    check_sweep(options)
    column = read_column(options.file, options.column, options.delimiter) if options.file else None
    arguments = sweep_arguments(options, column)
    if column is None:  # data are evaluated, for which devices have to be there
        SweepSpec.checked(**arguments)
    first = _start_devices(options)
    if column is not None:
        _check_density(arguments["model"], column)
    spec = SweepSpec.checked(**arguments)
    runs = chosen_runs(options.record, spec.axes)
    if options.explain:
        found = estimate_cost(spec, progress=options.progress)
        return Answer(str(found), lambda: {"runs": [], "summary": dataclasses.asdict(found)})
    with INTERRUPTS.keeping(f"Finished runs are safe in {options.out}; the same command goes on from there."):
        result = run_sweep(
            **arguments,
            out=options.out,
            repair=options.repair,
            allow_mixed=options.allow_mixed,
            attributes={"arguments": options.arguments},
            progress=first and options.progress,
        )
    if not first:  # of several processes the first speaks
        devices.leave()
        return Answer("", dict)
    recorded = record_runs(runs, None if column is None else column.values, options)
    pictures = f"pictures: none, {options.out} may not be written to; mlejax plot {options.out} --out FOLDER draws them"
    if os.access(options.out, os.W_OK | os.X_OK):
        pictures = pictures_text(draw_sweep(result, Path(options.out), options, recorded.histories))
    # Where progress is shown, the sweep has said it already.
    spent = [] if options.progress or result.spent is None else [f"\n{result.spent}"]
    lines = [
        data_of(options, column),
        in_options(text.sweep_report(result), options.name),
        *spent,
        f"\nresults: {options.out} (xarray.open_zarr opens it)",
        *recorded.lines(options.out),
        pictures,
    ]
    _wait_for_followers(options)
    complaint = recorded.complaint
    return Answer("\n".join(lines), lambda: record.sweep_record(result), 1 if complaint else 0, complaint)


def plot(options: argparse.Namespace) -> Answer:
    """Redraw the figures of a stored sweep."""
    from ..store.load import load

    result = load(options.directory)
    stored = stored_histories(options.directory)
    pictures = draw_sweep(result, folder(options.out or options.directory), options, stored.histories)
    said, status = _unfinished(result) + pictures_text(pictures), 1 if stored.complaint else 0
    return Answer(said, lambda: record.sweep_record(result), status, stored.complaint)


def verify(options: argparse.Namespace) -> Answer:
    """Recompute some runs of a stored sweep, and compare them bit for bit."""
    from ..store.load import load
    from ..sweeps.verify import verify as recompute
    from .options import parse

    for name in ("column", "delimiter"):
        if getattr(options, name) is not None and not options.file:
            raise UsageError(f"--{name} is of a --file, and none is given")
    use_compilation_cache()
    made_by = load(options.directory).attributes.get("arguments")
    given = parse(made_by) if made_by and not options.file else options  # the store knows all but the data themselves
    if given.file == "-" and not options.file:
        raise UsageError(f"{options.directory} was made of standard input; --file says where the numbers are now")
    try:
        file = read_column(given.file, given.column, given.delimiter) if given.file else None
    except TableError as error:
        raise UsageError(str(error) if options.file else f"{error}; --file says where the numbers are now") from None
    found = recompute(
        options.directory,
        observations=None if file is None else file.values,
        runs=None if options.runs == "all" else options.runs,
        progress=options.progress,
    )
    lines = [*(f"different: {run}" for run in found.different), str(found)]
    summary = {"checked": found.checked, "of": found.of, "different": len(found.different)}
    made = {"runs": found.different, "summary": summary}
    if not found.different:
        return Answer("\n".join(lines), lambda: made)
    complaint = f"{len(found.different)} of {found.checked} runs differ from those in {options.directory}"
    return Answer("\n".join(lines), lambda: made, 1, complaint)


def export(options: argparse.Namespace) -> Answer:
    """Write the results of a stored sweep as a table."""
    from ..store.export import write_table
    from ..store.load import load

    suffix = {"csv": ".csv", "parquet": ".parquet", "netcdf": ".nc"}[options.format]
    file = Path(options.out or str(options.directory).rstrip("/") + suffix)
    result = load(options.directory)
    count = write_table(result.to_xarray(), options.format, file, options.finished_only)
    made = {"runs": [], "summary": {"table": str(file), "format": options.format, "runs": count}}
    return Answer(f"{_unfinished(result, options.finished_only)}table: {file}", lambda: made)


# What several commands check and say ----------------------------------------------------------------------------------


def _check_density(start: Model, column: Column) -> None:
    """Refuse a column with a number that the start gives no density, naming its line. Devices have been started."""
    check_support(start, column.values, place=lambda index: f"in {column.place(index)}")


def _unfinished(result: SweepResult, left_out: bool = False) -> str:
    """Return a line about a sweep some of whose runs have not ended; nothing about others."""
    if result.finished:
        return ""
    others = "left out" if left_out else "blank"
    return f"unfinished: {result.ended:,} of {result.count:,} runs have ended; the others are {others}\n"


# Figures, devices, directories ----------------------------------------------------------------------------------------


def _suggested_rate(values: np.ndarray) -> float:
    """Return a rate of the natural gradient for these data; without spread they have no curvature that suggests one."""
    from ..ascent.rates import suggest_learning_rate

    try:
        return float(suggest_learning_rate(Normal.closed_form(values), values, natural=True))
    except InputValueError:
        return 0.1


def _start_devices(options: argparse.Namespace) -> bool:
    """Start JAX's devices, join the other processes where there are any; whether this is the first of them."""
    use_compilation_cache()
    devices.start(options.devices)
    cluster = (options.coordinator, options.num_processes, options.process_id)
    if options.distributed or any(part is not None for part in cluster):
        try:
            devices.join(*cluster)
        except RuntimeError as error:
            where = options.coordinator or "the cluster that JAX finds"
            raise UsageError(f"cannot join {where}: {str(error).splitlines()[0]}") from None
        if INTERRUPTS.watching:  # JAX has taken SIGTERM
            INTERRUPTS.watch()
    return devices.first()


def use_compilation_cache() -> None:
    """Keep compiled programs for the next command, unless the user keeps them elsewhere or they cannot be kept."""
    # A cache that is damaged, full or not ours costs time and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(cache, "mlejax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _wait_for_followers(options: argparse.Namespace) -> None:
    from ..store.lock import wait_for_followers

    wait_for_followers(Path(options.out))


COMMANDS: Mapping[str, Callable[[argparse.Namespace], Answer]] = {
    "sweep": sweep,
    "train": train,
    "fit": fit,
    "reproduce": reproduce,
    "plot": plot,
    "models": models,
    "verify": verify,
    "export": export,
}
