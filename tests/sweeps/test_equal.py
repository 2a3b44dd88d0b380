"""Samples whose observations are all equal have in a table the fit that they have alone, without a climb."""

import numpy as np
import pytest
from helpers import alone

import mlejax
from mlejax.models.parameters import entry_dict
from mlejax.samples.members import Groups
from mlejax.sweeps import fits as module
from mlejax.sweeps.equal import Equal
from mlejax.sweeps.fits import Work

PARTS = [np.full(9, 2.5), [7.0], np.full(40, 1e-90), [1e90, 1e90], np.full(9, 3.0), [0.0, 0.0], np.full(3, 2e120)]
OTHER = np.random.RandomState(0).gamma(2.0, 3.0, 30)


def groups(*parts):
    return Groups(np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts]))


@pytest.mark.slow
@pytest.mark.parametrize("family", [mlejax.Normal, mlejax.Gamma])
def test_they_have_the_fit_that_they_have_alone_to_the_last_bit(family, monkeypatch):
    found, fitted = module.fitted, []
    monkeypatch.setattr(module, "fitted", lambda *given: fitted.append(given[1][0]) or found(*given))
    table = mlejax.fit_many(family, groups(OTHER, *PARTS), progress=False)
    unusual = [0.0, 2e120] if family is mlejax.Gamma else [2e120]
    assert sorted(fitted) == unusual  # which are outside the support, or too large to be sure
    for position, part in enumerate(PARTS, 1):
        if family is mlejax.Gamma and part[0] == 0:
            assert table.reasons[position] == "Gamma needs positive numbers; got 0.0 at index 0"
            continue
        expected = alone(family, part)
        assert (table.status[position], table.reasons[position]) == (expected.status, expected.reason)
        known = ("log_likelihood", "distance", "count", "steps")
        assert [getattr(table, name)[position] for name in known] == [getattr(expected, name) for name in known]
        assert {name: each[position] for name, each in table.parameters.items()} == entry_dict(expected.model)
        assert all(np.isnan(each[position]) for each in table.errors.values())


def test_whole_numbers_that_floating_point_does_not_tell_apart_are_not_equal():
    large = 1 << 60
    source = groups(np.array([large, large, large]), np.array([large, large + 1, large]), np.array([3, 3, 3]))
    work = Work(mlejax.Normal, source)
    equal = Equal.of(work.begun, source)
    assert equal is not None
    assert equal.among(np.arange(3)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("family", "source"),
    [
        (mlejax.Exponential, groups(*PARTS)),  # has a maximum
        (mlejax.Normal(0.0, 1.0), groups(*PARTS)),  # may have no density there
        (mlejax.Normal, mlejax.Resamples([2.0, 2.0], 3)),  # differ in their weights
        (mlejax.Fixed.of(mlejax.Normal, variance=1.0), groups(*PARTS)),
    ],
    ids=["another family", "a start", "weights", "a wrapper"],
)
def test_others_are_climbed_or_left_to_fit(family, source):
    assert Equal.of(Work(family, source).begun, source) is None
