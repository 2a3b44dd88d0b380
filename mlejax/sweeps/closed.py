"""Samples of a family whose maximum is a closed form, as its log-likelihood is not smooth there."""

import dataclasses
from typing import Any

import jax
import numpy as np

from ..ascent.heights import heights_of
from ..ascent.together import Begin
from ..ascent.units import Units, units_for
from ..models.abilities import HasIrregularMaximum, starts_many
from ..models.rows import is_number, row_count
from ..samples.members import Member
from ..status import Status
from .begun import Begun, Climbed, Fits, counted
from .rows import RowMaker
from .strange import IN_CACHE, units_beside


@dataclasses.dataclass(frozen=True, eq=False)
class _Known:
    """Closed forms of some samples."""

    estimates: np.ndarray  # (b, p): NaN of one that `fit` has to see
    errors: np.ndarray  # (b, p)
    counts: np.ndarray  # (b,)
    reasons: list[str]
    units: Units | None = None  # that each sample has of its own; None where all have the data's


def closed_forms(begun: Begun, like: HasIrregularMaximum, rows: RowMaker, positions: np.ndarray) -> Climbed:
    """Return the fits of samples that are ordered by their sizes, and the positions of those that `fit` has to see.

    Args:
        begun: what the samples have in common.
        like: a model of the family.
        rows: the samples.
        positions: of some.
    """
    many = begun.shared is None and is_number(begun.observation) and starts_many(type(like), "closed_form")
    known = _together(begun, like, rows, positions) if many else _one_by_one(begun, like, rows, positions)
    estimates, errors, counts, reasons = known.estimates, known.errors, known.counts, known.reasons
    units, back = known.units, begun.back if known.units is None else known.units.back
    inside = begun.inside(estimates)
    means, contained = [], []
    for call in rows.calls(positions):
        of = slice(len(means), len(means) + len(call.positions))
        at = np.where(inside[of, None], estimates[of], begun.first)
        begin = Begin.at_parameters(begun.table, at, 0)
        found = heights_of(begun.table, rows.rows(call, begin, None if units is None else units.of(of)))
        for all_, each in zip((means, contained), found, strict=True):
            all_.extend(each[: len(at)].tolist())
    height = counts * np.array(means) - counts * (0.0 if back is None else back.log_scale)
    good = inside & np.array(contained, bool) & np.isfinite(height)
    if back is not None:
        estimates = back.parameters(estimates)
        errors = np.abs(np.diagonal(back.matrix, axis1=-2, axis2=-1)) * errors
        good &= begun.inside(estimates)
    none = np.zeros(len(positions))
    columns = {
        "log_likelihood": height, "distance": none, "count": counts, "steps": none.astype(int),
        "status": np.full(len(positions), int(Status.CONVERGED)),
    }  # fmt: skip
    said = {position: why for position, why, told in zip(positions.tolist(), reasons, good, strict=True) if told}
    fits = Fits(
        positions[good], estimates[good], errors[good], {name: each[good] for name, each in columns.items()}, said
    )
    return Climbed(fits, positions[~good])


def _together(begun: Begun, like: HasIrregularMaximum, rows: RowMaker, positions: np.ndarray) -> _Known:
    """Return the closed forms of samples of numbers, those of one size side by side."""
    sizes = rows.sizes[positions]
    estimates, errors = np.full((2, len(positions), begun.table.size), np.nan)
    reasons, units = [""] * len(positions), units_beside(begun.table, begun.like.support, rows, positions)
    for size in np.unique(sizes).tolist():
        alike, together = np.flatnonzero(sizes == size), max(1, IN_CACHE // size)
        for of in np.split(alike, range(together, len(alike), together)):
            x = rows.at(positions[of], np.broadcast_to(np.arange(size), (len(of), size))).T  # type: ignore[union-attr]
            best: Any = like.closed_form(x if units is None else units.of(of).of_observations(x))
            found = best.irregular(float(size))
            for numbers, model in ((estimates, best), (errors, found.standard_errors)):
                numbers[of] = np.stack([np.broadcast_to(leaf, len(of)) for leaf in jax.tree.leaves(model)], axis=1)
            for row in of.tolist():
                reasons[row] = found.reason
    return _Known(estimates, errors, sizes.astype(float), reasons, units)


def _one_by_one(begun: Begun, like: HasIrregularMaximum, rows: RowMaker, positions: np.ndarray) -> _Known:
    """Return the closed forms of samples, in the units that those have which share their observations."""
    estimates, errors = np.full((2, len(positions), begun.table.size), np.nan)
    counts, reasons = np.zeros(len(positions)), [""] * len(positions)
    for row, position in enumerate(positions.tolist()):
        values, weights = rows.members.member(position)
        values = values if begun.shared is None else begun.shared
        values, weights = counted(Member(values, weights))
        counts[row] = row_count(values) if weights is None else weights.sum()
        if weights is None and units_for(begun.table, begun.like.support, values) is not None:
            continue
        best: Any = like.closed_form(values, weights)
        found = best.irregular(counts[row])
        estimates[row], errors[row] = (np.array(jax.tree.leaves(each)) for each in (best, found.standard_errors))
        reasons[row] = found.reason
    return _Known(estimates, errors, counts, reasons)
