"""`mlejax bootstrap` and `mlejax study`."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import mlejax


@pytest.mark.slow
def test_a_bootstrap_has_all_intervals_beside_each_other(run, heights):
    file, x = heights
    status, out, err = run(
        "bootstrap", file, "--column", "cm", "--resamples", 200, "--seed", 3, "--level", 0.9, "--json", "b.json"
    )  # fmt: skip
    assert (status, err) == (0, "")
    expected = mlejax.fit(mlejax.Normal, x).bootstrap(200, seed=3, progress=False)
    made = json.loads(Path("b.json").read_text())
    mean = made["parameters"]["mean"]
    assert mean["estimate"] == pytest.approx(x.mean(), rel=1e-12)
    assert mean["bootstrap_standard_error"] == expected.standard_errors["mean"]
    assert list(mean["intervals"]) == ["wald", "percentile", "basic", "bca"]
    assert mean["intervals"]["bca"] == list(expected.confidence_intervals(0.9)["mean"])
    half = 1.6448536269514722 * x.std() / np.sqrt(len(x))
    assert mean["intervals"]["wald"] == pytest.approx([x.mean() - half, x.mean() + half], rel=1e-9)
    assert (made["resamples"], made["resamples_converged"], made["converged"]) == (200, 200, True)
    assert "Normal, 200 resamples" in out
    assert "intervals of 90 %" in out
    assert "pictures: mlejax-bootstrap/bootstrap.png" in out


@pytest.mark.slow
def test_without_a_maximum_there_is_nothing_to_draw_again(run, tmp_path):
    (tmp_path / "same.csv").write_text("x\n" + "4\n" * 5)
    status, out, err = run("bootstrap", "same.csv", "--model", "gamma", "--json", "b.json")
    assert status == 1
    assert "no maximum, so nothing is drawn again: all 5 observations equal 4" in err
    assert json.loads(Path("b.json").read_text())["converged"] is False
    assert "resamples" not in out


@pytest.mark.slow
def test_a_study_is_a_table_a_file_and_a_picture(run):
    status, out, err = run(
        "study", "--model", "exponential", "--true", "rate=2", "--counts", "20,40", "--samples", 40, "--seed", 5,
        "--json", "s.json",
    )  # fmt: skip
    assert (status, err) == (0, "")
    expected = mlejax.study(mlejax.Exponential(2.0), [20, 40], 40, base_seed=5, progress=False)
    assert str(expected) in out
    rows = json.loads(Path("s.json").read_text())["study"]
    assert [row["bias"] for row in rows] == expected.parameters["rate"].bias.tolist()
    written = list(csv.DictReader(Path("mlejax-study/study.csv").read_text().splitlines()))
    assert [float(row["coverage"]) for row in written] == expected.parameters["rate"].coverage.tolist()
    assert "pictures: mlejax-study/study.png" in out


@pytest.mark.slow
def test_truncated_models_and_vectors_are_studied(run):
    truncated = ["--model", "truncated(exponential)", "--upper", 3, "--true", "rate=1", "--counts", 200]
    status, out, _ = run("study", *truncated, "--samples", 20, "--json", "s.json")
    assert status == 0
    assert "Truncated(Exponential, upper 3)" in out
    target = mlejax.Truncated(mlejax.Exponential(1.0), upper=3.0)
    expected = mlejax.study(target, [200], 20, progress=False)  # finds the family by itself
    (row,) = json.loads(Path("s.json").read_text())["study"]
    assert row["bias"] == expected.parameters["rate"].bias[0]
    true = "mean[0]=1,mean[1]=2,covariance[0,0]=1,covariance[0,1]=0.5,covariance[1,1]=1"
    vectors = ["--model", "multivariate_normal", "--true", true, "--counts", 50, "--samples", 10, "--json", "-"]
    status, out, _ = run("study", *vectors)
    assert status == 0
    rows = {row["parameter"]: row for row in json.loads(out)["study"]}
    assert rows["covariance[1,0]"]["truth"] == 0.5
    assert abs(rows["mean[1]"]["bias"]) < 5 * rows["mean[1]"]["bias_error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bootstrap", "heights.csv", "--column", "cm", "--level", "1"], "expected a number between 0 and 1; got '1'"),
        (["bootstrap", "heights.csv", "--column", "cm", "--resamples", "10"], "level 0.95 needs 40 resamples"),
        (["study", "--model", "gamma"], "--true"),
        (["study", "--model", "gamma", "--true", "shape=2"], "--true needs rate, too: the parameters"),
        (["study", "--model", "gamma", "--true", "scale=2"], "--true scale: the parameters of Gamma are shape, rate"),
        (["study", "--model", "gamma", "--true", "shape=2,shape=3"], "names a parameter more than once"),
        (["study", "--model", "gamma", "--true", "shape=-2,rate=1"], "--true: Gamma.shape must be positive; got -2.0"),
        (["study", "--true", "mean=0,variance=1", "--intervals", "bayes"], "--intervals must be of wald, percentile"),
        (["study", "--true", "mean=0,variance=1", "--upper", "3"], "--upper is of --model 'truncated(normal)'"),
        (["study", "--true", "mean 0=1"], "expected NAME=VALUE, such as shape=2; got 'mean 0=1'"),
        (["study", "--true", "mean=0,variance=1", "--counts", "1"], "expected whole numbers above 1; got 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(run, heights, arguments, message):
    status, _, err = run(*arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
