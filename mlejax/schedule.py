"""Runs are scheduled like requests: waiting ones enter lanes as finished ones leave them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from .lanes import QUEUE, Engine, Flight, Landed, Limits, Queue

SECONDS_PER_CALL = 0.25
"""How long compiled code may run before Python looks at progress, Ctrl-C and the disk."""

FILLINGS = 8
"""How many runs per lane there should be: fewer, and many lanes stand empty while the last runs end."""


class Tuning(NamedTuple):
    """What a backend likes, measured in `benchmarks/`."""

    lanes: int  # per device, at most
    chunk: int  # lanes that are advanced together
    epochs: int  # per visit to a chunk


# One chunk: the last runs would leave half empty ones behind, and more lanes are no faster.
CPU = Tuning(lanes=256, chunk=256, epochs=128)
# On an accelerator an epoch costs its launches, whatever the width: the wider the better.
ACCELERATOR = Tuning(lanes=65536, chunk=65536, epochs=256)


SMALLEST = 64
"""Lanes per device at least: enough for the vector units."""


def tuning(mesh: Mesh) -> Tuning:
    """The one place where backends are told apart."""
    return CPU if mesh.devices.flat[0].platform == "cpu" else ACCELERATOR


class Tally:
    """What a sweep has cost so far."""

    def __init__(self) -> None:
        self.useful = 0  # epochs of runs that have ended
        self.executed = 0  # epochs that lanes, busy or not, went through


def run_all(
    engine: Engine,
    shared: Any,
    waiting: np.ndarray,
    rows_of: Callable[[np.ndarray], np.ndarray],
    land: Callable[[np.ndarray, Any], None],
    tally: Tally,
    compiling: Callable[[bool], None],
) -> Iterator[int]:
    """Run all waiting runs to their ends.

    Args:
        engine: the compiled programs.
        shared: train and validation samples that all runs share, or (None, None).
        waiting: run numbers in the order in which to start them.
        rows_of: the packed `Run`s of run numbers.
        land: told the numbers and stacked `ended` states of runs that have ended, before the devices go on: what it
            asks of them they do first.
        tally: counts epochs.
        compiling: told when compilation begins and ends.

    Yields:
        How many runs have landed, while the devices go on.
    """
    setting, devices = tuning(engine.mesh), engine.mesh.devices.size
    shared = jax.device_put(shared, engine.replicated)
    line, pace = _Line(waiting, rows_of), _Pace(setting.epochs, devices)
    width = devices * lanes_per_device(len(waiting), devices, setting)
    if width not in engine.programs:
        compiling(True)
    program = engine.program(width)
    compiling(False)
    busy = np.zeros(devices, np.int64)
    with ThreadPoolExecutor(devices) as watchers:

        def call(flight: Flight) -> _Call:
            queue, dealt = line.deal(engine, width)
            # A lane that is free while more runs wait than were dealt ends the call; else it goes on to the end.
            few = width // devices - 1 if line.length > len(dealt) else 0
            began = time.perf_counter()
            flight, landed = program(flight, queue, Limits(pace.epochs, pace.rounds, np.int32(few)), shared)
            seconds = watchers.map(lambda shard: _seconds_until(shard.data, began), landed.rounds.addressable_shards)
            return _Call(flight, landed, dealt, pace.epochs, seconds)

        now = call(engine.empty(width)) if line.length else None
        while now is not None:
            seconds, landed = np.array(list(now.seconds)), _Report(engine, now.landed)
            pace.learn(seconds, landed.rounds)
            line.took(now.dealt, landed.taken)
            busy += landed.taken - landed.count
            tally.executed += int(landed.visits.sum() * now.epochs) * min(engine.chunk, width // devices)
            tally.useful += int(landed.states[4].sum())
            land(landed.ids, landed.states)
            now = call(now.flight) if line.length or busy.any() else None
            yield len(landed.ids)


class _Call(NamedTuple):
    """A call that has been launched."""

    flight: Flight
    landed: Landed
    dealt: np.ndarray  # run numbers
    epochs: np.int32  # per visit
    seconds: Iterator[float]  # that each device takes


def _seconds_until(array: jax.Array, began: float) -> float:
    array.block_until_ready()
    return time.perf_counter() - began


def lanes_per_device(runs: int, devices: int, setting: Tuning) -> int:
    """A power of two."""
    wanted = max(1, runs // (FILLINGS * devices))
    return min(setting.lanes, max(SMALLEST, 1 << (wanted.bit_length() - 1)))


class _Line:
    """The runs that wait, in order."""

    def __init__(self, waiting: np.ndarray, rows_of: Callable[[np.ndarray], np.ndarray]):
        self.waiting, self.rows_of, self.next = waiting, rows_of, 0
        self.back = waiting[:0]  # dealt, but not taken: they come first
        self.appetite = 0  # twice what a device took last

    @property
    def length(self) -> int:
        return len(self.back) + len(self.waiting) - self.next

    def deal(self, engine: Engine, width: int) -> tuple[Queue, np.ndarray]:
        """The next runs, dealt to the devices in turn; and their numbers in the order of the line."""
        devices = engine.mesh.devices.size
        each = QUEUE * width // devices
        wanted = max(0, min(each, self.appetite + width // devices) * devices - len(self.back))
        ids = np.concatenate([self.back, self.waiting[self.next : self.next + wanted]])
        self.next += min(wanted, len(self.waiting) - self.next)
        self.back = ids
        queue = Queue(
            rows=np.zeros((devices, each, engine.run_layout.width), engine.dtype),
            ids=np.full((devices, each), -1, np.int64),
            length=np.zeros(devices, np.int32),
        )
        if len(ids):
            rows = self.rows_of(ids)
            for device in range(devices):
                mine = slice(device, None, devices)
                n = queue.length[device] = len(ids[mine])
                queue.rows[device, :n], queue.ids[device, :n] = rows[mine], ids[mine]
        flat = Queue(queue.rows.reshape(-1, engine.run_layout.width), queue.ids.reshape(-1), queue.length)
        return jax.device_put(flat, engine.sharding), ids

    def took(self, given: np.ndarray, taken: np.ndarray) -> None:
        """What the devices did not take stays at the head of the line."""
        self.appetite = 2 * int(taken.max())
        left = np.ones(len(given), bool)
        for device, count in enumerate(taken):
            left[device :: len(taken)][:count] = False
        self.back = given[left]


class _Pace:
    """How much each device does in a call, so that it takes `SECONDS_PER_CALL`: cores differ, and change."""

    def __init__(self, epochs: int, devices: int):
        self.most, self.epochs, self.rounds = epochs, np.int32(1), np.ones(devices, np.int32)

    def learn(self, seconds: np.ndarray, rounds: np.ndarray) -> None:
        """From the last call. Whole rounds of the most epochs, unless one alone takes too long; at most eightfold."""
        before = self.rounds * self.epochs
        total = np.minimum(SECONDS_PER_CALL * rounds * self.epochs / seconds, 8 * before)
        total = np.where(rounds > 0, total, before)  # a device without runs has shown nothing
        self.epochs = np.int32(np.clip(total.min(), 1, self.most))
        self.rounds = np.maximum(total / self.epochs, 1).astype(np.int32)


class _Report:
    """A `Landed` as NumPy: counts by device, and the runs that ended on any of them."""

    def __init__(self, engine: Engine, landed: Landed):
        devices = engine.mesh.devices.size
        self.count, self.taken = np.asarray(landed.count), np.asarray(landed.taken)
        self.rounds, self.visits = np.asarray(landed.rounds), np.asarray(landed.visits)
        rows = np.asarray(landed.rows).reshape(devices, -1, engine.end_layout.width)
        ids = np.asarray(landed.ids).reshape(devices, -1)
        self.ids = np.concatenate([part[:n] for part, n in zip(ids, self.count, strict=True)])
        rows = np.concatenate([part[:n] for part, n in zip(rows, self.count, strict=True)])
        self.states = engine.end_layout.unpack(rows)
