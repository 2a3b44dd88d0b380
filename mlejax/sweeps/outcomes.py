"""The outcomes of the runs of a sweep: kept as columns, and put together to its result."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic

import jax
import numpy as np

from ..ascent.outcome import Outcome
from ..likelihood import observed_information
from ..models.base import M, Model
from ..models.parameters import Parameters, parameter_names
from ..results.schema import ARRIVED, QUANTITIES
from ..results.sweep import Provenance, SweepResult
from ..samples.representation import Sample
from ..samples.sources import Source
from .collect import Collector


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes(Generic[M]):
    """The outcomes of the runs of a sweep, by run number."""

    start: M  # one model
    kept: Collector

    def put(self, ids: np.ndarray, outcome: Outcome[M]) -> None:
        """Keep what became of these runs.

        Args:
            ids: run numbers, (m,).
            outcome: of each, every leaf (m, ...).

        Raises:
            StoreError: a batch cannot be written.
        """
        self.kept.put(ids, columns_of(outcome))

    def stored(self) -> SweepResult[M] | None:
        """Return the result if all of it is on disk already, so that nothing need be drawn; otherwise None."""
        result, store = self.kept.stored(), self.kept.store
        return None if result is None or store is None else self._result(result, store.arrays())

    def finish(
        self,
        representation: str,
        device: str,
        executed: int,
        samples: Callable[[int], tuple[Sample, Sample | None]],
    ) -> SweepResult[M]:
        """Return the result, described on disk as well; of several processes, by the first.

        Args:
            representation: how the samples were held, in words.
            device: the devices, in words.
            executed: run-epochs that this call has executed.
            samples: the train and validation samples of a run, by its number.
        """
        arrays = self.kept.settle()
        useful, near = self.totals()
        information = self._information(near, samples)
        result = {
            "representation": representation,
            "device": device,
            # At least what the runs took: of a process that was killed it is not known what its idle lanes cost.
            "executed_run_epochs": max(executed + self.kept.before.get("executed_run_epochs", 0), useful),
            "information": [x if np.isfinite(x) else None for x in information.ravel().tolist()],  # JSON has no NaN
        }
        return self._result(self.kept.describe(result, arrays["status"]), arrays)

    def _result(self, result: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> SweepResult[M]:
        made = self.kept.described
        return SweepResult(
            axes=self.kept.layout.axes,
            template=self.start,
            arrays=arrays,
            provenance=Provenance.of(made.settings, made.computed_by, result),
            attributes=self.kept.description.attributes,
        )

    def totals(self) -> tuple[int, int | None]:
        """Return the epochs of all runs together, and the first that arrived, or else came within a standard error.

        The first of those on the most observations, whose information is the least uncertain.
        """
        useful, first, layout = 0, {}, self.kept.layout
        counts = layout.axes.get(Source.counts)
        for number in range(layout.batches):
            batch, place = self.kept.batch(number), layout.place(number)
            useful += int(np.sum(batch["epochs"], dtype=np.int64))
            # The first, not the nearest of all: which of many is nearest hangs on rounding.
            for limit in (ARRIVED, 1.0):
                near = batch["distance"] <= limit
                if np.any(near):
                    inside = zip(layout.axes, place, np.nonzero(near), strict=True)
                    index = {name: part.start + i for name, part, i in inside}
                    runs = np.atleast_1d(np.ravel_multi_index(tuple(index.values()), layout.shape))
                    sizes = np.zeros(len(runs)) if counts is None else counts[index[Source.counts]]
                    most = int(np.argmax(sizes))
                    rank = (-int(sizes[most]), int(runs[most]))
                    first[limit] = min(rank, first.get(limit, rank))
        return useful, first.get(ARRIVED, first.get(1.0, (0, None)))[1]

    def _information(self, run: int | None, samples: Callable[[int], tuple[Sample, Sample | None]]) -> np.ndarray:
        """Return the information per observation at the estimate of a run; NaN where there is none."""
        if run is None:
            return np.full([Parameters.of(self.start).size] * 2, np.nan)
        numbers, within = self.kept.layout.within(np.array([run]))
        batch = self.kept.batch(int(numbers[0]))
        leaves = [batch[name][within][0] for name in parameter_names(self.start)]
        train, _ = samples(run)
        return np.asarray(_information(jax.tree.unflatten(jax.tree.structure(self.start), leaves), train))


def columns_of(outcome: Outcome[Any]) -> dict[str, Any]:
    """Return outcomes by the names of what is kept of them, the parameters first."""
    parameters = zip(parameter_names(outcome.model), jax.tree.leaves(outcome.model), strict=True)
    return {**dict(parameters), **{name: getattr(outcome, name) for name in QUANTITIES}}


@jax.jit
def _information(model: Model, train: Sample) -> Any:
    return observed_information(model, train) / train.count
