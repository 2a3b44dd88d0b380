"""`mlejax check`."""

import json

import pytest


@pytest.mark.slow
def test_a_sound_family_at_the_numbers_of_a_file(run, heights):
    status, out, err = run("check", "normal", heights[0], "--column", "cm")
    assert (status, err) == (0, "")
    assert out.startswith("120 observations from")
    assert "the density integrates to one" in out
    assert out.endswith("nothing found\n")


@pytest.mark.slow
def test_a_finding_exits_with_one(run, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp\nimport mlejax\n\n\nclass Mine(mlejax.Model):\n    mean: float\n\n"
        "    def log_prob(self, x):\n        return -((x - self.mean) ** 2)\n\n\nstart = Mine(0.0)\n"
    )
    status, out, err = run("check", "mine:start", "--json", "-")
    made = json.loads(out)
    assert status == 1
    assert made["ok"] is False
    assert [each["name"] for each in made["findings"]] == ["normalization"]
    assert err == "mlejax check: 1 finding: normalization\n"


def test_what_cannot_be_looked_at_is_refused(run):
    status, _, err = run("check", "gaussian")
    assert status == 2
    assert "MODEL gaussian: there is no family gaussian" in err
    assert "--model" not in err
    status, _, err = run("check", "normal", "--column", "cm")
    assert status == 2
    assert "--column is of a file, and none is given" in err
