"""The split into train and validation: scikit-learn's, restated."""

import numpy as np
import oracles
import pytest

from mlejax.samples.split import split, validation_count


@pytest.mark.parametrize("n", [2, 5, 99, 100, 101, 1000])
@pytest.mark.parametrize(("fraction", "seed"), [(0.2, 42), (0.25, 0), (0.01, 7)], ids=str)
def test_split_is_the_rule_of_scikit_learn(n, fraction, seed):
    values = np.random.RandomState(n).normal(size=n)
    train, validation = oracles.train_test_indices(n, fraction, seed)
    found = split(values, fraction, seed)
    np.testing.assert_array_equal(found[0], values[train])
    np.testing.assert_array_equal(found[1], values[validation])
    assert len(found[0]) + len(found[1]) == n


def test_split_of_ten_as_scikit_learn_1_9_gives_it():
    # train_test_split(np.arange(10), test_size=0.2, random_state=42), run once with scikit-learn itself.
    train, validation = split(np.arange(10), 0.2, 42)
    assert (train.tolist(), validation.tolist()) == ([5, 0, 7, 2, 9, 4, 3, 6], [8, 1])


def test_a_fraction_of_zero_keeps_everything_in_order():
    values = np.arange(9.0)
    train, validation = split(values, 0, 42)
    np.testing.assert_array_equal(train, values)
    assert validation.shape == (0,)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, float("nan")])
def test_fractions_outside_zero_to_one_are_refused(fraction):
    with pytest.raises(ValueError, match=f"validation_fraction must be at least 0 and below 1; got {fraction}"):
        split(np.arange(9.0), fraction, 42)


def test_a_fraction_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"validation_fraction=0\.95 leaves none of 10 observations to train on"):
        validation_count(10, 0.95)


@pytest.mark.parametrize("fraction", [0, 0.2])
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_numpy_does_not_have_are_refused(seed, fraction):
    with pytest.raises(ValueError, match="split_seed must be a whole number from 0 to 4,294,967,295; got "):
        split(np.arange(9.0), fraction, seed)
