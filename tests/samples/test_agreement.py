"""A factored form is held against the data: the right one agrees, a wrong one is seen."""

import equinox as eqx
import jax
import numpy as np
import pytest
import zoo

import mlejax
from mlejax.models.parameters import with_dtype
from mlejax.samples.agreement import AGREEMENT, LOOKED_AT, check_points, examine

START = with_dtype(mlejax.Normal(6.0, 7.0), np.float64)


def apart(start, summary, x):
    return examine(start, [summary], [jax.numpy.asarray(x)]).apart[0]


def test_points_are_the_start_and_others_inside_the_domain(x64):
    points = check_points(with_dtype(zoo.NormalMixture(0.4, -0.5, 1.2, 2.5, 2.0), np.float64))
    assert all(leaf.shape == (4,) for leaf in jax.tree.leaves(points))
    assert points.weight[0] == 0.4
    assert ((points.weight > 0) & (points.weight < 1)).all()
    assert (points.first_variance > 0).all()
    assert len(np.unique(points.first_mean)) == 4


@pytest.mark.slow
def test_statistics_of_the_data_agree_and_others_do_not(x64, small_normal):
    summary, _ = mlejax.summarize(START, small_normal)
    assert apart(START, summary, small_normal) < AGREEMENT
    moved = eqx.tree_at(lambda s: s.centers, summary, summary.centers * (1 + 1e-9))
    assert apart(START, moved, small_normal) > AGREEMENT


@pytest.mark.slow
def test_many_observations_are_all_looked_at_and_at_other_points_some(x64):
    x = np.random.RandomState(0).normal(7.2, 2.8, 4 * LOOKED_AT + 3)
    summary, _ = mlejax.summarize(START, x)
    assert apart(START, summary, x) < AGREEMENT
    x[5] += 1e-3  # one that is not among those looked at elsewhere
    assert apart(START, summary, x) > AGREEMENT


@pytest.mark.slow
def test_terms_that_cancel_one_by_one_are_no_disagreement(x64):
    """At a rate of 3, the slope of each observation of 3 is exactly zero, and that of their rounded mean is not."""
    sample, reason = mlejax.summarize(mlejax.Poisson(3.0), np.full(3, 3.0))
    assert isinstance(sample, mlejax.Summary), reason


def test_a_gradient_that_is_another_one_away_from_the_start_is_seen(x64):
    x = np.random.RandomState(1).normal(7.2, 2.8, 4 * LOOKED_AT)
    sample, reason = mlejax.summarize(zoo.Turning(6.0, 1.0), x)
    assert isinstance(sample, mlejax.Observations), reason


@pytest.mark.slow
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("count", [50, LOOKED_AT + 50])
def test_one_observation_outside_the_support_is_seen_wherever_it_stands(bad, count, x64):
    start, x = mlejax.Exponential(np.float64(1.0)), np.random.RandomState(2).exponential(1.0, count)
    summary, _ = mlejax.summarize(start, x)
    assert examine(start, [summary], [jax.numpy.asarray(x)]).contained[0]
    for at in (0, count // 2, count - 1):
        spoilt = x.copy()
        spoilt[at] = bad
        assert not examine(start, [summary], [jax.numpy.asarray(spoilt)]).contained[0]


def test_a_sample_is_examined_whatever_is_promoted(x64, small_normal):
    """As in the programs of those who let JAX promote no types."""
    with jax.numpy_dtype_promotion("strict"):
        summary, _ = mlejax.summarize(START, small_normal)
        assert apart(START, summary, small_normal) < AGREEMENT
