"""What a sweep will need, predicted: counts exactly, run-epochs from a trial."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from helpers import draws

import mlejax
from mlejax.ascent.outcome import Outcome
from mlejax.cli import machine
from mlejax.cli import main as cli
from mlejax.store import layout
from mlejax.sweeps import cost
from mlejax.sweeps.measure import Measured

START = mlejax.Normal(0.0, 1.0)
GIVEN = {"learning_rates": np.geomspace(0.05, 2.0, 24), "observations": draws(300, "statistics"), "progress": False}


def predicted(model=START, progress=True, **given):
    return mlejax.estimate_cost(mlejax.SweepSpec.checked(model, **given), progress=progress)


@pytest.fixture
def small_trial(monkeypatch):
    """A trial of a part of the sweep, as it is where sweeps are large."""
    monkeypatch.setattr(cost, "FEW_RUNS", 64)
    monkeypatch.setattr(cost, "MANY_RUNS", 256)
    monkeypatch.setattr(cost, "FEW_SEEDS", 4)
    monkeypatch.setattr(cost, "MANY_SEEDS", 16)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "rates"), [(40, 24), (300, 7), (1, 1), (70_000, 3)], ids=lambda n: str(n))
def test_counts_are_exact(small_trial, monkeypatch, seeds, rates):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 100)
    given = GIVEN | {"learning_rates": np.geomspace(0.05, 2.0, rates), "max_epochs": 30}
    found = predicted(seeds=range(seeds), **given)
    batch = layout.batch_shape((seeds, rates))
    assert found.runs == seeds * rates
    assert found.runs_per_batch == np.prod(batch)
    assert found.batches == np.prod([-(-n // size) for n, size in zip((seeds, rates), batch, strict=True)])


@pytest.mark.slow
def test_batches_are_those_on_disk(small_trial, monkeypatch, tmp_path):
    """60 seeds and 24 rates in batches of 60 x 1."""
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 100)
    given = GIVEN | {"max_epochs": 30}
    found = predicted(seeds=range(60), **given)
    mlejax.sweep(START, seeds=range(60), out=tmp_path / "out", **given)
    assert found.batches == len([path for path in (tmp_path / "out" / "status" / "c").rglob("*") if path.is_file()])


@pytest.mark.slow
def test_run_epochs_are_near_those_of_the_sweep(small_trial):
    found = predicted(seeds=range(64), max_epochs=3000, **GIVEN)
    result = mlejax.sweep(START, seeds=range(64), max_epochs=3000, **GIVEN)
    assert result.shape == (64, 24)
    assert found.runs == result.epochs.size > 256
    useful, executed = result.useful_run_epochs, result.provenance.executed_run_epochs
    assert useful == result.epochs.sum()
    assert found.run_epochs == pytest.approx(useful, rel=0.3)
    assert found.executed_run_epochs == pytest.approx(executed, rel=0.3)
    # Negative control: the trial alone, not scaled, would be far off.
    assert found.run_epochs * 256 / found.runs != pytest.approx(useful, rel=0.3)


@pytest.mark.slow
def test_a_sweep_of_which_the_trial_is_all():
    """Nothing is left to predict: useful epochs are exact."""
    given = GIVEN | {"learning_rates": [0.2, 1.0]}
    found = predicted(seeds=range(5), max_epochs=500, **given)
    result = mlejax.sweep(START, seeds=range(5), max_epochs=500, **given)
    assert found.run_epochs == result.epochs.sum()


@pytest.mark.slow
def test_all_that_is_said(small_trial):
    found = predicted(seeds=range(64), max_epochs=200, **GIVEN)
    assert found.representation == "2 sufficient statistics found in Normal.log_prob"
    assert found.devices == f"{jax.local_device_count()} x {jax.local_devices()[0].device_kind}"
    assert min(found.drawing_seconds, found.training_seconds, found.memory_bytes, found.disk_bytes) > 0
    assert found.memory_bytes - found.stored_memory_bytes == 1536 * (3 * 8 + 1 + 2 * 4 + 2 * 8)
    text = str(found)
    assert "1,536 in 6 batches of at most 256" in text
    one = dataclasses.replace(found, runs=24, batches=1, disk_bytes=700.0)
    assert str(one).startswith("runs        24 in one batch\n")
    assert str(one).endswith("disk        700 bytes")
    names = [line.split("  ")[0] for line in text.splitlines()]
    assert names == [
        "runs", "devices", "samples", "run-epochs", "drawing", "training", "starting", "in all", "tried", "memory",
        "disk",
    ]  # fmt: skip


@pytest.mark.slow
def test_one_line_is_shown(capsys, small_trial):
    predicted(seeds=range(8), max_epochs=50, **GIVEN | {"progress": True})
    told = capsys.readouterr().err
    assert {line.split(" [")[0].strip() for line in told.replace("\n", "\r").split("\r")} == {
        "",
        "trying some of the runs",
    }


@pytest.mark.slow
def test_a_trial_ends_when_it_has_taken_long_enough(small_trial, monkeypatch):
    monkeypatch.setattr(cost, "MOST_SECONDS", -1.0)
    most = 100_000
    given = GIVEN | {"learning_rates": np.geomspace(1e-6, 1e-5, 4), "max_epochs": most}  # none of them arrives
    found = predicted(seeds=range(16), **given)
    assert 0 < found.run_epochs <= 16 * 4 * most
    assert found.disk_bytes > 0
    assert found.training_seconds > 0


def test_runs_that_have_not_ended_take_what_they_have_had_at_least_and_all_at_most():
    """Of 10 runs 3 ended with 300 epochs; the others have had 700 in all, and may have 500 each."""
    trial = cost._Trial()
    trial.tally.executed, trial.tally.useful, trial.ended = 1000, 300, 3
    total, unsure = trial.run_epochs(10, 500)
    assert total == (1000 + 3800) / 2
    assert unsure == pytest.approx(1400 / 2400)
    trial.tally.executed = 9000  # lanes stood empty
    assert trial.run_epochs(10, 500) == (3800, 0)


def test_a_trial_of_runs_that_all_end_is_as_sure_as_its_sample():
    """Of 4 runs with 100, 200, 300, 400 epochs the mean is uncertain by its standard error, 56 of 250."""
    trial = cost._Trial()
    trial.finished = True
    epochs = np.array([100, 200, 300, 400])
    found = Outcome(START, START, *[None] * 6)
    trial.results = [Measured(np.arange(4), dataclasses.replace(found, epochs=epochs))]
    total, unsure = trial.run_epochs(4, 10_000)
    assert total == 1000
    assert unsure == pytest.approx(np.std(epochs) / 2 / 250)


@pytest.mark.slow
def test_why_observations_are_raw(small_trial):
    data = np.random.RandomState(0).weibull(2.0, 40)
    found = predicted(
        model=mlejax.Weibull(1.0, 1.0), seeds=range(3), learning_rates=[0.1, 0.2], observations=data, max_epochs=20,
        progress=False,
    )  # fmt: skip
    assert found.representation.startswith("raw observations: ")
    assert found.runs == 6


@pytest.mark.slow
def test_disk_is_near_what_the_store_takes(monkeypatch, tmp_path):
    """Whole batches of results that compress as those of the trial do; what describes them is not counted."""
    given = GIVEN | {"learning_rates": np.geomspace(0.05, 0.9, 64), "max_epochs": 300}
    found = predicted(seeds=range(64), **given)
    mlejax.sweep(START, seeds=range(64), out=tmp_path / "out", **given)
    size = sum(path.stat().st_size for path in (tmp_path / "out").glob("*/c/**/*") if path.is_file())
    assert found.disk_bytes == pytest.approx(size, rel=0.3)


@pytest.mark.slow
def test_the_command_stops_before_the_sweep(capsys, tmp_path, small_trial, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    arguments = [
        "sweep", "--explain", "--seeds", "0:40", "--learning-rates", "0.1:1:12", "--observations", "300",
        "--max-epochs", "50", "--out", "results", "--json", "found.json",
    ]  # fmt: skip
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.startswith("runs        480 in ")
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["runs"] == []
    assert found["summary"]["runs"] == 480
    assert 0 < found["summary"]["run_epochs"] <= 480 * 50


def test_the_command_refuses_what_a_sweep_refuses(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    assert cli.main(["sweep", "--explain", "--learning-rates=-0.1,0.2", "--seeds", "0:3"]) == 2
    assert "--learning-rates must be positive; got -0.1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("summarize", [True, False], ids=["summaries", "raw observations"])
def test_a_sweep_over_the_number_of_observations(summarize):
    """Nothing is left to predict: useful epochs are exact, and add up over the numbers."""
    given = GIVEN | {"learning_rates": [0.2, 1.0], "summarize": summarize, "max_epochs": 60}
    counts = {number: predicted(seeds=range(2), **given | {"observations": draws(number)}) for number in (50, 400)}
    found = predicted(seeds=range(2), **given | {"observations": draws([50, 400])})
    assert (found.runs, found.tried_runs, found.tried_seeds) == (8, 8, 2)
    assert found.run_epochs == sum(one.run_epochs for one in counts.values())


@pytest.mark.slow
def test_raw_samples_of_each_number_of_observations_are_tried_by_themselves(monkeypatch):
    """An epoch of a long sample takes longer, and a trial that ends early has seen the short ones only."""
    tried = []
    whole = cost._try
    monkeypatch.setattr(
        cost, "_try", lambda part, samples, mesh, ids: tried.append(ids) or whole(part, samples, mesh, ids)
    )
    given = GIVEN | {"learning_rates": [0.2, 1.0], "observations": draws([50, 400]), "max_epochs": 60}
    predicted(seeds=range(3), summarize=False, **given)
    groups = {frozenset((ids // 2 % 2).tolist()) for ids in tried}
    assert groups == {frozenset({0}), frozenset({1})}
    tried.clear()
    predicted(seeds=range(3), **given)
    assert {frozenset((ids // 2 % 2).tolist()) for ids in tried} == {frozenset({0, 1})}
