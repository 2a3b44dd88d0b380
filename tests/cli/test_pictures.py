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


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A function that draws a sweep unless its pictures stand, and what it does when it draws."""
    from matplotlib.figure import Figure

    from mlejax import plotting

    times = []
    monkeypatch.setattr(plotting, "sweep_pictures", lambda result: times.append(1) or {"a": Figure(), "b_c": Figure()})
    model = mlejax.Normal(np.zeros(2), np.ones(2))
    made = {"status": np.full(2, mlejax.Status.PATIENCE)}

    def draw(seeds=(0, 1), values=made):
        result = mlejax.SweepResult({"seed": np.array(seeds)}, model, values, Provenance({}, []))
        standing = pictures.standing_pictures(result, tmp_path, "png")
        return standing or pictures.draw_sweep(result, tmp_path, options(suffix="png"))

    return draw, times


def test_pictures_that_stand_are_not_drawn_again(drawn, tmp_path):
    draw, times = drawn
    assert draw() == draw() == [tmp_path / "a.png", tmp_path / "b_c.png"]
    assert len(times) == 1


def test_pictures_of_anything_else_are_drawn_again(drawn, tmp_path, monkeypatch):
    draw, times = drawn
    draw()
    draw(seeds=(0, 2))
    unfinished = {"status": np.array([mlejax.Status.PATIENCE, mlejax.Status.RUNNING])}
    draw(values=unfinished)
    draw(values=unfinished)
    draw()
    assert len(times) == 5
    monkeypatch.setattr(pictures, "__version__", "9")
    draw()
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-1])  # of a process that was killed
    draw()
    (tmp_path / "b_c.png").unlink()
    draw()
    assert len(times) == 8


def test_drawing_is_said_where_somebody_watches(tmp_path, capsys, monkeypatch):
    from mlejax import plotting

    monkeypatch.setattr(plotting, "sweep_pictures", lambda result: {})
    status = {"status": np.zeros(2, int)}
    result = mlejax.SweepResult({"seed": np.arange(2)}, mlejax.Normal(0.0, 1.0), status, Provenance({}, []))
    assert pictures.draw_sweep(result, tmp_path, options(progress=True)) == []
    assert "drawing pictures" in capsys.readouterr().err


def test_a_column_is_called_on_an_axis_as_in_its_file_whatever_its_name():
    def called(name):
        return pictures._name_of(Column(np.zeros(2), "a.csv", name))

    assert called("column 'cm'") == "cm"
    assert called('column "driver\'s age"') == "driver's age"
    assert called("column '$a_and_$'") == r"\$a_and_\$"
    assert called("column 'x\\\\y'") == "x\\y"
    assert called("column 3") == "observation"
