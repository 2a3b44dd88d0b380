"""The results of runs as they come: kept in memory, or written batch by batch and forgotten."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..ascent.outcome import Outcome
from ..checks import InputValueError
from ..likelihood import observed_information
from ..models.base import Model
from ..models.parameters import Parameters, parameter_names
from ..results.schema import ARRIVED, COMPUTED_BY, QUANTITIES, variables
from ..results.sweep import Provenance, SweepResult
from ..samples.representation import Sample
from ..samples.sources import Source
from ..status import Status
from ..store.files import StoreError
from ..store.layout import Description, Layout
from ..store.lock import is_held
from ..store.store import Store, open_store

SECONDS_BETWEEN_SAVES = 4.0
"""How often batches that are not complete yet are written too, whatever the devices do meanwhile."""

SECONDS_BETWEEN_LOOKS = 0.5
"""How often the first process looks whether the others have finished."""


class Collector:
    """The results of the runs of a sweep, by run number.

    Without a store they are whole arrays. With one, only batches that are not complete are in memory; a thread writes
    them every few seconds, so that a kill loses no more than that.
    """

    process: int  # which of the processes of a sweep this is
    processes: int
    layout: Layout
    start: Model
    description: Description
    store: Store | None
    names: tuple[str, ...]  # of the parameters
    looked: float  # when the writer last looked, in seconds
    guard: threading.RLock  # type: ignore[valid-type]
    closing: threading.Event
    status: Any  # of all runs: an array, or the store's
    arrays: dict[str, np.ndarray]  # of all runs, without a store
    left: np.ndarray  # runs of each batch that have not ended
    writer: threading.Thread

    def __init__(self, layout: Layout, start: Model, description: Description, store: Store | None):
        """Start collecting.

        Args:
            layout: the axes and what is kept of every run.
            start: one model.
            description: the settings, what computes, and the user's attributes.
            store: where the results go, if anywhere.
        """
        self.process, self.processes = jax.process_index(), jax.process_count()
        self.layout, self.start, self.description, self.store = layout, start, description, store
        self.names = parameter_names(start)
        self.open: dict[int, dict[str, np.ndarray]] = {}  # batches that are not complete
        self.unsaved: set[int] = set()
        self.looked = time.monotonic()
        self.failure: BaseException | None = None
        self.guard, self.closing = threading.RLock(), threading.Event()
        if store is None:
            self.status = layout_status(layout).blank(layout.shape)
            self.arrays = {v.name: v.blank(layout.shape) for v in layout.variables} | {"status": self.status}
            return
        self.status, self.layout = store.status, store.layout
        waiting = self.waiting()
        places = map(self.layout.place, range(self.layout.batches))
        self.left = np.array([np.count_nonzero(waiting[place]) for place in places])
        self.writer = threading.Thread(target=self._write_now_and_then, name="mlejax-writer", daemon=True)
        self.writer.start()

    @classmethod
    def of(
        cls,
        start: Model,
        axes: Mapping[str, np.ndarray],
        settings: Mapping[str, Any],
        computed_by: Mapping[str, Any],
        *,
        out: str | Path | None = None,
        repair: bool = False,
        allow_mixed: bool = False,
        attributes: Mapping[str, Any] | None = None,
    ) -> "Collector":
        """Collect the runs of these axes, in a directory if one is given.

        Args:
            start: one model.
            axes: name -> values.
            settings: what decides the results besides the axes, as JSON has it.
            computed_by: what decides their bits, likewise.
            out: the directory.
            repair: as in `sweep`.
            allow_mixed: as in `sweep`.
            attributes: the user's own, likewise.

        Raises:
            StoreError: the directory cannot be used.
            ValueError: there are several processes and no directory, or a parameter bears the name of a result.
        """
        if jax.process_count() > 1 and out is None:
            raise InputValueError("a sweep over several processes needs out=, a directory that all of them reach")
        layout = Layout.of(axes, variables(start))
        made = Description(dict(settings), [dict(computed_by)], dict(attributes or {}), {})
        if out is None:
            return cls(layout, start, made, None)
        store = open_store(
            out, layout, made, repair=repair, allow_mixed=allow_mixed, process=jax.process_index()
        )  # fmt: skip
        return cls(layout, start, made, store)

    def waiting(self) -> np.ndarray:
        """Return which runs this process is to make, of the shape of the axes.

        With several processes, those whose batch number is this process's modulo their count.
        """
        waiting = self.status == Status.RUNNING
        for number in range(self.layout.batches) if self.processes > 1 else ():
            if number % self.processes != self.process:
                waiting[self.layout.place(number)] = False
        return waiting

    def stored(self) -> SweepResult[Any] | None:
        """Return the result if all of it is on disk already, so that nothing need be drawn; otherwise None."""
        if self.store is None or not self.store.description.result.get("finished") or np.any(self.waiting()):
            return None
        self.store.describe(self.store.description.result, self.description.attributes)
        return self._result(self.store.description.result)

    def put(self, ids: np.ndarray, outcome: Outcome) -> None:
        """Keep what became of these runs, and write the batches that this completes.

        Args:
            ids: run numbers, (m,).
            outcome: of each, every leaf (m, ...).

        Raises:
            StoreError: a batch cannot be written.
        """
        found = dict(zip(self.names, jax.tree.leaves(outcome.model), strict=True))
        found |= {name: getattr(outcome, name) for name in QUANTITIES}
        with self.guard:
            if self.store is None:
                _keep(self.arrays, np.unravel_index(ids, self.layout.shape), found, np.full(len(ids), True))
                return
            self.look()
            found[COMPUTED_BY.name] = np.full(len(ids), self.store.way)
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
        if not is_held(self.store.path) and np.any(self.store.statuses() == Status.RUNNING):
            raise StoreError(
                f"{self.store.path}: the first process of the sweep has ended before its time. What this one has "
                "finished is on disk; start all processes again with the same commands."
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

    def finish(
        self,
        representation: str,
        device: str,
        executed: int,
        samples: Callable[[int], tuple[Sample, Sample | None]],
        waiting_for: Callable[[int], None],
    ) -> SweepResult[Any]:
        """Return the result, described on disk as well; of several processes, by the first.

        Args:
            representation: how the samples were held, in words.
            device: the devices, in words.
            executed: run-epochs that this call has executed.
            samples: the train and validation samples of a run, by its number.
            waiting_for: told how many runs of other processes have not ended.
        """
        if self.store is None:
            arrays: Mapping[str, np.ndarray] = self.arrays
            before: Mapping[str, Any] = {}
        else:
            with self.guard:
                self._save(list(self.unsaved))
            if self.processes > 1 and self.process == 0:
                while left := int(np.sum((status := self.store.statuses()) == Status.RUNNING)):
                    waiting_for(left)
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            else:
                if self.process > 0:
                    self._look_for_the_first()
                status = self.store.statuses()
            arrays, before = self.store.arrays(status=status), self.store.description.result
        useful, near = self._totals()
        information = self._information(near, samples)
        result = {
            "representation": representation,
            "device": device,
            # At least what the runs took: of a process that was killed it is not known what its idle lanes cost.
            "executed_run_epochs": max(executed + before.get("executed_run_epochs", 0), useful),
            "information": [x if np.isfinite(x) else None for x in information.ravel().tolist()],  # JSON has no NaN
        }
        if self.store is not None and self.process == 0:
            finished = bool(np.all(arrays["status"] != Status.RUNNING))
            result |= {"finished": True} if finished else {}
            self.store.describe(result, self.description.attributes)
        return self._result(result, arrays)

    def _result(self, result: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> SweepResult[Any]:
        description = self.description if self.store is None else self.store.description
        return SweepResult(
            axes=self.layout.axes,
            template=self.start,
            arrays=self.store.arrays() if arrays is None and self.store is not None else arrays or {},
            provenance=Provenance.of(description.settings, description.computed_by, result),
            attributes=self.description.attributes,
        )

    def _batch(self, number: int) -> dict[str, np.ndarray]:
        if self.store is not None:
            return self.store.read_batch(number)
        return {name: values[self.layout.place(number)] for name, values in self.arrays.items()}

    def _totals(self) -> tuple[int, int | None]:
        """Return the epochs of all runs together, and the first that arrived, or else came within a standard error.

        The first of those on the most observations, whose information is the least uncertain.
        """
        useful, first = 0, {}
        counts = self.layout.axes.get(Source.counts)
        for number in range(self.layout.batches):
            batch, place = self._batch(number), self.layout.place(number)
            useful += int(np.sum(batch["epochs"], dtype=np.int64))
            # The first, not the nearest of all: which of many is nearest hangs on rounding.
            for limit in (ARRIVED, 1.0):
                near = batch["distance"] <= limit
                if np.any(near):
                    inside = zip(self.layout.axes, place, np.nonzero(near), strict=True)
                    index = {name: part.start + i for name, part, i in inside}
                    runs = np.atleast_1d(np.ravel_multi_index(tuple(index.values()), self.layout.shape))
                    sizes = np.zeros(len(runs)) if counts is None else counts[index[Source.counts]]
                    most = int(np.argmax(sizes))
                    rank = (-int(sizes[most]), int(runs[most]))
                    first[limit] = min(rank, first.get(limit, rank))
        return useful, first.get(ARRIVED, first.get(1.0, (0, None)))[1]

    def _information(self, run: int | None, samples: Callable[[int], tuple[Sample, Sample | None]]) -> np.ndarray:
        """Return the information per observation at the estimate of a run; NaN where there is none."""
        if run is None:
            return np.full([Parameters.of(self.start).size] * 2, np.nan)
        numbers, within = self.layout.within(np.array([run]))
        batch = self._batch(int(numbers[0]))
        leaves = [batch[name][within][0] for name in self.names]
        train, _ = samples(run)
        return np.asarray(_information(jax.tree.unflatten(jax.tree.structure(self.start), leaves), train))


def layout_status(layout: Layout) -> Any:
    return next(variable for variable in layout.variables if variable.name == "status")


def _keep(
    arrays: Mapping[str, np.ndarray], index: tuple[np.ndarray, ...], found: Mapping[str, Any], these: np.ndarray
) -> None:
    """Copy some of the results to their places; the status last: Ctrl-C may come in between."""
    for name in sorted(arrays, key=lambda name: name == "status"):
        arrays[name][index] = np.asarray(found[name])[these]


@jax.jit
def _information(model: Model, train: Sample) -> Any:
    return observed_information(model, train) / train.count
