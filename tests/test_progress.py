"""What is shown while a sweep runs: on standard error, counted right, and nothing when it is not wanted."""

import contextlib
import importlib
import re
import threading

import numpy as np
import pytest
from helpers import draws

import mlejax
from mlejax import progress
from mlejax.progress import Progress, Spent, Tally

fitting = importlib.import_module("mlejax.ascent.fit")


def shown(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_seeds_are_counted_and_then_runs(capsys, clock):
    tally = Tally()
    with Progress(enabled=True) as bar:
        bar.draw(4)
        bar.samples_done(4)
        bar.bar.refresh()
        bar.train(10, 3)
        tally.executed += 500
        clock[0] += 5
        bar.runs_done(7, tally)
        bar.bar.refresh()
    told = shown(capsys)
    assert "drawing: 4/4 samples" in told
    assert "training: 3/10 runs" in told
    assert "10/10" in told
    assert "1e+02 epochs/s" in told


def test_rates_and_times_are_of_the_runs_that_were_computed(capsys):
    """Of 100,000 runs 99,000 were there: after 500 of the others the rest takes as long again."""
    with Progress(enabled=True) as bar:
        bar.train(100_000, 99_000)
        bar.runs_done(500, Tally())
        line = progress.tqdm.format_meter(**bar.bar.format_dict | {"elapsed": 10.0, "ncols": None})
    assert "training: 99500/100000 runs" in line
    assert line.endswith("[00:10<00:10, 50.00 runs/s]")
    assert "-" not in re.sub(r"e-\d+", "", shown(capsys))  # no negative rate at any time


def test_no_share_is_shown_of_what_cannot_be_counted(capsys):
    with Progress(enabled=True) as bar:
        bar.say("drawing pictures")
        bar.draw(100)
        assert "%" not in shown(capsys)
        bar.samples_done(1)
        bar.train(10, 5)
        shown(capsys)
        bar.compiling(True)
        told = shown(capsys)
        assert "compiling the training step" in told
        assert "%" not in told
        bar.compiling(False)
        assert "50%" in shown(capsys)


def test_the_clock_of_the_runs_stands_still_while_their_program_is_compiled(clock):
    with Progress(enabled=True) as bar:
        bar.train(10, 0)
        began = bar.bar.start_t
        bar.compiling(True)
        clock[0] += 30
        bar.compiling(False)
        clock[0] += 2
        assert bar.training_seconds == 2
        assert bar.bar.start_t - began == 30
        assert bar.spent(1000, "2 x cpu") == Spent(10, 10, 1000, 32.0, 2.0, "2 x cpu")


def test_waiting_for_other_processes_is_said(capsys):
    with Progress(enabled=True) as bar:
        bar.train(10, 0)
        bar.waiting_for(4)
    told = shown(capsys)
    assert "waiting for other processes" in told
    assert "6/10" in told


def test_nothing_is_shown_when_it_is_not_wanted(capsys):
    with Progress(enabled=False) as bar:
        bar.draw(4)
        bar.samples_done(1)
        bar.train(10, 3)
        bar.compiling(True)
        bar.compiling(False)
        bar.runs_done(7, Tally())
        bar.spent(7, "cpu")
    assert shown(capsys) == ""


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (
            Spent(4100, 4100, 30_000_000, 12.34, 6.0, "2 x cpu"),
            "4,100 runs in 12.3 s on 2 x cpu: 3e+07 run-epochs, 5e+06 a second while training.",
        ),
        (Spent(10, 4100, 50, 1.0, 1.0, "cpu"), "10 runs (4,090 others were there already) in 1.0 s on cpu: 50 run"),
        (Spent(0, 4100, 0, 0.52, 0.0, "cpu"), "All 4,100 runs were there already; answered in 0.5 s."),
    ],
)
def test_what_a_sweep_took_is_one_line(spent, words):
    assert str(spent).startswith(words)
    assert "\n" not in str(spent)


@pytest.mark.slow
def test_a_sweep_says_what_it_took(capsys, tmp_path):
    def run(seeds):
        return mlejax.sweep(
            mlejax.Normal(0.0, 1.0), seeds=range(seeds), learning_rates=[0.5, 1.0], observations=draws(50),
            max_epochs=20, out=tmp_path / "out",
        )  # fmt: skip

    first = run(2)
    assert (first.spent.runs, first.spent.of, first.spent.run_epochs) == (4, 4, int(np.sum(first.epochs)))
    more = run(3)
    assert (more.spent.runs, more.spent.of, more.spent.run_epochs) == (2, 6, int(np.sum(more.epochs[2])))
    again = run(3)
    assert (again.spent.runs, again.spent.of, again.spent.run_epochs) == (0, 6, 0)
    told = shown(capsys)
    assert [told.count(str(each.spent)) for each in (first, more, again)] == [1, 1, 1]


def test_what_takes_long_is_said_until_it_is_over(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_TO_A_LINE", 0.0)
    begun, line = threading.Event(), progress.tqdm

    def told(**words):
        begun.set()
        return line(**words)

    monkeypatch.setattr(progress, "tqdm", told)
    with progress.saying("fitting 200,000 observations", True):
        assert begun.wait(60)
    assert "fitting 200,000 observations [00:" in shown(capsys)


def test_what_is_over_soon_is_not_said(capsys):
    for enabled in (False, True):
        before = threading.active_count()
        with progress.saying("fitting 200,000 observations", enabled):
            assert threading.active_count() - before == enabled
        assert threading.active_count() == before
    assert shown(capsys) == ""


def test_a_large_sample_says_that_it_is_fitted(monkeypatch):
    said = []
    monkeypatch.setattr(fitting, "LARGE", 4)
    monkeypatch.setattr(fitting, "saying", lambda *words: said.append(words) or contextlib.nullcontext())
    for wanted, x in ((True, [1.0, 2.0, 4.0, 5.0]), (False, [1.0, 2.0, 4.0, 5.0]), (True, [1.0, 2.0, 4.0])):
        mlejax.fit(mlejax.Exponential, x, progress=wanted)
    assert said == [
        ("fitting 4 observations", True), ("fitting 4 observations", False), ("fitting 3 observations", False),
    ]  # fmt: skip
