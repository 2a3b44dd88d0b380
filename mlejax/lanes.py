"""Runs are scheduled like requests: lanes of a fixed width, refilled as runs end.

A lane holds one run in flight. Compiled code advances all lanes by some epochs; then the runs that have ended are taken
out and waiting ones are put in, so that one slow run never holds the others. Once nothing waits, the lanes that are
still busy are gathered into fewer.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .models.base import Model
from .sample import Sample
from .status import Status
from .training import TrainState, init_state, train_step


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


class Tuning(NamedTuple):
    """What a backend likes, measured in `benchmarks/`."""

    width: int  # lanes per device
    narrowest: int  # lanes per device below which narrower is not faster
    epochs: int  # per call


CPU = Tuning(width=4096, narrowest=64, epochs=128)
# On an accelerator every epoch costs a launch, whatever the width.
ACCELERATOR = Tuning(width=65536, narrowest=1024, epochs=256)


def tuning(mesh: Mesh) -> Tuning:
    """The one place where backends are told apart."""
    return CPU if mesh.devices.flat[0].platform == "cpu" else ACCELERATOR


# One run ------------------------------------------------------------------------------------------------------------


def begin(run: Run, optimizer: Any) -> Lane:
    """A lane at its run's start."""
    return Lane(run, init_state(run.start, optimizer=optimizer))


def advance(lane: Lane, shared: tuple[Any, Any], optimizer: Any) -> Lane:
    """One epoch of a lane."""
    run = lane.run
    train, validation = (run.train, run.validation) if run.train is not None else shared
    state, _ = train_step(
        lane.state, train, validation, run.learning_rate,
        patience=run.patience, tolerance=run.tolerance, max_epochs=run.max_epochs, optimizer=optimizer,
    )  # fmt: skip
    return Lane(run, state)


# Packing: a pytree of scalars and small arrays as one row of floats, so that one transfer moves a whole batch -------


class Layout:
    """How a pytree is laid out in a row of one floating-point type. Whole numbers up to 2^24 are exact in it."""

    def __init__(self, example: Any):
        leaves, self.tree = jax.tree.flatten(example)
        self.shapes = [np.shape(leaf) for leaf in leaves]
        self.types = [jnp.result_type(leaf) for leaf in leaves]
        self.ends = np.cumsum([0, *(int(np.prod(shape)) for shape in self.shapes)])
        self.width = int(self.ends[-1])

    def unpack(self, rows: Any) -> Any:
        """The pytree of a row, or of rows (n, width)."""
        parts = [rows[..., a:b] for a, b in zip(self.ends[:-1], self.ends[1:], strict=True)]
        leaves = [
            part.reshape(*part.shape[:-1], *shape).astype(dtype)
            for part, shape, dtype in zip(parts, self.shapes, self.types, strict=True)
        ]
        return jax.tree.unflatten(self.tree, leaves)

    @staticmethod
    def pack(tree: Any, dtype: Any) -> Any:
        """One row of a pytree."""
        return jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in jax.tree.leaves(tree)])


def ended(state: TrainState) -> Any:
    """What `conclude` needs of a run that has ended."""
    return state.model, state.best_model, state.best_log_likelihood, state.best_epoch, state.epoch, state.status


# All lanes -----------------------------------------------------------------------------------------------------------


class Engine:
    """The compiled programs for runs of one kind, a program per width; kept from one sweep to the next."""

    def __init__(self, run: Run, shared: Any, optimizer: Any, dtype: np.dtype, mesh: Mesh):
        self.optimizer, self.dtype, self.mesh = optimizer, dtype, mesh
        self.run_layout = Layout(run)
        lane = jax.eval_shape(functools.partial(begin, optimizer=optimizer), run)
        self.end_layout = Layout(ended(lane.state))
        self.lane = lane
        self.shared = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)), shared)
        self.programs: dict[int, Callable[..., Any]] = {}
        self.compile_seconds = 0.0
        self.sharding = NamedSharding(mesh, PartitionSpec("runs"))
        self.replicated = NamedSharding(mesh, PartitionSpec())

    @classmethod
    def of(cls, run: Run, shared: Any, optimizer: Any, dtype: np.dtype, mesh: Mesh) -> "Engine":
        """The engine for runs of this kind, from an earlier sweep where there was one."""
        example = (run, shared)
        shapes = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(example))
        key = (jax.tree.structure(example), shapes, optimizer, dtype, mesh)
        if key not in _ENGINES:
            if len(_ENGINES) >= ENGINES_KEPT:
                _ENGINES.pop(next(iter(_ENGINES)))
            _ENGINES[key] = cls(run, shared, optimizer, dtype, mesh)
        return _ENGINES[key]

    def _step(self, lanes: Lane, rows: Any, fresh: Any, epochs: Any, shared: Any) -> tuple[Lane, Any]:
        """Put waiting runs in where `fresh`, advance all lanes, and report their states as rows."""

        def refill() -> Lane:
            started = jax.vmap(lambda row: begin(self.run_layout.unpack(row), self.optimizer))(rows)

            def choose(new: Any, old: Any) -> Any:
                return jnp.where(fresh.reshape(-1, *[1] * (new.ndim - 1)), new, old)

            return jax.tree.map(choose, started, lanes)

        lanes = jax.lax.cond(jnp.any(fresh), refill, lambda: lanes)
        one = jax.vmap(lambda lane: advance(lane, shared, self.optimizer))
        states = jax.lax.fori_loop(0, epochs, lambda _, states: one(Lane(lanes.run, states)).state, lanes.state)
        report = jax.vmap(lambda state: Layout.pack(ended(state), self.dtype))(states)
        return Lane(lanes.run, states), report

    def program(self, width: int) -> Callable[..., Any]:
        """The compiled step for this many lanes over all devices."""
        if width not in self.programs:
            began = time.perf_counter()
            runs, everywhere = PartitionSpec("runs"), PartitionSpec()
            mapped = jax.shard_map(
                self._step,
                mesh=self.mesh,
                in_specs=(runs, runs, runs, everywhere, everywhere),
                out_specs=runs,
                check_vma=False,
            )
            arguments = (
                jax.eval_shape(lambda: self._idle(width)),
                jax.ShapeDtypeStruct((width, self.run_layout.width), self.dtype),
                jax.ShapeDtypeStruct((width,), jnp.bool_),
                jax.ShapeDtypeStruct((), jnp.int32),
                self.shared,
            )
            shardings = (self.sharding, self.sharding, self.sharding, self.replicated, self.replicated)
            jitted = jax.jit(mapped, in_shardings=shardings, out_shardings=self.sharding, donate_argnums=0)
            self.programs[width] = jitted.lower(*arguments).compile()
            self.compile_seconds = max(self.compile_seconds, time.perf_counter() - began)
        return self.programs[width]

    def _idle(self, width: int) -> Lane:
        """Lanes without a run."""
        lanes = jax.tree.map(lambda leaf: jnp.zeros((width, *leaf.shape), leaf.dtype), self.lane)
        return eqx.tree_at(lambda x: x.state.status, lanes, lanes.state.status + int(Status.MAX_EPOCHS))

    def idle(self, width: int) -> Lane:
        return jax.device_put(self._idle(width), self.sharding)


ENGINES_KEPT = 32
_ENGINES: dict[Any, Engine] = {}


class Batch:
    """Lanes that are advanced together, and which run each of them holds (-1: none)."""

    def __init__(self, engine: Engine, width: int, lanes: Lane | None = None, held: np.ndarray | None = None):
        self.engine, self.width = engine, width
        self.lanes = engine.idle(width) if lanes is None else lanes
        self.held = np.full(width, -1, np.int64) if held is None else held
        self.fresh = np.zeros(width, bool)
        self.rows = np.zeros((width, engine.run_layout.width), engine.dtype)
        self.report: Any = None

    def put(self, ids: np.ndarray, rows: np.ndarray) -> None:
        """Let free lanes hold these runs from the next step on."""
        free = np.flatnonzero(self.held < 0)[: len(ids)]
        self.held[free], self.rows[free], self.fresh[free] = ids, rows, True

    def step(self, epochs: int, shared: Any) -> None:
        """Start a step; `collect` waits for it."""
        program = self.engine.program(self.width)
        # Copies: the arrays are changed while the step may still be reading them.
        rows, fresh = jax.device_put((self.rows.copy(), self.fresh.copy()), self.engine.sharding)
        self.lanes, self.report = program(self.lanes, rows, fresh, np.int32(epochs), shared)
        self.fresh[:] = False

    def collect(self) -> tuple[np.ndarray, Any]:
        """The runs that have ended, and their states (rows)."""
        report = np.asarray(self.report)
        over = np.flatnonzero((self.held >= 0) & (report[:, -1] != Status.RUNNING))
        ids = self.held[over]
        self.held[over] = -1
        return ids, report[over]

    @property
    def busy(self) -> int:
        return int(np.count_nonzero(self.held >= 0))


class Tally:
    """What a sweep has cost so far."""

    def __init__(self) -> None:
        self.useful = 0  # epochs of runs that have ended
        self.executed = 0  # epochs that lanes, busy or not, went through
        self.compile_seconds = 0.0


def run_all(
    engine: Engine,
    shared: Any,
    waiting: np.ndarray,
    rows_of: Callable[[np.ndarray], np.ndarray],
    tally: Tally,
    compiling: Callable[[bool], None],
) -> Iterator[tuple[np.ndarray, Any]]:
    """Run all waiting runs to their ends.

    Args:
        engine: the compiled programs.
        shared: train and validation samples that all runs share, or (None, None).
        waiting: run numbers in the order in which to start them.
        rows_of: the packed `Run`s of run numbers.
        tally: counts epochs.
        compiling: told when compilation begins and ends.

    Yields:
        Run numbers and their `ended` states, stacked, as they end.
    """
    setting, count = tuning(engine.mesh), engine.mesh.devices.size
    width = count * first_width(len(waiting), count, setting)
    shared = jax.device_put(shared, engine.replicated)

    def compiled(width: int) -> None:
        if width not in engine.programs:
            compiling(True)
            engine.program(width)
            compiling(False)

    compiled(width)
    batches = [Batch(engine, width) for _ in range(2 if len(waiting) > width else 1)]
    queue = _Queue(waiting, rows_of)
    wasted, began = 0.0, time.perf_counter()
    for batch in batches:
        queue.fill(batch)
        batch.step(setting.epochs, shared)
    while batches:
        # While Python looks at one batch, the devices advance the other.
        batch = batches.pop(0)
        ids, rows = batch.collect()
        elapsed, began = time.perf_counter() - began, time.perf_counter()
        tally.executed += setting.epochs * batch.width
        wasted += elapsed * (1 - batch.busy / batch.width) if queue.empty else 0.0
        if len(ids):
            states = engine.end_layout.unpack(rows)
            tally.useful += int(states[4].sum())
            yield ids, states
        queue.fill(batch)
        narrower = None
        if queue.empty and not batch.fresh.any():
            narrower = _narrower([batch, *batches], count, setting)
        # Worth compiling for once empty lanes have cost as much as compiling would.
        if narrower is not None and (narrower in engine.programs or wasted > engine.compile_seconds):
            compiled(narrower)
            batch, batches, wasted = _gather([batch, *batches], narrower), [], 0.0
        if batch.busy:
            batch.step(setting.epochs, shared)
            batches.append(batch)
    tally.compile_seconds = engine.compile_seconds


def first_width(runs: int, devices: int, setting: Tuning) -> int:
    """Lanes per device, a power of two: several fillings per lane, so that the last runs leave few lanes empty."""
    wanted = max(1, runs // (8 * devices))
    return min(setting.width, max(setting.narrowest, 1 << (wanted - 1).bit_length()))


class _Queue:
    def __init__(self, waiting: np.ndarray, rows_of: Callable[[np.ndarray], np.ndarray]):
        self.waiting, self.rows_of, self.next = waiting, rows_of, 0

    @property
    def empty(self) -> bool:
        return self.next >= len(self.waiting)

    def fill(self, batch: Batch) -> None:
        ids = self.waiting[self.next : self.next + batch.width - batch.busy]
        self.next += len(ids)
        if len(ids):
            batch.put(ids, self.rows_of(ids))


def _narrower(batches: list[Batch], devices: int, setting: Tuning) -> int | None:
    """The width that holds all busy lanes, where it is at most half of what there is."""
    busy = sum(batch.busy for batch in batches)
    per_device = max(setting.narrowest, 1 << max(0, -(-busy // devices) - 1).bit_length())
    total = sum(batch.width for batch in batches)
    return per_device * devices if busy > 0 and per_device * devices <= total // 2 else None


def _gather(batches: list[Batch], width: int) -> Batch:
    """All busy lanes in one narrower batch, spread evenly over the devices."""
    for batch in batches[1:]:
        jax.block_until_ready(batch.report)
    engine = batches[0].engine
    busy = [np.flatnonzero(batch.held >= 0) for batch in batches]
    parts = [
        jax.tree.map(lambda leaf, index=index: leaf[index], jax.device_get(b.lanes))
        for b, index in zip(batches, busy, strict=True)
    ]
    held = np.concatenate([batch.held[index] for batch, index in zip(batches, busy, strict=True)])
    count = len(held)
    # Lane i goes to device i modulo their number, for an even share of the work.
    devices = engine.mesh.devices.size
    place = (np.arange(count) % devices) * (width // devices) + np.arange(count) // devices
    empty = jax.device_get(engine.idle(width))

    def put(target: np.ndarray, *sources: np.ndarray) -> np.ndarray:
        target = np.array(target)
        target[place] = np.concatenate(sources)
        return target

    lanes = jax.device_put(jax.tree.map(put, empty, *parts), engine.sharding)
    holds = np.full(width, -1, np.int64)
    holds[place] = held
    return Batch(engine, width, lanes, holds)
