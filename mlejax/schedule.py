"""Runs are scheduled like requests: waiting ones enter lanes, finished ones leave, and the last share fewer lanes."""

import time
from collections.abc import Callable, Iterator
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


CPU = Tuning(lanes=512, chunk=256, epochs=128)
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
    setting, devices = tuning(engine.mesh), engine.mesh.devices.size
    shared = jax.device_put(shared, engine.replicated)
    line, pace = _Line(waiting, rows_of), _Pace(setting.epochs)
    width = devices * lanes_per_device(len(waiting), devices, setting)
    if width not in engine.programs:
        compiling(True)
    program = engine.program(width)
    compiling(False)
    flight, busy = engine.empty(width), np.zeros(devices, np.int64)
    while line.length or busy.any():
        queue, dealt = line.deal(engine, width)
        soon_busy = np.minimum(width // devices, busy + np.asarray(queue.length))
        # The queue being empty, a call ends when no more lanes than this are busy on a device: when one is free, where
        # more runs wait than were dealt; otherwise when a quarter is free and the rest worth moving together.
        few = width // devices - 1 if line.length > len(dealt) else int(soon_busy.max() * 3 // 4)
        began = time.perf_counter()
        flight, landed = program(flight, queue, pace.limits(few), shared)
        landed = _Report(engine, landed)
        pace.learn(time.perf_counter() - began, int(landed.rounds.max()))
        line.took(dealt, landed.taken)
        busy += landed.taken - landed.count
        tally.executed += int(landed.visits.sum()) * pace.used * min(engine.chunk, width // devices)
        if len(landed.ids):
            tally.useful += int(landed.states[4].sum())
            yield landed.ids, landed.states
        if not line.length and busy.any():
            flight, busy = _move_together(engine, flight, width)


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
    """How many epochs a call goes through, so that it takes about `SECONDS_PER_CALL`."""

    def __init__(self, epochs: int):
        self.most, self.epochs, self.rounds, self.used = epochs, 1, 1, 1

    def limits(self, few: int) -> Limits:
        self.used = self.epochs
        return Limits(np.int32(self.epochs), np.int32(self.rounds), np.int32(few))

    def learn(self, seconds: float, rounds: int) -> None:
        """Whole rounds of the most epochs, unless one alone takes too long. At most eightfold from call to call."""
        if rounds:
            total = min(SECONDS_PER_CALL * self.used * rounds / seconds, 8 * self.epochs * self.rounds)
            self.epochs = max(1, min(self.most, int(total)))
            self.rounds = max(1, int(total / self.epochs))


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


def _move_together(engine: Engine, flight: Flight, width: int) -> tuple[Flight, np.ndarray]:
    """All busy lanes in as few chunks as possible, the devices even; and how many each device then has."""
    whole = jax.device_get(flight)
    busy = np.flatnonzero(whole.held >= 0)
    devices, count = engine.mesh.devices.size, np.arange(len(busy))
    place = (count % devices) * (width // devices) + count // devices

    def put(empty: np.ndarray, leaf: np.ndarray) -> np.ndarray:
        empty = np.array(empty)
        empty[place] = leaf[busy]
        return empty

    moved = jax.device_put(jax.tree.map(put, jax.device_get(engine.empty(width)), whole), engine.sharding)
    return moved, np.bincount(count % devices, minlength=devices)
