"""A regression in columns that are orthonormal: neither their units nor how alike they are decides anything."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Generic

import numpy as np
from jaxtyping import Bool, Float

from ..models.base import M, Model
from ..models.least_squares import Matrix, Vector
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.rows import Rows
from ..models.wrappers import Fixed, Given
from ..status import Status
from .back import Back
from .columns import Turned, unit_of
from .exact import combined
from .unidentified import NEGLIGIBLE, same_along
from .units import ORDINARY, numbers_of
from .verdict import Verdict

FITS_EXACTLY = "the columns fit the responses exactly: the log-likelihood grows without bound as variance approaches 0"
"""Why there is no maximum where nothing is left of the responses."""

NEAR_THE_LINE = 1e-3
"""The deviation of responses about their predictor, beside their size, below which digits are lost without care."""

EXACT = 0.5 * np.finfo(float).eps
"""The deviation beside the size of the terms of a predictor that is the rounding of responses that they fit exactly."""

REFINED, STILL_LESS = 6, 0.99
"""How often what is left of responses is fitted again, at most, and the part of its size that has to remain, at most:
each time adds digits to the coefficients."""


@dataclasses.dataclass(frozen=True, eq=False)
class Taken:
    """Coefficients whose predictor is taken off the responses, and the scale of what is left; both of any unit."""

    coefficients: Float[np.ndarray, " p"]
    left: Vector  # of the responses, over the scale
    scale: float
    exact: bool  # whether what is left is the rounding of columns that fit the responses exactly


@dataclasses.dataclass(frozen=True, eq=False)
class Design(Generic[M]):
    """Units of a regression: its columns, less their means where there is an intercept, made orthonormal.

    The coefficients of the columns that were given are those that are taken off, and `scale` times `inverse` times the
    coefficients of these; the variance of responses, where it is estimated, is `scale` squared times that of these.
    """

    table: Parameters[M]
    given: Rows  # the sample, with its columns made orthonormal, of length sqrt(n)
    inverse: Float[np.ndarray, "p p"]
    held: Bool[np.ndarray, " p"]  # which of the coefficients decide nothing
    known: Verdict | None  # what the columns and responses say of the likelihood before it is climbed
    taken: Taken | None = None  # off the responses; None where these are as given

    @property
    def scale(self) -> float:
        """The scale of the response."""
        return 1.0 if self.taken is None else self.taken.scale

    @property
    def root(self) -> Float[np.ndarray, "p p"]:
        """Times coefficients of the columns that were given, those on orthonormal columns."""
        return np.linalg.inv(self.inverse)

    @property
    def free(self) -> Float[np.ndarray, " k"]:
        """1 for each coordinate that may move, 0 for a coefficient that decides nothing."""
        free = np.ones(self.table.real_size)
        free[: len(self.held)] -= self.held
        return free

    @property
    def back(self) -> Back:
        """The way from parameters on orthonormal columns to those of the columns that were given."""
        with np.errstate(over="ignore", under="ignore"):
            matrix = self._factors[:, None] * self._turned(np.eye(self.table.size))
        return Back(matrix, self._taken, np.log(self.scale))

    def of_observations(self, values: Rows) -> Rows:
        """Return the sample for which these units were made."""
        return self.given

    def to_data(self, model: M) -> M:
        """Return the model on the columns that were given; infinite or zero where float64 does not hold a parameter."""
        with np.errstate(over="ignore", under="ignore"):
            return self._model(self._taken + self._factors * self._turned(numbers_of(model)))

    def from_data(self, model: M) -> M:
        """Return the model on orthonormal columns: the inverse of `to_data`."""
        with np.errstate(over="ignore", under="ignore"):
            own = (numbers_of(model) - self._taken) / self.scale
            size = len(self.inverse)
            return self._model(np.concatenate([self.root @ own[:size], own[size:] / self.scale]))

    def covariance(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
        """Return the covariance of the parameters in the data's units, from that in these."""
        with np.errstate(over="ignore", under="ignore"):
            return self.covariance_unscaled(own) * np.outer(self._factors, self._factors)

    def covariance_unscaled(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
        """Return the covariance of the parameters of the columns that were given, for responses over the scale."""
        return self._turned(self._turned(own).T)

    def errors(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, " k"]:
        """Return the standard errors of the parameters in the data's units, from their covariance in these."""
        with np.errstate(over="ignore", under="ignore"):
            return np.sqrt(np.diagonal(self.covariance_unscaled(own))) * self._factors

    def directions(self, change: Float[np.ndarray, " k"]) -> str:
        """Return in words which coefficients a change in these units raises, and which it lowers."""
        size = len(self.inverse)
        moved = self.inverse @ change[:size]
        sizes = np.abs(moved) * np.sqrt(np.sum(self.root**2, axis=0))  # by what it does to the predictor
        entries = self.table.entries
        chosen = [i for i in range(size) if sizes[i] > 1e-3 * np.max(sizes)]
        return " and ".join(f"{entries[i]} {'grows' if moved[i] > 0 else 'falls'}" for i in chosen)

    @property
    def _factors(self) -> Float[np.ndarray, " k"]:
        """What a scale of the responses multiplies each parameter by; but for a variance these are coefficients."""
        return np.where(np.arange(self.table.size) < len(self.inverse), self.scale, self.scale * self.scale)

    @property
    def _taken(self) -> Float[np.ndarray, " k"]:
        """What is added to each parameter for what was taken off the responses."""
        taken = np.zeros(self.table.size)
        if self.taken is not None:
            taken[: len(self.inverse)] = self.taken.coefficients
        return taken

    def _turned(self, numbers: Float[np.ndarray, "k ..."]) -> Float[np.ndarray, "k ..."]:
        """Return numbers whose coefficients are those of the columns that were given, for responses over the scale."""
        size = len(self.inverse)
        return np.concatenate([self.inverse @ numbers[:size], numbers[size:]])

    def _model(self, numbers: Float[np.ndarray, " k"]) -> M:
        leaves = [np.asarray(leaf)[()] for leaf in self.table.tree.flatten_up_to(self.table.to_model(numbers))]
        return self.table.tree.unflatten(leaves)


def design_for(
    start: Any,
    values: Any,
    weights: np.ndarray | None,
    alone: int | None = None,
    like: Design[Any] | None = None,
) -> Design[Any] | None:
    """Return the orthonormal columns of a regression; None of other models.

    Args:
        start: one of these models, perhaps with other parameters than its coefficients fixed.
        values: the sample.
        weights: (n,), of its rows; None: alike.
        alone: the place of a coefficient that one on the orthonormal columns has to be by itself, in another unit; then
            None where columns are collinear.
        like: other units of the same sample, off whose responses the same is taken.
    """
    regression = regression_in(start)
    if regression is None:
        return None
    columns = regression.features(values)
    shares = None if weights is None else weights / np.mean(weights)
    turned = Turned.of(columns, shares, regression.intercept, alone)
    if alone is not None and np.any(turned.held):
        return None
    table = Parameters.of(start)
    taken = like.taken if like is not None else None
    if like is None and regression.any_unit:
        taken = _taken(regression, values, turned, shares, scaled=regression is start)
    known = None
    if taken is not None and taken.exact and regression is start:
        known = Verdict(Status.UNBOUNDED, FITS_EXACTLY)
    elif np.any(turned.held):
        known = Verdict(Status.NOT_IDENTIFIED, _collinear(columns, turned, table.entries))
    given = regression.with_design(values, turned.own)
    if taken is not None:
        given = regression.with_response(given, taken.left)
    return Design(table, given, turned.inverse, turned.held, known, taken)


def regression_in(model: Model) -> Regression | None:
    """Return the regression that a model is, or has inside with other parameters fixed; None where it is none."""
    inner = model.base if isinstance(model, Fixed) else model
    return inner if isinstance(inner, Regression) and not isinstance(inner.coefficients, Given) else None


def needs_care(deviation: Any, size: Any, near: float = NEAR_THE_LINE) -> Any:
    """Return whether responses lose digits, or leave the range of float64, where their predictor is computed as it is.

    Args:
        deviation: of responses about their predictor.
        size: of the responses, a root of a mean square.
        near: the deviation beside the size from which on so many digits are lost.
    """
    return ~((deviation > near * size) & (deviation > 1 / ORDINARY) & (deviation < ORDINARY))


def _taken(
    regression: Regression, values: Any, turned: Turned, shares: np.ndarray | None, scaled: bool
) -> Taken | None:
    """Return what is taken off responses so that a fit of what is left loses no digits; None where none would be lost.

    Args:
        regression: one whose response may have any unit.
        values: the sample.
        turned: its columns.
        shares: how much each row counts, 1 on average.
        scaled: whether the scale of the responses may be another too.
    """
    response = np.asarray(values[regression.response], np.float64)
    offset = np.asarray(values.get(regression.offset, np.zeros(len(response))), np.float64)
    with np.errstate(all="ignore"):
        left = response - offset
        left = left - turned.fitted(turned.coefficients(left, shares))
        if not needs_care(_size(left, shares), _size(response, shares) + _size(offset, shares)):
            return None
    design = regression.design(values)
    units, unit = unit_of(design), unit_of(np.concatenate([response, offset])[:, None])[0]
    terms = np.column_stack([response / unit, -offset / unit, design / units[None]])
    coefficients = np.zeros(design.shape[1])
    left = np.sum(terms[:, :2], axis=1)
    for _ in range(REFINED):
        moved = coefficients + units * (turned.inverse @ turned.coefficients(left, shares))
        rest = combined(terms, np.concatenate([[1.0, 1.0], -moved])[:, None])[:, 0]
        if not _size(rest, shares) < STILL_LESS * _size(left, shares):
            break
        coefficients, left = moved, rest
    size = np.abs(terms) @ np.concatenate([[1.0, 1.0], np.abs(coefficients)])
    exact = len(left) <= np.count_nonzero(~turned.held) or _size(left) <= EXACT * _size(size)
    deviation = _size(left, shares)
    own = 2.0 ** np.round(np.log2(deviation)) if deviation > 0 and not exact else 1.0
    scale = float(own * unit) if scaled else 1.0
    return Taken(coefficients / units * unit, left / own if scaled else left * unit, scale, bool(exact))


def _size(numbers: Vector, shares: Vector | None = None) -> Any:
    """Return the root of the mean square."""
    return np.sqrt(np.average(numbers**2, weights=shares))


def _collinear(columns: Matrix, turned: Turned, entries: Sequence[str]) -> str:
    """Say of a combination of columns that adds up to nothing which coefficients change together."""
    intercept = len(turned.held) - columns.shape[1]
    sizes = np.append(np.ones(intercept), np.max(np.abs(columns), axis=0, initial=0.0))
    nothing = turned.inverse[:, np.argmax(turned.held)]
    effects = np.abs(nothing) * sizes  # on the predictor
    together = np.flatnonzero(effects >= NEGLIGIBLE * np.max(effects)).tolist()
    return same_along([entries[i] for i in together], nothing[together])
