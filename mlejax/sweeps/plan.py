"""The runs of a sweep: the product of its axes."""

import dataclasses

import jax
import numpy as np

from .lanes import Run


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
