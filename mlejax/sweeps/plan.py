"""The runs of a sweep: the product of its axes."""

import dataclasses
from typing import Any

import jax
import numpy as np

from ..ascent.run import Run
from ..ascent.settings import Stopping, rates_of
from ..models.parameters import cast
from ..samples.gather import Stack
from .spec import SweepSpec


@dataclasses.dataclass(frozen=True, eq=False)
class AxisValues:
    """One number, or array, that decides runs: a value for every position along an axis, or a single one."""

    values: np.ndarray  # (k, ...) along the axis; (1, ...) where there is none
    axis: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The runs of a sweep, numbered in C order, and what decides each of them.

    Made by `Plan.of`.
    """

    spec: SweepSpec[Any]
    structure: Any  # of a `Run`
    columns: tuple[AxisValues, ...]  # the leaves of all the runs, in the order of the leaves of one

    @classmethod
    def of(cls, spec: SweepSpec[Any], stack: Stack | None = None) -> "Plan":
        """Lay out the runs of a sweep.

        Args:
            spec: the sweep.
            stack: the samples of the seeds whose runs are to be made, as part of each run; None where the runs that
                are made together share their samples.
        """
        samples: Any = (None, None)
        if stack is not None:
            place = np.zeros(len(spec.axes[spec.source.axis]), np.int64)
            place[stack.positions] = np.arange(len(stack.positions))
            samples = jax.tree.map(lambda leaf: np.asarray(leaf)[place], (stack.train, stack.validation))
        first = jax.tree.map(lambda leaf: leaf[0], samples)
        limits = [field.name for field in dataclasses.fields(Stopping)]
        one = np.zeros(())
        run = Run(spec.start, rates_of(spec.start, dict.fromkeys(spec.rates, one)), Stopping(one, one, one), *first)
        columns = [
            *_starts(spec),
            *jax.tree.leaves(rates_of(spec.start, {name: _along(name, rate) for name, rate in spec.rates.items()})),
            *(_along(name, getattr(spec.stopping, name)) for name in limits),
            *(AxisValues(leaf, spec.source.axis) for leaf in jax.tree.leaves(samples)),
        ]
        return cls(spec, jax.tree.structure(run), tuple(columns))

    def example(self) -> Run[Any]:
        """Return the first run, in the floating-point type of the ascent."""
        return cast(jax.tree.unflatten(self.structure, [column.values[0] for column in self.columns]), self.spec.dtype)

    def index(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return where runs lie along each axis, by its name: each (m,)."""
        return dict(zip(self.spec.axes, np.unravel_index(ids, self.spec.shape), strict=True))

    def seeds(self, ids: np.ndarray) -> np.ndarray:
        """Return the position of the seed of each run: (m,)."""
        return self.index(ids)[self.spec.source.axis]

    def starts(self, ids: np.ndarray) -> np.ndarray:
        """Return the position of the start point of each run: (m,)."""
        return self.index(ids).get("start", np.zeros(len(ids), np.int64))

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Return the packed `Run`s of run numbers: (m, width)."""
        index = self.index(ids)
        first = np.zeros(len(ids), np.int64)
        parts = [column.values[first if column.axis is None else index[column.axis]] for column in self.columns]
        return np.concatenate([part.reshape(len(ids), -1) for part in parts], axis=1)

    def order(self, ids: np.ndarray) -> np.ndarray:
        """Return run numbers with slow learners first, so that they do not finish alone."""
        index = self.index(ids)
        leaves = jax.tree.leaves(rates_of(self.spec.start, self.spec.rates))
        names = jax.tree.leaves(rates_of(self.spec.start, {name: name for name in self.spec.rates}))
        logs = [np.log(rate)[index[name]] if np.ndim(rate) else np.log(rate) for name, rate in zip(names, leaves)]  # noqa: B905
        return ids[np.argsort(np.broadcast_to(sum(logs), ids.shape), kind="stable")]


def _along(name: str, values: np.ndarray) -> AxisValues:
    return AxisValues(values, name) if np.ndim(values) else AxisValues(np.reshape(values, (1,)))


def _starts(spec: SweepSpec) -> list[AxisValues]:
    if not spec.starts:
        return [AxisValues(np.asarray(leaf)[None]) for leaf in jax.tree.leaves(spec.start)]
    leaves = zip(*map(jax.tree.leaves, spec.starts), strict=True)
    return [AxisValues(np.stack(each), "start") for each in leaves]
