import json

import pytest

from mlejax import Status


def test_values_are_fixed_because_files_store_them():
    expected = {
        "RUNNING": 0,
        "PATIENCE": 1,
        "TOLERANCE": 2,
        "MAX_EPOCHS": 3,
        "PRECISION": 4,
        "DIVERGED": 5,
        "OUTSIDE_SUPPORT": 6,
        "CONVERGED": 7,
        "MAX_STEPS": 8,
        "UNBOUNDED": 9,
        "AT_BOUNDARY": 10,
        "AT_INFINITY": 11,
        "NOT_IDENTIFIED": 12,
    }
    assert {status.name: int(status) for status in Status} == expected


@pytest.mark.parametrize("status", list(Status), ids=lambda status: status.name)
def test_a_status_is_an_integer_with_a_sentence_of_advice(status):
    assert Status(int(status)) is status
    assert status == status.value
    assert json.dumps(int(status)) == str(status.value)
    assert status.advice.endswith(".")
    assert len(status.advice.split()) > 4


def test_advice_differs():
    assert len({status.advice for status in Status}) == len(Status)


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match="13 is not a valid Status"):
        Status(13)
