"""Samples with several starts each: the highest end is that of `fit`, and so is the number of starts that led there."""

import numpy as np
import pytest
from helpers import alone, check_fit

import mlejax
from mlejax.models.parameters import Parameters
from mlejax.status import Status
from mlejax.sweeps.fits import Work
from mlejax.sweeps.several import canonical, highest

TABLE = Parameters.of(mlejax.Mixture.of([mlejax.Poisson(1.0), mlejax.Poisson(2.0)], [0.5, 0.5]))
TWO = mlejax.Mixture.of(mlejax.Normal, 2)


def ends_of(heights, arrived):
    """Return the ends of climbs of certain heights, all at the same mixture, whose components are in order."""
    k = len(heights)
    return {
        "mean": np.array(heights), "count": np.full(k, 10.0), "sound": np.full(k, True),
        "status": np.where(arrived, int(Status.CONVERGED), int(Status.PRECISION)),
        "coordinates": np.tile([1.0, 2.0, 3.0], (k, 1)), "information": np.tile(np.eye(3), (k, 1, 1)),
        "estimate": np.tile([1.0, 2.0, 0.4, 0.6], (k, 1)),
    }  # fmt: skip


def nobody(*_):
    raise AssertionError("nothing is climbed")


def test_the_highest_end_is_taken_and_a_start_that_did_not_arrive_is_left_to_fit():
    arrived = np.array([True, True, True, True, False, True])
    found = highest(ends_of([-2.0, -2.0, -1.0, -2.0, -3.0, -4.0], arrived), np.full(3, True), nobody, nobody, TABLE)
    assert found.ends["mean"].tolist() == [-2.0, -1.0, -3.0]
    assert found.sure.tolist() == [True, True, False]
    assert found.agreed.tolist() == [2, 1, 1]


def test_components_are_put_in_order_and_evaluated_again(x64):
    ends = ends_of([-2.0, -2.0], np.array([True, True])) | {"jacobian": np.ones((2, 4, 3)), "distance": np.zeros(2)}
    ends["estimate"][1] = [2.0, 1.0, 0.6, 0.4]
    asked = []

    def measure(rows, parameters):
        asked.append((rows.tolist(), parameters.tolist()))
        return {name: np.zeros_like(part[:1]) for name, part in ends.items()} | {"estimate": ends["estimate"][:1]}

    found = canonical(ends, np.array([7, 8]), measure, TABLE)
    assert asked == [([8], [[1.0, 2.0, 0.4, 0.6]])]
    np.testing.assert_array_equal(found["estimate"][1], [1.0, 2.0, 0.4, 0.6])
    np.testing.assert_array_equal(found["coordinates"][0], ends["coordinates"][0])
    assert found["mean"].tolist() == [-2.0, 0.0]


@pytest.mark.slow
def test_the_mixture_of_every_group_is_that_of_fit():
    random = np.random.RandomState(0)

    def drawn(n, apart):
        return np.where(random.uniform(size=n) < 0.4, random.normal(size=n), random.normal(apart, 1.5, n))

    parts = [drawn(100, 4), drawn(100, 5), drawn(100, 1), np.full(30, 2.0), drawn(2, 1), 1e9 + drawn(100, 6)]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    source = mlejax.Groups(np.concatenate(parts), labels)
    beside = next(Work(TWO, source).outcomes(np.arange(len(parts))))
    assert {0, 1} <= set(beside.positions.tolist())
    table = mlejax.fit_many(TWO, source, progress=False)
    for position, part in enumerate(parts):
        check_fit(table, position, alone(TWO, part))


@pytest.mark.slow
def test_resamples_of_a_mixture_find_starts_of_their_own_or_start_at_the_estimate():
    random = np.random.RandomState(1)
    x = np.concatenate([random.normal(0.0, 1.0, 60), random.normal(6.0, 1.0, 40)])
    source = mlejax.Resamples(x, 4, seed=3)
    table = mlejax.fit_many(TWO, source, progress=False)
    model = mlejax.Mixture.of([mlejax.Normal(6.0, 1.0), mlejax.Normal(0.0, 1.0)], [0.4, 0.6])  # in the other order
    given = mlejax.fit_many(model, source, progress=False)
    assert len(next(Work(model, source).outcomes(np.arange(4))).positions) == 4
    for position in (0, 3):
        weights = source.member(position).weights
        check_fit(table, position, alone(TWO, x, weights))
        check_fit(given, position, alone(model, x, weights))
