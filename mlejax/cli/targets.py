"""Models whose parameters a command line gives by name: what is drawn from, or where training starts."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..checks import InputError
from ..models.base import Model, name_of
from ..models.parameters import Parameters, with_dtype
from ..models.support import Support
from .numbers import FixedValue
from .output import UsageError

TRIED = ((1.0, 2.0, 3.0, 5.0), (0.1, 0.3, 0.4, 0.8), (0.0, 1.0, 1.0, 2.0))
"""Observations from which a family may start, so that the names of its parameters are known."""


def target_of(family: Any, values: Sequence[FixedValue], option: str = "--true") -> Model:
    """Return the model of a family that has these parameters.

    Args:
        family: or a model, whose parameters are replaced.
        values: parameters, by the names that tables have; of a symmetric matrix one of each pair will do.
        option: that gives them.

    Raises:
        UsageError: they are not those of the family, or outside their domains.
    """
    given = {each.name: each.value for each in values}
    table = _table(family, list(given))
    names = ", ".join(table.shown)
    if len(given) < len(values):
        raise UsageError(f"{option} names a parameter more than once; those of {name_of(family)} are {names}")
    if unknown := [name for name in given if name not in table.entries]:
        raise UsageError(f"{option} {unknown[0]}: the parameters of {name_of(family)} are {names}")
    whole = {name: given.get(name, given.get(_mirrored(name))) for name in table.entries}
    if lacking := [name for name, value in whole.items() if value is None]:
        raise UsageError(f"{option} needs {lacking[0]}, too: the parameters of {name_of(family)} are {names}")
    try:
        return with_dtype(table.to_model(np.array(list(whole.values()), np.float64)), np.float64, option)
    except InputError as error:
        raise UsageError(str(error)) from None


def _mirrored(name: str) -> str:
    """Return the name of the number across the diagonal of a matrix: `covariance[1,0]` of `covariance[0,1]`."""
    return re.sub(r"(\w+),(\w+)\]$", r"\2,\1]", name)


def _table(family: Any, names: Sequence[str]) -> Parameters[Any]:
    """Return the parameters of a family, of the sizes that some names show.

    Raises:
        UsageError: it starts from none of the observations that are tried.
    """
    if isinstance(family, Model):
        return Parameters.of(family)
    found: list[Parameters[Any]] = []
    for make in _likes(family, names):
        try:
            table = Parameters.of(make())
            shown = set(table.shown)  # which fails of a matrix that is a number
        except (InputError, ValueError, TypeError):
            continue
        if set(names) <= set(table.entries) and shown <= set(names):
            return table
        found.append(table)
    if not found:
        raise UsageError(f"--model: nothing tells the parameters of {name_of(family)}; give a model in a module")
    return max(found, key=lambda table: len(set(names) & set(table.entries)))  # whose message says most


def _likes(family: Any, names: Sequence[str]) -> Iterator[Callable[[], Model]]:
    """Yield what may make a model of a family: of a class with a number for every parameter, or from observations."""
    if isinstance(family, type):
        fields = [field.name for field in dataclasses.fields(family) if not field.metadata.get("static")]
        yield lambda: family(**dict.fromkeys(fields, 0.5))
    from ..ascent.begin import found_start

    for values in _tried(family, names):
        yield lambda values=values: found_start(family, values, None)[0]


def _tried(family: Any, names: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield observations from which a family may start: numbers, or vectors and categories of the sizes in names."""
    support = getattr(family, "support", None)
    if isinstance(support, Support) and np.isfinite([support.lower, support.upper]).any():
        low, high = support.lower, support.upper
        for tried in map(np.array, TRIED):
            inside = high - tried if np.isinf(low) else low + tried * (1.0 if np.isinf(high) else (high - low) / 6)
            yield np.rint(inside) if support.whole else inside
    yield from map(np.array, TRIED)
    for size in sorted({2} | {int(index) + 1 for name in names for index in re.findall(r"(?<=[\[,])\d+", name)}):
        yield np.tile(np.arange(size), 2)
        yield np.random.RandomState(0).normal(size=(4 * size + 4, size))
