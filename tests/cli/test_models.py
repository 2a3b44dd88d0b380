"""The list of families."""

import json

import pytest

from mlejax.models import FAMILIES


def test_of_one_family_the_documentation_is_told(run):
    status, out, err = run("models", "--family", "weibull")
    assert (status, err) == (0, "")
    assert out.startswith("mlejax.Weibull(shape, scale)\n")
    assert "log p(x) = log(k / scale)" in out


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


@pytest.mark.slow
def test_every_family_is_listed_with_its_statistics(run):
    status, out, _ = run("models")
    assert status == 0
    rows = {line.split("  ")[0]: line.split()[-2:] for line in out.splitlines()[1 : len(FAMILIES) + 1]}
    assert list(rows) == list(FAMILIES)
    found = {name for name, (statistics, _) in rows.items() if statistics != "-"}
    factoring = "normal lognormal exponential gamma inverse_gamma beta rayleigh inverse_gaussian von_mises"
    assert found == {*factoring.split(), "poisson", "geometric", "binomial"}
    assert (rows["gamma"], rows["normal"], rows["weibull"]) == (["2", "-"], ["2", "yes"], ["-", "-"])
