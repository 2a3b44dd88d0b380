"""`mlejax check`: a doctor for a model."""

import argparse

from .. import devices
from . import machine
from .data import column_of, read_from
from .models import family_of
from .output import Answer, UsageError


def check(options: argparse.Namespace) -> Answer:
    """Look at a model, at the numbers of a file where one is given, for what would spoil a long run."""
    from ..ascent.check import check as look_at

    model = family_of(options.model, option="MODEL")
    if options.file is None:
        for name in ("column", "delimiter", "decimal"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} is of a file, and none is given")
    column = None if options.file is None else column_of(options, options.progress)
    machine.use_compilation_cache()
    devices.start()
    report = look_at(model, None if column is None else column.values)
    lines = [str(report)] if column is None else [read_from(column), str(report)]
    found = len(report.findings)
    complaint = "" if report.ok else f"{found} finding{'s' * (found > 1)}: {', '.join(x.name for x in report.findings)}"
    return Answer("\n".join(lines), report.to_record, int(not report.ok), complaint)
