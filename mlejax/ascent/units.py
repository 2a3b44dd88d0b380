"""Observations in units of their own: what a shift and another scale do to parameters is found in the formula."""

import dataclasses
import functools
import itertools
import math
from typing import Any, Generic

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..models.base import M
from ..models.parameters import Parameters
from ..models.rows import Rows
from ..models.support import Support, Supports
from .back import Back

ORDINARY = 2.0**40
"""Scales from 1 / ORDINARY to ORDINARY are left as they are."""

MEAN_BESIDE_SPREAD = 1e3
"""A center so many times the spread is taken off."""

LOOKED_AT, AT_ONCE = 256, 16
"""Observations, evenly spread, on which the formula is held against itself in other units; samples of one call."""

FEWEST, SUGGEST, IN_CACHE = 32, 1 << 10, 1 << 16
"""The fewest numbers that counting shows to be ordinary; how many suggest bounds; how many are taken at once."""

EXACT = 1e-9
"""How closely a law of units must hold, relative to its terms."""

Numbers = Float[np.ndarray, "... p"]
Samples = Float[np.ndarray, "n m"]
Each = float | Float[np.ndarray, " m"]


@dataclasses.dataclass(frozen=True, eq=False)
class Units(Generic[M]):
    """A shift and a scale of observations, and what they do to the parameters of a family; of one sample or of many.

    The family of x is that of (x - shift) / scale with every parameter multiplied by scale^power, and `logs` times
    log(scale) and `moves` times the shift added.
    """

    table: Parameters[M]  # of the family in these units; see `below` for domains that hold in these alone
    powers: Numbers
    logs: Numbers
    moves: Numbers
    shift: Each = 0.0
    scale: Each = 1.0

    def of_observations(self, values: np.ndarray) -> np.ndarray:
        """Return observations (n,) in these units; of m samples side by side (n, m)."""
        return (values - self.shift) / self.scale

    @property
    def factors(self) -> Numbers:
        """What multiplies each parameter, and its standard error, on the way back to the data's own units."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(self.scale, np.float64)[..., None] ** self.powers

    def covariance(self, own: Float[np.ndarray, "p p"]) -> Float[np.ndarray, "p p"]:
        """Return the covariance of the parameters in the data's units, from that in these."""
        with np.errstate(over="ignore", under="ignore"):
            return own * np.outer(self.factors, self.factors)

    def errors(self, own: Float[np.ndarray, "p p"]) -> Numbers:
        """Return the standard errors of the parameters in the data's units, from their covariance in these."""
        return np.sqrt(np.diagonal(own)) * self.factors  # whose squares float64 may not hold

    @property
    def _moved(self) -> Numbers:
        """What is added to each parameter on the way back to the data's own units."""
        shift, scale = (np.asarray(each, np.float64)[..., None] for each in (self.shift, self.scale))
        return self.logs * np.log(scale) + self.moves * shift

    @property
    def back(self) -> Back:
        """The way from parameters in these units to the data's own."""
        return Back(self.factors[..., None] * np.eye(self.table.size), self._moved, np.log(self.scale))

    def of(self, chosen: int | slice | np.ndarray) -> "Units[M]":
        """Return those of one, or of some, of many samples, by their indices."""
        return dataclasses.replace(self, shift=np.asarray(self.shift)[chosen], scale=np.asarray(self.scale)[chosen])

    @property
    def changed(self) -> Any:
        """Whether these are others than the data's."""
        return (np.asarray(self.shift) != 0) | (np.asarray(self.scale) != 1)

    def to_data(self, model: M) -> M:
        """Return the parameters in the data's own units; infinite or zero where float64 does not hold them."""
        with np.errstate(over="ignore", under="ignore"):
            moved = numbers_of(model) * self.factors + self._moved
        return jax.tree.map(lambda leaf: leaf[()], self.table.to_model(moved))

    def from_data(self, model: M) -> M:
        """Return the parameters in these units: the inverse of `to_data`."""
        return jax.tree.map(
            lambda leaf: leaf[()], self.table.to_model((numbers_of(model) - self._moved) / self.factors)
        )


def units_for(table: Parameters[M], support: Supports, values: Rows) -> Units[M] | None:
    """Return units in which observations are ordinary numbers, where the formula follows a change of units.

    It does where its derivatives say so at some points, and its values for these very observations.

    Args:
        table: of the family.
        support: of the family.
        values: observations, float64.

    Returns:
        The units; None where the observations are ordinary already, or where the formula has none of its own.
    """
    if not (isinstance(values, np.ndarray) and values.ndim == 1 and isinstance(support, Support)):
        return None  # several numbers, which may be of several units
    if support.whole or values.dtype.kind != "f" or not len(values):
        return None
    if _surely_ordinary(values):
        return None
    one = values[:, None]
    units = that_hold(suggested(table, support, one), support, some_of(one)).of(0)
    return units if units.changed else None


def suggested(table: Parameters[M], support: Support, samples: Samples) -> Units[M]:
    """Return units in which many samples would be ordinary numbers; those of the data where they are already.

    Args:
        table: of the family.
        support: of the family, of numbers that are not whole.
        samples: side by side, (n, m).
    """
    found = _Sizes.of(samples)
    powers, logs, moves = _laws(table, support) if np.any(found.extraordinary) else (None, None, None)
    shifted = found.extraordinary & found.far & (moves is not None)
    scaled = found.extraordinary & (found.strange | shifted) & (powers is not None)
    typical = np.where(scaled, np.where(shifted, found.spread, found.size), 1.0)
    scale = 2.0 ** np.minimum(np.round(np.log2(typical)), 1023)
    none = np.zeros(table.size)
    powers, logs, moves = (none if law is None else law for law in (powers, logs, moves))
    return Units(table, powers, logs, moves, np.where(shifted, found.center, 0.0), scale)


def some_of(samples: Samples) -> Float[np.ndarray, "k m"]:
    """Return the observations (k, m) of samples (n, m) on which units are tried: some of each, and the ends."""
    n = len(samples)
    index = np.minimum(np.arange(LOOKED_AT) * -(-n // LOOKED_AT), n - 1)
    return np.concatenate([samples[index], [samples.min(axis=0), samples.max(axis=0)]])


def numbers_of(model: Any) -> Numbers:
    """Return all numbers of a model in leaf order, in NumPy float64, without a call of JAX."""
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(model)])


@dataclasses.dataclass(frozen=True, eq=False)
class _Sizes:
    """How large numbers are and how far apart; of one sample (n,), or of many side by side (n, m)."""

    center: Any
    spread: Any
    far: Any  # whether the center is far from zero, beside the spread
    size: Any
    strange: Any  # whether what matters of them is hardly a number that is met every day

    @classmethod
    def of(cls, values: np.ndarray) -> "_Sizes":
        center = np.partition(values, len(values) // 2, axis=0)[len(values) // 2]
        with np.errstate(over="ignore"):  # of numbers near the largest that there are
            spread, size = _typical(values - center), _typical(values)
            far = (np.abs(center) > MEAN_BESIDE_SPREAD * spread) & (spread > 0)
        matters = np.where(far, spread, size)
        return cls(center, spread, far, size, ~((matters > 1 / ORDINARY) & (matters < ORDINARY)))

    @property
    def extraordinary(self) -> Any:
        """Whether other units may serve better."""
        return (self.far | self.strange) & (self.spread != 0)


def extraordinary(values: np.ndarray) -> np.ndarray:
    """Return which of many samples side by side, (n, m), may be better served by other units, (m,)."""
    found = ~_ordinary_by_pairs(values)
    doubted = np.flatnonzero(found)
    if len(doubted):
        found[doubted] = _Sizes.of(values[:, doubted]).extraordinary
    return found


def _ordinary_by_pairs(values: Samples) -> np.ndarray:
    """Return which samples (n, m) are shown not to be `extraordinary` by pairs of numbers, without looking for medians.

    Of two numbers one is at least half their distance away from any third: where the numbers of every pair are that far
    apart, half of all are, and so is the median distance.
    """
    half = len(values) // 2
    if 2 * half != len(values):
        return np.full(values.shape[1], False)
    least = np.min(np.abs(values[:half] - values[half:]), axis=0) / 2
    most = np.maximum(np.max(values, axis=0), -np.min(values, axis=0))
    return (least > 1 / ORDINARY) & (most < np.minimum(ORDINARY, MEAN_BESIDE_SPREAD * (1 - EXACT) * least))


def _surely_ordinary(values: np.ndarray) -> bool:
    """Return whether numbers (n,) are shown not to be `extraordinary` by counting, without looking for medians.

    Four numbers, suggested by a few, cut them into five parts. Where no two parts that lie side by side hold half of
    all, no interval does that is as long as the shortest inner part: half of that is the least that a median distance
    from any number can be, and no median lies beyond the four.
    """
    if (n := len(values)) < FEWEST:
        return False
    some = np.sort(values[:: max(1, n // SUGGEST)])
    cuts = [float(some[len(some) * fifths // 5]) for fifths in (1, 2, 3, 4)]
    least = min(above - below for below, above in itertools.pairwise(cuts)) / 2
    most = max(abs(cuts[0]), abs(cuts[-1]))
    if not (least > 1 / ORDINARY and most < min(ORDINARY, MEAN_BESIDE_SPREAD * least * (1 - EXACT))):
        return False
    below = [0] * len(cuts)
    for first in range(0, n, IN_CACHE):
        part = values[first : first + IN_CACHE]
        below = [count + int(np.count_nonzero(part < cut)) for count, cut in zip(below, cuts, strict=True)]
    reached = [0, *below, n]
    two_parts = [above - start for start, above in zip(reached, reached[2:], strict=False)]
    return max(two_parts) <= n // 2 < below[-1] - below[0]


def _typical(values: np.ndarray) -> Any:
    """Return a median of the sizes of numbers; their maximum where more than half are zero."""
    sizes = np.abs(values)
    middle = np.partition(sizes, len(sizes) // 2, axis=0)[len(sizes) // 2]
    return np.where(middle == 0, np.max(sizes, axis=0), middle)[()]


@dataclasses.dataclass(frozen=True, eq=False)
class _Points:
    """Some parameters in the domain of a family, of ordinary size, and an observation for each."""

    theta: np.ndarray  # (k, p)
    x: np.ndarray  # (k,)
    value: np.ndarray  # (k,) of the log-density
    slopes: np.ndarray  # (k, p) by the parameters
    by_x: np.ndarray  # (k,)


@functools.lru_cache(maxsize=64)
def _points(table: Parameters[Any], support: Support) -> _Points:
    """Return the same points every time; observations are positive where the support has a lower end."""
    random = np.random.RandomState(0)
    reals = random.normal(size=(16 * table.size + 16, table.real_size))
    x = 2 * np.random.RandomState(1).normal(size=len(reals))
    x = x if math.isinf(support.lower) else np.exp(x)
    with jax.enable_x64(True):
        theta, value, (slopes, by_x) = jax.device_get(_slopes(table, reals, x))
    return _Points(theta, x, value, slopes, by_x)


@functools.lru_cache(maxsize=64)
def _laws(table: Parameters[Any], support: Support) -> tuple[Numbers | None, Numbers | None, Numbers | None]:
    """Return powers and logs of a change of scale, and moves of a shift; None where the formula does not follow it.

    With other units of x the density changes as dx does: where parameters move along, x f_x + sum_i (a_i theta_i + c_i)
    f_i = -1 for a change of scale, and f_x + sum_i b_i f_i = 0 for a shift, with f the log-density, at every point.
    """
    open_below, open_above = math.isinf(support.lower), math.isinf(support.upper)
    if not open_above or not (open_below or support.lower == 0):
        return None, None, None
    at = _points(table, support)
    good = np.isfinite(at.value) & np.isfinite(at.by_x) & np.all(np.isfinite(at.slopes), axis=1)
    theta, x, slopes, by_x = at.theta[good], at.x[good], at.slopes[good], at.by_x[good]
    if np.count_nonzero(good) < 4 * table.size:
        return None, None, None
    scaled = _solved(np.concatenate([theta * slopes, slopes], axis=1), -1 - x * by_x, halves=2)
    moves = _solved(slopes, -by_x, halves=1) if open_below else None
    powers, logs = (None, None) if scaled is None else (scaled[: table.size], scaled[table.size :])
    return powers, logs, moves


@functools.partial(jax.jit, static_argnums=0)
def _slopes(table: Parameters[Any], reals: Any, x: Any) -> Any:
    """Return the parameters (k, p) at coordinates, the log-densities of observations (k,) there, and their slopes."""
    theta = table.to_vector(table.from_real(reals))
    found = jax.vmap(jax.value_and_grad(lambda vector, x: table.to_model(vector).log_prob(x), argnums=(0, 1)))(theta, x)
    return theta, *found


def _solved(matrix: np.ndarray, wanted: np.ndarray, halves: int) -> Numbers | None:
    """Return the multiples of 1 / halves that solve a system with more equations than unknowns; None if none do."""
    found = np.round(halves * np.linalg.lstsq(matrix, wanted, rcond=None)[0]) / halves
    size = np.abs(matrix) @ np.abs(found) + np.abs(wanted) + 1
    return found if np.all(np.abs(matrix @ found - wanted) <= EXACT * size) else None


def that_hold(units: Units[M], support: Support, some: Float[np.ndarray, "k m"]) -> Units[M]:
    """Return units where the formula gives observations the same density in them, at a few points; else the data's.

    Parameters that move with a shift are taken there themselves, so that nothing is rounded.

    Args:
        units: of m samples.
        support: of the family.
        some: observations (k, m) of each, see `some_of`.
    """
    good, changed = np.full(some.shape[1], False), np.flatnonzero(units.changed)
    for first in range(0, len(changed), AT_ONCE):
        of = changed[first : first + AT_ONCE]
        full = np.resize(of, AT_ONCE)
        points = np.where(units.moves != 0, 0.0, _points(units.table, support).theta[:3])
        each, x = units.of(full), some[:, full]
        with np.errstate(over="ignore", under="ignore"):
            raw = points[:, None] * each.factors + each._moved
        own = each.of_observations(x)
        with jax.enable_x64(True):
            found = _hold(units.table, points, raw, own.T, x.T, np.log(each.scale), np.asarray(len(of)))
        good[of] = np.asarray(found)[: len(of)]
    return dataclasses.replace(units, shift=np.where(good, units.shift, 0.0), scale=np.where(good, units.scale, 1.0))


@functools.partial(jax.jit, static_argnums=0)
def _hold(table: Parameters[Any], points: Any, raw: Any, own: Any, values: Any, log_scales: Any, count: Any) -> Any:
    """Return for which samples, of the first few, the log-densities are the same in units of theirs and in the data's.

    Args:
        table: of the parameters.
        points: (q, p), in units of theirs.
        raw: the same (q, m, p) in those of the data.
        own: samples (m, k) in units of theirs.
        values: the same in those of the data.
        log_scales: (m,) of their units.
        count: how many are looked at: one program serves one sample and many.
    """

    def heights(vectors: Any, x: Any) -> Any:
        return jax.vmap(lambda vector: jax.vmap(table.to_model(vector).log_prob)(x))(vectors)

    def look(index: Any, good: Any) -> Any:
        here, there = heights(points, own[index]), heights(raw[:, index], values[index])
        inside = jax.vmap(lambda vector: table.inside(table.to_model(vector)))(raw[:, index])
        both = jnp.isfinite(here) & jnp.isfinite(there) & inside[:, None]
        expected = jnp.where(both, here, 0.0) - log_scales[index]
        apart = jnp.abs(jnp.where(both, there, expected) - expected)
        return good.at[index].set(jnp.all(apart <= EXACT * (1 + jnp.abs(expected))))

    return jax.lax.fori_loop(0, count, look, jnp.zeros(len(values), bool))
