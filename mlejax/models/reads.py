"""What a formula reads besides its model: while that is the same, it need not be traced again to be known."""

import builtins
import dataclasses
import dis
import types
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import numpy as np

from .base import Model

LIBRARIES = frozenset(("jax", "jaxlib", "numpy", "math", "mlejax", "equinox", "builtins", "abc"))
"""Packages whose modules and functions stay what they are."""

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
"""Types whose values cannot change."""

HARMLESS = frozenset(
    ("abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "map", "max", "min")
) | {"pow", "range", "reversed", "round", "sorted", "sum", "tuple", "zip"}
"""Functions of Python that read nothing but their arguments."""

INNER = ("LOAD_FAST", "LOAD_CONST", "LOAD_DEREF", "LOAD_CLOSURE", "LOAD_SMALL_INT", "LOAD_ASSERTION_ERROR")
"""Beginnings of the names of operations that load what a function holds itself."""

STRANGE = ("IMPORT_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR")
"""Operations of formulas that may read or change anything."""

ABSENT = object()


class _Unknown(Exception):
    """Something is read that may change unseen."""


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """Where something is read, and what was there."""

    holder: Any  # a mapping of names, or an object with attributes
    name: str
    value: Any

    @property
    def unchanged(self) -> bool:
        """Whether the very same object is still there."""
        if isinstance(self.holder, dict | type):
            names = vars(self.holder) if isinstance(self.holder, type) else self.holder
            return names.get(self.name, ABSENT) is self.value
        return getattr(self.holder, self.name, ABSENT) is self.value


def reads_of(model: Model) -> tuple[Place, ...] | None:
    """Return all that the formula of a model reads besides its parameters; None where that is not known.

    It is known of a class of a person's own that holds numbers alone, if each function that its `log_prob` calls is one
    of a library, or a plain function which reads, in turn, values that cannot change in themselves.
    """
    family = type(model)
    own = [part for part in family.__mro__ if not _is_in_library(part.__module__)]
    others = [part for part in family.__mro__ if part not in own and part not in Model.__mro__]
    fields = {field.name: field for field in dataclasses.fields(model)}
    for field in fields.values():
        value = getattr(model, field.name)
        if isinstance(value, eqx.Module) or (field.metadata.get("static", False) and not _is_plain(value)):
            return None
    if any({"__getattr__", "__getattribute__"} & vars(part).keys() for part in own):
        return None
    walk = _Walk(own, others, frozenset(fields), {})
    try:
        walk.attribute("log_prob")
    except (_Unknown, ValueError):  # of a closure that is not filled yet
        return None
    return tuple(walk.found.values()) if any("log_prob" in vars(part) for part in own) else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Walk:
    """A walk through the functions of a formula."""

    own: list[type]  # classes of the model that are not of a library
    others: list[type]  # those of a library
    fields: frozenset[str]
    found: dict[Any, Place]

    def keep(self, holder: Any, name: str, value: Any) -> bool:
        """Keep a place; return whether it is a new one."""
        known = (id(holder), name) in self.found
        self.found[id(holder), name] = Place(holder, name, value)
        return not known

    def attribute(self, name: str) -> None:
        """Follow an attribute that is perhaps one of the model, in all its classes."""
        if name == "random":  # of NumPy: other numbers at every call
            raise _Unknown
        if name in self.fields:
            return
        if any(name in vars(part) for part in self.others):  # it may call methods that a class of one's own replaces
            raise _Unknown
        for part in self.own:
            value = vars(part).get(name, ABSENT)
            if self.keep(part, name, value) and value is not ABSENT:
                value = value.fget if isinstance(value, property) else value
                value = value.__func__ if isinstance(value, staticmethod | classmethod) else value
                self.value(getattr(value, "method", value))  # which Equinox wraps

    def value(self, value: Any) -> None:
        """Follow a function; accept what cannot change."""
        if isinstance(value, types.FunctionType) and not _of_library(value):
            self.function(value)
        elif not (_is_plain(value) or _of_library(value)):
            raise _Unknown

    def function(self, function: types.FunctionType) -> None:
        """Follow all that a function reads."""
        if vars(function):
            raise _Unknown
        if not self.keep(function, "__code__", function.__code__):
            return
        for name in ("__defaults__", "__kwdefaults__"):
            given = getattr(function, name)
            self.keep(function, name, given)
            if given is not None and not _is_plain(tuple(given.values()) if isinstance(given, dict) else given):
                raise _Unknown
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.keep(cell, "cell_contents", cell.cell_contents)
            if name != "__class__":
                self.value(cell.cell_contents)
        self.code(function.__code__, function.__globals__)

    def code(self, code: types.CodeType, names: dict[str, Any]) -> None:
        """Follow the names that stand in code, and in that of functions inside."""
        for operation, name in _operations(code):
            if operation in ("LOAD_ATTR", "LOAD_METHOD"):
                self.attribute(name)
            elif operation == "LOAD_GLOBAL":
                value = names.get(name, ABSENT)
                if value is ABSENT and not (name in HARMLESS and hasattr(builtins, name)):
                    raise _Unknown
                if self.keep(names, name, value) and value is not ABSENT:
                    self.value(value)
            elif operation in STRANGE or (operation.startswith("LOAD_") and not operation.startswith(INNER)):
                raise _Unknown
        for part in code.co_consts:
            if isinstance(part, types.CodeType):
                self.code(part, names)


def _operations(code: types.CodeType) -> Iterator[tuple[str, str]]:
    yield from ((each.opname, str(each.argval)) for each in dis.get_instructions(code))


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if type(value) is tuple else type(value) in PLAIN or isinstance(value, np.generic)


def _of_library(value: Any) -> bool:
    """Return whether this is a module, a function or a class of a library."""
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    if not isinstance(name, str) or not _is_in_library(name):
        return False
    kind = type(value).__module__
    return isinstance(value, types.ModuleType | type) or (
        callable(value) and (kind == "builtins" or _is_in_library(kind))
    )


def _is_in_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES
