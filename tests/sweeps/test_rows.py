"""The calls into which samples of any sizes are put, and what their rows hold."""

import jax
import numpy as np
import pytest

from mlejax.ascent.together import BLOCKS, ROWS, TILES, Begin
from mlejax.samples.members import Groups, Resamples, Windows
from mlejax.samples.spans import WIDTH
from mlejax.sweeps.rows import RowMaker, _Columns

NUMBER = jax.ShapeDtypeStruct((), np.float64)


def rows_for(sizes):
    x = np.random.RandomState(0).gamma(2.0, 3.0, sum(sizes))
    members = Groups(x, np.repeat(np.arange(len(sizes)), sizes))
    return RowMaker(members, members.sizes, NUMBER, members.shared), x


def begin_for(count):
    return Begin(
        np.arange(2.0 * count).reshape(count, 2), np.full(count, False), np.ones((count, 2)), np.full(count, 7)
    )


@pytest.mark.parametrize("sizes", [[5] * 3, [5] * 30 + [70] * 30 + [1000] * 30, [2, 3, TILES * WIDTH], [1000] * 600])
def test_every_sample_is_in_one_call_that_has_room_for_it(sizes):
    rows, _ = rows_for(sizes)
    positions = np.arange(len(sizes))
    assert rows.fit(positions).all()
    calls = list(rows.calls(positions))
    np.testing.assert_array_equal(np.concatenate([call.positions for call in calls]), positions)
    for call in calls:
        assert call.tiles.sum() <= TILES
        assert len(call.positions) <= len(call.tiles) * ROWS <= BLOCKS * ROWS
        for block, tiles in enumerate(call.tiles):
            within = call.positions[block * ROWS : (block + 1) * ROWS]
            assert np.max(rows.sizes[within]) <= tiles * WIDTH


@pytest.mark.parametrize("sizes", [[5] * 3, [5] * 9000, [5] * 30 + [70] * 4000 + [1000] * 3000, [64 * TILES] * 5])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_shares_hold_every_sample_once_and_give_every_thread_as_much(sizes, threads):
    members = Groups(np.zeros(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes))
    rows, positions = RowMaker(members, members.sizes, NUMBER, None), np.arange(len(sizes))
    shares = list(rows.shares(positions, 2, threads))
    np.testing.assert_array_equal(np.concatenate(shares), positions)
    tiles = np.array([rows._tiles_of_blocks(share).sum() for share in shares])
    assert np.ptp(tiles) <= 2 * np.max(rows._tiles_of_blocks(positions))
    assert all(share[0] % ROWS == 0 for share in shares)  # whole blocks
    alone = [call.positions for call in rows.calls(positions)]
    for share, call in zip(rows.shares(positions, 1, threads), alone, strict=True):
        np.testing.assert_array_equal(share, call)


def test_a_sample_longer_than_a_call_does_not_fit():
    rows, _ = rows_for([10, TILES * WIDTH + 1])
    assert rows.fit(np.arange(2)).tolist() == [True, False]


@pytest.mark.parametrize(("count", "tiles"), [(3, BLOCKS), (BLOCKS, TILES)])
def test_a_small_table_is_laid_into_short_columns_however_often_a_sample_is_there(count, tiles):
    rows, _ = rows_for([70] * count)
    calls = list(rows.calls(np.repeat(np.arange(count), 500)))
    assert len(calls) == -(-count * 500 // (ROWS * min(tiles // 2, BLOCKS)))
    for call in calls[:1]:
        many = begin_for(len(call.positions))
        assert rows.rows(call, many).values.shape == (ROWS, tiles * WIDTH)


def test_columns_of_vectors_hold_fewer_observations():
    wide = TILES // BLOCKS + 1
    members = Groups(np.zeros((BLOCKS * WIDTH + 6, wide)), [0] * 5 + [1] * (BLOCKS * WIDTH + 1))
    rows = RowMaker(members, members.sizes, jax.ShapeDtypeStruct((wide,), np.float64), None)
    assert rows.fit(np.arange(2)).tolist() == [True, False]


def test_rows_hold_their_samples():
    sizes = [30, 40, 100, 130]
    rows, x = rows_for(sizes)
    (call,) = rows.calls(np.arange(4))
    laid = rows.rows(call, begin_for(4))
    ends = np.cumsum([0, *sizes])
    for row in range(4):
        own = x[ends[row] : ends[row + 1]]
        assert laid.sizes[0, row] == len(own)
        np.testing.assert_array_equal(laid.values[row, : len(own)], own)
        assert laid.begin.at[0, row].tolist() == [2 * row, 2 * row + 1]
    assert laid.begin.most[0].tolist() == [7] * 4 + [0] * (ROWS - 4)  # a row without a sample ends at once


@pytest.mark.parametrize("dtype", [np.float64, np.int32, bool])
def test_columns_are_read_where_they_are(dtype):
    columns = _Columns()
    for laid in (columns.of_length(WIDTH + 1, jax.ShapeDtypeStruct((3,), dtype)), columns.weights((2, 3, 5))):
        assert laid.ctypes.data % 64 == 0  # bytes: of anything else JAX makes a copy on a CPU
        assert laid.flags.c_contiguous
        assert np.all(laid == 0)


@pytest.mark.parametrize("sizes", [[40, 40, 40], [40, 50, 60]])
def test_behind_a_sample_stands_its_last_observation(sizes):
    rows, x = rows_for(sizes)  # of which every number belongs to the support: others may have no log-density
    (call,) = rows.calls(np.arange(3))
    laid = rows.rows(call, begin_for(3))
    for row, end in enumerate(np.cumsum(sizes)):
        np.testing.assert_array_equal(laid.values[row, sizes[row] : WIDTH], x[end - 1])


def test_rows_of_resamples_share_their_observations():
    x = np.random.RandomState(0).gamma(2.0, 3.0, 50)
    members = Resamples(x, 20, seed=3)
    rows = RowMaker(members, members.sizes, NUMBER, members.shared)
    (call,) = rows.calls(np.repeat(np.arange(20), 2))
    laid = rows.rows(call, begin_for(40))
    np.testing.assert_array_equal(laid.values[:50], x)
    flat = laid.weights.reshape(-1, laid.weights.shape[-1])
    for row in (0, 17, 38, 39):
        np.testing.assert_array_equal(flat[row, :50], members.member(row // 2).weights)
    assert flat[:40, 50:WIDTH].sum() == 0


def test_stretches_that_lie_evenly_apart_are_no_copy():
    x = np.arange(40.0)
    for members in (Windows(x, 6, 4), Windows(x, 6), Groups(x, np.arange(40) // 8)):
        positions = np.arange(1, 4)
        size = members.sizes[0]
        rows = members.stretches.evenly(positions, int(size))
        assert np.shares_memory(rows, members.stretches.values)
        for row, position in zip(rows, positions.tolist(), strict=True):
            np.testing.assert_array_equal(row, members.member(position).values)
        assert members.stretches.evenly(np.array([0, 0, 1]), int(size)) is None
        assert members.stretches.evenly(np.array([0, 3, 4]), int(size)) is None
    one = Groups(np.arange(5.0), [1, 1, 1, 2, 2]).stretches.evenly(np.array([1]), 2)
    np.testing.assert_array_equal(one, [[3.0, 4.0]])


@pytest.mark.parametrize("members", [Windows(np.arange(20.0), 6, 4), Groups(np.arange(24.0), np.arange(24) % 4)])
def test_observations_by_their_indices_are_those_of_each_sample(members):
    positions, index = np.array([2, 0, 0]), np.array([[0, 5], [1, 1], [3, 2]])
    for position, chosen, found in zip(positions.tolist(), index, members.at(positions, index), strict=True):
        np.testing.assert_array_equal(members.member(position).values[chosen], found)


@pytest.mark.parametrize("sizes", [[40] * 4, [40, 7, 100, 30]])
def test_observations_that_are_spread_are_those_at_even_distances(sizes):
    rows, x = rows_for(sizes)
    ends = np.cumsum([0, *sizes])
    for positions in ([0, 1, 2, 3], [3, 1, 2], [2]):
        found = rows.spread(np.array(positions), 16)
        assert found.flags.c_contiguous  # the order of sums, and with it their last bits, hangs on it
        for row, position in zip(found, positions, strict=True):
            own = x[ends[position] : ends[position + 1]]
            np.testing.assert_array_equal(row, own[np.arange(16) * len(own) // 16])
