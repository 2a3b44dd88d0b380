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

LOOKED_AT = 256
"""Observations, evenly spread, on which the formula is held against itself in other units."""

FEWEST, SUGGEST, IN_CACHE = 32, 1 << 10, 1 << 16
"""The fewest numbers that counting shows to be ordinary; how many suggest bounds; how many are taken at once."""

EXACT = 1e-9
"""How closely a law of units must hold, relative to its terms."""

Numbers = Float[np.ndarray, " p"]


@dataclasses.dataclass(frozen=True, eq=False)
class Units(Generic[M]):
    """A shift and a scale of observations, and what they do to the parameters of a family.

    The family of x is that of (x - shift) / scale with every parameter multiplied by scale^power, and `logs` times
    log(scale) and `moves` times the shift added.
    """

    table: Parameters[M]  # of the family in these units; see `below` for domains that hold in these alone
    powers: Numbers
    logs: Numbers
    moves: Numbers
    shift: float = 0.0
    scale: float = 1.0

    def of_observations(self, values: np.ndarray) -> np.ndarray:
        """Return observations (n,) in these units."""
        return (values - self.shift) / self.scale

    @property
    def factors(self) -> Numbers:
        """What multiplies each parameter, and its standard error, on the way back to the data's own units."""
        with np.errstate(over="ignore", under="ignore"):
            return np.float64(self.scale) ** self.powers

    def covariance(self, own: Float[np.ndarray, "p p"]) -> Float[np.ndarray, "p p"]:
        """Return the covariance of the parameters in the data's units, from that in these."""
        with np.errstate(over="ignore", under="ignore"):
            return own * np.outer(self.factors, self.factors)

    def errors(self, own: Float[np.ndarray, "p p"]) -> Numbers:
        """Return the standard errors of the parameters in the data's units, from their covariance in these."""
        return np.sqrt(np.diagonal(own)) * self.factors  # whose squares float64 may not hold

    @property
    def back(self) -> Back:
        """The way from parameters in these units to the data's own."""
        moved = self.logs * math.log(self.scale) + self.moves * self.shift
        return Back(np.diag(self.factors), moved, math.log(self.scale))

    def to_data(self, model: M) -> M:
        """Return the parameters in the data's own units; infinite or zero where float64 does not hold them."""
        vector = _vector(model)
        with np.errstate(over="ignore", under="ignore"):
            moved = vector * self.factors + self.logs * math.log(self.scale) + self.moves * self.shift
        return jax.tree.map(lambda leaf: leaf[()], self.table.to_model(moved))

    def from_data(self, model: M) -> M:
        """Return the parameters in these units: the inverse of `to_data`."""
        vector = _vector(model)
        moved = (vector - self.logs * math.log(self.scale) - self.moves * self.shift) / self.factors
        return jax.tree.map(lambda leaf: leaf[()], self.table.to_model(moved))


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
    found = _Sizes.of(values)
    if not found.extraordinary:
        return None
    powers, logs, moves = _laws(table, support)
    shift, strange = float(found.center) if found.far and moves is not None else 0.0, bool(found.strange)
    scale = (
        2.0 ** min(round(math.log2(found.spread if shift else found.size)), 1023)
        if powers is not None and (strange or shift)
        else 1.0
    )
    none = np.zeros(table.size)
    units = Units(
        table, none if powers is None else powers, none if logs is None else logs, none if moves is None else moves,
        shift, scale,
    )  # fmt: skip
    return units if (shift, scale) != (0.0, 1.0) and _holds(units, values) else None


def _vector(model: Any) -> Numbers:
    """Return all numbers of a model in leaf order, in NumPy float64."""
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
    return _Sizes.of(values).extraordinary


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


def _points(table: Parameters[Any], count: int) -> np.ndarray:
    """Return parameters (count, p) in the domain, of ordinary size, the same ones every time."""
    random = np.random.RandomState(0)
    reals = random.normal(size=(count, table.real_size))
    with jax.enable_x64(True):
        return np.asarray(table.to_vector(table.from_real(jnp.asarray(reals))))


@functools.lru_cache(maxsize=64)
def _laws(table: Parameters[Any], support: Support) -> tuple[Numbers | None, Numbers | None, Numbers | None]:
    """Return powers and logs of a change of scale, and moves of a shift; None where the formula does not follow it.

    With other units of x the density changes as dx does: where parameters move along, x f_x + sum_i (a_i theta_i + c_i)
    f_i = -1 for a change of scale, and f_x + sum_i b_i f_i = 0 for a shift, with f the log-density, at every point.
    """
    open_below, open_above = math.isinf(support.lower), math.isinf(support.upper)
    if not open_above or not (open_below or support.lower == 0):
        return None, None, None
    count = 16 * table.size + 16
    theta, x = _points(table, count), 2 * np.random.RandomState(1).normal(size=count)
    x = x if open_below else np.exp(x)
    with jax.enable_x64(True):
        value, (slopes, by_x) = jax.device_get(_slopes(table, theta, x))
    good = np.isfinite(value) & np.isfinite(by_x) & np.all(np.isfinite(slopes), axis=1)
    theta, x, slopes, by_x = theta[good], x[good], slopes[good], by_x[good]
    if np.count_nonzero(good) < 4 * table.size:
        return None, None, None
    scaled = _solved(np.concatenate([theta * slopes, slopes], axis=1), -1 - x * by_x, halves=2)
    moves = _solved(slopes, -by_x, halves=1) if open_below else None
    powers, logs = (None, None) if scaled is None else (scaled[: table.size], scaled[table.size :])
    return powers, logs, moves


@functools.partial(jax.jit, static_argnums=0)
def _slopes(table: Parameters[Any], theta: Any, x: Any) -> Any:
    return jax.vmap(jax.value_and_grad(lambda vector, x: table.to_model(vector).log_prob(x), argnums=(0, 1)))(theta, x)


def _solved(matrix: np.ndarray, wanted: np.ndarray, halves: int) -> Numbers | None:
    """Return the multiples of 1 / halves that solve a system with more equations than unknowns; None if none do."""
    found = np.round(halves * np.linalg.lstsq(matrix, wanted, rcond=None)[0]) / halves
    size = np.abs(matrix) @ np.abs(found) + np.abs(wanted) + 1
    return found if np.all(np.abs(matrix @ found - wanted) <= EXACT * size) else None


def _holds(units: Units[Any], values: np.ndarray) -> bool:
    """Return whether the formula gives these very observations the same density in both units, at a few points.

    Parameters that move with a shift are taken there themselves, so that nothing is rounded.
    """
    spread = values[:: -(-len(values) // LOOKED_AT)]
    some = np.concatenate([spread, [values.min(), values.max()]])
    for point in _points(units.table, 3):
        own = units.table.to_model(np.where(units.moves != 0, 0.0, point))
        raw = units.to_data(own)
        if not bool(units.table.inside(raw)):
            continue
        with jax.enable_x64(True):
            here, there = (
                np.asarray(_log_probs(model, jnp.asarray(x)))
                for model, x in ((own, units.of_observations(some)), (raw, some))
            )
        both = np.isfinite(here) & np.isfinite(there)
        expected = here[both] - math.log(units.scale)
        if not np.all(np.abs(there[both] - expected) <= EXACT * (1 + np.abs(expected))):
            return False
    return True


@jax.jit
def _log_probs(model: Any, values: Any) -> Any:
    return jax.vmap(model.log_prob)(values)
