"""Functions of a model and a sample, which answer in NumPy float64 outside any JAX transformation."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import ArrayLike

from .. import checks, devices
from ..checks import InputTypeError, InputValueError
from ..models.base import M
from ..models.rows import row_count
from ..models.tracing import check_formula, check_unchanged
from .raw import Observations
from .representation import Sample, as_sample, observation_of

P = ParamSpec("P")
R = TypeVar("R")


def in_float64_outside(function: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """Compile a function of a model and perhaps a sample, in float64, for calls outside any JAX transformation."""

    @jax.jit
    def compiled(model: M, *samples: Sample) -> R:
        return function(model, *samples)  # type: ignore[call-arg]

    @functools.wraps(function)
    def called(model: M, *samples: P.args, **named: P.kwargs) -> R:
        given = _bound(function, model, *samples, **named)
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, given)))
        if not traced:
            devices.start(warn=False)  # before JAX starts, which could not be made fast later
        # Under `jit` even a constant is traced: that tells where this call stands when its arguments do not.
        if traced or isinstance(jnp.zeros(()), Tracer):
            own = [as_sample(sample) for sample in given]
            check_unchanged(model, *(observation_of(model, sample) for sample in own))
            return function(_floating(model, None), *own)  # type: ignore[call-arg]
        with jax.enable_x64(True):
            wide: list[Sample] = [
                _floating(_with_sound_weights(as_sample(sample)), np.float64, integers=False) for sample in given
            ]
            check_formula(model, *(observation_of(model, sample) for sample in wide))
            found = jax.device_get(compiled(_floating(model, np.float64), *wide))
        return jax.tree.map(lambda leaf: np.asarray(leaf)[()], found)

    return called


_signature = functools.cache(inspect.signature)


def _bound(function: Callable[..., Any], *given: Any, **named: Any) -> tuple[Any, ...]:
    """Return the arguments of a call after the first one, in their order.

    Raises:
        TypeError: the function has none of such a name, or lacks one.
    """
    try:
        return _signature(function).bind(*given, **named).args[1:]
    except TypeError as error:
        remedy = ": weights belong to the sample, mlejax.Observations(values, weights=...)" * ("weights" in named)
        raise InputTypeError(f"{function.__name__}() {error}{remedy}") from None


def _with_sound_weights(sample: Sample) -> Sample:
    """Return a sample whose weights, where it has any, are one for each observation and not negative.

    Raises:
        ValueError: they are not.
    """
    if isinstance(sample, Observations) and sample.weights is not None:
        n, shape = row_count(sample.values), checks.non_negative("weights", sample.weights).shape
        if shape != (n,):
            raise InputValueError(f"weights must be one for each of {n} observations; got shape {shape}")
    return sample


def _floating(tree: R, dtype: Any, integers: bool = True) -> R:
    """Return a pytree with its numbers in a floating-point type: the given one, or as they are and integers widened."""

    def one(leaf: ArrayLike) -> ArrayLike:
        found = jnp.result_type(leaf)
        if jnp.issubdtype(found, jnp.floating):
            return leaf if dtype is None else jnp.asarray(leaf, dtype)
        return jnp.asarray(leaf, dtype or float) if integers else leaf

    return jax.tree.map(one, tree)
