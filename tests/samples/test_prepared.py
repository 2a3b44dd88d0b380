"""What a call makes of its observations is kept for the next one, and for no other data, start or split."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.samples import prepared
from mlejax.samples.prepared import prepare

START = mlejax.Normal(np.float64(6.0), np.float64(7.0))
VALUES = np.random.RandomState(3).normal(7.2, 2.8, 300)
ASKED = {"observations": VALUES, "validation_fraction": 0.2, "split_seed": 42, "summarized": True}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(prepared, "_latest", [])


def made(start=START, **changed):
    return prepare(start, **(ASKED | changed))


def with_one_bit_changed(values):
    changed = values.copy()
    changed[17] = np.nextafter(changed[17], np.inf)
    return changed


OTHERS = {
    "one last bit": {"observations": with_one_bit_changed(VALUES)},
    "one less": {"observations": VALUES[1:]},
    "another order": {"observations": VALUES[::-1]},
    "another type": {"observations": VALUES.astype(np.float32)},
    "another fraction": {"validation_fraction": 0.25},
    "nothing held out": {"validation_fraction": 0},
    "another seed": {"split_seed": 43},
    "raw": {"summarized": False},
    "another start": {"start": mlejax.Normal(np.float64(6.5), np.float64(7.0))},
    "another family": {"start": mlejax.StudentT(np.float64(6.0), np.float64(7.0), np.float64(5.0))},
}


def test_the_same_data_are_looked_through_once():
    first = made()
    assert made(observations=VALUES.copy()) is first
    assert (first.count, first.spread) == (300, np.ptp(VALUES))


@pytest.mark.slow
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_anything_else_is_prepared_anew_as_if_nothing_were_kept(change, monkeypatch):
    made()
    found = made(**change)
    monkeypatch.setattr(prepared, "_latest", [])
    alone = made(**change)
    assert found is not alone
    assert found.representation == alone.representation
    assert jax.tree.structure(found.on_host) == jax.tree.structure(alone.on_host)
    for one, other in zip(jax.tree.leaves(found.on_host), jax.tree.leaves(alone.on_host), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_that_changed_in_place_are_looked_through_again():
    values = VALUES.copy()
    first = made(observations=values)
    values[0] += 1.0
    assert made(observations=values) is not first
    values[0] = np.nan
    with pytest.raises(ValueError, match="observations must be finite; got nan at index 0"):
        made(observations=values)


@pytest.mark.slow
def test_zeros_of_either_sign_are_not_the_same():
    zero, minus = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([-0.0, 1.0, 2.0, 3.0, 4.0])
    assert made(observations=minus) is not made(observations=zero)
