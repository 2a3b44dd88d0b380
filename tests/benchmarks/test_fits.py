"""The programs of the benchmark of fits find the same estimates and standard errors. Nothing is timed."""

import importlib.util
import json

import numpy as np
import pytest

from benchmarks import common, fit_programs, fits

OWN = (fit_programs.mlejax_fit, fit_programs.scipy_fit, fit_programs.scipy_minimize)


@pytest.mark.slow
@pytest.mark.parametrize("problem", fit_programs.PROBLEMS, ids=lambda problem: problem.name)
def test_programs_agree(problem):
    data = problem.draw(np.random.RandomState(0), 300)
    ours, *others = (program(problem, data) for program in OWN)
    for found in others:
        assert found.estimates.shape == found.standard_errors.shape == ours.estimates.shape
        # A simplex or BFGS stops some 1e-5 standard errors short; differences of a sum of 300 have 7 digits or so.
        assert np.all(np.abs(found.estimates - ours.estimates) < 1e-2 * ours.standard_errors)
        np.testing.assert_allclose(found.standard_errors, ours.standard_errors, rtol=1e-2)
    # The other way round: half the data has other estimates.
    half = problem.draw(np.random.RandomState(1), 150)
    assert np.any(np.abs(fit_programs.scipy_fit(problem, half).estimates - ours.estimates) > 0.1 * ours.standard_errors)


@pytest.mark.slow
def test_record_and_report():
    rows = fits.results([40], 2, fit_programs.PROBLEMS[1:2])
    assert [row["program"] for row in rows] == list(fit_programs.PROGRAMS)
    for row in rows:
        absent = [name for name in fit_programs.PROGRAMS[row["program"]][1] if importlib.util.find_spec(name) is None]
        assert ("missing" in row) == bool(absent)
        assert absent or 0 < row["seconds"]["minimum"] <= row["seconds"]["median"]
    record = {"environment": common.environment(), "results": rows, "commands": []}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert "after others" in fits.report(record).splitlines()[0]


@pytest.mark.slow
def test_an_estimate_below_the_others_is_refused(monkeypatch):
    def short(problem, data):
        found = fit_programs.scipy_fit(problem, data)
        return fit_programs.Fit(found.estimates * 1.05, found.standard_errors)

    monkeypatch.setattr(fits, "PROGRAMS", {fit_programs.OURS: (short, ()), "SciPy": (fit_programs.scipy_fit, ())})
    with pytest.raises(ArithmeticError, match="nats below the highest for gamma"):
        fits.results([200], 1, fit_programs.PROBLEMS[1:2])
