"""Which samples are climbed side by side, and where they start."""

import numpy as np
import pytest

import mlejax
from mlejax.samples.members import Groups, Resamples
from mlejax.sweeps.fits import Work

X = np.random.RandomState(0).gamma(2.0, 3.0, 60)
GROUPS = Groups(X, np.repeat([0, 1], [20, 40]))


@pytest.mark.parametrize(
    ("family", "source", "beside"),
    [
        (mlejax.Gamma, GROUPS, True),
        (mlejax.Gamma(1.0, 1.0), GROUPS, True),
        (mlejax.Laplace, GROUPS, False),  # its maximum is no top of a parabola
        (mlejax.Mixture.of(mlejax.Normal, 2), GROUPS, False),  # several starts
        (mlejax.Gamma, Resamples(X, 3), True),
        (mlejax.Gamma, Resamples(1e-15 * X, 3), False),  # units of their own
        (mlejax.Poisson, Groups(np.array([1, 2, 1 << 60]), [0, 0, 0]), False),  # no floating-point number
    ],
)
def test_what_is_climbed_side_by_side(family, source, beside):
    assert Work(family, source).begun.beside == beside


def test_starts_are_those_that_the_family_finds_and_say_which_need_units():
    begun = Work(mlejax.Gamma, GROUPS).begun
    rows = np.stack([np.tile(X[:20], 2), X[20:], 1e-15 * X[20:]])
    starts, plain = begun.starts(rows, np.array([20, 40, 40]))
    assert plain.tolist() == [True, True, False]
    for at, own in zip(starts[:2], (X[:20], X[20:]), strict=True):
        alone = mlejax.Gamma.start(own)
        np.testing.assert_allclose(at, [alone.shape, alone.rate], rtol=0.3)  # of observations evenly spread


def test_a_start_outside_the_domain_is_left_to_fit():
    class Off(mlejax.Exponential):
        @classmethod
        def start(cls, observations, weights=None):
            return cls(rate=2.0 - np.max(observations, axis=0))

    rows = np.stack([X[:20] / np.max(X[:20]), X[:20] / np.max(X[:20]) * 3])
    starts, plain = Work(Off, Groups(rows[0], [0] * 20)).begun.starts(rows, np.array([20, 20]))
    assert (starts[:, 0].tolist(), plain.tolist()) == ([1.0, -1.0], [True, False])
