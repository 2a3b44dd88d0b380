"""The fits of many samples, kept in a store or in memory as they come, and put together to a table."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic

import numpy as np

from ..models.base import M, Model, name_of
from ..models.digest import formula_digest
from ..models.parameters import parameter_dict, with_dtype
from ..models.rows import Observation, recorded_observation
from ..models.structure import structure_recorded
from ..results.schema import DIGEST, fit_variables
from ..results.sweep import Provenance
from ..results.table import FitTable
from ..samples.digests import digests_of
from ..samples.members import Members
from ..store.layout import FITS, Description, Layout
from .collect import Collector


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted(Generic[M]):
    """The fits of many samples: what decides them, where they are kept, the table that they make."""

    family_or_model: Any  # as `fit_many` is given it
    members: Members
    model: M  # one like those that are found; its numbers do not matter
    observation: Observation  # ONE, in the type in which the formula gets it

    def settings(self) -> dict[str, Any]:
        """Return what decides the fits besides the labels and the observations, in plain values."""
        given, recorded = self.family_or_model, recorded_observation(self.observation)
        starts = parameter_dict(with_dtype(given, np.float64)) if isinstance(given, Model) else {}
        return {
            "model": f"{type(self.model).__name__} {formula_digest(self.model, self.observation)}",
            "name": name_of(self.model),
            "start": {name: np.asarray(leaf).tolist() for name, leaf in starts.items()} or "found in each sample",
            **({} if recorded is None else {"observation": recorded}),
            **structure_recorded(self.model),
            **self.members.describe(),
        }

    def collector(
        self,
        computed_by: Mapping[str, Any],
        out: str | Path | None,
        *,
        repair: bool = False,
        allow_mixed: bool = False,
        attributes: Mapping[str, Any] | None = None,
    ) -> Collector:
        """Return what keeps the fits: in a directory, if one is given.

        Args:
            computed_by: what decides the bits of the fits, in plain values.
            out: the directory.
            repair: as in `fit_many`.
            allow_mixed: as in `fit_many`.
            attributes: the user's own, in plain values.

        Raises:
            StoreError: the directory cannot be used, or holds fits to other observations.
        """
        kept = fit_variables(self.model, self.members.axis)
        axes = {self.members.axis: self.members.labels}
        if out is None:
            return Collector.of(Layout.of(axes, kept), Description({}, [], dict(attributes or {}), {}, FITS))
        layout = Layout.of(axes, (*kept, DIGEST))
        description = Description(self.settings(), [dict(computed_by)], dict(attributes or {}), {}, FITS)
        known = {DIGEST.name: digests_of(self.members)}
        return Collector.of(layout, description, out=out, repair=repair, allow_mixed=allow_mixed, known=known)

    def table(self, kept: Collector, device: str) -> FitTable[M]:
        """Return the table of fits that have been made, described on disk as well; of several processes, by the first.

        Args:
            kept: by which they are kept.
            device: the devices, in words.
        """
        columns = kept.settle()
        result = kept.describe({"device": device}, columns["status"])
        made = kept.described
        provenance = None if kept.store is None else Provenance.of(made.settings, made.computed_by, result)
        labels = kept.layout.axes[self.members.axis]
        table = FitTable.of(self.model, self.members.axis, labels, columns, provenance)
        return dataclasses.replace(table, attributes=kept.description.attributes)
