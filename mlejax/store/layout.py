"""What a sweep looks like on disk: a Zarr group of one array per parameter and quantity, in chunks called batches."""

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Zstd
from numcodecs.checksum32 import CRC32C
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from ..results.schema import QUANTITIES, STATUS_FLAGS, blank
from ..status import Status

FORMAT = 1
SMALLEST_BATCH, LARGEST_BATCH = 256, 16384
COMPRESSION = 1
"""Zstandard's level: the fastest of the ordinary ones."""

UNREADABLE = (ValueError, RuntimeError, OSError, KeyError)
"""What reading a damaged store may raise."""


Place = tuple[slice, ...]
"""Where a batch lies in the whole arrays."""


class StoreError(ValueError):
    """A result directory cannot be used as asked; the message says why and what to do."""


def batch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Runs per batch along every axis: about a sixteenth of the sweep, within limits that keep writing cheap."""
    left = min(max(int(np.prod(shape)) // 16, SMALLEST_BATCH), LARGEST_BATCH)
    sizes = []
    for n in shape:
        sizes.append(max(1, min(n, left)))
        left //= sizes[-1]
    return tuple(sizes)


def create(path: Path, axes: Mapping[str, np.ndarray], names: Sequence[str], settings: Mapping[str, Any]) -> None:
    """A new store, all of whose runs are RUNNING. Zarr makes its files in memory, three times as fast as on disk."""
    shape = tuple(map(len, axes.values()))
    files: dict[str, Any] = {}
    group = zarr.open_group(MemoryStore(files), mode="w")
    for name, values in axes.items():
        group.create_array(name, data=values, dimension_names=[name])
    for name in (*names, *QUANTITIES):
        kind, unit, meaning = QUANTITIES.get(name, ("float64", None, f"estimate of {name}"))
        attributes: dict[str, Any] = {"long_name": meaning} | ({"units": unit} if unit else {})
        if name == "status":
            attributes |= {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in STATUS_FLAGS.items()}
        group.create_array(
            name,
            shape=shape,
            chunks=batch_shape(shape),
            dtype=kind,
            fill_value=0 if "int" in kind else np.nan,
            compressors=[ZstdCodec(level=COMPRESSION), Crc32cCodec()],
            dimension_names=list(axes),
            attributes=attributes,
        )
    group.attrs.update({"format": FORMAT, "axes": list(axes), "parameters": list(names), "settings": settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # not in the specification yet; xarray reads it
        zarr.consolidate_metadata(group.store)
    for name, content in files.items():
        _write_whole(path / name, content.to_bytes())


def add_attributes(path: Path, attributes: Mapping[str, Any]) -> None:
    """Add attributes to those of a store."""
    file = path / "zarr.json"
    whole = json.loads(file.read_text())
    whole["attributes"].update(attributes)
    _write_whole(file, json.dumps(whole, indent=2, allow_nan=False).encode())


def write_batch(path: Path, batch: tuple[int, ...], shape: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> None:
    """Write one batch, of this shape, of whole arrays; the status last, because it says that the rest is there."""
    place = _place(batch, shape, arrays["status"].shape)
    for name in sorted(arrays, key=lambda name: name == "status"):
        values = arrays[name][place]
        chunk = blank(name, shape)
        chunk[tuple(map(slice, values.shape))] = values
        _write_whole(chunk_file(path, name, batch), encoded(chunk))


def chunk_file(path: Path, name: str, batch: tuple[int, ...]) -> Path:
    """Where Zarr keeps a chunk of an array."""
    return Path(path, name, "c", *map(str, batch))


def encoded(chunk: np.ndarray) -> bytes:
    """The bytes that Zarr writes for a chunk of an array made by `create`.

    Assigning to a Zarr array takes its event loop some 30 times round, seven times as long as the compression.
    """
    little = chunk.astype(chunk.dtype.newbyteorder("<"), copy=False)
    return CRC32C().encode(Zstd(level=COMPRESSION).encode(little)).tobytes()


def _write_whole(file: Path, content: bytes) -> None:
    """The file is there whole or not at all, and once this returns it is there, also after a power cut."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.part")
    with open(aside, "wb") as part:
        part.write(content)
        part.flush()
        os.fsync(part.fileno())
    os.replace(aside, file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


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
    path: Path, group: Any, shape: tuple[int, ...], names: Sequence[str], damage: str = "refuse"
) -> dict[str, np.ndarray]:
    """The results of a store by name.

    Args:
        path, group: the store.
        shape: of the arrays.
        names: the parameters.
        damage: whether to `"refuse"` a damaged store, to `"ignore"` what is damaged, so that these runs come back as
            RUNNING, or to `"forget"` it: they are RUNNING on disk as well from then on.

    Raises:
        StoreError: naming the first chunk that cannot be read.
    """
    # The status first: whatever it calls finished was written before, also while a sweep goes on writing.
    arrays = {name: blank(name, shape) for name in ("status", *names, *QUANTITIES)}
    damaged, bad = [], {}
    for name, array in arrays.items():
        for batch, place in _read(path, group[name], name, array, arrays["status"]).items():
            bad[batch] = place
            damaged.append(f"{name}[{', '.join(f'{s.start}:{s.stop}' for s in place)}]")
    if damaged and damage == "refuse":
        raise StoreError(
            f"{path}: {len(damaged)} damaged batch{'es' if len(damaged) > 1 else ''}, {damaged[0]} first; the same "
            "sweep with repair (--repair) computes that again. Everything else is whole."
        )
    for batch, place in bad.items():
        arrays["status"][place] = Status.RUNNING
        if damage == "forget":  # before anything of the batch is written again, which takes several files
            chunk_file(path, "status", batch).unlink(missing_ok=True)
    return arrays


def _read(path: Path, stored: Any, name: str, array: np.ndarray, status: np.ndarray) -> dict[tuple[int, ...], Place]:
    """Read an array. The batches whose chunk cannot be read, or is missing though finished runs should have it."""
    batches = dict(_batches(array.shape, stored.chunks))
    lost = {
        batch: place
        for batch, place in batches.items()
        if not chunk_file(path, name, batch).exists() and np.any(status[place] != Status.RUNNING)
    }
    try:
        array[...] = stored[...]
    except UNREADABLE:
        for batch, place in batches.items():
            try:
                array[place] = stored[place]
            except UNREADABLE:
                lost[batch] = place
    return lost


def _batches(shape: tuple[int, ...], batch: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Place]]:
    """Every batch, and its place."""
    for index in np.ndindex(*(-(-n // size) for n, size in zip(shape, batch, strict=True))):
        yield index, _place(index, batch, shape)


def _place(index: tuple[int, ...], batch: tuple[int, ...], shape: tuple[int, ...]) -> Place:
    return tuple(slice(i * s, min((i + 1) * s, n)) for i, s, n in zip(index, batch, shape, strict=True))


def check_format(path: Path, attributes: Mapping[str, Any]) -> None:
    """Refuse a store that is not a sweep's, or was written by a newer version."""
    if "format" not in attributes or "settings" not in attributes:
        raise StoreError(f"{path} is a Zarr store, but not of a sweep. Use another directory.")
    if attributes["format"] > FORMAT:
        raise StoreError(
            f"{path} was written by a newer mlejax (format {attributes['format']}; this one knows {FORMAT}). Upgrade "
            "mlejax, or use another directory."
        )


def check_settings(path: Path, found: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse results that were made by other settings."""
    for name in dict.fromkeys([*found, *settings]):
        old, new = found.get(name), settings.get(name)
        if old != new:
            raise StoreError(
                f"{path} holds a sweep with {name} = {_shown(old)}; this one has {_shown(new)}. "
                "Use another directory, or the same settings."
            )


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value) if not isinstance(value, str) else value
