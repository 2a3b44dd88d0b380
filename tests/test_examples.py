"""Every example runs as a program of its own, without a warning, and ends in a picture."""

import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT
from matplotlib.image import imread

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_examples_are_there():
    assert [path.stem for path in EXAMPLES] == [
        "large_sweep", "mixture_bootstrap", "own_program", "power_study", "reproduce_benchmarks", "rolling_returns",
        "sensor_lifetimes", "store_demand",
    ]  # fmt: skip


def test_each_is_named_in_their_list():
    named = re.findall(r"\[(\w+)\.py\]\(\1\.py\)", (ROOT / "examples" / "README.md").read_text())
    assert sorted(named) == [path.stem for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_is_short_and_in_cells(path):
    lines = path.read_text().splitlines()
    assert len(lines) < 60
    assert sum(line.startswith("# %% ") for line in lines) >= 3
    assert lines[0].startswith('"""')


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_draws(path, tmp_path):
    picture = tmp_path / "picture.png"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("JAX_ENABLE_X64", None)
    shared = "ignore:Error reading persistent compilation cache"  # another process writes it just then
    program = [sys.executable, "-W", "error", "-W", shared, str(path), str(picture)]
    run = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.strip()
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]
    height, width, _ = imread(picture).shape
    assert (width, height) >= (1000, 300)
    assert imread(picture)[..., :3].std() > 0.05  # not blank
    assert 10_000 < picture.stat().st_size < 300_000
