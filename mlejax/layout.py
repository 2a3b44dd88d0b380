"""What a sweep looks like on disk: a Zarr group of one array per parameter and quantity, in chunks called batches."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

from .results import QUANTITIES, STATUS_FLAGS, blank
from .status import Status

FORMAT = 1
SMALLEST_BATCH, LARGEST_BATCH = 256, 16384
UNREADABLE = (ValueError, RuntimeError, OSError, KeyError)
"""What reading a damaged store may raise."""


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
    """A new store, all of whose runs are RUNNING."""
    shape = tuple(map(len, axes.values()))
    group = zarr.open_group(path, mode="w")
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
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
            dimension_names=list(axes),
            attributes=attributes,
        )
    group.attrs.update({"format": FORMAT, "axes": list(axes), "parameters": list(names), "settings": settings})
    consolidate(path)


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


def _chunks(shape: tuple[int, ...], chunk: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    for index in np.ndindex(*(-(-n // c) for n, c in zip(shape, chunk, strict=True))):
        yield tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(index, chunk, shape, strict=True))


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
