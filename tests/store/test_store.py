"""Results on disk: resuming, extending, refusing, repairing; and what a kill or Ctrl-C leaves."""

import dataclasses
import functools
import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray
import zarr
from helpers import ROOT, arrays, assert_same_bits
from zoo import Rayleigh

import mlejax
from mlejax.results.schema import QUANTITIES
from mlejax.status import Status
from mlejax.store import layout, lock, store
from mlejax.store.layout import StoreError, batch_shape
from mlejax.store.store import Store, load
from mlejax.sweeps import collect, measure

SEEDS, RATES = [3, 4, 5, 6], [0.1, 0.2, 0.5, 1.0, 2.0]
sweep = functools.partial(
    mlejax.sweep, mlejax.Normal(0.0, 1.0), observations=500, max_epochs=400, draw="numpy", progress=False
)
NAMES = ("mean", "variance", *QUANTITIES)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Five batches, one for each rate, so that there is something between nothing and everything."""
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 5)


@pytest.fixture(scope="module")
def fresh():
    result = sweep(seeds=SEEDS, learning_rates=RATES)
    assert result.shape == (4, 5)
    return result


@pytest.fixture
def saved(tmp_path, fresh):
    sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path / "atlas")
    return tmp_path / "atlas"


@pytest.fixture
def computed(monkeypatch):
    """The runs that are computed, by number, call by call."""
    calls = []
    run_all = measure.run_all

    def counted(engine, devices, shared, waiting, *rest):
        calls.append(sorted(waiting.tolist()))
        return run_all(engine, devices, shared, waiting, *rest)

    monkeypatch.setattr(measure, "run_all", counted)
    return calls


def in_pieces(monkeypatch, most=1000, size=4):
    """Runs end `size` at a time, and are measured at once; after so many pieces comes Ctrl-C."""
    run_all = measure.run_all

    def pieces(*arguments):
        count = 0
        for ids, states in run_all(*arguments):
            for first in range(0, len(ids), size):
                if (count := count + 1) > most:
                    raise KeyboardInterrupt
                part = slice(first, first + size)
                yield ids[part], jax.tree.map(lambda leaf, part=part: leaf[part], states)

    monkeypatch.setattr(measure, "run_all", pieces)


# What is written --------------------------------------------------------------------------------------------------


def test_a_stored_sweep_is_loaded_as_it_was(saved, fresh):
    result = load(saved)
    assert_same_bits(result, fresh)
    assert type(result.model) is mlejax.Normal
    assert list(result.axes) == ["seed", "learning_rate"]
    np.testing.assert_array_equal(result.information, fresh.information)
    assert result.stability_limit("learning_rate") == fresh.stability_limit("learning_rate")
    assert result.attributes["optimizer"] == "plain ascent"


def test_xarray_opens_the_directory(saved, fresh):
    with xarray.open_zarr(saved) as data:
        assert data["mean"].dims == ("seed", "learning_rate")
        np.testing.assert_array_equal(data["learning_rate"], RATES)
        np.testing.assert_array_equal(data["variance"], fresh.model.variance)
        assert data["status"].attrs["flag_meanings"].split() == [status.name for status in Status]
        assert list(data["status"].attrs["flag_values"]) == [int(status) for status in Status]
        assert data["distance"].attrs["units"] == "standard errors"
        assert data.attrs["settings"]["data"] == "500 draws from Normal(mean=7.2, variance=7.84) by NumPy"
        assert data.attrs["device"].endswith("x cpu")


def test_a_model_of_ones_own_is_loaded_with_its_fields(tmp_path):
    x = np.random.RandomState(0).rayleigh(2.0, 100)
    arguments = {"seeds": [0], "learning_rates": [0.1, 0.2], "observations": x, "max_epochs": 100, "progress": False}
    made = mlejax.sweep(Rayleigh(1.0), **arguments, out=tmp_path)
    found = load(tmp_path)
    assert type(found.model).__name__ == "Rayleigh"
    np.testing.assert_array_equal(found.model.scale, made.model.scale)
    assert found.run(0, 1).record() == made.run(0, 1).record()


def test_a_namesake_of_a_model_of_the_library_is_not_taken_for_it():
    assert store._family("Normal", ["mean", "variance"]) is mlejax.Normal
    other = store._family("Normal", ["mean", "sd"])
    assert other is not mlejax.Normal
    assert other(1.0, 2.0).sd == 2.0


@pytest.mark.parametrize("shape", [(1,), (100, 41), (1000, 1000), (3, 1, 5000), (100_000, 7)])
def test_batches_are_neither_tiny_nor_huge(shape, monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 256)
    size, count = np.prod(batch_shape(shape)), np.prod(shape)
    assert min(count, 128) <= size <= layout.LARGEST_BATCH
    assert all(1 <= part <= whole for part, whole in zip(batch_shape(shape), shape, strict=True))


# Going on ---------------------------------------------------------------------------------------------------------


def test_the_same_sweep_again_computes_nothing(saved, fresh, computed):
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)
    assert computed == []


def interrupt_after(monkeypatch, calls):
    """Ctrl-C while the results of the call after so many are kept."""
    put, seen = collect.Results.put, []

    def interrupted(self, ids, outcome):
        if len(seen) == calls:
            raise KeyboardInterrupt
        seen.append(ids)
        put(self, ids, outcome)

    monkeypatch.setattr(collect.Results, "put", interrupted)
    return seen


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
    put, calls = collect.Results.put, []

    class Interrupting:
        def __array__(self, *_, **__):
            raise KeyboardInterrupt

    def interrupted(self, ids, outcome):
        calls.append(ids)
        put(self, ids, outcome if len(calls) < 2 else dataclasses.replace(outcome, distance=Interrupting()))

    with monkeypatch.context() as patch:
        patch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
        patch.setattr(layout, "SMALLEST_BATCH", 20)  # all runs in one batch
        in_pieces(patch)
        patch.setattr(collect.Results, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
        part = load(tmp_path)
    done = part.status != Status.RUNNING
    assert done.sum() == 4
    for name, array in arrays(part).items():
        np.testing.assert_array_equal(array[done], arrays(fresh)[name][done], err_msg=name)


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

    moments = [(Store, "save", killed), (os, "rename", killed), (os, "replace", move_three), (Path, "rmdir", killed)]
    with monkeypatch.context() as patch:
        patch.setattr(*moments[step])
        with pytest.raises(KilledError):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    if step == 2:  # some arrays are of the longer sweep, others are not
        with pytest.raises(StoreError, match="was being extended when that was killed; the same sweep again finishes"):
            load(tmp_path)
    else:
        assert np.count_nonzero(load(tmp_path).status) == 10
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)
    assert not list(tmp_path.glob(".ready")) + list(tmp_path.glob(".making"))


# Refusing ---------------------------------------------------------------------------------------------------------

OTHER = {
    "max_epochs": ({"max_epochs": 401}, "max_epochs = 400; this one has 401"),
    "patience": ({"patience": 49}, "patience = 50; this one has 49"),
    "data": ({"observations": 501}, r"data = 500 draws from .*; this one has 501 draws"),
    "draw": ({"draw": "jax"}, "data = 500 draws from .* by NumPy; this one has 500 draws from .* by JAX"),
    "optimizer": ({"optimizer": mlejax.natural_gradient()}, "optimizer = plain ascent; this one has optax "),
    "dtype": ({"dtype": "float32"}, "dtype = float64; this one has float32"),
    "split": ({"split_seed": 1}, "split_seed = 42; this one has 1"),
    "an axis": ({"patience": [10, 50]}, "patience = 50; this one has nothing"),
    "a seed missing": ({"seeds": SEEDS[1:]}, "runs with seed = 3, which this sweep leaves out: .* extended, not cut"),
    "a rate missing": ({"learning_rates": RATES[1:]}, "runs with learning_rate = 0.1, which"),
}


@pytest.mark.parametrize(("arguments", "message"), OTHER.values(), ids=OTHER)
def test_another_sweep_is_refused_and_leaves_the_store_alone(arguments, message, saved, fresh):
    with pytest.raises(StoreError, match=message):
        sweep(**{"seeds": SEEDS, "learning_rates": RATES} | arguments, out=saved)
    assert_same_bits(load(saved), fresh)


def test_another_model_is_refused(saved):
    with pytest.raises(StoreError, match=r"model = Normal \w+; this one has LogNormal \w+"):
        mlejax.sweep(
            mlejax.LogNormal(0.0, 1.0), seeds=SEEDS, learning_rates=RATES, observations=500, max_epochs=400,
            target=mlejax.LogNormal(0.0, 1.0), progress=False, out=saved,
        )  # fmt: skip


def edit_attributes(path, change):
    file = path / "zarr.json"
    whole = json.loads(file.read_text())
    change(whole["attributes"])
    file.write_text(json.dumps(whole))


def test_a_newer_format_is_refused(saved):
    edit_attributes(saved, lambda attributes: attributes.update(format=layout.FORMAT + 1))
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match=r"written by a newer mlejax \(format 2; this one knows 1\)\. Upgrade"):
            use(saved)


def test_another_version_of_the_compiler_is_refused(saved):
    edit_attributes(saved, lambda attributes: attributes["settings"].update(computed_by="jaxlib 0.0.1, tpu"))
    with pytest.raises(StoreError, match=r"computed_by = jaxlib 0.0.1, tpu; this one has jaxlib"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=saved)


def test_a_store_of_something_else_is_refused(tmp_path):
    zarr.open_group(tmp_path, mode="w")
    for use in (load, lambda path: sweep(seeds=SEEDS, learning_rates=RATES, out=path)):
        with pytest.raises(StoreError, match="is a Zarr store, but not of a sweep"):
            use(tmp_path)


def test_a_directory_without_a_store(tmp_path):
    with pytest.raises(StoreError, match="holds no sweep: there is no Zarr store in it"):
        load(tmp_path)
    (tmp_path / "mean").mkdir()
    (tmp_path / "mean" / "mine.txt").write_text("keep")
    with pytest.raises(StoreError, match="holds 'mean', but no sweep"):
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
        with pytest.raises(StoreError, match="the store cannot be read"):
            use(saved)


def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.getuid() == 0:  # everything is writable for root
        monkeypatch.setattr(lock, "lock_directory", denied)
    with pytest.raises(StoreError, match=r"Permission denied\. Nothing that was finished is lost"):
        sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, fresh, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
    in_pieces(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device\. Nothing that was finished is lost"):
            sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path), fresh)


# One at a time ----------------------------------------------------------------------------------------------------


def open_store(path):
    return Store(path, {"seed": np.arange(3)}, ("mean",), {"a": 1})


def test_a_second_handle_is_refused_until_the_first_is_closed(tmp_path):
    first = open_store(tmp_path)
    with pytest.raises(StoreError, match=rf"is in use by another process \(pid {os.getpid()}\)\. Wait for it"):
        open_store(tmp_path)
    first.close()
    open_store(tmp_path).close()


def test_a_second_process_is_refused(tmp_path):
    program = f"""
import sys, numpy as np
from mlejax.store.store import Store
held = Store({str(tmp_path)!r}, {{"seed": np.arange(3)}}, ("mean",), {{"a": 1}})
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(StoreError, match=rf"in use by another process \(pid {other.pid}\)"):
                open_store(tmp_path)
        finally:
            other.kill()
    open_store(tmp_path).close()  # the system let go of the lock


# Damage -----------------------------------------------------------------------------------------------------------


def chunks(path, name):
    found = sorted(file for file in (path / name / "c").rglob("*") if file.is_file())
    assert len(found) == 5
    return found


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


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


def test_a_repair_that_is_killed_leaves_nothing_half_repaired(saved, fresh, monkeypatch):
    """The batch is written before all of its runs are there again; the kill comes before its status is written."""

    class KilledError(BaseException):
        pass

    write_whole = layout._write_whole

    def killed_at_a_status(file, content):
        if "status" in file.parts:
            raise KilledError
        write_whole(file, content)

    flip_a_bit(chunks(saved, "mean")[1])
    with monkeypatch.context() as patch:
        patch.setattr(measure, "SECONDS_BETWEEN_CONCLUSIONS", 0.0)
        patch.setattr("mlejax.sweeps.collect.SECONDS_BETWEEN_SAVES", -1.0)
        in_pieces(patch, size=1)
        patch.setattr(layout, "_write_whole", killed_at_a_status)
        with pytest.raises(KilledError):
            sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True)
    part = load(saved)
    done = part.status != Status.RUNNING
    assert done.sum() == 16
    for name, array in arrays(part).items():
        np.testing.assert_array_equal(array[done], arrays(fresh)[name][done], err_msg=name)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"settings": 1}, "'settings' is recorded by the sweep itself"), ({"a": np.nan}, "Out of range float values")],
)
def test_attributes_that_would_spoil_the_store_are_refused_before_anything_is_run(tmp_path, computed, given, message):
    with pytest.raises(ValueError, match=message):
        sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path / "atlas", attributes=given)
    assert computed == []
    assert not (tmp_path / "atlas").exists()


def test_a_batch_that_is_lost_is_computed_again(saved, fresh, computed):
    chunks(saved, "status")[2].unlink()
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved), fresh)
    assert computed == [[2, 7, 12, 17]]


def test_a_chunk_that_finished_runs_should_have_is_missed(saved, fresh, computed):
    chunks(saved, "mean")[2].unlink()
    with pytest.raises(StoreError, match=r"1 damaged batch, mean\[0:4, 2:3\] first"):
        load(saved)
    assert_same_bits(sweep(seeds=SEEDS, learning_rates=RATES, out=saved, repair=True), fresh)
    assert computed == [[2, 7, 12, 17]]


@pytest.mark.parametrize("name", ["mean", "status", "epochs"])
def test_chunks_are_written_byte_for_byte_as_zarr_would(saved, tmp_path, name):
    """The last of them reaches beyond the array."""
    values = np.arange(14).reshape(7, 2)
    path = tmp_path / "by zarr"
    layout.create(path, {"seed": np.arange(7), "learning_rate": np.arange(2)}, ("mean", "variance"), {})
    array = zarr.open_group(path, mode="r+")[name]
    assert array.chunks == (5, 1)
    array[...] = values
    whole = {n: values.astype(array.dtype if n == name else float) for n in (name, "status")}
    for batch in np.ndindex(2, 2):
        layout.write_batch(tmp_path / "by hand", batch, (5, 1), whole)
    files = [file for file in path.joinpath(name, "c").rglob("*") if file.is_file()]
    assert len(files) == 4
    for file in files:
        assert file.read_bytes() == (tmp_path / "by hand" / file.relative_to(path)).read_bytes()


# Kill and Ctrl-C --------------------------------------------------------------------------------------------------

LASTING = {"observations": 1000, "max_epochs": 5000, "tolerance": 0.0, "patience": 1_000_000}
"""No run ends early; `tests.slow` takes five calls for each. A device has eight times as many as it has lanes."""


def started(folder):
    """A sweep of 64 x 32 runs in a process of its own, as from a shell."""
    command = [sys.executable, "-m", "tests.slow", "sweep", "--seeds", "0:64", "--learning-rates", "0.01:1:32"]
    command += ["--devices", "2", "--out", str(folder)]
    for name, value in LASTING.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    kept = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")}
    kept["XDG_CACHE_HOME"] = str(folder.parent / "cache")
    return subprocess.Popen(command, env=kept, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_until_more_than(count, stream):
    """Wait until its progress bar has counted more runs."""
    said = b""
    while not any(int(runs) > count for runs in re.findall(rb"(\d+)/2048", said)):
        piece = stream.read1(4096)
        assert piece, said.decode()
        said += piece


def ended_by(how, folder, delay, count=0):
    """A sweep that gets a signal so long after so many runs have ended (or, with no delay, as soon as it writes)."""
    with started(folder) as process:
        if delay is None:
            while not (folder / ".making").exists() and not (folder / "zarr.json").exists():
                assert process.poll() is None, process.stderr.read().decode()
                time.sleep(0.001)
        else:
            read_until_more_than(count, process.stderr)
            time.sleep(delay)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_killed_and_interrupted_a_sweep_ends_with_the_same_bits(tmp_path):
    folder = tmp_path / "atlas"
    rates = np.geomspace(0.01, 1, 32)
    start = mlejax.Normal(0.0, 1.0)
    reference = mlejax.sweep(start, seeds=range(64), learning_rates=rates, **LASTING, progress=False)

    def finished():
        part = load(folder)
        done = part.status != Status.RUNNING
        for name, array in arrays(part).items():
            np.testing.assert_array_equal(array[done], arrays(reference)[name][done], err_msg=name)
        return int(done.sum())

    assert ended_by(signal.SIGKILL, folder, None)[0] == -signal.SIGKILL
    counts, moment = [0], random.Random(0)
    for _ in range(2):
        assert ended_by(signal.SIGKILL, folder, moment.uniform(0.0, 0.3), counts[-1])[0] == -signal.SIGKILL
        counts.append(finished())
    status, out, err = ended_by(signal.SIGINT, folder, 0.0, counts[-1])
    counts.append(finished())
    assert (status, out) == (130, "")
    assert f"mlejax sweep: interrupted. Finished runs are safe in {folder}; the same command goes on from there." in err
    assert "Traceback" not in err
    assert counts == sorted(counts)  # nothing that was finished is lost
    assert counts[-2] < counts[-1] < 2048  # what Ctrl-C found finished was kept
    whole = mlejax.sweep(start, seeds=range(64), learning_rates=rates, **LASTING, progress=False, out=folder)
    assert_same_bits(whole, reference)
    assert finished() == 2048
