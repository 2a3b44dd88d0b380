"""What a stored description of a sweep says of its model and of the source of its samples."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import jax
import numpy as np

from ..checks import InputValueError
from ..models.base import Model
from ..models.digest import digest_for, listed_class
from ..models.parameters import with_dtype
from ..models.structure import model_called
from ..samples.labeled import source_of
from ..samples.sources import Draws, Numbers, Source


def family_of(
    recorded: str,
    model: Model | None,
    observation: Mapping[str, Any] | None = None,
    structure: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Return the structure of a model whose name and formula digest were recorded.

    Args:
        recorded: both, with a space between.
        model: an instance, where it is not one of the library's.
        observation: what was recorded of its observations, where they are no single numbers.
        structure: what was recorded of it where its class does not say all.
        start: its parameters by name, in their order, where there is a structure.

    Raises:
        ValueError: the library has none of this name and formula and none is given, or the one given is another.
    """
    name = recorded.split()[0]
    if model is not None:
        found = with_dtype(model, np.float64)
        mine = f"{type(found).__name__} {digest_for(found, observation, recorded)}"
        if mine != recorded:
            raise InputValueError(f"model: the sweep was made with {recorded}; this is {mine}")
        return jax.tree.structure(found)
    shapes = {parameter: np.shape(value) for parameter, value in start.items()}
    known = _library(name) if structure is None else model_called(name, shapes, structure)
    if known is None or f"{name} {digest_for(known, observation, recorded)}" != recorded:
        raise InputValueError(f"model: {recorded} is not one of the library's: give model=, an instance of {name}")
    return jax.tree.structure(known)


def _library(name: str) -> Model | None:
    """Return an instance, whatever its parameters, of the library's family of this name, where there is one."""
    family = listed_class(name)
    if family is None:
        return None
    return family(*[np.float64(0.5) for field in dataclasses.fields(family) if not field.metadata.get("static", False)])


def filled(structure: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the model of this structure with these parameters, in their order."""
    return jax.tree.unflatten(structure, [np.asarray(value, np.float64)[()] for value in parameters.values()])


def source_recorded(
    recorded: Mapping[str, Any], axes: Mapping[str, Numbers], start: Model, observations: Any
) -> Source:
    """Return the source that was recorded, or the one that is given in its place.

    Args:
        recorded: the settings of the sweep.
        axes: its axes, name -> values; they say how many observations samples have where that is an axis.
        start: the start point of the sweep, whose family may be that of the target.
        observations: data or a source, where what is recorded does not give them back.

    Raises:
        ValueError: it does not and none are given, or those given have other counts.
        KeyError: these are the settings of a part of a sweep, without its axis of counts.
    """
    count: Any = axes.get(Source.counts, recorded.get("count"))
    if observations is not None:
        source = source_of(observations)
        if bool(source.axes()) != (Source.counts in axes):
            raise InputValueError(
                f"observations: the sweep has samples of {_in_words(count)} observations; got {source}"
            )
        if source.axis not in axes and source.describe()["source"] != recorded["source"]:
            raise InputValueError(f"observations: the sweep was made of {recorded['data']}; got {source}")
        return source.along(axes)
    if recorded["source"] not in ("data", "draws"):
        given = f"mlejax.{recorded['source'].capitalize()}(data, ...)"
        raise InputValueError(f"observations: the sweep was made of {recorded['data']}: give observations={given}")
    if recorded["source"] != "draws":
        raise InputValueError(
            f"observations: the sweep was made of {recorded['count']} observations, sha256 {recorded['sha256']}: give "
            "observations="
        )
    name = recorded["target"]
    of_the_library = "target_sample" not in recorded  # one of another's may bear the name of one of the library's
    target = start if type(start).__name__ == name else _library(name) if of_the_library else None
    if target is None:
        raise InputValueError(
            f"observations: the sweep drew from {name}, which is not one of the library's: give "
            f"observations=mlejax.Draws({name}(...), {_in_words(count)}, ...)"
        )
    arguments = {key: recorded[key] for key in ("by", "base_seed", "split_seed") if key in recorded}
    source = Draws(filled(jax.tree.structure(target), recorded["target_parameters"]), cast(Any, count), **arguments)
    if not source.axes() and str(dataclasses.replace(source, count=[source.size])) == recorded["data"]:
        raise KeyError(Source.counts)  # of a part of a sweep, without this axis
    return source


def _in_words(count: Any) -> str:
    return str(np.asarray(count).tolist())
