"""The runs of a sweep: the product of its axes."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np

from ..ascent.run import Run
from ..ascent.settings import Stopping, rates_of
from ..ascent.vary import Varied
from ..models.parameters import cast
from ..samples.gather import Stack
from .spec import SweepSpec

NUMBERED_TOGETHER = 65_536
"""Runs whose numbers are made at a time."""


@dataclasses.dataclass(frozen=True, eq=False)
class AxisValues:
    """One number, or array, that decides runs: a value for every position along an axis, or a single one."""

    values: np.ndarray  # (k, ...) along the axis; (1, ...) where there is none
    axis: str | None = None
    places: np.ndarray | None = None  # (n,) of the positions along the axis which of the k is theirs; None: in order

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the values at positions along the axis, (m,): (m, ...)."""
        return self.values[positions if self.places is None else self.places[positions]]


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
            stack: the samples whose runs are to be made, as part of each run; None where the runs that are made
                together share one.
        """
        samples, places = (None, None), np.zeros(spec.sample_count, np.int64)
        if stack is not None:
            places[stack.positions] = np.arange(len(stack.positions))
            samples = jax.tree.map(np.asarray, (stack.train, stack.validation))
        first = jax.tree.map(lambda leaf: leaf[0], samples)
        varied = spec.optimizer.axes if isinstance(spec.optimizer, Varied) else {}
        limits = [field.name for field in dataclasses.fields(Stopping)]
        one = np.zeros(())
        run = Run(
            start=spec.start,
            learning_rate=rates_of(spec.start, dict.fromkeys(spec.rates, one)),
            stopping=Stopping(one, one, one),
            train=first[0],
            validation=first[1],
            hyperparameters=dict.fromkeys(varied, one),
        )
        columns = [
            *_starts(spec),
            *jax.tree.leaves(rates_of(spec.start, {name: _along(name, rate) for name, rate in spec.rates.items()})),
            *(_along(name, getattr(spec.stopping, name)) for name in limits),
            *(AxisValues(leaf, spec.source.axis, places) for leaf in jax.tree.leaves(samples)),
            *(AxisValues(varied[name], name) for name in sorted(varied)),  # as JAX orders a dict
        ]
        return cls(spec, jax.tree.structure(run), tuple(columns))

    def example(self) -> Run[Any]:
        """Return the first run, in the floating-point type of the ascent."""
        return cast(
            jax.tree.unflatten(self.structure, [column.at(np.zeros(1, np.int64))[0] for column in self.columns]),
            self.spec.dtype,
        )

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The length of every axis by its name; those along which samples lie are one, by the name of the first."""
        spec = self.spec
        others = list(spec.axes)[len(spec.sample_shape) :]
        return {spec.source.axis: spec.sample_count} | {name: len(spec.axes[name]) for name in others}

    def index(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return where runs lie along each axis of `sizes`, by its name: each (m,)."""
        return _unravel(ids, list(self.sizes), self.sizes)

    def samples(self, ids: np.ndarray) -> np.ndarray:
        """Return the number of the sample of each run: (m,)."""
        return self.index(ids)[self.spec.source.axis]

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Return the packed `Run`s of run numbers: (m, width)."""
        index = self.index(ids)
        first = np.zeros(len(ids), np.int64)
        parts = [column.at(first if column.axis is None else index[column.axis]) for column in self.columns]
        return np.concatenate([part.reshape(len(ids), -1) for part in parts], axis=1)

    def order(self) -> np.ndarray:
        """Return all combinations of rates, numbered in C order along the axes of rates, the slowest learners first."""
        leaves = jax.tree.leaves(rates_of(self.spec.start, self.spec.rates))
        names = jax.tree.leaves(rates_of(self.spec.start, {name: name for name in self.spec.rates}))
        axes, logs = self.rate_axes, np.zeros(())
        for name, rate in zip(names, leaves, strict=True):
            logs = logs + np.log(rate).reshape([-1 if axis == name else 1 for axis in axes])
        return np.argsort(logs, axis=None, kind="stable")

    @cached_property
    def rate_axes(self) -> tuple[str, ...]:
        """The axes along which learning rates differ."""
        return tuple(name for name in self.spec.axes if name in self.spec.rates)


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """Runs on some samples, in the order in which to start them: slow learners first, so that they do not finish alone.

    Made by `Chosen.of`. It takes a byte per run, and makes run numbers a portion at a time.
    """

    plan: Plan
    positions: np.ndarray  # (g,) numbers of the samples
    wanted: np.ndarray  # which runs on these: of the sizes of the plan, with g samples

    @classmethod
    def of(cls, plan: Plan, wanted: np.ndarray, positions: np.ndarray) -> "Chosen":
        """Choose runs.

        Args:
            plan: of the sweep.
            wanted: which of all its runs, of the shape of the sweep.
            positions: the numbers of samples; runs on others are left out.
        """
        return cls(plan, positions, wanted.reshape(*plan.sizes.values())[positions])

    def where(self, chosen: np.ndarray) -> "Chosen":
        """Choose among these runs.

        Args:
            chosen: whether those of a sample and a start point stay, (g, s).
        """
        if np.all(chosen):
            return self
        sizes = {self.plan.spec.source.axis: chosen.shape[0], "start": chosen.shape[1]}
        table = np.reshape(chosen, [sizes.get(name, 1) for name in self.plan.sizes])
        return dataclasses.replace(self, wanted=self.wanted & table)

    def at(self, axis: str, place: int) -> "Chosen":
        """Choose those at one place along an axis."""
        names = list(self.plan.sizes)
        here = np.arange(self.wanted.shape[names.index(axis)]) == place
        return dataclasses.replace(self, wanted=self.wanted & np.reshape(here, [-1 if n == axis else 1 for n in names]))

    @cached_property
    def count(self) -> int:
        """How many runs there are."""
        return int(np.count_nonzero(self.wanted))

    def portions(self) -> Iterator[np.ndarray]:
        """Yield their numbers, in the order in which to start them, a portion at a time."""
        spec, rates = self.plan.spec, self.plan.rate_axes
        sizes = dict(zip(self.plan.sizes, self.wanted.shape, strict=True))
        others = tuple(name for name in sizes if name not in rates)
        order = self.plan.order()
        order = order[np.any(self.wanted, tuple(i for i, name in enumerate(sizes) if name in others)).ravel()[order]]
        each = math.prod(sizes[name] for name in others)
        for first in range(0, len(order) * each, NUMBERED_TOGETHER):
            numbers = np.arange(first, min(first + NUMBERED_TOGETHER, len(order) * each))
            index = _unravel(order[numbers // each], rates, sizes) | _unravel(numbers % each, others, sizes)
            wanted = self.wanted[tuple(index[name] for name in sizes)]
            index[spec.source.axis] = self.positions[index[spec.source.axis]]
            if np.any(wanted):
                yield np.ravel_multi_index([index[name] for name in sizes], [*self.plan.sizes.values()])[wanted]


def _unravel(numbers: np.ndarray, names: Sequence[str], sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return where runs lie along some axes, by name, from their numbers in C order along those."""
    return dict(zip(names, np.unravel_index(numbers, [sizes[name] for name in names]), strict=True)) if names else {}


def _along(name: str, values: np.ndarray) -> AxisValues:
    return AxisValues(values, name) if np.ndim(values) else AxisValues(np.reshape(values, (1,)))


def _starts(spec: SweepSpec) -> list[AxisValues]:
    if not spec.starts:
        return [AxisValues(np.asarray(leaf)[None]) for leaf in jax.tree.leaves(spec.start)]
    leaves = zip(*map(jax.tree.leaves, spec.starts), strict=True)
    return [AxisValues(np.stack(each), "start") for each in leaves]
