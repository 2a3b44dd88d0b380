"""Arguments are checked before anything runs; a message names the value, the place and the rule.

An exception that is no `InputError` is a fault, of mlejax or of a formula that it was given.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


class InputError(Exception):
    """A refusal: an argument, a file or a result directory cannot be used; the message names it and the rule.

    Every refusal is also the `ValueError`, `TypeError` or `KeyError` that Python has for its kind.

    Example:
        >>> import mlejax
        >>> try:
        ...     mlejax.train(mlejax.Normal(0.0, -1.0), [1.0, 2.0])
        ... except mlejax.InputError as refusal:
        ...     print(refusal)
        start: Normal.variance must be positive; got -1.0
    """


class InputValueError(InputError, ValueError):
    """A refusal of a value: of the right type, but outside of what is accepted."""


class InputTypeError(InputError, TypeError):
    """A refusal of a type, such as of text where a number is meant."""


class InputKeyError(InputError, KeyError):
    """A refusal of a name or a value that is not there."""

    __str__ = Exception.__str__  # KeyError would put the sentence into quotation marks


class ConvergenceWarning(UserWarning):
    """A fit that has found no maximum of the likelihood; the message says why. There are no standard errors then."""


def numbers(name: str, values: object, rule: str, holds: Callable[[np.ndarray], Any]) -> np.ndarray:
    """Return the values (any shape) as float64, every one of which must obey the rule.

    Raises:
        TypeError, ValueError: naming the argument, the rule, the first offending value and its index.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # of NumPy: rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        wanted = f"numbers {rule}" if rule.startswith("at least") else f"{rule} numbers"
        raise InputTypeError(f"{name} must be {rule if 'number' in rule else wanted}; got {shown(values)}")
    array = array.astype(np.float64)
    if not np.all(good := np.broadcast_to(holds(array), array.shape)):
        where = np.unravel_index(int(np.argmin(good)), array.shape)
        place = f" at index {', '.join(str(int(i)) for i in where)}" if array.ndim else ""
        raise InputValueError(f"{name} must be {rule}; got {plainly(array[where])}{place}")
    return array


def plainly(value: float) -> str:
    """Return a number as a message shows it: a whole one in full."""
    return f"{int(value):,}" if np.isfinite(value) and value == np.floor(value) and abs(value) < 1e18 else f"{value:g}"


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and with a remedy where a list is meant."""
    if isinstance(value, np.ndarray) and value.dtype == object and not value.ndim:
        value = value.item()  # what NumPy made of something that is no sequence
    text = repr(value)
    text = text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)"
    return f"{text}; give a list" if isinstance(value, Set | Mapping | Iterator) else text


def positive(name: str, values: object) -> np.ndarray:
    """Return the values as float64, which must be finite and above zero."""
    return numbers(name, values, "positive", lambda v: (v > 0) & (v < math.inf))


def non_negative(name: str, values: object) -> np.ndarray:
    """Return the values as float64, which must be finite and at least zero."""
    return numbers(name, values, "at least 0", lambda v: (v >= 0) & (v < math.inf))


def level(value: Any) -> None:
    """Check the level of an interval: one number between 0 and 1."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "iuf":
        raise InputTypeError(f"level must be a number between 0 and 1; got {shown(value)}")
    if not 0 < array < 1:
        raise InputValueError(f"level must be between 0 and 1; got {shown(value)}")


def counts(name: str, values: object, at_least: int = 1, at_most: int = 2**24) -> np.ndarray:
    """Return whole numbers from `at_least` to `at_most`: float32 counts exactly up to 2^24."""
    rule = (
        f"whole numbers from {at_least} to {at_most:,}"
        if _many(values)
        else f"a whole number from {at_least} to {at_most:,}"
    )

    def exact(rounded: np.ndarray) -> np.ndarray:
        """Return the values themselves where they are whole: float64 does not hold all of them from 2^53 on."""
        given = np.asarray(values)
        return given if given.dtype.kind in "iu" else rounded

    array = numbers(
        name, values, rule, lambda v: (exact(v) >= at_least) & (exact(v) <= at_most) & (v == np.floor(v))
    )  # fmt: skip
    return exact(array).astype(np.int64)


def _many(values: object) -> bool:
    return (isinstance(values, Sequence) and not isinstance(values, str)) or bool(getattr(values, "ndim", 0))


def floating_type(dtype: DTypeLike | None) -> np.dtype:
    """Return the type, which must be float64 or float32."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if dtype is None or found not in (np.dtype(np.float64), np.dtype(np.float32)):  # NumPy reads None as float64
        raise InputValueError(f"dtype must be float64 or float32; got {dtype!r}")
    return found


def distinct(name: str, values: np.ndarray) -> np.ndarray:
    """Check that there is a value, in one dimension, and none twice: values name the runs along an axis."""
    if values.ndim != 1 or not len(values):
        raise InputValueError(f"{name} must be a non-empty sequence of numbers; got shape {values.shape}")
    kept, times = np.unique(values, return_counts=True)
    if len(kept) < len(values):
        value = kept[np.argmax(times > 1)]
        index = np.flatnonzero(values == value)
        said = str(value) if values.dtype.kind == "U" else f"{value:g}"
        raise InputValueError(f"{name} must be distinct; got {said} at index {index[0]} and {index[1]}")
    return values


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a caller's own attributes of a result, which are kept apart from those that a result records itself.

    Raises:
        ValueError: naming what JSON does not have.
    """
    try:
        json.dumps(dict(values), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputValueError(f"attributes must be plain values, as JSON has them: {error}") from error
    return dict(values)


def path(name: str, value: object) -> Path:
    """Return the path of a file or a directory, which must be text or an object that stands for a path."""
    if not isinstance(value, str | os.PathLike):
        raise InputTypeError(f"{name} must be a path, such as 'results'; got {shown(value)}")
    return Path(value)
