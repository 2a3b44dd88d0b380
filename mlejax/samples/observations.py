"""Checks of observations: finite numbers, and a finite log-density at the start."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..models.base import Model
from ..models.parameters import parameter_names


def as_observations(values: Any, what: str = "observations") -> np.ndarray:
    """Check and convert data: a one-dimensional array of at least two finite numbers that are not all equal.

    Integers stay integers; everything else becomes float64.

    Raises:
        TypeError, ValueError: naming the first offending value and its index.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{what} must be real numbers; got an array of {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional; got shape {array.shape}")
    if len(array) < 2:
        raise ValueError(f"{what} must hold at least two values; got {len(array)}")
    array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
    if not np.all(finite := np.isfinite(array)):
        index = int(np.argmin(finite))
        raise ValueError(f"{what} must be finite; got {array[index]} at index {index}")
    if np.all(array == array[0]):
        raise ValueError(f"{what} must not be constant; all {len(array)} values equal {array[0]}")
    return array


@jax.jit
def _log_probs(model: Model, values: Any) -> Any:
    return jax.vmap(model.log_prob)(values)


def check_support(model: Model, values: np.ndarray) -> None:
    """Refuse observations that the start gives no density: outside the support, or out of reach in floating point.

    Raises:
        ValueError: naming the first such observation and its index.
    """
    with jax.enable_x64(True):
        log_probs = np.asarray(_log_probs(model, jnp.asarray(values)))
    if log_probs.shape != values.shape:
        raise ValueError(f"{type(model).__name__}.log_prob must return one number; got shape {log_probs.shape[1:]}")
    if not np.all(finite := np.isfinite(log_probs)):
        index = int(np.argmin(finite))
        start = ", ".join(f"{n}={leaf}" for n, leaf in zip(parameter_names(model), jax.tree.leaves(model), strict=True))
        raise ValueError(
            f"observations must have a finite log-density at the start; got log_prob({values[index]}) = "
            f"{log_probs[index]} at index {index} for {type(model).__name__}({start})"
        )
