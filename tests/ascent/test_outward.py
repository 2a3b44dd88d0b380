import dataclasses
import math

import numpy as np
import pytest
import zoo
from scipy.stats import cauchy

from mlejax import Cauchy, ConvergenceWarning, NegativeBinomial, Normal, fit
from mlejax.ascent.outward import BESIDE, REFIT_STEPS, End, judge, look_outward
from mlejax.models.parameters import Parameters
from mlejax.status import Status

TABLE = Parameters.of(NegativeBinomial(1.0, 1.0))
COUNT = 100.0


def end_at(coordinates, height, information=None, status=Status.CONVERGED, beside=()):
    size = len(coordinates)
    information = np.eye(size) if information is None else information
    return End(
        np.array(coordinates),
        height / COUNT,
        information,
        np.eye(size),
        np.ones(size),
        1e-9,
        5,
        status,
        np.array(coordinates),
        tuple(each / COUNT for each in beside),
    )


def looked(height_at, at, table=TABLE, **end):
    """Look at a log-likelihood, a function of the coordinates, from a point; nothing but the start of a climb moves."""
    asked = []

    def ascend(starts, free, most, *, beside=False):
        asked.append((tuple(free), most))
        shift = BESIDE * table.logarithmic if beside else np.zeros(len(free))
        heights = ((height_at(start + shift), height_at(start - shift)) for start in starts)
        return [end_at(start, height_at(start), beside=two) for start, two in zip(starts, heights, strict=True)]

    here = end_at(at, height_at(np.array(at)), **end)
    views = look_outward(ascend, here, table, COUNT)
    return judge(here, views, table, COUNT, offset=-7.0), asked


# Of the coordinates log size and log mean, the second a parabola that the data determine well.
WELL = np.diag([1.0, 1.0])
FLAT = np.diag([1e-4, 1.0])


def test_a_maximum_that_the_data_determine_is_not_looked_at():
    verdict, asked = looked(lambda u: -COUNT * np.sum(u**2) / 2, [0.0, 0.0], information=WELL)
    assert verdict.status is Status.CONVERGED
    assert asked == []


def test_a_likelihood_that_flattens_has_its_supremum_at_infinity():
    verdict, asked = looked(lambda u: -1.0 - math.exp(-u[0]) - COUNT * u[1] ** 2 / 2, [15.0, 0.0], information=FLAT)
    assert verdict.status is Status.AT_INFINITY
    assert verdict.reason == (
        "the log-likelihood keeps rising as size grows; its supremum, -8.0000 at infinity, is no maximum"
    )
    assert ((0.0, 1.0), REFIT_STEPS) in asked


def test_a_likelihood_that_rises_towards_a_wall():
    verdict, _ = looked(lambda u: -1.0 - math.exp(u[0]) - COUNT * u[1] ** 2 / 2, [-15.0, 0.0], information=FLAT)
    assert verdict.status is Status.AT_BOUNDARY
    assert "as size approaches 0; its supremum, -8.0000 at 0" in verdict.reason


def test_a_likelihood_without_a_bound():
    verdict, _ = looked(lambda u: -3 * u[0] - COUNT * u[1] ** 2 / 2, [-20.0, 0.0], information=FLAT)
    assert verdict.status is Status.UNBOUNDED
    assert verdict.reason == "the log-likelihood grows without bound as size approaches 0"


def test_a_parameter_that_does_not_matter():
    verdict, _ = looked(lambda u: -COUNT * u[1] ** 2 / 2, [0.0, 0.0], information=np.diag([0.0, 1.0]))
    assert verdict.status is Status.NOT_IDENTIFIED
    assert verdict.reason == "the log-likelihood does not depend on size"


def test_a_combination_that_does_not_matter_is_named():
    information = np.array([[1.0, 1.0], [1.0, 1.0]])
    verdict, _ = looked(lambda u: -COUNT * (u[0] + u[1]) ** 2 / 2, [0.0, 0.0], information=information)
    assert verdict.status is Status.NOT_IDENTIFIED
    assert "do not tell size and mean apart" in verdict.reason
    assert "log size by 1, log mean by -1" in verdict.reason


def test_an_interval_that_is_open_is_noted():
    # It falls by about a nat towards infinity: a maximum, but any large value will do.
    verdict, _ = looked(lambda u: -(math.tanh(u[0] / 2) ** 2), [0.0, 0.0], information=FLAT)
    assert verdict.status is Status.CONVERGED
    assert verdict.notes == ("these data do not limit size from above", "these data do not limit size from below")


def test_a_maximum_is_one_however_little_the_limit_lies_below_it():
    # In y = 1 / size a parabola with its maximum at 0.01, as of counts that are hardly overdispersed.
    verdict, _ = looked(lambda u: -3.0 - 50 * (math.exp(-u[0]) - 0.01) ** 2, [math.log(100.0), 0.0], information=FLAT)
    assert verdict.status is Status.CONVERGED
    assert verdict.notes == ("these data do not limit size from above",)


def test_noise_is_not_taken_for_a_fall():
    """A formula that cancels far out: its values there are those of the limit, give or take a nat."""
    random = np.random.RandomState(0)

    def height(u):
        return -1.0 - math.exp(-u[0]) + (random.normal() if u[0] > 17 else 0.0)

    verdict, _ = looked(height, [15.0, 0.0], information=FLAT)
    assert verdict.status is Status.AT_INFINITY


def test_a_climb_that_ended_short_says_how_far():
    here = end_at([0.0, 0.0], -5.0, status=Status.MAX_STEPS)
    verdict = judge(dataclasses.replace(here, distance=2.5), [], TABLE, COUNT, 0.0)
    assert verdict.status is Status.MAX_STEPS
    assert verdict.reason == "after 5 steps the estimate is 2.5 standard errors from the top of its parabola"


@pytest.mark.parametrize("table", [Parameters.of(Normal(0.0, 1.0)), Parameters.of(zoo.Cauchy(0.0, 1.0))], ids=str)
def test_a_real_coordinate_is_followed_no_further_than_ten_standard_errors(table):
    asked = []

    def ascend(starts, free, most, *, beside=False):
        asked.extend(start[0] for start in starts)
        heights = (-COUNT * np.sum(start**2) / 2 for start in starts)
        return [end_at(start, height, beside=(height, height)) for start, height in zip(starts, heights, strict=True)]

    look_outward(ascend, end_at([0.0, 0.0], 0.0), table, COUNT)
    assert 0.05 < np.max(np.abs(asked)) <= 10 / math.sqrt(COUNT) + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("values", "weights"), [([0.1, 0.4], None), ([1.0, 5.0], [2, 2])], ids=["two", "by weight"])
def test_two_observations_do_not_determine_a_cauchy_distribution(values, weights):
    """Every point of a half circle over them has the same height (J. Copas, Biometrika 62, 1975, 701-704)."""
    middle, radius = np.mean(values), np.ptp(values) / 2
    arc = [(middle + radius * math.cos(angle), radius * math.sin(angle)) for angle in (0.5, 1.0, 2.0)]
    heights = [np.sum(cauchy.logpdf(values, *point)) for point in arc]
    assert np.ptp(heights) < 1e-12
    with pytest.warns(ConvergenceWarning, match="near the estimate"):
        result = fit(Cauchy, values, weights=weights, progress=False)
    assert result.status is Status.NOT_IDENTIFIED
    assert result.log_likelihood == pytest.approx(heights[0] * (1 if weights is None else 2))
    assert fit(Cauchy, [*values, 0.7], progress=False).converged
