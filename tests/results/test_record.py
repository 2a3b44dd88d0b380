"""Results as JSON."""

import json
import math

import numpy as np
import pytest

from mlejax.results import record


def written(values):
    """The JSON of a record."""
    return "".join(record.json_pieces(values))


def test_nothing_is_written_before_the_first_run_can_be_read():
    def unreadable():
        raise OSError("damaged")
        yield

    with pytest.raises(OSError, match="damaged"):
        next(record.json_pieces({"runs": unreadable(), "summary": {}}))
    assert next(record.json_pieces({"runs": iter([{"mean": 1.0}, {}])})) == '{\n "runs": [\n  {"mean": 1.0}'


def test_json_of_a_fit(result):
    run, _ = result
    read = json.loads(written(record.train_record(run)))
    assert set(read) == {"runs", "summary"}
    (only,) = read["runs"]
    assert only["mean"] == run.model.mean
    assert only["status"] == "MAX_EPOCHS"
    # It has not arrived: null where a number would mislead.
    assert only["standard_errors"] == {"mean": None, "variance": None}
    assert read["summary"]["aic"] is None
    assert only["arrived"] is False
    assert read["summary"]["reason"] == run.reason


def test_json_of_a_sweep(swept):
    read = json.loads(written(record.sweep_record(swept)))
    assert len(read["runs"]) == 120
    assert read["runs"][119]["status"] == "DIVERGED"
    assert read["runs"][31] == {
        "seed": 1,
        "learning_rate": pytest.approx(np.geomspace(0.01, 10, 30)[1]),
        "mean": 0.0,
        "variance": 1.0,
        "status": "PATIENCE",
        "epochs": 999,
        "best_epoch": 999,
        "train_log_likelihood": 0.0,
        "validation_log_likelihood": None,  # NaN is not JSON
        "distance": 2.0,
    }
    assert read["summary"]["statuses"] == {"PATIENCE": 100, "DIVERGED": 20}
    assert len(read["summary"]["settings"]) == 30
    assert read["summary"]["made"]["mlejax"]["settings"] == {"optimizer": "plain ascent"}


def test_numbers_that_json_does_not_know_become_null():
    values = {"a": math.inf, "b": [np.float64("nan"), np.int32(3)], "c": {"d": (1.5, -math.inf)}}
    assert json.loads(written(values)) == {"a": None, "b": [None, 3], "c": {"d": [1.5, None]}}
