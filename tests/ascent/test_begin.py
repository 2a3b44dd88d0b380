"""Starts, their units, and what a start is where a family finds one on the border of its domain."""

import re

import numpy as np
import pytest

import mlejax
from mlejax.ascent.begin import check_fitted, found_start, given_start, off_the_border

WAITS = np.array([0.5, 1.5, 4.0, 0.7])


def test_a_start_is_in_the_units_of_the_fit():
    first, units = found_start(mlejax.Exponential, WAITS * 1e-200, None)
    assert units.scale < 1e-190
    assert units.to_data(first).rate == pytest.approx(1e200 / WAITS.mean())
    given, same = given_start(mlejax.Exponential(1e200), WAITS * 1e-200)
    assert same.scale == units.scale
    assert given.rate == pytest.approx(1e200 * units.scale)


def test_ordinary_observations_are_left_as_they_are():
    first, units = found_start(mlejax.Exponential, WAITS, None)
    assert units is None
    assert first.rate == pytest.approx(1 / WAITS.mean())


def test_a_start_lies_inside_the_domain():
    assert off_the_border(mlejax.Normal(1.0, 0.0)).variance == 1.0
    assert off_the_border(mlejax.Normal(1.0, 2.0)).variance == 2.0
    assert off_the_border(mlejax.Binomial(3, 1.0)).probability == 0.5


def test_what_finds_no_start_says_what_to_give():
    with pytest.raises(TypeError, match=r"has no start.* give a model to start at"):
        found_start(mlejax.Model, WAITS, None)


def test_a_family_with_arguments_says_so():
    with pytest.raises(TypeError, match=r"or mlejax.Mixture.of\(...\) in its place"):
        mlejax.fit(mlejax.Mixture, [1.0, 2.0])


@pytest.mark.parametrize("thing", ["gamma", 3, dict, None])
def test_what_is_neither_a_family_nor_a_model_is_refused_for_its_caller(thing):
    for good in (mlejax.Gamma, mlejax.Gamma(1.0, 1.0), mlejax.Mixture.of(mlejax.Gamma, 2)):
        check_fitted("fit_many", good)
    with pytest.raises(
        TypeError, match=rf"fit_many needs a family, such as mlejax.Gamma, .*; got {re.escape(repr(thing))}"
    ):
        check_fitted("fit_many", thing)


@pytest.mark.parametrize(
    ("thing", "meant"),
    [
        ("negative_binomial", "the family of this name is mlejax.NegativeBinomial"),
        ([1.0, 2.0], "the family comes before the observations"),
        (np.ones(3), "the family comes before the observations"),
    ],
)
def test_what_was_perhaps_meant_is_said(thing, meant):
    with pytest.raises(TypeError, match=f"; got .*: {meant}$"):
        check_fitted("fit", thing)
    with pytest.raises(TypeError, match=r"got 'mixture\(gamma,2\)'$"):  # which is no class of mlejax
        check_fitted("fit", "mixture(gamma,2)")
