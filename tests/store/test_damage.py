"""Every byte of a store counts: a flipped bit or a lost file anywhere is found, and repaired to the same bits."""

import shutil

import numpy as np
import pytest
from helpers import assert_same_bits
from stored import RATES, SEEDS, sweep

from mlejax.cli import machine
from mlejax.cli import main as cli
from mlejax.store import layout
from mlejax.store.files import StoreError
from mlejax.store.load import load

pytestmark = pytest.mark.usefixtures("small_batches")

METADATA = ("zarr.json", "seed/c/0", "learning_rate/c/0", "seed/zarr.json", "status/zarr.json", "mean/zarr.json")


def files(path):
    """Return the files of a store, the lock excepted."""
    found = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file() and file.name != ".lock")
    assert len(found) == 1 + 2 * 2 + 8 * 6
    return found


def again(path, **arguments):
    return sweep(seeds=SEEDS, learning_rates=RATES, out=path, **arguments)


def damaged(path, computed):
    """Check that nobody believes a damaged store, and that nothing was computed for it."""
    with pytest.raises(StoreError, match=r"with repair \(--repair\)"):
        load(path)
    with pytest.raises(StoreError, match=r"with repair \(--repair\)"):
        again(path)
    assert computed == []


@pytest.mark.slow
def test_one_bit_of_any_byte_is_found(saved, fresh):
    """The loader refuses every flip; the bit is another one in every byte. What it refuses no command believes."""
    assert_same_bits(load(saved), fresh)
    for file in files(saved):
        whole = (saved / file).read_bytes()
        for i in range(0, len(whole), max(1, len(whole) // 40)):
            spoilt = bytearray(whole)
            spoilt[i] ^= 1 << (i % 8)
            (saved / file).write_bytes(spoilt)
            with pytest.raises(StoreError):
                load(saved)
        (saved / file).write_bytes(whole)
    assert_same_bits(load(saved), fresh)


@pytest.mark.slow
def test_no_command_believes_a_flipped_bit(saved, fresh, computed, tmp_path, capsys, monkeypatch):
    """One in every file: each command refuses it in one line, writes nothing, and computes nothing."""
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    commands = [
        ["verify", saved],
        ["plot", saved, "--out", tmp_path / "figures"],
        ["export", saved, "--format", "csv", "--out", tmp_path / "table.csv"],
    ]
    for file in files(saved):
        whole = (saved / file).read_bytes()
        spoilt = bytearray(whole)
        spoilt[len(whole) // 2] ^= 2
        (saved / file).write_bytes(spoilt)
        for command in commands:
            assert cli.main([str(word) for word in command]) == 2, (file, command)
            out, err = capsys.readouterr()
            assert (out, err.count("\n")) == ("", 1)
            assert "--repair" in err
        damaged(saved, computed)
        (saved / file).write_bytes(whole)
    assert not (tmp_path / "table.csv").exists()
    assert not list((tmp_path / "figures").glob("*"))
    # Negative control: the whole store is believed.
    assert [cli.main([str(word) for word in command]) for command in commands] == [0, 0, 0]
    assert_same_bits(again(saved), fresh)


@pytest.mark.slow
def test_any_file_that_is_taken_away_is_found_and_repaired(saved, fresh, computed, tmp_path):
    for file in files(saved):
        copy = shutil.copytree(saved, tmp_path / "copy")
        (copy / file).unlink()
        computed.clear()
        damaged(copy, computed)
        assert_same_bits(again(copy, repair=True), fresh)
        assert len(computed) == (0 if str(file) in METADATA or "zarr.json" in file.parts else 1)
        assert_same_bits(load(copy), fresh)
        if file.name != "zarr.json" or len(file.parts) > 1:  # the root has forgotten what idle lanes have cost
            assert (copy / file).read_bytes() == (saved / file).read_bytes()
        shutil.rmtree(copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize("how", ["flipped", "emptied", "cut", "removed", "a directory"])
def test_metadata_and_axes_are_written_again_from_the_command(saved, fresh, computed, name, how):
    file = saved / name
    whole = file.read_bytes()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 4
    file.unlink()
    if how == "a directory":
        file.mkdir()
    elif how != "removed":
        file.write_bytes({"flipped": bytes(spoilt), "emptied": b"", "cut": whole[:-1]}[how])
    damaged(saved, computed)
    assert_same_bits(again(saved, repair=True), fresh)
    assert computed == []  # all results were whole
    assert_same_bits(load(saved), fresh)
    assert name == "zarr.json" or file.read_bytes() == whole


def test_an_axis_that_is_lost_is_not_taken_for_a_shorter_sweep(saved, fresh, computed):
    """The longer sweep cannot say which values the lost axis had; the one that wrote it can."""
    (saved / "seed" / "c" / "0").unlink()
    for repair in (False, True):
        with pytest.raises(StoreError, match=r"seed/c/0 is damaged or missing|values of the axis seed are lost"):
            sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=saved, repair=repair)
    assert computed == []
    assert_same_bits(again(saved, repair=True), fresh)


@pytest.mark.slow
def test_a_store_without_its_root_is_repaired_by_no_other_sweep(saved, fresh, computed):
    (saved / "zarr.json").unlink()
    with pytest.raises(StoreError, match="the arrays are not those of this very sweep"):
        again(saved, repair=True, max_epochs=401)
    assert computed == []
    assert_same_bits(again(saved, repair=True), fresh)
    (saved / "zarr.json").unlink()
    longer = sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=saved, repair=True)  # the axes tell how long it was
    np.testing.assert_array_equal(longer.model.mean[:4], fresh.model.mean)
    assert computed == [[20, 21, 22, 23, 24]]


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"", b'{"attributes": {"format": "1"}}'])
def test_a_root_of_nonsense_is_one_sentence(saved, fresh, computed, content):
    (saved / "zarr.json").write_bytes(content)
    damaged(saved, computed)
    assert_same_bits(again(saved, repair=True), fresh)


def test_a_chunk_that_is_a_directory_is_damage(saved, fresh):
    file = next(file for file in (saved / "mean" / "c").rglob("*") if file.is_file())
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match=r"1 damaged batch, mean\["):
        load(saved)
    (file / "mine.txt").write_text("keep")
    with pytest.raises(StoreError, match="cannot be repaired"):
        again(saved, repair=True)
    assert (file / "mine.txt").read_text() == "keep"
    (file / "mine.txt").unlink()
    assert_same_bits(again(saved, repair=True), fresh)


def test_the_digest_of_the_root_is_its_own(saved):
    """Negative control: any other content under the same digest is not whole."""
    root = (saved / "zarr.json").read_bytes()
    assert layout.root_is_whole(root)
    assert not layout.root_is_whole(root.replace(b'"max_epochs": 400', b'"max_epochs": 401'))
    assert layout.root_is_whole(layout.described(root, {"a": 1}, {"sha256_of_this_file": "0" * 64}))
