"""`mlejax compare`."""

import json

import pytest


@pytest.mark.slow
def test_families_are_compared_and_drawn(run, heights, tmp_path):
    models = "normal,gamma,fixed(weibull,shape=2)"
    status, out, err = run("compare", heights[0], "--column", "cm", "--models", models, "--out", tmp_path / "out")
    assert (status, err) == (0, "")
    assert "3 families, 120 observations" in out
    assert (tmp_path / "out" / "comparison.png").is_file()


@pytest.mark.slow
def test_json(run, heights):
    status, out, _ = run("compare", heights[0], "--column", "cm", "--models", "normal,logistic", "--json", "-")
    made = json.loads(out)
    assert status == 0
    assert {row["model"] for row in made["models"]} == {"normal", "logistic"}


@pytest.mark.slow
def test_no_maximum_at_all_exits_with_one(run, tmp_path):
    (tmp_path / "zeros.csv").write_text("0\n0\n0\n")
    status, _, err = run("compare", tmp_path / "zeros.csv", "--models", "geometric")
    assert status == 1
    assert "no family has a maximum of the likelihood" in err


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("normal,poisson", "poisson gives probabilities of whole numbers, normal a density"),
        ("normal,gaussian", "--models gaussian: there is no family gaussian"),
    ],
)
def test_what_cannot_be_compared_is_refused(run, heights, models, said):
    status, out, err = run("compare", heights[0], "--column", "cm", "--models", models)
    assert (status, out) == (2, "")
    assert said in err
