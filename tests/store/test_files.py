"""Files are whole or not there; no link leads out of a result directory, and nobody else's file is touched."""

import os
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_same_bits
from stored import RATES, SEEDS, sweep

from mlejax.store.files import StoreError, read_whole, whole, write_whole
from mlejax.store.load import load

pytestmark = pytest.mark.usefixtures("small_batches")


@pytest.fixture
def precious(tmp_path):
    file = tmp_path / "precious.txt"
    file.write_text("keep")
    yield file
    assert file.read_text() == "keep"
    assert not file.is_symlink()


def store(path, **arguments):
    return sweep(seeds=SEEDS, learning_rates=RATES, out=path, **arguments)


def test_the_lock_is_not_written_through_a_link(tmp_path, precious):
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / ".lock").symlink_to(precious)
    with pytest.raises(StoreError, match=r"\.lock is not an ordinary file, so it cannot be the lock"):
        store(tmp_path / "atlas")


def test_a_chunk_is_not_written_through_a_link(saved, fresh, precious):
    chunk = next(file for file in (saved / "status" / "c").rglob("*") if file.is_file())
    chunk.unlink()
    chunk.with_name(f".{chunk.name}.part").symlink_to(precious)
    assert_same_bits(store(saved, repair=True), fresh)
    assert chunk.is_file()
    assert not chunk.is_symlink()
    assert not list(saved.rglob(".*.part"))


def test_a_folder_that_is_a_link_is_refused(tmp_path, precious):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mean").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link; results are not written through links"):
        write_whole(tmp_path / "root", "mean/c/0", b"1")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", [".making", ".ready"])
@pytest.mark.parametrize("there", [False, True], ids=["a new store", "a store that is there"])
def test_a_folder_of_the_users_is_left_alone(tmp_path, saved, name, there):
    path = saved if there else tmp_path / "new"
    (path / name).mkdir(parents=True)
    (path / name / "thesis.txt").write_text("keep")
    with pytest.raises(StoreError, match=rf"{name} was not made by mlejax, which needs the name\. Move it away"):
        store(path)
    assert (path / name / "thesis.txt").read_text() == "keep"


def test_a_file_of_the_users_between_chunks_stops_an_extension(saved, fresh):
    (saved / "mean" / "notes.txt").write_text("keep")
    with pytest.raises(StoreError, match=r"notes\.txt is in the way of the results\. Move it away"):
        sweep(seeds=[*SEEDS, 9], learning_rates=RATES, out=saved)
    assert (saved / "mean" / "notes.txt").read_text() == "keep"
    assert_same_bits(load(saved), fresh)


def test_a_directory_that_is_refused_keeps_no_lock(tmp_path):
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(StoreError, match="is a Zarr store, but not of mlejax"):
        store(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["zarr.json"]


def test_a_full_disk_keeps_no_part(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    write_whole(tmp_path, "a/b", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path, "a/b", b"after")
    assert (tmp_path / "a" / "b").read_bytes() == b"before"
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b"]


def test_only_ordinary_files_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    found = [read_whole(tmp_path / name) for name in ("file", "link", "pipe", ".", "nothing")]
    assert found == [b"1", None, None, None, None]


def test_a_finished_sweep_in_a_directory_that_cannot_be_written(saved, fresh, computed, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mlejax.store.lock.Lock", denied)
    assert_same_bits(store(saved), fresh)
    assert computed == []
    with pytest.raises(StoreError, match=r"Permission denied.*Change the permissions"):
        sweep(seeds=[*SEEDS, 9], learning_rates=RATES, out=saved)
    np.testing.assert_array_equal(load(saved).model.mean, fresh.model.mean)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    file = tmp_path / "r.json"
    with whole(file) as aside:
        aside.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new"
    with pytest.raises(KeyError), whole(file) as aside:  # noqa: PT012 - what is written before it fails
        aside.write_text("half")
        raise KeyError
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("r.json", "new")]


def test_a_link_is_followed_and_a_device_is_written_as_it_is(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "r.json")
    with whole(link) as aside:
        aside.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "there" / "r.json").read_text() == "new"
    with whole(Path("/dev/null")) as aside:
        aside.write_text("new")
    assert not Path("/dev/null").is_file()
