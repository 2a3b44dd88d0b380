"""The runs of a sweep, numbered in C order: what decides each of them is what stands at its place along the axes."""

import itertools

import jax
import numpy as np
import pytest

import mlejax
from mlejax.samples.gather import Stack
from mlejax.samples.representation import summarize
from mlejax.sweeps import plan as plan_module
from mlejax.sweeps.plan import Chosen, Plan

pytestmark = pytest.mark.usefixtures("x64")
SEEDS, STARTS = [7, 3, 5], [mlejax.Normal(1.0, 2.0), mlejax.Normal(3.0, 4.0)]
MEAN_RATES, PATIENCE = [0.25, 0.5], [4, 8, 2]
SPEC = mlejax.SweepSpec.checked(
    mlejax.Normal(0.0, 1.0), seeds=SEEDS, starts=STARTS, learning_rates=mlejax.Normal(MEAN_RATES, 0.125),
    observations=mlejax.Draws(mlejax.Normal(0.0, 1.0), 10), patience=PATIENCE, max_epochs=9, tolerance=0.5,
)  # fmt: skip


def samples():
    """Summaries of three samples of their own, side by side; the stack holds the seeds in another order."""
    values = np.random.RandomState(0).normal(size=(3, 6))
    each = [summarize(mlejax.Normal(np.float64(0.0), np.float64(1.0)), row)[0] for row in values]
    return each, Stack(np.array([2, 0, 1]), jax.tree.map(lambda *leaves: np.stack(leaves), *each), None)


@pytest.mark.slow
def test_every_run_is_decided_by_its_place():
    each, stack = samples()
    plan = Plan.of(SPEC, stack)
    order = [each[1], each[2], each[0]]  # by the position of the seed
    expected = [
        [
            *jax.tree.leaves(start),
            rate,
            0.125,
            9,
            patience,
            0.5,
            *np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(order[seed])]),
        ]
        for seed, start, rate, patience in itertools.product(range(3), STARTS, MEAN_RATES, PATIENCE)
    ]
    rows = plan.rows(np.arange(SPEC.run_count))
    assert rows.shape == (3 * 2 * 2 * 3, len(expected[0]))
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(plan.rows(np.array([17, 3])), rows[[17, 3]])


@pytest.mark.slow
def test_the_example_is_the_first_run():
    plan = Plan.of(SPEC, samples()[1])
    run = plan.example()
    assert jax.tree.leaves(run.start) == [1.0, 2.0]
    assert (run.learning_rate.mean, run.learning_rate.variance) == (0.25, 0.125)
    assert (run.stopping.max_epochs, run.stopping.patience, run.stopping.tolerance) == (9, 4, 0.5)
    np.testing.assert_array_equal(
        [np.ravel(leaf).item() for leaf in jax.tree.leaves(run)], plan.rows(np.zeros(1, int))[0]
    )


def test_runs_that_share_their_samples_have_none_of_their_own():
    run = Plan.of(SPEC).example()
    assert run.train is None
    assert run.validation is None


def test_positions_along_the_axes():
    plan = Plan.of(SPEC)
    ids = np.array([0, 12, 35])
    assert plan.samples(ids).tolist() == [0, 1, 2]
    assert {name: index.tolist() for name, index in plan.index(ids).items()} == {
        "seed": [0, 1, 2], "start": [0, 0, 1], "learning_rate.mean": [0, 0, 1], "patience": [0, 0, 2],
    }  # fmt: skip


def numbers(chosen):
    return np.concatenate([*chosen.portions(), np.zeros(0, int)]).tolist()


@pytest.mark.parametrize("together", [5, plan_module.NUMBERED_TOGETHER])
def test_slow_learners_go_first(monkeypatch, together):
    monkeypatch.setattr(plan_module, "NUMBERED_TOGETHER", together)
    plan = Plan.of(SPEC)
    chosen = Chosen.of(plan, np.ones(SPEC.shape, bool), np.arange(3))
    assert all(len(portion) <= together for portion in chosen.portions())
    order = np.asarray(numbers(chosen))
    rates = np.asarray(MEAN_RATES)[plan.index(order)["learning_rate.mean"]]
    assert rates.tolist() == sorted(rates.tolist())
    assert sorted(order.tolist()) == list(range(SPEC.run_count))


@pytest.mark.parametrize("together", [1, 7, 1000])
def test_the_runs_of_some_seeds_that_are_wanted_are_chosen(monkeypatch, together):
    monkeypatch.setattr(plan_module, "NUMBERED_TOGETHER", together)
    plan, wanted = Plan.of(SPEC), np.random.RandomState(0).uniform(size=SPEC.shape) < 0.5
    chosen = Chosen.of(plan, wanted, np.array([2, 0]))
    everything = np.arange(SPEC.run_count).reshape(SPEC.shape)
    expected = everything[wanted & (everything // everything[0].size != 1)]
    assert sorted(numbers(chosen)) == expected.tolist()
    assert chosen.count == len(expected)
    good = np.array([[True, False], [False, True]])  # of the third seed the first start stays, of the first the second
    places = zip(expected, plan.samples(expected), plan.index(expected)["start"], strict=True)
    some = [number for number, seed, start in places if (seed, start) in ((2, 0), (0, 1))]
    assert 0 < len(some) < len(expected)
    assert sorted(numbers(chosen.where(good))) == some
    assert sorted(numbers(chosen.where(~good))) == sorted({*expected.tolist()} - {*some})
    assert numbers(Chosen.of(plan, wanted, np.zeros(0, int))) == []


def test_a_sweep_without_an_axis_of_rates_is_numbered_too():
    spec = mlejax.SweepSpec.checked(
        mlejax.Normal(0.0, 1.0), seeds=SEEDS, learning_rates=mlejax.Normal(0.5, 0.25),
        observations=mlejax.Draws(mlejax.Normal(0.0, 1.0), 10),
    )  # fmt: skip
    assert numbers(Chosen.of(Plan.of(spec), np.ones(spec.shape, bool), np.array([1, 2]))) == [1, 2]
