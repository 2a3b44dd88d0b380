"""What a model of this package is made of, in plain values: enough to make one like it again, or its family."""

import contextlib
import dataclasses
import importlib
import inspect
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from . import FAMILIES, OF_ARRAYS, REGRESSIONS
from .base import Model
from .digest import listed_class
from .named import WRAPPERS
from .parameters import plain_name
from .wrappers import Fixed, Given, Wrapper

HOMES = {home for families in (FAMILIES, OF_ARRAYS, REGRESSIONS, WRAPPERS) for home in families.homes.values()}
"""The module and the name of every class that is described; another is not known from a name alone."""


def described(model: Model) -> dict[str, Any] | None:
    """Return what a model is made of besides the numbers that are estimated, as JSON has it.

    Args:
        model: its numbers do not matter.

    Returns:
        The class, and its fields that hold a model, a fixed number, or what is not estimated; None of a model that is,
        or holds, one of another's making.

    Example:
        >>> import mlejax
        >>> described(mlejax.Fixed.of(mlejax.Gamma(2.0, 1.0), rate=3))
        {'class': 'wrappers.Fixed', 'base': {'class': 'continuous.Gamma', 'rate': {'fixed': 3.0}}}
    """
    home = f"{type(model).__module__.rpartition('.')[2]}.{type(model).__qualname__}"
    if home not in HOMES or _class_at(home) is not type(model):
        return None
    found: dict[str, Any] = {"class": home}
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        if field.metadata.get("static"):
            found[field.name] = {"given": _plain(value)}
        elif isinstance(value, Given):
            found[field.name] = {"fixed": _plain(value.value)}
        elif isinstance(value, Model):
            if (inner := described(value)) is None:
                return None
            found[field.name] = inner
    return found


def structure_recorded(model: Model) -> dict[str, Any]:
    """Return what settings are told of a model of which its class and its numbers do not say all; nothing otherwise."""
    found = described(model)
    return {"structure": found} if found is not None and len(found) > 1 else {}


def rebuilt(description: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Model:
    """Return a model like the one that was described, whatever its numbers.

    Args:
        description: as `described` returned it.
        shapes: of its parameters by name, in their order.

    Raises:
        LookupError: it is of a class that is not this package's, or of one that had other fields.
    """
    tree = jax.tree.structure(_made(description))
    if tree.num_leaves != len(shapes):
        raise LookupError(f"{description['class']} has {tree.num_leaves} parameters, not {len(shapes)}")
    return jax.tree.unflatten(tree, [np.full(shape, 0.5)[()] for shape in shapes.values()])


def model_called(name: str, shapes: Mapping[str, tuple[int, ...]], structure: Mapping[str, Any] | None) -> Model | None:
    """Return a model of this package, whatever its numbers, that was recorded; None where there is none like it now.

    Args:
        name: of its class.
        shapes: of its parameters by name, in their order.
        structure: as `structure_recorded` has it; None of a model whose class says all.
    """
    if structure is not None:
        with contextlib.suppress(LookupError):
            return rebuilt(structure, shapes)
    known = listed_class(name)
    if known is None or [field.name for field in dataclasses.fields(known)] != list(shapes):
        return None
    return known(*(np.full(shape, 0.5)[()] for shape in shapes.values()))


def family_of(model: Model) -> Any:
    """Return the family of a model, which finds a start: its class, or what a wrapper's `of` makes of the one inside.

    Example:
        >>> import mlejax
        >>> family_of(mlejax.Fixed.of(mlejax.Gamma(2.0, 1.0), rate=3)).start([1.0, 2.0, 4.0])
        Fixed(base=Gamma(shape=..., rate=Given(value=3.0)))
    """
    kind: Any = type(model)
    if isinstance(model, Fixed):
        leaves, _ = jax.tree_util.tree_flatten_with_path(model.base, is_leaf=lambda leaf: isinstance(leaf, Given))
        given = {plain_name(path): np.asarray(leaf.value) for path, leaf in leaves if isinstance(leaf, Given)}
        return Fixed.of(family_of(model.base), **given)
    inner = [family_of(model.base)] if isinstance(model, Wrapper) else []
    of = getattr(kind, "of", None)
    if not inner and (of is None or not any(f.metadata.get("static") and f.init for f in dataclasses.fields(kind))):
        return kind
    names = list(inspect.signature(kind.of).parameters)[len(inner) :]
    counted = {"weights": getattr(model, "count", None)}  # a mixture is asked for as many components
    return kind.of(*inner, **{name: getattr(model, name) if name not in counted else counted[name] for name in names})


def _class_at(home: str) -> type[Model]:
    module, _, name = home.partition(".")
    return getattr(importlib.import_module(f"{__package__}.{module}"), name)


def _made(description: Mapping[str, Any]) -> Model:
    """Return a model of a description, with a half for every parameter."""
    if description["class"] not in HOMES:
        raise LookupError(f"no class {description['class']}")
    kind, arguments = _class_at(description["class"]), {}
    if unknown := description.keys() - {"class", *(field.name for field in dataclasses.fields(kind))}:
        raise LookupError(f"{description['class']} has no field {unknown.pop()}")
    for field in dataclasses.fields(kind):
        part = description.get(field.name, {})
        if "class" in part:
            arguments[field.name] = _made(part)
        elif "given" in part:
            arguments[field.name] = _read(part["given"])
        else:
            arguments[field.name] = Given(_read(part["fixed"])) if "fixed" in part else 0.5
    return kind(**arguments)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: an infinite number as text, in a mapping of its own."""
    if isinstance(value, tuple | list):
        return list(map(_plain, value))
    return {"number": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _read(value: Any) -> Any:
    """Return what `_plain` was given."""
    if isinstance(value, Mapping):
        return float(value["number"])
    return tuple(map(_read, value)) if isinstance(value, list) else value
