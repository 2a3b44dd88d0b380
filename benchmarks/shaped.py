"""Families of vectors, outcomes and regressions for `starts`: their samples, and what is known of the maxima of each.

What is known has an argument of its own: a rank in exact arithmetic, an outcome that was not seen, a linear program
that finds what separates the responses, a closed form, or another maximizer.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

import mlejax

from .highest import Highest

Rows = np.ndarray | dict[str, np.ndarray]

SEPARATED = 1e-7
"""The least sum of margins, of coefficients up to 1, by which a linear program separates responses."""

LARGEST = 15.0
"""The largest logarithm of an expected count."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A family, how its samples are drawn, and what is known of their maxima."""

    family: Any
    draw: Callable[[np.random.RandomState, int], tuple[mlejax.Model, Rows]]  # a model and n draws of it
    known: Callable[[Rows], Highest] | None = None  # of a sample; None: nothing is
    dimensions: int = 0  # numbers of an observation that have a unit; 0 where none has


def in_unit(rows: Rows, unit: float) -> Rows:
    """Return observations, or the responses of a regression, in another unit."""
    return {**rows, "response": unit * rows["response"]} if isinstance(rows, dict) else unit * rows


# What is known ------------------------------------------------------------------------------------------------------


def _maximum(height: float) -> Highest:
    """Return that there is one maximum."""
    return Highest((float(height),), -math.inf, math.inf)


UNBOUNDED = Highest((), math.inf, -math.inf)


def _without(supremum: float) -> Highest:
    """Return that there is no maximum."""
    return Highest((), float(supremum), -math.inf)


def rank(matrix: np.ndarray) -> int:
    """Return the rank of a matrix of float64, in fractions, which hold it without rounding."""
    rows = [[Fraction(float(value)) for value in row] for row in matrix]
    found = 0
    for column in range(matrix.shape[1]):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            if rows[i][column]:
                factor = rows[i][column] / rows[found][column]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def of_vectors(x: Rows) -> Highest:
    """Return what is known of multivariate normal vectors: their scatter has to be regular."""
    assert isinstance(x, np.ndarray)
    n, d = x.shape
    few = x[: 2 * d + 2]  # as soon as these span the space, all do
    if rank(np.column_stack([few, np.ones(len(few))])) <= d and rank(np.column_stack([x, np.ones(n)])) <= d:
        return UNBOUNDED
    scatter = np.cov(x.T, bias=True)
    return _maximum(-n / 2 * (d * math.log(2 * math.pi) + np.linalg.slogdet(scatter)[1] + d))


def of_outcomes(outcomes: int) -> Callable[[Rows], Highest]:
    """Return what is known of categorical outcomes: each has to be seen."""

    def known(x: Rows) -> Highest:
        seen = np.bincount(np.asarray(x, int), minlength=outcomes)
        height = math.fsum(count * math.log(count / len(x)) for count in seen.tolist() if count)
        return _maximum(height) if np.all(seen) else _without(height)

    return known


def _design(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(rows, dict)
    return np.column_stack([np.ones(len(rows["response"])), rows["features"]]), rows["response"]


def of_lines(rows: Rows) -> Highest:
    """Return what is known of a linear regression: the columns must not fit the responses exactly."""
    design, y = _design(rows)
    n, p = design.shape
    if n <= p:
        return UNBOUNDED
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return _maximum(-n / 2 * (math.log(2 * math.pi * np.mean(left**2)) + 1))


def _is_singular(design: np.ndarray) -> bool:
    """Return whether other coefficients have the same predictors."""
    return bool(np.linalg.matrix_rank(design) < design.shape[1])


def _is_separated(rising: np.ndarray, falling: np.ndarray, still: np.ndarray) -> bool:
    """Return whether coefficients move some predictors the way that only raises the likelihood, and none the other.

    Args:
        rising: the rows of a design whose predictors may only rise.
        falling: those whose predictors may only fall.
        still: those whose predictors have to stay.
    """
    from scipy.optimize import linprog

    ways = np.concatenate([rising, -falling])
    p = ways.shape[1]
    found = linprog(
        -ways.sum(axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=[(-1, 1)] * p,
        A_eq=still if len(still) else None, b_eq=np.zeros(len(still)) if len(still) else None,
    )  # fmt: skip
    assert found.status == 0, found.message
    return bool(-found.fun > SEPARATED)


def _highest(negative: Callable[[np.ndarray], tuple[float, np.ndarray]], p: int) -> float:
    """Return how high another maximizer climbs a concave log-likelihood, given by its negative and slopes."""
    from scipy.optimize import minimize

    at = minimize(negative, np.zeros(p), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000}).x
    return -minimize(negative, at, jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-12}).fun


def of_alternatives(rows: Rows) -> Highest:
    """Return what is known of a logistic regression: no coefficients may separate the zeros from the ones.

    Source: A. Albert and J. A. Anderson, On the existence of maximum likelihood estimates in logistic regression
    models, Biometrika 71 (1984).
    """
    design, y = _design(rows)

    def negative(b: np.ndarray) -> tuple[float, np.ndarray]:
        eta = design @ b
        return float(np.sum(np.logaddexp(0, eta) - y * eta)), design.T @ (1 / (1 + np.exp(-eta)) - y)

    with np.errstate(over="ignore"):
        height = _highest(negative, design.shape[1])
    separated = _is_separated(design[y == 1], design[y == 0], design[:0])
    return _without(height) if separated or _is_singular(design) else _maximum(height)


def of_counts(rows: Rows) -> Highest:
    """Return what is known of a Poisson regression: no coefficients may lower zeros alone.

    Source: S. J. Haberman, The Analysis of Frequency Data (1974), theorem 2.3.
    """
    design, y = _design(rows)
    constant = math.fsum(math.lgamma(value + 1) for value in y.tolist())

    def negative(b: np.ndarray) -> tuple[float, np.ndarray]:
        eta = design @ b
        with np.errstate(over="ignore"):
            mean = np.exp(eta)
        return float(np.sum(mean - y * eta)) + constant, design.T @ (mean - y)

    height = _highest(negative, design.shape[1])
    separated = _is_separated(design[:0], design[y == 0], design[y > 0])
    return _without(height) if separated or _is_singular(design) else _maximum(height)


# What is drawn ------------------------------------------------------------------------------------------------------


def _vectors(d: int) -> Case:
    def draw(random: np.random.RandomState, n: int) -> tuple[mlejax.Model, Rows]:
        mean, scales = random.uniform(-5, 5, d), np.exp(random.uniform(-2, 2, d))
        half = scales[:, None] * (np.eye(d) + random.normal(size=(d, d)))
        return mlejax.MultivariateNormal(mean, half @ half.T), mean + random.normal(size=(n, d)) @ half.T

    return Case(mlejax.MultivariateNormal, draw, of_vectors, dimensions=d)


def _outcomes(k: int) -> Case:
    def draw(random: np.random.RandomState, n: int) -> tuple[mlejax.Model, Rows]:
        shares = random.dirichlet(np.full(k, 2.0))
        return mlejax.Categorical(shares), random.choice(k, size=n, p=shares).astype(float)

    return Case(mlejax.Categorical.of(k), draw, of_outcomes(k))


def _mixture() -> Case:
    def draw(random: np.random.RandomState, n: int) -> tuple[mlejax.Model, Rows]:
        share, apart, scale = random.uniform(0.2, 0.8), random.uniform(2, 6), math.exp(random.uniform(-1, 1))
        two = [mlejax.Normal(0.0, 1.0), mlejax.Normal(apart * (1 + scale) / 2, scale**2)]
        second = random.uniform(size=n) > share
        x = random.normal(size=n) * np.where(second, scale, 1.0) + np.where(second, two[1].mean, 0.0)
        return mlejax.Mixture.of(two, [share, 1 - share]), x

    return Case(mlejax.Mixture.of(mlejax.Normal, 2), draw, dimensions=1)


def _regression(kind: Any, p: int, known: Callable[[Rows], Highest]) -> Case:
    def draw(random: np.random.RandomState, n: int) -> tuple[mlejax.Model, Rows]:
        features, b = random.normal(size=(n, p)), random.uniform(-1.5, 1.5, p + 1)
        eta = b[0] + features @ b[1:]
        if kind is mlejax.LinearRegression:
            model, y = kind(b, 1.0), eta + random.normal(size=n)
        elif kind is mlejax.LogisticRegression:
            model, y = kind(b), (random.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float)
        else:
            model, y = kind(b), random.poisson(np.exp(np.minimum(eta, LARGEST))).astype(float)
        return model, {"features": features, "response": y}

    return Case(kind, draw, known, dimensions=int(kind is mlejax.LinearRegression))


CASES: Mapping[str, Case] = {
    **{f"categorical({k})": _outcomes(k) for k in (3, 8)},
    **{f"multivariate_normal({d})": _vectors(d) for d in (2, 5)},
    "normal_mixture(2)": _mixture(),
    **{f"linear_regression({p})": _regression(mlejax.LinearRegression, p, of_lines) for p in (2, 5)},
    **{f"logistic_regression({p})": _regression(mlejax.LogisticRegression, p, of_alternatives) for p in (2, 5)},
    **{f"poisson_regression({p})": _regression(mlejax.PoissonRegression, p, of_counts) for p in (2, 5)},
}
