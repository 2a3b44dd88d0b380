"""Sweeps with an axis of counts: every run is the one that it is in a sweep of its count alone."""

import functools

import jax
import numpy as np
import pytest
from helpers import arrays, assert_same_bits, draws

import mlejax
from mlejax.status import Status
from mlejax.store import layout
from mlejax.store.files import StoreError
from mlejax.sweeps import measure

COUNTS = [400, 50]
sweep = functools.partial(
    mlejax.sweep, mlejax.Normal(0.0, 1.0), seeds=[3, 0, 7], learning_rates=[0.5, 2.0], max_epochs=[300, 40],
    progress=False,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("by", ["jax", "statistics", "numpy"])
def test_a_run_has_the_bits_that_it_has_in_a_sweep_of_its_count(by):
    among = sweep(observations=draws(COUNTS, by))
    assert list(among.axes) == ["seed", "count", "learning_rate", "max_epochs"]
    assert among.shape == (3, 2, 2, 2)
    assert among.finished
    alone = {count: sweep(observations=draws(count, by)) for count in COUNTS}
    for count in COUNTS:
        assert_same_bits(among.sel(count=count), alone[count])
    other = among.sel(count=COUNTS[1])
    for name, array in arrays(alone[COUNTS[0]]).items():  # otherwise nothing was tested
        assert not np.array_equal(array, arrays(other)[name]), name


@pytest.mark.slow
def test_runs_of_all_counts_share_lanes_and_one_program(monkeypatch):
    engines = []
    made = measure.Engine.of
    monkeypatch.setattr(measure.Engine, "of", lambda *given: engines.append(made(*given)) or engines[-1])
    among = sweep(observations=draws(COUNTS))
    assert len(engines) == 1
    alone = sweep(observations=draws(COUNTS[0]))
    assert engines[1] is engines[0]
    assert_same_bits(among.sel(count=COUNTS[0]), alone)
    assert not np.array_equal(among.sel(count=COUNTS[1]).model.mean, alone.model.mean)


@pytest.mark.slow
def test_raw_observations_of_several_counts():
    few = functools.partial(sweep, summarize=False, seeds=[3, 0], max_epochs=40)
    among = few(observations=draws(COUNTS))
    for count in COUNTS:
        assert_same_bits(among.sel(count=count), few(observations=draws(count)))


@pytest.mark.slow
def test_a_sample_outside_the_support_ends_the_runs_of_its_seed_and_count_alone():
    source = draws([2, 40])
    result = mlejax.sweep(
        mlejax.Exponential(0.1), seeds=range(12), learning_rates=[1e-3, 1e-4], max_epochs=20, observations=source,
        progress=False,
    )  # fmt: skip
    lowest = [[np.concatenate(each.cut(seed, 0.2)).min() for each in source.by_count()] for seed in range(12)]
    outside = np.asarray(lowest) < 0
    assert len(np.unique(outside, axis=0)) > 1  # otherwise nothing was tested
    np.testing.assert_array_equal(result.status == Status.OUTSIDE_SUPPORT, np.stack([outside, outside], axis=-1))


@pytest.mark.slow
def test_a_store_is_extended_by_a_count_and_verified(tmp_path):
    sweep(observations=draws(COUNTS[:1]), out=tmp_path / "store")
    both = sweep(observations=draws(COUNTS), out=tmp_path / "store")
    assert both.spent.runs == both.count // 2  # the others were there
    assert_same_bits(both, sweep(observations=draws(COUNTS)))
    found = mlejax.verify(tmp_path / "store", runs=None, progress=False)
    assert (found.checked, found.different) == (both.count, [])
    with pytest.raises(StoreError, match="this one has 400 draws"):
        sweep(observations=draws(COUNTS[0]), out=tmp_path / "store")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_neither_the_order_of_counts_nor_the_number_of_devices_matters(dtype):
    one = sweep(observations=draws(COUNTS), dtype=dtype, devices=jax.local_devices()[:1])
    other = sweep(observations=draws(COUNTS[::-1]), dtype=dtype)
    for count in COUNTS:
        assert_same_bits(one.sel(count=count), other.sel(count=count))


@pytest.mark.slow
def test_a_store_is_extended_by_counts_and_seeds_at_once(tmp_path):
    sweep(observations=draws(COUNTS[:1]), seeds=[0], out=tmp_path / "store")
    whole = sweep(observations=draws(COUNTS), out=tmp_path / "store")
    assert whole.spent.runs == whole.count - 4
    assert_same_bits(whole, sweep(observations=draws(COUNTS)))


@pytest.mark.slow
def test_only_the_samples_of_a_damaged_batch_are_drawn_again(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 4)
    given = {"observations": draws(COUNTS), "out": tmp_path / "store"}
    whole = sweep(**given)
    expected = {name: array.copy() for name, array in arrays(whole).items()}
    (tmp_path / "store" / "variance" / "c" / "0" / "1" / "0" / "0").unlink()  # of all seeds, of the second count
    drawn, gather = [], measure.gather
    monkeypatch.setattr(measure, "gather", lambda request, positions, *rest: drawn.append(
        positions.tolist()) or gather(request, positions, *rest))  # fmt: skip
    again = sweep(**given, repair=True)
    assert drawn == [[1, 3, 5]]
    for name, array in arrays(again).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_the_information_is_that_of_the_largest_samples():
    result = sweep(observations=draws(COUNTS[::-1]), max_epochs=[5000, 40])
    arrived = [result.sel(count=count).arrived for count in COUNTS]
    variances = [result.sel(count=count).model.variance for count in COUNTS]
    first = [variance[here][0] for variance, here in zip(variances, arrived, strict=True)]
    assert abs(first[0] / first[1] - 1) > 1e-3  # otherwise nothing was tested
    np.testing.assert_allclose(result.information[0, 0], 1 / first[0], rtol=1e-12)
