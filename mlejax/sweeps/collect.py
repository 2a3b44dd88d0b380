"""The results of runs as they come: kept in memory, or written batch by batch and forgotten."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import devices
from ..checks import InputValueError
from ..results.schema import COMPUTED_BY
from ..status import Status
from ..store.files import StoreError
from ..store.layout import Description, Layout
from ..store.lock import is_held
from ..store.store import NOTHING, Store, open_store
from .others import Others

SECONDS_BETWEEN_SAVES = 4.0
"""How often batches that are not complete yet are written too, whatever the devices do meanwhile."""

SECONDS_BETWEEN_LOOKS = 0.5
"""How often the first process looks whether the others have finished."""

SECONDS_FOR_THE_FIRST = 30.0
"""How long the first process may take to come, where there is a store that others have opened already."""


class Collector:
    """The results of runs, by run number, whatever is kept of each.

    Without a store they are whole arrays. With one, only batches that are not complete are in memory; a thread writes
    them every few seconds, so that a kill loses no more than that.
    """

    process: int  # which of the processes of a sweep this is
    processes: int
    layout: Layout
    description: Description
    store: Store | None
    known: Mapping[str, np.ndarray]  # of every run before it is made, by the names of variables
    opened: float  # when it was made, in seconds
    looked: float  # when it last looked for the first process, likewise
    met: bool  # whether the first process was there
    guard: threading.RLock  # type: ignore[valid-type]
    closing: threading.Event
    status: Any  # of all runs: an array, or the store's
    arrays: dict[str, np.ndarray]  # of all runs, without a store
    others: Others  # with a store
    left: np.ndarray  # runs of each batch that have not ended
    writer: threading.Thread

    def __init__(
        self,
        layout: Layout,
        description: Description,
        store: Store | None,
        known: Mapping[str, np.ndarray] = NOTHING,
    ):
        """Start collecting.

        Args:
            layout: the axes and what is kept of every run.
            description: the settings, what computes, and the user's attributes.
            store: where the results go, if anywhere.
            known: what is known of every run before it is made, by the names of variables, of the shape of the axes.
        """
        self.process, self.processes = devices.process_index(), devices.process_count()
        self.layout, self.description, self.store, self.known = layout, description, store, known
        self.open: dict[int, dict[str, np.ndarray]] = {}  # batches that are not complete
        self.unsaved: set[int] = set()
        self.opened = self.looked = time.monotonic()
        self.met = store is not None and self.process > 0 and is_held(store.path)
        self.failure: BaseException | None = None
        self.guard, self.closing = threading.RLock(), threading.Event()
        if store is None:
            self.status = layout_status(layout).blank(layout.shape)
            self.arrays = {v.name: v.blank(layout.shape) for v in layout.variables} | {"status": self.status}
            return
        self.status, self.layout = store.status, store.layout
        self.others = Others(store.path, self.processes)
        self.left = self._count(self.waiting())
        self.writer = threading.Thread(target=self._write_now_and_then, name="mlejax-writer", daemon=True)
        self.writer.start()

    @classmethod
    def of(
        cls,
        layout: Layout,
        description: Description,
        *,
        out: str | Path | None = None,
        repair: bool = False,
        allow_mixed: bool = False,
        known: Mapping[str, np.ndarray] = NOTHING,
    ) -> "Collector":
        """Collect the runs of these axes, in a directory if one is given.

        Args:
            layout: the axes and what is kept of every run.
            description: the settings, what computes here, and the user's attributes.
            out: the directory.
            repair: as in `sweep`.
            allow_mixed: as in `sweep`.
            known: what is known of every run before it is made, by the names of variables, of the shape of the axes.
                A directory whose runs have others is refused.

        Raises:
            StoreError: the directory cannot be used.
            ValueError: there are several processes and no directory.
        """
        if devices.process_count() > 1 and out is None:
            raise InputValueError(
                f"a {description.kind} over several processes needs out=, a directory that all of them reach"
            )
        if out is None:
            return cls(layout, description, None, known)
        process = devices.process_index()
        store = open_store(
            out, layout, description, repair=repair, allow_mixed=allow_mixed, process=process, known=known
        )  # fmt: skip
        return cls(layout, description, store, known)

    def waiting(self) -> np.ndarray:
        """Return which runs this process is to make, of the shape of the axes.

        With several processes, those whose batch number is this process's modulo their count.
        """
        waiting = self.status == Status.RUNNING
        return waiting if self.processes == 1 else waiting & self._part(self.process)

    def _part(self, process: int) -> np.ndarray:
        """Return which runs one of several processes makes."""
        numbers = np.arange(self.layout.batches).reshape(self.layout.grid) % self.processes == process
        for axis, (size, n) in enumerate(zip(self.layout.batch, self.layout.shape, strict=True)):
            numbers = np.repeat(numbers, size, axis)[(slice(None),) * axis + (slice(n),)]
        return numbers

    def shares(self, waiting_for: Callable[[int], None]) -> Iterator[np.ndarray]:
        """Yield which runs this process is to make, of the shape of the axes: its own part; then, where this is the
        first, the parts of processes that are gone, until all runs have ended.

        Args:
            waiting_for: told how many runs of other processes have not ended.

        Raises:
            StoreError: a batch cannot be written.
        """
        yield self.waiting()
        if self.store is None or self.process > 0 or self.processes == 1:
            return
        with self.guard:
            self._save(list(self.unsaved))
        while np.any(left := self.store.statuses() == Status.RUNNING):
            parts = {process: left & self._part(process) for process in range(1, self.processes)}
            for process, runs in parts.items():
                if np.any(runs) and self.others.take_over(process, int(np.count_nonzero(runs))):
                    self.left = self._count(left)
                    yield runs
                    break
            else:
                waiting_for(int(np.count_nonzero(left)))
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def _count(self, waiting: np.ndarray) -> np.ndarray:
        """Return how many of these runs are in each batch."""
        places = map(self.layout.place, range(self.layout.batches))
        return np.array([np.count_nonzero(waiting[place]) for place in places])

    def stored(self) -> Mapping[str, Any] | None:
        """Return what describes the result if all of it is on disk already; otherwise None."""
        if self.store is None or not self.store.description.result.get("finished") or np.any(self.waiting()):
            return None
        self.store.describe(self.store.description.result, self.description.attributes)
        return self.store.description.result

    def put(self, ids: np.ndarray, found: Mapping[str, ArrayLike]) -> None:
        """Keep what became of these runs, and write the batches that this completes.

        Args:
            ids: run numbers, (m,).
            found: of each, by the names of variables; every array (m, ...).

        Raises:
            StoreError: a batch cannot be written.
        """
        found = {**found, **{name: values.flat[ids] for name, values in self.known.items()}}
        with self.guard:
            if self.store is None:
                _keep(self.arrays, np.unravel_index(ids, self.layout.shape), found, np.full(len(ids), True))
                return
            self.look()
            found = {**found, COMPUTED_BY.name: np.full(len(ids), self.store.way)}
            batches, position = self.layout.within(ids)
            for batch in np.unique(batches).tolist():
                here = batches == batch
                if batch not in self.open:
                    self.open[batch] = self.store.read_batch(batch)
                self.unsaved.add(batch)
                _keep(self.open[batch], tuple(index[here] for index in position), found, here)
                self.left[batch] -= np.count_nonzero(here)
                if self.left[batch] == 0:
                    self._save([batch])
                    del self.open[batch]

    def look(self) -> None:
        """End the sweep where results cannot be written, or where the first process has died.

        Raises:
            StoreError: one of the two.
        """
        if self.failure is not None:
            raise self.failure
        if self.store is not None and self.process > 0 and time.monotonic() - self.looked > SECONDS_BETWEEN_SAVES:
            self._look_for_the_first()

    def _look_for_the_first(self) -> None:
        """End a process that follows when the first has died, so that all can be started again."""
        assert self.store is not None
        self.looked = time.monotonic()
        if is_held(self.store.path):
            self.met = True
        elif (self.met or self.looked - self.opened > SECONDS_FOR_THE_FIRST) and np.any(
            self.store.statuses() == Status.RUNNING
        ):  # one that has not been met may be on its way
            raise StoreError(
                f"{self.store.path}: the first process of the {self.description.kind} has ended before its time. What "
                "this one has finished is on disk; start all processes again with the same commands."
            )

    def _save(self, batches: Iterable[int]) -> None:
        assert self.store is not None
        for batch in batches:
            self.store.write_batch(batch, self.open[batch])
            self.unsaved.discard(batch)

    def _write_now_and_then(self) -> None:
        while not self.closing.wait(SECONDS_BETWEEN_SAVES):
            with self.guard:
                try:
                    self._save(list(self.unsaved))
                except BaseException as failure:  # told by the next `put`, or at the end
                    self.failure = failure
                    return

    def __enter__(self) -> "Collector":
        return self

    def __exit__(self, *_: Any) -> None:
        """Put the runs that have ended on disk, whatever ends the sweep, and free the directory."""
        if self.store is not None:
            try:
                self.closing.set()
                self.writer.join()
                with self.guard:
                    self._save(list(self.unsaved))
            finally:
                self.store.close()
                self.others.close()

    def settle(self) -> Mapping[str, np.ndarray]:
        """Return the results of all runs by name, those of other processes as far as they have ended.

        Raises:
            StoreError: a batch cannot be written, or the first process has died.
        """
        if self.store is None:
            return self.arrays
        with self.guard:
            self._save(list(self.unsaved))
        if self.process > 0:
            self._look_for_the_first()
            while not self.met and time.monotonic() - self.opened <= SECONDS_FOR_THE_FIRST:
                if not np.any(self.store.statuses() == Status.RUNNING):
                    break
                time.sleep(SECONDS_BETWEEN_LOOKS)
                self._look_for_the_first()
            self._look_for_the_first()
        return self.store.arrays(status=self.store.statuses())

    @property
    def before(self) -> Mapping[str, Any]:
        """What described the result on disk before; nothing of a new one."""
        return {} if self.store is None else self.store.description.result

    @property
    def described(self) -> Description:
        """The description of the runs: of a store, which may have been made in several ways, its own."""
        return self.description if self.store is None else self.store.description

    def describe(self, result: Mapping[str, Any], status: np.ndarray) -> Mapping[str, Any]:
        """Record on disk what describes the result as a whole, and whether it is finished; return that.

        Args:
            result: plain values, as JSON has them.
            status: of all runs.
        """
        if self.store is None or self.process > 0:
            return result
        result = {**result, **({"finished": True} if np.all(status != Status.RUNNING) else {})}
        self.store.describe(result, self.description.attributes)
        return result

    def batch(self, number: int) -> dict[str, np.ndarray]:
        """Return what is kept of a batch by now."""
        if self.store is not None:
            return self.store.read_batch(number)
        return {name: values[self.layout.place(number)] for name, values in self.arrays.items()}


def layout_status(layout: Layout) -> Any:
    return next(variable for variable in layout.variables if variable.name == "status")


def _keep(
    arrays: Mapping[str, np.ndarray], index: tuple[np.ndarray, ...], found: Mapping[str, Any], these: np.ndarray
) -> None:
    """Copy some of the results to their places; the status last: Ctrl-C may come in between."""
    for name in sorted(arrays, key=lambda name: name == "status"):
        arrays[name][index] = np.asarray(found[name])[these]
