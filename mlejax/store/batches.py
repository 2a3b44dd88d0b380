"""Reading batches: every chunk is there and whole, or its damage has a place."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..results.schema import FOUND, Variable, is_always_found
from ..status import Status
from .files import StoreError, read_whole, write_whole
from .layout import DamageError, Layout


class Scan(NamedTuple):
    """What a look at every chunk of a store found."""

    status: np.ndarray  # of all runs; RUNNING where a batch is damaged
    damaged: dict[int, str]  # batches of which a chunk is damaged or missing, and the variable


def read_chunk(path: Path, layout: Layout, variable: Variable, number: int) -> np.ndarray | None:
    """Read one variable of a batch.

    Returns:
        Its values; None where no chunk is there.

    Raises:
        ValueError: it is damaged, or something else than a file.
    """
    file = path / layout.chunk(variable, number)
    content = read_whole(file)
    if content is None:
        if not os.path.lexists(file):
            return None
        content = read_whole(file)  # it may have been written just now
    if content is None:
        raise ValueError("not an ordinary file that can be read")
    return layout.decode(variable, number, content)


def read_batch(path: Path, layout: Layout, number: int) -> dict[str, np.ndarray]:
    """Read all variables of a batch; where its runs have not ended, or it is damaged, it is blank.

    Args:
        path: the result directory.
        layout: of its store.
        number: of the batch.
    """
    blank = layout.blank(number)
    # The status first: whatever it calls ended was written before, also while a sweep goes on writing.
    for variable in sorted(layout.variables, key=lambda variable: variable.name != "status"):
        try:
            values = read_chunk(path, layout, variable, number)
        except ValueError:
            values = None
        if values is None:
            return layout.blank(number)
        blank[variable.name] = values
    return blank


def write_batch(path: Path, layout: Layout, number: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a batch; its status last, because it says that the rest is there."""
    for variable in sorted(layout.variables, key=lambda variable: variable.name == "status"):
        content = layout.encode(variable, arrays[variable.name])
        write_whole(path, layout.chunk(variable, number), content)


def scan(path: Path, layout: Layout, complete: bool = False) -> Scan:
    """Look at every chunk.

    Args:
        path: the result directory.
        layout: of its store.
        complete: whether all runs have ended, so that no chunk may be missing.
    """
    kept = {variable.name: variable for variable in layout.variables}
    status, damaged = kept["status"].blank(layout.shape), {}
    for number in range(layout.batches):
        name = "status"
        try:
            found = read_chunk(path, layout, kept[name], number)
            if found is None or not np.any(found != Status.RUNNING):
                if complete:
                    damaged[number] = name
                continue
            for name in kept:
                if name != "status" and _is_lacking(kept[name], read_chunk(path, layout, kept[name], number), found):
                    raise ValueError("missing, or of an earlier time than the status")
        except ValueError:
            damaged[number] = name
        else:
            status[layout.place(number)] = found
    if complete:
        for number in range(layout.batches):
            if number not in damaged and np.any(status[layout.place(number)] == Status.RUNNING):
                damaged[number] = "status"
    return Scan(status, damaged)


def _is_lacking(variable: Variable, values: np.ndarray | None, status: np.ndarray) -> bool:
    """Return whether a batch has not got what its status says it has.

    Chunks of several times are together where a directory was copied while a batch was written for a second time.
    """
    if values is None:
        return True
    if not is_always_found(variable):
        return False
    blank = np.isnan(values).reshape(*status.shape, -1).all(-1)
    return bool(np.any(blank & np.isin(status, FOUND)))


def refuse_damage(path: Path, layout: Layout, damaged: Mapping[int, str]) -> None:
    """Refuse a store of which batches are damaged.

    Raises:
        DamageError: naming how many, and the first.
    """
    if damaged:
        number, name = next(iter(damaged.items()))
        where = ", ".join(f"{part.start}:{part.stop}" for part in layout.place(number))
        raise DamageError(
            f"{path}: {len(damaged)} damaged batch{'es' if len(damaged) > 1 else ''}, {name}[{where}] first; the same "
            "call with repair (--repair) computes that again. Everything else is whole."
        )


def forget(path: Path, layout: Layout, damaged: Mapping[int, str]) -> None:
    """Make the runs of damaged batches unfinished on disk, before anything of them is written again."""
    status = next(variable for variable in layout.variables if variable.name == "status")
    for number, name in damaged.items():
        kept = next(variable for variable in layout.variables if variable.name == name)
        for file in [path / layout.chunk(each, number) for each in (kept, status)]:
            try:
                if file.is_dir() and not file.is_symlink():
                    file.rmdir()
                else:
                    file.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"{file} cannot be repaired ({error.strerror}). Remove it.") from error


def read_variable(path: Path, layout: Layout, variable: Variable) -> np.ndarray:
    """Read one variable of all runs; blank where a batch has not been written.

    Raises:
        DamageError: a chunk is damaged.
    """
    whole = variable.blank(layout.shape)
    for number in range(layout.batches):
        try:
            values = read_chunk(path, layout, variable, number)
        except ValueError:
            refuse_damage(path, layout, {number: variable.name})
            raise
        if values is not None:
            whole[layout.place(number)] = values
    return whole


class StoredArrays(Mapping[str, np.ndarray]):
    """The variables of a store by name, each read when it is first used, and kept."""

    def __init__(self, path: Path, layout: Layout, known: Mapping[str, np.ndarray]):
        """Take what is known already.

        Args:
            path: the result directory.
            layout: of its store.
            known: variables that need not be read, such as the status.
        """
        self._path, self._layout, self._known = path, layout, dict(known)
        self._variables = {variable.name: variable for variable in layout.variables}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._known:
            whole = read_variable(self._path, self._layout, self._variables[name])
            # What a process had written of a batch whose status is not there yet does not count.
            unfinished = self._known["status"] == Status.RUNNING
            whole[unfinished] = self._variables[name].fill
            self._known[name] = whole
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
