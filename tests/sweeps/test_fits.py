"""The calls into which samples of any sizes are put, and what their rows hold."""

import numpy as np
import pytest

import mlejax
from mlejax.ascent.together import BLOCKS, ROWS, TILES
from mlejax.samples.members import Groups, Resamples
from mlejax.samples.spans import WIDTH
from mlejax.sweeps.fits import Work


def work_for(sizes):
    x = np.random.RandomState(0).gamma(2.0, 3.0, sum(sizes))
    return Work(mlejax.Gamma, Groups(x, np.repeat(np.arange(len(sizes)), sizes))), x


@pytest.mark.parametrize("sizes", [[5] * 3, [5, 70, 1000] * 30, [TILES * WIDTH, 2, 3], [1000] * 600])
def test_every_sample_is_in_one_call_that_has_room_for_it(sizes):
    work, _ = work_for(sizes)
    positions = np.arange(len(sizes))
    beside, alone = work._apart(positions)
    calls = list(work._calls(beside))
    assert len(alone) == 0
    np.testing.assert_array_equal(np.sort(np.concatenate([call.positions for call in calls])), positions)
    for call in calls:
        assert call.tiles.sum() <= TILES
        assert len(call.positions) <= len(call.tiles) * ROWS <= BLOCKS * ROWS
        for block, tiles in enumerate(call.tiles):
            within = call.positions[block * ROWS : (block + 1) * ROWS]
            assert np.max(work.sizes[within]) <= tiles * WIDTH


def test_a_sample_longer_than_a_call_is_left_to_fit():
    work, _ = work_for([10, TILES * WIDTH + 1])
    beside, alone = work._apart(np.arange(2))
    assert (beside.tolist(), alone.tolist()) == ([0], [1])


def test_rows_hold_their_samples():
    sizes = [40, 100, 30, 130]
    work, x = work_for(sizes)
    (call,) = work._calls(work._apart(np.arange(4))[0])
    rows, plain = work._rows(call)
    assert plain.all()
    ends = np.cumsum([0, *sizes])
    for row, position in enumerate(call.positions.tolist()):
        own = x[ends[position] : ends[position + 1]]
        assert rows.sizes[0, row] == len(own)
        np.testing.assert_array_equal(rows.values[row, : len(own)], own)


def test_rows_of_resamples_share_their_observations():
    x = np.random.RandomState(0).gamma(2.0, 3.0, 50)
    work = Work(mlejax.Gamma, Resamples(x, 20, seed=3))
    (call,) = work._calls(np.arange(20))
    rows, _ = work._rows(call)
    np.testing.assert_array_equal(rows.values[:50], x)
    np.testing.assert_array_equal(rows.weights[1, 3, :50], work.members.member(19).weights)
    assert rows.weights[:, :, 50:].sum() == 0
