"""The maximum of a log-likelihood by damped Newton steps, in unconstrained coordinates: `init`, `step`, `maximize`."""

import functools
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from ..formula.mesh import varying_as
from ..likelihood import LocalQuadratic, Matrix, Nats, Vector
from ..models.base import M
from ..models.parameters import Parameters
from ..models.rows import Rows
from ..samples.outside import in_float64_outside
from ..samples.raw import Observations
from ..samples.representation import Sample, as_sample
from ..samples.sections import Section
from ..status import Status
from . import quasi
from .step import select

MAX_STEPS = 100
"""Evaluations of the log-likelihood and its derivatives, after which a maximization gives up."""

NEAR = 1e-6
"""Standard errors from the top of the local parabola: so near, the maximum has been reached."""

REACH = 3.0
"""The first limit of a step, in standard deviations that ONE observation at the start would leave of a coordinate."""

LEAST_DAMPING, DAMPING_OUTSIDE, MOST_DAMPING = 1e-3, 1e-2, 1e12
"""Added to the information: after a refused step at least, where it is not positive definite at least, and at most."""

FARTHEST = 100.0
"""A logarithmic coordinate stays within this many powers of e of the start: what has no maximum ends there."""

MANY = 100
"""Parameters from which on gradients alone lead to near the maximum; see `quasi`."""

SURE = 1e-3
"""The part of the predicted gain that a step must bring."""

ROUNDING = 1e3
"""A predicted gain is lost in the rounding of a mean log-likelihood below this many of its last digits."""


class Climb(eqx.Module, Generic[M]):
    """What is climbed: the mean log-likelihood of a sample, over the unconstrained coordinates of a model."""

    sample: Sample | Section
    start: Vector
    free: Float[Array | np.ndarray, " p"]  # 1 for a coordinate that may move, 0 for one that is held
    most: Int[Array, ""] | np.integer | int  # steps
    table: Parameters[M] = eqx.field(static=True)

    def about(self, coordinates: Vector) -> LocalQuadratic:
        """Return the mean log-likelihood to second order; a held coordinate has slope 0 and curvature 1."""
        at = jnp.asarray(coordinates)
        here = self.sample.second_order(self.table.from_real, at)
        both = self.free[:, None] * self.free[None, :]
        information = jnp.where(both == 1, here.information, jnp.eye(len(coordinates)))
        return LocalQuadratic(here.log_likelihood, jnp.where(self.free == 1, here.score, 0), information)

    def ahead(self, state: "ClimbState") -> Vector:
        """Return coordinates near the maximum, by gradients alone."""

        def height(coordinates: Vector) -> Nats:
            moved = jnp.where(jnp.asarray(self.free) == 1, coordinates, state.coordinates)
            return self.sample.mean_log_prob(self.table.from_real(moved))

        return quasi.ahead(height, state.coordinates, state.unit, state.count)


class ClimbState(eqx.Module):
    """Where a climb stands: all that its next step needs."""

    count: Float[Array, ""]  # of the observations
    coordinates: Vector
    here: LocalQuadratic  # of the mean log-likelihood
    unit: Vector  # of each coordinate: the standard error that ONE observation would leave at the start
    damping: Float[Array, ""]
    reach: Float[Array, ""]  # the limit of a step, in units
    steps: Int[Array, ""]  # that were tried; -1 before the start has been measured
    status: Int[Array, ""]  # RUNNING, CONVERGED, PRECISION, MAX_STEPS or OUTSIDE_SUPPORT


def init(climb: Climb[M]) -> ClimbState:
    """Return the state of a climb before its start has been measured."""
    start = climb.start
    number = functools.partial(jnp.asarray, dtype=start.dtype)
    unknown = LocalQuadratic(number(-jnp.inf), jnp.zeros_like(start), jnp.eye(len(start), dtype=start.dtype))
    before = jnp.asarray(-1, int)
    return ClimbState(
        jnp.maximum(number(climb.sample.count), 1),  # of weights that add up to less, all would be near the maximum
        start,
        unknown,
        jnp.ones_like(start),
        number(0),
        number(REACH),
        before,
        jnp.asarray(int(Status.RUNNING), int),
    )


def step(climb: Climb[M], state: ClimbState) -> ClimbState:
    """Take one damped Newton step if it leads up; otherwise stay, and damp the next one more.

    A step solves (information + damping I) x = score, in units. It is taken if it stays in the domain and gains a part
    at least of what the parabola predicts. Where the predicted gain is below the rounding of the log-likelihood, the
    slope along the step decides: it must fall to half; if not, nothing more can be told and the climb ends.

    Args:
        climb: what is climbed.
        state: where it stands; one that has ended stays as it is.

    Returns:
        The next state; after the first step that of the start, measured.
    """
    here, unit, first = state.here, state.unit, state.steps < 0
    score, information = here.score * unit, here.information * unit[:, None] * unit[None, :]
    direction, _ = solve_positive(information + state.damping * jnp.eye(len(unit)), score)
    definite = jnp.all(jnp.isfinite(direction))
    size = jnp.max(jnp.abs(direction))
    move = jnp.where(definite, direction * jnp.minimum(1, state.reach / jnp.maximum(size, state.reach)), 0)
    far = np.where(climb.table.logarithmic, FARTHEST, np.inf)
    coordinates = jnp.clip(state.coordinates + unit * move, climb.start - far, climb.start + far)
    leap = state.steps == 0 if len(unit) > MANY else jnp.asarray(False)
    if len(unit) > MANY:
        coordinates = jax.lax.cond(leap, lambda: climb.ahead(state), lambda: coordinates)
    move = (coordinates - state.coordinates) / unit
    there = climb.about(coordinates)
    rise, rise_there = score @ move, there.score * unit @ move
    lost = rise / 2 < ROUNDING * jnp.finfo(move.dtype).eps * (1 + jnp.abs(here.log_likelihood))
    gained = there.log_likelihood - here.log_likelihood > SURE * rise / 2
    good = jnp.where(lost, jnp.abs(rise_there) <= jnp.abs(rise) / 2, gained)
    good = jnp.where(leap, there.log_likelihood > here.log_likelihood, good)
    inside = climb.table.inside(climb.table.from_real(coordinates)) & _finite(there)
    taken = first | (good & inside & (leap | (definite & (rise > 0))))
    more = jnp.maximum(10 * state.damping, jnp.where(definite, LEAST_DAMPING, DAMPING_OUTSIDE))
    less = jnp.where(state.damping / 10 < LEAST_DAMPING, 0, state.damping / 10)
    damping = jnp.where(taken, less, more)
    stuck = (definite & lost & ~taken & ~leap) | (damping > MOST_DAMPING)
    status = jnp.where(state.steps + 1 >= climb.most, int(Status.MAX_STEPS), int(Status.RUNNING))
    status = jnp.where(stuck, int(Status.PRECISION), status)
    status = jnp.where(first & ~inside, int(Status.OUTSIDE_SUPPORT), status)
    following = ClimbState(
        count=state.count,
        coordinates=jnp.where(taken, coordinates, state.coordinates),
        here=select(taken, there, here),
        unit=jnp.where(first, _units(climb.table, there.information), unit),
        damping=damping,
        # A step that was cut short and held what it promised may be longer next time.
        reach=jnp.where(taken & (size > state.reach), 4 * state.reach, state.reach),
        steps=state.steps + 1,
        status=status,
    )
    # Where a sum has so many terms of a type with so few digits, no distance is smaller.
    near = jnp.maximum(NEAR, 100 * jnp.finfo(move.dtype).eps * jnp.sqrt(state.count))
    rest, distance = newton_step(following)
    arrived = inside & taken & (damping == 0) & (distance < near)
    # The rest of the way, too short to be measured: it squares the distance once more.
    coordinates = following.coordinates + jnp.where(arrived, rest, 0)
    status = jnp.where(arrived, int(Status.CONVERGED), status)
    following = eqx.tree_at(lambda state: (state.coordinates, state.status), following, (coordinates, status))
    return select(state.status == Status.RUNNING, following, state)


def climbed(climb: Climb[M]) -> ClimbState:
    """Return the state in which a climb ends."""
    began = varying_as(init(climb), *jax.tree.leaves((climb.sample, climb.start)))
    return jax.lax.while_loop(lambda state: state.status == Status.RUNNING, functools.partial(step, climb), began)


def newton_step(state: ClimbState) -> tuple[Vector, Array]:
    """Return the way to the top of the parabola, and its length in standard errors.

    The length is infinite where there is no top.
    """
    information = state.here.information * state.unit[:, None] * state.unit[None, :]
    direction, decrement = solve_positive(information, state.here.score * state.unit)
    return direction * state.unit, jnp.where(jnp.isnan(decrement), jnp.inf, jnp.sqrt(decrement * state.count))


def _units(table: Parameters[M], information: Matrix) -> Vector:
    """Return the standard error of each coordinate alone that one observation leaves; or 1, or what is far enough."""
    curvature = jnp.abs(jnp.diagonal(information))
    units = 1 / jnp.sqrt(jnp.where(jnp.isfinite(curvature) & (curvature > 0), curvature, 1))
    # Where a start tells little of a parameter that has a bound, a factor of e is far enough.
    return jnp.minimum(units, np.where(table.logarithmic, 1.0, np.inf))


def _finite(here: LocalQuadratic) -> Array:
    return functools.reduce(jnp.logical_and, (jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(here)))


SMALL = 8
"""Up to so many parameters a Cholesky decomposition is written out: many small ones are then fast side by side."""


def solve_positive(matrix: Matrix, vector: Vector) -> tuple[Array, Array]:
    """Return the solution of a positive definite system, and `vector @ solution`, which cannot be negative.

    Args:
        matrix: symmetric, (p, p).
        vector: (p,).

    Returns:
        The solution (p,) and a number; both NaN where the matrix is not positive definite.
    """
    size = vector.shape[0]
    if size > SMALL:
        factor = jnp.linalg.cholesky(matrix)
        half = jax.scipy.linalg.solve_triangular(factor, vector, lower=True)
        return jax.scipy.linalg.solve_triangular(factor, half, lower=True, trans=1), jnp.sum(half**2)
    lower: list[list[Any]] = []
    inverse: list[Any] = []  # of the diagonal
    for i in range(size):
        row: list[Any] = []
        for j in range(i + 1):
            rest = matrix[i, j] - sum(row[k] * (lower[j] if j < i else row)[k] for k in range(j))
            row.append(rest * inverse[j] if j < i else jnp.sqrt(jnp.where(rest > 0, rest, jnp.nan)))
        lower.append(row)
        inverse.append(1 / row[i])
    half = []
    for i in range(size):
        half.append((vector[i] - sum(lower[i][k] * half[k] for k in range(i))) * inverse[i])
    solution: list[Any] = [None] * size
    for i in reversed(range(size)):
        solution[i] = (half[i] - sum(lower[k][i] * solution[k] for k in range(i + 1, size))) * inverse[i]
    return jnp.stack(solution), jnp.sum(jnp.stack(half) ** 2)


# The maximum, inside a caller's program ---------------------------------------------------------------------------


class Maximum(eqx.Module, Generic[M]):
    """Where a maximization ended, looked at from nearby only: `fit` also looks from further away."""

    model: M
    log_likelihood: Nats  # a sum, in nats
    distance: Nats  # from the top of the local parabola, in standard errors
    steps: Int[Array, ""] | np.int64
    status: Int[Array, ""] | np.int64  # CONVERGED, or another `Status`

    @property
    def converged(self) -> Any:
        """Whether the distance is below 1e-6 and the information is positive definite."""
        return self.status == Status.CONVERGED


@in_float64_outside
def maximize(start: M, sample: Sample | Rows | ArrayLike) -> Maximum[M]:
    """Return the maximum of a log-likelihood near a start; inside your own `jit`, `vmap` and `grad` too.

    The derivatives of `model` by the observations, their weights, or the numbers of a `Summary` are those of the
    maximum itself, by the implicit function theorem; those by the start are zero. They are NaN where it was not
    reached. What is held fixed is differentiated where it is a part of each observation.

    `converged` is said of the place that was reached alone. Unlike `fit`, this does not look from further away, whether
    the log-likelihood only flattens there on its way to infinity.

    Args:
        start: parameters from which to climb, p numbers in all.
        sample: observations, `Observations(values, weights=...)`, or a `Summary`.

    Returns:
        A record with `model`, `log_likelihood` (nats), `distance` (standard errors), `steps`, `status`, `converged`.

    Reference: J. Nocedal and S. Wright, Numerical Optimization (2006), chapters 3 and 10.

    Example:
        >>> import mlejax
        >>> found = mlejax.maximize(mlejax.Exponential(1.0), [0.5, 1.5, 4.0])
        >>> print(f"{found.model.rate:.4f}", found.converged)  # the rate is 1 / mean
        0.5000 True
    """
    sample, table = as_sample(sample), Parameters.of(start)
    found = _peak(table, table.to_real(start), sample)
    model, total = table.from_real(found.end), sample.count * found.mean_log_likelihood
    return Maximum(model, total, found.distance, found.steps.astype(int), found.status.astype(int))


class _Peak(eqx.Module):
    """Where a climb ended; all of it floating-point numbers, which have derivatives."""

    end: Vector  # in unconstrained coordinates
    mean_log_likelihood: Nats
    distance: Nats
    steps: Nats
    status: Nats


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _peak(table: Parameters[M], start: Vector, sample: Sample) -> _Peak:
    """Return where the climb from a start, in unconstrained coordinates, ends."""
    state = climbed(Climb(sample, start, np.ones(table.real_size), MAX_STEPS, table))
    whole = (part.astype(start.dtype) for part in (state.steps, state.status))
    return _Peak(state.coordinates, state.here.log_likelihood, newton_step(state)[1], *whole)


@_peak.defjvp
def _peak_jvp(table: Parameters[M], primals: Any, tangents: Any) -> tuple[_Peak, _Peak]:
    """Differentiate the equation score = 0: the maximum moves by information^-1 times the change of the score."""
    (start, sample), (_, move) = primals, tangents
    found = _peak(table, start, sample)

    def slope(sample: Sample) -> tuple[Nats, Vector]:
        mean = sample.plain_mean_log_prob if isinstance(sample, Observations) else sample.mean_log_prob
        return jax.value_and_grad(lambda vector: mean(table.from_real(vector)))(found.end)

    known = jnp.where(found.status == Status.CONVERGED, 1.0, jnp.nan)  # a factor, which is not lost backwards
    rise, change = (known * moved for moved in jax.jvp(slope, (sample,), (move,))[1])
    information = Climb(sample, start, np.ones(table.real_size), MAX_STEPS, table).about(found.end).information
    scale = 1 / jnp.sqrt(jnp.diagonal(information))
    shift, _ = solve_positive(information * scale[:, None] * scale[None, :], change * scale)
    still = (jnp.zeros_like(part) for part in (found.distance, found.steps, found.status))
    return found, _Peak(shift * scale, rise, *still)
