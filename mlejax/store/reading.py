"""Reading what a result directory says it holds, and refusing what cannot be believed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .files import StoreError, read_whole
from .layout import (
    FORMAT,
    ROOT,
    DamageError,
    Description,
    Layout,
    lost_documents,
    marks,
    read_axis,
    root_is_whole,
    root_says,
    type_of,
    variable_of,
)

READY = ".ready"
"""The folder of a store that is about to take its place."""


def read_root(path: Path) -> bytes | None:
    """Read the metadata of the group.

    Args:
        path: the result directory.

    Returns:
        Its bytes, which are as they were written; None where there is neither a store nor a part of one.

    Raises:
        DamageError: it is damaged or missing, and was of mlejax.
        StoreError: it is not of mlejax, or was written by another version.
    """
    root = read_whole(path / ROOT)
    attributes = _attributes(root)
    own = attributes.get("mlejax")
    whole = isinstance(own, dict) and root_is_whole(root or b"")
    if whole and attributes["mlejax"]["format"] == FORMAT:
        return root
    if whole or is_format_1(attributes):
        raise StoreError(_other_version(path, attributes))
    if marks(path):
        raise DamageError(
            f"{path}: {ROOT} is {'missing' if root is None else 'damaged'}; the same call with repair (--repair) "
            "writes it again."
        )
    if root is None:
        return None
    why = "is a Zarr store, but not of mlejax" if b'"zarr_format"' in root else f"has a {ROOT} that cannot be read"
    raise StoreError(f"{path} {why}. Use another directory.")


def read_layout(path: Path, root: bytes) -> tuple[Layout, Description]:
    """Read what a store holds.

    Args:
        path: the result directory.
        root: its `zarr.json`, which is whole.

    Raises:
        DamageError: an axis, or the metadata of an array, is damaged or missing.
    """
    own, description = root_says(root)
    lost = lost_documents(path, own["files"])
    axes = {name: read_axis(path, name, dtype) for name, (dtype, _) in own["axes"].items()}
    lost += [f"{name}/c/0" for name, values in axes.items() if values is None and f"{name}/c/0" not in lost]
    if lost:
        raise DamageError(
            f"{path}: {', '.join(lost[:3])}{' and others' if lost[3:] else ''} {'is' if len(lost) == 1 else 'are'} "
            "damaged or missing; the same call with repair (--repair) writes that again."
        )
    found = {name: values for name, values in axes.items() if values is not None}
    return Layout(found, tuple(map(variable_of, own["variables"])), tuple(own["batch"])), description


def is_format_1(attributes: Mapping[str, Any]) -> bool:
    """Return whether these are the attributes of a sweep as mlejax 0.1 wrote it."""
    return attributes.get("format") == 1 and "settings" in attributes


def attributes_of(path: Path) -> Mapping[str, Any]:
    """Return the attributes of the group, whether they are as they were written or not; none where it has none."""
    return _attributes(read_whole(path / ROOT))


def _attributes(root: bytes | None) -> Mapping[str, Any]:
    try:
        found = json.loads(root or b"{}")["attributes"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _other_version(path: Path, attributes: Mapping[str, Any]) -> str:
    if is_format_1(attributes):
        return (
            f"{path} was written by mlejax 0.1 (format 1): it can be loaded, plotted and exported, not verified, "
            "extended or repaired. Use another directory."
        )
    return (
        f"{path} was written by a newer mlejax (format {attributes['mlejax']['format']}; this one knows {FORMAT}). "
        "Upgrade mlejax, or use another directory."
    )


def check_settings(path: Path, there: Description, here: Description) -> None:
    """Refuse results of another kind, or that were made by other settings, those that are loose here excepted.

    Raises:
        StoreError: naming the first that differs, and both values.
    """
    if there.kind != here.kind:
        raise StoreError(f"{path} holds a {there.kind}, not a {here.kind}. Use another directory.")
    found, wanted = there.settings, here.settings
    for name in (each for each in dict.fromkeys([*found, *wanted]) if each not in here.loose):
        old, new = found.get(name), wanted.get(name)
        if old != new:
            raise StoreError(
                f"{path} holds a {here.kind} with {name} = {_shown(old)}; this one has {_shown(new)}. "
                "Use another directory, or the same settings."
            )


def check_extension(path: Path, old: Layout, wanted: Layout, kind: str) -> None:
    """Refuse what a store cannot be extended to.

    Args:
        path: the result directory.
        old: what it holds.
        wanted: what is asked for.
        kind: of the results, in words.

    Raises:
        StoreError: it has other axes, or leaves out a value that the store has.
    """
    if list(old.axes) != list(wanted.axes):
        raise StoreError(
            f"{path} holds a {kind} over {', '.join(old.axes)}; this one is over {', '.join(wanted.axes)}. "
            "Use another directory."
        )
    for name, values in old.axes.items():
        types = [type_of(axis[name]) for axis in (old.axes, wanted.axes)]
        if types[0] != types[1] and not all(axis[name].dtype.kind in "iuf" for axis in (old.axes, wanted.axes)):
            raise StoreError(
                f"{path} holds a {kind} whose values of {name} are {types[0]}; those of this one are {types[1]}. Use "
                "another directory."
            )
        missing = values[~np.isin(values, wanted.axes[name])]
        if len(missing):
            raise StoreError(
                f"{path} has results with {name} = {missing[0]}, which this {kind} leaves out: it can be extended, not "
                "cut. Use another directory, or add the value."
            )


def _shown(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
