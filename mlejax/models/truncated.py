"""Models of what lies between two limits: all else was never observed."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from ..checks import InputTypeError, InputValueError, shown
from .abilities import starts_many
from .base import M, Model, name_of
from .constraints import Number
from .distribution import log1m_exp, log_between, shares
from .moments import Weights, as_values
from .support import Support
from .wrappers import Family, Wrapper, family_of_numbers, filled, support_of

MOST_COUNTS = 10_000
"""Whole numbers over which probabilities are summed."""

BEYOND = 1000
"""Whole numbers from the lower limit on that are summed where nearly all of a distribution lies below it."""

MOST_ROUNDS = 10_000
"""Times that what was drawn outside of the limits is drawn again."""


class Truncated(Wrapper[M]):
    r"""A model of what is known to lie between two limits: log p(x) = log p_base(x) - log P_base(lower <= X <= upper).

    Observations outside of the limits were not counted, not even their number. (Where their number is known they are
    censored, which is another model.)

    Args:
        base: a continuous model whose distribution function is known, or a model of whole numbers.
        lower: the lower limit, in the units of the data; a whole number of a model of these. It may be -infinite.
        upper: the upper limit, likewise; both belong to what may be observed.

    Example:
        >>> import mlejax
        >>> above = mlejax.Truncated(mlejax.Exponential(2.0), 1.0, float("inf"))
        >>> print(above.log_prob(1.5))  # log(2) - 2 (1.5 - 1)
        -0.3068...

    Source: A. C. Cohen, Truncated and Censored Samples (1991).
    """

    base: M
    lower: float = eqx.field(static=True, default=-math.inf)
    upper: float = eqx.field(static=True, default=math.inf)

    def __check_init__(self) -> None:
        _check_limits(self.lower, self.upper)

    @staticmethod
    def of(inner: object, lower: object = -math.inf, upper: object = math.inf) -> "TruncatedFamily":
        """Return the family of the models of a family between two limits.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: no observation is possible, or none is ruled out.
        """
        limits = (_limit(name, value) for name, value in (("lower", lower), ("upper", upper)))
        return TruncatedFamily(family_of_numbers("Truncated", inner), *limits)

    @property
    def __name__(self) -> str:  # type: ignore[override]
        """What the model is called: `Truncated(Normal, lower 0)`."""
        return _name(name_of(self.base), self.lower, self.upper)

    @property
    def support(self) -> Support:  # type: ignore[override]
        """What of the support of the model inside lies between the limits."""
        return _between(filled(self.base).support, self.lower, self.upper)

    def log_prob(self, x: Number) -> Array:
        return self.base.log_prob(x) - self.log_kept

    @property
    def log_kept(self) -> Array:
        """The logarithm of the probability that the model inside gives to what may be observed."""
        base = filled(self.base)
        whole, limits = base.support, self.support
        if whole.whole:
            return _log_kept_of_counts(base, whole, limits)
        below, above = limits.lower > whole.lower, limits.upper < whole.upper
        if below and above:
            return log_between(shares(base, limits.lower), shares(base, limits.upper))
        if below or above:
            return shares(base, limits.lower).log_survival if below else shares(base, limits.upper).log_cdf
        return jnp.zeros(())

    def log_cdf(self, x: Number) -> Array:
        """Return log P(X <= x).

        Raises:
            TypeError: the distribution function of the model inside is not known.
        """
        whole, limits, here = filled(self.base).support, self.support, shares(self.base, x)
        if not limits.lower > whole.lower:
            return here.log_cdf - self.log_kept
        below = shares(self.base, limits.lower - 1.0 if whole.whole else limits.lower)
        return log_between(below, here) - self.log_kept

    def log_survival(self, x: Number) -> Array:
        """Return log P(X > x), likewise."""
        limits, here = self.support, shares(self.base, x)
        if not limits.upper < filled(self.base).support.upper:
            return here.log_survival - self.log_kept
        return log_between(here, shares(self.base, limits.upper)) - self.log_kept

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key.

        What lies outside is drawn again, up to 10,000 times; what then still lies outside is NaN, or -1 of counts.
        """
        first = self.draws_inside(key, shape)

        def again(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            rounds, key, drawn = state
            key, own = jax.random.split(key)
            return rounds + 1, key, jnp.where(self.support.contains(drawn), drawn, self.draws_inside(own, shape))

        def missing(state: tuple[Array, Array, Array]) -> Array:
            return (state[0] < MOST_ROUNDS) & ~jnp.all(self.support.contains(state[2]))

        begin = (jnp.zeros((), int), jax.random.fold_in(key, 1), first)
        drawn = jax.lax.while_loop(missing, again, begin)[2]
        nothing = jnp.nan if jnp.issubdtype(drawn.dtype, jnp.floating) else -1
        return jnp.where(self.support.contains(drawn), drawn, nothing)


@dataclasses.dataclass(frozen=True)
class TruncatedFamily:
    """A family between two limits; `Truncated.of` makes it."""

    inner: Family
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        _check_limits(self.lower, self.upper)
        if (support := support_of(self.inner)) is not None:
            _between(support, self.lower, self.upper)

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return _name(name_of(self.inner), self.lower, self.upper)

    @property
    def support(self) -> Support | None:
        """What of the support of the family inside lies between the limits."""
        own = support_of(self.inner)
        return None if own is None else _between(own, self.lower, self.upper)

    @property
    def starts_side_by_side(self) -> bool:
        """Whether the family inside starts many samples side by side."""
        return starts_many(self.inner)

    def start(self, observations: ArrayLike, weights: Weights = None) -> Truncated[Any]:
        """Return the start of the family inside, as if nothing had been left out."""
        base: Any = self.inner.start(as_values(observations), weights)  # type: ignore[union-attr]
        return Truncated(base, self.lower, self.upper)


def _log_kept_of_counts(model: Model, whole: Support, limits: Support) -> Array:
    """Return the logarithm of the probability of the whole numbers within limits, summed one by one."""

    def log_sum(first: float | int, count: int) -> Array:
        return logsumexp(jax.vmap(model.log_prob)(first + np.arange(float(count))))

    if math.isfinite(limits.upper):
        if limits.upper < whole.upper or limits.lower > whole.lower:
            return log_sum(limits.lower, _count(limits.lower, limits.upper + 1))
        return jnp.zeros(())
    below = _count(whole.lower, limits.lower)
    if not below:
        return jnp.zeros(())
    left_out = log_sum(whole.lower, below)
    if below == 1:
        return log1m_exp(-left_out)
    # where nearly all is left out, a difference from one has no digits
    most = left_out > math.log(0.999)
    rest = log1m_exp(-jnp.where(most, -1.0, left_out))
    return jnp.where(most, log_sum(limits.lower, BEYOND), rest)


def _count(first: float | int, end: float | int) -> int:
    count = int(end - first)
    if count > MOST_COUNTS:
        raise InputValueError(f"Truncated sums over at most {MOST_COUNTS:,} whole numbers; there are {count:,}")
    return count


def _limit(name: str, value: object) -> float:
    if not isinstance(value, float | int | np.number) or math.isnan(value):
        raise InputTypeError(f"Truncated: {name} must be a number; got {shown(value)}")
    return float(value)


def _check_limits(lower: float, upper: float) -> None:
    if not lower < upper:
        raise InputValueError(f"Truncated: lower must be below upper; got lower={lower:g}, upper={upper:g}")
    if lower == -math.inf and upper == math.inf:
        raise InputValueError("Truncated needs a limit: lower, upper or both")


def _between(support: Support, lower: float, upper: float) -> Support:
    """Return what of a support lies between two limits, both included.

    Raises:
        ValueError: nothing does, or all of it.
    """
    if support.whole:
        lower, upper = float(np.ceil(lower)), float(np.floor(upper))
    if not (max(lower, support.lower) < min(upper, support.upper)):
        raise InputValueError(f"Truncated: between {lower:g} and {upper:g} there are too few {support.rule}")
    below, above = lower > support.lower, upper < support.upper
    return Support(
        lower=lower if below else support.lower,
        upper=upper if above else support.upper,
        lower_included=below or support.lower_included,
        upper_included=above or support.upper_included,
        whole=support.whole,
    )


def _name(inner: str, lower: float, upper: float) -> str:
    limits = [f"{name} {limit:g}" for name, limit in (("lower", lower), ("upper", upper)) if math.isfinite(limit)]
    return f"Truncated({', '.join([inner, *limits])})"
