"""Runs to their ends, and what each of them found."""

import contextlib
import functools
import time
from collections.abc import Generator, Iterator
from typing import Any

import jax
import numpy as np

from ..ascent.outcome import Outcome, conclude
from ..ascent.step import TrainState
from ..devices import tuning
from ..models.parameters import cast
from ..progress import Progress, Tally
from .lanes import Engine
from .plan import Plan
from .prepare import Job
from .schedule import run_all

CONCLUDED_TOGETHER = 4096
"""Runs that are measured by one call once they have ended; always so many, so that one compilation serves all."""

RAW_CONCLUDED_TOGETHER = 64
"""Likewise where each of them goes over raw observations: memory is this many times their number."""

SECONDS_BETWEEN_CONCLUSIONS = 1.0
"""How long runs that have ended wait for others at most."""


Ended = tuple[np.ndarray, Outcome]
"""Run numbers and what became of them."""


def outcomes(job: Job, waiting: np.ndarray, tally: Tally, bar: Progress) -> Generator[Ended, None, None]:
    """All runs together, or seed by seed where observations are raw. To be closed when left early."""
    if not len(waiting):
        return
    if job.data.factored:
        yield from _concluded(job, waiting, (None, None), tally, bar)
        return
    seed_of = job.plan.index(waiting)[0]
    for seed in np.unique(seed_of):
        yield from _concluded(job, waiting[seed_of == seed], job.data.of(int(seed)), tally, bar)


def _concluded(job: Job, ids: np.ndarray, shared: Any, tally: Tally, bar: Progress) -> Generator[Ended, None, None]:
    """Run these runs; measure what they found in float64, many at a time, while the devices go on."""
    plan, devices, cast_shared = job.plan, list(job.mesh.devices.flat), cast(shared, job.dtype)
    example, setting = cast(plan.example(), job.dtype), tuning(devices[0])
    engine = Engine.of(example, cast_shared, job.optimizer, job.dtype, setting.chunk, setting.unroll)
    held, since = [], time.monotonic()
    landed = run_all(engine, devices, cast_shared, plan.order(ids), plan.rows, tally, bar.compiling)
    with contextlib.closing(landed):
        try:
            for part in landed:
                held.append(part)  # before it is shown: Ctrl-C may come while the bar is drawn
                bar.runs_done(len(part[0]), tally)
                late = time.monotonic() - since > SECONDS_BETWEEN_CONCLUSIONS
                if late or sum(len(ids) for ids, _ in held) >= CONCLUDED_TOGETHER:
                    yield from _conclude_all(plan, shared, held)
                    held, since = [], time.monotonic()
        except KeyboardInterrupt:  # the runs that have ended are worth keeping
            yield from _conclude_all(plan, shared, held)
            raise
    yield from _conclude_all(plan, shared, held)


def _conclude_all(plan: Plan, shared: Any, held: list[tuple[np.ndarray, Any]]) -> Iterator[Ended]:
    """Measure what these runs found, all of it asked of the device before any is waited for."""
    if not held:
        return
    ids, states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *held)
    raw = plan.run.train is None
    together, index = RAW_CONCLUDED_TOGETHER if raw else CONCLUDED_TOGETHER, plan.index(ids)[0]
    asked = []
    for first in range(0, len(ids), together):
        take = np.resize(np.arange(first, min(first + together, len(ids))), together)
        samples = shared
        if not raw:
            both = (plan.run.train, plan.run.validation)
            samples = jax.tree.map(lambda leaf, take=take: leaf.values[index[take]], both)
        piece = jax.tree.map(lambda leaf, take=take: leaf[take], states)
        asked.append((ids[first : first + together], _conclude(piece, samples, raw)))
    for part, outcome in asked:  # the rest repeats runs
        yield part, jax.tree.map(lambda leaf, part=part: leaf[: len(part)], jax.device_get(outcome))


@functools.partial(jax.jit, static_argnums=2)
def _conclude(states: Any, samples: Any, shared: bool) -> Outcome:
    def one(state: Any, samples: Any) -> Outcome:
        model, best_model, best_log_likelihood, best_epoch, epoch, status = cast(state, np.float64)
        whole = TrainState(model, best_model, best_log_likelihood, best_epoch, epoch, status, optimizer=())
        return conclude(whole, *samples)

    return jax.vmap(one, (0, None if shared else 0))(states, samples)
