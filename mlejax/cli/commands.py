"""What each command does. No mathematics; every file is written before a word is printed."""

import argparse
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from .. import devices
from ..progress import Progress
from ..results import record, text
from ..results.table import FitTable
from ..samples.files import TableError
from . import machine
from .comparison import compare
from .data import check_density, column_of
from .doctor import check
from .fits import fit, read_sample, train
from .many import plot_table
from .models import models
from .options import in_options
from .output import Answer, UsageError, folder
from .pictures import draw_sweep, pictures_text, standing_pictures, unfinished
from .resampling import bootstrap, study
from .signals import INTERRUPTS
from .sweeps import (
    check_sweep,
    chosen_runs,
    data_of,
    is_plain,
    observations_of,
    record_runs,
    stored_histories,
    sweep_arguments,
)
from .training import start_of

# Commands -------------------------------------------------------------------------------------------------------------


def reproduce(options: argparse.Namespace) -> Answer:
    """Compute the published figures of the reference problem, and answer its questions."""
    from .. import article

    out = folder(options.out)
    machine.use_compilation_cache()
    observations = article.article_observations()
    run, figures = article.article_run(observations, progress=options.progress)
    separate = article.separate_learning_rates(observations, progress=options.progress)
    with Progress(options.progress) as told:
        told.say("comparing ways of ascending")
        ascents = article.compare_ascents(observations)
        found = article.Reproduction(observations, run, figures, separate, ascents)
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
    ]

    def pictures() -> str:
        with Progress(options.progress) as told:
            told.say("drawing pictures")
            return pictures_text(article.draw(found, out, options.format))

    return Answer("\n".join(lines), lambda: article.record(found), pictures=pictures)


def sweep(options: argparse.Namespace) -> Answer:
    """Train at many seeds and learning rates; or say what that will need."""
    from ..sweeps.cost import estimate_cost
    from ..sweeps.spec import SweepSpec
    from ..sweeps.sweep import sweep as run_sweep

    check_sweep(options)
    column = column_of(options, options.progress, options.by) if options.file else None
    if is_plain(options):  # all else is evaluated, for which devices have to be there
        SweepSpec.checked(**sweep_arguments(options, None))
    first = machine.start_devices(options)
    arguments = sweep_arguments(options, column)
    if column is not None and column.labels is None:
        check_density(arguments["model"], column)
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
    recorded = record_runs(runs, spec.start, None if column is None else observations_of(column), options)

    def pictures() -> str:
        out = Path(options.out)
        if not os.access(out, os.W_OK | os.X_OK):
            return f"pictures: none, {out} may not be written to; mlejax plot {out} --out FOLDER draws them"
        standing = [] if runs else standing_pictures(result, out, options.format)
        return pictures_text(standing or draw_sweep(result, out, options, recorded.histories))

    # Where progress is shown, the sweep has said it already.
    spent = [] if options.progress or result.spent is None else [f"\n{result.spent}"]
    lines = [
        data_of(options, column),
        in_options(text.sweep_report(result), options.name),
        *spent,
        f"\nresults: {options.out} (xarray.open_zarr opens it)",
        *recorded.lines(options.out),
    ]
    machine.wait_for_followers(options)
    complaint = recorded.complaint
    return Answer("\n".join(lines), lambda: record.sweep_record(result), 1 if complaint else 0, complaint, pictures)


def plot(options: argparse.Namespace) -> Answer:
    """Redraw the figures of what is stored."""
    from ..store.load import load

    result = load(options.directory)
    if isinstance(result, FitTable):
        return plot_table(result, options)
    stored = stored_histories(options.directory)
    out = folder(options.out or options.directory)
    return Answer(
        unfinished(result.status).strip(),
        lambda: record.sweep_record(result),
        1 if stored.complaint else 0,
        stored.complaint,
        lambda: pictures_text(draw_sweep(result, out, options, stored.histories)),
    )


def verify(options: argparse.Namespace) -> Answer:
    """Recompute some of what is stored, and compare it bit for bit."""
    from ..store.load import load
    from ..sweeps.verify import verify as recompute
    from .options import parse

    for name in ("column", "delimiter", "decimal", "missing"):
        if getattr(options, name) is not None and not options.file:
            raise UsageError(f"--{name} is of a --file, and none is given")
    machine.use_compilation_cache()
    made_by = load(options.directory).attributes.get("arguments")
    made = parse(made_by) if made_by else options
    fits = getattr(made, "name", "") == "fit"
    given = options if options.file else made  # the store knows all but the data themselves
    if given.file == "-" and not options.file:
        raise UsageError(f"{options.directory} was made of standard input; --file says where the numbers are now")
    try:
        if fits:
            where = {name: getattr(given, name) for name in ("file", "column", "delimiter", "decimal", "missing")}
            read = read_sample(argparse.Namespace(**{**vars(made), **where, "progress": options.progress}))
            family, data = read.family, read.source
        else:
            file = column_of(given, options.progress, getattr(made, "by", None)) if given.file else None
            family, data = None, None if file is None else observations_of(file)
    except TableError as error:
        raise UsageError(str(error) if options.file else f"{error}; --file says where the numbers are now") from None
    mine = ":" in getattr(made, "model", "")  # of another's making, which no store can give back
    found = recompute(
        options.directory,
        start_of(made) if mine and not fits else family,
        observations=data,
        runs=None if options.runs == "all" else options.runs,
        progress=options.progress,
    )
    lines = [*(f"different: {run}" for run in found.different), str(found)]
    summary = {"checked": found.checked, "of": found.of, "different": len(found.different)}
    answer = {"runs": found.different, "summary": summary}
    if not found.different:
        return Answer("\n".join(lines), lambda: answer)
    what = "fits" if fits else "runs"
    complaint = f"{len(found.different)} of {found.checked} {what} differ from those in {options.directory}"
    return Answer("\n".join(lines), lambda: answer, 1, complaint)


def export(options: argparse.Namespace) -> Answer:
    """Write stored results as a table."""
    from ..store.export import write_table
    from ..store.load import load

    suffix = {"csv": ".csv", "parquet": ".parquet", "netcdf": ".nc"}[options.format]
    file = Path(options.out or str(options.directory).rstrip("/") + suffix)
    result = load(options.directory)
    count = write_table(result.to_xarray(), options.format, file, options.finished_only)
    made = {"runs": [], "summary": {"table": str(file), "format": options.format, "runs": count}}
    what = "fits" if isinstance(result, FitTable) else "runs"
    return Answer(f"{unfinished(result.status, what, options.finished_only)}table: {file}", lambda: made)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], Answer]] = {
    "sweep": sweep,
    "train": train,
    "fit": fit,
    "bootstrap": bootstrap,
    "study": study,
    "compare": compare,
    "check": check,
    "reproduce": reproduce,
    "plot": plot,
    "models": models,
    "verify": verify,
    "export": export,
}
