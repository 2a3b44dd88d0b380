"""Random numbers by a seed and a number, against NumPy's generator made anew."""

import threading

import numpy as np
import pytest

import mlejax
from mlejax.samples.philox import generator


def drawn(seed: int, number: int, n: int) -> np.ndarray:
    """Return what NumPy draws."""
    return np.random.Generator(np.random.Philox(key=[seed, number])).integers(0, n, n)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_numbers_are_those_of_numpys_philox_whatever_was_drawn_before(seed):
    n = 51  # odd: half of a word that was drawn is left over, and no other may get it
    for number in (3, 0, 9, 3):
        np.testing.assert_array_equal(generator(seed, number).integers(0, n, n), drawn(seed, number, n))
    weights = mlejax.Resamples(np.arange(float(n)), 10, seed=seed).member(7).weights
    np.testing.assert_array_equal(weights, np.bincount(drawn(seed, 7, n), minlength=n))


def test_threads_do_not_share_one():
    mine, found = generator(1, 2), []
    other = threading.Thread(target=lambda: found.append(generator(3, 4).integers(0, 50, 50)))
    other.start()
    other.join()
    np.testing.assert_array_equal(mine.integers(0, 50, 50), drawn(1, 2, 50))
    np.testing.assert_array_equal(found[0], drawn(3, 4, 50))
