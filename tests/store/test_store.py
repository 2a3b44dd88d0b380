"""Results on disk: resuming, extending, refusing, repairing; and what a kill or Ctrl-C leaves."""

import os
import stat
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray
import zarr
from helpers import arrays, assert_same_bits, draws
from stored import RATES, SEEDS, in_pieces, sweep
from zoo import Rayleigh

import mlejax
from mlejax import devices
from mlejax.results.schema import QUANTITIES
from mlejax.status import Status
from mlejax.store import layout, lock, reading, rebuild
from mlejax.store.files import StoreError
from mlejax.store.load import load
from mlejax.sweeps import collect, measure

pytestmark = pytest.mark.usefixtures("small_batches")

NAMES = ("mean", "variance", *QUANTITIES)


# What is written --------------------------------------------------------------------------------------------------


def test_a_stored_sweep_is_loaded_as_it_was(saved, fresh):
    result = load(saved)
    assert_same_bits(result, fresh)
    assert type(result.model) is mlejax.Normal
    assert list(result.axes) == ["seed", "learning_rate"]
    np.testing.assert_array_equal(result.information, fresh.information)
    assert result.stability_limit("learning_rate") == fresh.stability_limit("learning_rate")
    assert result.provenance.settings["optimizer"] == "plain ascent"


def test_xarray_opens_the_directory(saved, fresh):
    with xarray.open_zarr(saved) as data:
        assert data["mean"].dims == ("seed", "learning_rate")
        np.testing.assert_array_equal(data["learning_rate"], RATES)
        np.testing.assert_array_equal(data["variance"], fresh.model.variance)
        assert data["status"].attrs["flag_meanings"].split() == [status.name for status in Status]
        assert list(data["status"].attrs["flag_values"]) == [int(status) for status in Status]
        assert data["distance"].attrs["units"] == "standard errors"
        made = data.attrs["mlejax"]
        assert made["settings"]["data"] == "500 draws from Normal(mean=7.2, variance=7.84) by NumPy"
        assert made["result"]["device"].endswith("x cpu")


@pytest.mark.slow
def test_a_model_of_ones_own_is_loaded_with_its_fields(tmp_path):
    x = np.random.RandomState(0).rayleigh(2.0, 100)
    arguments = {"seeds": [0], "learning_rates": [0.1, 0.2], "observations": x, "max_epochs": 100, "progress": False}
    made = mlejax.sweep(Rayleigh(1.0), **arguments, out=tmp_path)
    found = load(tmp_path)
    assert type(found.model).__name__ == "Rayleigh"
    np.testing.assert_array_equal(found.model.scale, made.model.scale)
    assert found.run(0, 1).record() == made.run(0, 1).record()


class Exponential(mlejax.Model):
    """Another one than the library's: of the mean, by the name of its rate."""

    rate: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        return -jnp.log(self.rate) - x / self.rate


@pytest.mark.slow
def test_a_namesake_of_a_model_of_the_library_is_not_taken_for_it(tmp_path):
    arguments = {"seeds": [0], "learning_rates": [0.1], "observations": np.arange(1.0, 9.0), "progress": False}
    for family, folder in ((mlejax.Exponential, "library"), (Exponential, "own")):
        mlejax.sweep(family(1.0), **arguments, max_epochs=2, out=tmp_path / folder)
    assert type(load(tmp_path / "library").model) is mlejax.Exponential
    found = load(tmp_path / "own")
    assert type(found.model) not in (mlejax.Exponential, Exponential)
    with pytest.raises(TypeError, match=r"formula of Exponential is not stored, only its digest: load\(path, model"):
        found.run(0, 0).model.log_prob(1.0)
    assert type(load(tmp_path / "own", Exponential(2.0)).model) is Exponential
    with pytest.raises(ValueError, match=r"model: the store is of Exponential \w+ with rate; the one given is Exp"):
        load(tmp_path / "own", mlejax.Exponential(1.0))


# Going on ---------------------------------------------------------------------------------------------------------


def test_the_same_sweep_again_computes_nothing(saved, fresh, computed):
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)
    assert computed == []


def interrupt_after(monkeypatch, calls):
    """Ctrl-C while the results of the call after so many are kept."""
    put, seen = collect.Collector.put, []

    def interrupted(self, ids, outcome):
        if len(seen) == calls:
            raise KeyboardInterrupt
        seen.append(ids)
        put(self, ids, outcome)

    monkeypatch.setattr(collect.Collector, "put", interrupted)
    return seen


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path, fresh, computed, monkeypatch):
    monkeypatch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
    in_pieces(monkeypatch)
    with monkeypatch.context() as patch:
        done = interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    done = set(np.concatenate(done).tolist())
    part = load(tmp_path)
    assert set(np.flatnonzero(part.status.ravel()).tolist()) == done
    assert 0 < len(done) < 20
    computed.clear()
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)
    assert computed == [sorted(set(range(20)) - done)]


@pytest.mark.slow
def test_runs_that_ended_before_ctrl_c_are_kept(tmp_path, fresh, monkeypatch):
    """They wait to be measured together; Ctrl-C must not lose them."""
    with monkeypatch.context() as patch:
        in_pieces(patch, most=2)
        with pytest.raises(KeyboardInterrupt):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    assert np.count_nonzero(load(tmp_path).status) == 8
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)


def test_no_run_is_called_finished_before_all_of_it_is_kept(tmp_path, fresh, monkeypatch):
    """Ctrl-C while results are copied into a batch of which a part is already to be written."""
    put, calls = collect.Collector.put, []

    class Interrupting:
        def __array__(self, *_, **__):
            raise KeyboardInterrupt

    def interrupted(self, ids, outcome):
        calls.append(ids)
        put(self, ids, outcome if len(calls) < 2 else {**outcome, "distance": Interrupting()})

    with monkeypatch.context() as patch:
        patch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
        patch.setattr(layout, "SMALLEST_BATCH", 20)  # all runs in one batch
        in_pieces(patch)
        patch.setattr(collect.Collector, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
        part = load(tmp_path)
    done = part.status != Status.RUNNING
    assert done.sum() == 4
    for name, array in arrays(part).items():
        np.testing.assert_array_equal(array[done], arrays(fresh)[name][done], err_msg=name)


@pytest.mark.slow
def test_more_seeds_and_rates_compute_only_the_new_runs(tmp_path, fresh, computed):
    sweep(seeds=SEEDS[1:3], learning_rates=RATES[::2], out=tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    computed.clear()
    result = sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    assert_same_bits(result, fresh)
    old = {5, 7, 9, 10, 12, 14}
    assert computed == [sorted(set(range(20)) - old)]
    assert_same_bits(load(tmp_path), fresh)
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep"


@pytest.mark.slow
@pytest.mark.parametrize("step", range(4))
def test_an_extension_that_is_killed_is_taken_up(tmp_path, fresh, step, monkeypatch):
    """Killed while the longer store is written, before it is moved, while it is moved, and just before the end."""
    sweep(seeds=SEEDS[:2], learning_rates=RATES, out=tmp_path)

    class KilledError(BaseException):
        pass

    def killed(*_):
        raise KilledError

    replace, moved = os.replace, []

    def move_three(source, target):
        if ".ready" in str(source):
            if len(moved) == 3:
                killed()
            moved.append(source)
        replace(source, target)

    moments = [(rebuild, "_copy", killed), (os, "rename", killed), (os, "replace", move_three), (Path, "rmdir", killed)]
    with monkeypatch.context() as patch:
        patch.setattr(*moments[step])
        with pytest.raises(KilledError):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    if step == 2:  # some arrays are of the longer sweep, others are not
        with pytest.raises(StoreError, match="was being extended when that was killed; the same call again finishes"):
            load(tmp_path)
    else:
        assert np.count_nonzero(load(tmp_path).status) == 10
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)
    assert not list(tmp_path.glob(".ready")) + list(tmp_path.glob(".making"))


# Refusing ---------------------------------------------------------------------------------------------------------

OTHER = {
    "max_epochs": ({"max_epochs": 401}, "max_epochs = 400; this one has 401"),
    "patience": ({"patience": 49}, "patience = 50; this one has 49"),
    "data": ({"observations": draws(501, "numpy")}, r"data = 500 draws from .*; this one has 501 draws"),
    "draw": ({"observations": draws(500)}, "data = 500 draws from .* by NumPy; this one has 500 draws from .* by JAX"),
    "optimizer": ({"optimizer": mlejax.natural_gradient()}, "optimizer = plain ascent; this one has optax "),
    "dtype": ({"dtype": "float32"}, "dtype = float64; this one has float32"),
    "split": ({"observations": draws(500, "numpy", split_seed=1)}, "split_seed = 42; this one has 1"),
    "an axis": ({"patience": [10, 50]}, "patience = 50; this one has nothing"),
    "a seed missing": (
        {"seeds": SEEDS[1:]},
        "with seed = 3, which this sweep leaves out: .* extended, not cut",
    ),
    "a rate missing": ({"learning_rates": RATES[1:]}, "results with learning_rate = 0.1, which"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), OTHER.values(), ids=OTHER)
def test_another_sweep_is_refused_and_leaves_the_store_alone(arguments, message, saved, fresh):
    with pytest.raises(StoreError, match=message):
        sweep(**{"seeds": SEEDS, "learning_rates": RATES} | arguments, out=saved)
    assert_same_bits(load(saved), fresh)


@pytest.mark.slow
def test_another_model_is_refused(saved):
    with pytest.raises(StoreError, match=r"model = Normal \w+; this one has LogNormal \w+"):
        mlejax.sweep(
            mlejax.LogNormal(0.0, 1.0), seeds=SEEDS, learning_rates=RATES, max_epochs=400,
            observations=mlejax.Draws(mlejax.LogNormal(0.0, 1.0), 500), progress=False, out=saved,
        )  # fmt: skip


def test_a_newer_format_is_refused(saved, monkeypatch):
    monkeypatch.setattr(reading, "FORMAT", 1)
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match=r"written by a newer mlejax \(format 2; this one knows 1\)\. Upgrade"):
            use(saved)


def elsewhere(monkeypatch):
    """Compute with another version of the compiler."""
    here = devices.computed_by()
    monkeypatch.setattr(devices, "computed_by", lambda *_: here | {"jaxlib": "0.0.1"})


def test_results_of_another_compiler_are_not_mixed(saved, fresh, monkeypatch):
    elsewhere(monkeypatch)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)  # nothing to compute, nothing mixed
    with pytest.raises(StoreError, match=r"computed in another way.*jaxlib = [0-9.]+, here 0.0.1"):
        sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=saved)
    assert_same_bits(load(saved), fresh)


def test_a_store_of_something_else_is_refused(tmp_path):
    zarr.open_group(tmp_path, mode="w")
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match="is a Zarr store, but not of mlejax"):
            use(tmp_path)


def test_a_directory_without_a_store(tmp_path):
    with pytest.raises(StoreError, match="holds no results: there is no Zarr store in it"):
        load(tmp_path)
    (tmp_path / "mean").mkdir()
    (tmp_path / "mean" / "mine.txt").write_text("keep")
    with pytest.raises(StoreError, match="holds 'mean', but no results"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    assert (tmp_path / "mean" / "mine.txt").read_text() == "keep"


def test_a_file_is_refused(tmp_path):
    file = tmp_path / "results"
    file.write_text("")
    with pytest.raises(StoreError, match="is a file; results need a directory"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=file)


def test_a_spoilt_description_is_refused(saved):
    (saved / "zarr.json").write_text('{"zarr_format": 3, "node')
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match=r"zarr.json is damaged; the same call with repair"):
            use(saved)


def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.getuid() == 0:  # everything is writable for root
        monkeypatch.setattr(lock, "Lock", denied)
    with pytest.raises(StoreError, match=r"Permission denied\. What is on disk is whole"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, fresh, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
    in_pieces(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device\. What is on disk .* Make room"):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)


@pytest.mark.slow
def test_attributes_of_ones_own_overwrite_nothing(tmp_path, fresh):
    """Whatever their names: they stand apart from what the sweep records, the same fresh, loaded and extended."""
    own = {"settings": 1, "optimizer": "mine", "mlejax": {"format": 7}, "sha256_of_this_file": "0" * 64}
    made = sweep(seeds=SEEDS, learning_rates=RATES[:2], out=tmp_path, attributes=own)
    for result in (made, load(tmp_path), sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path, attributes=own)):
        assert dict(result.attributes) == own
        assert result.provenance.settings == fresh.provenance.settings
        assert result.stability_limit("learning_rate") == fresh.stability_limit("learning_rate")
        assert result.useful_run_epochs == result.epochs.sum()  # all runs, not those of the last call
        assert result.provenance.executed_run_epochs >= result.useful_run_epochs


def test_attributes_that_json_has_not_are_refused_before_anything_is_run(tmp_path, computed):
    with pytest.raises(ValueError, match="Out of range float values"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path / "atlas", attributes={"a": np.nan})
    assert computed == []
    assert not (tmp_path / "atlas").exists()


"""No run ends early; `tests.slow` takes five calls for each. A device has eight times as many as it has lanes."""
