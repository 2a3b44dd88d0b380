"""Models of what is known to lie beyond, below or between: an event that had not happened when watching ended."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num

from ..checks import InputValueError
from .abilities import starts_many
from .base import M, name_of
from .distribution import log_between, shares
from .incomplete import Shares
from .moments import Values, Weights
from .support import Support, numbers
from .wrappers import Family, Wrapper, family_of_numbers, filled, support_of

Pair: TypeAlias = tuple[Any, Any] | Mapping[str, Any]
"""Two numbers, or two columns of them: a tuple, or a dict by their names."""

Some: TypeAlias = Float[np.ndarray, " _"]

EVENT = Support(lower=0, upper=1, whole=True)


class _Ends(Support):
    """Ends of intervals: any numbers, infinite ones among them."""

    @property
    def rule(self) -> str:
        return "numbers, finite or infinite,"

    def contains(self, values: Num[Array | np.ndarray, "*shape"]) -> Bool[Array | np.ndarray, "*shape"]:
        return values == values


ENDS, NONE = _Ends(), np.zeros(0)


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

    def certain(self, observations: Any) -> str:
        """Return that the distribution moves beyond the last time, where nothing has happened."""
        time, event = _columns(observations, self.names)
        return "" if np.any(event) else f"the distribution moves beyond {np.max(time):g}, before which nothing happened"

    def only_value(self, observations: Any) -> float | None:
        """Return the one time at which something happened, where no watching ended later; else None."""
        time, event = _columns(observations, self.names)
        return _only(time[event == 1], above=time[event == 0])


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

    def certain(self, observations: Any) -> str:
        """Return that the distribution moves below the least limit, where nothing was measured."""
        time, event = _columns(observations, self.names)
        return "" if np.any(event) else f"the distribution moves below {np.min(time):g}, above which nothing was seen"

    def only_value(self, observations: Any) -> float | None:
        """Return the one amount that was measured, where no limit is below it; else None."""
        time, event = _columns(observations, self.names)
        return _only(time[event == 1], below=time[event == 0])


class IntervalCensored(Wrapper[M]):
    r"""A model of what is known to lie between two numbers: of a pair (lower, upper), log P_base(lower < X <= upper).

    Where the two are equal the number is known, and log p_base takes the place of it. A lower one at the end of the
    support, or below, says nothing, nor does an upper one at the other end, or above: an infinite number stands for
    an end that is not known.

    Args:
        base: a continuous model whose distribution function is known.

    Example:
        >>> import mlejax
        >>> model = mlejax.IntervalCensored(mlejax.Exponential(1.0))
        >>> print(model.log_prob((1.0, 2.0)), model.log_prob((1.0, np.inf)))  # log(exp(-1) - exp(-2)), log(exp(-1))
        -1.4586... -1.0

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

    @property
    def support(self) -> Any:  # type: ignore[override]
        """Any numbers, infinite ones among them."""
        return {"lower": ENDS, "upper": ENDS}

    def log_prob(self, x: Pair) -> Array:
        lower, upper = map(jnp.asarray, pair_of(x, self.names))
        support = filled(self.base).support
        exact, open_below, open_above = lower == upper, lower <= support.lower, upper >= support.upper
        # Each branch is given numbers that it is good for, and those that are not taken have finite derivatives too.
        nothing = (open_below & open_above) | (exact & (open_below | open_above))
        low = jnp.where(nothing, _inside(support), jnp.where(open_below, upper, lower))
        high = jnp.where(nothing | open_above, low, upper)
        at_low, at_high = shares(self.base, low), shares(self.base, high)
        two = ~(exact | open_below | open_above)
        between = log_between(_shares_where(two, at_low, 0.25), _shares_where(two, at_high, 0.75))
        one = jnp.where(open_above, at_low.log_survival, at_high.log_cdf)
        unknown = jnp.where(open_below & open_above, 0.0, jnp.where(two, between, one))
        return jnp.where(exact, self.base.log_prob(jnp.where(exact, upper, high)), unknown)

    def certain(self, observations: Any) -> str:
        """Return that the distribution narrows to what all intervals have in common, where none is a number."""
        lower, upper = _columns(observations, self.names)
        low, high = np.max(lower), np.min(upper)
        return f"the distribution narrows between {low:g} and {high:g}, which all intervals hold" if low < high else ""

    def only_value(self, observations: Any) -> float | None:
        """Return the one number that is known, where all intervals hold it; else None."""
        lower, upper = _columns(observations, self.names)
        exact = lower == upper
        return _only(upper[exact], lower[~exact], upper[~exact])


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
        if self.wrapper is IntervalCensored:
            return {"lower": ENDS, "upper": ENDS}
        own = support_of(self.inner)
        return None if own is None else {"time": own, "event": EVENT}

    @property
    def starts_side_by_side(self) -> bool:
        """Whether the family inside starts many samples side by side, and every observation has a time."""
        return self.wrapper is not IntervalCensored and starts_many(self.inner)

    def start(self, observations: Any, weights: Weights = None) -> Any:
        """Return the start of the family inside, as if every number were known.

        Raises:
            ValueError: an interval ends before it begins, or none of them says anything.
        """
        first, second = _columns(observations, self.wrapper.names)
        if self.wrapper is not IntervalCensored:
            return self.wrapper(self.inner.start(first, weights))  # type: ignore[union-attr]
        if np.any(bad := first > second):
            i = int(np.argmax(bad))
            raise InputValueError(f"lower must not be above upper; got {first[i]:g} and {second[i]:g} at index {i}")
        support = support_of(self.inner) or numbers
        middle, told = _middles(first, second, support)
        heavy, middle = None if weights is None else weights[told], middle[told]
        if not np.ptp(middle):  # nothing tells how far they spread but the intervals themselves
            both = np.concatenate([np.maximum(first, support.lower)[told], np.minimum(second, support.upper)[told]])
            known = np.isfinite(both) & support.contains(both)
            middle = np.where(known, both, middle[0])
            heavy = None if heavy is None else np.tile(heavy / 2, 2)
        return self.wrapper(self.inner.start(middle, heavy))  # type: ignore[union-attr]


def pair_of(pair: Pair, names: tuple[str, str]) -> tuple[Any, Any]:
    """Return the two numbers of an observation, or the two columns of a sample.

    Raises:
        ValueError: there are others.
    """
    if isinstance(pair, Mapping) and all(name in pair for name in names):
        return pair[names[0]], pair[names[1]]
    if isinstance(pair, tuple) and len(pair) == 2:
        return pair
    given = f"it has {', '.join(map(str, pair))}" if isinstance(pair, Mapping) else "it has other parts"
    remedy = "name its columns so, or give a tuple of arrays in this order"
    raise InputValueError(f"a record of {' and '.join(names)} is needed; {given}: {remedy}")


def _columns(observations: Any, names: tuple[str, str]) -> tuple[Values, Values]:
    first, second = pair_of(observations, names)
    return np.asarray(first, np.float64), np.asarray(second, np.float64)


def _only(seen: Some, above: Some = NONE, below: Some = NONE) -> float | None:
    """Return the one value that was seen, where it lies above and below all ends that are known; else None."""
    if not len(seen) or np.any(seen != seen[0]):
        return None
    return float(seen[0]) if np.all(above <= seen[0]) and np.all(seen[0] <= below) else None


def _inside(support: Support) -> Any:
    """Return a number inside a support."""
    if math.isinf(support.upper):
        return 0.0 if math.isinf(support.lower) else support.lower + 1.0
    return support.upper - 1.0 if math.isinf(support.lower) else (support.lower + support.upper) / 2


def _shares_where(told: Array, known: Shares, share: float) -> Shares:
    """Return the shares at a point where they are told, elsewhere constants."""
    return Shares(jnp.where(told, known.log_cdf, np.log(share)), jnp.where(told, known.log_survival, np.log1p(-share)))


def _middles(lower: Values, upper: Values, support: Support) -> tuple[Values, Bool[np.ndarray, " n"]]:
    """Return the middles of intervals, or the end that is known, and which intervals say anything.

    Raises:
        ValueError: none does.
    """
    exact, below, above = lower == upper, lower > support.lower, upper < support.upper
    if not np.any(told := exact | below | above):
        raise InputValueError("every interval reaches from one end of the support to the other, and says nothing")
    low, high = np.maximum(lower, support.lower), np.minimum(upper, support.upper)
    low, high = np.where(np.isfinite(low), low, high), np.where(np.isfinite(high), high, low)
    return low / 2 + high / 2, told


def _checked(wrapper: str, inner: object) -> Any:
    family = family_of_numbers(wrapper, inner)
    if (support := support_of(family)) is not None and support.whole:
        raise InputValueError(f"{wrapper}.of needs a continuous family; {name_of(family)} is of {support.rule}")
    return family
