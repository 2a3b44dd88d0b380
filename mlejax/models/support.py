"""The observations that a family gives a density."""

import dataclasses
import functools
import math
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Num, PyTree

from ..checks import InputTypeError, InputValueError
from .rows import Rows


@dataclasses.dataclass(frozen=True)
class Support:
    """A set of real numbers: an interval, or the whole numbers in it.

    Args:
        lower: the lower end, in the units of the data; may be infinite.
        upper: the upper end, likewise.
        lower_included: whether the lower end itself belongs to it; an infinite end never does.
        upper_included: likewise of the upper end.
        whole: whether only whole numbers belong to it, of whatever type: 2 and 2.0 alike.

    Raises:
        ValueError: no number lies between the ends.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> counts = mlejax.Support(lower=0, whole=True)
        >>> counts.rule
        'whole numbers >= 0'
        >>> counts.contains(np.array([0.0, 1.5, 2.0, -1.0]))
        array([ True, False,  True, False])
    """

    lower: float | int = -math.inf
    upper: float | int = math.inf
    lower_included: bool = True
    upper_included: bool = True
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise InputValueError(f"a support needs lower < upper; got lower={self.lower}, upper={self.upper}")

    @property
    def rule(self) -> str:
        """What the observations must be, to follow "needs"."""
        ends = []
        if math.isfinite(self.lower):
            ends.append(f"{'>=' if self.lower_included else '>'} {self.lower:g}")
        if math.isfinite(self.upper):
            ends.append(f"{'<=' if self.upper_included else '<'} {self.upper:g}")
        kind = "whole numbers" if self.whole else "numbers"
        if ends == ["> 0"]:
            return f"positive {kind}"
        return f"{kind} {' and '.join(ends)}" if ends else f"finite {kind}"

    def contains(self, values: Num[Array | np.ndarray, "*shape"]) -> Bool[Array | np.ndarray, "*shape"]:
        """Return where `values`, of any shape, belong to it; NaN and infinity never do. May be traced."""
        above = values >= self.lower if self.lower_included and math.isfinite(self.lower) else values > self.lower
        below = values <= self.upper if self.upper_included and math.isfinite(self.upper) else values < self.upper
        inside = above & below
        return inside & (values == values.round()) if self.whole else inside


if TYPE_CHECKING:
    Supports: TypeAlias = Any
    """A support of every number of an observation; or, of a record, those of its parts, of a dict of some of them."""
else:  # which type checkers do not know
    Supports = PyTree[Support]


def by_column(support: Supports, values: Rows) -> list[Support]:
    """Return the support of each column of a sample.

    Raises:
        TypeError: the record of supports is not made as the sample is.
    """
    if isinstance(support, dict) and isinstance(values, dict):
        support = {name: support.get(name, numbers) for name in values}
    elif isinstance(support, dict) and isinstance(values, tuple) and len(support) == len(values):
        return list(support.values())  # a record without names has its parts in the same order
    elif isinstance(support, dict) and not isinstance(values, tuple):
        names = ", ".join(support)
        raise InputTypeError(f"an observation is a record of {names}: give a dict of columns, or a tuple of arrays")
    supports, record = jax.tree.flatten(support)
    try:
        parts = record.flatten_up_to(values)
    except (ValueError, TypeError) as error:
        raise InputTypeError(
            f"the parts of a support and of an observation must have the same names: {error}"
        ) from None
    return [own for own, part in zip(supports, parts, strict=True) for _ in jax.tree.leaves(part)]


def contains(support: Supports, values: Rows) -> Bool[Array | np.ndarray, " n"]:
    """Return which observations of a sample belong to a support with all that they hold. May be traced."""
    inside = [
        own.contains(column).reshape(len(column), -1).all(axis=1) if column.ndim > 1 else own.contains(column)
        for own, column in zip(by_column(support, values), jax.tree.leaves(values), strict=True)
    ]
    return functools.reduce(operator.and_, inside)  # type: ignore[return-value]


numbers: Support = Support()
"""All finite numbers."""

positive_numbers: Support = Support(lower=0, lower_included=False)
numbers_from_zero: Support = Support(lower=0)
fractions: Support = Support(lower=0, upper=1, lower_included=False, upper_included=False)
counts: Support = Support(lower=0, whole=True)
