"""Results as they come: what has ended is on disk within seconds, and not in memory."""

import threading
import time
import tracemalloc

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.outcome import Outcome
from mlejax.results.schema import variables
from mlejax.status import Status
from mlejax.store import layout, lock
from mlejax.store.files import StoreError
from mlejax.store.layout import Description, Layout
from mlejax.store.load import load
from mlejax.sweeps import collect, plan
from mlejax.sweeps.collect import Collector
from mlejax.sweeps.outcomes import Outcomes
from mlejax.sweeps.plan import Chosen, Plan

START = mlejax.Normal(0.0, 1.0)
AXES = {"seed": np.arange(64), "learning_rate": np.geomspace(0.1, 1.0, 32)}
SETTINGS = {"model": "Normal 0", "optimizer": "plain ascent"}


def outcome(ids):
    """Results that say which run they are of."""
    numbers = ids.astype(float)
    model = mlejax.Normal(numbers, numbers + 0.5)
    whole = np.ones(len(ids), np.int64)
    return Outcome(model, model, whole * int(Status.PATIENCE), whole, whole, -numbers, numbers, numbers)


def collector(path, axes=AXES, **arguments):
    layout = Layout.of(axes, variables(START))
    return Collector.of(layout, Description(SETTINGS, [{}], {}, {}), out=path, **arguments)


def put(kept, ids):
    Outcomes(START, kept).put(ids, outcome(ids))


def on_disk(path):
    return set(np.flatnonzero(load(path).status.ravel()).tolist())


def test_what_has_ended_is_written_while_nothing_else_ends(tmp_path, monkeypatch):
    """A kill loses what ended since the thread last wrote, however long the next run takes."""
    assert collect.SECONDS_BETWEEN_SAVES <= 5  # with the second that runs wait to be measured: well below ten
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 0.05)
    with collector(tmp_path) as kept:
        put(kept, np.arange(5))
        deadline = time.monotonic() + 30
        while on_disk(tmp_path) != set(range(5)):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_batches_that_are_complete_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 1e9)
    with collector(tmp_path) as kept:
        batches, _ = kept.layout.within(np.arange(2048))
        first, second = (np.flatnonzero(batches == number) for number in (0, 1))
        assert len(first) > 200
        put(kept, first[:100])
        assert set(kept.open) == {0}
        assert on_disk(tmp_path) == set()
        put(kept, first[100:])
        put(kept, second[:3])
        assert set(kept.open) == {1}
        assert on_disk(tmp_path) == set(first.tolist())
    assert on_disk(tmp_path) == {*first.tolist(), *second[:3].tolist()}
    np.testing.assert_array_equal(load(tmp_path).arrays["mean"].ravel()[first], first)
    with collector(tmp_path) as again:
        assert np.flatnonzero(again.waiting()).tolist() == sorted(
            {*range(2048)} - {*first.tolist(), *second[:3].tolist()}
        )
    assert not [thread for thread in threading.enumerate() if thread.name == "mlejax-writer" and thread.is_alive()]


def test_a_write_that_fails_in_the_thread_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 0.01)
    with pytest.raises(StoreError, match="No space left"), collector(tmp_path) as kept:  # noqa: PT012 - in the thread
        monkeypatch.setattr("mlejax.store.batches.write_whole", full)
        for i in range(1000):
            put(kept, np.array([i]))
            time.sleep(0.01)


def peak_of_a_sweep(path, rates):
    """The most bytes that are allocated at once while the runs of 256 seeds are chosen, collected and gone through."""
    model, source = START, mlejax.Draws(START, 10)
    spec = mlejax.SweepSpec.checked(model, seeds=range(256), learning_rates=rates, observations=source)
    tracemalloc.start()
    try:
        with collector(path, spec.axes) as kept:
            for ids in Chosen.of(Plan.of(spec), kept.waiting(), np.arange(256)).portions():
                for part in np.array_split(ids, max(1, len(ids) // 1024)):
                    put(kept, part)
            # Not `finish`: beartype looks into its mappings, and so reads a variable.
            assert Outcomes(START, kept).totals() == (spec.run_count, 0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(("stored", "least", "most"), [(True, 1, 5), (False, 45, 60)])
def test_memory_per_run(tmp_path, monkeypatch, stored, least, most):
    """With a directory a few bytes for each run, of which no more is known than whether it has ended.

    The lesser of two peaks: while one of them is taken, Python may double its table of interned strings, of megabytes
    where a process has run many tests, to which `pathlib` adds every name of a file.
    """
    monkeypatch.setattr(layout, "LARGEST_BATCH", 1024)
    monkeypatch.setattr(plan, "NUMBERED_TOGETHER", 4096)
    monkeypatch.setattr("os.fsync", lambda _: None)
    few, many = np.linspace(0.1, 1.0, 128), np.linspace(0.1, 1.0, 512)
    with jax.enable_x64(True):
        paths = [tmp_path / name if stored else None for name in ("warm", "few", "few again", "many", "many again")]
        _, *peaks = (peak_of_a_sweep(*each) for each in zip(paths, (few, few, few, many, many), strict=True))
    assert least <= (min(peaks[2:]) - min(peaks[:2])) / (256 * (512 - 128)) < most


def test_without_a_directory_results_stay_in_memory():
    with collector(None) as kept:
        ids = np.flatnonzero(kept.waiting())
        put(kept, ids)
        np.testing.assert_array_equal(kept.arrays["variance"].ravel(), ids + 0.5)
        bytes_per_run = sum(array.nbytes for array in kept.arrays.values()) / len(ids)
    assert bytes_per_run < 100


def test_the_death_of_the_first_process_is_noticed_while_no_run_ends(tmp_path, monkeypatch):
    """A look is taken with every report of a device, also where it holds no run."""
    assert collect.SECONDS_BETWEEN_SAVES <= 5
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 0.0)
    with collector(tmp_path) as first:
        first.look()  # it is the first itself
        first.process = 1
        first.look()  # which still holds the directory
        first.store.hold.close()
        with pytest.raises(StoreError, match="the first process of the sweep has ended before its time"):
            first.look()


def test_a_first_process_that_has_not_come_yet_is_not_dead(tmp_path, monkeypatch):
    """Where there is a store already, a process that follows may be there before the first."""
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 0.0)
    with collector(tmp_path) as follower:
        follower.process = 1
        follower.store.hold.close()
        follower.look()
        again = lock.Lock(tmp_path)
        follower.look()  # now it has come
        again.close()
        with pytest.raises(StoreError, match="has ended before its time"):
            follower.look()
        follower.met = False
        monkeypatch.setattr(collect, "SECONDS_FOR_THE_FIRST", 0.0)
        with pytest.raises(StoreError, match="has ended before its time"):
            follower.look()


def test_several_processes_share_the_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with collector(tmp_path) as kept:
        shares = []
        for process in range(3):
            kept.process = process
            shares.append(set(np.flatnonzero(kept.waiting()).tolist()))
    assert set.union(*shares) == set(range(2048))
    assert sum(map(len, shares)) == 2048
    with pytest.raises(ValueError, match="over several processes needs out="):
        collector(None)
