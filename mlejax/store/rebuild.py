"""What takes the place of a store as a whole: a longer one; and metadata that is written again from the command."""

import contextlib
import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from ..results.schema import COMPUTED_BY
from ..status import Status
from .batches import read_variable
from .files import PART, StoreError, flush_folder, write_whole
from .layout import (
    ROOT,
    DamageError,
    Description,
    Layout,
    digest_of,
    documents,
    identity,
    marks,
    read_axis,
    root_says,
    type_of,
    variable_of,
    ways,
)
from .reading import READY, check_settings, read_root

MAKING = ".making"
"""The folder in which a store is written before it takes its place."""

MARKER = "made-by-mlejax"
"""A file in both folders by which they are known to be no one else's."""


# A whole new store ----------------------------------------------------------------------------------------------------


def replace(path: Path, layout: Layout, description: Description, old: Layout | None) -> np.ndarray:
    """Write a whole new store aside, with the results of the old one in their places, and let it take its place.

    Args:
        path: the result directory.
        layout: of the new store; it has all that the old one has.
        description: of the new store.
        old: the layout of the store that is there; None where there is none.

    Returns:
        The statuses of all runs.

    Raises:
        StoreError: something in the way is not of this sweep.
    """
    _refuse_strangers(path, old)
    making = path / MAKING
    making.mkdir()
    try:
        write_whole(making, MARKER, b"")
        files = documents(layout, description)
        root = files.pop(ROOT)
        for name, content in files.items():
            write_whole(making, name, content)
        status = _copy(path, making, old, layout)
        write_whole(making, ROOT, root)
    except OSError:
        with contextlib.suppress(OSError):
            discard(making)  # room on a disk that is full
        raise
    os.rename(making, path / READY)
    flush_folder(path)
    install(path)
    return status


def _copy(path: Path, making: Path, old: Layout | None, new: Layout) -> np.ndarray:
    """Copy the results of a store to their places in a longer one, variable by variable; return the statuses."""
    kept = {variable.name: variable for variable in new.variables}
    status = kept["status"].blank(new.shape)
    if old is None:
        return status
    there = {variable.name: variable for variable in old.variables}
    place = place_in(old, new)
    status[place] = read_variable(path, old, there["status"])
    ended = [number for number in range(new.batches) if np.any(status[new.place(number)] != Status.RUNNING)]
    for variable in sorted(new.variables, key=lambda variable: variable.name == "status"):
        values = variable.blank(new.shape)
        if variable.name in there:
            values[place] = read_variable(path, old, variable)
        for number in ended:
            write_whole(making, new.chunk(variable, number), new.encode(variable, values[new.place(number)]))
    return status


def place_in(old: Layout, new: Layout) -> tuple[np.ndarray, ...]:
    """Return where the runs of a store stand in a longer one, as an index."""
    return np.ix_(*(_positions(values, new.axes[name]) for name, values in old.axes.items()))


def _positions(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where each of these values stands among others, which are distinct and need not be sorted."""
    order = np.argsort(among)
    return order[np.searchsorted(among, values, sorter=order)]


def install(path: Path) -> None:
    """Move a store that is ready into place; where a process was killed in between, the next one goes on.

    Args:
        path: the result directory.

    Raises:
        StoreError: the folder is not one that mlejax has made.
    """
    ready = path / READY
    if not is_ours(ready):
        return
    parts = [part for part in ready.iterdir() if part.name != MARKER]
    # The file that makes it a store goes first and comes last: in between, its axes and arrays are not of one sweep.
    # Whatever else lies in the directory stays as it is.
    if (ready / ROOT).exists():
        (path / ROOT).unlink(missing_ok=True)
    for part in sorted(parts, key=lambda part: part.name == ROOT):
        if (path / part.name).is_dir():
            shutil.rmtree(path / part.name)
        os.replace(part, path / part.name)
        flush_folder(path)
    (ready / MARKER).unlink(missing_ok=True)
    ready.rmdir()


def discard(folder: Path) -> None:
    """Remove a folder that mlejax has made, if it is there, such as a store that was being written at a kill.

    Raises:
        StoreError: the folder is not one that mlejax has made.
    """
    if is_ours(folder):
        for part in folder.iterdir():  # the marker last
            if part.name != MARKER:
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        (folder / MARKER).unlink(missing_ok=True)
        folder.rmdir()


def is_ours(folder: Path) -> bool:
    """Return whether there is such a folder; refuse one that mlejax has not made."""
    if not os.path.lexists(folder):
        return False
    unmarked = not (folder / MARKER).is_file()
    started = {PART.format(MARKER)}  # all that is there when the process was killed while it wrote the marker
    if folder.is_symlink() or not folder.is_dir() or (unmarked and {part.name for part in folder.iterdir()} - started):
        raise StoreError(f"{folder} was not made by mlejax, which needs the name. Move it away.")
    return True


def refuse_to_overwrite(path: Path, layout: Layout) -> None:
    """Refuse a directory without a store in which something else has the name of one of its arrays.

    Raises:
        StoreError: naming it.
    """
    for name in (*layout.axes, *(variable.name for variable in layout.variables)):
        if os.path.lexists(path / name):
            raise StoreError(
                f"{path} holds {name!r}, but no results of mlejax, and will not be overwritten. Use another directory."
            )


def _refuse_strangers(path: Path, old: Layout | None) -> None:
    """Refuse to replace arrays between whose files others lie."""
    names = [] if old is None else [*old.axes, *(variable.name for variable in old.variables)]
    for top in (path / name for name in names):
        for folder, folders, files in os.walk(top):
            for each in (*folders, *files):
                known = each in (ROOT, "c") if Path(folder) == top else each.isdigit()
                if not known or Path(folder, each).is_symlink():
                    raise StoreError(f"{Path(folder, each)} is in the way of the results. Move it away.")


# Metadata from the command --------------------------------------------------------------------------------------------


def rebuild(path: Path, wanted: Layout, description: Description) -> tuple[Layout, Description]:
    """Write the axes and the metadata of a store again.

    Args:
        path: the result directory.
        wanted: the axes and variables of the sweep that repairs it.
        description: its settings, and what decides its bits.

    Returns:
        The layout and the description of the store as it is then.

    Raises:
        StoreError: what is left does not say that the results are of this sweep; nothing has been changed.
    """
    try:
        root = read_root(path)
    except DamageError:
        root = None
    if root is None:
        layout, there = _from_the_command(path, wanted, description)
    else:
        own, there = root_says(root)
        check_settings(path, there, description)
        axes = {}
        for name, (dtype, digest) in own["axes"].items():
            values = read_axis(path, name, dtype)
            values = wanted.axes.get(name) if values is None or digest_of(values) != digest else values
            if values is None or digest_of(values) != digest:
                raise StoreError(
                    f"{path}: the values of the axis {name} are lost. Give the call with the values that it was last "
                    "made with and repair (--repair); after that it can be extended."
                )
            axes[name] = values
        layout = Layout(axes, tuple(map(variable_of, own["variables"])), tuple(own["batch"]))
    for name, content in documents(layout, there).items():  # the group's comes last
        write_whole(path, name, content)
    return layout, there


def _from_the_command(path: Path, wanted: Layout, description: Description) -> tuple[Layout, Description]:
    """Return the layout that the arrays of a store without a `zarr.json` say they have, and its description."""
    found = marks(path)
    read = {name: read_axis(path, name, type_of(values)) for name, values in wanted.axes.items()}
    kept = {name: wanted.axes[name] if values is None else values for name, values in read.items()}
    mixed = ways(path)
    if mixed is not None:
        wanted = dataclasses.replace(wanted, variables=(*wanted.variables, COMPUTED_BY))
        description = dataclasses.replace(description, computed_by=mixed)
    for axes in (kept, wanted.axes):
        layout = Layout.of(axes, wanted.variables)
        if found == {identity(layout, description)}:
            return layout, description
    if mixed is None and (path / COMPUTED_BY.name).exists():
        raise StoreError(
            f"{path}: {ROOT} is lost, and so is {COMPUTED_BY.name}/{ROOT}, which says in which ways the runs were "
            "computed. Bring one of them back from a copy, or use another directory."
        )
    raise StoreError(
        f"{path}: {ROOT} is lost, and the arrays are not those of this very {description.kind}, computed in this "
        "way. Give the call that wrote them, or use another directory."
    )
