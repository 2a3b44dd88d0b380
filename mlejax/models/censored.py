"""Models of what is known to lie beyond, below or between: an event that had not happened when watching ended."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..checks import InputValueError
from .base import M, name_of
from .distribution import log_between, shares
from .moments import Weights
from .support import Support
from .wrappers import Family, Wrapper, checked_family, filled, support_of

Pair: TypeAlias = tuple[Any, Any] | Mapping[str, Any]
"""Two numbers, or two columns of them: a tuple, or a dict by their names."""

EVENT = Support(lower=0, upper=1, whole=True)


class RightCensored(Wrapper[M]):
    r"""A model of times at which something happened, or watching ended: of a pair (time, event),

    log p = log p_base(time) where `event` is 1, and log P_base(X > time) where it is 0. `RightCensored.of(Weibull)` is
    a family of them. An observation is a tuple (time, event), or a dict with these names.

    Args:
        base: a continuous model whose distribution function is known.

    Example:
        >>> import mlejax
        >>> months, died = np.array([2.0, 5.0, 9.0, 12.0]), np.array([1, 1, 0, 1])
        >>> result = mlejax.fit(mlejax.RightCensored.of(mlejax.Exponential), (months, died))
        >>> round(result.model.rate.item(), 6)  # 3 events in 28 months
        0.107143

    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data (2002), section 3.2.
    """

    base: M
    names: ClassVar[tuple[str, str]] = ("time", "event")

    @staticmethod
    def of(inner: object) -> "CensoredFamily":
        """Return the family of the models of a family, censored on the right.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: its models are of whole numbers.
        """
        return CensoredFamily(_checked("RightCensored", inner), RightCensored)

    @property
    def support(self) -> Any:  # type: ignore[override]
        """That of the model inside for the time; 0 or 1 for the event."""
        return {"time": self.base.support, "event": EVENT}

    def log_prob(self, x: Pair) -> Array:
        time, event = pair_of(x, self.names)
        return jnp.where(event == 1, self.base.log_prob(time), shares(self.base, time).log_survival)


class LeftCensored(Wrapper[M]):
    r"""A model of amounts that were measured, or lay below what can be: of a pair (amount, measured),

    log p = log p_base(amount) where `measured` is 1, and log P_base(X <= amount) where it is 0. The pair is named as
    that of `RightCensored`: (time, event), or a dict with these names.

    Args:
        base: a continuous model whose distribution function is known.

    Example:
        >>> import mlejax
        >>> print(mlejax.LeftCensored(mlejax.Exponential(2.0)).log_prob((0.5, 0)))  # log(1 - exp(-1))
        -0.4586...

    Source: D. R. Helsel, Statistics for Censored Environmental Data (2011), chapter 6.
    """

    base: M
    names: ClassVar[tuple[str, str]] = ("time", "event")

    @staticmethod
    def of(inner: object) -> "CensoredFamily":
        """Return the family of the models of a family, censored on the left.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: its models are of whole numbers.
        """
        return CensoredFamily(_checked("LeftCensored", inner), LeftCensored)

    @property
    def support(self) -> Any:  # type: ignore[override]
        """That of the model inside for the amount; 0 or 1 for whether it was measured."""
        return {"time": self.base.support, "event": EVENT}

    def log_prob(self, x: Pair) -> Array:
        time, event = pair_of(x, self.names)
        return jnp.where(event == 1, self.base.log_prob(time), shares(self.base, time).log_cdf)


class IntervalCensored(Wrapper[M]):
    r"""A model of what is known to lie between two numbers: of a pair (lower, upper), log P_base(lower < X <= upper).

    Where the two are equal the number is known, and log p_base takes the place of it. A lower one at the end of the
    support, or below, says nothing: such an observation is known to lie below the upper one.

    Args:
        base: a continuous model whose distribution function is known.

    Example:
        >>> import mlejax
        >>> print(mlejax.IntervalCensored(mlejax.Exponential(1.0)).log_prob((1.0, 2.0)))  # log(exp(-1) - exp(-2))
        -1.4586...

    Source: J. F. Lawless, Statistical Models and Methods for Lifetime Data (2003), section 2.3.
    """

    base: M
    names: ClassVar[tuple[str, str]] = ("lower", "upper")

    @staticmethod
    def of(inner: object) -> "CensoredFamily":
        """Return the family of the models of a family, censored to intervals.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: its models are of whole numbers.
        """
        return CensoredFamily(_checked("IntervalCensored", inner), IntervalCensored)

    def log_prob(self, x: Pair) -> Array:
        lower, upper = pair_of(x, self.names)
        exact, open_below = lower == upper, lower <= filled(self.base).support.lower
        # each branch is given what it is good for
        low, high = jnp.where(exact | open_below, upper / 2, lower), jnp.where(exact, upper + jnp.abs(upper) + 1, upper)
        at_high = shares(self.base, high)
        between = log_between(shares(self.base, low), at_high)
        return jnp.where(exact, self.base.log_prob(upper), jnp.where(open_below, at_high.log_cdf, between))


@dataclasses.dataclass(frozen=True)
class CensoredFamily:
    """A family of models of pairs; `RightCensored.of` and others make it."""

    inner: Family
    wrapper: "type[RightCensored[Any] | LeftCensored[Any] | IntervalCensored[Any]]"

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"{self.wrapper.__name__}({name_of(self.inner)})"

    @property
    def support(self) -> Any:
        """The supports of the two numbers by name; None where that of the family inside is not known."""
        own = support_of(self.inner)
        return None if own is None or self.wrapper is IntervalCensored else {"time": own, "event": EVENT}

    def start(self, observations: Any, weights: Weights = None) -> Any:
        """Return the start of the family inside, as if every number were known.

        Raises:
            ValueError: an interval ends before it begins.
        """
        first, second = (np.asarray(part, np.float64) for part in pair_of(observations, self.wrapper.names))
        middle = first
        if self.wrapper is IntervalCensored:
            if np.any(bad := first > second):
                i = int(np.argmax(bad))
                raise InputValueError(f"lower must not be above upper; got {first[i]:g} and {second[i]:g} at index {i}")
            middle = (first + second) / 2
        return self.wrapper(self.inner.start(middle, weights))  # type: ignore[union-attr]


def pair_of(pair: Pair, names: tuple[str, str]) -> tuple[Any, Any]:
    """Return the two numbers of an observation, or the two columns of a sample."""
    if isinstance(pair, Mapping):
        return pair[names[0]], pair[names[1]]
    first, second = pair
    return first, second


def _checked(wrapper: str, inner: object) -> Any:
    family = checked_family(wrapper, inner)
    if (support := support_of(family)) is not None and support.whole:
        raise InputValueError(f"{wrapper}.of needs a continuous family; {name_of(family)} is of {support.rule}")
    return family
