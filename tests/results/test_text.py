"""Results as text and as JSON."""

import math

import numpy as np
import pytest

import mlejax
from mlejax.results import text
from mlejax.results.sweep import Provenance
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
        template=mlejax.Normal(0.0, 1.0),
        arrays={
            "mean": zeros,
            "variance": zeros + 1,
            "status": status,
            "epochs": epochs,
            "best_epoch": epochs,
            "train_log_likelihood": zeros,
            "validation_log_likelihood": zeros * np.nan,
            "distance": distance,
        },
        provenance=Provenance({"optimizer": "plain ascent"}, [{}], information=[0.5, 0.0, 0.0, 0.1]),
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
