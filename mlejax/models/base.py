"""What a model is: a pytree of its parameters with a `log_prob`. Everything else is derived from these two."""

import abc
import dataclasses
from typing import Any, TypeAlias, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path

from ..constraints import Domain, real

Parameter: TypeAlias = Any
"""A number, or an array of numbers where an instance stands for many models (a sweep's result)."""


class Model(eqx.Module):
    """A parametric family. Its fields are the parameters; an instance is one member of the family.

    A model of your own is a class with fields and a `log_prob`:

    >>> import jax.numpy as jnp
    >>> import mlejax
    >>> class Rayleigh(mlejax.Model):
    ...     scale: float = mlejax.parameter(mlejax.positive)
    ...
    ...     def log_prob(self, x):
    ...         return jnp.log(x) - 2 * jnp.log(self.scale) - x**2 / (2 * self.scale**2)

    Numbers that are not estimated are fields declared with `equinox.field(static=True)`. A model that draws
    (for a sweep over data seeds) also has `sample(key, shape)`.
    """

    @abc.abstractmethod
    def log_prob(self, x: Any) -> Any:
        """The log-density (or log-probability) of ONE observation `x`, a scalar, in nats."""


M = TypeVar("M", bound=Model)


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
        ValueError: a parameter is outside its domain.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{what} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got {model!r}")
    leaves, structure = jax.tree.flatten(model)
    if not leaves:
        raise ValueError(f"{what}: {type(model).__name__} has no parameters to estimate")
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
