"""The fitting of many samples: which are climbed side by side, and that all come out."""

import os
import threading
import warnings

import numpy as np
import pytest

import mlejax
from mlejax.samples.members import Groups
from mlejax.status import Status
from mlejax.sweeps import fits as module
from mlejax.sweeps.fits import Work


def test_those_side_by_side_are_ordered_by_their_sizes():
    sizes = [40, 3, 100, 17]
    work = Work(mlejax.Gamma, Groups(np.random.RandomState(0).gamma(2.0, 3.0, 160), np.repeat(np.arange(4), sizes)))
    apart = work._apart(np.array([0, 1, 2]))
    assert (apart.beside.tolist(), apart.alone.tolist()) == ([1, 0, 2], [])


def test_where_no_sample_has_a_start_the_first_and_why_are_named():
    work = Work(mlejax.Gamma, Groups([-1.0, -2.0, 0.0], ["b", "b", "a"]))
    with pytest.raises(ValueError, match=r"group a: Gamma needs positive numbers; got 0.0 at index 0"):
        work.begun  # noqa: B018


@pytest.mark.slow
def test_every_sample_comes_out_once_whatever_is_asked_for():
    random = np.random.RandomState(0)
    data, labels = random.standard_t(4.0, 2400), np.repeat(np.arange(40), 60)
    data[:120] = random.uniform(size=120)  # whose maxima are at infinity
    work = Work(mlejax.StudentT, Groups(data, labels))
    every = list(work.outcomes(np.arange(40)))
    np.testing.assert_array_equal(np.sort(np.concatenate([fits.positions for fits in every])), np.arange(40))
    status = {int(p): int(s) for fits in every for p, s in zip(fits.positions, fits.columns["status"], strict=True)}
    assert status[0] == status[1] == int(Status.AT_INFINITY)
    some = list(work.outcomes(np.array([7, 30])))
    assert sorted(np.concatenate([fits.positions for fits in some]).tolist()) == [7, 30]
    for fits in some:  # to the last bit
        for position, estimate in zip(fits.positions.tolist(), fits.estimate, strict=True):
            (same,) = (each.estimate[each.positions == position] for each in every if position in each.positions)
            np.testing.assert_array_equal(estimate, same[0])


@pytest.mark.slow
def test_samples_that_are_the_same_are_fitted_alone_once(monkeypatch):
    found, fitted = module.fitted, []
    monkeypatch.setattr(module, "fitted", lambda *given: fitted.append(given) or found(*given))
    data = np.concatenate([np.full(10, 2.0), np.full(10, 2.0), np.full(11, 2.0), np.full(10, 3.0)])
    work = Work(mlejax.Gamma, Groups(data, np.repeat(np.arange(4), [10, 10, 11, 10])))
    with module.pool() as threads:
        each = [alone.fits() for alone in [work._alone(position, threads) for position in range(4)]]
    assert len(fitted) == 3
    assert [(one.positions.tolist(), *one.reasons) for one in each] == [([i], i) for i in range(4)]
    assert each[1].reasons[1] == each[0].reasons[0] != each[2].reasons[2]
    np.testing.assert_array_equal(each[1].estimate, each[0].estimate)


def test_samples_that_are_small_or_constant_are_known_again():
    large, other = np.full(1000, 2.0), np.full(1000, 2.0)
    other[500] = 3.0
    assert module._key([other]) is None
    keys = [
        module._key([column]) for column in (large, np.full(1001, 2.0), np.full(1000, 3.0), large[:9], other[496:505])
    ]
    assert None not in keys
    assert len(set(keys)) == 5
    assert module._key([large.copy()]) == keys[0]
    assert module._key([large, np.arange(1000.0)]) is None  # whose weights differ


@pytest.mark.slow
def test_what_is_left_to_fit_is_fitted_by_several_threads_and_none_of_them_warns(monkeypatch):
    found, both = module.fitted, threading.Barrier(2)

    def together(*given):
        both.wait(60)  # two fits at least are under way at a time
        return found(*given)

    monkeypatch.setattr(module.devices, "cores", lambda: 2)
    monkeypatch.setattr(module, "fitted", together)
    data = np.concatenate([np.full(10, value) for value in (2.0, 3.0, 4.0, 5.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = mlejax.fit_many(mlejax.NegativeBinomial, Groups(data, np.repeat(np.arange(4), 10)), progress=False)
    assert table.status.tolist() == [int(Status.AT_INFINITY)] * 4
    assert [f"equal {value:g}:" in table.reasons[row] for row, value in enumerate((2.0, 3.0, 4.0, 5.0))] == [True] * 4


def test_callers_share_threads_and_end_what_is_their_own_alone(monkeypatch):
    monkeypatch.setattr(module.devices, "cores", lambda: 1)
    held, begun = threading.Event(), threading.Event()
    with module.pool() as others:
        with module.pool() as threads:
            running = threads.submit(lambda: (begun.set(), held.wait(60)))
            own, other = threads.submit(int), others.submit(threading.current_thread)
            begun.wait(60)
            threading.Timer(0.05, held.set).start()
        assert running.done()
        assert own.cancelled()
        assert other.result(60).name.startswith("fits")
    with module.pool() as later:
        assert later.submit(threading.current_thread).result(60) is other.result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own():
    before = module._threads(1)
    before.submit(int).result()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of forks
        child = os.fork()
    if not child:
        os._exit(0 if module._threads(1) is not before and module._threads(1).submit(int).result(60) == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert module._threads(1) is before
