"""Maxima between two places where a likelihood is unbounded: found, though far from there it is higher."""

import numpy as np
import pytest
import scipy.stats

import mlejax
from benchmarks.highest import highest
from mlejax.models import FAMILIES
from mlejax.models.inside import gumbel_rates, highest_inside
from mlejax.status import Status

SHALLOW = {
    "generalized_extreme_value": [
        [-0.08493, 1.052, 1.178, 0.2052, 0.2992],
        [-3.976, -4.117, -4.173, -4.045, -2.705],
        [0.5989, 0.6428, 0.7897, 0.7164, 0.7238],
    ],
    "generalized_pareto": [
        [10.92, 0.9759, 13.7, 0.8452, 1.369],
        [0.3512, 0.2938, 0.6583, 5.197e-05, 0.03285],
        [2.628, 1.334, 0.5321, 2.527, 6.998],
    ],
}
"""Samples with a maximum that is little above the lowest point on the way to where the likelihood is unbounded."""

NONE = {
    "generalized_extreme_value": [12.45, 3.348, -0.6759, -1.259, 4.025],
    "generalized_pareto": [1.0, 1.1, 1.2, 1.3, 1.5],
}


def log_likelihood(model, x):
    if isinstance(model, mlejax.GeneralizedPareto):
        return np.sum(scipy.stats.genpareto.logpdf(x, model.shape, scale=model.scale))
    return np.sum(scipy.stats.genextreme.logpdf(x, -model.shape, model.location, model.scale))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHALLOW)
def test_a_start_inside_is_at_the_highest_maximum(name):
    for sample in SHALLOW[name]:
        (height,) = highest(name, sample).maxima
        # A place to the square root of the rounding has a height to the rounding.
        assert log_likelihood(FAMILIES[name].start_inside(np.array(sample)), sample) == pytest.approx(height, rel=1e-9)


@pytest.mark.parametrize("name", NONE)
def test_without_a_maximum_there_is_no_start_inside(name):
    assert highest(name, NONE[name]).maxima == ()
    assert FAMILIES[name].start_inside(np.array(NONE[name])) is None
    assert FAMILIES[name].start_inside(np.full(4, 2.5)) is None


@pytest.mark.parametrize("name", SHALLOW)
def test_weights_count_observations(name):
    sample, weights = np.array(SHALLOW[name][0]), np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    one = FAMILIES[name].start_inside(sample, weights)
    other = FAMILIES[name].start_inside(np.repeat(sample, weights.astype(int)))
    # of the weighted sample a thousand observations stand for all
    assert one.shape == pytest.approx(other.shape, abs=0.005)


def test_a_profile_without_a_top_has_no_highest_one():
    assert highest_inside(lambda turns: turns) is None
    assert highest_inside(lambda turns: -((turns - 1.234) ** 2)) == pytest.approx(1.234, abs=1e-7)
    # the higher of two, though an end is higher still
    waves = highest_inside(lambda turns: np.cos(turns) + 0.01 * turns + np.where(turns > 28, 10 * (turns - 28), 0))
    assert waves == pytest.approx(8 * np.pi + np.arcsin(0.01), abs=1e-6)


def test_gumbel_rates_are_those_of_scipy():
    y = np.random.RandomState(0).gumbel(3.0, 0.2, (2, 30))
    assert gumbel_rates(y) == pytest.approx([1 / scipy.stats.gumbel_r.fit(row)[1] for row in y], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-9, 1.0])
@pytest.mark.parametrize("name", SHALLOW)
def test_a_shallow_maximum_is_the_estimate(name, unit):
    rows = np.array(SHALLOW[name])
    groups = mlejax.Groups((unit * rows).ravel(), np.repeat(np.arange(len(rows)), rows.shape[1]))
    table = mlejax.fit_many(FAMILIES[name], groups, progress=False)
    assert table.converged.all()
    for sample, height in zip(rows, table.log_likelihood + rows.shape[1] * np.log(unit), strict=True):
        assert height == pytest.approx(highest(name, sample).maxima[0], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", NONE)
def test_without_a_maximum_a_fit_says_that_there_is_none(name):
    with pytest.warns(mlejax.ConvergenceWarning):
        assert mlejax.fit(FAMILIES[name], NONE[name]).status is Status.UNBOUNDED


SEVERAL = [
    [-3.926, 0.1016, 1.073, 1.098, -0.03467],
    [3.143, 2.123, 2.144, 1.487, 4.485],
    [1.929, 2.629, 1.974, 1.606, 1.97],
]
"""Samples of which Student's t has a maximum beside two near observations: above another, above its normal limit, and
where a climb from the median ends about one observation, where the likelihood is unbounded."""


@pytest.mark.slow
def test_the_highest_maximum_of_student_t_is_the_estimate():
    groups = mlejax.Groups(np.ravel(SEVERAL), np.repeat(np.arange(3), 5))
    table = mlejax.fit_many(mlejax.StudentT, groups, progress=False)
    assert table.converged.all()
    heights = [highest("student_t", sample).maxima[0] for sample in SEVERAL]
    assert table.log_likelihood == pytest.approx(heights, rel=1e-10)
    assert mlejax.fit(mlejax.StudentT, SEVERAL[0]).log_likelihood == table.log_likelihood[0]


def test_a_start_of_student_t_is_found_among_few():
    start = mlejax.StudentT.start_inside(np.array(SEVERAL[0]))
    assert scipy.stats.t.logpdf(SEVERAL[0], start.degrees_of_freedom, start.location, start.scale).sum() > -8.7
    assert mlejax.StudentT.start_inside(np.array([1.0, 1.0, 2.0, 2.0])) is None
    assert mlejax.StudentT.start_inside(np.arange(30.0)) is None
    twice = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    assert mlejax.StudentT.start_inside(np.array(SEVERAL[0]), twice) == start
