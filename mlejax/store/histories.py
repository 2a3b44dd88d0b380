"""The histories of chosen runs in a result directory: a Zarr group of its own beside the arrays of the sweep.

It is laid out and guarded as a store is. It is written aside and takes its place as a whole, where it replaces the
histories that were there; the sweep's own files do not know of it.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import checks
from ..checks import InputError
from ..models.base import Model
from ..models.parameters import parameter_names
from ..results.histories import Histories, history_variables, places_of
from ..results.schema import QUANTITIES
from ..results.sweep import SweepResult
from .batches import read_chunk
from .files import StoreError, flush_folder, make_folder, write_whole
from .layout import ROOT, DamageError, Description, Layout, digest_of, documents
from .load import load_sweep
from .lock import Lock
from .reading import read_layout, read_root
from .rebuild import MARKER, discard, is_ours
from .store import readable_errors

FOLDER, MAKING, OLD = "histories", ".histories", ".histories.old"
"""The group in a result directory; where it is written; and where the one that it replaces goes meanwhile."""

KIND = "histories"


@contextmanager
def held(path: Path, sweep: SweepResult) -> Iterator[bool]:
    """Hold a result directory while histories are recorded into it.

    Args:
        path: the directory.
        sweep: that it holds.

    Yields:
        Whether it may be written to.

    Raises:
        StoreError: another process holds it, or something else there has the name.
    """
    if FOLDER in (*sweep.axes, *sweep.arrays):
        raise StoreError(f"{path}: {FOLDER!r} is the name of something else in this sweep, so none can be stored")
    with readable_errors(path):
        for folder in (FOLDER, MAKING, OLD):
            is_ours(path / folder)
        try:
            hold = Lock(path)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            hold = None
    try:
        yield hold is not None
    finally:
        if hold is not None:
            hold.close()


def write_histories(path: Path, histories: Histories) -> None:
    """Write histories into the directory of their sweep, whole or not at all. The directory must be held.

    Args:
        path: the directory.
        histories: what to write, in place of those there.

    Raises:
        StoreError: they cannot be written.
    """
    made = histories.sweep.provenance
    kept = history_variables(histories.sweep.template, histories.sweep.axes, histories.epoch.shape[-1])
    layout = Layout.of(histories.sweep.axes, kept)
    ends = {"ends": _ends(histories.sweep)}
    description = Description(dict(made.settings), [dict(way) for way in made.computed_by], {}, ends, KIND)
    arrays = histories.arrays()
    with readable_errors(path):
        discard(path / MAKING)
        making = make_folder(path, Path(MAKING))
        write_whole(making, MARKER, b"")
        files = documents(layout, description)
        root = files.pop(ROOT)
        for name, content in files.items():
            write_whole(making, name, content)
        for number in range(layout.batches):
            for variable in layout.variables:
                values = arrays[variable.name][layout.place(number)]
                write_whole(making, layout.chunk(variable, number), layout.encode(variable, values))
        write_whole(making, ROOT, root)
        if is_ours(path / FOLDER):
            discard(path / OLD)
            os.rename(path / FOLDER, path / OLD)
        os.rename(making, path / FOLDER)
        flush_folder(path)
        discard(path / OLD)


def load_histories(path: str | Path, model: Model | None = None) -> Histories | None:
    """Load the histories that were recorded in the directory of a sweep.

    Args:
        path: the `out` of the sweep.
        model: as in `load`.

    Returns:
        The histories; None where none were recorded.

    Raises:
        StoreError: there is no sweep there, or something of it or of them is damaged or missing.
        ValueError: the model given has another formula.

    Example:
        >>> import tempfile, mlejax
        >>> with tempfile.TemporaryDirectory() as out:
        ...     _ = mlejax.sweep(
        ...         mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.5, 1.0], max_epochs=100, out=out,
        ...         observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 100), progress=False,
        ...     )
        ...     _ = mlejax.record(out, {"learning_rate": 0.5}, progress=False)
        ...     mlejax.load_histories(out)
        Histories(Normal, 2 seed x 1 learning_rate: at most 100 epochs of each)
    """
    path = checks.path("path", path)
    sweep = load_sweep(path, model)
    # The old ones, where a process was killed as it put new ones in their place.
    folder = next((path / name for name in (FOLDER, OLD) if (path / name / MARKER).exists()), None)
    if folder is None:
        return None
    again = "recording them again (mlejax.record, or --record) replaces them. The sweep is not concerned."
    try:
        root = read_root(folder)
        if root is None:
            raise DamageError(f"{folder}: {ROOT} is missing")
        layout, description = read_layout(folder, root)
        arrays = {}
        for variable in layout.variables:
            arrays[variable.name] = variable.blank(layout.shape)
            for number in range(layout.batches):
                arrays[variable.name][layout.place(number)] = _chunk(folder, layout, variable.name, number)
    except DamageError as damage:
        raise StoreError(f"{str(damage).partition('; the same call')[0]}; {again}") from None
    stranger = StoreError(f"{folder} is not of the runs that {path} holds now; {again}")
    try:
        places = places_of(sweep.axes, layout.axes)
    except InputError:
        raise stranger from None
    if description.settings != sweep.provenance.settings or description.result.get("ends") != _ends(sweep.take(places)):
        raise stranger
    return Histories.of(sweep, places, arrays)


def _ends(sweep: SweepResult) -> str:
    """Return a digest of how runs ended: histories of these very runs have the same."""
    parts = [digest_of(np.asarray(sweep.arrays[name])) for name in (*parameter_names(sweep.template), *QUANTITIES)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _chunk(folder: Path, layout: Layout, name: str, number: int) -> np.ndarray:
    variable = next(variable for variable in layout.variables if variable.name == name)
    try:
        values = read_chunk(folder, layout, variable, number)
    except ValueError:
        values = None
    if values is None:
        raise DamageError(f"{folder}: {layout.chunk(variable, number)} is damaged or missing")
    return values
