"""Digests of the observations of many samples: equal where these are, whatever else is in the table."""

import numpy as np
import pytest

import mlejax
from mlejax.samples.digests import digests_of
from mlejax.samples.members import members_of

X = np.random.RandomState(0).gamma(2.0, size=60)
LABELS = np.random.RandomState(1).choice(list("abcd"), 60)


def of(values, labels):
    groups = mlejax.Groups(values, labels)
    return dict(zip(groups.labels.tolist(), digests_of(groups).tolist(), strict=True))


def test_a_group_has_its_own_whatever_the_others_are():
    found = of(X, LABELS)
    assert len(set(found.values())) == 4
    some = LABELS != "b"
    assert of(X[some], LABELS[some]) == {label: found[label] for label in "acd"}
    more = of(np.append(X, [7.0, 8.0]), np.append(LABELS, ["aa", "aa"]))
    assert {label: more[label] for label in "abcd"} == found


@pytest.mark.parametrize("index", [0, 17, 59])
def test_any_bit_of_an_observation_changes_that_of_its_group_alone(index):
    other = X.copy()
    other[index] = np.nextafter(other[index], 9.0)
    before, after = of(X, LABELS), of(other, LABELS)
    assert {label for label in "abcd" if before[label] != after[label]} == {LABELS[index]}


def test_order_and_number_within_a_group_count():
    turned = of([2.0, 1.0, 5.0], list("aab"))
    assert of([1.0, 2.0, 5.0], list("aab"))["a"] != turned["a"]
    assert of([1.0, 5.0, 2.0], list("aba")) == of([1.0, 2.0, 5.0], list("aab"))
    assert len({of([0.0] * n, ["a"] * n)["a"] for n in range(2, 200)}) == 198


def test_windows_that_are_the_same_have_the_same():
    few, many = mlejax.Windows(X[:40], 10, 5), mlejax.Windows(X, 10, 1)
    by_label = dict(zip(many.labels.tolist(), digests_of(many).tolist(), strict=True))
    assert len(set(by_label.values())) == 51
    assert digests_of(few).tolist() == [by_label[label] for label in few.labels.tolist()]
    other = X.copy()
    other[20] += 1.0
    changed = digests_of(mlejax.Windows(other, 10, 1)) != digests_of(many)
    assert np.flatnonzero(changed).tolist() == list(range(11, 21))


def test_records_and_vectors_count_in_every_part():
    labels, record = list("aabb"), {"x": np.arange(4.0), "y": np.arange(4.0)}
    plain = of(record, labels)
    assert of({"x": np.arange(4.0), "z": np.arange(4.0)}, labels)["a"] != plain["a"]
    assert of({"x": np.arange(4.0), "y": np.array([0.0, 9.0, 2.0, 3.0])}, labels)["a"] != plain["a"]
    vectors = np.arange(8.0).reshape(4, 2)
    assert of(vectors[:, ::-1], labels)["b"] != of(vectors, labels)["b"]


def test_resamples_have_that_of_the_data_and_draws_none():
    one, more = (digests_of(mlejax.Resamples(X, count)) for count in (3, 5))
    assert len({*one.tolist(), *more.tolist()}) == 1
    assert digests_of(mlejax.Resamples(X + 1, 3))[0] != one[0]
    draws = members_of(mlejax.Draws(mlejax.Normal(0.0, 1.0), 10, seeds=range(3)), mlejax.Normal)
    assert digests_of(draws).tolist() == [0, 0, 0]
