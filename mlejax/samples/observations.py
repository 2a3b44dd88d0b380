"""Checks of observations: finite numbers, inside the support, with a finite log-density at the start."""

import numbers
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Num
from numpy.typing import ArrayLike

from ..checks import InputTypeError, InputValueError, non_negative, shown
from ..formula.jaxpr import as_formula_takes
from ..models.base import Model, name_of
from ..models.parameters import parameter_dict
from ..models.rows import Extremes, Rows, named_columns, one_of, row_count, take
from ..models.support import Supports, by_column
from ..models.tracing import check_formula
from .filled import Filled, with_room

SMALLEST_SQUARED, LARGEST_SQUARED = 1e-150, 1e150
"""Where squares of float64 numbers lose their digits or overflow."""


LEAST_TOTAL = 1e-100
"""The least sum of weights; its inverse is the largest: products of several are still told from 0 and infinity."""


def as_observations(
    values: Any, what: str = "observations", *, any_number: bool = False, only: Collection[str] = ()
) -> Rows:
    """Check and convert data: at least two observations of finite numbers that are not all equal.

    An array (n,) is of n numbers, one (n, d) of n vectors. A mapping, a table of pandas or PyArrow, a named tuple, a
    tuple of arrays, a structured array, or any other pytree of columns is of n records. Integers stay integers; truth
    values of a record become 0 and 1; everything else becomes float64. With `any_number` one observation is enough,
    and all may be equal. A number of a record may be infinite here: the support of a model says whether it is one. Of
    a record that has all of the columns `only`, no others are looked at.

    Raises:
        TypeError, ValueError: naming the first offending value and its place.
    """
    opened = as_record(values)
    if only and isinstance(opened, dict) and opened.keys() >= set(only):
        opened = {name: opened[name] for name in only}
    record = opened if (alone := _is_column(opened)) else jax.tree.map(as_record, opened, is_leaf=_is_column)
    names = {"": record} if alone else named_columns(record, _is_column)
    if not names:
        raise InputValueError(f"{what} must have a column at least; got {shown(values)}")
    columns = {name: _column(part, _called(what, name), bool(name)) for name, part in names.items()}
    first, *others = columns
    n, whole = len(columns[first]), _called(what, first) if first.isdigit() else first
    for name in others:
        if len(columns[name]) != n:
            raise InputValueError(f"{_called(what, name)} must be as long as {whole}, {n}; got {len(columns[name])}")
    if n < 2 - any_number:
        least = "one value" if any_number else "two values"
        raise InputValueError(f"{what} must hold at least {least}; got {n}")
    converted = {name: _converted(column, _called(what, name), bool(name)) for name, column in columns.items()}
    if not any_number and all(bool(np.all(column == column[:1])) for column in converted.values()):
        if not first and not converted[first].ndim > 1:
            raise InputValueError(f"{what} must not be constant; all {n} values equal {converted[first][0]}")
        raise InputValueError(f"{what} must not be constant; all {n} are alike")
    return (
        converted[""]
        if alone
        else jax.tree.unflatten(jax.tree.structure(record, is_leaf=_is_column), list(converted.values()))
    )


def checked_sample(
    observations: object, weights: ArrayLike | None, columns: Collection[str]
) -> tuple[Rows, np.ndarray | None]:
    """Return the observations that count, of their columns those that are used, and their weights.

    Raises:
        TypeError, ValueError: they are not as `fit` describes them.
    """
    values = as_observations(observations, any_number=True, only=columns)
    if weights is None:
        return values, None
    heavy = non_negative("weights", weights)
    if heavy.shape != ((n := row_count(values)),):
        raise InputValueError(f"weights must be one for each of {n} observations; got shape {heavy.shape}")
    if not np.any(heavy):
        raise InputValueError("weights must not all be 0")
    with np.errstate(over="ignore"):
        total = float(np.sum(heavy))
    if not LEAST_TOTAL <= total <= 1 / LEAST_TOTAL:
        raise InputValueError(
            f"weights must add up to {LEAST_TOTAL:g} to {1 / LEAST_TOTAL:g}; they add up to {total:g}"
        )
    return take(values, heavy > 0), heavy[heavy > 0]


def _called(what: str, name: str) -> str:
    """Return what a part of a record is called, or one of a tuple."""
    return f"{what}[{name}]" if name.isdigit() else f"{what}: {name}" if name else what


def _is_column(values: Any) -> bool:
    """Return whether this is a sequence of numbers or of rows, or nothing of the kind; and not a record of such."""
    if isinstance(values, tuple):
        arrays = [part for part in values if isinstance(part, np.ndarray | jax.Array) and part.ndim]
        return not (hasattr(values, "_fields") or 0 < len(arrays) == len(values))
    return values is None or isinstance(values, list) or jax.tree_util.all_leaves([values])


def as_record(values: Any) -> Any:
    """Return a mapping, the table of another library, or a structured array, as a record; anything else as it is."""
    if isinstance(values, Mapping):
        return dict(values)
    if isinstance(values, np.ndarray) and values.dtype.names:
        return {name: values[name] for name in values.dtype.names}
    names = getattr(values, "column_names", getattr(values, "columns", None))
    if names is None or isinstance(values, np.ndarray):
        return values
    return {str(name): np.asarray(values[name]) for name in names}


def _column(values: Any, what: str, part: bool) -> np.ndarray:
    """Return an array of real numbers, of one dimension or more."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        index = int(np.argmax(np.ma.getmaskarray(values).ravel()))
        raise InputValueError(
            f"{what} must not be masked; got a masked value at index {index}: use {what}.compressed()"
        )
    try:
        array = np.asarray(values)
    except ValueError:
        shapes = ", ".join(str(np.shape(each)) for each in list(values)[:3])
        raise InputValueError(
            f"{what} must be numbers, or rows of one length; got parts of different shapes: {shapes}, ...: the columns "
            "of a record go into a dict"
        ) from None
    if array.dtype.kind not in ("iufb" if part else "iuf"):
        raise InputTypeError(f"{what} must be real numbers; got an array of {array.dtype}{_remedy(array, what, part)}")
    if array.ndim == 0:
        raise InputValueError(f"{what} must have an axis of observations; got shape {array.shape}")
    if 0 in array.shape[1:]:
        raise InputValueError(f"{what} must have numbers in each observation; got shape {array.shape}")
    return array


def _remedy(array: np.ndarray, what: str, part: bool) -> str:
    """Say what to do about an array that is not of real numbers, as the end of a message."""
    name = what.rpartition(": ")[2]
    if array.dtype.kind == "b":
        return f": give {name}.astype(int)"
    if part and (array.dtype.kind in "UST" or any(isinstance(each, str) for each in array.flat)):
        return ": write a category as columns of 0 and 1, as pandas.get_dummies does, or leave the column out"
    if array.dtype.kind != "O":
        return ""
    for index, each in np.ndenumerate(array):
        if not isinstance(each, numbers.Real | Decimal):
            place = ", ".join(map(str, index))
            return f", of which {shown(each)} at index {place} is no number: leave it out, or fill it in"
    return f" that are numbers: give np.asarray({name}, float)"


def _converted(array: np.ndarray, what: str, part: bool) -> np.ndarray:
    """Return numbers, int64 or float64: finite ones, or, of a part of a record, none that is NaN."""
    small = (
        array.dtype.kind in "iub" and array.max(initial=0) <= np.iinfo(np.int64).max
    )  # an unsigned one may be larger
    array = with_room(array, np.int64 if small else np.float64)
    if small or np.isfinite(Extremes.of(array)).all():
        return array
    if not np.all(good := ~np.isnan(array) if part else np.isfinite(array)):
        index = np.unravel_index(int(np.argmin(good)), array.shape)
        place = ", ".join(map(str, map(int, index)))
        remedy = ": leave it out, or fill it in" if np.isnan(array[index]) else ""
        raise InputValueError(f"{what} must be finite; got {array[index]} at index {place}{remedy}")
    return array


def at_index(index: int) -> str:
    """Return where an observation stands, in words that follow its value."""
    return f"at index {index}"


def check_support(
    model: Model, values: Rows, *, starts: Sequence[Model] = (), place: Callable[[int], str] = at_index
) -> None:
    """Refuse observations outside the model's support, and those to which a start gives no finite log-density.

    Args:
        model: the start.
        values: observations, finite numbers.
        starts: other starts of the same model, each of which must have a finite log-density too.
        place: says where the observation of an index stands, such as "in line 7 of data.csv".

    Raises:
        TypeError: JAX cannot follow `log_prob`, or it returns no real number; see `check_formula`.
        ValueError: naming the first such observation, its place and the rule.
    """
    check_traced(model, values)
    check_inside(name_of(model), model.support, values, place)
    check_finite(model, values, starts, place)


def check_traced(model: Model, values: Rows) -> None:
    """Refuse a formula that JAX cannot follow on such observations; see `check_formula`."""
    with jax.enable_x64(True):
        check_formula(model, one_of(as_formula_takes(model, values)))


def check_finite(
    model: Model, values: Rows, starts: Sequence[Model] = (), place: Callable[[int], str] = at_index
) -> None:
    """Refuse observations inside the support to which a start gives no finite log-density; see `check_support`."""
    for start in (model, *starts):
        with jax.enable_x64(True):
            taken = as_formula_takes(model, values)
            filled = Filled.of(taken).values
            if bool(_all_finite(start, filled)):  # what fills up is one of the observations
                continue
            log_probs = np.asarray(_log_probs(start, filled))[: row_count(taken)]
        if not np.all(finite := np.isfinite(log_probs)):
            index = int(np.argmin(finite))
            parameters = ", ".join(f"{key}={leaf}" for key, leaf in parameter_dict(start).items())
            largest = max(float(np.max(np.abs(column[index]))) for column in jax.tree.leaves(values))
            fix = f"; its square overflows float64: divide the observations by {largest:.0e}"
            raise InputValueError(
                f"observations must have a finite log-density at the start; got log_prob({_said(values, index)}) = "
                f"{log_probs[index]} {place(index)} for {name_of(model)}({parameters})"
                f"{fix if largest > LARGEST_SQUARED else ''}"
            )


def _said(values: Rows, index: int) -> str:
    """Return one observation as a message shows it."""
    columns = named_columns(values).items()
    return ", ".join(f"{name}={column[index]}" if name else str(column[index]) for name, column in columns)


def check_inside(
    family: str,
    support: Supports,
    values: Rows,
    place: Callable[[int], str] = at_index,
    extremes: Extremes | None = None,
) -> None:
    """Refuse observations outside a support.

    Args:
        family: whose support it is.
        support: of every number of an observation, or of its parts.
        values: the observations.
        place: says where the observation of an index stands.
        extremes: of observations that are numbers, where they are known.

    Raises:
        ValueError: naming the first such observation, its place and the rule.
    """
    columns = named_columns(values)
    nameless = isinstance(support, dict) and isinstance(values, tuple) and not hasattr(values, "_fields")
    names = list(support) if nameless and len(support) == len(columns) else columns
    for own, name, column in zip(by_column(support, values), names, columns.values(), strict=True):
        if not own.whole and column.size and own.contains(np.array(extremes or Extremes.of(column))).all():
            continue  # an interval; NaN is the least and the greatest of all
        if not np.all(contained := own.contains(column)):
            index = np.unravel_index(int(np.argmin(contained)), column.shape)
            where = f" for {name}" if name else ""
            raise InputValueError(f"{family} needs {own.rule}{where}; got {column[index]} {place(int(index[0]))}")


@jax.jit
def _all_finite(model: Model, values: Rows) -> Bool[Array, ""]:
    return jnp.all(jnp.isfinite(jax.vmap(model.log_prob)(values)))


@jax.jit
def _log_probs(model: Model, values: Rows) -> Num[Array, "..."]:
    return jax.vmap(model.log_prob)(values)
