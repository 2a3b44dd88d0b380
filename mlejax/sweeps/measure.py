"""Runs to their ends, and what each of them found."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool

from ..ascent.outcome import Outcome, conclude
from ..ascent.sense import Optimizer
from ..ascent.vary import Making, programs
from ..devices import Tuning, tuning
from ..models.base import Model
from ..models.parameters import cast
from ..progress import Progress, Tally
from ..samples.gather import Request, Samples, Stack, gather
from ..samples.raw import Observations
from ..samples.representation import Sample
from ..status import Status
from .lanes import Ended, Engine
from .plan import Chosen, Plan
from .schedule import run_all
from .spec import SweepSpec

SECONDS_BETWEEN_CONCLUSIONS = 1.0
"""How long runs that have ended wait for others at most."""


class Shared(NamedTuple):
    """The samples that runs have in common, or None where each has its own."""

    train: Sample | None
    validation: Sample | None


class Measured(NamedTuple):
    """Results of some runs."""

    ids: np.ndarray  # (m,): run numbers
    outcome: Outcome[Any]  # leaves (m, ...)


def samples_for(spec: SweepSpec[Any], wanted: np.ndarray, mesh: Mesh, told: Progress) -> Samples:
    """Draw or cut the samples that these runs need.

    Args:
        spec: the sweep.
        wanted: which of its runs, of its shape.
        mesh: the devices that draw.
        told: the progress bar.
    """
    positions = np.flatnonzero(np.any(wanted.reshape(spec.sample_count, -1), axis=1))
    told.draw(len(positions))
    axis, runs = spec.axes[spec.source.axis], spec.run_count // spec.sample_count
    request = Request(spec.start, spec.source, axis, spec.validation_fraction, spec.summarize, runs)
    return gather(request, positions, mesh, told.samples_done)


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """Runs under way: where they are made, and who is told."""

    spec: SweepSpec[Any]
    mesh: Mesh
    tally: Tally
    told: Progress
    look: Callable[[], None] = lambda: None  # called again and again while runs are under way, to end it if need be

    def outcomes(self, samples: Samples, wanted: np.ndarray) -> Generator[Measured, None, None]:
        """Run these runs to their ends, those of one form together and the rest sample by sample.

        Args:
            samples: of all these runs.
            wanted: which of the runs of the sweep, of its shape.

        Yields:
            What became of some of them, in any order; each run once. To be closed when left early.
        """
        plan, starts = Plan.of(self.spec), _side_by_side(self.spec.starts or (self.spec.start,))
        yield from self._nothing(Chosen.of(plan, wanted, samples.outside))
        for stack in samples.stacks:
            here = Chosen.of(Plan.of(self.spec, stack), wanted, stack.positions)
            good = np.asarray(_admitted_by_stack(starts, stack.train, stack.validation))
            yield from self._nothing(here.where(~good))
            yield from self._to_the_end(here.where(good), Shared(None, None), stack)
        for position in samples.alone:
            here = Chosen.of(plan, wanted, position[None])
            if not here.count:
                continue
            pair = samples.of(int(position))
            shared = Shared(pair.train, pair.validation)
            good = np.asarray(_admitted(starts, *shared))[None] & pair.contained
            yield from self._nothing(here.where(~good))
            yield from self._to_the_end(here.where(good), shared, None)

    def _nothing(self, chosen: Chosen) -> Iterator[Measured]:
        """Give up runs that have nothing to find, because their sample lies outside the support of the start."""
        for ids in chosen.portions():
            nan = np.full(len(ids), np.nan)
            model = jax.tree.map(lambda _, nan=nan: nan, self.spec.start)
            zeros = np.zeros(len(ids), np.int64)
            status = np.full(len(ids), int(Status.OUTSIDE_SUPPORT))
            self.told.runs_done(len(ids), self.tally)
            yield Measured(ids, Outcome(model, model, status, zeros, zeros, nan, nan, nan))

    def _to_the_end(self, chosen: Chosen, shared: Shared, stack: Stack | None) -> Generator[Measured, None, None]:
        """Run these runs; measure what they found in float64, many at a time, while the devices go on."""
        if "optimizer" not in self.spec.axes:
            yield from self._by_program(chosen, programs(self.spec.optimizer)[0], shared, stack)
            return
        every = programs(self.spec.optimizer)
        for place, number in enumerate(self.spec.axes["optimizer"]):
            yield from self._by_program(chosen.at("optimizer", place), every[number], shared, stack)

    def _by_program(
        self, chosen: Chosen, optimizer: Optimizer | Making | None, shared: Shared, stack: Stack | None
    ) -> Generator[Measured, None, None]:
        if not chosen.count:
            return
        plan = chosen.plan
        devices, dtype = list(self.mesh.devices.flat), self.spec.dtype
        cast_shared, setting = cast((shared.train, shared.validation), dtype), tuning(devices[0])
        engine = Engine.of(plan.example(), cast_shared, optimizer, dtype, setting)
        measure = functools.partial(_measured, setting, plan, shared, stack)
        unmeasured, since = [], time.monotonic()
        parts = run_all(
            engine, devices, cast_shared, chosen.count, chosen.portions(), plan.rows, self.tally, self.told.compiling
        )
        with contextlib.closing(parts):
            try:
                for part in parts:
                    self.look()
                    unmeasured.append(part)  # before it is shown: Ctrl-C may come while the bar is drawn
                    self.told.runs_done(len(part[0]), self.tally)
                    late = time.monotonic() - since > SECONDS_BETWEEN_CONCLUSIONS
                    if late or sum(len(ids) for ids, _ in unmeasured) >= setting.measured:
                        yield from measure(unmeasured)
                        unmeasured, since = [], time.monotonic()
            except KeyboardInterrupt:  # the runs that have ended are worth keeping
                yield from measure(unmeasured)
                raise
        yield from measure(unmeasured)


def _side_by_side(models: Sequence[Model]) -> Model:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *models)


@jax.jit
def _admitted(starts: Model, train: Sample, validation: Sample | None) -> Bool[Array, " s"]:
    """Return which starts give both samples a finite log-likelihood."""

    def one(start: Model) -> Any:
        finite = [jnp.isfinite(part.mean_log_prob(start)) for part in (train, validation) if part is not None]
        return functools.reduce(jnp.logical_and, finite)

    return jax.lax.map(one, starts)


@jax.jit
def _admitted_by_stack(starts: Model, train: Sample, validation: Sample | None) -> Bool[Array, "g s"]:
    return jax.vmap(_admitted, (None, 0, 0))(starts, train, validation)


def _measured(
    setting: Tuning, plan: Plan, shared: Shared, stack: Stack | None, parts: list[tuple[np.ndarray, Ended]]
) -> Iterator[Measured]:
    """Measure what these runs found, all of it asked of the device before any is waited for."""
    if not parts:
        return
    ids, ended = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    raw = stack is None or isinstance(stack.train, Observations)
    together = setting.measured_raw if raw else setting.measured
    asked = []
    for first in range(0, len(ids), together):
        take = np.resize(np.arange(first, min(first + together, len(ids))), together)  # the rest repeats runs
        samples = shared if stack is None else _samples_of(stack, plan.samples(ids[take]))
        piece = jax.tree.map(lambda leaf, take=take: leaf[take], ended)
        asked.append((ids[first : first + together], _conclude(piece, *samples, stack is None)))
    for part, outcome in asked:
        yield Measured(part, jax.tree.map(lambda leaf, part=part: leaf[: len(part)], jax.device_get(outcome)))


def _samples_of(stack: Stack, positions: np.ndarray) -> Shared:
    place = stack.place(positions)
    return Shared(*jax.tree.map(lambda leaf: leaf[place], (stack.train, stack.validation)))


@functools.partial(jax.jit, static_argnums=3)
def _conclude(ended: Ended, train: Sample, validation: Sample | None, shared: bool) -> Outcome:
    def one(ended: Ended, train: Sample, validation: Sample | None) -> Outcome:
        return conclude(cast(ended, np.float64).state(), train, validation)

    axis = None if shared else 0
    return jax.vmap(one, (0, axis, axis))(ended, train, validation)
