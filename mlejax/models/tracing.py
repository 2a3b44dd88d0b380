"""The formula of a model, traced before anything runs: what JAX cannot follow becomes a sentence with a remedy."""

import contextlib
import dataclasses
from collections.abc import Hashable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..checks import InputError, InputTypeError, InputValueError, shown
from .base import Model
from .digest import digest_of, version_of
from .reads import Place, reads_of
from .rows import Observation, described, is_number

ONE_NUMBER = jax.ShapeDtypeStruct((), np.dtype(np.float64))
"""An observation that is a floating-point number."""


def check_formula(model: Model, observation: Observation = ONE_NUMBER) -> None:
    """Check that JAX can follow `log_prob`, to one float64 number, and that it is the formula that it was before.

    Nothing is computed. The families of the library pass where an observation is a number.

    Args:
        model: the start; its numbers do not matter.
        observation: the shape and type of an observation, or of each part of a record.

    Raises:
        TypeError: it is no model; a static field holds an array; or the formula decides by a value that is not known
            yet, leaves JAX for NumPy, SciPy or `math`, meets a parameter that is None, or returns something else than
            one real number; the message names the remedy. Whatever else the formula raises comes as it is, with a note
            that names the model.
        ValueError: it returns an array; or it reads a value that is no field of the model and has changed since it was
            first traced: compiled programs would go on with the old one.
    """
    if not isinstance(model, Model):
        raise InputTypeError(f"a model must be an instance of mlejax.Model, such as Normal(0.0, 1.0); got {model!r}")
    check_fields(model)
    if version_of(type(model)) is not None and is_number(observation):
        return
    key = _key(model, observation)
    if key in _TRACED and (_is_own(model) or _reads_the_same(key)):
        return
    reads = reads_of(model) if _is_plain(observation) else None
    name = f"{type(model).__name__}.log_prob"
    with explained(model, observation):
        traced, value = _traced(model, observation)
    if not isinstance(value, jax.Array | np.ndarray | np.generic | float | int | complex):
        raise InputTypeError(f"{name} must return one number; got {value!r}")
    if np.shape(value):
        of = "" if is_number(observation) else f" for one observation, {described(observation)}"
        raise InputValueError(f"{name} must return one number; got shape {np.shape(value)}{of}")
    dtype = jnp.result_type(value)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise InputTypeError(f"{name} must return a real number; got one of type {dtype}")
    if dtype != np.float64:
        raise InputTypeError(
            f"{name} returns {dtype} though parameters and observations are float64: leave out what makes it so, such "
            "as .astype or jnp.float32"
        )
    _refuse_changed(model, observation, digest_of(traced))
    _READ[key] = reads


def check_unchanged(model: Model, observation: Observation = ONE_NUMBER) -> None:
    """Check, while JAX traces a caller's program, that a formula is the one that it was before.

    What the formula raises, or that it holds values which are being traced, is left to the caller's trace.

    Raises:
        ValueError: as `check_formula` does.
    """
    if version_of(type(model)) is not None:
        return
    try:
        traced, _ = _traced(model, observation)
    except Exception:
        return
    if not any(isinstance(constant, Tracer) for constant in traced.consts):
        _refuse_changed(model, observation, digest_of(traced))


@contextlib.contextmanager
def explained(model: Model, observation: Observation = ONE_NUMBER) -> Iterator[None]:
    """Make sentences of what JAX says when it cannot follow the formula of a model; see `check_formula`."""
    name = f"{type(model).__name__}.log_prob"
    try:
        yield
    except InputError:
        raise
    except jax.errors.TracerBoolConversionError as error:
        raise InputTypeError(
            f"{name} decides by a value that is not known while JAX traces it, as `if x > 0` does: write "
            "jnp.where(x > 0, ..., ...) in place of it"
        ) from error
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise InputTypeError(
            f"{name} hands a value to NumPy, SciPy or math, as np.log(x) or math.log(x) does: use jax.numpy and "
            "jax.scipy in place of them, such as jnp.log(x)"
        ) from error
    except Exception as error:  # a fault of the formula
        if not is_number(observation) and isinstance(error, TypeError | KeyError | AttributeError | IndexError):
            raise InputTypeError(
                f"{name} does not take these observations, each {described(observation)}: {type(error).__name__}: "
                f"{error}"
            ) from error
        error.add_note(f"while JAX traced {name}")
        raise


def _traced(model: Model, observation: Observation) -> tuple[Any, Any]:
    """Return the formula in float64, as JAX traces it, and what it returned."""
    returned = []

    def formula(model: Model, x: Any) -> Any:
        returned.append(value := model.log_prob(x))
        return value if isinstance(value, jax.Array | np.ndarray | np.generic | float | int | complex) else ()

    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.dtype(np.float64)), model)
        return jax.make_jaxpr(formula)(wide, observation), returned[0]


def check_fields(module: eqx.Module) -> None:
    """Refuse a parameter that is None, which is no leaf of the pytree, and a static field that holds an array.

    Raises:
        TypeError: naming the field.
    """
    for field in dataclasses.fields(module):
        value = getattr(module, field.name, None)
        if isinstance(value, eqx.Module):
            check_fields(value)
        if not field.metadata.get("static", False):
            if value is None:
                raise InputTypeError(f"start: {type(module).__name__}.{field.name} must be a real number; got None")
        elif isinstance(value, np.ndarray | jax.Array):
            raise InputTypeError(
                f"{type(module).__name__}.{field.name} is a static field that holds an array, and JAX cannot tell "
                f"whether two are equal: give a tuple of numbers, and in log_prob use jnp.asarray(self.{field.name}); "
                f"got {shown(value)}"
            )


_TRACED: dict[Hashable, str] = {}
"""The digest of each formula that was traced in this process, by the structure of its model and its observations."""


_READ: dict[Hashable, tuple[Place, ...] | None] = {}
"""What each of these formulas read when it was last traced; None where that is not known."""


def _is_plain(observation: Any) -> bool:
    """Return whether an observation is a number, an array, or a dict, list or tuple of such: they read nothing."""
    if type(observation) in (dict, list, tuple):
        return all(map(_is_plain, observation.values() if isinstance(observation, dict) else observation))
    return isinstance(observation, jax.ShapeDtypeStruct)


def _reads_the_same(key: Hashable) -> bool:
    places = _READ.get(key)
    return places is not None and all(place.unchanged for place in places)


def _is_own(model: Model) -> bool:
    """Return whether a formula is of this package, all of it: it reads nothing that could change."""
    parts = (getattr(model, field.name) for field in dataclasses.fields(model))
    of_package = type(model).__module__.startswith(f"{__package__}.")
    return of_package and all(_is_own(part) for part in parts if isinstance(part, Model))


def _key(model: Model, observation: Observation) -> Hashable:
    parts, record = jax.tree.flatten(observation)
    shapes = *map(np.shape, jax.tree.leaves(model)), *((part.shape, np.dtype(part.dtype)) for part in parts)
    return jax.tree.structure(model), record, shapes


def _refuse_changed(model: Model, observation: Observation, digest: str) -> None:
    """Refuse a formula with another digest than it had when it was first traced."""
    known = _TRACED.setdefault(_key(model, observation), digest)
    if known != digest:
        name = type(model).__name__
        raise InputValueError(
            f"{name}.log_prob reads a value that has changed since the formula was first traced, such as a global "
            "variable or an element of a list; compiled programs would go on with the old one. Make it a static field "
            f"of {name}, a number or a tuple: equinox.field(static=True)"
        )
