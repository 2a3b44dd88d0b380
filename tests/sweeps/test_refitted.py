"""`verify` of a table of fits: the same bits again, and everything that is not so is found."""

import numpy as np
import pytest
import zarr
from zoo import Rayleigh

import mlejax
from mlejax.store.files import StoreError

X = np.random.RandomState(0).gamma(2.0, size=90)
SHOPS = np.repeat(["berlin", "oslo", "rome"], [40, 30, 20])
GROUPS = mlejax.Groups(X, SHOPS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits") / "gamma"
    mlejax.fit_many(mlejax.Gamma, GROUPS, out=folder, progress=False)
    return folder


@pytest.mark.slow
def test_all_fits_are_the_same_again(whole):
    found = mlejax.verify(whole, observations=GROUPS, runs=None, progress=False)
    assert (found.checked, found.of, found.different) == (3, 3, [])
    assert str(found) == "3 of 3 fits recomputed, 0 different"
    more = mlejax.Groups(np.append(X, [1.0, 2.0]), np.append(SHOPS, ["aachen", "aachen"]))
    found = mlejax.verify(whole, mlejax.Gamma, more, runs=2, random_seed=1, progress=False)
    assert (found.checked, found.of, found.different) == (2, 3, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"observations: the table was made of groups: give observations=mlejax.Groups\(data, labels\)"),
        (
            {"observations": mlejax.Groups(np.append(X[:-1], 2.0), SHOPS)},
            "observations: 1 of 3 groups were fitted to others than are given, rome first",
        ),
        ({"observations": mlejax.Groups(X[:40], SHOPS[:40])}, "the table has group oslo, which is not among"),
        ({"observations": GROUPS, "model": mlejax.Weibull}, "model: the table was made with Gamma .* has Weibull"),
        ({"observations": GROUPS, "model": mlejax.Gamma(1.0, 1.0)}, "start: the table was made with found in each"),
        ({"observations": mlejax.Windows(X, 30, 30)}, "source: the table was made with groups; .* windows"),
    ],
)  # fmt: skip
def test_what_is_given_has_to_be_what_was_fitted(whole, arguments, message):
    with pytest.raises(ValueError, match=message):
        mlejax.verify(whole, **arguments, progress=False)


@pytest.mark.slow
def test_draws_and_a_start_are_known_and_differences_named(tmp_path):
    draws = mlejax.Draws(mlejax.Gamma(2.0, 1.0), 50, seeds=[3, 9, 4])
    mlejax.fit_many(mlejax.Gamma(1.0, 1.0), draws, out=tmp_path, progress=False)
    assert str(mlejax.verify(tmp_path, progress=False)) == "3 of 3 fits recomputed, 0 different"
    group = zarr.open_group(tmp_path, mode="r+")
    shape = group["shape"][1]
    group["shape"][1] = np.nextafter(shape, 9.0)
    group["reason"][1] = "because"
    (wrong,) = mlejax.verify(tmp_path, progress=False).different
    assert wrong == {"seed": 9, "shape": (np.nextafter(shape, 9.0), shape), "reason": ("because", "")}


@pytest.mark.slow
def test_a_model_of_a_model_is_known_and_another_is_asked_for(tmp_path):
    family = mlejax.Fixed.of(mlejax.Gamma, rate=1.0)
    mlejax.fit_many(family, GROUPS, out=tmp_path / "fixed", progress=False)
    assert str(mlejax.verify(tmp_path / "fixed", observations=GROUPS, progress=False)).startswith("3 of 3 fits")
    with pytest.raises(ValueError, match=r"model: the table was made with Fixed .* has Fixed"):
        mlejax.verify(tmp_path / "fixed", mlejax.Fixed.of(mlejax.Gamma, rate=2.0), GROUPS, progress=False)
    table = mlejax.load(tmp_path / "fixed")
    assert (table.family, list(table.parameters)) == ("Fixed(Gamma)", ["shape"])
    assert table.model.rate == 1.0
    mlejax.fit_many(Rayleigh(1.0), GROUPS, out=tmp_path / "mine", progress=False)
    with pytest.raises(ValueError, match="model: Rayleigh is not one of the library's families: give model="):
        mlejax.verify(tmp_path / "mine", observations=GROUPS, progress=False)
    assert mlejax.verify(tmp_path / "mine", Rayleigh(1.0), GROUPS, progress=False).different == []


def test_nothing_to_verify(tmp_path):
    with pytest.raises(StoreError, match="holds no results"):
        mlejax.verify(tmp_path, progress=False)
