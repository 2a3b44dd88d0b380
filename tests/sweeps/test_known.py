"""Stored sweeps over groups, extended by groups: each is told by its own observations, whatever the others are."""

import numpy as np
import pytest
from helpers import arrays

import mlejax
from mlejax.results.schema import DIGEST
from mlejax.samples.digests import digests_of
from mlejax.store.files import StoreError
from mlejax.sweeps.known import digests_by_run, digests_of_samples

SIZES = {"amber": 30, "beige": 20, "coral": 25, "denim": 40}
LABELS = np.repeat(list(SIZES), list(SIZES.values()))
DATA = np.random.RandomState(0).gamma(2.0, 1.5, len(LABELS))
MIXED = np.random.RandomState(1).permutation(len(LABELS))
LIMITS = {"learning_rates": [0.02, 0.1], "max_epochs": 100, "progress": False}
START = mlejax.Gamma(1.0, 1.0)


def some(*names):
    """Return some of the groups, their observations in one order whatever the others are."""
    here = MIXED[np.isin(LABELS[MIXED], names)]
    return mlejax.Groups(DATA[here], LABELS[here])


def test_every_run_has_the_digest_of_its_group():
    spec = mlejax.SweepSpec.checked(START, observations=some(*SIZES), learning_rates=[0.02, 0.1])
    known = digests_by_run(spec)[DIGEST.name]
    assert known.shape == (4, 2)
    np.testing.assert_array_equal(known[:, 0], digests_of(some(*SIZES)))
    np.testing.assert_array_equal(known[:, 0], known[:, 1])
    assert digests_by_run(mlejax.SweepSpec.checked(START, observations=DATA, seeds=[0], learning_rates=0.1)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("start", [START, mlejax.Weibull(1.0, 2.0)], ids=["statistics", "raw"])
def test_groups_in_the_middle_are_added_with_the_bits_of_one_run_of_all(tmp_path, start):
    whole = mlejax.sweep(start, observations=some(*SIZES), **LIMITS)
    first = mlejax.sweep(start, observations=some("amber", "denim"), out=tmp_path, **LIMITS)
    assert first.provenance.settings["count"] == 70
    found = mlejax.sweep(start, observations=some(*SIZES), out=tmp_path, **LIMITS)
    assert found.spent.runs == 4  # of the two that are new
    for result in (found, mlejax.load(tmp_path)):
        assert result.axes["group"].tolist() == list(SIZES)
        for name, values in arrays(whole).items():
            np.testing.assert_array_equal(result.arrays[name], values, err_msg=name)
        assert result.provenance.settings["count"] == 115  # as of a sweep of all
        assert result.provenance.settings == whole.provenance.settings
        assert list(result.to_xarray()) == list(whole.to_xarray())
        assert next(result.records()).keys() == next(whole.records()).keys()
    assert mlejax.verify(tmp_path, observations=some(*SIZES), runs=None, progress=False).different == []
    histories = mlejax.record(tmp_path, {"group": ["beige"]}, observations=some(*SIZES), progress=False)
    assert histories.sweep.count == 2


@pytest.mark.slow
def test_a_group_with_other_observations_is_refused_and_further_ones_may_be_given(tmp_path):
    mlejax.sweep(START, observations=some("amber", "denim"), out=tmp_path, **LIMITS)
    other = mlejax.Groups(np.where(LABELS == "denim", DATA + 1.0, DATA)[MIXED], LABELS[MIXED])
    with pytest.raises(
        StoreError, match=r"the digest of the observations is another than it was, of 2 of 4, group = denim"
    ):
        mlejax.sweep(START, observations=other, out=tmp_path, **LIMITS)
    with pytest.raises(ValueError, match="observations: 1 of 2 groups had others than are given, denim first"):
        mlejax.verify(tmp_path, observations=other, progress=False)
    with pytest.raises(ValueError, match="observations: there is no group denim among those given, of 2"):
        mlejax.verify(tmp_path, observations=some("amber", "beige"), progress=False)
    with pytest.raises(StoreError, match="has results with group = amber, which this sweep leaves out"):
        mlejax.sweep(START, observations=some("denim"), out=tmp_path, **LIMITS)
    with pytest.raises(StoreError, match="holds a sweep with source = groups; this one has windows"):
        mlejax.sweep(START, observations=mlejax.Windows(DATA, 60, 30), out=tmp_path, **LIMITS)
    assert mlejax.verify(tmp_path, observations=some(*SIZES), runs=None, progress=False).checked == 4
    found = mlejax.load(tmp_path)
    np.testing.assert_array_equal(digests_of_samples(found), digests_of(some("amber", "denim")))


@pytest.mark.slow
def test_rows_in_another_order_between_groups_are_the_same_groups(tmp_path):
    mlejax.sweep(START, observations=some(*SIZES), out=tmp_path, **LIMITS)
    sorted_by_group = np.argsort(LABELS[MIXED], kind="stable")
    again = mlejax.Groups(DATA[MIXED][sorted_by_group], LABELS[MIXED][sorted_by_group])
    assert mlejax.sweep(START, observations=again, out=tmp_path, **LIMITS).spent.runs == 0


@pytest.mark.slow
def test_windows_are_extended_by_later_ones(tmp_path):
    rates = LIMITS | {"learning_rates": 0.05}
    mlejax.sweep(START, observations=mlejax.Windows(DATA[:60], 30, 10), out=tmp_path, **rates)
    found = mlejax.sweep(START, observations=mlejax.Windows(DATA, 30, 10), out=tmp_path, **rates)
    whole = mlejax.sweep(START, observations=mlejax.Windows(DATA, 30, 10), **rates)
    assert found.spent.runs < found.count
    for name, values in arrays(whole).items():
        np.testing.assert_array_equal(found.arrays[name], values, err_msg=name)
