"""Results as text and as JSON."""

import math
import re

import numpy as np
import pytest

import mlejax
from mlejax.results import text


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


def test_a_fit_is_told_beside_the_closed_form(result):
    run, x = result
    shown = text.train_report(run, text.closed_form_of(run, x))
    lines = shown.splitlines()
    assert re.split("  +", lines[0]) == ["parameter", "estimate", "standard error", "closed form, all 200"]
    assert lines[2].split() == ["mean", f"{run.model.mean:.6f}", "-", f"{np.mean(x):.6f}"]
    assert lines[3].split()[-1] == f"{np.var(x):.6f}"
    assert "MAX_EPOCHS in epoch 100" in shown
    assert text.how_far(run.distance) in shown
    assert shown.endswith(run.reason)
    assert str(run) == text.train_report(run)


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 1e3])
def test_small_numbers_keep_their_digits(unit):
    x = np.random.RandomState(3).normal(7.2 * unit, 2.8 * unit, 50)
    run = mlejax.train(mlejax.Normal(np.mean(x), np.var(x)), x, validation_fraction=0, max_epochs=1, progress=False)
    rows = [line.split() for line in text.train_report(run, text.closed_form_of(run, x)).splitlines()[2:4]]
    errors = np.sqrt([np.var(x) / 50, 2 * np.var(x) ** 2 / 50])
    for row, value, error in zip(rows, [np.mean(x), np.var(x)], errors, strict=True):
        shown = [float(cell) for cell in row[1:]]
        np.testing.assert_allclose(shown, [value, error, value], rtol=1e-5)  # six digits are written


def test_a_sweep_without_arrivals_has_no_best_setting():
    x = np.random.RandomState(3).normal(7.2, 2.8, 50)
    swept = mlejax.sweep(
        mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.1, 0.2], observations=x, max_epochs=2, progress=False
    )
    shown = text.sweep_report(swept)
    assert "0 arrived" in shown
    assert "Best setting" not in shown


def test_a_sweep_is_told_setting_by_setting(swept):
    shown = text.sweep_report(swept)
    lines = shown.splitlines()
    assert lines[0].split("  ")[0] == "learning_rate"
    assert sum(line.count("/4 ") >= 2 for line in lines) == 24  # at most so many settings are shown
    assert "(24 of 30 settings, evenly spread)" in shown
    assert "120 runs: 100 PATIENCE, 20 DIVERGED" in shown
    assert "40 arrived: within 0.01 standard errors of the maximum." in shown
    best = np.geomspace(0.01, 10, 30)[19]
    assert f"Best setting: learning_rate = {best:.4g}: 4 of 4 seeds, median 981 epochs." in shown
    assert "cannot settle with learning_rate above 4 (2 / curvature at the maximum)" in shown
    assert "60 ended more than one standard error short of it, without diverging" in shown
