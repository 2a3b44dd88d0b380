"""Samples with labels of their own as a source of a sweep."""

import numpy as np
import pytest

import mlejax
from mlejax.samples.labeled import source_of
from mlejax.samples.split import split

X = np.arange(1.0, 11.0)


def test_groups_are_cut_as_train_cuts_them():
    source = source_of(mlejax.Groups(X, ["b", "a"] * 5))
    assert (source.axis, source.labels.tolist(), source.size) == ("group", ["a", "b"], 5)
    for found, expected in zip(source.cut("a", 0.2), split(X[1::2], 0.2, 42), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_sample_too_small_to_be_cut_is_none():
    source = source_of(mlejax.Groups(X, [0, *[1] * 9]))
    assert source.cut(0, 0.2) is None
    assert source.cut(0, 0).train.tolist() == [1.0]


def test_labels_that_are_dates_are_text():
    days = np.array(["2024-01-02", "2024-01-01"] * 5, "datetime64[D]")
    source = source_of(mlejax.Groups(X, days))
    assert source.labels.tolist() == ["2024-01-01", "2024-01-02"]
    assert len(source.cut("2024-01-02", 0).train) == 5


def test_resamples_repeat_their_observations():
    resamples = mlejax.Resamples(X, 3, seed=2)
    train, _ = source_of(resamples).cut(1, 0)
    assert np.bincount(train.astype(int), minlength=11)[1:].tolist() == resamples.member(1).weights.tolist()


SOURCES = {
    "groups": mlejax.Groups(X, ["b", "a"] * 5),
    "other labels": mlejax.Groups(X, ["c", "a"] * 5),
    "other data": mlejax.Groups(X + 1, ["b", "a"] * 5),
    "windows": mlejax.Windows(X, 4, 2),
    "other windows": mlejax.Windows(X, 5, 2),
    "resamples": mlejax.Resamples(X, 3, seed=2),
    "other resamples": mlejax.Resamples(X, 3, seed=3),
}


def test_what_decides_the_samples_tells_sources_apart():
    described = [source_of(source).describe() for source in SOURCES.values()]
    assert all(described.count(each) == 1 for each in described)
    again = source_of(mlejax.Groups(X.copy(), ["b", "a"] * 5)).describe()
    assert again == described[0]
    assert again["source"] == "groups"


def test_more_resamples_are_the_same_source():
    assert source_of(mlejax.Resamples(X, 9, seed=2)).describe() == source_of(SOURCES["resamples"]).describe()


def test_a_share_that_leaves_nothing_of_the_largest_group_is_refused():
    source = source_of(mlejax.Groups(X, ["b", "a"] * 5))
    with pytest.raises(ValueError, match=r"validation_fraction=0.9 leaves none of 5 observations to train on"):
        source.check(mlejax.Normal(0.0, 1.0), (), 0.9)
