"""C++, the plain formula and mlejax compute the same pass of a Newton step. Nothing is timed."""

import json

import numpy as np
import pytest

from benchmarks import common, newton, raw


@pytest.mark.slow
@pytest.mark.parametrize("problem", raw.PROBLEMS, ids=lambda problem: problem.name)
def test_all_programs_agree(problem):
    found = newton.programs(problem, 1_500, passes=2)
    answers = {name: case.run(None) for name, case in found.items() if isinstance(case, common.Case)}
    size = len(problem.start)
    assert answers[newton.NOW].shape == (1 + size + size * (size + 1) // 2,)
    assert {newton.NOW, newton.PLAIN} <= set(answers)
    for name, answer in answers.items():
        assert np.all(np.isfinite(answer))
        assert raw.disagreement(answer, answers[newton.NOW]) <= newton.AGREEMENT, name


@pytest.mark.slow
def test_record_and_report():
    rows = newton.results(300, rounds=1, seconds=0.0)
    record = {"benchmark": "newton", "environment": common.environment(), "observations": 300, "results": rows}
    assert [row["model"] for row in rows[::4]] == [problem.name for problem in raw.PROBLEMS]
    for row in rows:
        assert "missing" in row or 0 < row["nanoseconds"]["minimum"] <= row["nanoseconds"]["median"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert len(newton.report(record).splitlines()) == 2 + 12 + 7
