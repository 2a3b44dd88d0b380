"""The labels of groups: text, numbers or dates, each as it is, none missing."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import InputTypeError, InputValueError

EXACT = 1 << 53
"""Up to which whole numbers are all floating-point numbers too."""

INSTEAD = "text may stand for anything: [str(label) for label in labels]"
"""What to do about labels of another type."""

FIRST_HALF, LAST_HALF = 0xD800, 0xDFFF
"""Code points that stand for half a character: NumPy's text is UTF-32, which needs none of them."""


def as_labels(labels: ArrayLike) -> np.ndarray:
    """Return labels as an array (n,), no two of which have become one; bytes as the text that they are in UTF-8.

    Raises:
        TypeError, ValueError: one is missing, or is neither text nor a number nor a date; the message names it.

    Example:
        >>> as_labels([2**60, 2**60 + 1]).tolist()
        [1152921504606846976, 1152921504606846977]
    """
    try:
        array = np.asarray(labels)
    except ValueError:
        raise InputValueError("labels must be one-dimensional; got sequences of different lengths") from None
    if array.ndim != 1:
        raise InputValueError(f"labels must be one-dimensional; got shape {array.shape} ({INSTEAD})")
    if array.dtype.kind in "OTS":
        array = _of_objects(array.astype(object).tolist())
    elif array.dtype.kind == "U" and isinstance(labels, list | tuple):  # NumPy has written numbers among them as text
        array = _of_objects(labels)
    if array.dtype.kind == "f" and not np.all(known := np.isfinite(array)):
        index = int(np.argmin(known))
        raise InputValueError(f"labels must be text or finite numbers; got {array[index]} at index {index}")
    if array.dtype.kind == "M" and np.any(missing := np.isnat(array)):
        raise InputValueError(f"labels must be text, numbers or dates; got NaT at index {int(np.argmax(missing))}")
    if array.dtype.kind == "U" and np.any(half := _half_pairs(array)):
        index = int(np.argmax(half))
        raise InputValueError(
            f"labels must be text that files take; got half a surrogate pair in {str(array[index])!r} at index {index}"
        )
    if array.dtype.kind not in "iufUbM":
        raise InputTypeError(f"labels must be text or numbers; got an array of {array.dtype}")
    return array


def _half_pairs(labels: np.ndarray) -> np.ndarray:
    """Return which texts (n,) no file takes, for they hold a code point that stands for half a character."""
    points = np.ascontiguousarray(labels).view(np.uint32).reshape(len(labels), -1)
    return np.any((points >= FIRST_HALF) & (points <= LAST_HALF), axis=1)


def _of_objects(labels: Sequence[Any]) -> np.ndarray:
    """Return labels of Python's types as an array: all text, all numbers, or all dates."""
    kinds, numbers = set(map(type, labels)), int | float | np.bool_ | np.integer | np.floating
    if kinds == {dt.date}:
        return np.array(labels, "M8[D]")
    if kinds == {dt.datetime} and all(label.tzinfo is None for label in labels):
        return np.array(labels, "M8[us]")
    if kinds == {bytes}:
        labels, kinds = [_decoded(label, i) for i, label in enumerate(labels)], {str}
    if not all(issubclass(kind, str | numbers) for kind in kinds) or any(
        issubclass(k, float | np.floating) for k in kinds
    ):
        for i, label in enumerate(labels):
            if not isinstance(label, str | numbers) or label != label:
                raise InputTypeError(f"labels must be text or numbers; got {label!r} at index {i} ({INSTEAD})")
    text = [issubclass(kind, str) for kind in kinds]
    if any(text) and not all(text):
        raise InputTypeError("labels must be all text or all numbers; got both")
    if any(text):
        for i, label in enumerate(labels):
            if label.endswith("\0"):  # which NumPy would cut off
                raise InputValueError(f"labels must not end in a null character; got {label!r} at index {i}")
        return np.array(labels, str)
    whole = [int(label) for label in labels if not isinstance(label, float | np.floating)]
    if len(whole) == len(labels) and min(whole) >= -(1 << 63) and max(whole) < 1 << 63:
        return np.array(whole, np.int64)
    if large := [label for label in whole if abs(label) > EXACT]:
        raise InputValueError(f"labels must be whole numbers of 64 bits, or numbers that float64 holds; got {large[0]}")
    return np.array(labels, np.float64)


def _decoded(label: bytes, index: int) -> str:
    """Return the text that a label is in UTF-8."""
    try:
        return label.decode()
    except UnicodeDecodeError:
        raise InputValueError(
            f"labels that are bytes must be text in UTF-8; got {label!r} at index {index}: decode them as what they "
            "are, such as [label.decode('latin-1') for label in labels]"
        ) from None
