"""The benchmark of many fits: its parts run, small, and agree. Nothing is timed."""

import json

import numpy as np
import pytest

from benchmarks import common, many


@pytest.mark.slow
def test_record_and_report():
    found = {
        "groups": many.of_groups("weibull", 40, rounds=1),
        "bootstraps": [{"observations": 50, "resamples": 9, "nanoseconds_a_draw": 1.0, **many.Bootstrap(50, 9).fit()}],
        "small": [{"groups": 30, "cores": 1, "converged": 30, **many.Many("gamma", 30, 10).fit()}],
    }
    record = {"benchmark": "many", "environment": common.environment(), "results": found}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert {row["program"] for row in found["groups"]} >= {"mlejax", "SciPy, a loop"}
    assert "C++" in many.report(record)


def test_groups_are_the_same_however_many_there_are():
    np.testing.assert_array_equal(many.draws("gamma", 3, 10), many.draws("gamma", 3, 10))
    assert many.draws("normal", 2).shape == (2, many.SIZE)
