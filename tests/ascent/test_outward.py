import math

import numpy as np
import pytest
import zoo
from scipy.stats import cauchy

from benchmarks.highest import highest
from mlejax import Cauchy, ConvergenceWarning, Lomax, NegativeBinomial, Normal, fit
from mlejax.ascent.outward import BESIDE, REFIT_STEPS, End, look_outward
from mlejax.ascent.verdict import judge
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


def looked(height_at, at, table=TABLE, one_top=False, **end):
    """Look at a log-likelihood, a function of the coordinates, from a point; nothing but the start of a climb moves."""
    asked = []

    def ascend(starts, free, most, *, beside=False):
        asked.append((tuple(free), most))
        shift = BESIDE * table.logarithmic if beside else np.zeros(len(free))
        heights = ((height_at(start + shift), height_at(start - shift)) for start in starts)
        return [end_at(start, height_at(start), beside=two) for start, two in zip(starts, heights, strict=True)]

    here = end_at(at, height_at(np.array(at)), **end)
    views = look_outward(ascend, here, table, COUNT, one_top=one_top)
    return judge(here, views, table, COUNT, offset=-7.0), asked


# Of the coordinates log size and log mean, the second a parabola that the data determine well.
WELL = np.diag([1.0, 1.0])
FLAT = np.diag([1e-4, 1.0])


@pytest.mark.parametrize(("information", "looks"), [(WELL, False), (np.diag([1.0, 1e-4]), True)])
def test_the_only_top_is_looked_at_only_where_a_domain_may_end(information, looks):
    table = Parameters.of(Normal(0.0, 1.0))  # a mean of 0 is less certain than large
    for one_top, expected in ((False, True), (True, looks)):
        asked = looked(lambda u: -COUNT * np.sum(u**2) / 2, [0.0, 0.0], table, one_top, information=information)[1]
        assert bool(asked) == expected


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


HARDLY_HEAVIER = [
    [1.1694165974276332, 2.514229860967353, 1.472573723684705, 0.11411524473960033, 0.08583647097671375,
     0.01541586026715464, 3.483390638165198, 0.119142362896615, 0.38799807949916065, 2.240735021822605,
     0.04709253443363702, 0.1379831893299398, 0.36324713250504703, 1.6496817968226563, 0.6122196670857177,
     0.9520251609998175, 0.04635051505512765, 1.0765645787702824, 1.650083321713837, 0.8002732270267331],
    [0.0337796428637326, 0.47732657768175923, 0.09215633461898981, 0.9252324357024508, 0.16467191128221675,
     0.03141797529741771, 0.015692813894474134, 0.015295491572673642, 0.14959695827382247, 0.06365953677621457,
     0.3094428469676446, 0.3420328023380198, 0.2509673152473726, 0.28255768166942935, 0.7617849541581603,
     0.4606936262659455, 0.06006410206376136, 0.10306777984887343, 0.023224653371228858, 0.5556297687872152],
]  # fmt: skip
"""Drawn from Lomax distributions."""


@pytest.mark.parametrize("unit", [1.0, 1e-9], ids=str)
@pytest.mark.parametrize(("index", "excess"), [(0, 2.752e-6), (1, 7.159e-7)], ids=["3", "0.7"])
def test_a_maximum_a_millionth_of_a_nat_above_its_limit_is_one(index, excess, unit):
    sample = HARDLY_HEAVIER[index]
    known = highest("lomax", sample)
    assert known.excess == pytest.approx(excess, rel=1e-3)
    result = fit(Lomax, unit * np.array(sample), progress=False)
    assert result.status is Status.CONVERGED
    assert result.log_likelihood + len(sample) * math.log(unit) == pytest.approx(known.maxima[0], abs=1e-9)


def test_without_the_largest_observation_the_limit_is_the_highest_point():
    lighter = sorted(HARDLY_HEAVIER[0])[:-1]
    assert highest("lomax", lighter).maxima == ()
    with pytest.warns(ConvergenceWarning, match="keeps rising"):
        assert fit(Lomax, lighter, progress=False).status is Status.AT_INFINITY


def test_a_fall_by_less_than_is_told_of_what_rounds_is_none():
    # A ten thousandth of a millionth of a nat above its limit, a maximum; a climb that has not arrived, or noise.
    def height(u, noise=0.0):
        return -3.0 - 1e-2 * (math.exp(-u[0]) - 0.01) ** 2 + noise - COUNT * u[1] ** 2 / 2

    information = np.diag([2e-8, 1.0])
    at = [math.log(100.0), 0.0]
    assert looked(height, at, information=information)[0].status is Status.CONVERGED
    random = np.random.RandomState(0)
    noisy = looked(lambda u: height(u, 1e-6 * random.normal()), at, information=information)[0]
    assert noisy.status is Status.AT_INFINITY
    short = looked(height, at, information=information, status=Status.PRECISION)[0]
    assert short.status is Status.AT_INFINITY
