"""Figures that pictures show: the maximum near an estimate, densities, and surfaces of the log-likelihood."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import likelihood
from ..models.abilities import HasAngles
from ..models.base import Model
from ..models.parameters import Parameters, entry_dict
from ..models.wrappers import Fixed, filled
from ..samples.summary import Summary
from .train import TrainResult

GRID = 8001
"""Points of a distribution function."""

WIDE = 30.0
"""The factor from which on the values of a positive parameter are spread by equal factors."""


def maximum(result: TrainResult[Any]) -> tuple[Model, Model, float, bool]:
    """Return the maximum of the train log-likelihood, near the estimate of a run.

    Args:
        result: the run.

    Returns:
        The maximum, the standard errors there, its height in nats, and whether it was found: where it was not, the
        estimate, its errors, and the highest point of the path.
    """
    with jax.enable_x64(True):
        peak, errors, height, away = jax.device_get(_newton(result.model, result.train))
    inside = Parameters.of(peak).inside(peak)
    if inside and away < 1e-3 and height >= result.train_log_likelihood - 1e-12 * abs(height):
        return peak, errors, max(float(height), result.train_log_likelihood), True
    highest = np.fmax.reduce(result.history.train_log_likelihood, initial=result.train_log_likelihood)
    return result.model, result.curvature_errors, float(highest), False


@jax.jit
def _newton(model: Model, sample: Any) -> tuple[Model, Model, Any, Any]:
    table = Parameters.of(model)

    def step(_: Any, vector: Any) -> Any:
        here = likelihood.local_quadratic(table.to_model(vector), sample)
        return vector + jnp.linalg.solve(here.information, here.score)

    peak = table.to_model(jax.lax.fori_loop(0, 6, step, table.to_vector(model)))
    errors = likelihood.standard_errors(peak, sample)
    return peak, errors, likelihood.log_likelihood(peak, sample), likelihood.distance(peak, sample)


def density_on(model: Model, grid: np.ndarray) -> np.ndarray:
    """Return the density over a grid, (n,); NaN where it is not finite."""
    with jax.enable_x64(True):
        density = np.asarray(jnp.exp(jax.vmap(model.log_prob)(jnp.asarray(grid))))
    return np.where(np.isfinite(density), density, np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution:
    """A distribution function on a grid, found by integrating or adding up a density."""

    points: np.ndarray  # rising
    below: np.ndarray  # the probability of no more than each

    def at(self, values: np.ndarray) -> np.ndarray:
        """Return the probabilities of no more than these values."""
        return np.interp(values, self.points, self.below, left=0.0, right=1.0)

    def quantiles(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the values below which these probabilities lie."""
        return np.interp(probabilities, self.below, self.points)


def uncut(model: Model, values: np.ndarray) -> np.ndarray:
    """Return angles as those of the circle that is cut opposite to where their model lies; other numbers as they are.

    So they stand about the model in their order, and its distribution function rises from 0 to 1 over them.
    """
    cut = _cut_of(model)
    return values if cut is None else cut + np.remainder(values - cut, 2 * math.pi)


def _cut_of(model: Model) -> float | None:
    """Return where the circle of a model of angles is cut; None of another model."""
    inner = filled(model.base) if isinstance(model, Fixed) else model
    return inner.cut if isinstance(inner, HasAngles) else None


def distribution_of(model: Model, values: np.ndarray) -> Distribution | None:
    """Return the distribution function of a model, from far below observations to far above them.

    Args:
        model: of one distribution.
        values: observations (n,), about which the grid is dense; not all the same.

    Returns:
        The function; None where the density could not be integrated to one, within 2 %. That of angles is of those
        that `uncut` returns; None where others are among the observations.
    """
    if (cut := _cut_of(model)) is not None and not np.all((cut <= values) & (values <= cut + 2 * math.pi)):
        return None
    low, center, high = np.quantile(values, [0.25, 0.5, 0.75])
    spread = float(high - low) or float(np.std(values))
    if model.support.whole:
        start = 0 if math.isinf(model.support.lower) else int(model.support.lower)
        points = np.arange(start, int(values.max() + 20 * spread) + 2.0)
        weights = np.ones(len(points))
    elif model.support.lower == 0 and math.isinf(model.support.upper):
        points = center * np.exp(np.linspace(-60.0, 60.0, GRID))
        weights = np.gradient(np.log(points)) * points
    elif math.isfinite(model.support.lower) and math.isfinite(model.support.upper):
        along = 1 / (1 + np.exp(-np.linspace(-36.0, 36.0, GRID)))
        points = model.support.lower + (model.support.upper - model.support.lower) * along
        weights = np.gradient(points)
    elif cut is not None:
        points = np.linspace(cut, cut + 2 * math.pi, GRID)
        weights = np.gradient(points)
    else:
        t = np.linspace(-14.0, 14.0, GRID)
        points = center + spread * np.sinh(t)
        weights = spread * np.cosh(t) * (t[1] - t[0])
    with np.errstate(over="ignore", invalid="ignore"):  # of a formula that is no density
        terms = np.nan_to_num(density_on(model, points)) * weights
        below = np.cumsum(terms) - (0 if model.support.whole else terms / 2)
    if not abs(below[-1] - 1) < 0.02 or np.any(np.diff(below) < 0):
        return None
    return Distribution(points, below / below[-1])


def grid_around(result: TrainResult[Any], name: str) -> np.ndarray:
    """Return coordinates that hold the whole path and four standard errors about the estimate, inside the domain.

    They are spread evenly; or, where a positive parameter goes through more than a factor of 30, by equal factors.
    """
    table = Parameters.of(result.model)
    domain = table.entry_domains[table.entries.index(name)]
    middle, error = entry_dict(result.model)[name], np.nan_to_num(entry_dict(result.curvature_errors)[name])
    about = [value for value in (middle - 4 * error, middle, middle + 4 * error) if domain.contains(value)]
    path = np.append(table.by_entry(result.history.model)[name], about)
    low, high = path.min(), path.max()
    raw = 0 if isinstance(result.train, Summary) else float(result.train.count)
    count = int(np.clip(math.sqrt(2e8 / (raw + 1)), 40, 200))
    if domain.lower == 0 and math.isinf(domain.upper) and high > WIDE * low:
        pad = (high / low) ** 0.1
        return np.geomspace(low / pad, high * pad, count)
    pad = 0.2 * (high - low) or 1e-3 * abs(low) or 1.0
    low = low - pad if domain.contains(low - pad) else (low + domain.lower) / 2
    high = high + pad if domain.contains(high + pad) else (high + domain.upper) / 2
    return np.linspace(low, high, count)


def heights_over(result: TrainResult[Any], chosen: tuple[str, ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the train log-likelihood, (len(y), len(x)), in nats; NaN where it is not finite."""
    where = [Parameters.of(result.model).entries.index(name) for name in chosen]
    raw = 1.0 if isinstance(result.train, Summary) else float(result.train.count)
    with jax.enable_x64(True):
        table = Parameters.of(result.model)
        vector = table.to_vector(result.model)

        @jax.jit
        def over(points: Any, sample: Any) -> Any:
            def height(point: Any) -> Any:
                return likelihood.log_likelihood(table.to_model(vector.at[jnp.array(where)].set(point)), sample)

            return jax.lax.map(height, points, batch_size=max(1, int(min(4e6 / raw, len(points)))))

        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        heights = np.asarray(over(points, result.train)).reshape(len(y), len(x))
    return np.where(np.isfinite(heights), heights, np.nan)
