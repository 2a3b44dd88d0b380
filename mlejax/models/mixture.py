"""Mixtures: each observation comes from one of several components of a family, and nobody knows from which."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num
from numpy.typing import ArrayLike

from ..checks import InputTypeError, InputValueError, shown
from .abilities import CanSample
from .base import M, Model, Parameter, name_of
from .constraints import Number, parameter, simplex
from .distribution import shares
from .moments import Values, Weights
from .support import Supports
from .wrappers import Family, Wrapper, family_of_numbers, support_of

STARTS = 6
"""Starts of a fit of a mixture, whose likelihood has several maxima."""

ROUNDS = 10
"""Times that the observations are handed to the nearest centers, for one start."""


class Mixture(Wrapper[M]):
    r"""A mixture of k components of one family: log p(x) = log sum_i weights_i p_i(x).

    `Mixture.of(Normal, 3)` is a family of them, `Mixture.of([Normal(0.0, 1.0), Normal(5.0, 1.0)], [0.3, 0.7])` such a
    model. A fit numbers the components in rising order of their first parameter.

    Args:
        base: the components, a model each of whose parameters has an axis of k in front.
        weights: (k,), positive, adding up to 1: the share of each component.

    Example:
        >>> import mlejax
        >>> mixture = mlejax.Mixture.of([mlejax.Normal(0.0, 1.0), mlejax.Normal(4.0, 1.0)], [0.5, 0.5])
        >>> print(mixture.log_prob(2.0))  # -2 - log(2 pi) / 2
        -2.9189...

    Reference: G. McLachlan and D. Peel, Finite Mixture Models (2000), chapters 2 and 3.
    """

    base: M
    weights: Parameter = parameter(simplex)

    def __check_init__(self) -> None:
        if isinstance(self.base, type) or isinstance(self.weights, int | np.integer):
            name = name_of(self.base)
            raise InputTypeError(
                f"Mixture needs a share of each component; got weights={shown(self.weights)}: Mixture.of({name}, 2) is "
                f"a family, Mixture.of([{name}(...), {name}(...)], [0.3, 0.7]) a mixture of models"
            )

    @staticmethod
    def of(inner: object, weights: object) -> Any:
        """Return a family of mixtures, or a mixture.

        Args:
            inner: a family, such as `Normal`; or a list of models of one family, the components.
            weights: of a family the number of components, at least 2; of models a weight for each.

        Raises:
            TypeError, ValueError: they are something else; the message says what.
        """
        if not isinstance(inner, list | tuple):
            if isinstance(weights, bool) or not isinstance(weights, int | np.integer) or weights < 2:
                raise InputValueError(f"Mixture.of needs a number of components, at least 2; got {shown(weights)}")
            return MixtureFamily(family_of_numbers("Mixture", inner), int(weights))
        if not all(isinstance(each, Model) for each in inner):
            raise InputTypeError(f"Mixture.of needs a family, or a list of models; got {shown(inner)}")
        if len({jax.tree.structure(each) for each in inner}) != 1:
            raise InputTypeError(f"Mixture.of needs models of one family; got {', '.join(map(repr, inner))}")
        shares = np.asarray(weights, np.float64)
        if shares.shape != (len(inner),):
            raise InputValueError(f"Mixture.of needs a weight for each of {len(inner)} models; got {shown(weights)}")
        return Mixture(_stacked(inner), shares)

    @property
    def support(self) -> Supports:  # type: ignore[override]
        """That of the components."""
        return self.base.support

    def component(self, index: int) -> M:
        """Return one of the components."""
        return jax.tree.map(lambda leaf: leaf[index], self.base)

    @property
    def count(self) -> int:
        """The number of components."""
        return np.shape(self.weights)[0]

    def log_prob(self, x: Number) -> Array:
        # One by one: a formula of single numbers is what passes over many observations are fast with.
        terms = [jnp.log(self.weights[i]) + self.component(i).log_prob(x) for i in range(self.count)]
        return functools.reduce(jnp.logaddexp, terms)

    def log_cdf(self, x: Number) -> Array:
        """Return log P(X <= x).

        Raises:
            TypeError: the distribution function of the components is not known.
        """
        found = (jnp.log(self.weights[i]) + shares(self.component(i), x).log_cdf for i in range(self.count))
        return functools.reduce(jnp.logaddexp, found)

    def log_survival(self, x: Number) -> Array:
        """Return log P(X > x), likewise."""
        found = (jnp.log(self.weights[i]) + shares(self.component(i), x).log_survival for i in range(self.count))
        return functools.reduce(jnp.logaddexp, found)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key.

        Raises:
            TypeError: the components cannot draw.
        """
        which, *keys = jax.random.split(key, self.count + 1)
        chosen = jax.random.categorical(which, jnp.log(jnp.asarray(self.weights)), shape=shape)
        drawn: Any = 0.0
        for i in range(self.count):
            component = self.component(i)
            if not isinstance(component, CanSample):
                raise InputTypeError(f"{name_of(component)} has no sample(key, shape)")
            own = component.sample(keys[i], shape)
            drawn = jnp.where(jnp.expand_dims(chosen == i, range(len(shape), own.ndim)), own, drawn)
        return drawn

    def canonical(self) -> "Mixture[M]":
        """Return the same mixture with its components in rising order of their first parameter, then of the next."""
        rows = np.stack([np.asarray(leaf).reshape(self.count, -1)[:, 0] for leaf in jax.tree.leaves(self.base)])
        order = np.lexsort(rows[::-1])
        return Mixture(jax.tree.map(lambda leaf: leaf[order], self.base), np.asarray(self.weights)[order])


@dataclasses.dataclass(frozen=True)
class MixtureFamily:
    """A family of mixtures; `Mixture.of` makes it."""

    inner: Family
    count: int

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"Mixture({name_of(self.inner)})"

    @property
    def support(self) -> Supports | None:
        """That of the components."""
        return support_of(self.inner)

    def start(self, observations: ArrayLike, weights: Weights = None) -> Mixture[Any]:
        """Return components that each start in one of as many parts of the sorted observations, of equal size."""
        return self.starts(observations, weights, 1)[0]

    def starts(
        self, observations: ArrayLike, weights: Weights = None, number: int | None = None
    ) -> Sequence[Mixture[Any]]:
        """Return several starts, each from other parts of the observations.

        Args:
            observations: (n,), or vectors (n, d).
            weights: (n,), non-negative, how many times each observation counts; None: once.
            number: of starts; None leaves that to the family.

        Returns:
            The first from parts of equal size, of vectors along the direction in which they vary most; the second from
            their middles as centers, the others from centers drawn among the observations, to which these are handed
            by k-means.
        """
        x: Any = np.asarray(observations, np.float64)
        heavy = np.ones(len(x)) if weights is None else weights
        rows = _in_own_units(x)
        along = rows @ np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][0] if x.ndim > 1 else x
        order = np.argsort(along, kind="stable")
        reached = (np.cumsum(heavy[order]) - heavy[order] / 2) / np.sum(heavy)
        parts = np.empty(len(x), int)
        parts[order] = np.minimum(reached * self.count, self.count - 1).astype(int)
        found, random = [self._from_parts(x, heavy, parts)], np.random.default_rng(0)
        middles = order[np.searchsorted(reached, (np.arange(self.count) + 0.5) / self.count).clip(0, len(x) - 1)]
        for i in range(1, STARTS if number is None else number):
            chosen = middles if i == 1 else random.choice(len(x), self.count, p=heavy / np.sum(heavy))
            found.append(self._from_parts(x, heavy, _nearest(rows, heavy, rows[chosen])))
        return found

    def _from_parts(self, x: Any, heavy: Values, parts: Int[np.ndarray, " n"]) -> Mixture[Any]:
        """Return components that each start in a part; in all, where a part is of observations that are alike."""
        models, sizes = [], np.bincount(parts, heavy, self.count)
        for i in range(self.count):
            enough = _are_more(x[parts == i])
            some = parts == i if enough else np.full(len(x), True)
            models.append(self.inner.start(x[some], heavy[some]))  # type: ignore[union-attr]
        one = np.mean(heavy)  # so that no share is zero
        return Mixture(_stacked(models), (sizes + one) / np.sum(sizes + one))


def _are_more(x: Float[np.ndarray, "n ..."]) -> bool:
    """Return whether more observations than one has numbers are different."""
    return bool(np.any(x[1:] != x[:1])) if x.ndim == 1 else len(np.unique(x, axis=0)) > x[0].size


def _in_own_units(x: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n d"]:
    """Return observations as vectors, every number of them divided by its deviation."""
    rows = x.reshape(len(x), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        spreads = rows.std(axis=0)
    return rows / np.where((spreads > 0) & np.isfinite(spreads), spreads, 1.0)


def _nearest(rows: Float[np.ndarray, "n d"], heavy: Values, centers: Float[np.ndarray, "k d"]) -> Int[np.ndarray, " n"]:
    """Return the number of the center that each observation is nearest to, after some rounds of k-means."""

    def handed(centers: Float[np.ndarray, "k d"]) -> Int[np.ndarray, " n"]:
        return np.argmin([np.sum((rows - center) ** 2, axis=1) for center in centers], axis=0)

    parts = handed(centers)
    for _ in range(ROUNDS):
        sizes = np.bincount(parts, heavy, len(centers))
        sums = np.stack([np.bincount(parts, heavy * column, len(centers)) for column in rows.T], axis=1)
        centers = np.where(sizes[:, None] > 0, sums / np.where(sizes > 0, sizes, 1)[:, None], centers)
        before, parts = parts, handed(centers)
        if np.array_equal(before, parts):
            break
    return parts


def _stacked(models: Sequence[Model]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf, np.float64) for leaf in leaves]), *models)
