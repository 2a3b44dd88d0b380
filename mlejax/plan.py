"""The runs of a sweep: the product of its axes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from . import checks
from .lanes import Run
from .models import Model
from .models.base import parameter_names, with_dtype
from .training import per_parameter


@dataclasses.dataclass(frozen=True)
class Along:
    """One leaf of all the `Run`s of a sweep: its values (k, ...) along an axis, or a single one (axis -1)."""

    values: np.ndarray
    axis: int = -1


class Plan:
    """The runs of a sweep: the product of its axes, numbered in C order, and what decides each of them."""

    def __init__(self, axes: dict[str, np.ndarray], run: Run):
        self.axes, self.run = axes, run  # every leaf of `run` is an `Along`
        self.shape = tuple(len(values) for values in axes.values())
        self.count = int(np.prod(self.shape, dtype=np.int64))
        self.columns = [(leaf.axis, leaf.values.reshape(len(leaf.values), -1)) for leaf in jax.tree.leaves(run)]

    def example(self) -> Run:
        """The first run."""
        return jax.tree.map(lambda leaf: leaf.values[0], self.run)

    def index(self, ids: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where runs lie along each axis; last, zeros for what lies along none."""
        return *np.unravel_index(ids, self.shape), np.zeros(len(ids), np.int64)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """The packed `Run`s of run numbers: (m, width)."""
        index = self.index(ids)
        return np.concatenate([values[index[axis]] for axis, values in self.columns], axis=1)

    def order(self, ids: np.ndarray) -> np.ndarray:
        """Slow learners first: the runs that take longest then do not come last, when lanes stand empty."""
        index = self.index(ids)
        rates = [np.log(leaf.values)[index[leaf.axis]] for leaf in jax.tree.leaves(self.run.learning_rate)]
        return ids[np.argsort(sum(rates), kind="stable")]


def axes_and_runs(
    start: Model, seeds: Any, starts: Any, learning_rates: Any, max_epochs: Any, patience: Any, tolerance: Any
) -> tuple[dict[str, np.ndarray], Run]:
    """The axes by name, and the part of the runs that does not depend on data."""
    seeds = checks.counts("seeds", np.atleast_1d(np.asarray(seeds)), at_least=0, at_most=2**32 - 1)
    axes: dict[str, np.ndarray] = {"seed": checks.distinct("seeds", seeds)}

    def along(name: str, values: np.ndarray, always: bool = False) -> Along:
        if np.ndim(values) == 0 and not always:
            return Along(np.reshape(values, (1,)))
        axes[name] = checks.distinct(name, np.atleast_1d(values))
        return Along(axes[name], len(axes) - 1)

    model = jax.tree.map(lambda leaf: Along(np.asarray(leaf)[None]), start)
    if starts is not None:
        models = [with_dtype(each, np.float64, f"starts[{i}]") for i, each in enumerate(starts)]
        _check_family(start, "starts", models)
        axes["start"] = np.arange(len(models))
        position = len(axes) - 1
        model = jax.tree.map(lambda *leaves: Along(np.stack(leaves), position), *models)
    if isinstance(learning_rates, Model):
        _check_family(start, "learning_rates", [learning_rates])
        names = [f"learning_rate.{name}" for name in parameter_names(start)]
        leaves = jax.tree.leaves(learning_rates, is_leaf=lambda x: not isinstance(x, Model))
        found = [along(name, checks.positive(name, np.asarray(v))) for name, v in zip(names, leaves, strict=True)]
        rates = jax.tree.unflatten(jax.tree.structure(start), found)
    else:
        rate = along("learning_rate", checks.positive("learning_rates", np.asarray(learning_rates)), always=True)
        rates = per_parameter(rate, start)
    return axes, Run(
        start=model,
        learning_rate=rates,
        max_epochs=along("max_epochs", checks.counts("max_epochs", max_epochs)),
        patience=along("patience", checks.counts("patience", patience)),
        tolerance=along("tolerance", checks.non_negative("tolerance", tolerance)),
        train=None,
        validation=None,
    )


def _check_family(start: Model, name: str, models: Sequence[Model]) -> None:
    if not models:
        raise ValueError(f"{name} must be a non-empty sequence of models")
    for each in models:
        if type(each) is not type(start):
            raise TypeError(f"{name}: expected a {type(start).__name__}, as the start is; got a {type(each).__name__}")
