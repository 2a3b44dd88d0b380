"""Processes that are gone: the first one makes their runs, and says so; nobody waits for ever."""

import itertools
import types

import numpy as np
import pytest

import mlejax
from mlejax import devices
from mlejax.results.schema import variables
from mlejax.status import Status
from mlejax.store import layout, lock
from mlejax.store.files import StoreError
from mlejax.store.layout import Description, Layout
from mlejax.store.load import load
from mlejax.sweeps import collect, others
from mlejax.sweeps.collect import Collector

AXES = {"seed": np.arange(4), "learning_rate": np.array([0.1, 0.2, 0.3, 0.4, 0.5])}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 4)  # a rate each: those of process 1 are the second and the fifth
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_LOOKS", 0.001)
    monkeypatch.setattr(others, "time", types.SimpleNamespace(monotonic=itertools.count(step=3.0).__next__))
    monkeypatch.setattr(lock, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(lock, "HELD", held := [])
    yield
    for hold in held:
        hold.close()


def member(process, path, monkeypatch, processes=3, axes=AXES):
    monkeypatch.setattr(devices, "process_index", lambda: process)
    monkeypatch.setattr(devices, "process_count", lambda: processes)
    laid = Layout.of(axes, variables(mlejax.Normal(0.0, 1.0)))
    return Collector.of(laid, Description({"model": "Normal 0"}, [{}], {}, {}), out=path)


def put(kept, ids):
    """Keep results that say which run they are of."""
    found = {each.name: np.asarray(ids).astype(each.dtype) for each in kept.layout.variables}
    kept.put(np.asarray(ids), found | {"status": np.full(len(ids), int(Status.PATIENCE))})


def make(kept, waiting):
    put(kept, np.flatnonzero(waiting))


def shares(kept, waits=None):
    waited = []
    for share in kept.shares(waited.append):
        yield share
        make(kept, share)
    if waits is not None:
        waits.extend(waited)


def test_the_first_makes_the_runs_of_those_that_are_gone(tmp_path, monkeypatch, capsys):
    with member(0, tmp_path, monkeypatch) as first:
        with member(1, tmp_path, monkeypatch) as other:
            put(other, np.array([1, 6, 11, 16, 4]))  # one batch, and one run of another
        other.store.hold.close()  # as the system does at a kill
        waits = []
        made = [np.flatnonzero(share).tolist() for share in shares(first, waits)]
        assert made == [[0, 3, 5, 8, 10, 13, 15, 18], [9, 14, 19], [2, 7, 12, 17]]
        assert waits[0] == 7
        err = capsys.readouterr().err
        assert "waiting for 3 runs of process 1 (of 0 to 2), which is not at work on" in err
        assert "this one makes its 4 runs" in err
        with pytest.raises(StoreError, match="the first, which has taken over the runs of this one"):
            member(2, tmp_path, monkeypatch)
        assert not np.any(first.settle()["status"] == Status.RUNNING)
    assert load(tmp_path).model.mean.ravel().tolist() == list(range(20))


def test_a_process_at_work_is_waited_for(tmp_path, monkeypatch, capsys):
    """However long it takes; and one that has come back in time is left its runs."""
    first = member(0, tmp_path, monkeypatch, 2)
    other = member(1, tmp_path, monkeypatch, 2)
    seen = []

    def waiting_for(left):
        seen.append(left)
        if len(seen) == 20:  # 60 seconds, of the clock that it looks at
            make(other, other.waiting())

    for share in first.shares(waiting_for):
        make(first, share)
    assert seen == [8] * 20
    assert capsys.readouterr().err == ""
    for each in (first, other):
        each.__exit__()


def test_a_process_that_comes_when_all_is_done_has_nothing_to_wait_for(tmp_path, monkeypatch):
    with member(0, tmp_path, monkeypatch) as first:
        list(shares(first))
    with member(1, tmp_path, monkeypatch) as late:
        assert [np.count_nonzero(share) for share in late.shares(pytest.fail)] == [0]
        assert not np.any(late.settle()["status"] == Status.RUNNING)


def test_nothing_is_extended_while_a_process_writes(tmp_path, monkeypatch):
    longer = AXES | {"seed": np.arange(-1, 4)}
    with member(0, tmp_path, monkeypatch) as first:
        put(first, np.arange(3))
    before = load(tmp_path).model.mean
    with member(1, tmp_path, monkeypatch) as other:
        with pytest.raises(StoreError, match="in use by another process"):
            member(0, tmp_path, monkeypatch, axes=longer)
        put(other, np.array([4]))
    other.store.hold.close()
    assert np.count_nonzero(np.isfinite(before)) == 3
    member(0, tmp_path, monkeypatch, axes=longer).__exit__()
    assert np.count_nonzero(np.isfinite(load(tmp_path).model.mean)) == 4


def test_nothing_is_written_into_a_store_that_has_become_another(tmp_path, monkeypatch):
    longer = AXES | {"seed": np.arange(-1, 4)}
    with member(0, tmp_path, monkeypatch) as first:
        put(first, np.arange(3))
    other = member(1, tmp_path, monkeypatch)
    other.store.hold.close()  # on a file system on which locks do not reach
    member(0, tmp_path, monkeypatch, axes=longer).__exit__()
    with pytest.raises(StoreError, match="is not what it was when this process opened it"):
        make(other, other.waiting())
    other.open.clear()
    other.unsaved.clear()
    other.__exit__()
    found = load(tmp_path)
    assert np.isnan(found.model.mean[0]).all()
    assert np.isfinite(found.model.mean).sum() == 3


def test_one_that_follows_says_for_what_it_waits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock, "FOLLOW_SECONDS", 0.2)
    monkeypatch.setattr(lock, "SECONDS_TO_A_WORD", 0.05)
    with pytest.raises(StoreError, match="for the first process to prepare"):
        member(1, tmp_path, monkeypatch)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"process 1 waits for the first process to prepare {tmp_path}" in said
    assert not list(tmp_path.iterdir())
