"""A way along a curved ridge, on which damped steps are short: by the profile of the coordinate known least."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..models.parameters import Parameters
from .outward import HIGHER, Ascend, End, View
from .uncertainty import Spread

MOST_MOVES = 60
"""Points of the profile that are looked at."""

REFIT_STEPS = 30
"""Steps for the other coordinates at each."""

LONGER, SHORTER = 2.0, 0.3
"""What becomes of a move along the profile that leads up, and of one that leads up to neither side."""

SLOWER = 0.8
"""What a rise is at most of that before, where a profile levels off."""

PARABOLIC = 0.01
"""Standard errors from the top of its parabola from which on a profile is taken for one."""

ARRIVED = 3e-7
"""Standard errors from it at which the way ends."""

GAIN = 1e-5
"""Nats: a long move that gains less leads on without an end, or into rounding."""

ENDLESS = 300.0
"""Standard errors, where it begins, that a way leads at least that rises without end."""


def follow(ascend: Ascend, end: End, table: Parameters, count: float) -> End | View | None:
    """Return the top of a profile: that of the coordinate of which the data say least.

    Args:
        ascend: climbs.
        end: where a climb ran out of steps.
        table: of the parameters.
        count: of the observations.

    Returns:
        The top, with the information about all coordinates there; a view where it rises without end, as high as it then
        will be; None where it is lost in rounding.
    """
    size = len(end.coordinates)
    free = np.ones(size)
    best, steps, errors = end, end.steps, _errors(end, count)
    held = int(np.argmax(errors / best.unit))
    others = np.where(np.arange(size) == held, 0.0, 1.0)
    move = min(errors[held], 1.0 if table.logarithmic[held] else max(abs(best.coordinates[held]), best.unit[held])) / 3
    turned, error, heights = False, errors[held], [count * end.mean_log_likelihood]
    for _ in range(MOST_MOVES):
        covariance = Spread.of(best.information, count).uncertainty
        along = covariance[:, held] / covariance[held, held]
        (refitted,) = ascend([best.coordinates + move * along], others, REFIT_STEPS)
        (there,) = ascend([refitted.coordinates], free, 0)  # for the information about all coordinates
        steps += refitted.steps
        gain = count * (there.mean_log_likelihood - best.mean_log_likelihood)
        near = best.distance < PARABOLIC
        if (gain > -GAIN and there.distance < best.distance / 2) if near else gain > 0:
            far = 1.0 if table.logarithmic[held] else abs(best.coordinates[held]) / 2
            if gain < GAIN and abs(move) > far:
                return None
            heights.append(count * there.mean_log_likelihood)
            best, turned, way = there, False, math.copysign(1.0, move)
            if near:
                heights = heights[-1:]  # no longer twice as far each time
            # on a parabola, its top is so many standard errors away
            length = best.distance * _errors(best, count)[held] if best.distance < PARABOLIC else LONGER * abs(move)
            move = way * length
        else:
            move, turned = -move * (SHORTER if turned else 1.0), not turned
            heights = heights[-1:]
        if best.distance < ARRIVED:
            return dataclasses.replace(best, unit=end.unit, steps=steps)
        moved = best.coordinates[held] - end.coordinates[held]
        if abs(moved) > ENDLESS * error and (level := _level(heights)) is not None:
            highest = dataclasses.replace(best, mean_log_likelihood=level / count)
            below = count * end.mean_log_likelihood
            return View(held, int(np.sign(moved)), (heights[-1] - below, level - below), highest)
    return None


def _level(heights: Sequence[float]) -> float | None:
    """Return what heights, each after a move twice as long as that before, rise to by ever less; None if to nothing.

    Three tell it as of a geometric series (Aitken); the last three and those before agree within `HIGHER`.
    """
    rises = np.diff(heights)[-3:]
    if len(rises) < 3 or np.any(rises <= 0) or np.any(rises[1:] > SLOWER * rises[:-1]):
        return None
    before, level = heights[-2:] + rises[1:] ** 2 / -np.diff(rises)
    return float(level) if abs(level - before) < HIGHER else None


def _errors(end: End, count: float) -> np.ndarray:
    """Return the standard errors of all coordinates."""
    return np.sqrt(np.diagonal(Spread.of(end.information, count).uncertainty))
