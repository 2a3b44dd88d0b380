"""Maxima by the profile of one coordinate."""

import math

import numpy as np
import pytest

from mlejax import Gamma
from mlejax.ascent.outward import BESIDE, End
from mlejax.ascent.profile import climb_profile
from mlejax.models.parameters import Parameters
from mlejax.status import Status

TABLE = Parameters.of(Gamma(1.0, 1.0))
COUNT = 30.0


def curved(height, slope, curvature):
    """Climb a ridge y = t^2 / 50 of which the profile in t is given, across it a parabola; to its top from nearby."""

    def mean(t, y):
        return height(t) - 50 * (y - t * t / 50) ** 2

    def ascend(points, free, most, beside=False):
        found = []
        for t, y in points:
            status = Status.MAX_STEPS
            if most and free[1] == 0:
                raise AssertionError("the second is never held")
            if most:
                y = t * t / 50
            if most and free[0]:  # one Newton step along the ridge from nearby
                for _ in range(20):
                    t = t - slope(t) / curvature(t) if curvature(t) < 0 else t
                y = t * t / 50
                status = Status.CONVERGED if abs(slope(t)) < 1e-9 and curvature(t) < 0 else status
            lean = t / 25
            information = np.array([[max(-curvature(t), 1e-6) + 100 * lean**2, -100 * lean], [-100 * lean, 100.0]])
            at = np.array([t, y])
            heights = [mean(t + move, y + move) for move in (0, BESIDE, -BESIDE)]
            found.append(
                End(
                    at, heights[0], information, np.eye(2), np.ones(2), abs(slope(t)), 1, status, at, tuple(heights[1:])
                )
            )
        return found

    return ascend


def bump(top):
    """A top at `top`, far out a plateau below it, and a pole as t falls."""
    return (
        lambda t: math.exp(-((t - top) ** 2) / 8) + math.exp(-4 * (t - top + 9)),
        lambda t: -(t - top) / 4 * math.exp(-((t - top) ** 2) / 8) - 4 * math.exp(-4 * (t - top + 9)),
        lambda t: ((t - top) ** 2 / 16 - 0.25) * math.exp(-((t - top) ** 2) / 8) + 16 * math.exp(-4 * (t - top + 9)),
    )


@pytest.mark.parametrize("start", [-2.0, 3.0, 4.5])
def test_a_top_is_reached_from_both_sides(start):
    end = climb_profile(curved(*bump(3.0)), np.array([start, 0.0]), 0, TABLE, COUNT)
    assert end.status is Status.CONVERGED
    assert end.coordinates[0] == pytest.approx(3.0, abs=1e-6)


def test_from_beside_a_pole_the_top_is_looked_for_from_far_out():
    end = climb_profile(curved(*bump(3.0)), np.array([-6.2, 0.0]), 0, TABLE, COUNT)
    assert end.status is Status.CONVERGED
    assert end.coordinates[0] == pytest.approx(3.0, abs=1e-6)


def test_what_rises_without_an_end_is_followed_until_it_is_flat():
    rising = (lambda t: -math.exp(-t), lambda t: math.exp(-t), lambda t: -math.exp(-t))
    end = climb_profile(curved(*rising), np.array([0.0, 0.0]), 0, TABLE, COUNT)
    assert end.status is not Status.CONVERGED
    assert COUNT * math.exp(-end.coordinates[0]) < 1e-4
