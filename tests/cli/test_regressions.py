"""`mlejax fit --response`: regressions on the columns of a file."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlejax.cli import regressions

X = np.random.RandomState(0).normal(size=(40, 2))


@pytest.fixture
def file(tmp_path):
    """A table of a pulse, an age, an income, a count of visits, whether one is ill, a weight, and a town."""
    columns = {
        "pulse": 70 + 2 * X[:, 0] + np.cos(np.arange(40)), "age": X[:, 0], "income": 1e6 * X[:, 1],
        "visits": np.arange(40) % 5, "ill": np.arange(40) % 3 > 1, "times": np.arange(40) % 2 + 1.0,
        "town": np.where(np.arange(40) % 2, "Paris", "Rome"),
    }  # fmt: skip
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    text = [",".join(columns), *(",".join(str(int(c) if isinstance(c, bool) else c) for c in row) for row in rows)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(text) + "\n")
    return path


@pytest.mark.slow
def test_a_linear_regression_of_columns(run, file, tmp_path):
    words = ("fit", file, "--response", "pulse", "--columns", "age,income", "--out", tmp_path / "f")
    status, out, err = run(*words, "--json", tmp_path / "fit.json")
    assert (status, err) == (0, "")
    assert out.startswith(f"40 observations from {file}")
    pulse = 70 + 2 * X[:, 0] + np.cos(np.arange(40))
    expected = np.linalg.lstsq(np.column_stack([np.ones(40), X]), pulse, rcond=None)[0] / [1, 1, 1e6]
    parameters = json.loads((tmp_path / "fit.json").read_text())["parameters"]
    names = ["coefficients[intercept]", "coefficients[age]", "coefficients[income]"]
    np.testing.assert_allclose([parameters[name]["estimate"] for name in names], expected, rtol=1e-9)
    (picture,) = out.splitlines()[-1].removeprefix("pictures: ").split(", ")
    assert Path(picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_other_regressions_with_weights_an_offset_and_no_intercept(run, file, monkeypatch):
    monkeypatch.setattr(regressions, "_draw", lambda *_: [])
    words = ("fit", file, "--columns", "age", "--weights", "times")
    status, out, _ = run(*words, "--response", "ill", "--model", "logistic")
    assert status == 0
    assert out.count("coefficients[") == 2
    assert "over 60 observations, by weight" in out
    words = ("fit", file, "--columns", "age", "--offset", "times", "--no-intercept")
    status, out, _ = run(*words, "--response", "visits", "--model", "poisson_regression")
    assert status == 0
    assert out.count("coefficients[") == 1
    assert "coefficients[intercept]" not in out


@pytest.mark.slow
def test_a_constant_alone_is_the_mean_of_counts(run, file, tmp_path, monkeypatch):
    monkeypatch.setattr(regressions, "_draw", lambda *_: [])
    words = (
        "fit",
        file,
        "--response",
        "visits",
        "--columns",
        "",
        "--model",
        "poisson",
        "--json",
        tmp_path / "fit.json",
    )
    status, _, _ = run(*words)
    assert status == 0
    parameters = json.loads((tmp_path / "fit.json").read_text())["parameters"]
    assert list(parameters) == ["coefficients[intercept]"]
    assert parameters["coefficients[intercept]"]["estimate"] == pytest.approx(np.log(2.0), rel=1e-9)


WRONG = {
    "no columns": (["--response", "pulse"], "--response needs the columns that it depends on: --columns a,b, or ''"),
    "nothing at all": (["--response", "pulse", "--columns", "", "--no-intercept"], "--no-intercept takes it away"),
    "no response": (["--columns", "age"], "--columns is of a regression: give --response"),
    "twice": (["--response", "pulse", "--columns", "age,age"], "--columns names 'age' twice"),
    "itself": (["--response", "pulse", "--columns", "age,pulse"], "--columns names 'pulse', which has another use"),
    "another model": (
        ["--response", "pulse", "--columns", "age", "--model", "gamma"],
        "--model gamma: with --response it is one of linear, logistic, poisson, negative_binomial",
    ),
    "another option": (
        ["--response", "pulse", "--columns", "age", "--column", "income"], "--response cannot go with --column",
    ),
    "words": (
        ["--response", "pulse", "--columns", "age,town"],
        "'Rome' is not a number; a category in words goes into columns of 0 and 1, one for each word but one",
    ),
    "neither 0 nor 1": (
        ["--response", "visits", "--columns", "age", "--model", "logistic"],
        "LogisticRegression needs whole numbers >= 0 and <= 1 for visits; got 2.0 in ",
    ),
    "no such column": (["--response", "pulse", "--columns", "ages"], "no column 'ages'; the columns are pulse, age"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_go_together_is_refused(run, file, words, message):
    status, out, err = run("fit", file, *words)
    assert (status, out) == (2, "")
    assert message in err
