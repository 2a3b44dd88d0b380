"""Lanes: packing runs into rows, and taking every waiting run to its end exactly once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import mlejax
from mlejax import devices, lanes, schedule
from mlejax.sample import Observations
from mlejax.status import Status

pytestmark = pytest.mark.usefixtures("x64")
X = np.random.RandomState(3).normal(7.2, 2.8, 50)
RATES = np.geomspace(0.05, 1.0, 37)


def a_run(rate, max_epochs=60):
    return lanes.Run(
        start=mlejax.Normal(np.float64(0.0), np.float64(1.0)),
        learning_rate=mlejax.Normal(rate, rate),
        patience=np.int64(10),
        tolerance=np.float64(1e-8),
        max_epochs=np.int64(max_epochs),
        train=None,
        validation=None,
    )


# Packing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_what_is_packed_comes_out_again(dtype):
    tree = {
        "whole": jnp.asarray(2**24, jnp.int32),
        "flag": jnp.asarray(True),
        "matrix": jnp.arange(6, dtype=dtype).reshape(2, 3) / 7,
        "number": jnp.asarray(0.1, dtype),
    }
    layout = lanes.Layout(tree)
    row = layout.pack(tree, dtype)
    assert row.shape == (9,)
    assert row.dtype == dtype
    for rows in (row, jnp.stack([row, row])):
        out = layout.unpack(rows)
        for name, leaf in tree.items():
            assert out[name].dtype == leaf.dtype, name
            np.testing.assert_array_equal(out[name], jnp.broadcast_to(leaf, (*rows.shape[:-1], *leaf.shape)))


# Scheduling -------------------------------------------------------------------------------------------------------


@functools.cache
def engine(count, chunk):
    shared = (Observations(jnp.asarray(X)), None)
    mesh = devices.mesh(jax.local_devices()[:count])
    return lanes.Engine.of(a_run(np.float64(0.1)), shared, None, np.dtype(np.float64), mesh, chunk), shared


def run_all(ids, count=2, tuning=None, limits=None):
    tuning = tuning or schedule.CPU
    made, shared = engine(count, tuning.chunk)
    limits = np.full(len(RATES), 60) if limits is None else limits
    tally, told = schedule.Tally(), []

    def rows_of(ids):
        runs = [a_run(np.float64(RATES[i]), limits[i]) for i in ids]
        return np.stack([np.asarray(made.run_layout.pack(run, np.float64)) for run in runs])

    parts = []

    def land(ids, states):
        parts.append((ids, states))

    counts = list(schedule.run_all(made, shared, np.asarray(ids), rows_of, land, tally, told.append))
    assert counts == [len(ids) for ids, _ in parts]
    return parts, tally, told


@pytest.fixture(params=[schedule.CPU, schedule.Tuning(lanes=4, chunk=2, epochs=5)], ids=["wide", "narrow"])
def tuning(request, monkeypatch):
    monkeypatch.setattr(schedule, "CPU", request.param)
    monkeypatch.setattr(schedule, "SECONDS_PER_CALL", 0.02)
    return request.param


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


def test_no_runs_are_no_work(tuning):
    parts, tally, _ = run_all([], 1, tuning)
    assert parts == []
    assert tally.useful == 0


def test_a_kind_of_run_has_one_engine():
    one, shared = engine(2, 16)
    dtype = np.dtype(np.float64)
    mesh = devices.mesh(jax.local_devices()[:2])
    assert lanes.Engine.of(a_run(np.float64(0.7)), shared, None, dtype, mesh, 16) is one
    assert lanes.Engine.of(a_run(np.float64(0.7)), shared, mlejax.natural_gradient(), dtype, mesh, 16) is not one


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("runs", [1, 63, 1000, 100_000, 10**7])
def test_lanes_are_a_power_of_two_and_not_too_many(runs, count):
    wide = schedule.lanes_per_device(runs, count, schedule.CPU)
    assert wide & (wide - 1) == 0
    assert schedule.SMALLEST <= wide <= schedule.CPU.lanes
    assert wide == schedule.SMALLEST or wide * count * schedule.FILLINGS <= runs
