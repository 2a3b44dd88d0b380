"""Lanes: a batch of runs in flight that compiled code refills as runs end, so that one slow run never holds others.

A lane holds one run. The compiled program goes round the lanes chunk by chunk: it takes waiting runs from a queue into
free lanes, advances the chunk by some epochs, and takes out the runs that have ended. All of it is about one device;
`schedule` keeps several at work.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import SingleDeviceSharding

from ..ascent.packing import Layout
from ..ascent.step import TrainState, init_state, train_step
from ..models.base import Model
from ..samples.representation import Sample
from ..status import Status


class Run(eqx.Module):
    """Everything that decides one run."""

    start: Model
    learning_rate: Model
    patience: Any
    tolerance: Any
    max_epochs: Any
    train: Sample | None  # None when all runs share one sample
    validation: Sample | None


class Lane(eqx.Module):
    """One run in flight."""

    run: Run
    state: TrainState


QUEUE = 16
"""Waiting runs that a call may take, per lane."""


def begin(run: Run, optimizer: Any) -> Lane:
    """A lane at its run's start. Its counters and status are floats like all else, exact to 2^24.

    Masks of one width over arrays of one type are what vector units do best.
    """
    state = init_state(run.start, optimizer=optimizer)
    dtype = state.best_log_likelihood.dtype
    counters = (state.best_epoch, state.epoch, state.status)
    floats = tuple(counter.astype(dtype) for counter in counters)
    return Lane(run, eqx.tree_at(lambda s: (s.best_epoch, s.epoch, s.status), state, floats))


def advance(lane: Lane, shared: tuple[Any, Any], optimizer: Any) -> Lane:
    """One epoch of a lane."""
    run = lane.run
    train, validation = (run.train, run.validation) if run.train is not None else shared
    state, _ = train_step(
        lane.state, train, validation, run.learning_rate,
        patience=run.patience, tolerance=run.tolerance, max_epochs=run.max_epochs, optimizer=optimizer,
    )  # fmt: skip
    return Lane(run, state)


def ended(state: TrainState) -> Any:
    """What `conclude` needs of a run that has ended."""
    return state.model, state.best_model, state.best_log_likelihood, state.best_epoch, state.epoch, state.status


class Flight(eqx.Module):
    """The lanes of a device. Leaves have a leading axis over lanes."""

    lanes: Lane
    held: Any  # (width,): the run that each lane holds, -1 for none


class Queue(eqx.Module):
    """Runs that wait."""

    rows: Any  # (n, width of a row): packed `Run`s
    ids: Any  # (n,)
    length: Any  # how many there are; the rest of the rows means nothing


class Landed(eqx.Module):
    """What one call did."""

    rows: Any  # (n + width, width of a row): packed `ended` states, in the order in which the runs ended
    ids: Any  # (n + width,)
    count: Any  # how many there are
    taken: Any  # runs taken from the queue
    rounds: Any  # rounds over all chunks
    visits: Any  # visits to chunks with a busy lane


class Limits(NamedTuple):
    """How long a call goes on; all traced."""

    turns: Any  # of `Engine.unroll` epochs, per visit to a chunk
    rounds: Any  # over all chunks, at most
    few: Any  # once the queue is empty and no more lanes than this are busy, the call returns


class Engine:
    """The compiled programs for runs of one kind, by width and device; kept from one sweep to the next."""

    def __init__(self, run: Run, shared: Any, optimizer: Any, dtype: np.dtype, chunk: int, unroll: int):
        self.optimizer, self.dtype, self.chunk = optimizer, dtype, chunk
        self.unroll = unroll if shared[0] is None else 1  # passes over raw observations would only be compiled twice
        self.run_layout = Layout(run)
        self.lane = jax.eval_shape(functools.partial(begin, optimizer=optimizer), run)
        self.end_layout = Layout(ended(self.lane.state))
        self.shared = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)), shared)
        self.jitted = jax.jit(self.fly, donate_argnums=0)
        self.programs: dict[Any, Callable[..., tuple[Flight, Landed]]] = {}
        self.paces: dict[Any, Any] = {}  # what `schedule` has learnt about their speed

    @classmethod
    def of(cls, run: Run, shared: Any, optimizer: Any, dtype: np.dtype, chunk: int, unroll: int) -> "Engine":
        """The engine for runs of this kind, from an earlier sweep where there was one."""
        example = (run, shared)
        shapes = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(example))
        key = (jax.tree.structure(example), shapes, optimizer, dtype, chunk, unroll)
        if key not in _ENGINES:
            if len(_ENGINES) >= ENGINES_KEPT:
                _ENGINES.pop(next(iter(_ENGINES)))
            _ENGINES[key] = cls(run, shared, optimizer, dtype, chunk, unroll)
        return _ENGINES[key]

    def program(self, width: int, device: Any) -> Callable[..., tuple[Flight, Landed]]:
        """The call `fly`, compiled for this many lanes on this device; what it is given as flight is lost."""
        if (width, device) not in self.programs:
            here = SingleDeviceSharding(device)
            arguments = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), self.arguments(width)
            )
            self.programs[width, device] = self.jitted.lower(*arguments).compile()
        return self.programs[width, device]

    def arguments(self, width: int) -> tuple[Flight, Queue, Limits, Any]:
        """The shapes that a call takes."""
        n, number = QUEUE * width, jax.ShapeDtypeStruct((), jnp.int32)
        queue = Queue(
            rows=jax.ShapeDtypeStruct((n, self.run_layout.width), self.dtype),
            ids=jax.ShapeDtypeStruct((n,), jnp.int64),
            length=number,
        )
        flight = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.empty(width))
        return flight, queue, Limits(number, number, number), self.shared

    def empty(self, width: int) -> Flight:
        """Lanes without runs."""
        lanes = jax.tree.map(lambda leaf: np.zeros((width, *leaf.shape), leaf.dtype), self.lane)
        lanes.state.status[:] = int(Status.MAX_EPOCHS)
        return Flight(lanes, np.full(width, -1, np.int64))

    # What is compiled -----------------------------------------------------------------------------------------------

    def fly(self, flight: Flight, queue: Queue, limits: Limits, shared: Any) -> tuple[Flight, Landed]:
        """Visit chunk after chunk of the lanes, round after round. A chunk is small enough for a core's cache."""
        width, waiting = len(flight.held), len(queue.ids)
        shape = (width // min(self.chunk, width), min(self.chunk, width))
        chunks = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), flight)
        landed = Landed(
            rows=jnp.zeros((waiting + width, self.end_layout.width), self.dtype),
            ids=jnp.full(waiting + width, -1, queue.ids.dtype),
            count=jnp.int32(0),
            taken=jnp.int32(0),
            rounds=jnp.int32(0),
            visits=jnp.int32(0),
        )

        def on(carry: tuple[Flight, Landed]) -> Any:
            chunks, landed = carry
            more = landed.taken < queue.length
            return (landed.rounds < limits.rounds) & (more | (jnp.sum(chunks.held >= 0) > limits.few))

        def visit(index: Any, carry: tuple[Flight, Landed]) -> tuple[Flight, Landed]:
            chunks, landed = carry
            chunk = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False), chunks)
            chunk, landed = self._visit(chunk, queue, landed, limits.turns, shared)
            put = functools.partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=0)
            return jax.tree.map(put, chunks, chunk), landed

        def round_(carry: tuple[Flight, Landed]) -> tuple[Flight, Landed]:
            chunks, landed = jax.lax.fori_loop(0, len(carry[0].held), visit, carry)
            return chunks, dataclasses.replace(landed, rounds=landed.rounds + 1)

        chunks, landed = jax.lax.while_loop(on, round_, (chunks, landed))
        return jax.tree.map(lambda leaf: leaf.reshape(width, *leaf.shape[2:]), chunks), landed

    def _visit(self, chunk: Flight, queue: Queue, landed: Landed, turns: Any, shared: Any) -> tuple[Flight, Landed]:
        """Fill the free lanes of a chunk, advance it by some epochs, and take out the runs that have ended."""
        chunk, taken = jax.lax.cond(
            jnp.any(chunk.held < 0) & (landed.taken < queue.length),
            lambda: self._fill(chunk, queue, landed.taken),
            lambda: (chunk, landed.taken),
        )
        busy = jnp.any(chunk.held >= 0)
        run = chunk.lanes.run
        one = jax.vmap(lambda lane: advance(lane, shared, self.optimizer).state)

        def turn(_: Any, state: TrainState) -> TrainState:
            for _ in range(self.unroll):
                state = one(Lane(run, state))
            return state

        state = jax.lax.fori_loop(0, jnp.where(busy, turns, 0), turn, chunk.lanes.state)
        over = (chunk.held >= 0) & (state.status != Status.RUNNING)
        rows = jax.vmap(lambda state: Layout.pack(ended(state), self.dtype))(state)
        place = jnp.where(over, landed.count + jnp.cumsum(over) - 1, len(landed.ids))  # out of bounds: dropped
        landed = dataclasses.replace(
            landed,
            rows=landed.rows.at[place].set(rows, mode="drop"),
            ids=landed.ids.at[place].set(chunk.held, mode="drop"),
            count=landed.count + jnp.sum(over, dtype=jnp.int32),
            taken=taken,
            visits=landed.visits + busy,
        )
        return Flight(Lane(run, state), jnp.where(over, -1, chunk.held)), landed

    def _fill(self, chunk: Flight, queue: Queue, taken: Any) -> tuple[Flight, Any]:
        """Free lanes take the next runs of the queue, in order."""
        free = chunk.held < 0
        place = taken + jnp.cumsum(free) - 1
        filled = free & (place < queue.length)
        place = jnp.clip(place, 0, len(queue.ids) - 1)
        fresh = jax.vmap(lambda row: begin(self.run_layout.unpack(row), self.optimizer))(queue.rows[place])

        def choose(new: Any, old: Any) -> Any:
            return jnp.where(filled.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        chunk = Flight(jax.tree.map(choose, fresh, chunk.lanes), choose(queue.ids[place], chunk.held))
        return chunk, taken + jnp.sum(filled, dtype=taken.dtype)


ENGINES_KEPT = 32
_ENGINES: dict[Any, Engine] = {}
