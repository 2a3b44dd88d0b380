"""Lanes: a batch of runs that compiled code refills as runs end, so that one slow run never holds others.

A lane holds one run. The compiled program goes round the lanes chunk by chunk: it takes waiting runs from a queue into
free lanes, advances the chunk by some epochs, and takes out the runs that have ended. All of it is about one device;
`schedule` keeps several at work.
"""

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import SingleDeviceSharding

from ..ascent.packing import Layout
from ..ascent.run import Run, advance, begin
from ..ascent.sense import Optimizer
from ..ascent.step import TrainState, select
from ..ascent.vary import Making
from ..devices import Device, Tuning, compiler_options
from ..models.base import Model
from ..samples.raw import Observations
from ..samples.representation import Sample
from ..status import Status
from .advance import ADVANCES
from .onward import goes_onward, onward


class Lane(eqx.Module):
    """One run under way."""

    run: Run[Any]
    state: TrainState[Any]


SharedSamples: TypeAlias = tuple[Sample | None, Sample | None]
"""The train and the validation sample that runs have in common; None where each has its own, or there is none."""


class Ended(NamedTuple):
    """What is kept of the state of a run that has ended: enough to measure what it found."""

    model: Model
    best_model: Model
    best_log_likelihood: Any
    best_epoch: Any
    epoch: Any
    status: Any

    @classmethod
    def of(cls, state: TrainState[Any]) -> "Ended":
        """Return what is kept of a state."""
        return cls(*(getattr(state, name) for name in cls._fields))

    def state(self) -> TrainState[Any]:
        """Return a state with nothing of the optimizer in it."""
        return TrainState(**self._asdict(), optimizer=())


def begin_lane(run: Run[Any], optimizer: Optimizer | Making | None) -> Lane:
    """Return a lane at its run's start. Its counters and status are floats like all else, exact to 2^24.

    Masks of one width over arrays of one type are what vector units do best.
    """
    state = begin(run, optimizer)
    dtype = state.best_log_likelihood.dtype
    counters = (state.best_epoch, state.epoch, state.status)
    floats = tuple(counter.astype(dtype) for counter in counters)
    return Lane(run, eqx.tree_at(lambda s: (s.best_epoch, s.epoch, s.status), state, floats))


def advance_lane(lane: Lane, shared: SharedSamples, optimizer: Optimizer | Making | None) -> Lane:
    """Return a lane after one more epoch; `shared` are the samples of all runs, where these have none of their own."""
    run = lane.run
    if run.train is None:
        run = dataclasses.replace(run, train=shared[0], validation=shared[1])
    return Lane(lane.run, advance(run, lane.state, optimizer)[0])


class Lanes(eqx.Module):
    """The lanes of a device. Leaves have a leading axis over lanes."""

    lane: Lane
    run_ids: Any  # (width,): the number of the run in each lane, -1 for none


class Queue(eqx.Module):
    """Runs that wait."""

    rows: Any  # (n, width of a row): packed `Run`s
    ids: Any  # (n,)
    length: Any  # how many there are; the rest of the rows means nothing


class Finished(eqx.Module):
    """What one call did."""

    rows: Any  # (n + width, width of a row): packed `Ended`s, in the order in which the runs ended
    ids: Any  # (n + width,)
    count: Any  # how many there are
    taken: Any  # runs taken from the queue
    rounds: Any  # rounds over all chunks
    visits: Any  # visits to chunks with a busy lane


class Limits(NamedTuple):
    """How long a call goes on; all traced."""

    turns: Any  # of `Engine.unroll` epochs, per visit to a chunk; of no use where the compiler knows `Engine.turns`
    rounds: Any  # over all chunks, at most
    few: Any  # once the queue is empty and no more lanes than this are busy, the call returns


class Engine:
    """The compiled programs for runs of one kind, by width and device; kept from one sweep to the next."""

    optimizer: Optimizer | Making | None
    dtype: np.dtype  # of the ascent, and of the rows
    own: bool  # whether each run has raw observations of its own, which take memory
    raw: bool  # whether runs pass over raw observations, their own or shared ones
    chunk: int  # lanes that are visited together
    plain: bool  # whether runs go `onward` until they end in the next epoch
    unroll: int  # epochs per turn
    turns: int  # per visit to a chunk, at most
    queue: int  # waiting runs that a call may take, per lane
    way: str  # in which a chunk goes on, of `ADVANCES`
    run_layout: Layout  # of a packed `Run`
    end_layout: Layout  # of a packed `Ended`
    lane: Lane  # the shapes of one
    shared: SharedSamples  # the shapes of the samples that all runs share
    jitted: Any  # `advance`, under `jax.jit`

    def __init__(
        self,
        run: Run[Any],
        shared: SharedSamples,
        optimizer: Optimizer | Making | None,
        dtype: np.dtype,
        setting: Tuning,
    ):
        self.optimizer, self.dtype = optimizer, dtype
        self.plain = optimizer is None and goes_onward(run)
        self.own = isinstance(run.train, Observations)
        self.raw = self.own or shared[0] is not None
        self.chunk = setting.chunk_raw if self.raw else setting.chunk
        self.queue = 2 if self.own else setting.queue
        # Passes over raw observations would only be compiled twice, and a call takes as long as it takes.
        self.unroll, self.way = (1, "loop") if self.raw else (setting.unroll, setting.advance)
        self.turns = max(1, setting.epochs // self.unroll)
        self.run_layout = Layout(run)
        self.lane = jax.eval_shape(functools.partial(begin_lane, optimizer=optimizer), run)
        self.end_layout = Layout(Ended.of(self.lane.state))
        if any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(self.lane)):
            self.lane = self._with_keys(run)
        self.shared = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)), shared)
        self.jitted = jax.jit(self.advance, donate_argnums=0)
        self.programs: dict[Any, Callable[..., tuple[Lanes, Finished]]] = {}
        self.compiling: dict[Any, threading.Lock] = {}  # two threads that ask for one program wait for one compilation
        self.paces: dict[Any, Any] = {}  # what `schedule` has learned about their speed

    @staticmethod
    def of(
        run: Run[Any], shared: SharedSamples, optimizer: Optimizer | Making | None, dtype: np.dtype, setting: Tuning
    ) -> "Engine":
        """Return the engine for runs of this kind, from an earlier sweep where there was one."""
        leaves, structure = jax.tree.flatten((run, shared))
        kinds = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        return _engine(structure, kinds, optimizer, dtype, setting)

    def program(self, width: int, device: Device) -> Callable[..., tuple[Lanes, Finished]]:
        """Return `advance`, compiled for this many lanes on this device. The `lanes` argument is donated."""
        key = width, device
        with self.compiling.setdefault(key, threading.Lock()):
            if key not in self.programs:
                here = SingleDeviceSharding(device)
                arguments = jax.tree.map(
                    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), self.arguments(width)
                )
                self.programs[key] = self.jitted.lower(*arguments).compile(compiler_options=compiler_options(device))
        return self.programs[key]

    def _with_keys(self, run: Run[Any]) -> Lane:
        """Return the shapes of a lane, and a key of the optimizer's kind wherever it holds one."""
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), run)
        made = jax.jit(functools.partial(begin_lane, optimizer=self.optimizer))(zeros)

        def keys(shape: Any, value: Any) -> Any:
            return value if jnp.issubdtype(shape.dtype, jax.dtypes.prng_key) else shape

        return jax.tree.map(keys, self.lane, made)

    def arguments(self, width: int) -> tuple[Lanes, Queue, Limits, SharedSamples]:
        """Return the shapes that a call takes."""
        n, number = self.queue * width, jax.ShapeDtypeStruct((), jnp.int32)
        queue = Queue(
            rows=jax.ShapeDtypeStruct((n, self.run_layout.width), self.dtype),
            ids=jax.ShapeDtypeStruct((n,), jnp.int64),
            length=number,
        )
        lanes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.empty(width))
        return lanes, queue, Limits(number, number, number), self.shared

    def empty(self, width: int) -> Lanes:
        """Return lanes without runs."""

        def blank(leaf: Any) -> Any:
            if isinstance(leaf, Array):  # the key of an optimizer that draws, which no zeros can stand for
                return jnp.broadcast_to(leaf, (width, *leaf.shape))
            return np.zeros((width, *leaf.shape), leaf.dtype)

        lane = jax.tree.map(blank, self.lane)
        lane.state.status[:] = int(Status.MAX_EPOCHS)
        return Lanes(lane, np.full(width, -1, np.int64))

    # What is compiled -----------------------------------------------------------------------------------------------

    def advance(self, lanes: Lanes, queue: Queue, limits: Limits, shared: SharedSamples) -> tuple[Lanes, Finished]:
        """Visit chunk after chunk of the lanes, round after round. A chunk is small enough for a core's cache."""
        width, waiting = len(lanes.run_ids), len(queue.ids)
        shape = (width // min(self.chunk, width), min(self.chunk, width))
        chunks = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), lanes)
        finished = Finished(
            rows=jnp.zeros((waiting + width, self.end_layout.width), self.dtype),
            ids=jnp.full(waiting + width, -1, queue.ids.dtype),
            count=jnp.int32(0),
            taken=jnp.int32(0),
            rounds=jnp.int32(0),
            visits=jnp.int32(0),
        )

        def on(carry: tuple[Lanes, Finished]) -> Any:
            chunks, finished = carry
            more = finished.taken < queue.length
            return (finished.rounds < limits.rounds) & (
                more | (jnp.sum(chunks.run_ids >= 0, dtype=jnp.int32) > limits.few)
            )

        def visit(index: Any, carry: tuple[Lanes, Finished]) -> tuple[Lanes, Finished]:
            chunks, finished = carry
            chunk = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False), chunks)
            chunk, finished = self._visit(chunk, queue, finished, limits.turns, shared)
            put = functools.partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=0)
            return jax.tree.map(put, chunks, chunk), finished

        def round_(carry: tuple[Lanes, Finished]) -> tuple[Lanes, Finished]:
            chunks, finished = jax.lax.fori_loop(0, len(carry[0].run_ids), visit, carry)
            return chunks, dataclasses.replace(finished, rounds=finished.rounds + 1)

        chunks, finished = jax.lax.while_loop(on, round_, (chunks, finished))
        return jax.tree.map(lambda leaf: leaf.reshape(width, *leaf.shape[2:]), chunks), finished

    def _visit(self, chunk: Lanes, queue: Queue, finished: Finished, turns: Any, shared: Any) -> tuple[Lanes, Finished]:
        """Fill the free lanes of a chunk, advance it by some epochs, and take out the runs that have ended."""
        chunk, taken = jax.lax.cond(
            jnp.any(chunk.run_ids < 0) & (finished.taken < queue.length),
            lambda: self._fill(chunk, queue, finished.taken),
            lambda: (chunk, finished.taken),
        )
        busy = jnp.any(chunk.run_ids >= 0)
        run, before = chunk.lane.run, chunk.lane.state
        turns = jnp.where(busy, turns, 0) if self.way == "loop" else self.turns
        if self.plain:
            running = before.status == Status.RUNNING
            last = jnp.where(running, run.stopping.max_epochs, 0)
            going = eqx.tree_at(lambda run: run.stopping.max_epochs, run, last)
            state = ADVANCES[self.way](onward, going, before, turns, self.unroll)
            stops = running & (state.epoch - before.epoch < jnp.asarray(turns * self.unroll, self.dtype))
        else:
            state = ADVANCES[self.way](functools.partial(self._step, shared), run, before, turns, self.unroll)
            stops = state.status != Status.RUNNING
        stops &= chunk.run_ids >= 0
        chunk, finished = Lanes(Lane(run, state), chunk.run_ids), dataclasses.replace(finished, taken=taken)
        chunk, finished = jax.lax.cond(
            jnp.any(stops), lambda: self._take_out(chunk, stops, finished, shared), lambda: (chunk, finished)
        )
        return chunk, dataclasses.replace(finished, visits=finished.visits + busy.astype(jnp.int32))

    def _step(self, shared: SharedSamples, run: Run[Any], state: TrainState[Any]) -> TrainState[Any]:
        return advance_lane(Lane(run, state), shared, self.optimizer).state

    def _take_out(self, chunk: Lanes, stops: Any, finished: Finished, shared: Any) -> tuple[Lanes, Finished]:
        """Take out the runs that have ended; of those that went `onward`, the ones that end in one epoch more."""
        state = chunk.lane.state
        if self.plain:
            last = jax.vmap(functools.partial(self._step, shared))(chunk.lane.run, state)
            state = jax.vmap(select)(stops, last, state)
        over = stops & (state.status != Status.RUNNING)
        rows = jax.vmap(lambda state: Layout.pack(Ended.of(state), self.dtype))(state)
        place = jnp.where(
            over, finished.count + jnp.cumsum(over, dtype=jnp.int32) - 1, len(finished.ids)
        )  # out of bounds: dropped
        finished = dataclasses.replace(
            finished,
            rows=finished.rows.at[place].set(rows, mode="drop"),
            ids=finished.ids.at[place].set(chunk.run_ids, mode="drop"),
            count=finished.count + jnp.sum(over, dtype=jnp.int32),
        )
        return Lanes(Lane(chunk.lane.run, state), jnp.where(over, -1, chunk.run_ids)), finished

    def _fill(self, chunk: Lanes, queue: Queue, taken: Any) -> tuple[Lanes, Any]:
        """Let free lanes take the next runs of the queue, in order."""
        free = chunk.run_ids < 0
        place = taken + jnp.cumsum(free, dtype=taken.dtype) - 1
        filled = free & (place < queue.length)
        place = jnp.clip(place, 0, len(queue.ids) - 1)
        fresh = jax.vmap(lambda row: begin_lane(self.run_layout.unpack(row), self.optimizer))(queue.rows[place])

        def choose(new: Any, old: Any) -> Any:
            return jnp.where(filled.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        chunk = Lanes(jax.tree.map(choose, fresh, chunk.lane), choose(queue.ids[place], chunk.run_ids))
        return chunk, taken + jnp.sum(filled, dtype=taken.dtype)


@functools.lru_cache(maxsize=32)
def _engine(structure: Any, kinds: Any, optimizer: Any, dtype: np.dtype, setting: Tuning) -> Engine:
    run, shared = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(shape, kind) for shape, kind in kinds])
    return Engine(run, shared, optimizer, dtype, setting)
