"""Sources of many samples: what each sample is, whatever the order of the rows and of the labels."""

import numpy as np
import pandas as pd
import pytest

import mlejax
from mlejax.samples.members import members_of


def test_groups_are_sorted_by_label_and_keep_the_order_of_their_observations():
    groups = mlejax.Groups([1.0, 2.0, 3.0, 4.0, 5.0], ["b", "a", "b", "c", "a"])
    assert groups.labels.tolist() == ["a", "b", "c"]
    assert groups.sizes.tolist() == [2, 2, 1]
    assert [groups.member(i).values.tolist() for i in range(3)] == [[2.0, 5.0], [1.0, 3.0], [4.0]]


@pytest.mark.parametrize("labels", [[3, 1, 3, 1], [3.5, 1.5, 3.5, 1.5], np.array(["y", "x", "y", "x"], object)])
def test_labels_are_numbers_or_text(labels):
    groups = mlejax.Groups([1.0, 2.0, 3.0, 4.0], labels)
    assert [groups.member(i).values.tolist() for i in range(2)] == [[2.0, 4.0], [1.0, 3.0]]


def test_groups_of_records_keep_their_rows_together():
    groups = mlejax.Groups({"x": [1.0, 2.0, 3.0], "y": [10.0, 20.0, 30.0]}, [1, 0, 1])
    one = groups.member(1).values
    assert one["x"].tolist() == [1.0, 3.0]
    assert one["y"].tolist() == [10.0, 30.0]


@pytest.mark.parametrize("labels", ["store", ["b", "a", "b"]])
def test_a_table_may_hold_its_labels_as_text(labels):
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "store": ["b", "a", "b"]})
    groups = mlejax.Groups(table, labels)
    assert groups.labels.tolist() == ["a", "b"]
    assert {name: column.tolist() for name, column in groups.member(1).values.items()} == {"x": [1.0, 3.0]}


def test_a_column_of_numbers_that_are_the_labels_too_is_observed_unless_it_is_named():
    table = {"x": [1.0, 2.0, 3.0], "week": [2, 1, 2]}
    assert sorted(mlejax.Groups(table, table["week"]).member(0).values) == ["week", "x"]
    assert list(mlejax.Groups(table, "week").member(0).values) == ["x"]


def test_a_column_of_labels_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the name of a column; got 'shop'; the data have x, store"):
        mlejax.Groups({"x": [1.0, 2.0], "store": [1, 2]}, "shop")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"], "labels must be one for each of 2 observations; got 1"),
        ("store", "the name of a column; got 'store'; the data have no columns"),
    ],
)
def test_labels_that_name_no_group_are_refused(labels, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mlejax.Groups([1.0, 2.0], labels)


def test_data_that_are_no_numbers_are_refused_with_their_place():
    with pytest.raises(ValueError, match="data must be finite; got nan at index 1"):
        mlejax.Groups([1.0, np.nan], ["a", "b"])


def test_a_resample_depends_on_its_number_and_the_seed_alone():
    data = np.arange(50.0)
    few, many = mlejax.Resamples(data, 3, seed=5), mlejax.Resamples(data, 300, seed=5)
    for i in range(3):
        np.testing.assert_array_equal(few.member(i).weights, many.member(i).weights)
    assert few.member(0).weights.tolist() != few.member(1).weights.tolist()
    assert few.member(0).weights.tolist() != mlejax.Resamples(data, 3, seed=6).member(0).weights.tolist()


def test_resamples_draw_every_observation_alike():
    n, count = 20, 2000
    source = mlejax.Resamples(np.arange(float(n)), count)
    weights = np.stack([source.member(i).weights for i in range(count)])
    assert np.all(weights.sum(axis=1) == n)
    # Each count is binomial(n, 1/n): mean 1, variance 1 - 1/n; five standard errors of the mean of 2000 of them.
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=5 * np.sqrt((1 - 1 / n) / count))
    assert weights.var() == pytest.approx(1 - 1 / n, rel=0.05)


def test_windows_move_by_their_step():
    windows = mlejax.Windows(np.arange(7.0), 3, 2)
    assert windows.labels.tolist() == [0, 2, 4]
    assert [windows.member(i).values.tolist() for i in range(3)] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    with pytest.raises(ValueError, match="width must be at most the number of observations, 7; got 8"):
        mlejax.Windows(np.arange(7.0), 8)


def test_draws_are_those_of_a_sweep_that_holds_nothing_out():
    draws = mlejax.Draws(mlejax.Normal(0.0, 1.0), 10, seeds=[4, 2])
    members = members_of(draws, mlejax.Normal)
    assert members.axis == "seed"
    assert members.labels.tolist() == [4, 2]
    np.testing.assert_array_equal(members.member(1).values, draws.cut(2, 0).train)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([1.0, 2.0], "fit_many needs a source of samples: mlejax.Groups"),
        (mlejax.Draws(mlejax.Normal(0.0, 1.0), 10), "needs to know which samples to draw"),
        (mlejax.Draws(mlejax.Normal(0.0, 1.0), [10, 20], seeds=[0]), "takes Draws of one count"),
        (mlejax.Draws(mlejax.Normal(0.0, 1.0), 10, by="statistics", seeds=[0]), "by='statistics' draws none"),
    ],
)
def test_what_is_no_source_of_samples_is_refused(source, message):
    with pytest.raises((ValueError, TypeError), match=message):
        members_of(source, mlejax.Normal)


def test_a_sweep_is_given_its_seeds_itself():
    with pytest.raises(ValueError, match="seeds are for fit_many"):
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=0.1,
            observations=mlejax.Draws(mlejax.Normal(0.0, 1.0), 10, seeds=[1]), progress=False,
        )  # fmt: skip
