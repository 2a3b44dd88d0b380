"""Damage is found wherever it is, and repaired bit by bit."""

import numpy as np
import pytest
from helpers import arrays, assert_same_bits
from stored import RATES, SEEDS, in_pieces, sweep

from mlejax import devices
from mlejax.status import Status
from mlejax.store import batches
from mlejax.store.files import StoreError
from mlejax.store.load import load, stored
from mlejax.sweeps import measure

pytestmark = pytest.mark.usefixtures("small_batches")


def chunks(path, name):
    found = sorted(file for file in (path / name / "c").rglob("*") if file.is_file())
    assert len(found) == 5
    return found


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["variance", "status", "epochs"])
@pytest.mark.parametrize("spoil", [flip_a_bit, lambda file: file.write_bytes(b"")], ids=["a bit flipped", "emptied"])
def test_a_damaged_batch_is_found_and_repaired(saved, fresh, computed, name, spoil):
    spoil(chunks(saved, name)[1])
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match=rf"1 damaged batch, {name}\[0:4, 1:2\] first; .* \(--repair\)"):
            use(saved)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True), fresh)
    assert computed == [[1, 6, 11, 16]]
    assert_same_bits(load(saved), fresh)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["variance", "train_log_likelihood"])
def test_a_copy_that_was_taken_while_a_batch_was_written_is_damaged(saved, fresh, computed, name):
    """Its chunks are whole, but of several times: the third of its four runs has ended, and has no number."""
    layout = stored(saved).layout
    (variable,) = (each for each in layout.variables if each.name == name)
    batch = batches.read_batch(saved, layout, 1)
    batch[name][2] = np.nan
    (saved / layout.chunk(variable, 1)).write_bytes(layout.encode(variable, batch[name]))
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match=rf"1 damaged batch, {name}\[0:4, 1:2\] first; .* \(--repair\)"):
            use(saved)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True), fresh)
    assert computed == [[1, 6, 11, 16]]


@pytest.mark.slow
def test_a_repair_that_is_killed_leaves_nothing_half_repaired(saved, fresh, monkeypatch):
    """The batch is written before all of its runs are there again; the kill comes before its status is written."""

    class KilledError(BaseException):
        pass

    write_whole = batches.write_whole

    def killed_at_a_status(root, name, content):
        if name.startswith("status/"):
            raise KilledError
        write_whole(root, name, content)

    flip_a_bit(chunks(saved, "mean")[1])
    with monkeypatch.context() as patch:
        patch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
        patch.setattr("mlejax.sweeps.collect.SECONDS_BETWEEN_SAVES", 0.001)
        in_pieces(patch, size=1)
        patch.setattr(batches, "write_whole", killed_at_a_status)
        with pytest.raises(KilledError):
            sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True)
    part = load(saved)
    done = part.status != Status.RUNNING
    assert done.sum() == 16
    for name, array in arrays(part).items():
        np.testing.assert_array_equal(array[done], arrays(fresh)[name][done], err_msg=name)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)


def test_a_batch_that_is_lost_is_computed_again(saved, fresh, computed):
    chunks(saved, "status")[2].unlink()
    with pytest.raises(StoreError, match=r"1 damaged batch, status\[0:4, 2:3\] first"):
        load(saved)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True), fresh)
    assert computed == [[2, 7, 12, 17]]


def test_a_chunk_that_finished_runs_should_have_is_missed(saved, fresh, computed):
    chunks(saved, "mean")[2].unlink()
    with pytest.raises(StoreError, match=r"1 damaged batch, mean\[0:4, 2:3\] first"):
        load(saved)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True), fresh)
    assert computed == [[2, 7, 12, 17]]


@pytest.fixture
def mixed(saved, monkeypatch):
    """A store whose last seed was computed by another version of the compiler, which is here now."""
    here = devices.computed_by()
    monkeypatch.setattr(devices, "computed_by", lambda *_: here | {"jaxlib": "0.0.1"})
    return saved, sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=saved, allow_mixed=True)


@pytest.mark.parametrize("name", ["zarr.json", "computed_by/zarr.json"])
def test_metadata_of_a_store_of_several_ways_is_written_again(mixed, computed, name):
    path, whole = mixed
    (path / name).unlink()
    with pytest.raises(StoreError, match=r"with repair \(--repair\)"):
        load(path)
    computed.clear()
    repaired = sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=path, repair=True)
    assert_same_bits(repaired, whole)
    assert computed == []
    np.testing.assert_array_equal(load(path).arrays["computed_by"], whole.arrays["computed_by"])
    assert load(path).provenance.computed_by == whole.provenance.computed_by


def test_what_ways_there_were_cannot_be_guessed(mixed):
    path, _ = mixed
    (path / "zarr.json").unlink()
    (path / "computed_by" / "zarr.json").unlink()
    with pytest.raises(StoreError, match=r"so is computed_by/zarr.json, .* Bring one of them back from a copy"):
        sweep(seeds=[*SEEDS, 7], learning_rates=RATES, out=path, repair=True)
