"""Samples whose observations are all equal, of families that narrow about any number: their fits without a climb."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from ..ascent.alike import narrowest, said_alike, said_unbounded
from ..models.abilities import narrows
from ..models.moments import ORDINARY
from ..models.rows import is_number
from ..models.support import Support
from ..samples.members import Members, Stretches
from ..status import Status
from .begun import Begun, Fits

TOGETHER = 1 << 14
"""Fits that are told at a time."""


@dataclasses.dataclass(frozen=True, eq=False)
class Equal:
    """The samples of a source that have no maximum because their observations are equal."""

    begun: Begun
    how: str  # the family narrows, in words
    stretches: Stretches
    sizes: Int[np.ndarray, " m"]

    @classmethod
    def of(cls, begun: Begun, members: Members) -> "Equal | None":
        """Return how to find them; None of a family, or of samples, that have to be climbed to be known."""
        family, stretches = type(begun.like), members.stretches
        if stretches is None or begun.family_or_model is not family or not is_number(begun.observation):
            return None
        how = narrows(family)
        return cls(begun, how, stretches, members.sizes) if how and isinstance(begun.like.support, Support) else None

    def among(self, positions: Int[np.ndarray, " b"]) -> Bool[np.ndarray, " b"]:
        """Return which of some samples they are, as far as float64 has the squares of their numbers."""
        values, begins, sizes = self.stretches.values, self.stretches.begins[positions], self.sizes[positions]
        first = values[begins]  # whole numbers may be larger than float64 tells apart
        size = np.abs(first.astype(np.float64))
        equal = (first == values[begins + sizes - 1]) & self.begun.like.support.contains(first)  # type: ignore[union-attr]
        equal &= ((size > 1 / ORDINARY) & (size < ORDINARY)) | (size == 0)
        for row in np.flatnonzero(equal & (sizes > 2)).tolist():
            begin = begins[row]
            equal[row] = np.all(values[begin : begin + sizes[row]] == first[row])
        return equal

    def fits(self, positions: Int[np.ndarray, " b"]) -> Fits:
        """Return the fits of some of them, as `fit` tells them."""
        values, sizes, count = self._value(positions), self.sizes[positions], len(positions)
        estimates = narrowest(type(self.begun.like), values)  # type: ignore[arg-type]
        infinite = np.full(count, np.inf)
        columns = {
            "log_likelihood": infinite, "distance": infinite, "count": sizes.astype(float),
            "steps": np.zeros(count, int), "status": np.full(count, int(Status.UNBOUNDED)),
        }  # fmt: skip
        why = said_unbounded(self.how)
        rows = zip(positions.tolist(), sizes.tolist(), values.tolist(), strict=True)
        reasons = {position: f"{said_alike(size, value)}: {why}" for position, size, value in rows}
        return Fits(positions, estimates, np.full_like(estimates, np.nan), columns, reasons)

    def _value(self, positions: Int[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
        return self.stretches.values[self.stretches.begins[positions]].astype(np.float64)
