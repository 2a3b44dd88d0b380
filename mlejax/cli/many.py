"""`mlejax fit --by COLUMN`: an estimate for each group of the rows of a file."""

import argparse
from pathlib import Path
from typing import Any

from .. import devices
from ..checks import InputError
from ..results.table import FitTable
from . import machine
from .data import columns_of, read_from
from .models import family_of
from .output import Answer, UsageError, folder
from .pictures import draw_table, pictures_text, unfinished


def fit_by(options: argparse.Namespace) -> Answer:
    """Find the maximum of the likelihood for each group of a column of a file."""
    from ..samples.members import Groups
    from ..sweeps.many import fit_many

    for name in ("weights", "starts", "event", "upper_column"):
        if getattr(options, name) is not None:
            raise UsageError(f"--by cannot go with --{name.replace('_', '-')}")
    family = family_of(options.model, options.fixed or (), {"lower": options.lower, "upper": options.upper})
    (column,) = columns_of(options, [options.column], options.progress, label=options.by)
    assert column.labels is not None
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    try:
        found = fit_many(family, Groups(column.values, column.labels), progress=options.progress)
    except InputError as error:
        raise UsageError(f"{column.file}: {error}") from None
    found.to_csv(Path(out, "fits.csv"))
    lines = [
        read_from(column),
        str(found),
        f"\ntable: {Path(out, 'fits.csv')}",
        pictures_text(draw_table(found, out, options)),
    ]
    several = int((~found.converged).sum())
    complaint = f"{several:,} of {len(found):,} groups have no maximum" if several else ""
    return Answer("\n".join(lines), found.to_record, int(several > 0), complaint)


def plot_table(table: FitTable[Any], options: argparse.Namespace) -> Answer:
    """Draw a table of fits that was stored."""
    paths = draw_table(table, folder(options.out or options.directory), options)
    return Answer(unfinished(table.status, "fits") + pictures_text(paths), table.to_record)
