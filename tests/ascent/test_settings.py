"""The arguments of a run, checked once for one run and for many."""

import jax
import numpy as np
import pytest

from mlejax import Gamma, Normal
from mlejax.ascent.settings import Stopping, checked_rates, rates_of

START = Normal(6.0, 7.0)
LIMITS = {"max_epochs": 10, "patience": 5, "tolerance": 1e-8}


def stopping(sequences=False, **changed):
    return Stopping.checked(**{**LIMITS, **changed}, sequences=sequences)


def test_the_limits_of_one_run_are_numbers_of_a_stated_type():
    found = stopping(max_epochs=np.int32(10), tolerance=0)
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(found)] == [
        ((), np.int64),
        ((), np.int64),
        ((), np.float64),
    ]
    assert (found.max_epochs, found.patience, found.tolerance) == (10, 5, 0.0)


def test_a_sequence_stays_one_where_it_is_an_axis():
    found = stopping(sequences=True, patience=[5, 50])
    assert found.patience.tolist() == [5, 50]
    assert found.max_epochs.shape == ()


BAD = {
    "epochs": ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number from 1 to 16,777,216; got 0"),
    "a place": (
        {"patience": [5, 0], "sequences": True}, ValueError, "patience must be whole numbers .* got 0 at index 1",
    ),
    "tolerance": ({"tolerance": np.nan}, ValueError, "tolerance must be at least 0; got nan"),
    "many for one": (
        {"max_epochs": [10, 20]}, TypeError, r"max_epochs must be one number in a single run; got \[10, 20\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "message"), BAD.values(), ids=BAD)
def test_limits_that_are_not_as_described_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        stopping(**arguments)


def test_one_rate_is_told_from_one_per_parameter_by_what_was_given():
    assert checked_rates(START, 0.1) == {"learning_rate": 0.1}
    rate = np.float64(0.1)
    assert list(checked_rates(START, Normal(rate, rate))) == ["learning_rate.mean", "learning_rate.variance"]


@pytest.mark.parametrize("given", [0.1, Normal(0.1, 2.0)], ids=["one", "each"])
def test_rates_become_a_model_of_rates(given):
    found = rates_of(START, checked_rates(START, given))
    assert isinstance(found, Normal)
    assert (found.mean, found.variance) == (0.1, 0.1 if given == 0.1 else 2.0)


def test_sequences_of_rates_keep_their_places():
    found = checked_rates(START, Normal([0.1, 1.0], 10.0), sequences=True)
    assert found["learning_rate.mean"].tolist() == [0.1, 1.0]
    assert found["learning_rate.variance"].shape == ()
    assert checked_rates(START, [0.1, 0.2], sequences=True)["learning_rate"].tolist() == [0.1, 0.2]


BAD_RATES = {
    "negative": ((0.1, Normal(0.1, -1.0)), ValueError, "learning_rate.variance must be positive; got -1"),
    "another family": (
        (0.1, Gamma(0.1, 0.1)),
        TypeError,
        "learning_rate must be one number or a Normal of rates; got Gamma",
    ),
    "words": ((0.1, "fast"), TypeError, "learning_rate must be positive numbers; got 'fast'"),
    "many for one": ((0.1, np.array([0.1])), TypeError, "learning_rate must be one number in a single run"),
    "one of many": ((0.1, Normal([0.1], 1.0)), TypeError, "learning_rate.mean must be one number in a single run"),
}


@pytest.mark.parametrize(("given", "error", "message"), BAD_RATES.values(), ids=BAD_RATES)
def test_rates_that_are_not_as_described_are_refused(given, error, message):
    good, bad = given
    checked_rates(START, good)
    with pytest.raises(error, match=message):
        checked_rates(START, bad)


def test_a_sequence_of_rates_names_the_place():
    with pytest.raises(ValueError, match=r"learning_rates must be positive; got -0.1 at index 1"):
        checked_rates(START, [0.1, -0.1], sequences=True)
    with pytest.raises(TypeError, match="learning_rates must be a sequence of numbers or a Normal of rates; got Gamma"):
        checked_rates(START, Gamma([0.1], 0.1), sequences=True)
