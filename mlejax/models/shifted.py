"""Families of positive numbers, moved."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from ..checks import InputValueError
from . import FAMILIES
from .abilities import Limit
from .base import M, Model, name_of
from .constraints import Number, parameter, real
from .distribution import shares
from .incomplete import Shares
from .moments import SHARES, Weights, as_values, mean, quantiles
from .support import Support, numbers
from .wrappers import Family, Wrapper, family_of_numbers, filled, fixed_parameters, support_of

BELOW = (0.02, 0.1, 0.3, 1.0)
"""How far below the smallest observation a start looks, in distances of the mean from it.

Farther out the likelihood has a ridge, along which steps are short: the way along it is shorter from this side.
"""

NEAR_THE_END = 1e-200
"""Where the power by which a density begins is read off, above the end of its support."""

FAR_BELOW: Mapping[str, str] = {
    "gamma": "normal",
    "inverse_gamma": "normal",
    "inverse_gaussian": "normal",
    "lognormal": "normal",
    "weibull": "gumbel_min",
    "frechet": "gumbel",
    "loglogistic": "logistic",
}
"""What a listed family, moved, becomes as its location falls and its shape follows."""


class Shifted(Wrapper[M]):
    r"""A model of numbers above an end, moved: log p(x) = log p_base(x - location), and -inf below its end.

    `Shifted.of(Weibull)` is the three-parameter Weibull distribution. Where the density does not vanish at its lower
    end the likelihood is highest, or grows without bound, as the location approaches the smallest observation; then
    there is no regular maximum. Where it vanishes no faster than the distance from the end, a maximum is not normally
    distributed. Where observations are skewed less than any model is, the likelihood is highest as the location falls
    without end, where a gamma distribution, for example, is a normal one. A maximum that is found is a highest point
    with the location away from the smallest observation.

    Args:
        base: a model whose support has a lower end, in the units of the data.
        location: real, added to what the model inside describes, in the units of the data.

    Example:
        >>> import mlejax
        >>> print(mlejax.Shifted(mlejax.Exponential(2.0), 10.0).log_prob(10.5))  # log(2) - 2 (10.5 - 10)
        -0.3068...

    Source: R. L. Smith, Maximum likelihood estimation in a class of nonregular cases, Biometrika 72 (1985).
    """

    base: M
    location: Number = parameter(real)

    support: ClassVar[Support] = numbers

    @staticmethod
    def of(inner: object) -> "ShiftedFamily":
        """Return the family of the models of a family, moved.

        Args:
            inner: a family of numbers above an end, such as `Weibull`.

        Raises:
            TypeError: `inner` is no family that finds a start.
            ValueError: its models have a density for all numbers, or for whole numbers.
        """
        family = family_of_numbers("Shifted", inner)
        if (support := support_of(family)) is not None:
            _check_end(name_of(family), support)
        return ShiftedFamily(family)

    def log_prob(self, x: Number) -> Array:
        support = self.base.support
        y = jnp.asarray(x - self.location)
        within = support.contains(y)
        return jnp.where(within, self.base.log_prob(jnp.where(within, y, _inside(support))), -jnp.inf)

    def log_cdf(self, x: Number) -> Array:
        """Return log P(X <= x).

        Raises:
            TypeError: the distribution function of the model inside is not known.
        """
        return self._shares(x).log_cdf

    def log_survival(self, x: Number) -> Array:
        """Return log P(X > x), likewise."""
        return self._shares(x).log_survival

    def _shares(self, x: Number) -> Shares:
        support = filled(self.base).support
        y = jnp.asarray(x - self.location)
        below, above = y <= support.lower, y >= support.upper
        found = shares(self.base, jnp.where(below | above, _inside(support), y))
        return Shares(
            jnp.where(below, -jnp.inf, jnp.where(above, 0.0, found.log_cdf)),
            jnp.where(below, 0.0, jnp.where(above, -jnp.inf, found.log_survival)),
        )

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jnp.asarray(self.location + self.draws_inside(key, shape))

    def unbounded(self, count: float | int) -> str:
        """Return that the location approaches the smallest observation where the density begins at infinity."""
        return "location approaches the smallest observation" if self._power < -1e-9 else ""

    def limits(self) -> tuple[Limit, ...]:
        """Return what the model inside becomes as the location falls; nothing where a parameter is fixed."""
        if fixed_parameters(self):
            return ()
        found = (far for near, far in FAR_BELOW.items() if type(self.base) is FAMILIES[near])
        return tuple(Limit(FAMILIES[far], "location falls", apart=True) for far in found)  # type: ignore[arg-type]

    def irregularity(self) -> str:
        """Return that the location is learned faster than standard errors tell, where the density begins steeply."""
        if self._power > 1 + 1e-9:
            return ""
        return "no standard errors: the density begins so steeply that the location is not normally distributed"

    @property
    def _power(self) -> float:
        """The power of the distance from its lower end with which the density of the model inside begins."""
        lower = float(self.base.support.lower)
        y = lower + NEAR_THE_END if lower == 0 else float(np.nextafter(lower, math.inf))
        with jax.enable_x64(True):
            return float((y - lower) * _slope(jax.tree.map(np.float64, self.base), np.float64(y)))


@dataclasses.dataclass(frozen=True)
class ShiftedFamily:
    """A family, moved; `Shifted.of` makes it."""

    inner: Family

    support = numbers

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"Shifted({name_of(self.inner)})"

    def start(self, observations: ArrayLike, weights: Weights = None) -> Shifted[Any]:
        """Return the likeliest of a few locations below the smallest observation, each with the start of the rest."""
        x = as_values(observations)
        smallest = float(np.min(x if weights is None else x[weights > 0]))
        away = mean(x, weights) - smallest
        away = away or 1e-3 * (abs(smallest) or 1.0)  # all are the same
        spread = np.array([smallest, *quantiles(x, weights, SHARES)])
        found = []
        for below in BELOW:
            location = smallest - below * away
            base: Any = self.inner.start(x - location, weights)  # type: ignore[union-attr]
            _check_end(name_of(self.inner), base.support)
            found.append(Shifted(base, location))
        with jax.enable_x64(True):
            heights = [float(_height(jax.tree.map(np.float64, each), spread)) for each in found]
        return found[int(np.argmax(np.nan_to_num(heights, nan=-np.inf)))]


def _inside(support: Support) -> float:
    """Return a number inside a support that has a lower end."""
    return support.lower + (1.0 if math.isinf(support.upper) else (support.upper - support.lower) / 2)


@jax.jit
def _slope(model: Model, x: Array) -> Array:
    return jax.grad(model.log_prob)(x)


@jax.jit
def _height(model: Model, values: Array) -> Array:
    return jnp.mean(jax.vmap(model.log_prob)(values))


def _check_end(family: str, support: Support) -> None:
    if math.isinf(support.lower) or support.whole:
        raise InputValueError(
            f"Shifted.of needs a family of numbers above an end, such as mlejax.Weibull; {family} is of {support.rule}"
        )
