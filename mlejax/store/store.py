"""A result directory: made, gone on with, extended, repaired, written batch by batch.

A batch is one chunk of every array. Each chunk file is written aside, flushed and renamed; the status is written last,
and until then it reads RUNNING: whatever is on disk is whole, and what a killed sweep had not finished is recomputed.
"""

import contextlib
import dataclasses
import errno
import json
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import checks
from ..progress import say
from ..results.schema import COMPUTED_BY
from ..status import Status
from . import lock
from .batches import StoredArrays, forget, read_batch, read_variable, refuse_damage, scan, write_batch
from .files import StoreError, remove_parts, write_whole
from .layout import ROOT, DamageError, Description, Layout, described, identity, marks
from .reading import check_extension, check_settings, read_layout, read_root
from .rebuild import MAKING, discard, install, place_in, rebuild, refuse_to_overwrite, replace

NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, eq=False)
class Store:
    """A result directory that one process writes; `open_store` makes it."""

    path: Path
    layout: Layout
    description: Description
    status: np.ndarray  # of all runs when it was opened
    way: int  # which entry of computed_by the runs of this process get
    process: int
    hold: lock.Lock | None  # None where nothing is left to write, in a directory that cannot be written

    def read_batch(self, number: int) -> dict[str, np.ndarray]:
        """Return a batch as it is on disk."""
        return read_batch(self.path, self.layout, number)

    @cached_property
    def mark(self) -> str:
        """What the arrays of this store say that they are of."""
        return identity(self.layout, self.description)

    def write_batch(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a batch; its status last.

        Raises:
            StoreError: it cannot be written, or another store has taken the place of this one.
        """
        with readable_errors(self.path):
            if marks(self.path, "status") != {self.mark}:
                raise StoreError(
                    f"{self.path} is not what it was when this process opened it: it has been extended, removed or "
                    "replaced. What has ended since is not written; give the same command again."
                )
            write_batch(self.path, self.layout, number, arrays)

    def statuses(self) -> np.ndarray:
        """Return the statuses on disk now, by whichever process they were written."""
        status = next(variable for variable in self.layout.variables if variable.name == "status")
        return read_variable(self.path, self.layout, status)

    def arrays(self, **known: np.ndarray) -> StoredArrays:
        """Return all variables by name, each to be read when it is first used; those known are not."""
        return StoredArrays(self.path, self.layout, {"status": self.status} | known)

    def describe(self, result: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        """Record what describes the result as a whole, and the user's own attributes."""
        if self.hold is None:
            return
        with readable_errors(self.path):
            root = (self.path / ROOT).read_bytes()
            new = described(root, result, attributes)
            if new != root:
                write_whole(self.path, ROOT, new)

    def close(self) -> None:
        """Release the lock. Followers keep theirs until they exit, so that the first can wait for them."""
        if self.process == 0 and self.hold is not None:
            self.hold.close()
        elif self.hold is not None:
            lock.HELD.append(self.hold)


def open_store(
    path: str | Path,
    wanted: Layout,
    description: Description,
    *,
    repair: bool = False,
    allow_mixed: bool = False,
    process: int = 0,
    known: Mapping[str, np.ndarray] = NOTHING,
) -> Store:
    """Open a result directory for the runs of a layout: make it, or go on with what it holds.

    Args:
        path: the directory; made if it is not there.
        wanted: the axes and variables of all runs. Where the directory has fewer values along an axis, it is extended.
        description: the settings, which must be those of the directory, and one entry of `computed_by`.
        repair: write metadata and axes that are damaged or missing again, and recompute damaged batches.
        allow_mixed: go on although the results there were computed in another way; which run was is then recorded.
        process: which of several processes this is. The first makes the store; the others wait for it, and each writes
            batches of its own.
        known: what is known of every run before it is made, by the names of variables, of the shape of the axes. A
            directory whose runs have others is refused.

    Raises:
        StoreError: the directory is in use, made by other settings, by another version or in another way, damaged, or
            not writable; nothing in it has been changed.
    """
    path = checks.path("out", path)
    description = dataclasses.replace(
        description,
        settings=json.loads(json.dumps(description.settings)),
        computed_by=json.loads(json.dumps(description.computed_by)),
    )
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file; results need a directory")
    with readable_errors(path):
        if process:
            return _follow(path, wanted, description, process)
        fresh = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        try:
            hold = lock.Lock(path)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            return _first(path, wanted, description, repair, allow_mixed, None, known)  # all may have ended already
        try:
            return _first(path, wanted, description, repair, allow_mixed, hold, known)
        except BaseException:
            hold.close(forget=True)
            if fresh:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise


def _first(
    path: Path,
    wanted: Layout,
    description: Description,
    repair: bool,
    allow_mixed: bool,
    hold: lock.Lock | None,
    known: Mapping[str, np.ndarray],
) -> Store:
    if hold is not None:
        discard(path / MAKING)
        install(path)
    try:
        root = read_root(path)
        found = None if root is None else read_layout(path, root)
    except DamageError:
        if not repair or hold is None:
            raise
        found = rebuild(path, wanted, description)
    if found is None:
        if hold is None:
            raise PermissionError(errno.EACCES, "Permission denied")
        refuse_to_overwrite(path, wanted)
        return Store(path, wanted, description, replace(path, wanted, description, None), 0, 0, hold)
    old, there = found
    if not known.keys() <= {variable.name for variable in old.variables}:
        description = dataclasses.replace(description, loose=frozenset())
    check_settings(path, there, description)
    check_extension(path, old, wanted, description.kind)
    seen = scan(path, old, bool(there.result.get("finished")))
    if not repair or hold is None:
        refuse_damage(path, old, seen.damaged)
    _check_known(path, old, seen.status, wanted, known)
    if repair and hold is not None and seen.damaged:
        there = dataclasses.replace(there, result={k: v for k, v in there.result.items() if k != "finished"})
        write_whole(path, ROOT, described((path / ROOT).read_bytes(), there.result, there.attributes))
        forget(path, old, seen.damaged)
    return _extended(Store(path, old, there, seen.status, 0, 0, hold), wanted, description, allow_mixed)


def _extended(store: Store, wanted: Layout, description: Description, allow_mixed: bool) -> Store:
    """Return a store that has all axis values that are wanted, and to which runs computed in this way may be added."""
    old, ways, way = store.layout, store.description.computed_by, description.computed_by[0]
    same = all(np.array_equal(values, wanted.axes[name]) for name, values in old.axes.items())
    if same and np.all(store.status != Status.RUNNING):
        return store  # nothing will be added
    if store.hold is None:
        raise PermissionError(errno.EACCES, "Permission denied")
    with contextlib.suppress(StoreError), lock.none_following(store.path):  # of whose parts one may be being written
        remove_parts(store.path, [*old.axes, *(variable.name for variable in old.variables)])
    if way not in ways and not allow_mixed:
        _refuse_to_mix(store.path, ways[-1], way)
    if way in ways and same:
        return dataclasses.replace(store, way=ways.index(way))
    ways = ways if way in ways else [*ways, way]
    layout = Layout.of(wanted.axes, (*wanted.variables, *([COMPUTED_BY] if len(ways) > 1 else [])))
    result = {name: value for name, value in store.description.result.items() if name != "finished"}
    settings = {**store.description.settings, **{name: description.settings[name] for name in description.loose}}
    description = dataclasses.replace(store.description, settings=settings, computed_by=ways, result=result)
    with lock.none_following(store.path):
        status = replace(store.path, layout, description, old)
    return dataclasses.replace(store, layout=layout, description=description, status=status, way=ways.index(way))


def _check_known(path: Path, old: Layout, status: np.ndarray, wanted: Layout, known: Mapping[str, np.ndarray]) -> None:
    """Refuse a store of whose runs something else was known.

    Raises:
        StoreError: naming the first run.
    """
    for variable in (each for each in old.variables if each.name in known):
        here = known[variable.name][place_in(old, wanted)]
        try:
            there = read_variable(path, old, variable)
        except DamageError:  # which is repaired: these runs are made again
            there = here
        places = np.argwhere((status != Status.RUNNING) & (there != here))
        if len(places):
            first = ", ".join(f"{name} = {at[i]}" for (name, at), i in zip(old.axes.items(), places[0], strict=True))
            raise StoreError(
                f"{path}: the {variable.meaning} is another than it was, of {len(places):,} of {status.size:,}, "
                f"{first} first. Use another directory, or what was given before."
            )


def _refuse_to_mix(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    differing = "; ".join(f"{name} = {old.get(name)}, here {new.get(name)}" for name in names)
    raise StoreError(
        f"{path} was computed in another way, which may give other bits ({differing}). Use another directory, compute "
        "where it was begun, or accept both with allow_mixed (--allow-mixed), which records which run is of which."
    )


def _follow(path: Path, wanted: Layout, description: Description, process: int) -> Store:
    """Open a directory that the first process makes, or extends, as soon as it is there."""
    began, told = time.monotonic(), False
    while (waited := time.monotonic() - began) < lock.FOLLOW_SECONDS:
        if _prepared(path, wanted, description) is not None:
            hold = lock.Lock(path, process)  # from here on the first does not make another store of it
            if (found := _prepared(path, wanted, description)) is not None:
                layout, there = found
                number = there.computed_by.index(description.computed_by[0])
                return Store(path, layout, there, scan(path, layout).status, number, process, hold)
            hold.close(forget=True)
        if waited > lock.SECONDS_TO_A_WORD and not told:
            say(
                f"process {process} waits for the first process to prepare {path}; "
                f"it gives up after {lock.FOLLOW_SECONDS:.0f} s"
            )
            told = True
        time.sleep(lock.POLL_SECONDS)
    raise StoreError(
        f"{path}: process {process} waited {lock.FOLLOW_SECONDS:.0f} s for the first process to prepare the "
        "directory. Is it running, with the same settings, on the same kind of machine, with the same directory?"
    )


def _prepared(path: Path, wanted: Layout, description: Description) -> tuple[Layout, Description] | None:
    """Return what a store says of itself, where it is the one to which runs computed in this way are to be added."""
    with contextlib.suppress(StoreError):
        if (root := read_root(path)) is None:
            return None
        layout, there = read_layout(path, root)
        same = list(layout.axes) == list(wanted.axes) and all(
            np.array_equal(values, wanted.axes[name]) for name, values in layout.axes.items()
        )
        alike = all(
            there.settings.get(name) == description.settings.get(name)
            for name in {*there.settings, *description.settings} - description.loose
        )
        if same and alike and description.computed_by[0] in there.computed_by:
            return layout, there
    return None


@contextlib.contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """Turn errors of the system into a sentence that says what to do."""
    try:
        yield
    except OSError as error:
        room, permitted = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), (errno.EACCES, errno.EPERM, errno.EROFS)
        advice = "Make room" if error.errno in room else "Mend that"
        advice = "Change the permissions" if error.errno in permitted else advice
        raise StoreError(
            f"{path}: {error.strerror or error}. What is on disk is whole, and what could not be written is computed "
            f"again. {advice}, and give the same command again."
        ) from error
