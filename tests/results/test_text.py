"""Results as text and as JSON."""

import dataclasses
import math
import re

import numpy as np
import pytest

import mlejax
from mlejax.results import text
from mlejax.results.sweep import Provenance
from mlejax.status import Status


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


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-3, 1e-6, 1e3])
def test_small_numbers_keep_their_digits(unit):
    x = np.random.RandomState(3).normal(7.2 * unit, 2.8 * unit, 50)
    run = mlejax.train(mlejax.Normal(np.mean(x), np.var(x)), x, validation_fraction=0, max_epochs=1, progress=False)
    rows = [line.split() for line in text.train_report(run, text.closed_form_of(run, x)).splitlines()[2:4]]
    errors = np.sqrt([np.var(x) / 50, 2 * np.var(x) ** 2 / 50])
    for row, value, error in zip(rows, [np.mean(x), np.var(x)], errors, strict=True):
        shown = [float(cell) for cell in row[1:]]
        np.testing.assert_allclose(shown, [value, error, value], rtol=1e-5)  # six digits are written


@pytest.mark.slow
def test_a_sweep_without_arrivals_has_no_best_setting():
    x = np.random.RandomState(3).normal(7.2, 2.8, 50)
    swept = mlejax.sweep(
        mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.1, 0.2], observations=x, max_epochs=2, progress=False
    )
    shown = text.sweep_report(swept)
    assert "0 of 4 arrived. So no setting can be recommended." in shown
    assert "Best setting" not in shown
    assert "4 stopped before they arrived: 4 at the epoch limit: allow more, or change the rate." in shown
    assert "held out" not in shown  # which is not what stopped them


def test_nothing_is_recommended_before_all_runs_have_ended(swept):
    status = swept.status.copy()
    status[:, -1] = Status.RUNNING  # of the largest rate, which is started last
    shown = text.sweep_report(dataclasses.replace(swept, arrays={**swept.arrays, "status": status}))
    assert "None is recommended before all runs have ended." in shown
    assert "Best setting" not in shown
    assert swept.summary()["best"] is not None


def columns(shown):
    """The rows of the table in a text, by its header."""
    lines = shown.splitlines()
    header, rows = re.split("  +", lines[0].strip()), [re.split("  +", line.strip()) for line in lines[2:]]
    last = next(i for i, row in enumerate(rows) if len(row) < len(header) - 1)
    return [dict(zip(header, row, strict=False)) for row in rows[:last]]


def test_a_sweep_is_told_setting_by_setting(swept):
    shown = text.sweep_report(swept)
    rows = columns(shown)
    assert 23 <= len(rows) <= 24  # at most so many settings are shown
    assert f"({len(rows)} of 30 settings, evenly spread, the best among them)" in shown
    for row in rows:
        assert sum(int(row[name]) for name in ("arrived", "close", "stopped short", "diverged")) == int(row["runs"])
    assert "120 runs: 100 PATIENCE, 20 DIVERGED" in shown
    best = f"{np.geomspace(0.01, 10, 30)[19]:.4g}"
    assert "40 of 120 arrived. " in shown
    assert f"Best setting: learning_rate = {best}: 4 of 4 seeds arrive, after a median of 981 epochs." in shown
    assert "fastest of 10 settings statistically tied for the most arrivals (McNemar" in shown
    assert "cannot settle with learning_rate above 4 (2 / curvature at the maximum)" in shown
    assert "60 stopped before they arrived: 60 by patience: raise it." in shown


def test_early_stopping_is_blamed_only_where_it_was(swept):
    assert "held out" not in text.sweep_report(swept)
    made = dataclasses.replace(swept.provenance, settings={"validation_fraction": 0.2})
    assert "hold none out (validation_fraction=0)" in text.sweep_report(dataclasses.replace(swept, provenance=made))


@pytest.mark.parametrize("best", [0, 7, 500, 998])
def test_the_row_of_the_best_setting_is_always_shown(best):
    distance = np.full((2, 1000), 2.0)
    distance[:, best] = 0.0
    ones = np.ones(distance.shape)
    swept = mlejax.SweepResult(
        {"seed": np.arange(2), "learning_rate": np.arange(1.0, 1001)},
        mlejax.Normal(0.0, 1.0),
        {"status": ones.astype(int), "epochs": ones.astype(int), "distance": distance},
        Provenance({}, []),
    )
    rows = columns(text.sweep_report(swept))
    assert len(rows) <= 24
    assert [row["learning_rate"] for row in rows if row.get("best") == "*"] == [f"{best + 1:.4g}"]
    assert (rows[0]["learning_rate"], rows[-1]["learning_rate"]) == ("1", "1000")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (17, "17 bytes"), (1100, "1.07 KiB"), (2.4 * 2**20, "2.40 MiB"), (449 * 2**20, "449 MiB"),
        (5000 * 2**20, "4.88 GiB"), (2**41, "2.00 TiB"), (5e15, "4,547 TiB"),
    ],
)  # fmt: skip
def test_sizes_in_words(count, words):
    assert text.size(count) == words


def test_the_small_print_tells_results_apart(swept, result):
    run, x = result
    assert re.fullmatch(r"1 run; n = 200; mlejax [\d.a-z]+; settings [0-9a-f]{8}", text.caption(run))
    other = mlejax.train(mlejax.Normal(0.0, 1.0), x, max_epochs=100, learning_rate=0.2, progress=False)
    assert text.caption(other) != text.caption(run)
    settings = {"optimizer": "plain ascent", "count": 1000}
    made = dataclasses.replace(swept.provenance, settings=settings, computed_by=[{"mlejax": "0.2"}, {"mlejax": "0.3"}])
    sweep = dataclasses.replace(swept, provenance=made)
    said = text.caption(sweep)
    assert said.startswith("120 runs (4 seeds x 30 learning rates); n = 1,000; mlejax 0.2, 0.3; settings ")
    assert text.caption(sweep.sel(seed=0)).split("; ")[-1] == said.split("; ")[-1]
    changed = dataclasses.replace(made, settings=settings | {"count": 2000})
    assert text.caption(dataclasses.replace(swept, provenance=changed)).split("; ")[-1] != said.split("; ")[-1]


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("seed", 1, "1 seed"),
        ("learning_rate.mean", 31, "31 learning rates of the mean"),
        ("patience", 4, "4 values of patience"),
        ("decay", 1, "1 value of decay"),
    ],
)
def test_axes_are_counted_in_words(name, count, words):
    result = mlejax.SweepResult({name: np.arange(count)}, mlejax.Normal(0.0, 1.0), {}, Provenance({}, []))
    assert f"({words})" in text.caption(result)


def test_the_best_setting_is_told_for_each_number_of_observations(counted):
    told = text.sweep_report(counted)
    lines = told.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Best setting by the number of observations"))
    header, _, *rows = (line.split() for line in lines[first + 2 : first + 7])
    assert header == ["count", "learning_rate", "arrived", "median", "epochs"]
    rates = [f"{rate:.4g}" for rate in counted.axes["learning_rate"][[19, 23]]]  # the epochs fall along the rates
    assert rows == [
        ["100", rates[0], "4", "of", "4", "981"], ["2,000", rates[1], "4", "of", "4", "977"], ["30", "-", "none", "-"],
    ]  # fmt: skip
    assert [line.split()[:2] for line in lines if line.endswith("*")] == [["100", rates[0]], ["2,000", rates[1]]]
    assert "No setting" not in told


@pytest.mark.slow
@pytest.mark.parametrize("most", [3, 8, 24])
def test_no_more_settings_are_shown_than_asked_for_whatever_the_number_of_counts(counted, most):
    many = np.arange(2, 42)
    arrays = {name: np.repeat(values[:, :1], len(many), axis=1) for name, values in counted.arrays.items()}
    result = dataclasses.replace(counted, axes={**counted.axes, "count": many}, arrays=arrays)
    lines = text.sweep_report(result, most).splitlines()
    assert 2 <= lines.index(next(line for line in lines if line.startswith("("))) - 2 <= most
    first = next(i for i, line in enumerate(lines) if line.startswith("Best setting by"))
    assert lines.index("", first + 2) - first - 4 == most


def test_the_small_print_says_how_many_observations(counted):
    assert "; n = 30 to 2,000;" in text.caption(counted)
    assert "4 seeds x 3 counts x 30 learning rates" in text.caption(counted)
    assert "; n = 2,000;" in text.caption(counted.sel(count=2000))
    assert "count" not in counted.provenance.settings
