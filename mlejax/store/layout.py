"""What lies where on disk: a Zarr group of one array per variable, in chunks called batches, every byte of it guarded.

Chunks carry a checksum. Everything that is written once (the axes, and the metadata of every array) has its SHA-256 in
`zarr.json` of the group, which holds its own; and the metadata of every array names the sweep, or the table of fits,
that it is of, so that a group whose `zarr.json` is lost can be told from a stranger's.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..results.schema import COMPUTED_BY, TEXT, Dimension, Variable
from .files import StoreError, read_whole

FORMAT = 2
SWEEP, FITS = "sweep", "table of fits"
"""What a store is of, in words."""

SMALLEST_BATCH, LARGEST_BATCH = 256, 16384
COMPRESSION = 1
"""Zstandard's level: the fastest of the ordinary ones."""

ROOT = "zarr.json"
MARK = "mlejax_sweep"
"""The attribute of every array that names the sweep it is of."""

WAYS = "mlejax_ways"
"""The attribute of the array `computed_by` that says what its numbers stand for."""

_OWN = re.compile(rb'("sha256_of_this_file": ")([0-9a-f]{64})"')
_UNKNOWN = b"0" * 64


class DamageError(StoreError):
    """Something of a store is damaged or missing that the same call can write again."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The axes of all runs, what is kept of each, and how many runs along every axis make a batch."""

    axes: Mapping[str, np.ndarray]
    variables: tuple[Variable, ...]
    batch: tuple[int, ...]

    @classmethod
    def of(cls, axes: Mapping[str, np.ndarray], variables: tuple[Variable, ...]) -> "Layout":
        """Lay out a new store."""
        return cls(axes, variables, batch_shape(tuple(map(len, axes.values()))))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The number of values of every axis."""
        return tuple(len(values) for values in self.axes.values())

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """The number of batches along every axis."""
        return tuple(-(-n // size) for n, size in zip(self.shape, self.batch, strict=True))

    @property
    def batches(self) -> int:
        """The number of batches."""
        return int(np.prod(self.grid, dtype=np.int64))

    def place(self, number: int) -> tuple[slice, ...]:
        """Return where a batch lies in whole arrays."""
        index = np.unravel_index(number, self.grid)
        return tuple(
            slice(int(i) * s, min((int(i) + 1) * s, n)) for i, s, n in zip(index, self.batch, self.shape, strict=True)
        )

    def within(self, ids: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return the batch of each run, by its number, and the run's position in it along every axis."""
        index = np.unravel_index(ids, self.shape)
        batches = np.ravel_multi_index([i // s for i, s in zip(index, self.batch, strict=True)], self.grid)
        return batches, tuple(i % s for i, s in zip(index, self.batch, strict=True))

    def blank(self, number: int) -> dict[str, np.ndarray]:
        """Return a batch none of whose runs has ended, by variable."""
        shape = [part.stop - part.start for part in self.place(number)]
        return {variable.name: variable.blank(shape) for variable in self.variables}

    def chunk(self, variable: Variable, number: int) -> str:
        """Return the name of the file that Zarr keeps a chunk in."""
        index = (*map(int, np.unravel_index(number, self.grid)), *(0 for _ in variable.dims))
        return "/".join([variable.name, "c", *map(str, index)])

    def encode(self, variable: Variable, values: np.ndarray) -> bytes:
        """Return the bytes of a chunk of a variable from the values of a batch, which may be cut off by the edge."""
        chunk = variable.blank(self.batch)
        chunk[tuple(map(slice, values.shape))] = values
        return encoded(chunk)

    def decode(self, variable: Variable, number: int, content: bytes) -> np.ndarray:
        """Return the values of a batch from the bytes of its chunk.

        Raises:
            ValueError: they are not what was written.
        """
        shape = (*self.batch, *(dim.size for dim in variable.dims))
        return decoded(content, variable.dtype, shape)[tuple(slice(s.stop - s.start) for s in self.place(number))]


@dataclasses.dataclass(frozen=True)
class Description:
    """What a store says of its runs besides the numbers: plain values, as JSON has them."""

    settings: dict[str, Any]  # what decides the results besides the axes
    computed_by: list[dict[str, Any]]  # what decides their bits; one entry unless --allow-mixed was given
    attributes: dict[str, Any]  # the user's own
    result: dict[str, Any]  # what describes the result as a whole, once there is one
    kind: str = SWEEP
    loose: frozenset[str] = frozenset()  # settings that may be others than they were: what is known of each run decides


def batch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the runs per batch along every axis: about a sixteenth of them, within limits that keep writing cheap."""
    left = min(max(int(np.prod(shape)) // 16, SMALLEST_BATCH), LARGEST_BATCH)
    sizes = []
    for n in shape:
        sizes.append(max(1, min(n, left)))
        left //= sizes[-1]
    return tuple(sizes)


def type_of(values: np.ndarray) -> str:
    """Return the name of the type of an array, as a store has it: text has one name, however long it is."""
    return TEXT if values.dtype.kind in "UT" else values.dtype.name


def encoded(chunk: np.ndarray) -> bytes:
    """Return the bytes that Zarr writes for a chunk of an array of a store.

    Assigning to a Zarr array schedules about 30 event-loop steps, seven times as long as the compression.
    """
    from numcodecs import Zstd
    from numcodecs.checksum32 import CRC32C

    return CRC32C().encode(Zstd(level=COMPRESSION).encode(_plain_bytes(chunk))).tobytes()


def _plain_bytes(chunk: np.ndarray) -> bytes:
    """Return the bytes of an array before compression: the lower ones of a number first; of text its UTF-8."""
    from numcodecs import VLenUTF8

    if type_of(chunk) == TEXT:
        return bytes(VLenUTF8().encode(chunk.astype(object)))
    return chunk.astype(chunk.dtype.newbyteorder("<")).tobytes()


def decoded(content: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the array that `encoded` was given.

    Args:
        content: what it returned.
        dtype: the name of the type of the array, as `type_of` returns it.
        shape: of the array; one length may be -1.

    Raises:
        ValueError: the bytes are not those that it returned.
    """
    from numcodecs import VLenUTF8, Zstd
    from numcodecs.checksum32 import CRC32C

    try:
        plain = Zstd().decode(CRC32C().decode(content))
        if dtype == TEXT:
            return VLenUTF8().decode(plain).reshape(shape).astype(np.dtypes.StringDType())
        return np.frombuffer(plain, np.dtype(dtype).newbyteorder("<")).reshape(shape).astype(dtype)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"not what was written: {error}") from None


# Metadata -------------------------------------------------------------------------------------------------------------


def documents(layout: Layout, description: Description) -> dict[str, bytes]:
    """Return all files of a new store besides its batches, by name: the axes and the metadata, the group's last."""
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec
    from zarr.errors import ZarrUserWarning
    from zarr.storage import MemoryStore

    memory: dict[str, Any] = {}
    group = zarr.open_group(MemoryStore(memory), mode="w")  # three times as fast as on disk
    mark: dict[str, Any]
    mark, compressors = {MARK: identity(layout, description)}, [ZstdCodec(level=COMPRESSION), Crc32cCodec()]
    for name, values in layout.axes.items():
        group.create_array(
            name, shape=values.shape, chunks=values.shape, dtype=_zarr_type(type_of(values)), compressors=compressors,
            dimension_names=[name], attributes=mark | _calendar(values.dtype),
        )  # fmt: skip
    for variable in layout.variables:
        attributes = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in variable.attributes.items()}
        if variable.name == COMPUTED_BY.name:  # so that they are known where the group's metadata is lost
            attributes[WAYS] = description.computed_by
        sizes = tuple(dim.size for dim in variable.dims)
        group.create_array(
            variable.name,
            shape=(*layout.shape, *sizes),
            chunks=(*layout.batch, *sizes),
            dtype=_zarr_type(variable.dtype),
            fill_value=variable.fill,
            compressors=compressors,
            dimension_names=[*layout.axes, *(dim.name for dim in variable.dims)],
            attributes=attributes | mark,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # not in the specification yet; xarray reads it
        zarr.consolidate_metadata(group.store)
    made = {name: content.to_bytes() for name, content in memory.items()}
    made |= {f"{name}/c/0": encoded(values) for name, values in layout.axes.items()}
    whole = json.loads(made.pop(ROOT))
    own = {
        "format": FORMAT,
        "kind": description.kind,
        "axes": {name: [type_of(values), digest_of(values)] for name, values in layout.axes.items()},
        "variables": [_plain(variable) for variable in layout.variables],
        "batch": list(layout.batch),
        "settings": description.settings,
        "computed_by": description.computed_by,
        "result": description.result,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(made.items())},
    }
    return made | {ROOT: _root(whole, own, description.attributes)}


def _zarr_type(name: str) -> Any:
    """Return what Zarr takes for the type of an array by its name; times are whole numbers there."""
    return str if name == TEXT else "int64" if name.startswith("datetime64") else name


def _calendar(dtype: np.dtype) -> dict[str, str]:
    """Return the attributes by which whole numbers are known to be times, as the CF conventions have them."""
    words = {"D": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    words |= {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    unit, step = np.datetime_data(dtype) if dtype.kind == "M" else ("", 1)
    return {"units": f"{words[unit]} since 1970-01-01"} if unit in words and step == 1 else {}


def identity(layout: Layout, description: Description) -> str:
    """Return a digest of what a sweep is: its axes, variables, settings, and what decides its bits."""
    axes = {name: digest_of(values) for name, values in layout.axes.items()}
    variables = [_plain(variable) for variable in layout.variables]
    what = [FORMAT, description.kind, axes, variables, layout.batch, description.settings, description.computed_by]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def described(root: bytes, result: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    """Return the group's `zarr.json` with another description of the result, and other attributes of the user's."""
    whole = json.loads(root)
    return _root(whole, whole["attributes"]["mlejax"] | {"result": result}, attributes)


def _root(whole: dict[str, Any], own: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    own = {"sha256_of_this_file": _UNKNOWN.decode()} | dict(own) | {"sha256_of_this_file": _UNKNOWN.decode()}
    ordered = {"attributes": {"mlejax": own, "attributes": dict(attributes)}} | whole
    ordered["attributes"] = {"mlejax": own, "attributes": dict(attributes)}
    blank = json.dumps(ordered, indent=1, allow_nan=False).encode()
    return _OWN.sub(rb"\g<1>" + hashlib.sha256(blank).hexdigest().encode() + b'"', blank, count=1)


def root_is_whole(root: bytes) -> bool:
    """Return whether these are the bytes of a group's `zarr.json` as it was written."""
    found = _OWN.search(root)
    blank = _OWN.sub(rb"\g<1>" + _UNKNOWN + b'"', root, count=1)
    return found is not None and hashlib.sha256(blank).hexdigest().encode() == found.group(2)


def root_says(root: bytes) -> tuple[dict[str, Any], Description]:
    """Return all that a group's `zarr.json`, which is whole, says; and the description that it was made with."""
    attributes = json.loads(root)["attributes"]
    own = attributes["mlejax"]
    return own, Description(own["settings"], own["computed_by"], attributes["attributes"], own["result"], own["kind"])


def lost_documents(path: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files that do not have these SHA-256."""
    found = {name: hashlib.sha256(read_whole(path / name) or b"").hexdigest() for name in files}
    return [name for name, digest in files.items() if found[name] != digest]


def read_axis(path: Path, name: str, dtype: str) -> np.ndarray | None:
    """Read the values of an axis, whose type has this name; None where its chunk is damaged or missing."""
    try:
        found = decoded(read_whole(path / name / "c" / "0") or b"", dtype, (-1,))
    except ValueError:
        return None
    return np.array(found.tolist(), str) if dtype == TEXT else found


def digest_of(values: np.ndarray) -> str:
    """Return the digest that a store keeps of the values of an axis."""
    return hashlib.sha256(type_of(values).encode() + _plain_bytes(values)).hexdigest()


def marks(path: Path, *names: str) -> set[str]:
    """Return the sweeps that arrays in a directory, all or these, say they are of; several where it is in disorder."""
    return set(map(str, _of_arrays(path, MARK, names).values()))


def ways(path: Path) -> list[dict[str, Any]] | None:
    """Return the ways that a directory's array `computed_by` says its runs were computed in; None without one."""
    return _of_arrays(path, WAYS).get(COMPUTED_BY.name)


def _of_arrays(path: Path, name: str, arrays: Iterable[str] = ()) -> dict[str, Any]:
    found = {}
    for folder in map(path.joinpath, arrays) if arrays else path.iterdir() if path.is_dir() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found[folder.name] = json.loads(read_whole(folder / ROOT) or b"{}")["attributes"][name]
    return found


def variable_of(plain: Mapping[str, Any]) -> Variable:
    """Return a variable from what `zarr.json` says of it."""
    fill = "" if plain["dtype"] == TEXT else 0 if np.dtype(plain["dtype"]).kind in "iub" else math.nan
    dims = tuple(Dimension(name, size, *map(tuple, labels)) for name, size, *labels in plain["dims"])
    return Variable(plain["name"], plain["dtype"], plain["unit"], plain["meaning"], dims, fill)


def _plain(variable: Variable) -> dict[str, Any]:
    fields = {name: getattr(variable, name) for name in ("name", "dtype", "unit", "meaning")}
    return fields | {"dims": [[dim.name, dim.size, *[list(dim.labels)] * bool(dim.labels)] for dim in variable.dims]}
