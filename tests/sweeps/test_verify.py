"""`verify` finds nothing in results as they were computed, and everything that was changed since."""

import json
import shutil

import numpy as np
import optax
import pytest
import zarr
from helpers import draws
from zoo import Bent, Line, Rayleigh, points

import mlejax
from mlejax import devices
from mlejax.cli import commands, machine
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
        patch.setattr(commands, "draw_sweep", lambda *_: [])
        patch.setattr(machine, "use_compilation_cache", lambda: None)
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


@pytest.mark.slow
def test_nothing_differs_in_a_fresh_sweep(fresh):
    found = verify(fresh, progress=False)
    assert found.checked == SEEDS * RATES
    assert found.different == []


@pytest.mark.parametrize("runs", [1, 5])
def test_as_many_runs_as_asked(fresh, runs):
    found = verify(fresh, runs=runs, random_seed=3, progress=False)
    assert (found.checked, found.different) == (runs, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mean", "variance", "train_log_likelihood", "validation_log_likelihood", "distance"])
def test_a_changed_bit_is_found_and_named(saved, name):
    before = zarr.open_group(saved, mode="r")[name][1, 2]
    changed = next_to(saved, name, (1, 2))
    write(saved, name, (1, 2), changed)
    found = verify(saved, progress=False)
    assert found.checked == SEEDS * RATES
    assert found.different == [{"seed": 1, "learning_rate": GIVEN["learning_rates"][2], name: (changed, before)}]


def test_changed_whole_numbers_are_found(saved):
    write(saved, "epochs", (0, 0), 39)
    write(saved, "status", (2, 3), int(Status.PRECISION))
    first, second = verify(saved, progress=False).different
    assert (first["seed"], first["epochs"][0]) == (0, 39)
    assert (second["seed"], second["status"][0]) == (2, int(Status.PRECISION))
    assert first["epochs"][0] != first["epochs"][1]


def test_runs_that_are_not_finished_are_not_checked(saved):
    unfinished(saved)
    write(saved, "status", (1, 2), int(Status.RUNNING))
    write(saved, "mean", (1, 2), np.nan)
    found = verify(saved, progress=False)
    assert (found.checked, found.different) == (SEEDS * RATES - 1, [])


def test_a_run_without_a_number_is_equal_to_itself(saved):
    """Negative control of the one before: once the run counts as finished, its NaN differs, or is damage."""
    write(saved, "distance", (1, 2), np.nan)
    (record,) = verify(saved, progress=False).different
    assert np.isnan(record["distance"][0])
    assert np.isfinite(record["distance"][1])
    write(saved, "mean", (1, 2), np.nan)
    with pytest.raises(StoreError, match="1 damaged batch, mean"):
        verify(saved, progress=False)


def test_all_seeds_are_looked_at(saved):
    """Whatever is changed, a look at all runs finds it, and says how much it looked at."""
    for seed in range(SEEDS):
        write(saved, "mean", (seed, 0), next_to(saved, "mean", (seed, 0)))
    found = verify(saved, runs=None, progress=False)
    assert [record["seed"] for record in found.different] == list(range(SEEDS))
    assert str(found) == "12 of 12 runs, 3 of 3 seeds recomputed, 3 different"
    some = verify(saved, runs=1, random_seed=0, progress=False)
    assert str(some).startswith("1 of 12 runs, 1 of 3 seeds recomputed, ")


@pytest.mark.slow
def test_many_seeds_are_all_within_reach(tmp_path):
    """The selection is spread over all runs: 24 of 40 seeds, not the first eight."""
    mlejax.sweep(**GIVEN | {"learning_rates": [0.1]}, seeds=range(40), out=tmp_path)
    found = verify(tmp_path, runs=24, random_seed=1, progress=False)
    assert str(found) == "24 of 40 runs, 24 of 40 seeds recomputed, 0 different"


def test_a_wrong_coordinate_is_found(tmp_path):
    """Runs of one learning rate under another: the store is whole, its numbers are wrong."""
    shape = {"seeds": range(SEEDS), "out": tmp_path / "one"}
    mlejax.sweep(**GIVEN, **shape)
    mlejax.sweep(**GIVEN | {"learning_rates": GIVEN["learning_rates"] * 1.5}, seeds=range(SEEDS), out=tmp_path / "two")
    for array in ("mean", "variance", "distance", "epochs", "status"):
        shutil.copytree(tmp_path / "two" / array / "c", tmp_path / "one" / array / "c", dirs_exist_ok=True)
    assert len(verify(tmp_path / "one", progress=False).different) == SEEDS * RATES


@pytest.mark.slow
def test_what_a_digest_cannot_give_back_is_asked_for_by_name(tmp_path):
    x = np.random.RandomState(0).rayleigh(2.0, 60)
    given = {"seeds": range(2), "learning_rates": [0.1], "observations": x, "max_epochs": 20, "progress": False}
    mlejax.sweep(Rayleigh(1.0), **given, optimizer=optax.adam(0.2), out=tmp_path)
    known = {"model": Rayleigh(5.0), "observations": x, "optimizer": optax.adam(0.2)}
    for name, other in (("model", mlejax.Exponential(1.0)), ("observations", x[:-1]), ("optimizer", optax.adam(0.1))):
        with pytest.raises(ValueError, match=name):
            verify(tmp_path, **{key: value for key, value in known.items() if key != name}, progress=False)
        with pytest.raises(ValueError, match="with"):
            verify(tmp_path, **known | {name: other}, progress=False)
    assert verify(tmp_path, **known, progress=False).different == []


def test_results_of_another_way_are_not_judged_by_this_one(tmp_path, monkeypatch):
    """Where all were computed in another way verify says so; where they are mixed it takes its own."""
    mlejax.sweep(**GIVEN, seeds=range(SEEDS), out=tmp_path)
    here = devices.computed_by()
    monkeypatch.setattr(devices, "computed_by", lambda *_: here | {"jaxlib": "0.0.1"})
    with pytest.raises(StoreError, match=r"computed in another way.*jaxlib = [0-9.]+, here 0\.0\.1"):
        verify(tmp_path, progress=False)
    with pytest.raises(StoreError, match=r"computed in another way.*\(--allow-mixed\)"):
        mlejax.sweep(**GIVEN, seeds=range(SEEDS + 1), out=tmp_path)
    mixed = mlejax.sweep(**GIVEN, seeds=range(SEEDS + 1), out=tmp_path, allow_mixed=True)
    np.testing.assert_array_equal(mixed.arrays["computed_by"], np.array([[0] * RATES] * SEEDS + [[1] * RATES]))
    assert [way["jaxlib"] for way in mixed.provenance.computed_by] == [here["jaxlib"], "0.0.1"]
    assert mixed.to_xarray()["computed_by"].dtype == np.int8
    assert str(verify(tmp_path, progress=False)) == (
        "4 of 4 runs, 1 of 4 seeds recomputed, 0 different; 12 computed in another way, left out"
    )


def test_there_must_be_a_finished_run(tmp_path, saved):
    with pytest.raises(StoreError, match="holds no results"):
        verify(tmp_path / "nothing", progress=False)
    unfinished(saved)
    array = zarr.open_group(saved, mode="r+")["status"]
    array[...] = int(Status.RUNNING)
    with pytest.raises(StoreError, match="holds no finished run yet"):
        verify(saved, progress=False)


# The command ------------------------------------------------------------------------------------------------------


def command(capsys, *arguments):
    status = cli.main(["verify", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_finds_nothing(capsys, fresh):
    status, out, _ = command(capsys, fresh)
    assert (status, out) == (0, "12 of 12 runs, 3 of 3 seeds recomputed, 0 different\n")
    status, out, _ = command(capsys, fresh, "--runs", "5", "--json", "-")
    assert status == 0
    assert json.loads(out) == {"runs": [], "summary": {"checked": 5, "of": 12, "different": 0}}


def test_the_command_names_what_differs(capsys, saved, tmp_path):
    changed = next_to(saved, "mean", (1, 2))
    write(saved, "mean", (1, 2), changed)
    status, out, err = command(capsys, saved, "--json", tmp_path / "found.json")
    assert status == 1
    assert out.splitlines()[0].startswith("different: {'seed': 1, 'learning_rate': 0.46")
    assert out.splitlines()[1] == "12 of 12 runs, 3 of 3 seeds recomputed, 1 different"
    assert err.splitlines()[-1] == f"mlejax verify: 1 of 12 runs differ from those in {saved}"
    assert "Traceback" not in err
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["summary"] == {"checked": 12, "of": 12, "different": 1}
    assert found["runs"][0]["mean"][0] == changed


def test_the_command_knows_a_sweep_of_python_as_well(capsys, tmp_path):
    mlejax.sweep(seeds=range(SEEDS), out=tmp_path / "by python", **GIVEN)
    assert "arguments" not in load(tmp_path / "by python").attributes
    status, out, _ = command(capsys, tmp_path / "by python", "--runs", "all")
    assert (status, out) == (0, "12 of 12 runs, 3 of 3 seeds recomputed, 0 different\n")


@pytest.mark.slow
@pytest.mark.parametrize("model", [Line(0.0, 0.0, 1.0), Bent(0.0, 0.0, 1.0)], ids=["statistics", "raw"])
def test_a_sweep_over_records_is_trained_stored_and_verified(model, tmp_path):
    columns, given = points(), {"learning_rates": [0.02, 0.05], "max_epochs": 50, "progress": False}
    result = mlejax.sweep(model, seeds=range(2), observations=columns, out=tmp_path / "a", **given)
    alone = mlejax.train(model, columns, split_seed=1, learning_rate=0.05, max_epochs=50, progress=False)
    assert result.model.slope[1, 1] == pytest.approx(float(alone.model.slope), rel=1e-12)
    assert not verify(tmp_path / "a", model, columns, progress=False).different
    assert load(tmp_path / "a", model).shape == (2, 2)
    with pytest.raises(mlejax.InputError, match="observations"):
        verify(tmp_path / "a", model, {"x": columns["y"], "y": columns["x"]}, progress=False)
