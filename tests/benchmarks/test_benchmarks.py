"""The benchmarks compare programs that do the same work: here they must give the same answers. Nothing is timed."""

import dataclasses
import json
import types

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import common, durability, float32, reference, reference_programs, sweep

SHORT = reference_programs.Problem(observations=2_000, max_epochs=500)
# The best validation log-likelihood, at epoch 118, exceeds its neighbours' by 3e-6 and 2e-5: rounding cannot move it.
TURNING = dataclasses.replace(SHORT, seed=5, start=(7.0, 7.0), learning_rate=0.5)
PROBLEMS = [
    pytest.param(SHORT, "MAX_EPOCHS", id="out of epochs"),
    pytest.param(TURNING, "PATIENCE", id="patience"),
    pytest.param(dataclasses.replace(TURNING, tolerance=1e-3), "TOLERANCE", id="tolerance"),
    pytest.param(dataclasses.replace(SHORT, start=(7.0, 40.0), learning_rate=1e4), "DIVERGED", id="diverged"),
]


@pytest.fixture(scope="module", params=[("-O3",), reference_programs.FAST], ids=["-O3", "fast-math"])
def library(request):
    try:
        return common.compile_library(reference_programs.SOURCE, request.param)[0]
    except common.NoCompilerError as reason:
        pytest.skip(str(reason))


def assert_same(answer, expected):
    for field in ("status", "epochs", "best_epoch"):
        assert getattr(answer, field) == getattr(expected, field), field
    for field in ("mean", "variance", "train_log_likelihood", "validation_log_likelihood"):
        np.testing.assert_allclose(getattr(answer, field), getattr(expected, field), rtol=1e-9, err_msg=field)
    assert answer.train_history.shape == (expected.epochs,)
    assert reference.difference(answer, expected) < 1e-12  # sums of 1,600 terms, each to 1e-16


@pytest.mark.slow
@pytest.mark.parametrize(("problem", "status"), PROBLEMS)
def test_numpy_program_and_mlejax_agree(problem, status):
    expected = reference_programs.numpy_program(problem)
    assert expected.status == status
    assert_same(reference_programs.fit_answer(common.once(reference_programs.jax_fit(problem, True))[1]), expected)


@pytest.mark.slow
@pytest.mark.parametrize("factored", [True, False], ids=["statistics", "raw data"])
@pytest.mark.parametrize("make", [reference_programs.jax_compiled, reference_programs.jax_run])
def test_what_is_timed_is_what_fit_does(make, factored):
    answer = reference_programs.jax_answer(common.once(make(SHORT, factored))[1])
    assert_same(answer, reference_programs.fit_answer(common.once(reference_programs.jax_fit(SHORT, factored))[1]))


@pytest.mark.parametrize("make", [reference_programs.cpp_observations, reference_programs.cpp_statistics])
@pytest.mark.parametrize(("problem", "status"), PROBLEMS)
def test_cpp_and_numpy_program_agree(library, make, problem, status):
    answer = reference_programs.cpp_answer(common.once(make(library, problem))[1])
    assert answer.status == status
    assert_same(answer, reference_programs.numpy_program(problem))


def test_the_estimate_is_the_best_measured():
    answer = reference_programs.numpy_program(TURNING)
    assert answer.best_epoch == 1 + np.argmax(answer.validation_history) == answer.epochs - 50
    assert answer.validation_log_likelihood == np.max(answer.validation_history)


@pytest.fixture(scope="module")
def record():
    problem = dataclasses.replace(SHORT, max_epochs=40)
    with pytest.MonkeyPatch.context() as patch:
        # It clears JAX's caches: every other test in this process would compile again.
        patch.setattr(common, "compile_seconds", lambda case: 0.25)
        rows = reference.results(problem, numpy_epochs=20, rounds=1, seconds=0.0)
    return {"benchmark": "reference", "environment": common.environment(), "problem": {}, "results": rows}


@pytest.mark.slow
def test_record_holds_every_program_in_the_same_terms(record):
    rows = {row["program"]: row for row in record["results"]}
    assert len(rows) == 9
    measured = [row for row in rows.values() if "missing" not in row]
    keys = {"seconds", "statistics_seconds", "compile_seconds", "times_reference", "times_cpp", "status", "epochs"}
    for row in measured:
        assert keys | {"mean", "variance", "train_log_likelihood", "validation_log_likelihood"} <= set(row)
        assert 0 < row["seconds"]["minimum"] <= row["seconds"]["median"] <= row["seconds"]["maximum"]
    assert rows[reference.REFERENCE]["scaled_from_epochs"] == 20
    assert rows[reference.REFERENCE]["times_reference"] == 1
    assert {row["epochs"] for row in measured} == {20, 40}
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.slow
def test_record_names_no_host_and_no_folder(record):
    text = json.dumps(record)
    assert str(common.HERE.parent) not in text
    assert "/usr" not in text
    assert {"device", "cpu", "cores", "compiler", "python", "jax", "jaxlib", "numpy", "scipy", "commit", "date"} <= set(
        record["environment"]
    )


@pytest.mark.slow
def test_report_and_chart(record):
    lines = reference.report(record).splitlines()
    assert lines[0].startswith("one run")
    assert len({line.index("MAX_EPOCHS") for line in lines[2:11] if "MAX_EPOCHS" in line}) == 1
    assert any("*" in line and "--full" in line for line in lines)
    figure = reference.chart(record)
    assert len(figure.axes[0].patches) == sum("seconds" in row for row in record["results"])


def test_rows_without_compiler_say_why(monkeypatch):
    monkeypatch.setattr(common.shutil, "which", lambda name: None)
    row = reference.cpp(SHORT, ("-O3",), reference_programs.cpp_observations)
    assert row.case is None
    assert reference.cells({"program": "C++", "missing": row.note})["status"] == "no c++, g++ or clang++ found"
    assert common.compiler_version() is None


@pytest.mark.slow
def test_float32_record():
    rows = float32.fates([42], SHORT)
    assert rows[0]["float64"]["epochs"] == 500
    assert rows[0]["float64"]["distance"] > 0
    cost = float32.speed(SHORT, lanes=8, epochs=3, rounds=1, seconds=0.0)
    assert cost["times_float64"] == cost["float64"]["median"] / cost["float32"]["median"]
    text = float32.report({"results": rows, "speed": cost, "environment": common.environment()})
    assert "MAX_EPOCHS" in text


@pytest.mark.slow
def test_durability_record():
    found = durability.results(rates=2, rounds=2)
    assert [row["name"] for row in found] == list(durability.WAYS)
    assert found[0]["ratios"] == [1.0, 1.0]
    assert found[2]["ratios"][1] == found[2]["samples"][1] / found[0]["samples"][1]
    text = durability.report({"environment": common.environment(), "runs": 2000, "results": found})
    assert "2,000 runs" in text
    assert "progress bar and store" in text


def test_table_aligns_and_fills():
    text = common.table([{"name": "a", "value": "1"}, {"name": "long", "other": "22"}])
    assert text.splitlines() == ["name  value  other", "----  -----  -----", "a         1      -", "long      -     22"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(27.8, "27.8 s"), (1.6, "1.60 s"), (0.00054, "540 us"), (6.7e-9, "6.70 ns"), (None, "-"), (0.0, "0.00 ns")],
)
def test_durations(seconds, text):
    assert common.duration(seconds) == text


def test_measure_takes_turns_and_prepares_outside_the_clock():
    calls = []
    case = common.Case(lambda prepared: calls.append(prepared) or prepared, lambda: "prepared")
    timing, result = common.measure({"one": case}, rounds=3, seconds=0.0)["one"]
    assert (timing.runs, result) == (3, "prepared")
    assert calls == ["prepared"] * 4  # one warm-up
    assert timing.minimum <= timing.median <= timing.maximum


def test_compilation_is_what_the_first_call_takes_longer(monkeypatch):
    cleared, calls = [], iter([5.0, 2.0])
    monkeypatch.setattr(common.jax, "clear_caches", lambda: cleared.append(True))
    monkeypatch.setattr(common, "once", lambda case: (next(calls), None))
    assert common.compile_seconds(common.Case(lambda _: None)) == 3.0
    assert cleared == [True]


def test_no_argument_lists_the_benchmarks(capsys):
    assert command.main([]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(command.NAMES)
    assert all(len(line.split()) > 3 for line in listed)


def test_json_on_standard_output_stands_alone(capsys, tmp_path):
    record = {"benchmark": "reference", "value": 1}
    common.write(record, "table", types.SimpleNamespace(json="-", out=tmp_path))
    assert json.loads(capsys.readouterr().out) == record
    common.write(record, "table", types.SimpleNamespace(json=None, out=tmp_path))
    assert capsys.readouterr().out == "table\n"
    assert json.loads((tmp_path / "reference.json").read_text()) == record


def test_the_parts_of_a_sweep_add_up_and_are_named():
    taken = {"seconds": 3.0, "useful": 4e8, "executed": 5e8}
    found = sweep.parts(taken, nanoseconds=5.0)
    assert found == pytest.approx({"loop": 2.0, "idle": 0.5, "rest": 0.5})
    arguments = {"seeds": 4, "learning_rates": 5, "observations": 1000}
    record = {"median": taken | found | {"nanoseconds": 5.0}, "arguments": arguments}
    text = sweep.report(record | {"environment": common.environment()})
    assert [line.split()[-1] for line in text.splitlines()[2:5]] == ["66.7%", "16.7%", "16.7%"]


@pytest.mark.slow
def test_a_sweep_is_run_and_its_loop_is_timed_alone():
    program = sweep.Sweep(seeds=2, learning_rates=2, observations=100)
    found = program.sweep()
    assert 4 <= found["useful"] <= found["executed"]
    assert program.nanoseconds(1) > 0
