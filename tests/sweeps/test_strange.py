"""Samples that are no ordinary numbers, beside others: each in units of its own, and as it is alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import mlejax
from mlejax.sweeps.fits import Work

X = np.random.RandomState(1).standard_t(4, size=60)
SAMPLES = [3.0 + X[:40], 3000.0 + 0.1 * X, 1e-100 * (5 + X), 1e8 + X[:50]]


def labeled(samples):
    return mlejax.Groups(np.concatenate(samples), np.repeat(np.arange(len(samples)), [len(each) for each in samples]))


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(mlejax.Normal, id="statistics"),
        pytest.param(mlejax.Cauchy(3000.0, 0.1), id="a start", marks=pytest.mark.slow),
        pytest.param(mlejax.Laplace, id="a closed form", marks=pytest.mark.slow),
    ],
)
def test_each_is_climbed_in_its_own_units_and_is_that_of_fit(family, monkeypatch):
    def never(*_):
        raise AssertionError("a sample was left to fit")

    samples = [SAMPLES[1], 3000.1 + 0.1 * X[:40]] if isinstance(family, mlejax.Cauchy) else SAMPLES
    with monkeypatch.context() as patch:
        patch.setattr(Work, "_alone", never)
        table = mlejax.fit_many(family, labeled(samples), progress=False)
    assert table.converged.all()
    for row, sample in enumerate(samples):
        alone = mlejax.fit(family, sample, progress=False)
        assert_allclose(table.log_likelihood[row], alone.log_likelihood, rtol=1e-12)
        assert table.reasons.get(row, "") == alone.reason
        for name, value in alone.parameters.items():
            error = getattr(alone.standard_errors, name)
            assert_allclose(table.parameters[name][row], value, rtol=1e-15, atol=1e-6 * error)
            assert_allclose(table.errors[name][row], error, rtol=1e-6)
    assert not np.allclose(table.log_likelihood / table.count, table.log_likelihood[0] / table.count[0])


def test_the_numbers_of_a_sample_do_not_hang_on_what_is_beside_it():
    both = mlejax.fit_many(mlejax.Normal, labeled(SAMPLES), progress=False)
    alone = mlejax.fit_many(mlejax.Normal, labeled(SAMPLES[1:2]), progress=False)
    for of_both, of_one in ((both.parameters, alone.parameters), (both.errors, alone.errors)):
        assert [of[1] for of in of_both.values()] == [of[0] for of in of_one.values()]
