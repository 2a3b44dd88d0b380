"""What many samples that are climbed side by side have in common: where they start, and how their ends are judged."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..ascent.begin import found_start
from ..ascent.looks import Ascend, stay_maxima
from ..ascent.together import shared_form
from ..ascent.uncertainty import Spread
from ..ascent.units import extraordinary
from ..checks import InputError
from ..formula.jaxpr import as_formula_takes
from ..formula.sufficient import Form
from ..models.abilities import (
    CanBeIrregular,
    CanLackMaximum,
    HasCanonicalForm,
    HasIrregularMaximum,
    HasLimit,
    HasSeveralStarts,
    starts_many,
)
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.rows import Observation, Rows, is_number, one_of, take
from ..models.support import Support
from ..results.schema import ERROR
from ..samples.members import Member, Members
from ..samples.representation import summarize
from ..samples.summary import Summary
from ..status import Status
from .rows import RowMaker

MOST = 100
"""Parameters up to which samples are climbed side by side: of more, a step costs more than a call."""

LOOKED_AT, LOOKED_AT_FEW = 512, 32
"""Observations of a sample, evenly spread, in which its start is looked for; and of one that is climbed on by its
statistics, where a step costs less than a better start."""

ENOUGH = 16
"""Observations of a sample, of these, that tell whether other units may serve it better."""

IN_CACHE = 1 << 15
"""Observations that are looked at together: what is computed of them stays in a core's cache."""

COLUMNS = ("log_likelihood", "distance", "count", "steps", "status")


@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
    """The fits of some samples."""

    positions: np.ndarray  # (b,) along the axis
    estimate: np.ndarray  # (b, p): NaN where there is none
    standard_error: np.ndarray  # (b, p): NaN where there is none
    columns: Mapping[str, np.ndarray]  # (b,) each, by the names in COLUMNS
    reasons: Mapping[int, str]  # in words, by position

    def by_name(self, table: Parameters[Any]) -> dict[str, np.ndarray]:
        """Return all that is kept of them, by the names of `schema.fit_variables`.

        Args:
            table: of the parameters.
        """
        estimates, errors = (table.by_name(table.to_model(each)) for each in (self.estimate, self.standard_error))
        reason = np.full(len(self.positions), "", np.dtypes.StringDType())
        for i, position in enumerate(self.positions.tolist() if self.reasons else ()):
            reason[i] = self.reasons.get(position, "")
        return {**estimates, **{ERROR + name: each for name, each in errors.items()}, **self.columns, "reason": reason}


@dataclasses.dataclass(frozen=True, eq=False)
class Climbed:
    """The fits of samples that one climb tells all about, and those of which it does not."""

    fits: Fits
    left: np.ndarray  # positions


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """What the samples of a source have in common: the structure of their models and observations."""

    family_or_model: Any
    table: Parameters[Any]
    observation: Observation  # as the formula takes it
    form: Form | None  # in which every sample factors
    first: np.ndarray  # the start of the first sample, (p,)
    like: Model  # the model that starts there
    beside: bool  # whether samples are climbed side by side
    judges_each: bool  # whether the model itself has to be asked about each estimate

    @classmethod
    def of(cls, family_or_model: Any, members: Members, start: Model, values: Rows, plain: bool) -> "Begun":
        """Say how samples are climbed, from the start of one of them.

        Args:
            family_or_model: as `fit_many` has it.
            members: all samples.
            start: of one of them.
            values: of that one, as given.
            plain: whether it needs no units of its own.
        """
        table = Parameters.of(start)
        with jax.enable_x64(True):
            taken = as_formula_takes(start, members.data if members.data is not None else values)
        observation = one_of(taken)
        whole = any(np.issubdtype(column.dtype, np.integer) for column in jax.tree.leaves(taken))
        several = isinstance(family_or_model, HasSeveralStarts) and not isinstance(family_or_model, Model)
        beside = not (
            several
            or isinstance(start, HasIrregularMaximum | HasLimit | Regression)
            or table.real_size > MOST
            or (whole and any(_is_large(column) for column in jax.tree.leaves(taken)))
            or (members.shared is not None and not plain)
        )
        with jax.enable_x64(True):
            form = shared_form(start, observation) if beside else None
            if members.shared is not None and form is not None:
                sample, _ = summarize(start, members.shared)
                form = form if isinstance(sample, Summary) else None
        first = np.asarray(table.to_vector(start), np.float64)
        asks = isinstance(start, CanBeIrregular | HasCanonicalForm)
        return cls(family_or_model, table, observation, form, first, start, beside, asks)

    def starts(self, rows: RowMaker, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where samples start, (b, p), and which may be climbed from there, (b,).

        Args:
            rows: the samples.
            positions: of some, (b,).
        """
        starts, plain = self._starts(rows, positions)
        if isinstance(self.like, CanLackMaximum):
            samples = (counted(rows.members.member(position)).values for position in positions.tolist())
            plain &= [not self.like.without_maximum(values) for values in samples]  # type: ignore[arg-type]
        parts = zip(self.table.tree.flatten_up_to(self.table.to_model(starts)), self.table.domains, strict=True)
        inside = [np.asarray(domain.contains(leaf)).reshape(len(starts), -1).all(axis=1) for leaf, domain in parts]
        return starts, plain & np.all(inside, axis=0)

    def _starts(self, rows: RowMaker, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where samples start, and which need no other units."""
        number = is_number(self.observation)
        side_by_side = number and starts_many(self.family_or_model)
        given = isinstance(self.family_or_model, Model)
        starts, plain = np.tile(self.first, (len(positions), 1)), np.full(len(positions), True)
        if rows.members.shared is not None or (given and not number):
            return starts, plain  # where the observations themselves do
        if not (given or side_by_side):
            for row, position in enumerate(positions.tolist()):
                try:
                    start, units = found_start(self.family_or_model, rows.members.member(position).values, None)
                except InputError:
                    plain[row] = False
                    continue
                plain[row] = units is None
                starts[row] = np.asarray(self.table.to_vector(start))
            return starts, plain
        # How many are looked at hangs on the size alone: a start has the same bits whatever else is in the table.
        sizes, most = rows.sizes[positions], LOOKED_AT if self.form is None else LOOKED_AT_FEW
        looked_at = np.clip(1 << np.ceil(np.log2(np.maximum(sizes, 1))).astype(int), 32, most)
        number_line = isinstance(self.like.support, Support) and not self.like.support.whole
        for count in np.unique(looked_at).tolist():
            alike, together = np.flatnonzero(looked_at == count), max(1, IN_CACHE // count)
            for of in np.split(alike, range(together, len(alike), together)):
                some = rows.at(positions[of], np.arange(count) * sizes[of, None] // count).T  # type: ignore[union-attr]
                if number_line:
                    plain[of] = ~extraordinary(some[:: count // ENOUGH])
                if side_by_side:
                    leaves = jax.tree.leaves(self.family_or_model.start(some))
                    starts[of] = np.stack([np.broadcast_to(leaf, len(of)) for leaf in leaves], axis=1)
        return starts, plain

    def judged(
        self, positions: np.ndarray, found: Mapping[str, np.ndarray], plain: np.ndarray, ascend: Ascend
    ) -> Climbed:
        """Return the fits among ends of climbs of which nothing is left to be said, and the positions of the others.

        Args:
            positions: of the samples.
            found: where each climb ended; see `climb_rows`.
            plain: which samples may be climbed as they are.
            ascend: climbs on them again, by their numbers among these.
        """
        arrived = plain & (found["status"] == int(Status.CONVERGED)) & found["sound"]
        spread = Spread.of(found["information"], found["count"])
        doubted = spread.doubtful(found["coordinates"], arrived, self.table.logarithmic)
        good = arrived & stay_maxima(ascend, found, doubted & arrived[:, None], self.table)
        end = {name: each[good] for name, each in found.items()}
        jacobian, count = end["jacobian"], end["count"]
        errors, reasons = np.sqrt(np.sum(jacobian @ spread.covariance[good] * jacobian, axis=2)), {}
        told = np.full(len(count), True)
        for row in range(len(count)) if self.judges_each else ():
            model = self.table.to_model(end["estimate"][row])
            if isinstance(model, HasCanonicalForm):
                canonical = np.asarray(self.table.to_vector(model.canonical()))
                told[row] = np.array_equal(canonical, end["estimate"][row])
            if isinstance(model, CanBeIrregular) and (why := model.irregularity()):
                errors[row], reasons[int(positions[good][row])] = np.nan, why
        columns = {
            "log_likelihood": count * end["mean"], "distance": end["distance"], "count": count, "steps": end["steps"],
            "status": end["status"],
        }  # fmt: skip
        fits = Fits(
            positions[good][told], end["estimate"][told], errors[told],
            {name: each[told] for name, each in columns.items()}, reasons,
        )  # fmt: skip
        good[good] = told
        return Climbed(fits, positions[~good])


def counted(member: Member) -> Member:
    """Return the observations of a sample that count."""
    values, weights = member
    return member if weights is None else Member(take(values, weights > 0), weights[weights > 0])


def _is_large(column: np.ndarray) -> bool:
    """Return whether whole numbers are too large to be floating-point numbers: then each sample decides by itself."""
    return column.size > 0 and max(abs(int(column.min())), abs(int(column.max()))) > 1 << 53
