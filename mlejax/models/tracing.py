"""The formula of a model, traced once before anything runs: what JAX cannot follow becomes a sentence with a remedy."""

import dataclasses
from collections.abc import Hashable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import DTypeLike

from ..checks import InputTypeError, InputValueError
from .base import Model
from .digest import formula_digest


def trace_log_prob(model: Model, observation: DTypeLike) -> None:
    """Check that JAX can follow `log_prob`, and that it returns one real number in float64. Nothing is computed.

    Args:
        model: the start.
        observation: the type of an observation, such as `float64` or `int64`.

    Raises:
        TypeError: the formula decides by a value that is not known yet, leaves JAX for NumPy, SciPy or `math`, meets a
            parameter that is None, or returns something else than one real number; the message names the remedy.
            Whatever else the formula raises comes as it is, with a note that names the model.
        ValueError: it returns an array.
    """
    name = f"{type(model).__name__}.log_prob"
    with jax.enable_x64(True):
        one = jax.ShapeDtypeStruct((), np.dtype(observation))
        wide = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.dtype(np.float64)), model)
        try:
            # Kept aside: `eval_shape` itself refuses what is no array in words of its own.
            returned = []
            jax.eval_shape(lambda model, x: returned.append(model.log_prob(x)), wide, one)
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
            _refuse_missing(model)
            error.add_note(f"while JAX traced {name}")
            raise
    (value,) = returned
    if not isinstance(value, jax.Array | np.ndarray | np.generic | float | int | complex):
        raise InputTypeError(f"{name} must return one number; got {value!r}")
    if np.shape(value):
        raise InputValueError(f"{name} must return one number; got shape {np.shape(value)}")
    dtype = jnp.result_type(value)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise InputTypeError(f"{name} must return a real number; got one of type {dtype}")
    if dtype != np.float64:
        raise InputTypeError(
            f"{name} returns {dtype} though parameters and observations are float64: leave out what makes it so, such "
            "as .astype or jnp.float32"
        )


def _refuse_missing(model: Model) -> None:
    """Refuse a parameter that is None: it is no leaf of the pytree, so that no other check meets it."""
    for field in dataclasses.fields(model):
        if not field.metadata.get("static", False) and getattr(model, field.name) is None:
            raise InputTypeError(f"start: {type(model).__name__}.{field.name} must be a real number; got None")


_TRACED: dict[Hashable, str] = {}
"""The digest of each formula that was traced in this process, by the structure of its model and its observations."""


def refuse_changed(model: Model, observation: DTypeLike) -> None:
    """Refuse a formula that has changed since it was first traced: compiled programs would go on with the old one.

    Args:
        model: the start.
        observation: the type of an observation.

    Raises:
        ValueError: `log_prob` reads a value that is no field of the model and has changed.
    """
    wide = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.dtype(np.float64)), model)
    key = jax.tree.structure(model), *map(np.shape, jax.tree.leaves(model)), np.dtype(observation)
    digest = formula_digest(wide)
    try:
        known = _TRACED.setdefault(key, digest)
    except TypeError:  # a static field that cannot be hashed: nothing compiled is kept by it either
        return
    if known != digest:
        name = type(model).__name__
        raise InputValueError(
            f"{name}.log_prob reads a value that has changed since the formula was first traced, such as a global "
            f"variable; compiled programs would go on with the old one. Make it a static field of {name}: "
            "equinox.field(static=True)"
        )
