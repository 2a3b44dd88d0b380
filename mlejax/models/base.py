"""What a model is: a pytree of its parameters with a `log_prob`. Everything else is derived from these two."""

import abc
import dataclasses
import functools
from typing import Any, ClassVar, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .support import Supports, numbers

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
    (for a sweep over data seeds) also has `sample(key, shape)`. A model that gives a density to some numbers only
    declares them, so that others are refused by value and place: `support = mlejax.Support(lower=0)` in the class,
    or a property of that name where static fields decide; a dict of them for a record.

    A value that `log_prob` reads from elsewhere, such as a global variable or an element of a list, is frozen when the
    formula is first traced, as everywhere in JAX. Where it has changed since, mlejax refuses the formula rather than go
    on with the old value; inside a `jit`, your own or that of `train_step`, JAX does not ask again. A number that is to
    change belongs in a static field, several in a tuple there: another value of it is another formula.
    """

    support: ClassVar[Supports] = numbers

    @abc.abstractmethod
    def log_prob(self, x: Any) -> Any:
        """Return the log-density (or log-probability) of ONE observation `x`, in nats.

        An observation is a number, a vector (d,), or a record of them: a dict, a named tuple, or another pytree.
        """

    def __repr__(self) -> str:
        values = (f"{field.name}={_shown(getattr(self, field.name))}" for field in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(values)})"


def listed(value: Any) -> Any:
    """Return a list or a tuple of numbers, or of such lists of one length, as an array; anything else as it is."""
    if type(value) not in (list, tuple):
        return value
    leaves = jax.tree.leaves(value)
    if any(isinstance(leaf, jax.Array) for leaf in leaves):
        return jnp.asarray(value)
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return value
    return array if array.size and array.dtype.kind in "iuf" else value


def _shown(value: Any) -> str:
    """Return a single number as it is written, anything else in short."""
    if isinstance(value, Model):
        return repr(value)
    number = isinstance(value, np.generic | np.ndarray | jax.Array) and not isinstance(value, Tracer)
    return str(value) if number and not np.ndim(value) else eqx.tree_pformat(value)


def name_of(thing: object) -> str:
    """Return what a model, its class or a family is called: as it calls itself, or as its class is called."""
    if isinstance(thing, Model) and not _names_itself(type(thing)):
        return type(thing).__name__
    return getattr(thing, "__name__", type(thing).__name__)


@functools.lru_cache(maxsize=256)
def _names_itself(family: type[Model]) -> bool:
    """Return whether the models of a family have names of their own; to ask one for what it lacks is dear."""
    return any("__name__" in vars(each) for each in family.__mro__)


@functools.lru_cache(maxsize=256)
def hidden_field(family: type[Model]) -> str | None:
    """Return a field of a family that bears the name of a part of `Model`; None where there is none."""
    return next((field.name for field in dataclasses.fields(family) if hasattr(Model, field.name)), None)


@functools.lru_cache(maxsize=64)
def largest_of(kind: np.dtype) -> float:
    """Return the largest number of a floating-point type; of float64 for another type."""
    return float(jnp.finfo(kind if jnp.issubdtype(kind, jnp.floating) else float).max)


M = TypeVar("M", bound=Model)
