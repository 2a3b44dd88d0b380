"""The results of runs as they come, in memory and on disk."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..ascent.outcome import Outcome
from ..likelihood import observed_information
from ..models import Model
from ..models.parameters import parameter_names
from ..results.schema import ARRIVED, QUANTITIES, blank
from ..results.sweep import SweepResult
from ..samples.datasets import Datasets
from ..samples.representation import Sample
from ..status import Status
from .plan import Plan

SECONDS_BETWEEN_SAVES = 10.0
"""How often batches that are not complete yet are written too."""

SECONDS_BETWEEN_LOOKS = 0.5
"""How often the first process looks whether the others have finished."""


class Results:
    """The results of runs by number, as they come; written to the store batch by batch where there is one."""

    def __init__(self, plan: Plan, start: Model, settings: dict[str, Any], out: str | Path | None, repair: bool):
        self.process, self.processes = jax.process_index(), jax.process_count()
        if self.processes > 1 and out is None:
            raise ValueError("a sweep over several processes needs out=, a directory that all of them reach")
        self.plan, self.tree, self.names = plan, jax.tree.structure(start), parameter_names(start)
        self.arrays = {name: blank(name, plan.shape) for name in (*self.names, *QUANTITIES)}
        self.store = None
        self.saved = time.monotonic()
        if out is not None:
            from ..store.store import Store

            self.store = Store(out, plan.axes, self.names, settings, repair, self.process)
            self.arrays.update(self.store.loaded or {})
            self.batch_of = self.store.batches_of(np.unravel_index(np.arange(plan.count), plan.shape))
            self.left = np.bincount(self.batch_of[self.waiting()], minlength=int(np.prod(self.store.grid)))
            self.unsaved: set[int] = set()

    def waiting(self) -> np.ndarray:
        """The numbers of the runs that are not finished: all of them, or every so many batches are this process's."""
        unfinished = np.flatnonzero(self.arrays["status"].ravel() == Status.RUNNING)
        if self.processes == 1:
            return unfinished
        return unfinished[self.batch_of[unfinished] % self.processes == self.process]

    def put(self, ids: np.ndarray, outcome: Outcome) -> None:
        """Keep what became of these runs, and write the batches that this completes."""
        for name, leaf in zip(self.names, jax.tree.leaves(outcome.model), strict=True):
            self.arrays[name].reshape(-1)[ids] = leaf
        for name in sorted(QUANTITIES, key=lambda name: name == "status"):  # it last: Ctrl-C may come in between
            self.arrays[name].reshape(-1)[ids] = getattr(outcome, name)
        if self.store is not None:
            touched, counts = np.unique(self.batch_of[ids], return_counts=True)
            self.left[touched] -= counts
            self.unsaved.update(touched.tolist())
            if time.monotonic() - self.saved < SECONDS_BETWEEN_SAVES:
                self._save([batch for batch in touched.tolist() if self.left[batch] == 0])
            else:
                self._save(list(self.unsaved))
                self.saved = time.monotonic()

    def _save(self, batches: list[int]) -> None:
        assert self.store is not None
        for batch in batches:
            self.store.save(batch, self.arrays)
            self.unsaved.discard(batch)

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: Any) -> None:
        """Whatever ends the sweep, the runs that have ended are on disk, and the directory is free."""
        if self.store is not None:
            try:
                self._save(list(self.unsaved))
            finally:
                self.store.close()

    def finish(self, data: Datasets, made: dict[str, Any], waiting_for: Callable[[int], None]) -> SweepResult:
        """The result, its attributes written to the store as well; of several processes, by the first.

        Args:
            data: the samples.
            made: how the results were made.
            waiting_for: told how many runs of other processes are not finished yet.
        """
        if self.store is not None and self.processes > 1 and self.process == 0:
            self._save(list(self.unsaved))
            while left := int(np.sum(self.store.statuses() == Status.RUNNING)):
                waiting_for(left)
                time.sleep(SECONDS_BETWEEN_LOOKS)
            self.arrays.update(self.store.reload())
        quantities = {name: self.arrays[name] for name in QUANTITIES}
        model = jax.tree.unflatten(self.tree, [self.arrays[name] for name in self.names])
        information = self._information(model, data)
        if self.store is not None and self.process == 0:
            numbers = [x if np.isfinite(x) else None for x in information.ravel().tolist()]  # JSON has no NaN
            self.store.describe(made | {"information": numbers})
        return SweepResult(axes=self.plan.axes, model=model, information=information, attributes=made, **quantities)

    def _information(self, model: Model, data: Datasets) -> np.ndarray:
        """Per observation, at the first estimate that arrived at a maximum; NaN where none came near one."""
        distance, size = self.arrays["distance"], len(self.names)
        # The first, not the nearest of all: which of many is nearest hangs on rounding.
        near = next((np.argmax(distance <= limit) for limit in (ARRIVED, 1.0) if np.any(distance <= limit)), None)
        if near is None:
            return np.full((size, size), np.nan)
        index = np.unravel_index(int(near), self.plan.shape)
        train, _ = data.of(int(index[0]))
        return np.asarray(_information(jax.tree.map(lambda leaf: leaf[index], model), train))


@jax.jit
def _information(model: Model, train: Sample) -> Any:
    return observed_information(model, train) / train.count
