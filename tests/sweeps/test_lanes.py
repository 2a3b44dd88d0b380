"""Lanes: packing runs into rows, and taking every waiting run to its end exactly once."""

import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest

import mlejax
from mlejax import devices, progress
from mlejax.ascent import pace
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.samples.raw import Observations
from mlejax.status import Status
from mlejax.sweeps import lanes, schedule

pytestmark = pytest.mark.usefixtures("x64")
X = np.random.RandomState(3).normal(7.2, 2.8, 50)
RATES = np.geomspace(0.05, 1.0, 37)


def a_run(rate, max_epochs=60):
    return Run(
        start=mlejax.Normal(np.float64(0.0), np.float64(1.0)),
        learning_rate=mlejax.Normal(rate, rate),
        stopping=Stopping(np.asarray(max_epochs), np.asarray(10), np.asarray(1e-8)),
        train=None,
        validation=None,
    )


# Scheduling -------------------------------------------------------------------------------------------------------


@functools.cache
def engine(tuning):
    shared = (Observations(jnp.asarray(X)), None)
    run, dtype = a_run(np.float64(0.1)), np.dtype(np.float64)
    return lanes.Engine.of(run, shared, None, dtype, tuning), shared


def run_all(ids, count=2, tuning=None, limits=None):
    tuning = tuning or devices.CPU
    (made, shared), local = engine(tuning), jax.local_devices()[:count]
    limits = np.full(len(RATES), 60) if limits is None else limits
    tally, told = progress.Tally(), []

    def rows_of(ids):
        runs = [a_run(np.float64(RATES[i]), limits[i]) for i in ids]
        return np.stack([np.asarray(made.run_layout.pack(run, np.float64)) for run in runs])

    ids = np.asarray(ids)
    ended = schedule.run_all(made, local, shared, len(ids), iter([ids]), rows_of, tally, told.append)
    return list(ended), tally, told


@pytest.fixture(params=[devices.CPU, devices.Tuning(lanes=4, chunk=2, epochs=6, unroll=3)], ids=["wide", "narrow"])
def tuning(request, monkeypatch):
    # So few lanes at least that a second device has something to do.
    monkeypatch.setattr(devices, "CPU", request.param._replace(smallest_raw=4))
    monkeypatch.setattr(pace, "SECONDS_PER_CALL", 0.02)
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_every_run_ends_once_with_what_it_finds_alone(tuning, count):
    limits = np.random.RandomState(0).randint(1, 200, len(RATES))  # some end at once, some hold a lane for long
    order = np.random.RandomState(1).permutation(len(RATES))
    parts, tally, _ = run_all(order, count, tuning, limits)
    ids = np.concatenate([ids for ids, _ in parts])
    assert sorted(ids.tolist()) == list(range(len(RATES)))
    model, _, _, _, epochs, status = jax.tree.map(
        lambda *leaves: np.concatenate(leaves), *(states for _, states in parts)
    )
    for i, run in enumerate(ids):
        expected = oracles.ascend_normal(X, X, RATES[run], max_epochs=limits[run], patience=10)
        assert (Status(int(status[i])).name, epochs[i]) == (expected.status, expected.epochs)
        np.testing.assert_allclose([model.mean[i], model.variance[i]], expected.last, rtol=1e-9)
    assert tally.useful == epochs.sum()
    assert tally.executed >= tally.useful


def test_a_kind_of_run_has_one_engine():
    one, shared = engine(devices.CPU)
    rest = np.dtype(np.float64), devices.CPU
    assert lanes.Engine.of(a_run(np.float64(0.7)), shared, None, *rest) is one
    assert lanes.Engine.of(a_run(np.float64(0.7)), shared, mlejax.natural_gradient(), *rest) is not one


@pytest.mark.slow
def test_an_optimizer_that_draws_keeps_a_key_in_every_lane():
    noisy = optax.add_noise(0.01, 0.55, 42)
    given = {"optimizer": noisy, "max_epochs": 50, "progress": False}
    result = mlejax.sweep(mlejax.Normal(0.0, 1.0), seeds=[0, 1], learning_rates=[0.1, 0.2], observations=X, **given)
    alone = mlejax.train(mlejax.Normal(0.0, 1.0), X, learning_rate=0.2, split_seed=1, **given)
    assert result.model.mean[1, 1] == pytest.approx(alone.model.mean, rel=1e-12)
    assert len(np.unique(result.model.mean)) == 4


@pytest.mark.slow
def test_what_goes_wrong_on_a_device_is_raised_and_ends_the_others():
    def no_rows(ids):
        raise ArithmeticError("no rows")

    made, shared = engine(devices.CPU)
    ended = schedule.run_all(
        made, jax.local_devices(), shared, 37, iter([np.arange(37)]), no_rows, progress.Tally(), lambda _: None
    )
    with pytest.raises(ArithmeticError, match="no rows"):
        list(ended)
    assert not at_work()


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_devices_stop_when_nobody_wants_more(tuning, count):
    """Nobody else knows that the runs are no longer wanted, and a thread left behind would hold up the exit."""
    made, shared = engine(tuning)
    everything, seen = np.arange(100_000), []

    def rows_of(ids):
        seen.extend(ids)
        runs = [a_run(np.float64(RATES[i % len(RATES)]), 50) for i in ids]
        return np.stack([np.asarray(made.run_layout.pack(run, np.float64)) for run in runs])

    devices, tally = jax.local_devices()[:count], progress.Tally()
    ended = schedule.run_all(made, devices, shared, len(everything), iter([everything]), rows_of, tally, lambda _: None)
    first, _ = next(ended)
    assert len(at_work()) == count
    ended.close()
    assert not at_work()
    assert len(first) <= len(seen) < len(everything)


def test_nobody_waits_for_a_compilation(monkeypatch):
    """Nothing stops one; Ctrl-C meanwhile is answered before it has ended."""
    made, shared = engine(devices.CPU)
    compiled = threading.Event()
    monkeypatch.setattr(made, "programs", {})
    monkeypatch.setattr(made, "program", lambda *_: compiled.wait(60) and 1 / 0)

    def interrupted(_):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(schedule.Mailbox, "reports", interrupted)
    ended = schedule.run_all(
        made, jax.local_devices()[:1], shared, 37, iter([np.arange(37)]), lambda ids: ids, progress.Tally(), lambda _: 0
    )
    with pytest.raises(KeyboardInterrupt):
        next(ended)
    (compiling,) = at_work()
    compiled.set()
    compiling.join(60)
    assert not at_work()


def at_work():
    return [thread for thread in threading.enumerate() if thread.name.startswith("mlejax")]
