"""What many samples that are climbed side by side have in common: where they start, and how their ends are judged."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..ascent.back import Back
from ..ascent.begin import found_start, found_starts
from ..ascent.design import Design, needs_care
from ..ascent.looks import Ascend, stay_maxima
from ..ascent.orthonormal import Designs
from ..ascent.together import ROWS, Rowful, shared_form
from ..ascent.uncertainty import SINGULAR, Spread, errors_of
from ..ascent.units import Units, numbers_of
from ..checks import InputError
from ..devices import own_settings
from ..formula.jaxpr import as_formula_takes
from ..formula.sufficient import Form
from ..models.abilities import (
    FEW,
    CanBeIrregular,
    CanLackMaximum,
    HasLimits,
    HasSeveralStarts,
    HasStartInside,
    has_one_top,
    starts_many,
)
from ..models.base import Model
from ..models.parameters import Parameters, with_dtype
from ..models.regression import Regression
from ..models.rows import Observation, Rows, is_number, one_of, row_count, take
from ..models.shifted import Shifted
from ..results.schema import ERROR
from ..samples.members import Member, Members
from ..samples.summary import Summary
from ..samples.survey import survey
from ..status import Status
from .rows import Call, RowMaker, columns_of, length_of_shared, of_those
from .strange import IN_CACHE, how_many, units_beside, units_of_each

MOST = 100
"""Parameters up to which samples are climbed side by side: of more, a step costs more than a call."""

LOOKED_AT, LOOKED_AT_SOME, LOOKED_AT_FEW = 512, 128, 32
"""Observations of a sample, evenly spread, in which its start is looked for; of a model of at most two parameters, of
which a step costs less than a better start; and of one that is climbed on by its statistics, where it costs least."""

NEARLY = 1e-6
"""The deviation of responses about their predictor, beside their size, below which `fit` looks at the sample itself."""

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
class Starts:
    """Where samples start."""

    at: np.ndarray  # (b, p), or (b, q, p) of several starts each; in the units of each
    plain: np.ndarray  # (b,): which may be climbed from there
    units: Units | None = None  # that each has of its own; None where they are the data's


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """What the samples of a source have in common: the structure of their models and observations."""

    family_or_model: Any
    table: Parameters[Any]
    observation: Observation  # as the formula takes it
    form: Form | None  # in which every sample factors
    first: np.ndarray  # where the first sample starts, in its own units, (p,); or a model that is given, in the data's
    like: Model  # the model that starts there
    shared: Rows | None  # the observations of all samples, where these differ in their weights alone, in their units
    back: Back | None  # from those units to the data's; None where they are the data's
    beside: bool  # whether samples are climbed side by side
    judges_each: bool  # whether the model itself has to be asked about each estimate

    @classmethod
    def of(
        cls, family_or_model: Any, members: Members, start: Model, values: Rows, units: Units | Design | None
    ) -> "Begun":
        """Say how samples are climbed, from the start of one of them, or of the observations that all share.

        Args:
            family_or_model: as `fit_many` has it.
            members: all samples.
            start: of the one, in its units.
            values: of the one, as given.
            units: of the one; None where they are the data's.
        """
        table, shares = Parameters.of(start), members.shared is not None
        with own_settings():
            taken = as_formula_takes(start, members.data if members.data is not None else values)
            given = one_of(taken)
            columns = jax.tree.leaves(taken)
            shared = units.of_observations(values) if units is not None and shares else members.shared
            climbed = as_formula_takes(start, shared) if shares else taken
            if isinstance(start, Regression):
                climbed = start.with_design(climbed, start.features(climbed))
            whole = any(np.issubdtype(column.dtype, np.integer) for column in columns)
            beside = not (
                isinstance(start, Shifted)
                or table.real_size > MOST
                or (whole and any(_is_large(column) for column in columns))
                or (shares and values is not members.shared)
            )
            # The moments of columns are dearer than some passes over them.
            form = shared_form(start, one_of(climbed)) if beside and not isinstance(start, Regression) else None
            if shares and form is not None:
                looked_at = survey(start, shared, None, length=length_of_shared(row_count(shared)))
                form = form if isinstance(looked_at.sample, Summary) else None
        model = family_or_model if isinstance(family_or_model, Model) and not shares else start
        first = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(with_dtype(model, np.float64))])
        asks = isinstance(start, CanBeIrregular)
        back = None if units is None or not shares else units.back
        return cls(family_or_model, table, given, form, first, start, shared, back, beside, asks)

    @property
    def several(self) -> bool:
        """Whether every sample is climbed from several starts."""
        return isinstance(self.family_or_model, HasSeveralStarts) and not self.given

    @property
    def in_columns(self) -> Regression | None:
        """A regression, where every sample is climbed on columns that are made orthonormal for it alone."""
        return self.like if isinstance(self.like, Regression) and self.shared is None else None

    def starts(self, rows: RowMaker, positions: np.ndarray) -> Starts:
        """Return where samples start.

        Args:
            rows: the samples.
            positions: of some, (b,).
        """
        if rows.members.shared is not None or (self.given and not is_number(self.observation)):
            starts = Starts(np.tile(self.first, (len(positions), 1)), np.full(len(positions), True))
        elif self.given or starts_many(self.family_or_model):
            starts = self._starts_beside(rows, positions)
        else:
            starts = self._starts_one_by_one(rows, positions)
        plain = starts.plain & self.inside(starts.at)
        if isinstance(self.like, CanLackMaximum):
            samples = (counted(rows.members.member(position)).values for position in positions.tolist())
            plain &= [not self.like.without_maximum(values) for values in samples]  # type: ignore[arg-type]
        return dataclasses.replace(starts, plain=plain)

    def inside(self, vectors: np.ndarray) -> np.ndarray:
        """Return which parameters (b, p) are inside their domains."""
        parts = zip(self.table.tree.flatten_up_to(self.table.to_model(vectors)), self.table.domains, strict=True)
        each = [np.asarray(domain.contains(leaf)) for leaf, domain in parts]
        return np.all([ok.all(axis=tuple(range(1, ok.ndim))) for ok in each], axis=0)

    def several_starts(self, rows: RowMaker, positions: np.ndarray) -> Starts:
        """Return where samples start, several times each."""
        found: list[np.ndarray | None] = []
        own: list[Any] = []
        for position in positions.tolist():
            values, weights = counted(rows.members.member(position))
            try:
                starts, units = found_starts(self.family_or_model, values, weights)
            except InputError:
                starts, units = [], None
            found.append(np.stack([numbers_of(start) for start in starts]) if starts else None)
            own.append(units)
        first = next((each for each in found if each is not None), self.first[None])
        at = np.stack([first if each is None else each for each in found])
        inside = self.inside(at.reshape(-1, at.shape[-1])).reshape(at.shape[:2])
        plain = np.array([each is not None for each in found]) & np.all(inside, axis=1)
        if rows.shared is None:
            return Starts(at, plain, units_of_each(own))
        return Starts(at, plain & [each is None for each in own])

    def starts_in_columns(
        self, like: Regression, rows: RowMaker, call: Call, laid: Rowful, designs: Designs, back: Back
    ) -> Starts:
        """Return where regressions start, on columns of their own.

        Args:
            like: one of them.
            rows: the samples.
            call: some of them.
            laid: these, as they are.
            designs: and on columns of their own.
            back: from the parameters of these columns.
        """
        plain, starts = designs.apart[: len(call.positions)].copy(), np.tile(self.first, (len(call.positions), 1))
        if self.given:
            starts = back.own(starts)
        sizes = rows.sizes[call.positions]
        looked_at = how_many(sizes, LOOKED_AT)
        for count in np.unique(looked_at).tolist():
            of = np.flatnonzero(looked_at == count)
            index = laid.firsts[of // ROWS, None] + np.arange(count) * sizes[of, None] // count
            some = jax.tree.map(lambda column, of=of, index=index: column[of[:, None] % ROWS, index], designs.values)
            found = like.starts_beside(some)
            if like.any_unit:
                size = np.sqrt(np.mean(np.asarray(some[like.response], np.float64) ** 2, axis=-1))
                plain[of] &= ~needs_care(np.sqrt(found["variance"]), size, NEARLY)
            if not self.given:
                starts[of] = np.concatenate([found[name].reshape(len(of), -1) for name in self.table.names], axis=1)
        return Starts(starts, plain & self.inside(starts))

    @property
    def given(self) -> bool:
        """Whether a model is given to start at."""
        return isinstance(self.family_or_model, Model)

    def _starts_one_by_one(self, rows: RowMaker, positions: np.ndarray) -> Starts:
        starts, plain = np.tile(self.first, (len(positions), 1)), np.full(len(positions), True)
        own: list[Any] = [None] * len(positions)
        for row, position in enumerate(positions.tolist()):
            try:
                start, own[row] = found_start(self.family_or_model, rows.members.member(position).values, None)
            except InputError:
                plain[row] = False
            else:
                starts[row] = numbers_of(start)
        return Starts(starts, plain & [not isinstance(each, Design) for each in own], units_of_each(own))

    def _starts_beside(self, rows: RowMaker, positions: np.ndarray) -> Starts:
        plain = np.full(len(positions), True)
        # How many are looked at hangs on the size alone: a start has the same bits whatever else is in the table.
        most = LOOKED_AT_FEW if self.form is not None else LOOKED_AT_SOME if self.table.size <= 2 else LOOKED_AT
        looked_at = how_many(rows.sizes[positions], most)
        alike = most == LOOKED_AT_FEW and np.ptp(looked_at) == 0 and not self.given
        few = columns_of(rows.spread(positions, int(looked_at[0]))) if alike else None
        units = units_beside(self.table, self.like.support, rows, positions, few)
        if self.given:
            starts = np.tile(self.first, (len(positions), 1))
            return Starts(starts if units is None else units.back.own(starts), plain, units)
        starts = np.empty((len(positions), len(self.first)))
        for count in np.unique(looked_at).tolist():
            same, together = np.flatnonzero(looked_at == count), max(1, IN_CACHE // count)
            for of in np.split(same, range(together, len(same), together)):
                two = np.resize(of, max(2, len(of)))  # at least: NumPy adds up a single column in another order
                if few is None or len(of) == 1:
                    some = columns_of(rows.spread(positions[two], count))
                else:
                    some = jax.tree.map(lambda each, of=of: each[:, of[0] : of[-1] + 1], few)
                found = self.family_or_model.start(some if units is None else units.of(two).of_observations(some))
                leaves = [np.broadcast_to(leaf, len(two))[: len(of)] for leaf in jax.tree.leaves(found)]
                starts[of] = np.stack(leaves, axis=1)
        return Starts(starts, plain, units)

    def judged(
        self,
        positions: np.ndarray,
        found: Mapping[str, np.ndarray],
        plain: np.ndarray,
        ascend: Ascend,
        back: Back | None,
        known: Mapping[int, str],
    ) -> Climbed:
        """Return the fits among ends of climbs of which nothing is left to be said, and the positions of the others.

        Args:
            positions: of the samples.
            found: where each climb ended; see `climb_rows`.
            plain: which samples may be climbed as they are.
            ascend: climbs on them again, by their numbers among these.
            back: from the units in which they are climbed; None where these are the data's.
            known: what is to be said of each, by position.
        """
        arrived = plain & (found["status"] == int(Status.CONVERGED)) & found["sound"]
        spread = Spread.of(found["information"], found["count"])
        doubted = spread.doubtful(found["coordinates"], arrived, self.table.logarithmic)
        if has_one_top(type(self.like)):  # only where a domain ends may that be lost in rounding
            near_the_end = np.any(doubted & self.table.logarithmic, axis=1) | (spread.least < SINGULAR)
            doubted &= near_the_end[:, None]
        if isinstance(self.like, HasLimits) and any(limit.apart for limit in self.like.limits()):
            arrived &= ~np.any(doubted, axis=1)  # what the family becomes at infinity may be higher
        if isinstance(self.like, HasStartInside):
            arrived &= ~(np.any(doubted, axis=1) & (found["count"] <= FEW))  # another maximum may be higher
        good = arrived & stay_maxima(ascend, found, doubted & arrived[:, None], self.table)
        end = {name: of_those(good, each) for name, each in found.items()}
        covariance = of_those(good, spread.covariance)
        jacobian, count, mean, reasons = end["jacobian"], end["count"], end["mean"], dict(known)
        if back is None:
            errors = errors_of(jacobian, covariance)
        else:
            back = back.of(np.flatnonzero(good))
            end["estimate"], mean = back.parameters(end["estimate"]), mean - back.log_scale
            errors = back.errors(jacobian, covariance)
        told = np.full(len(count), True) if back is None else self.inside(end["estimate"])
        for row in range(len(count)) if self.judges_each else ():
            model = self.table.to_model(end["estimate"][row])
            if isinstance(model, CanBeIrregular) and (why := model.irregularity()):
                position = int(positions[good][row])
                errors[row], reasons[position] = np.nan, "; ".join([why, *filter(None, [known.get(position)])])
        columns = {
            "log_likelihood": count * mean, "distance": end["distance"], "count": count, "steps": end["steps"],
            "status": end["status"],
        }  # fmt: skip
        told_of = functools.partial(of_those, told)
        fits = Fits(
            told_of(of_those(good, positions)), told_of(end["estimate"]), told_of(errors),
            {name: told_of(each) for name, each in columns.items()}, reasons,
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
