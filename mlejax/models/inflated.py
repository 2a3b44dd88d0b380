"""Counts of which more are zero than a family has."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from ..checks import InputValueError
from .base import M, name_of
from .constraints import Number, parameter, unit_interval
from .discrete import BinomialTrials, Geometric, NegativeBinomial, Poisson
from .distribution import shares
from .moments import Weights, as_values, inside, plain
from .support import Support
from .wrappers import Family, Wrapper, family_of_numbers, support_of


class ZeroInflated(Wrapper[M]):
    r"""A model of counts with further zeros: P(0) = p + (1 - p) P_base(0), P(k) = (1 - p) P_base(k) for k > 0,

    with p = `zero_probability`. `ZeroInflated.of(Poisson)` is a family of them.

    Args:
        base: a model of whole numbers, zero among them.
        zero_probability: between 0 and 1, of a zero that the model inside does not know.

    Example:
        >>> import mlejax
        >>> print(mlejax.ZeroInflated(mlejax.Poisson(2.0), 0.25).log_prob(0.0))  # log(0.25 + 0.75 exp(-2))
        -1.0455...

    Source: D. Lambert, Zero-inflated Poisson regression, Technometrics 34 (1992).
    """

    base: M
    zero_probability: Number = parameter(unit_interval)

    @staticmethod
    def of(inner: object) -> "ZeroInflatedFamily":
        """Return the family of the models of a family of counts, with further zeros.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: its models are not of whole numbers, or zero is not among them.
        """
        family = family_of_numbers("ZeroInflated", inner)
        if (support := support_of(family)) is not None:
            _check_counts(name_of(family), support)
        return ZeroInflatedFamily(family)

    @property
    def support(self) -> Support:  # type: ignore[override]
        """That of the model inside."""
        return self.base.support

    def log_prob(self, x: Number) -> Array:
        p, counted = self.zero_probability, self.base.log_prob(x)
        return jnp.where(x == 0, jnp.logaddexp(jnp.log(p), jnp.log1p(-p) + counted), jnp.log1p(-p) + counted)

    def log_cdf(self, x: Number) -> Array:
        """Return log P(X <= x).

        Raises:
            TypeError: the distribution function of the model inside is not known.
        """
        p = self.zero_probability
        return jnp.logaddexp(jnp.log(p), jnp.log1p(-p) + shares(self.base, x).log_cdf)

    def log_survival(self, x: Number) -> Array:
        """Return log P(X > x), likewise."""
        return jnp.log1p(-self.zero_probability) + shares(self.base, x).log_survival

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        one, other = jax.random.split(key)
        return jnp.where(jax.random.bernoulli(one, self.zero_probability, shape), 0, self.draws_inside(other, shape))


@dataclasses.dataclass(frozen=True)
class ZeroInflatedFamily:
    """A family of counts with further zeros; `ZeroInflated.of` makes it."""

    inner: Family

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"ZeroInflated({name_of(self.inner)})"

    @property
    def support(self) -> Support | None:
        """That of the family inside."""
        return support_of(self.inner)

    @property
    def starts_side_by_side(self) -> bool:
        """Whether the family inside starts many samples side by side whose observations have weights."""
        return self.inner in (Geometric, NegativeBinomial, Poisson) or isinstance(self.inner, BinomialTrials)

    def start(self, observations: ArrayLike, weights: Weights = None) -> ZeroInflated[Any]:
        """Return half of the zeros as further ones, and the start of the family inside for the rest."""
        x = as_values(observations)
        counts = np.ones_like(x) if weights is None else weights
        further = np.where(x == 0, counts / 2, 0.0)
        base: Any = self.inner.start(x, counts - further)  # type: ignore[union-attr]
        _check_counts(name_of(self.inner), base.support)
        return ZeroInflated(base, inside(plain(np.sum(further, axis=0) / np.sum(counts, axis=0)), 0.0, 1.0))


def _check_counts(family: str, support: Support) -> None:
    if not support.whole or not support.contains(np.zeros(1))[0]:
        raise InputValueError(
            f"ZeroInflated.of needs a family of counts from 0, such as mlejax.Poisson; {family} is of {support.rule}"
        )
