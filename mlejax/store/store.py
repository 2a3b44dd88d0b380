"""Results on disk: a Zarr store that xarray opens at any time, written batch by batch, resumable.

A batch is one chunk of every array. Each chunk file is written aside, flushed and renamed; the status is written last,
and until then it reads RUNNING: whatever is on disk is whole, and what a killed sweep had not finished is recomputed.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr

from .. import models
from ..models import Model
from ..results.schema import QUANTITIES, blank
from ..results.sweep import SweepResult
from ..status import Status
from . import lock
from .layout import (
    UNREADABLE,
    StoreError,
    add_attributes,
    check_settings,
    create,
    open_results,
    read_arrays,
    write_batch,
)

MAKING, READY = ".making", ".ready"


class Store:
    """One result directory.

    Args:
        path: the directory; made if it is not there.
        axes: name -> values.
        names: the parameters.
        settings: what decides the results besides the axes, as plain JSON values. Another value than the directory's
            is refused.
        repair: recompute batches that cannot be read, in place of refusing them.
        process: which of several processes this is. The first makes the store; the others wait for it, and each writes
            batches of its own.

    Raises:
        StoreError: the directory is in use, made by other settings or a newer version, damaged, or not writable.
    """

    def __init__(
        self,
        path: str | Path,
        axes: dict[str, np.ndarray],
        names: tuple[str, ...],
        settings: dict[str, Any],
        repair: bool = False,
        process: int = 0,
    ):
        self.path, self.axes, self.names, self.process = Path(path), axes, names, process
        self.settings = json.loads(json.dumps(settings))
        self.shape = tuple(len(values) for values in axes.values())
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; results need a directory")
        with self._readable_errors():
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = lock.lock_directory(self.path, process)
            try:
                self.loaded = self._open(repair) if process == 0 else self._follow()
            except BaseException:
                self.lock.close()
                raise

    # Reading what is there ------------------------------------------------------------------------------------------

    def _open(self, repair: bool) -> dict[str, np.ndarray] | None:
        """The finished runs of the directory; None, and a new store, where there are none."""
        if (self.path / MAKING).exists():
            shutil.rmtree(self.path / MAKING)
        self._install()
        loaded = None
        if (self.path / "zarr.json").exists():
            loaded = self._load(repair)
        else:
            self._refuse_to_overwrite()
            self._replace({})
        self._use(self.path)
        return loaded

    def _follow(self) -> dict[str, np.ndarray]:
        """The finished runs of a directory that the first process makes, or extends, as soon as it is there."""
        for _ in range(int(lock.FOLLOW_SECONDS / lock.POLL_SECONDS)):
            with contextlib.suppress(*UNREADABLE):
                group, attributes, found = open_results(self.path)
                if attributes["settings"] == self.settings and all(
                    name in found and np.array_equal(found[name], values) for name, values in self.axes.items()
                ):
                    self._use(self.path)
                    return read_arrays(self.path, group, self.shape, self.names, "ignore")
            time.sleep(lock.POLL_SECONDS)
        raise StoreError(
            f"{self.path}: process {self.process} waited {lock.FOLLOW_SECONDS:.0f} s for the first process to prepare "
            "the directory. Is it running, with the same settings and the same directory?"
        )

    def statuses(self) -> np.ndarray:
        """The statuses on disk now, by whichever process they were written."""
        return np.asarray(self.group["status"][...])

    def reload(self) -> dict[str, np.ndarray]:
        """All results on disk now."""
        return read_arrays(self.path, self.group, self.shape, self.names)

    def _refuse_to_overwrite(self) -> None:
        for name in (*self.axes, *self.names, *QUANTITIES):
            if (self.path / name).exists():
                raise StoreError(
                    f"{self.path} holds {name!r}, but no sweep: it is not ours to replace. Use another directory."
                )

    def _check_axes(self, axes: list[str]) -> None:
        if axes != list(self.axes):
            raise StoreError(
                f"{self.path} holds a sweep over {', '.join(axes)}; this one is over {', '.join(self.axes)}. "
                "Use another directory."
            )

    def _load(self, repair: bool) -> dict[str, np.ndarray]:
        """The finished runs of the directory, on the axes of this sweep; where these are longer, it is extended."""
        group, attributes, old = open_results(self.path)
        check_settings(self.path, attributes["settings"], self.settings)
        self._check_axes(list(old))
        for name, values in old.items():
            missing = values[~np.isin(values, self.axes[name])]
            if len(missing):
                raise StoreError(
                    f"{self.path} has runs with {name} = {missing[0]}, which this sweep leaves out: a sweep can be "
                    "extended, not cut. Use another directory, or add the value."
                )
        shape = tuple(map(len, old.values()))
        arrays = read_arrays(self.path, group, shape, self.names, "forget" if repair else "refuse")
        if all(np.array_equal(values, self.axes[name]) for name, values in old.items()):
            return arrays
        place = np.ix_(
            *(np.array([np.flatnonzero(self.axes[name] == v)[0] for v in values]) for name, values in old.items())
        )
        extended = {name: blank(name, self.shape) for name in arrays}
        for name, array in arrays.items():
            extended[name][place] = array
        self._replace(extended)
        return extended

    def _replace(self, arrays: dict[str, np.ndarray]) -> None:
        """Write a whole new store aside, then let it take its place."""
        making = self.path / MAKING
        create(making, self.axes, self.names, self.settings)
        self._use(making)
        if arrays:
            finished = np.nonzero(arrays["status"] != Status.RUNNING)
            for batch in np.unique(self.batches_of(finished)).tolist():
                self.save(batch, arrays)
        os.rename(making, self.path / READY)
        self._install()

    def _install(self) -> None:
        """Move a store that is ready into place; where a process was killed in between, the next one goes on."""
        ready = self.path / READY
        if ready.exists():
            # The file that makes it a store goes first and comes last: in between, its axes and arrays are not of one
            # sweep. Whatever else lies in the directory stays as it is.
            if (ready / "zarr.json").exists():
                (self.path / "zarr.json").unlink(missing_ok=True)
            for part in sorted(ready.iterdir(), key=lambda part: part.name == "zarr.json"):
                if (self.path / part.name).is_dir():
                    shutil.rmtree(self.path / part.name)
                os.replace(part, self.path / part.name)
            ready.rmdir()

    # Writing --------------------------------------------------------------------------------------------------------

    def save(self, batch: int, arrays: dict[str, np.ndarray]) -> None:
        """Write one batch of whole arrays."""
        with self._readable_errors():
            write_batch(self.folder, tuple(map(int, np.unravel_index(batch, self.grid))), self.batch, arrays)

    def _use(self, folder: Path) -> None:
        """Write to this store, in its batches, from now on."""
        self.folder, self.group = folder, cast(Any, zarr.open_group(folder, mode="r"))
        self.batch: tuple[int, ...] = self.group["status"].chunks
        self.grid = tuple(-(-n // size) for n, size in zip(self.shape, self.batch, strict=True))

    def describe(self, attributes: dict[str, Any]) -> None:
        """Record how the results were made."""
        with self._readable_errors():
            add_attributes(self.path, attributes)

    def batches_of(self, index: tuple[np.ndarray, ...]) -> np.ndarray:
        """The number of the batch of each run, from its position along every axis."""
        return np.ravel_multi_index([i // size for i, size in zip(index, self.batch, strict=True)], self.grid)

    def close(self) -> None:
        """Let go of the directory; a process that follows holds its part of it to its own end."""
        if self.process == 0:
            self.lock.close()
        else:
            lock.HELD.append(self.lock)

    @contextlib.contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror or error}. Nothing that was finished is lost; make room or "
                "change the permissions, and give the same command again."
            ) from error


def load(path: str | Path) -> SweepResult:
    """The result in a directory, finished or not; runs that are not finished have the status RUNNING.

    Raises:
        StoreError: there is no sweep there, or it is damaged.
    """
    path = Path(path)
    if not (path / "zarr.json").exists():
        if (path / READY).exists():
            raise StoreError(f"{path} was being extended when that was killed; the same sweep again finishes it")
        raise StoreError(f"{path} holds no sweep: there is no Zarr store in it")
    group, attributes, axes = open_results(path)
    names = attributes["parameters"]
    arrays = read_arrays(path, group, tuple(map(len, axes.values())), names)
    information = attributes.pop("information", np.full(len(names) ** 2, np.nan))
    return SweepResult(
        axes=axes,
        model=_family(attributes["settings"]["model"].split()[0], names)(*(arrays[name] for name in names)),
        information=np.asarray(information, float).reshape(len(names), len(names)),
        attributes=attributes,
        **{name: arrays[name] for name in QUANTITIES},
    )


def _family(name: str, names: Sequence[str]) -> Callable[..., Model]:
    """The model's class where it is one of the library's; otherwise a class with the same fields."""
    known = getattr(models, name, None)
    if known is not None and [field.name for field in dataclasses.fields(known)] == list(names):
        return known
    fields = {"__annotations__": dict.fromkeys(names, Any), "log_prob": lambda self, x: np.nan}
    return type(name, (Model,), fields)
