"""A formula looked at near a start: its values and derivatives at observations, before anything climbs it."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..checks import InputValueError
from ..models.abilities import CanSample
from ..models.base import Model, name_of
from ..models.parameters import Parameters, entry_dict, with_dtype
from ..models.rows import Rows, is_number, one_of, row_count, take
from ..models.start import start_of
from ..models.support import Support
from ..models.wrappers import filled, support_of
from ..samples.observations import as_observations

LOOKED_AT = 200
"""Observations at which slopes are looked at."""

AWAY = (0.03, 0.3, 0.3)
"""How far from the start the parameters are at which a formula is looked at, in unconstrained coordinates."""


def start_and_rows(model: Any, observations: Any) -> tuple[Model, Rows]:
    """Return a model to look at, and observations."""
    if observations is not None:
        rows = as_observations(observations, any_number=True)
        start = model if isinstance(model, Model) else start_of(model, rows)
        return with_dtype(start, np.float64), rows
    support = model.support if isinstance(model, Model) else support_of(model)
    ordinary = ordinary_numbers(support if isinstance(support, Support) else Support())
    if isinstance(model, Model):
        start = with_dtype(model, np.float64)
        return start, _drawn(start, ordinary)
    try:
        return with_dtype(start_of(model, ordinary), np.float64), ordinary
    except Exception as problem:  # of a family of vectors or records
        raise InputValueError(f"check of {name_of(model)} needs observations: {problem}") from problem


def ordinary_numbers(support: Support) -> np.ndarray:
    """Return ordinary numbers inside a support."""
    t = np.array([-1.7, -0.9, -0.4, -0.1, 0.15, 0.5, 0.8, 1.3, 2.1, -0.6, 0.3, 1.0])
    lower, upper = float(support.lower), float(support.upper)
    if support.whole:
        first = lower if math.isfinite(lower) else min(upper, 4.0) - 4
        counts = first + np.array([0.0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 0, 9])
        return np.where(counts > upper, first + np.mod(counts - first, max(upper - first, 1)), counts)
    if math.isinf(lower) and math.isinf(upper):
        return t
    if math.isinf(upper) or math.isinf(lower):
        return lower + np.exp(t) if math.isinf(upper) else upper - np.exp(t)
    return lower + (upper - lower) / (1 + np.exp(-t))


def _drawn(model: Model, otherwise: np.ndarray) -> np.ndarray:
    """Return draws of a model, where it can draw numbers and these have a density; else what is given."""
    inner = filled(model)
    if not isinstance(inner, CanSample):
        return otherwise
    try:
        with jax.enable_x64(True):
            drawn = np.asarray(inner.sample(jax.random.key(0), (LOOKED_AT,)), np.float64)
    except Exception:  # of a wrapper whose model cannot draw
        return otherwise
    return drawn if drawn.ndim == 1 and np.all(model.support.contains(drawn)) else otherwise


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
    """A formula, in unconstrained coordinates, and where it is looked at."""

    table: Parameters[Any]
    support: Support  # of single numbers; of records it is not looked at
    places: np.ndarray  # (q, p): coordinates, the start first
    rows: Rows  # observations; numbers, where `single`
    single: bool
    values: np.ndarray  # (q, n)
    slopes: np.ndarray  # (q, n, p)
    curvatures: np.ndarray  # (q, n, p, p)

    @classmethod
    def of(cls, start: Model, rows: Rows) -> "Examined":
        """Return the formula with its derivatives at and near a start."""
        table = Parameters.of(start)
        at = np.asarray(table.to_real(start))
        noise = np.random.RandomState(0).normal(size=(len(AWAY), len(at)))
        places = np.stack([at, *(at + away * each for away, each in zip(AWAY, noise, strict=True))])
        count = row_count(rows)
        some = take(rows, np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(int)))

        def of(place: Any, x: Any) -> Any:
            def height(vector: Any) -> Any:
                return table.from_real(vector).log_prob(x)

            return height(place), jax.grad(height)(place), jax.hessian(height)(place)

        found = jax.jit(jax.vmap(jax.vmap(of, (None, 0)), (0, None)))(places, some)
        values, slopes, curvatures = map(np.asarray, found)
        support = start.support if isinstance(start.support, Support) else Support()
        return cls(table, support, places, some, is_number(one_of(rows)), values, slopes, curvatures)

    def heights(self, places: np.ndarray, rows: Rows) -> np.ndarray:
        """Return the log-density at coordinates (q, p) for observations n, (q, n)."""
        return np.asarray(_heights(self.table, places, rows))

    def example(self, bad: np.ndarray) -> str:
        """Return the first place and observation that a mask (q, n) marks, in words."""
        place, index = (int(each) for each in np.argwhere(bad)[0])
        return self.said(self.places[place], take(self.rows, slice(index, index + 1)))

    def said(self, place: np.ndarray, one: Rows) -> str:
        """Return parameters and a sample of one observation in words."""
        entries = entry_dict(self.table.from_real(jnp.asarray(place))).items()
        x = f"{float(one[0]):g}" if self.single else "an observation"
        return f"log_prob({x}) with {', '.join(f'{name}={float(value):.4g}' for name, value in entries)}"


def _heights_of(table: Parameters[Any], places: Any, rows: Any) -> Any:
    def height(place: Any, x: Any) -> Any:
        return table.from_real(place).log_prob(x)

    return jax.vmap(jax.vmap(height, (None, 0)), (0, None))(places, rows)


_heights = jax.jit(_heights_of, static_argnums=0)
