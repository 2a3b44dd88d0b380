"""The pictures of commands: where they are, and what is said while they are drawn."""

import argparse

import numpy as np
import pytest

import mlejax
from mlejax.cli import pictures
from mlejax.results.sweep import Provenance
from mlejax.samples.files import Column


def options(progress=False, suffix="svg"):
    return argparse.Namespace(progress=progress, format=suffix)


@pytest.mark.slow
def test_a_run_is_drawn_under_the_name_of_its_column(tmp_path, capsys):
    x = np.random.RandomState(0).normal(170.0, 8.0, 50)
    run = mlejax.train(mlejax.Normal(170.0, 60.0), x, max_epochs=3, progress=False)
    paths = pictures.draw_training(run, Column(x, "heights.csv", "column 'cm'"), tmp_path, options())
    assert paths == [tmp_path / f"{name}.svg" for name in ("log_likelihood", "distribution", "surface")]
    assert "<!-- cm -->" in paths[1].read_text()  # the label of its axis
    assert capsys.readouterr().err == ""
    assert pictures.pictures_text(paths[:2]) == f"pictures: {paths[0]}, {paths[1]}"


def test_drawing_is_said_where_somebody_watches(tmp_path, capsys, monkeypatch):
    from mlejax import plotting

    monkeypatch.setattr(plotting, "sweep_pictures", lambda result: {})
    result = mlejax.SweepResult({"seed": np.arange(2)}, mlejax.Normal(0.0, 1.0), {}, Provenance({}, []))
    assert pictures.draw_sweep(result, tmp_path, options(progress=True)) == []
    assert "drawing pictures" in capsys.readouterr().err
