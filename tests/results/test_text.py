"""Results as text and as JSON."""

import json
import math

import numpy as np
import pytest

import mlejax
from mlejax.results import record, text
from mlejax.status import Status


@pytest.fixture(scope="module")
def result(request):
    x = np.random.RandomState(5).normal(7.2, 2.8, 200)
    return mlejax.train(mlejax.Normal(0.0, 1.0), x, max_epochs=100, progress=False), x


@pytest.fixture(scope="module")
def swept():
    shape = (4, 30)
    distance = np.full(shape, 2.0)
    distance[:, 10:20] = 0.001
    status = np.full(shape, int(Status.PATIENCE), np.int8)
    status[:, 25:] = Status.DIVERGED
    epochs = np.tile(np.arange(1000, 970, -1, dtype=np.int32), (4, 1))
    zeros = np.zeros(shape)
    return mlejax.SweepResult(
        axes={"seed": np.arange(4), "learning_rate": np.geomspace(0.01, 10, 30)},
        model=mlejax.Normal(zeros, zeros + 1),
        status=status,
        epochs=epochs,
        best_epoch=epochs,
        train_log_likelihood=zeros,
        validation_log_likelihood=zeros * np.nan,
        distance=distance,
        information=np.diag([0.5, 0.1]),
        attributes={"optimizer": "plain ascent", "start": {"mean": [0.0]}},
    )


def test_table_aligns_columns():
    shown = text.table([["a", "1.5"], ["long", "22.25"]], header=["name", "value"])
    assert shown.splitlines() == ["name  value", "----  -----", "a       1.5", "long  22.25"]


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0.02, "0.02 standard errors from the maximum"),
        (1.0, "1 standard error from the maximum"),
        (1e-9, "1e-09 standard errors from the maximum"),
        (3.456, "not at a maximum: 3.5 standard errors from the maximum"),
        (math.inf, "not at a maximum: the log-likelihood does not curve down around this estimate"),
    ],
)
def test_how_far_in_words(distance, words):
    assert text.how_far(distance) == words


def test_a_fit_is_told_with_standard_errors_and_the_closed_form(result):
    run, x = result
    shown = text.train_report(run, text.closed_form_of(run, x))
    lines = shown.splitlines()
    assert lines[0].split() == ["parameter", "estimate", "standard", "error", "closed", "form"]
    assert lines[2].split() == [
        "mean", f"{run.model.mean:.6f}", f"{run.standard_errors.mean:.6f}", f"{np.mean(x):.6f}",
    ]  # fmt: skip
    assert lines[3].split()[-1] == f"{np.var(x):.6f}"
    assert "MAX_EPOCHS in epoch 100" in shown
    assert text.how_far(run.distance) in shown
    assert shown.endswith(Status.MAX_EPOCHS.advice)
    assert str(run) == text.train_report(run)


def test_a_sweep_is_told_setting_by_setting(swept):
    shown = text.sweep_report(swept)
    lines = shown.splitlines()
    assert lines[0].split("  ")[0] == "learning_rate"
    assert sum(line.count("/4 ") >= 2 for line in lines) == 24  # at most so many settings are shown
    assert "(24 of 30 settings, evenly spread)" in shown
    assert "120 runs: 100 PATIENCE, 20 DIVERGED" in shown
    assert "40 arrived: within 0.01 standard errors of the maximum." in shown
    best = np.geomspace(0.01, 10, 30)[19]
    assert f"with learning_rate = {best:.4g}: 4 of 4 seeds, median 981 epochs." in shown
    assert "cannot settle with learning_rate above 4 (2 / curvature at the maximum)" in shown
    assert "60 ended more than one standard error short of it, without diverging" in shown


def test_json_of_a_fit(result, tmp_path):
    run, _ = result
    record.write_json(record.train_record(run), str(tmp_path / "a.json"))
    read = json.loads((tmp_path / "a.json").read_text())
    assert set(read) == {"runs", "summary"}
    (only,) = read["runs"]
    assert only["mean"] == run.model.mean
    assert only["status"] == "MAX_EPOCHS"
    assert only["standard_errors"]["variance"] == run.standard_errors.variance
    assert read["summary"]["aic"] == run.aic


def test_json_of_a_sweep(swept, capsys):
    record.write_json(record.sweep_record(swept), "-")
    read = json.loads(capsys.readouterr().out)
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
    assert read["summary"]["made"]["start"] == {"mean": [0.0]}


def test_numbers_that_json_does_not_know_become_null(tmp_path):
    values = {"a": math.inf, "b": [np.float64("nan"), np.int32(3)], "c": {"d": (1.5, -math.inf)}}
    record.write_json(values, str(tmp_path / "a.json"))
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [None, 3], "c": {"d": [1.5, None]}}
