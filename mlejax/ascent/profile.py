"""A maximum by the profile of one coordinate, where steps of all together are short, or lead to a pole beside it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from ..models.parameters import Parameters
from ..status import Status
from .newton import MAX_STEPS
from .outward import FLAT, Ascend, Coordinates, End, View, gains_of
from .ridge import follow
from .uncertainty import Spread

MOVE, LONGEST = 0.5, 0.75
"""The first move of the coordinate, a logarithm, and those outward. Inward a move must not leap over a maximum to a
pole; outward the others would not follow a longer one."""

SHORTEST = 0.01
"""A move that the other coordinates do not follow is made shorter, but not below this."""

MOST_MOVES = 60
"""Points of a profile that are looked at."""

FAR_OUT = 5
"""Moves outward from a start, from where the profile is climbed inwards if from the start it leads to a pole."""

NEAR = 4 * MOVE
"""A maximum no farther than this from the top of a profile is that one."""


def climb_profile(ascend: Ascend, start: Coordinates, held: int, table: Parameters, count: float) -> End:
    """Climb to the maximum that lies upwards along the profile of one coordinate, or else the first one from far out.

    Args:
        ascend: climbs.
        start: coordinates.
        held: the coordinate, a logarithm, which may be far out; where it falls there may be a pole.
        table: of the parameters.
        count: of the observations.

    Returns:
        The maximum; where there is none, the point that was reached on the way out, or to the pole.
    """
    profile = _Profile(ascend, held, table, count)
    begun = profile.at(start)
    top = end = profile.top(begun)
    if not end.arrived and top.coordinates[held] < begun.coordinates[held] - MOVE:
        for _ in range(FAR_OUT):
            begun = profile.beside(begun, LONGEST)
        end = profile.top(begun)
    return end


@dataclasses.dataclass(frozen=True, eq=False)
class _Profile:
    """The highest points for each value of a coordinate."""

    ascend: Ascend
    held: int  # the coordinate
    table: Parameters
    count: float

    def at(self, coordinates: Coordinates) -> End:
        """Return the highest point with this value of the coordinate, and the information about all of them there.

        Its status is that of the climb of the others.
        """
        alone = np.arange(len(coordinates)) == self.held
        (refitted,) = self.ascend([coordinates], np.where(alone, 0.0, 1.0), MAX_STEPS)
        (there,) = self.ascend([refitted.coordinates], np.ones(len(coordinates)), 0, beside=True)
        return dataclasses.replace(there, steps=refitted.steps, status=refitted.status)

    def beside(self, end: End, move: float) -> End:
        """Return the point whose coordinate is larger by so much."""
        covariance = Spread.of(end.information, self.count).uncertainty
        there = self.at(end.coordinates + move * covariance[:, self.held] / covariance[self.held, self.held])
        return dataclasses.replace(there, steps=end.steps + there.steps)

    def top(self, start: End) -> End:
        """Return the maximum uphill from a point; where there is none, the last point on the way."""
        best, move, failed = start, MOVE, 0
        for _ in range(MOST_MOVES):
            there = self.beside(best, move)
            (gain,) = gains_of([there], best, self.count)
            best, higher = dataclasses.replace(there if gain > -FLAT else best, steps=there.steps), gain > -FLAT
            lost = there.status not in (Status.CONVERGED, Status.PRECISION)
            if higher:
                move, failed = float(np.clip(2 * move, -MOVE, LONGEST)), 0
            elif lost and abs(move) > SHORTEST:
                move /= 4  # the other coordinates follow a shorter one
            elif move == LONGEST and gain >= 0:
                break  # it is flat, or lost in rounding
            elif failed:
                return self._maximum(best)
            else:
                move, failed = -MOVE, 1
        return dataclasses.replace(best, status=Status.MAX_STEPS)

    def _maximum(self, top: End) -> End:
        """Return the maximum beside the top of the profile; the top itself where none is reached."""
        ways: tuple[Callable[[], End | View | None], ...] = (
            lambda: top,
            lambda: follow(self.ascend, top, self.table, self.count),
        )
        for way in ways:
            if isinstance(begin := way(), End):
                (end,) = self.ascend([begin.coordinates], np.ones(len(top.coordinates)), MAX_STEPS)
                end = dataclasses.replace(end, steps=begin.steps + end.steps)
                if end.arrived and abs(end.coordinates[self.held] - top.coordinates[self.held]) < NEAR:
                    return end
        return dataclasses.replace(top, status=Status.MAX_STEPS)
