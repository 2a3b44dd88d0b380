"""`verify` finds nothing in results as they were computed, and everything that was changed since."""

import json
import shutil

import numpy as np
import pytest
import zarr
from helpers import draws

import mlejax
from mlejax.cli import commands
from mlejax.cli import main as cli
from mlejax.status import Status
from mlejax.store import layout
from mlejax.store.files import StoreError
from mlejax.store.load import load
from mlejax.sweeps.verify import verify

SEEDS, RATES = 3, 4
ARGUMENTS = [
    "sweep", "--seeds", "0:3", "--learning-rates", "0.1:1:4", "--observations", "300", "--draw", "statistics",
    "--max-epochs", "40", "--devices", "1",
]  # fmt: skip
GIVEN = {
    "model": mlejax.Normal(0.0, 1.0),
    "learning_rates": np.geomspace(0.1, 1.0, RATES),
    "observations": draws(300, "statistics"),
    "max_epochs": 40,
    "progress": False,
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """What `mlejax sweep` has written; made once."""
    directory = tmp_path_factory.mktemp("verify") / "fresh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "_draw_sweep", lambda *_: [])
        patch.setattr(commands, "use_compilation_cache", lambda: None)
        assert cli.main([*ARGUMENTS, "--out", str(directory)]) == 0
    return directory


@pytest.fixture
def saved(fresh, tmp_path):
    """A copy to damage."""
    return shutil.copytree(fresh, tmp_path / "saved")


def write(directory, name, index, value):
    array = zarr.open_group(directory, mode="r+")[name]
    assert array.shape == (SEEDS, RATES)
    assert array[index] != value
    array[index] = value


def unfinished(directory):
    """Take away the word that all runs have ended."""
    root = directory / "zarr.json"
    root.write_bytes(layout.described(root.read_bytes(), {}, {}))


def next_to(directory, name, index):
    """The smallest change that there is."""
    return np.nextafter(zarr.open_group(directory, mode="r")[name][index], np.inf)


def test_nothing_differs_in_a_fresh_sweep(fresh):
    found = verify(fresh, **GIVEN)
    assert found.checked == SEEDS * RATES
    assert found.different == []


@pytest.mark.parametrize("runs", [1, 5])
def test_as_many_runs_as_asked(fresh, runs):
    found = verify(fresh, **GIVEN, runs=runs, random_seed=3)
    assert (found.checked, found.different) == (runs, [])


@pytest.mark.parametrize("name", ["mean", "variance", "train_log_likelihood", "validation_log_likelihood", "distance"])
def test_a_changed_bit_is_found_and_named(saved, name):
    before = zarr.open_group(saved, mode="r")[name][1, 2]
    changed = next_to(saved, name, (1, 2))
    write(saved, name, (1, 2), changed)
    found = verify(saved, **GIVEN)
    assert found.checked == SEEDS * RATES
    assert found.different == [{"seed": 1, "learning_rate": GIVEN["learning_rates"][2], name: (changed, before)}]


def test_changed_whole_numbers_are_found(saved):
    write(saved, "epochs", (0, 0), 39)
    write(saved, "status", (2, 3), int(Status.PRECISION))
    first, second = verify(saved, **GIVEN).different
    assert (first["seed"], first["epochs"][0]) == (0, 39)
    assert (second["seed"], second["status"][0]) == (2, int(Status.PRECISION))
    assert first["epochs"][0] != first["epochs"][1]


def test_runs_that_are_not_finished_are_not_checked(saved):
    unfinished(saved)
    write(saved, "status", (1, 2), int(Status.RUNNING))
    write(saved, "mean", (1, 2), np.nan)
    found = verify(saved, **GIVEN)
    assert (found.checked, found.different) == (SEEDS * RATES - 1, [])


def test_a_run_without_a_number_is_equal_to_itself(saved):
    """Negative control of the one before: once the run counts as finished, its NaN differs."""
    write(saved, "mean", (1, 2), np.nan)
    (record,) = verify(saved, **GIVEN).different
    assert np.isnan(record["mean"][0])
    assert np.isfinite(record["mean"][1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_epochs", 41, "max_epochs = 40; this one has 41"),
        ("observations", 301, "data = .*300 draws.*301 draws"),
        ("tolerance", 1e-3, "tolerance = 1e-08; this one has 0.001"),
        ("model", mlejax.Normal(0.0, 2.0), "start"),
        ("validation_fraction", 0.5, "validation_fraction = 0.2; this one has 0.5"),
    ],
    ids=["max_epochs", "observations", "tolerance", "start", "validation_fraction"],
)
def test_other_settings_are_refused(fresh, name, value, message):
    with pytest.raises(StoreError, match=message):
        verify(fresh, **GIVEN | {name: value})


def test_there_must_be_a_finished_run(tmp_path, saved):
    with pytest.raises(StoreError, match="holds no sweep"):
        verify(tmp_path / "nothing", **GIVEN)
    unfinished(saved)
    array = zarr.open_group(saved, mode="r+")["status"]
    array[...] = int(Status.RUNNING)
    with pytest.raises(StoreError, match="holds no finished run yet"):
        verify(saved, **GIVEN)


# The command ------------------------------------------------------------------------------------------------------


def command(capsys, *arguments):
    status = cli.main(["verify", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_finds_nothing(capsys, fresh):
    status, out, _ = command(capsys, fresh)
    assert (status, out) == (0, "12 runs recomputed, 0 different\n")
    status, out, _ = command(capsys, fresh, "--runs", "5", "--json", "-")
    assert status == 0
    assert json.loads(out) == {"runs": [], "summary": {"checked": 5, "different": 0}}


def test_the_command_names_what_differs(capsys, saved, tmp_path):
    changed = next_to(saved, "mean", (1, 2))
    write(saved, "mean", (1, 2), changed)
    status, out, err = command(capsys, saved, "--json", tmp_path / "found.json")
    assert status == 1
    assert out.splitlines()[0].startswith("different: {'seed': 1, 'learning_rate': 0.46")
    assert out.splitlines()[1] == "12 runs recomputed, 1 different"
    assert err.splitlines()[-1] == f"mlejax verify: 1 of 12 runs differ from those in {saved}"
    assert "Traceback" not in err
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["summary"] == {"checked": 12, "different": 1}
    assert found["runs"][0]["mean"][0] == changed


def test_the_command_needs_to_know_the_arguments(capsys, tmp_path):
    mlejax.sweep(seeds=range(SEEDS), out=tmp_path / "by python", **GIVEN)
    assert "arguments" not in load(tmp_path / "by python").attributes
    status, out, err = command(capsys, tmp_path / "by python")
    assert (status, out) == (2, "")
    assert "its arguments are not known here" in err
    assert verify(tmp_path / "by python", **GIVEN).different == []
