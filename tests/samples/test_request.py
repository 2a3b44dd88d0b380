"""How large samples may be that lie side by side: larger ones where few runs share one, as far as there is room."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax import devices
from mlejax.progress import Progress
from mlejax.samples import gather, request
from mlejax.sweeps.measure import samples_for

GROUPS = mlejax.Groups(np.arange(1.0, 7.0), [0, 0, 1, 1, 2, 2])
LARGE = 1 << 40


@pytest.mark.parametrize(
    ("source", "runs", "room", "most"),
    [
        (GROUPS, 1, LARGE, request.LARGEST_OF_FEW_RUNS),
        (GROUPS, request.FEW_RUNS, LARGE, request.LARGEST_BESIDE),
        (GROUPS, 1, 10_000, 10_000),
        (GROUPS, 1, -5, request.LARGEST_BESIDE),
        (mlejax.Draws(mlejax.Weibull(1.0, 2.0), 50), 1, LARGE, 0),
    ],
    ids=["few runs", "many runs", "little room", "no room", "of one size"],
)
def test_how_large_a_sample_beside_others_may_be(source, runs, room, most):
    start, seeds = mlejax.Weibull(1.0, 2.0), {} if source is GROUPS else {"seeds": range(2)}
    spec = mlejax.SweepSpec.checked(start, observations=source, learning_rates=0.1, **seeds)
    wanted = request.Request(start, spec.source, np.arange(2), 0.2, True, runs)
    assert wanted.largest_beside(room) == most


def gathered(runs, count=4, size=2000):
    values = np.random.RandomState(0).weibull(2.0, count * size)
    source, rates = mlejax.Groups(values, np.repeat(np.arange(count), size)), np.geomspace(0.01, 0.1, runs)
    spec = mlejax.SweepSpec.checked(mlejax.Weibull(1.0, 2.0), observations=source, learning_rates=rates)
    mesh = devices.mesh(jax.local_devices()[:1])
    with devices.own_settings():
        return samples_for(spec, np.ones(spec.shape, bool), mesh, Progress(enabled=False))


@pytest.mark.slow
def test_large_samples_lie_side_by_side_where_few_runs_share_one(monkeypatch):
    few, many = gathered(request.FEW_RUNS - 1), gathered(request.FEW_RUNS)
    assert [stack.positions.tolist() for stack in few.stacks] == [[0, 1, 2, 3]]
    assert (many.stacks, many.alone.tolist()) == ((), [0, 1, 2, 3])
    monkeypatch.setattr(gather, "MOST_BESIDE", 2 * sum(leaf.size for leaf in jax.tree.leaves(few.pair(0))))
    some = gathered(1)
    assert ([stack.positions.tolist() for stack in some.stacks], some.alone.tolist()) == ([[0, 1]], [2, 3])
    monkeypatch.setattr(request, "LARGEST_OF_FEW_RUNS", 1000)
    assert gathered(1).alone.tolist() == [0, 1, 2, 3]
