"""Histories in a result directory: as they were recorded or refused, and nothing to the sweep beside them."""

import dataclasses
import errno
import os
import shutil

import numpy as np
import pytest
import xarray
from helpers import assert_same_bits
from stored import RATES, SEEDS, sweep

import mlejax
from mlejax.store import files, histories
from mlejax.store.files import StoreError

RUNS = {"seed": [3, 6], "learning_rate": RATES[1:4]}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A directory with a sweep and histories, and these; made once."""
    out = tmp_path_factory.mktemp("histories") / "atlas"
    sweep(seeds=SEEDS, learning_rates=RATES, out=out)
    return out, mlejax.record(out, RUNS, epochs=16, progress=False)


@pytest.fixture
def out(recorded, tmp_path):
    """A copy to damage."""
    return shutil.copytree(recorded[0], tmp_path / "atlas")


def assert_same(one, other):
    assert one.arrays().keys() == other.arrays().keys()
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, other.arrays()[name], err_msg=name)
    for name in ("highest", "arrived", "highest_validation"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert_same_bits(one.sweep, other.sweep)


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_what_is_loaded_is_what_was_recorded(recorded):
    out, found = recorded
    assert found.epoch.shape == (2, 3, 16)
    assert_same(mlejax.load_histories(out), found)


def test_there_are_none_before_they_are_recorded(saved):
    assert mlejax.load_histories(saved) is None


def test_another_program_reads_them(recorded):
    out, found = recorded
    table = xarray.open_zarr(out / "histories")
    assert table["mean"].dims == ("seed", "learning_rate", "row")
    np.testing.assert_array_equal(table["mean"], found.model.mean)
    assert set(xarray.open_zarr(out)) == set(mlejax.load(out).to_xarray())  # which knows nothing of them


@pytest.mark.slow
def test_the_sweep_does_not_know_of_them(recorded, out):
    before = contents(recorded[0] / "histories")
    fresh = mlejax.load(out)
    assert mlejax.verify(out, runs=None, progress=False).different == []
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=out), fresh)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=out, repair=True), fresh)
    longer = sweep(seeds=[2, *SEEDS], learning_rates=RATES, out=out)
    np.testing.assert_array_equal(longer.distance[1:], fresh.distance)
    assert contents(out / "histories") == before
    loaded = mlejax.load_histories(out)
    np.testing.assert_array_equal(loaded.model.mean, recorded[1].model.mean)
    assert list(loaded.sweep.axes["seed"]) == RUNS["seed"]


@pytest.mark.slow
def test_the_latest_take_the_place_of_those_before(out):
    found = mlejax.record(out, {"seed": 4}, epochs=16, progress=False)
    assert_same(mlejax.load_histories(out), found)
    assert found.epoch.shape[:2] == (1, 5)
    assert {".histories", ".histories.old"} & set(os.listdir(out)) == set()


def test_every_flipped_bit_is_refused_by_name(out):
    folder = out / "histories"
    for file, content in contents(folder).items():
        if file == "made-by-mlejax":
            continue
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 4
        (folder / file).write_bytes(damaged)
        name = file.replace(".", r"\.") if file != "zarr.json" else r"zarr\.json"
        with pytest.raises(
            StoreError, match=rf"histories: .*{name}.* damaged.*; recording them again .* replaces them"
        ):
            mlejax.load_histories(out)
        (folder / file).unlink()
        with pytest.raises(StoreError, match=rf"histories: .*{name}.* missing.*; recording them again"):
            mlejax.load_histories(out)
        assert mlejax.load(out).finished
        (folder / file).write_bytes(content)
    assert mlejax.load_histories(out) is not None


@pytest.mark.slow
def test_damaged_ones_can_be_recorded_again(recorded, out):
    (out / "histories" / "zarr.json").write_bytes(b"{}")
    assert_same(mlejax.record(out, RUNS, epochs=16, progress=False), recorded[1])
    assert_same(mlejax.load_histories(out), recorded[1])


@pytest.mark.slow
def test_those_of_another_sweep_are_refused(recorded, tmp_path):
    """Of one with other settings, of one without those runs, and of one whose runs ended in another way."""
    for name, given in {
        "settings": {"seeds": SEEDS, "learning_rates": RATES, "max_epochs": 300},
        "axes": {"seeds": [3, 4, 5], "learning_rates": RATES},
    }.items():
        sweep(**given, out=tmp_path / name)
        shutil.copytree(recorded[0] / "histories", tmp_path / name / "histories")
        with pytest.raises(StoreError, match=r"histories is not of the runs that .* holds now; recording them again"):
            mlejax.load_histories(tmp_path / name)


def test_those_of_runs_that_ended_in_another_way_are_refused(out):
    import zarr

    array = zarr.open_group(out, mode="r+")["distance"]
    array[1, 1] = np.nextafter(array[1, 1], np.inf)  # of a run that was not recorded
    assert mlejax.load_histories(out) is not None
    array[0, 1] = np.nextafter(array[0, 1], np.inf)
    with pytest.raises(StoreError, match="histories is not of the runs"):
        mlejax.load_histories(out)


def test_a_disk_that_is_full_leaves_those_before(recorded, out, monkeypatch):
    write, written = files.write_whole, []

    def until_it_is_full(root, name, content):
        if len(written) == 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(name)
        write(root, name, content)

    monkeypatch.setattr(histories, "write_whole", until_it_is_full)
    with pytest.raises(StoreError, match="No space left on device"):
        mlejax.record(out, {"seed": 4}, epochs=16, progress=False)
    monkeypatch.undo()
    assert_same(mlejax.load_histories(out), recorded[1])
    found = mlejax.record(out, {"seed": 4}, epochs=16, progress=False)  # and the next one clears up
    assert_same(mlejax.load_histories(out), found)
    assert {".histories", ".histories.old"} & set(os.listdir(out)) == set()


@pytest.mark.slow
def test_a_kill_while_they_change_places_leaves_the_old_or_the_new(recorded, out, monkeypatch):
    rename, renamed = os.rename, []

    def killed(source, target):
        renamed.append(target)
        if len(renamed) == 2:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        mlejax.record(out, {"seed": 4}, epochs=16, progress=False)
    monkeypatch.undo()
    assert not (out / "histories").exists()
    assert_same(mlejax.load_histories(out), recorded[1])
    found = mlejax.record(out, {"seed": 4}, epochs=16, progress=False)
    assert_same(mlejax.load_histories(out), found)
    assert {".histories", ".histories.old"} & set(os.listdir(out)) == set()


def test_a_sweep_with_something_of_that_name_stores_none(saved):
    swept = mlejax.load(saved)
    named = dataclasses.replace(swept, axes={"histories": swept.axes["seed"]})
    with pytest.raises(StoreError, match="'histories' is the name of something else"), histories.held(saved, named):
        pass


def test_a_directory_that_may_not_be_written_to_is_answered(recorded, out, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("mlejax.store.lock.Lock._take", read_only)
    before = contents(out)
    assert mlejax.record(out, {"seed": 4}, epochs=16, progress=False).epoch.shape[:2] == (1, 5)
    assert contents(out) == before


def test_a_directory_in_use_is_refused(out):
    with histories.held(out, mlejax.load(out)), pytest.raises(StoreError, match="is in use by another process"):
        mlejax.record(out, {"seed": 4}, progress=False)


def test_a_folder_of_someone_else_is_left_alone(saved):
    (saved / "histories").mkdir()
    (saved / "histories" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="histories was not made by mlejax, which needs the name"):
        mlejax.record(saved, {"seed": 4}, progress=False)
    assert mlejax.load_histories(saved) is None
    assert (saved / "histories" / "notes.txt").read_text() == "mine"
