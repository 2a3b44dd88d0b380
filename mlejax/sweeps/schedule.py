"""Runs are scheduled like requests: waiting ones enter lanes as finished ones leave them.

Runs share nothing, so neither do devices: each has a thread that calls a program again and again, with runs from one
line. A program sharded over all devices would end each call only when the slowest of them is done.
"""

import copy
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple

import jax
import numpy as np

from ..ascent.pace import Pace
from ..devices import Device, Tuning, own_settings, tuning
from ..progress import Tally
from .lanes import Ended, Engine, Limits, Queue, SharedSamples


def run_all(
    engine: Engine,
    devices: Sequence[Device],
    shared: SharedSamples,
    count: int,
    portions: Iterator[np.ndarray],
    rows_of: Callable[[np.ndarray], np.ndarray],
    tally: Tally,
    compiling: Callable[[bool], None],
) -> Generator[tuple[np.ndarray, Ended], None, None]:
    """Run all waiting runs to their ends.

    Args:
        engine: the compiled programs.
        devices: of one kind; no more of them are used than there are runs for.
        shared: train and validation samples that all runs share, or (None, None).
        count: how many runs wait, at least one.
        portions: their numbers in the order in which to start them, some at a time.
        rows_of: the packed `Run`s of run numbers; called from several threads.
        tally: counts epochs.
        compiling: told when compilation begins and ends.

    Yields:
        Numbers and stacked `Ended`s of runs that have ended, while the devices go on. To be closed when left
        early: each device then stops at the end of its call.
    """
    setting = tuning(devices[0])
    smallest = setting.smallest_raw if engine.raw else setting.smallest
    devices = _one_for_each_thread(devices[: -(-count // smallest)])
    most = setting.lanes_raw if engine.own else setting.lanes
    width = lanes_per_device(count, len(devices), setting._replace(lanes=most), smallest)
    line = Waiting(count, portions, len(devices), least=width // 8)
    mailbox = Mailbox(len(devices), setting.reports)
    new = any((width, device) not in engine.programs for device in devices)
    if new:
        compiling(True)

    def keep_at_work(device: Any) -> None:
        try:
            with own_settings():  # of each thread
                at_work = _Device(engine, device, width, shared)
                while at_work.takes_from(line):
                    mailbox.put(at_work.call(rows_of, line))
            mailbox.put(None)
        except BaseException as error:
            mailbox.put(error)

    pool, waits = ThreadPoolExecutor(len(devices), thread_name_prefix="mlejax"), True
    try:
        pool.map(keep_at_work, devices)
        for report in mailbox.reports():
            if new:
                compiling(new := False)
            tally.executed += report.executed
            tally.useful += int(report.states.epoch.sum())
            yield report.ids, report.states
    except KeyboardInterrupt:
        waits = not new  # nothing stops a compilation
        raise
    finally:
        line.close()
        mailbox.close()
        pool.shutdown(wait=waits)


def _one_for_each_thread(devices: Sequence[Device]) -> Sequence[Device]:
    """Return the device that each thread calls: the first CPU in place of all of them.

    What several threads call on one CPU device goes on at the same time, on a core each, and is compiled once.
    """
    return [devices[0]] * len(devices) if devices[0].platform == "cpu" else devices


def lanes_per_device(runs: int, devices: int, setting: Tuning, smallest: int) -> int:
    """Return a power of two."""
    wanted = max(1, runs // (setting.fillings * devices))
    return min(setting.lanes, max(smallest, 1 << (wanted.bit_length() - 1)))


class _Report(NamedTuple):
    """What one call did."""

    ids: np.ndarray  # of the runs that ended
    states: Ended
    executed: int  # epochs that lanes, busy or not, went through


class _Device:
    """One device: its lanes, and what it has learned about its own speed."""

    def __init__(self, engine: Engine, device: Any, width: int, shared: Any):
        self.engine, self.width, self.program = engine, width, engine.program(width, device)
        self.lanes, self.shared = jax.device_put((engine.empty(width), shared), device)
        # A copy: another sweep may be at work on the same device in another thread.
        least = 1 if engine.way == "loop" else engine.turns
        self.pace = copy.copy(engine.paces.get((width, device), Pace(least, least)))
        self.device = device
        self.busy, self.wanted = 0, min(2, engine.queue) * width  # lanes, and runs from the line
        self.ids, self.more = np.zeros(0, np.int64), False

    def takes_from(self, line: "Waiting") -> bool:
        """Take runs from the line. Return False once no work can arrive any more."""
        self.ids, self.more = line.take(self.wanted, wait=self.busy == 0)
        return (len(self.ids) > 0 or self.busy > 0) and not line.closed

    def call(self, rows_of: Callable[[np.ndarray], np.ndarray], line: "Waiting") -> _Report:
        """Take runs into lanes, go on with them, and take out those that end."""
        # A lane that is free while runs still stand in line ends the call; else it goes on to the end.
        limits = Limits(self.pace.turns, self.pace.rounds, np.int32(self.width - 1 if self.more else 0))
        queue, began = self._queue(rows_of), time.perf_counter()
        self.lanes, finished = self.program(self.lanes, queue, limits, self.shared)
        finished.rounds.block_until_ready()
        self.pace.learn(time.perf_counter() - began, int(finished.rounds), self.engine.turns)
        self.engine.paces[self.width, self.device] = copy.copy(self.pace)
        taken, count = int(finished.taken), int(finished.count)
        line.took(self.ids, taken)
        self.busy += taken - count
        self.wanted = min(2 * taken + self.width, self.engine.queue * self.width)
        chunk = min(self.engine.chunk, self.width)
        states = self.engine.end_layout.unpack(np.array(np.asarray(finished.rows)[:count]))
        ids = np.array(np.asarray(finished.ids)[:count])
        return _Report(ids, states, int(finished.visits) * int(limits.turns) * self.engine.unroll * chunk)

    def _queue(self, rows_of: Callable[[np.ndarray], np.ndarray]) -> Queue:
        n, room = len(self.ids), self.engine.queue * self.width
        rows = np.zeros((room, self.engine.run_layout.width), self.engine.dtype)
        ids = np.full(room, -1, np.int64)
        if n:
            rows[:n], ids[:n] = rows_of(self.ids), self.ids
        return Queue(rows, ids, np.int32(n))


class Waiting:
    """The runs that wait, in order. Several devices take from it, each in a thread of its own."""

    left: int  # how many have not been given yet
    portions: Iterator[np.ndarray]  # their numbers
    ahead: np.ndarray  # the numbers of the next ones
    back: np.ndarray  # given, but not taken into a lane: they come first
    devices: int
    least: int  # a device is given at least so many at once, if there are
    given: int  # runs of which it is not known yet whether they will come back
    closed: bool
    changed: threading.Condition

    def __init__(self, count: int, portions: Iterator[np.ndarray], devices: int, least: int):
        self.left, self.portions = count, portions
        self.ahead = self.back = np.zeros(0, np.int64)
        self.devices, self.least = devices, least
        self.given = 0
        self.closed = False
        self.changed = threading.Condition()

    def _length(self) -> int:
        return len(self.back) + self.left

    def _next(self, count: int) -> np.ndarray:
        """Return the next runs, so many or as many as are left."""
        count = min(count, self.left)
        while len(self.ahead) < count:
            self.ahead = np.concatenate([self.ahead, next(self.portions)])
        found, self.ahead = self.ahead[:count], self.ahead[count:]
        self.left -= count
        return found

    def take(self, wanted: int, wait: bool) -> tuple[np.ndarray, bool]:
        """Return at most a device's share of the runs, so that at the end none has all; and whether more stand in line.

        Args:
            wanted: at most so many.
            wait: whether to wait, where there are none, until none can come back any more.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.closed or not wait or self._length() or not self.given)
            count = min(wanted, max(self.least, -(-self._length() // self.devices)))
            ids, self.back = self.back[:count], self.back[count:]
            fresh = self._next(count - len(ids))
            self.given += len(ids) + len(fresh)
            return np.concatenate([ids, fresh]), self._length() > 0

    def took(self, given: np.ndarray, taken: int) -> None:
        """Note that a device has taken the first of what it was given; put the rest back at the head of the line."""
        with self.changed:
            self.given -= len(given)
            self.back = np.concatenate([given[taken:], self.back])
            self.changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Mailbox:
    """Where devices leave their reports: a few of each at most, so that a slow reader does not fill the memory."""

    devices: int
    items: "SimpleQueue[_Report | BaseException | None]"
    room: threading.Semaphore

    def __init__(self, devices: int, reports: int):
        self.devices, self.items, self.room = devices, SimpleQueue(), threading.Semaphore(reports * devices)

    def put(self, item: _Report | BaseException | None) -> None:
        """Leave a report, None for the last word of a device, or what ended it."""
        self.room.acquire()
        self.items.put(item)

    def reports(self) -> Iterator[_Report]:
        """Yield reports until every device has had its last word."""
        ended = 0
        while ended < self.devices:
            item = self.items.get()
            self.room.release()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                ended += 1
            else:
                yield item

    def close(self) -> None:
        """Stop reading; release enough slots that no device blocks in `put`."""
        self.room.release(2 * self.devices)
