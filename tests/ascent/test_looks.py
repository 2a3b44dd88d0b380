"""Many maxima looked at from further away: what one sees of each is what `outward` sees of it alone."""

import numpy as np
import pytest

from mlejax import Normal
from mlejax.ascent.looks import stay_maxima
from mlejax.models.parameters import Parameters

TABLE = Parameters.of(Normal(0.0, 1.0))
"""A real coordinate and a logarithm."""

COUNT = 10.0


def looked_at(height, doubted, at=(1.0, 0.0), distance=np.inf, information=1.0):
    """Look at a sample whose mean log-likelihood is a function of its two coordinates, whatever is climbed to.

    Everywhere the top of the parabola is so many standard errors away.
    """
    asked = []

    def ascend(rows, coordinates, free, most):
        asked.append((coordinates, free, most))
        return {"coordinates": coordinates, "mean": np.array([height(*each) for each in coordinates]),
                "distance": np.full(len(coordinates), distance)}  # fmt: skip

    ends = {
        "coordinates": np.array([at, at]), "unit": np.ones((2, 2)),
        "information": np.stack([np.diag([1.0, information])] * 2),
        "mean": np.full(2, height(*at)), "count": np.full(2, COUNT),
    }  # fmt: skip
    return stay_maxima(ascend, ends, np.array([doubted, [False, False]]), TABLE).tolist(), asked


def parabola(x, y):
    return -((x - 1.0) ** 2) / 2 - y**2 / 2


def test_what_falls_on_all_sides_stays_and_what_is_not_doubted_is_not_looked_at():
    found, asked = looked_at(parabola, [True, True])
    assert found == [True, True]
    assert {most for _, _, most in asked} == {0, 10}
    assert looked_at(parabola, [False, False]) == ([True, True], [])


@pytest.mark.parametrize(("distance", "climbs"), [(0.0, False), (1.0, False), (2.5, True)])
def test_nothing_climbs_where_a_parabola_cannot_give_back_what_was_lost_along_the_tangent(distance, climbs):
    # nearby, three standard errors out, 4.5 nats are lost, and a parabola may give back the square of the distance
    found, asked = looked_at(parabola, [True, False], distance=distance)
    assert (found, 10 in {most for _, _, most in asked}) == ([True, True], climbs)


@pytest.mark.parametrize(
    "height",
    [
        lambda x, y: -((x - 1.0) ** 2) / 2 - min(y, 0.0) ** 2,  # flat upward
        lambda x, y: -((x - 1.0) ** 2) / 2 - (y**2 if y < 4 else -1.0),  # higher far away
        lambda x, y: -((x - 1.0) ** 2) / 2 - y**2 / 2 if y > -2 else np.nan + 0 * x,  # what has no value is below
    ],
)
def test_a_bounded_coordinate(height):
    found, _ = looked_at(height, [False, True])
    assert found == [bool(np.isnan(height(1.0, -3.0))), True]


def test_a_real_coordinate_that_falls_more_steeply_than_it_curves_may_be_a_ridge():
    steep = lambda x, y: -1e3 * (x - 1.0) ** 2 - y**2 / 2  # noqa: E731
    assert looked_at(steep, [True, False])[0] == [False, True]


@pytest.mark.parametrize(("information", "stays"), [(1e-2, True), (1e-11, False)])
def test_a_logarithm_of_which_nothing_is_known_is_left_to_fit(information, stays):
    # beside a plateau whose curvature is rounding, a profile that is not climbed to its top seems to fall
    height = lambda x, y: -((x - 1.0) ** 2) / 2 - 1e-2 * y**2  # noqa: E731
    assert looked_at(height, [False, True], information=information)[0] == [stays, True]


def test_what_falls_steeply_far_away_alone_is_no_ridge():
    hedged = lambda x, y: -((x - 1.0) ** 2) / 2 - 50 * (x - 1.0) ** 4 - y**2 / 2  # noqa: E731
    found, asked = looked_at(hedged, [True, False])
    assert found == [True, True]
    nearby = min(np.max(np.abs(coordinates[:, 0] - 1.0)) for coordinates, _, _ in asked)
    assert nearby == pytest.approx(0.01 / np.sqrt(COUNT))


def test_no_further_than_ten_standard_errors():
    _, asked = looked_at(parabola, [True, False], at=(1.0, 0.0))
    assert 0.1 < max(np.max(np.abs(coordinates[:, 0] - 1.0)) for coordinates, _, _ in asked) <= 10 / np.sqrt(COUNT)


def test_a_gain_that_rounding_may_have_made_is_none():
    noise = iter(np.random.RandomState(0).uniform(-1, 1, 100))
    assert looked_at(lambda x, y: -1e-3 * y**2 + 1e-2 * next(noise), [False, True])[0] == [False, True]
