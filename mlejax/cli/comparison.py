"""`mlejax compare`: several families fitted to the numbers in a file."""

import argparse

from .. import devices
from ..checks import InputError
from ..models.named import listed
from . import machine
from .data import columns_of, read_from
from .models import family_of
from .output import Answer, UsageError, folder
from .pictures import draw_comparison, pictures_text


def compare(options: argparse.Namespace) -> Answer:
    """Fit families to a column of a file, and order them by Akaike's criterion."""
    from ..ascent.compare import compare as compare_families

    families = (
        None
        if options.models is None
        else {name: family_of(name, option="--models") for name in listed(options.models)}
    )
    names = [options.column, *([] if options.weights is None else [options.weights])]
    column, *others = columns_of(options, names, options.progress)
    out = folder(options.out)
    machine.use_compilation_cache()
    devices.start()
    weights = others[0].values if others else None
    try:
        found = compare_families(families, column.values, weights=weights, progress=options.progress)
    except InputError as refusal:
        raise UsageError(str(refusal)) from None
    said = f"{read_from(column)}\n{found}"
    if not found.converged:
        return Answer(said, found.to_record, 1, "no family has a maximum of the likelihood")
    return Answer(
        said, found.to_record, pictures=lambda: pictures_text(draw_comparison(found, column, out, options), "\n")
    )
