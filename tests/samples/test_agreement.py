"""A factored form is held against the data: the right one agrees, a wrong one is seen."""

import equinox as eqx
import jax
import numpy as np

import mlejax
from mlejax.models.parameters import with_dtype
from mlejax.samples.agreement import AGREEMENT, check_points, disagreement

START = with_dtype(mlejax.Normal(6.0, 7.0), np.float64)


def test_points_are_the_start_and_others_inside_the_domain(x64):
    points = check_points(with_dtype(mlejax.NormalMixture(0.4, -0.5, 1.2, 2.5, 2.0), np.float64))
    assert all(leaf.shape == (4,) for leaf in jax.tree.leaves(points))
    assert points.weight[0] == 0.4
    assert ((points.weight > 0) & (points.weight < 1)).all()
    assert (points.first_variance > 0).all()
    assert len(np.unique(points.first_mean)) == 4


def test_statistics_of_the_data_agree_and_others_do_not(x64, small_normal):
    summary, _ = mlejax.summarize(START, small_normal)
    data = mlejax.Observations(jax.numpy.asarray(small_normal))
    assert disagreement(START, summary, data) < AGREEMENT
    moved = eqx.tree_at(lambda s: s.centres, summary, summary.centres * (1 + 1e-9))
    assert disagreement(START, moved, data) > AGREEMENT
