"""C++, the plain formula and mlejax compute the same epoch on raw observations. Nothing is timed."""

import json

import numpy as np
import pytest

from benchmarks import common, raw

every_problem = pytest.mark.parametrize("problem", raw.PROBLEMS, ids=lambda problem: problem.name)


@pytest.mark.slow
@every_problem
@pytest.mark.parametrize("runs", [1, 3])
def test_all_programs_agree(problem, runs):
    found = raw.programs(problem, 1_500, runs, epochs=2)
    answers = {name: case.run(None) for name, case in found.items() if isinstance(case, common.Case)}
    mean, gradient, held_out = answers[raw.NOW]
    assert mean.shape == held_out.shape == (runs,)
    assert gradient.shape == (runs, len(problem.start))
    assert np.all(np.isfinite(mean))
    assert {"mlejax before", raw.NOW} <= set(answers)
    for name, answer in answers.items():
        assert max(map(raw.disagreement, answer, answers[raw.NOW])) <= raw.AGREEMENT, name


def test_disagreement_sees_a_wrong_gradient():
    assert raw.disagreement(np.array([1.0, 2e3]), np.array([1.0, 2e3 + 2e-8])) > raw.AGREEMENT
    assert raw.disagreement(np.array([1e-9]), np.array([2e-9])) == pytest.approx(1e-9)


@pytest.fixture(scope="module")
def record():
    rows = raw.results(400, 2, rounds=1, seconds=0.0)
    return {"benchmark": "raw", "environment": common.environment(), "observations": 400, "results": rows}


@pytest.mark.slow
def test_record_and_report(record):
    assert [(row["model"], row["runs"]) for row in record["results"][::4]] == [
        (problem.name, runs) for problem in raw.PROBLEMS for runs in (1, 2)
    ]
    for row in record["results"]:
        assert "missing" in row or 0 < row["nanoseconds"]["minimum"] <= row["nanoseconds"]["median"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert len(raw.report(record).splitlines()) == 2 + 24 + 7


@pytest.mark.slow
def test_without_compiler_the_rest_is_measured(monkeypatch):
    raw.library.cache_clear()
    monkeypatch.setattr(common.shutil, "which", lambda name: None)
    rows = raw.results(50, 2, rounds=1, seconds=0.0)
    assert {row.get("missing") for row in rows} == {None, "no c++, g++ or clang++ found"}
    assert raw.cells(rows[0])["minimum"] == "no c++, g++ or clang++ found"
