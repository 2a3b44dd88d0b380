"""Checks of observations: finite numbers, inside the support, with a finite log-density at the start."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Num

from ..checks import InputTypeError, InputValueError
from ..formula.jaxpr import as_formula_takes
from ..models.base import Model, name_of
from ..models.parameters import parameter_dict
from ..models.support import Support
from ..models.tracing import check_formula
from .filled import Filled

SMALLEST_SQUARED, LARGEST_SQUARED = 1e-150, 1e150
"""Where squares of float64 numbers lose their digits or overflow."""


def as_observations(values: Any, what: str = "observations", *, any_number: bool = False) -> np.ndarray:
    """Check and convert data: a one-dimensional array of at least two finite numbers that are not all equal.

    Integers stay integers; everything else becomes float64. With `any_number` one is enough, and all may be equal.

    Raises:
        TypeError, ValueError: naming the first offending value and its index.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        index = int(np.argmax(np.ma.getmaskarray(values).ravel()))
        raise InputValueError(
            f"{what} must not be masked; got a masked value at index {index}: use {what}.compressed()"
        )
    try:
        array = np.asarray(values)
    except ValueError:
        shapes = ", ".join(str(np.shape(each)) for each in list(values)[:3])
        raise InputValueError(f"{what} must be one-dimensional; got parts of different shapes: {shapes}, ...") from None
    if array.dtype.kind not in "iuf":
        raise InputTypeError(f"{what} must be real numbers; got an array of {array.dtype}")
    if array.ndim != 1:
        raise InputValueError(f"{what} must be one-dimensional; got shape {array.shape}")
    if len(array) < 2 - any_number:
        least = "one value" if any_number else "two values"
        raise InputValueError(f"{what} must hold at least {least}; got {len(array)}")
    small = array.dtype.kind in "iu" and array.max() <= np.iinfo(np.int64).max  # an unsigned integer may be larger
    array = array.astype(np.int64 if small else np.float64)
    if not np.all(finite := np.isfinite(array)):
        index = int(np.argmin(finite))
        raise InputValueError(f"{what} must be finite; got {array[index]} at index {index}")
    if not any_number and np.all(array == array[0]):
        raise InputValueError(f"{what} must not be constant; all {len(array)} values equal {array[0]}")
    return array


def at_index(index: int) -> str:
    """Return where an observation stands, in words that follow its value."""
    return f"at index {index}"


def check_support(
    model: Model, values: np.ndarray, *, starts: Sequence[Model] = (), place: Callable[[int], str] = at_index
) -> None:
    """Refuse observations outside the model's support, and those to which a start gives no finite log-density.

    Args:
        model: the start.
        values: observations (n,), finite numbers.
        starts: other starts of the same model, each of which must have a finite log-density too.
        place: says where the observation of an index stands, such as "in line 7 of data.csv".

    Raises:
        TypeError: JAX cannot follow `log_prob`, or it returns no real number; see `check_formula`.
        ValueError: naming the first such observation, its place and the rule.
    """
    with jax.enable_x64(True):
        taken = as_formula_takes(model, values)
    check_formula(model, jax.ShapeDtypeStruct((), taken.dtype))
    name = name_of(model)
    check_inside(name, model.support, values, place)
    for start in (model, *starts):
        with jax.enable_x64(True):
            log_probs = np.asarray(_log_probs(start, Filled.of(taken).values))[: len(taken)]
        if not np.all(finite := np.isfinite(log_probs)):
            index = int(np.argmin(finite))
            parameters = ", ".join(f"{key}={leaf}" for key, leaf in parameter_dict(start).items())
            size = abs(float(values[index]))
            fix = f"; its square overflows float64: divide the observations by {size:.0e}"
            raise InputValueError(
                f"observations must have a finite log-density at the start; got log_prob({values[index]}) = "
                f"{log_probs[index]} {place(index)} for {name}({parameters})"
                f"{fix if size > LARGEST_SQUARED else ''}"
            )


def check_inside(family: str, support: Support, values: np.ndarray, place: Callable[[int], str] = at_index) -> None:
    """Refuse observations outside a support.

    Raises:
        ValueError: naming the first such observation, its place and the rule.
    """
    if not np.all(contained := support.contains(values)):
        index = int(np.argmin(contained))
        raise InputValueError(f"{family} needs {support.rule}; got {values[index]} {place(index)}")


@jax.jit
def _log_probs(model: Model, values: Num[Array, " n"]) -> Num[Array, "..."]:
    return jax.vmap(model.log_prob)(values)
