"""The parameters of a model: names, domains, types, and one learning rate for each."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path

from .base import M, Model
from .constraints import Domain, real


def parameter_names(model: Model) -> tuple[str, ...]:
    """Names of the parameters in leaf order: `mean`, `variance`; `weights[0]` inside a container."""
    paths = tree_flatten_with_path(model)[0]
    return tuple(keystr(path).removeprefix(".") for path, _ in paths)


def parameter_dict(model: Model) -> dict[str, Any]:
    """The parameters by name."""
    return dict(zip(parameter_names(model), jax.tree.leaves(model), strict=True))


def domains(model: Model) -> tuple[Domain, ...]:
    """The declared domain of every parameter, in leaf order; the whole real line where none is declared."""
    found: list[Domain] = []
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        if field.metadata.get("static", False):
            continue
        if isinstance(value, Model):
            found.extend(domains(value))
        else:
            found.extend([field.metadata.get("domain", real)] * len(jax.tree.leaves(value)))
    return tuple(found)


def with_dtype(model: M, dtype: Any, what: str = "start") -> M:
    """The same model with its parameters as arrays of one floating-point type, each checked against its domain.

    Args:
        model: parameters as numbers or arrays of any shape.
        dtype: `float64` or `float32`.
        what: what the model is called in an error message.

    Raises:
        TypeError: `model` is not a Model, or a parameter is not a real number.
        ValueError: a parameter is outside its domain, or bears the name of a part of `Model`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{what} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got {model!r}")
    leaves, structure = jax.tree.flatten(model)
    if not leaves:
        raise ValueError(f"{what}: {type(model).__name__} has no parameters to estimate")
    if hidden := [field.name for field in dataclasses.fields(model) if hasattr(Model, field.name)]:
        raise ValueError(f"{type(model).__name__}: a parameter cannot be named {hidden[0]!r}, which every model has")
    arrays = []
    for name, leaf, domain in zip(parameter_names(model), leaves, domains(model), strict=True):
        array = np.asarray(leaf)
        if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
            raise TypeError(f"{what}: {type(model).__name__}.{name} must be a real number; got {leaf!r}")
        array = array.astype(dtype)
        if not np.all(domain.contains(array)):
            raise ValueError(f"{what}: {type(model).__name__}.{name} must be {domain}; got {leaf}")
        arrays.append(array)
    return jax.tree.unflatten(structure, arrays)


def per_parameter(learning_rate: Any, model: M) -> M:
    """One learning rate for every parameter: a model-shaped pytree as it is, one number repeated."""
    if isinstance(learning_rate, Model):
        return learning_rate  # type: ignore[return-value]
    return jax.tree.map(lambda _: learning_rate, model)


def inside(model: Model) -> Any:
    """Whether every parameter is finite and inside its domain."""
    leaves = zip(jax.tree.leaves(model), domains(model), strict=True)
    return functools.reduce(jnp.logical_and, (jnp.all(domain.contains(leaf)) for leaf, domain in leaves))


def cast(tree: Any, dtype: Any) -> Any:
    """All floating-point leaves in one type."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else leaf, tree
    )
