"""Results on disk: a Zarr store that xarray opens at any time, written batch by batch, resumable.

A batch is one chunk of every array. Each chunk file is written aside and renamed; the status is written last, and until
then it reads RUNNING: whatever is on disk is whole, and what a killed sweep had not finished is recomputed.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

from . import models
from .models import Model
from .results import QUANTITIES, STATUS_FLAGS, SweepResult, blank
from .status import Status

FORMAT = 1
MAKING, READY = ".making", ".ready"
FOLLOW_SECONDS, POLL_SECONDS = 300.0, 0.2
SMALLEST_BATCH, LARGEST_BATCH = 256, 16384
UNREADABLE = (ValueError, RuntimeError, OSError, KeyError)
"""What reading a damaged store may raise."""


class StoreError(ValueError):
    """A result directory cannot be used as asked; the message says why and what to do."""


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
        self.group: Any = None
        self.settings = json.loads(json.dumps(settings))
        self.shape = tuple(len(values) for values in axes.values())
        self.batch = batch_shape(self.shape)
        self.grid = tuple(-(-n // size) for n, size in zip(self.shape, self.batch, strict=True))
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; results need a directory")
        with self._readable_errors():
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = _lock(self.path, process)
            try:
                self.loaded = self._open(repair) if process == 0 else self._follow()
            except BaseException:
                self.lock.close()
                raise

    # Reading what is there ------------------------------------------------------------------------------------------

    def _open(self, repair: bool) -> dict[str, np.ndarray] | None:
        """The finished runs of the directory; None, and a new store, where there are none."""
        shutil.rmtree(self.path / MAKING, ignore_errors=True)
        self._install()
        loaded = None
        if (self.path / "zarr.json").exists():
            loaded = self._load(repair)
        else:
            self._refuse_to_overwrite()
            self._replace({})
        self._use(zarr.open_group(self.path, mode="r+", use_consolidated=False))
        return loaded

    def _follow(self) -> dict[str, np.ndarray]:
        """The finished runs of a directory that the first process makes, or extends, as soon as it is there."""
        for _ in range(int(FOLLOW_SECONDS / POLL_SECONDS)):
            with contextlib.suppress(*UNREADABLE):
                group, attributes, found = open_results(self.path)
                if attributes["settings"] == self.settings and all(
                    name in found and np.array_equal(found[name], values) for name, values in self.axes.items()
                ):
                    self._use(zarr.open_group(self.path, mode="r+", use_consolidated=False))
                    return read_arrays(self.path, group, self.shape, self.names, repair=True)
            time.sleep(POLL_SECONDS)
        raise StoreError(
            f"{self.path}: process {self.process} waited {FOLLOW_SECONDS:.0f} s for the first process to prepare the "
            "directory. Is it running, with the same settings and the same directory?"
        )

    def statuses(self) -> np.ndarray:
        """The statuses on disk now, by whichever process they were written."""
        return np.asarray(self.group["status"][...])

    def reload(self) -> dict[str, np.ndarray]:
        """All results on disk now."""
        return read_arrays(self.path, self.group, self.shape, self.names, repair=False)

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
        arrays = read_arrays(self.path, group, shape, self.names, repair)
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
        self._use(self._create(making))
        for batch in np.ndindex(*self.grid) if arrays else ():
            if np.any(arrays["status"][self.slices(batch)] != Status.RUNNING):
                self.save(batch, arrays)
        os.rename(making, self.path / READY)
        self._install()

    def _install(self) -> None:
        """Move a store that is ready into place; where a process was killed in between, the next one goes on."""
        ready = self.path / READY
        if ready.exists():
            # The file that makes it a store comes last. Whatever else lies in the directory stays as it is.
            for part in sorted(ready.iterdir(), key=lambda part: part.name == "zarr.json"):
                if (self.path / part.name).is_dir():
                    shutil.rmtree(self.path / part.name)
                os.replace(part, self.path / part.name)
            ready.rmdir()

    # Writing --------------------------------------------------------------------------------------------------------

    def _create(self, path: Path) -> Any:
        group = zarr.open_group(path, mode="w")
        for name, values in self.axes.items():
            group.create_array(name, data=values, dimension_names=[name])
        for name in (*self.names, *QUANTITIES):
            kind, unit, meaning = QUANTITIES.get(name, ("float64", None, f"estimate of {name}"))
            attributes: dict[str, Any] = {"long_name": meaning} | ({"units": unit} if unit else {})
            if name == "status":
                attributes |= {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in STATUS_FLAGS.items()}
            group.create_array(
                name,
                shape=self.shape,
                chunks=self.batch,
                dtype=kind,
                fill_value=0 if "int" in kind else np.nan,
                compressors=[ZstdCodec(level=1), Crc32cCodec()],
                dimension_names=list(self.axes),
                attributes=attributes,
            )
        group.attrs.update(
            {"format": FORMAT, "axes": list(self.axes), "parameters": list(self.names), "settings": self.settings}
        )
        consolidate(path)
        return zarr.open_group(path, mode="r+", use_consolidated=False)

    def save(self, batch: tuple[int, ...], arrays: dict[str, np.ndarray]) -> None:
        """Write one batch of whole arrays; the status last, because it says that the rest is there."""
        slices = self.slices(batch)
        with self._readable_errors():
            for name, array in self.opened.items():
                array[slices] = arrays[name][slices]

    def _use(self, group: Any) -> None:
        """Write to this group from now on. Opening an array takes half as long as writing a batch of it: once each."""
        names = (*self.names, *(q for q in QUANTITIES if q != "status"), "status")
        self.group, self.opened = group, {name: group[name] for name in names}

    def describe(self, attributes: dict[str, Any]) -> None:
        """Record how the results were made."""
        with self._readable_errors():
            self.group.attrs.update(attributes)
            consolidate(self.path)

    def slices(self, batch: tuple[int, ...]) -> tuple[slice, ...]:
        """Where a batch lies in the arrays."""
        return tuple(slice(i * size, (i + 1) * size) for i, size in zip(batch, self.batch, strict=True))

    def batches_of(self, index: tuple[np.ndarray, ...]) -> np.ndarray:
        """The number of the batch of each run, from its position along every axis."""
        return np.ravel_multi_index([i // size for i, size in zip(index, self.batch, strict=True)], self.grid)

    def close(self) -> None:
        """Let go of the directory; a process that follows holds its part of it to its own end."""
        if self.process == 0:
            self.lock.close()
        else:
            _HELD.append(self.lock)

    @contextlib.contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror or error}. Nothing that was finished is lost; make room or "
                "change the permissions, and give the same command again."
            ) from error


def check_settings(path: Path, found: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse results that were made by other settings."""
    for name in dict.fromkeys([*found, *settings]):
        old, new = found.get(name), settings.get(name)
        if old != new:
            raise StoreError(
                f"{path} holds a sweep with {name} = {_shown(old)}; this one has {_shown(new)}. "
                "Use another directory, or the same settings."
            )


def batch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Runs per batch along every axis: about a sixteenth of the sweep, within limits that keep writing cheap."""
    left = min(max(int(np.prod(shape)) // 16, SMALLEST_BATCH), LARGEST_BATCH)
    sizes = []
    for n in shape:
        sizes.append(max(1, min(n, left)))
        left //= sizes[-1]
    return tuple(sizes)


def consolidate(path: Path) -> None:
    """Let readers find all arrays in one file, whatever else lies in the directory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # not in the specification yet; xarray reads it
        zarr.consolidate_metadata(path)


def open_results(path: Path) -> tuple[Any, dict[str, Any], dict[str, np.ndarray]]:
    """The store of a sweep, its attributes, and its axes.

    Raises:
        StoreError: it is not a sweep's, was written by a newer version, or cannot be read.
    """
    try:
        group: Any = zarr.open_group(path, mode="r")
        attributes = dict(group.attrs)
        check_format(path, attributes)
        return group, attributes, {name: np.asarray(group[name][:]) for name in attributes["axes"]}
    except StoreError:
        raise
    except UNREADABLE as error:
        raise StoreError(f"{path}: the store cannot be read ({error}). Use another directory.") from error


def read_arrays(
    path: Path, group: Any, shape: tuple[int, ...], names: Sequence[str], repair: bool = False
) -> dict[str, np.ndarray]:
    """The results of a store by name; with `repair`, runs that cannot be read come back as RUNNING.

    Raises:
        StoreError: naming the first chunk that cannot be read.
    """
    arrays = {name: blank(name, shape) for name in (*names, *QUANTITIES)}
    damaged = []
    bad = np.zeros(shape, bool)
    for name, array in arrays.items():
        try:
            array[...] = group[name][...]
        except UNREADABLE:
            for slices in _chunks(shape, group[name].chunks):
                try:
                    array[slices] = group[name][slices]
                except UNREADABLE:
                    bad[slices] = True
                    damaged.append(f"{name}[{', '.join(f'{s.start}:{s.stop}' for s in slices)}]")
    if damaged and not repair:
        raise StoreError(
            f"{path}: {len(damaged)} damaged batch{'es' if len(damaged) > 1 else ''}, {damaged[0]} first; the same "
            "sweep with repair (--repair) computes that again. Everything else is whole."
        )
    arrays["status"][bad] = Status.RUNNING
    return arrays


def check_format(path: Path, attributes: Mapping[str, Any]) -> None:
    """Refuse a store that is not a sweep's, or was written by a newer version."""
    if "format" not in attributes or "settings" not in attributes:
        raise StoreError(f"{path} is a Zarr store, but not of a sweep. Use another directory.")
    if attributes["format"] > FORMAT:
        raise StoreError(
            f"{path} was written by a newer mlejax (format {attributes['format']}; this one knows {FORMAT}). Upgrade "
            "mlejax, or use another directory."
        )


def _chunks(shape: tuple[int, ...], chunk: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    for index in np.ndindex(*(-(-n // c) for n, c in zip(shape, chunk, strict=True))):
        yield tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(index, chunk, shape, strict=True))


def wait_for_followers(path: Path) -> None:
    """Wait until the other processes are gone: the first keeps the connection between all of them."""
    deadline = time.monotonic() + FOLLOW_SECONDS
    for process in range(1, jax.process_count()):
        while time.monotonic() < deadline:
            try:
                _lock(path, process).close()
                break
            except StoreError:
                time.sleep(POLL_SECONDS)


_HELD: list[Any] = []


def _lock(path: Path, process: int) -> Any:
    """Hold the directory for this process; the system lets go of it even when the process is killed."""
    handle = open(path / (f".lock.{process}" if process else ".lock"), "a+")  # noqa: SIM115 - held until the sweep ends
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        owner = handle.read().strip()
        handle.close()
        raise StoreError(
            f"{path} is in use by another process ({owner or 'unknown'}). Wait for it, or stop it."
        ) from None
    handle.truncate(0)
    handle.write(f"pid {os.getpid()}")
    handle.flush()
    return handle


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value) if not isinstance(value, str) else value


def load(path: str | Path) -> SweepResult:
    """The result in a directory, finished or not; runs that are not finished have the status RUNNING.

    Raises:
        StoreError: there is no sweep there, or it is damaged.
    """
    path = Path(path)
    if not (path / "zarr.json").exists():
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
