"""The fits of many samples: a table with a row for each, in which what is no maximum says so."""

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ..checks import InputKeyError, shown
from ..models.base import M
from ..models.parameters import Parameters
from ..samples.files import TableError
from ..status import Status
from .schema import ERROR
from .sweep import Provenance
from .text import table

UNSAID = {Status.RUNNING: "not fitted yet"}
"""What is said of a sample without a reason."""

SHOWN = 12
"""Rows of a table that `print` shows."""

MOST_COMPARED = 10_000
"""Labels up to which those are looked for that are spelled like another."""


class Reasons(Mapping[int, str]):
    """What is to be said of some of many samples, by position, over an array of one text for each."""

    def __init__(self, texts: np.ndarray):
        """Take the texts, (m,); an empty one is none."""
        self._texts = texts

    def __getitem__(self, position: int) -> str:
        if not (0 <= position < len(self._texts)) or not (text := self._texts[position]):
            raise InputKeyError(f"there is nothing to say of sample {position}")
        return str(text)

    def __iter__(self) -> Iterator[int]:
        return iter(np.flatnonzero(self._texts != "").tolist())

    def __len__(self) -> int:
        return int(np.count_nonzero(self._texts != ""))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FitTable(Generic[M]):
    """The maximum likelihood estimates of many samples. Arrays are NumPy, of one row for each sample.

    `table["berlin"]` is the row of a label as a mapping; `len(table)` counts them; `print` shows a summary.
    """

    family: str
    axis: str  # along which the samples lie: group, seed, resample, window
    labels: np.ndarray  # (m,) what they are called
    model: M  # leaves (m, ...): estimates; where there is no maximum, what was reached, or NaN
    standard_errors: M  # leaves (m, ...): NaN where there is no maximum, or where none can be told
    log_likelihood: Float[np.ndarray, " m"]  # sums in nats, at the estimates
    distance: Float[np.ndarray, " m"]  # standard errors from the top of the local parabola
    count: Float[np.ndarray, " m"]  # observations, or the sum of their weights
    steps: Int[np.ndarray, " m"]  # Newton steps that were tried
    status: Int[np.ndarray, " m"]  # CONVERGED, or why there is no maximum, as the numbers of `Status`
    reasons: Mapping[int, str]  # in words, by position: why a sample has not converged, or has no standard errors
    provenance: Provenance | None = None  # of a table in a store: how it was made
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # the user's own, likewise

    @classmethod
    def of(
        cls,
        model: M,
        axis: str,
        labels: np.ndarray,
        columns: Mapping[str, np.ndarray],
        provenance: Provenance | None = None,
    ) -> "FitTable[M]":
        """Return the table of columns.

        Args:
            model: one model, whose numbers do not matter.
            axis: along which the samples lie.
            labels: of the samples, (m,).
            columns: by the names of `schema.fit_variables`, each (m, ...).
            provenance: how they were made.
        """
        parameters = Parameters.of(model)
        estimates, errors = (
            parameters.tree.unflatten([np.asarray(columns[before + name]) for name in parameters.names])
            for before in ("", ERROR)
        )
        return cls(
            family=parameters.family, axis=axis, labels=labels, model=estimates, standard_errors=errors,
            log_likelihood=columns["log_likelihood"], distance=columns["distance"], count=columns["count"],
            steps=columns["steps"], status=columns["status"], reasons=Reasons(columns["reason"]),
            provenance=provenance,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Any]:
        """Yield the labels, as a mapping does; `rows()` are the rows."""
        return iter(self.labels)

    @property
    def converged(self) -> Bool[np.ndarray, " m"]:
        """Whether each estimate is a maximum, and stays one when looked at from further away."""
        return self.status == Status.CONVERGED

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The estimates by name, (m,) each; the entries of an array by its name and their place."""
        return self._numbers(self.model)

    @property
    def errors(self) -> dict[str, np.ndarray]:
        """The standard errors by the names of the parameters, (m,) each."""
        return self._numbers(self.standard_errors)

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the parameters in print and in pictures: of a symmetric matrix each pair once."""
        return self._table.shown

    @property
    def _table(self) -> Parameters[M]:
        return Parameters.of(jax.tree.map(lambda leaf: leaf[0], self.model))

    def _numbers(self, model: M) -> dict[str, np.ndarray]:
        leaves = (np.asarray(leaf).reshape(len(self), -1) for leaf in jax.tree.leaves(model))
        return dict(zip(self._table.entries, np.concatenate(list(leaves), axis=1).T, strict=True))

    def __getitem__(self, label: object) -> dict[str, Any]:
        """Return the row of a sample by its label.

        Raises:
            KeyError: there is none of this name.
        """
        found = np.flatnonzero(self.labels == label)
        if not len(found):
            raise InputKeyError(f"there is no {self.axis} {shown(label)} among {len(self):,}{self._near(label)}")
        return self.row(int(found[0]))

    def _near(self, label: object) -> str:
        """Return the labels that are spelled like one that is none, as the end of a message; nothing of very many."""
        known = list(map(str, self.labels.tolist())) if len(self) <= MOST_COMPARED else []
        near = difflib.get_close_matches(str(label), known)
        return f"; near it are {', '.join(near)}" if near else ""

    def row(self, position: object) -> dict[str, Any]:
        """Return the row of a sample by its position, in plain values; None where a number would mislead.

        Args:
            position: from 0; from -1 backwards.

        Raises:
            KeyError: it is none. By its label a row is `table[label]`.
        """
        if not isinstance(position, int | np.integer) or not -len(self) <= position < len(self):
            raise InputKeyError(
                f"row takes a position, from 0 to {len(self) - 1:,}; got {shown(position)}. By its {self.axis} a row "
                f"is table[{self.axis}]"
            )
        position = int(position) % len(self)
        errors = {f"standard_error.{name}": at[position] for name, at in self.errors.items()}
        numbers = {
            **{name: at[position] for name, at in self.parameters.items()},
            **errors,
            "log_likelihood": self.log_likelihood[position],
            "distance": self.distance[position],
        }
        count = float(self.count[position])
        return {
            self.axis: plain(self.labels[position]),
            **{name: float(value) if np.isfinite(value) else None for name, value in numbers.items()},
            "count": int(count) if count.is_integer() else count,
            "steps": int(self.steps[position]),
            "converged": bool(self.converged[position]),
            "status": Status(int(self.status[position])).name,
            "reason": self.reasons.get(position, ""),
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the row of every sample."""
        return map(self.row, range(len(self)))

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset` with the axis as its dimension; `standard_error.NAME` beside each parameter."""
        import xarray

        columns: dict[str, Any] = {
            **self.parameters,
            **{f"standard_error.{name}": at for name, at in self.errors.items()},
            "log_likelihood": self.log_likelihood,
            "distance": self.distance,
            "count": self.count,
            "steps": self.steps,
            "converged": self.converged,
            "status": self.status,
            "reason": np.array([self.reasons.get(i, "") for i in range(len(self))], dtype=str),
        }
        meanings = {int(status): status.name for status in map(Status, np.unique(self.status).tolist())}
        attributes: dict[str, dict[str, Any]] = {
            "log_likelihood": {"units": "nats"},
            "distance": {"units": "standard errors"},
            "status": {"flag_values": list(meanings), "flag_meanings": " ".join(meanings.values())},
        }
        data = {name: (self.axis, at, attributes.get(name, {})) for name, at in columns.items()}
        return xarray.Dataset(data, coords={self.axis: self.labels}, attrs={"model": self.family})

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each sample, the labels as its index."""
        frame = self.to_xarray().to_dataframe()
        frame["status"] = [Status(number).name for number in frame["status"]]
        return frame

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV with a row for each sample; a number that would mislead is left empty."""
        import csv

        with open(path, "w", newline="") as handle:
            writer = csv.DictWriter(handle, list(self.row(0)))
            writer.writeheader()
            writer.writerows(self.rows())

    def to_parquet(self, path: str | Path) -> None:
        """Write a Parquet file with a row for each sample; a number that would mislead is null.

        Args:
            path: the file.

        Raises:
            TableError: (a ValueError) PyArrow is not installed.
        """
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise TableError(
                f"parquet needs a package that is not installed: pip install 'mlejax[parquet]' ({error})"
            ) from None
        columns: dict[str, Any] = {self.axis: pa.array(self.labels)}
        for name, array in self.to_xarray().data_vars.items():
            values = array.values
            known = np.isfinite(values) if values.dtype.kind == "f" else np.full(len(values), True)
            columns[str(name)] = pa.array(values, mask=~known)
        columns["status"] = pa.array([Status(number).name for number in self.status.tolist()])
        parquet.write_table(pa.table(columns), path)

    def to_record(self) -> dict[str, Any]:
        """Return the table as JSON has it, null where a number would mislead."""
        return {"model": self.family, "axis": self.axis, "fits": list(self.rows())}

    def summary(self) -> str:
        """Say how many samples converged, and why the others did not, the commonest reasons first."""
        good = int(np.sum(self.converged))
        lines = [f"{good:,} of {len(self):,} converged"]
        others = np.flatnonzero(~self.converged).tolist()
        said = [(status := Status(int(self.status[i])), self.reasons.get(i, UNSAID.get(status, ""))) for i in others]
        told, first = Counter(said), dict(reversed(list(zip(said, self.labels[others], strict=True))))
        by_status = Counter(status for status, _ in said)
        for status, count in by_status.most_common():
            reason = max((key for key in told if key[0] == status), key=lambda key: told[key])
            lines.append(f"{count:,} {status.name}, such as {self.axis} {first[reason]}: {reason[1]}")
        lacking = self.converged & np.any(np.isnan(np.stack(list(self.errors.values()))), axis=0)
        silent = [reason for i, reason in self.reasons.items() if lacking[i]]
        if silent:
            lines.append(f"{len(silent):,} converged without standard errors: {silent[0]}")
        return "\n".join(lines)

    def __str__(self) -> str:
        places = np.unique(np.linspace(0, len(self) - 1, min(SHOWN, len(self))).round().astype(int)).tolist()
        names = self.shown
        head = [self.axis, "count", *(part for name in names for part in (name, "+-")), "converged"]
        rows = []
        for place in places:
            row = self.row(place)
            cells = [str(row[self.axis]), f"{row['count']:,}"]
            endless = row["status"] == Status.UNBOUNDED.name  # what was reached by then says nothing
            for name in names:
                cells += [_number(None if endless else row[name]), _number(row[f"standard_error.{name}"])]
            rows.append([*cells, "yes" if row["converged"] else row["status"]])
        left = f"\n({len(places)} of {len(self):,}, evenly spread)" if len(places) < len(self) else ""
        return f"{self.family}, a fit for each {self.axis}\n{table(rows, header=head)}{left}\n{self.summary()}"

    def __repr__(self) -> str:
        return f"FitTable({self.family}, {len(self):,} by {self.axis}, {int(np.sum(self.converged)):,} converged)"


def plain(label: np.generic) -> str | int | float | bool:
    """Return a label as JSON has it: a date as it is written."""
    return str(label) if label.dtype.kind in "MU" else label.item()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
