"""`mlejax fit --by COLUMN`: an estimate for each group of the rows of a file."""

import argparse
from pathlib import Path
from typing import Any

from .. import devices
from ..checks import InputError
from ..results.table import FitTable
from ..store.files import StoreError
from . import machine
from .data import read_from
from .output import Answer, UsageError, folder
from .pictures import draw_table, pictures_text, unfinished
from .signals import INTERRUPTS


def fit_by(options: argparse.Namespace) -> Answer:
    """Find the maximum of the likelihood for each group of a column of a file."""
    from ..sweeps.many import fit_many
    from .fits import read_sample

    if not options.stores and (options.repair or options.allow_mixed):
        raise UsageError(f"--{'repair' if options.repair else 'allow-mixed'} is of a directory that --out names")
    for name in ("weights", "starts"):
        if getattr(options, name) is not None:
            raise UsageError(f"--by cannot go with --{name.replace('_', '-')}")
    read = read_sample(options)
    out = folder(options.out)
    first = machine.start_devices(options)
    kept = f"Fits that had ended are safe in {out}; the same command goes on from there." if options.stores else ""
    try:
        with INTERRUPTS.keeping(kept):
            found = fit_many(
                read.family,
                read.source,
                out=out if options.stores else None,
                repair=options.repair,
                allow_mixed=options.allow_mixed,
                attributes={"arguments": options.arguments},
                progress=first and options.progress,
            )
    except StoreError:
        raise
    except InputError as error:
        raise UsageError(f"{read.column.file}: {error}") from None
    if not first:  # of several processes the first speaks
        devices.leave()
        return Answer("", dict)
    found.to_csv(Path(out, "fits.csv"))
    lines = [
        read_from(read.column),
        str(found),
        *([f"\nresults: {out} (xarray.open_zarr opens it)"] if options.stores else [""]),
        f"table: {Path(out, 'fits.csv')}",
    ]
    machine.wait_for_followers(options)
    several = int((~found.converged).sum())
    complaint = f"{several:,} of {len(found):,} groups have no maximum" if several else ""
    return Answer(
        "\n".join(lines),
        found.to_record,
        int(several > 0),
        complaint,
        lambda: pictures_text(draw_table(found, out, options)),
    )


def plot_table(table: FitTable[Any], options: argparse.Namespace) -> Answer:
    """Draw a table of fits that was stored."""
    out = folder(options.out or options.directory)
    said = unfinished(table.status, "fits").strip()
    return Answer(said, table.to_record, pictures=lambda: pictures_text(draw_table(table, out, options)))
