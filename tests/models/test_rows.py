"""A sample of numbers, vectors or records: how many, some of them, and what one of them is."""

import dataclasses
import json
from typing import NamedTuple

import jax
import numpy as np
import pytest

from mlejax.models import rows


class Pair(NamedTuple):
    x: object
    y: object


RECORD = {"age": np.arange(4), "place": Pair(np.arange(12.0).reshape(4, 3), np.arange(4.0))}


def test_every_column_is_taken_from_alike():
    assert rows.row_count(RECORD) == 4
    some = rows.take(RECORD, np.array([3, 0]))
    assert some["age"].tolist() == [3, 0]
    assert some["place"].x.tolist() == [[9.0, 10.0, 11.0], [0.0, 1.0, 2.0]]
    both = rows.concatenate([some, rows.take(RECORD, slice(1))])
    assert isinstance(both["place"].y, np.ndarray)
    assert both["place"].y.tolist() == [3.0, 0.0, 0.0]
    assert rows.take(np.arange(3.0), slice(1, None)).tolist() == [1.0, 2.0]


def test_columns_have_names():
    assert list(rows.named_columns(RECORD)) == ["age", "place.x", "place.y"]
    assert list(rows.named_columns(np.arange(3.0))) == [""]
    assert list(rows.named_columns((np.arange(3.0), np.arange(3.0)))) == ["0", "1"]


def test_one_observation_is_described():
    assert rows.described(rows.one_of(RECORD)) == "a record of age, place.x, place.y"
    assert rows.described(rows.one_of(np.zeros((4, 3)))) == "an array of shape (3,)"
    assert rows.described(rows.one_of(np.zeros(4))) == "a number"
    assert rows.is_number(rows.one_of(np.zeros(4)))
    assert not rows.is_number(rows.one_of({"x": np.zeros(4)}))


def test_the_types_of_one_observation_are_given_to_many():
    whole = {"x": np.arange(3), "y": np.zeros(3)}
    found = rows.in_types(whole, rows.one_of({"x": np.zeros(1), "y": np.zeros(1)}))
    assert found["x"].dtype == np.float64


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Place:
    height: object
    sides: object


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((4, 3)),
        {"b": np.zeros((4, 2)), "a": np.arange(4)},
        (np.zeros(4), np.arange(4)),
        {"a": (np.zeros(4), np.zeros((4, 2))), "b": [np.arange(4)]},
        Pair(np.zeros((4, 1)), {"z": np.arange(4)}),
        Place(np.zeros(4), Pair(np.zeros(4), np.zeros(4))),
    ],
    ids=["vectors", "a dict", "a tuple", "a dict of others", "a named tuple", "a dataclass"],
)
def test_what_an_observation_is_survives_json(values):
    one = rows.one_of(values)
    found = rows.observation_recorded(json.loads(json.dumps(rows.recorded_observation(one))))
    assert rows.named_columns(found) == rows.named_columns(one)
    if hasattr(values, "height"):
        assert found.sides.y == one.sides.y
    elif not isinstance(values, dict | np.ndarray):
        assert found[1] == one[1]


def test_a_number_needs_no_record_and_some_records_cannot_be_made_again():
    assert rows.observation_recorded(rows.recorded_observation(rows.one_of(np.zeros(2)))) is None
    with pytest.raises(LookupError):
        rows.observation_recorded({"x": None, "y": None})
    with pytest.raises(LookupError, match="_x"):
        rows.observation_recorded({"_x": [[], "float64", [["attribute", "_x"]]]})


def test_extremes_are_those_of_numbers_alone_and_show_what_is_none():
    assert rows.Extremes.of(np.array([[3.0, -2.0], [5.0, 1.0]])) == (-2.0, 5.0)
    assert np.isnan(rows.Extremes.of(np.array([1.0, np.nan, 2.0]))).all()
    assert rows.Extremes.of_numbers(np.array([4, 1, 9])) == (1, 9)
    assert rows.Extremes.of_numbers(np.zeros((3, 2))) is None
    assert rows.Extremes.of_numbers({"x": np.zeros(3)}) is None
