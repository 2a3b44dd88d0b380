"""The list of families."""

import json
import re

import numpy as np
import pytest

from mlejax import LinearRegression, MultivariateNormal, fit
from mlejax.models import FAMILIES, OF_ARRAYS, REGRESSIONS


def test_of_one_family_the_documentation_is_told(run):
    status, out, err = run("models", "--family", "weibull")
    assert (status, err) == (0, "")
    assert out.startswith("mlejax.Weibull(shape, scale)\n")
    assert "log p(x) = log(k / scale)" in out


def test_of_what_holds_a_model_too(run):
    status, out, _ = run("models", "--family", "shifted")
    assert status == 0
    assert out.startswith("mlejax.Shifted\n")
    assert "three-parameter Weibull" in out


def test_a_family_as_json(run):
    status, out, _ = run("models", "--family", "binomial", "--json", "-")
    (row,) = json.loads(out)["models"]
    assert status == 0
    assert row == {
        "name": "binomial",
        "parameters": {"probability": "probability in (0, 1)"},
        "given": ["trials"],
        "observations": "whole numbers >= 0 and <= trials",
        "statistics": 3,
        "closed_form": False,
    }


def test_an_unknown_family_is_refused_with_those_there_are(run):
    status, out, err = run("models", "--family", "gaussian")
    assert (status, out) == (2, "")
    assert "--family gaussian: there is no such family; they are normal, lognormal," in err


X = np.random.RandomState(0).normal(size=(30, 3))
BY_COLUMNS = {
    "multivariate_normal": (MultivariateNormal, X, 3),
    "linear_regression": (LinearRegression, {"features": X, "response": X[:, 0] + np.arange(30) % 4}, 3),
}


@pytest.mark.slow
def test_every_family_is_listed_with_its_statistics(run):
    status, out, _ = run("models")
    assert status == 0
    table = out.partition("\n\n")[0].splitlines()[1:]
    rows = {line.split("  ")[0]: re.split("  +", line)[-2:] for line in table}
    assert list(rows) == [*FAMILIES, *OF_ARRAYS, *(f"{name}_regression" for name in REGRESSIONS)]
    found = {name for name, (statistics, _) in rows.items() if statistics != "-"}
    factoring = "normal lognormal exponential gamma inverse_gamma beta rayleigh inverse_gaussian von_mises"
    assert found == {*factoring.split(), "poisson", "geometric", "binomial", *BY_COLUMNS, "categorical"}
    for name, (family, sample, d) in BY_COLUMNS.items():
        said = fit(family, sample, progress=False).representation
        found = eval(rows[name][0].replace(") (", ") * (").replace("d (", "d * ("), {"d": d})
        assert said.startswith(f"{found:.0f} sufficient statistics")
    assert (rows["gamma"], rows["normal"], rows["weibull"]) == (["2", "-"], ["2", "yes"], ["-", "-"])


@pytest.mark.slow
def test_a_fit_with_a_parameter_fixed(run, heights):
    file, x = heights
    status, out, err = run("fit", file, "--column", "cm", "--model", "weibull", "--fixed", "shape=2", "--json", "-")
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert (made["model"], made["fixed"]) == ("Fixed(Weibull)", {"shape": 2.0})
    assert made["parameters"]["scale"]["estimate"] == pytest.approx(np.sqrt(np.mean(x**2)), rel=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "weibull", "--fixed", "rate=2"], "--fixed: Weibull has no parameter rate; it has shape, scale"),
        (["--fixed", "mean"], "expected NAME=VALUE, such as shape=2; got 'mean'"),
        (["--model", "fixed(normal"], "--model fixed(normal: expected ')' at its end"),
        (["--model", "linear"], "--model linear: a regression; `mlejax fit` takes its columns, --response NAME"),
        (["--model", "binomial"], "--model binomial: it needs its number of trials, as in 'binomial(10)'"),
        (["--model", "multivariate_normal"], "--model multivariate_normal: of vectors, which a command does not read"),
        (["--fixed", "variance=-1"], "--fixed: Normal.variance must be positive; got -1.0"),
        (["--model", "fixed(gaussian,a=1)"], "--model fixed(gaussian,a=1): there is no family gaussian"),
    ],
)
def test_a_model_that_cannot_be_is_refused(run, heights, words, said):
    status, out, err = run("fit", heights[0], "--column", "cm", *words)
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.slow
def test_a_fit_of_times_and_events(run, tmp_path):
    (tmp_path / "lives.csv").write_text("months,died\n2,1\n5,1\n9,0\n12,1\n")
    words = ("fit", tmp_path / "lives.csv", "--column", "months", "--event", "died", "--json", "-", "--model")
    for model in ("exponential", "right_censored(exponential)"):
        status, out, err = run(*words, model)
        made = json.loads(out)
        assert (status, err) == (0, "")
        assert made["model"] == "RightCensored(Exponential)"
        assert made["parameters"]["rate"]["estimate"] == pytest.approx(3 / 28, rel=1e-8)


@pytest.mark.slow
def test_a_fit_of_times_and_events_is_drawn_beside_kaplan_and_meier(run, tmp_path):
    (tmp_path / "lives.csv").write_text("months,died\n2,1\n5,1\n9,0\n12,1\n")
    words = ("--column", "months", "--event", "died", "--model", "exponential", "--format", "svg")
    status, out, _ = run("fit", tmp_path / "lives.csv", *words, "--out", tmp_path / "f")
    assert status == 0
    assert out.splitlines()[-1] == f"pictures: {tmp_path / 'f' / 'survival.svg'}"
    assert "<!-- months -->" in (tmp_path / "f" / "survival.svg").read_text()  # the label of an axis


@pytest.mark.slow
def test_an_upper_end_that_is_not_known(run, tmp_path):
    (tmp_path / "visits.csv").write_text("from,to\n0,1\n1,2\n1,inf\n2,Infinity\n")
    words = ("--column", "from", "--upper-column", "to", "--model", "exponential", "--out", tmp_path / "f")
    status, out, err = run("fit", tmp_path / "visits.csv", *words, "--json", "-")
    assert (status, err) == (0, "")
    # log(1 - q) + log(q (1 - q)) + log(q) + 2 log(q) with q = exp(-rate) is highest at q = 2/3
    assert json.loads(out)["parameters"]["rate"]["estimate"] == pytest.approx(np.log(3 / 2), rel=1e-8)


@pytest.mark.slow
def test_a_fit_of_intervals(run, tmp_path):
    (tmp_path / "visits.csv").write_text("from,to,times\n0,1,2\n1,2,1\n")
    words = ("fit", tmp_path / "visits.csv", "--column", "from", "--upper-column", "to", "--weights", "times")
    for model in ("exponential", "interval_censored(exponential)"):
        status, out, err = run(*words, "--json", "-", "--model", model, "--out", tmp_path / "f")
        made = json.loads(out)
        assert (status, err) == (0, "")
        assert made["model"] == "IntervalCensored(Exponential)"
        # 2 log(1 - q) + log(q (1 - q)) with q = exp(-rate) is highest at q = 1/4
        assert made["parameters"]["rate"]["estimate"] == pytest.approx(np.log(4), rel=1e-8)


WRONG_PAIRS = {
    "backwards": (["--upper-column", "from"], "an interval must not end before it begins; got 1 to 0 in"),
    "both": (["--upper-column", "to", "--event", "from"], "--event cannot go with --upper-column"),
    "of a regression": (
        ["--upper-column", "to", "--response", "from", "--columns", "to", "--model", "linear"],
        "--response cannot go with --column",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), WRONG_PAIRS.values(), ids=WRONG_PAIRS)
def test_intervals_that_cannot_be_are_refused(run, tmp_path, words, said):
    (tmp_path / "visits.csv").write_text("from,to\n0,1\n1,2\n")
    status, out, err = run("fit", tmp_path / "visits.csv", "--column", "to", "--model", "exponential", *words)
    assert (status, out) == (2, "")
    assert said in err


def test_an_event_is_zero_or_one_in_its_line(run, tmp_path):
    (tmp_path / "lives.csv").write_text("months,died\n2,1\n5,2\n")
    status, _, err = run("fit", tmp_path / "lives.csv", "--column", "months", "--event", "died", "--model", "weibull")
    assert status == 2
    assert "RightCensored(Weibull) needs whole numbers >= 0 and <= 1; got 2" in err
    assert "line 3, column 'died'" in err
