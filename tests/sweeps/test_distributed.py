"""Several processes that share one sweep, as on several machines: the same bits as one process."""

import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import xarray
import zarr
from helpers import ROOT, draws

import mlejax
from mlejax import devices
from mlejax.cli import machine
from mlejax.cli import main as cli
from mlejax.results.schema import variables
from mlejax.status import Status
from mlejax.store import layout, lock, store
from mlejax.store.files import StoreError

PROCESSES, SEEDS, RATES = 3, 256, 15
ARGUMENTS = [
    "sweep", "--draw", "statistics", "--observations", "300", "--seeds", f"0:{SEEDS}",
    "--learning-rates", f"0.05:0.9:{RATES}", "--max-epochs", "5000", "--patience", "1000000", "--tolerance", "0",
]  # fmt: skip
SECONDS = 240


# Processes --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder in which the processes of all tests find what others have compiled."""
    return tmp_path_factory.mktemp("cache")


def start(folder, name, cache, *arguments, **variables):
    """`mlejax sweep`, slowed down, in a process of its own."""
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment |= {"XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu"} | variables
    with open(folder / f"{name}.out", "w") as out, open(folder / f"{name}.err", "w") as err:
        command = [sys.executable, "-m", "tests.slow", *ARGUMENTS, *map(str, arguments)]
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=err)


def finished(folder, name, process):
    """What the process printed, once it has ended well."""
    status = process.wait(SECONDS)
    out, err = ((folder / f"{name}.{stream}").read_text() for stream in ("out", "err"))
    assert status == 0, f"{name} ended with {status}: {err[-2000:]}"
    return out, err


@pytest.fixture(scope="module")
def alone(tmp_path_factory, cache):
    """The sweep of one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("alone")
    finished(folder, "alone", start(folder, "alone", cache, "--devices", 2, "--out", folder / "alone", PAUSE="0"))
    return folder / "alone"


@pytest.fixture
def cluster(tmp_path, cache):
    """A function that starts one of the processes; none outlives the test."""
    started = []

    def member(index, name, **variables):
        process = start(
            tmp_path, name, cache, "--devices", 1, "--out", tmp_path / "shared",
            "--num-processes", PROCESSES, "--process-id", index, **variables,
        )  # fmt: skip
        started.append(process)
        return process

    yield member
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def some_written_by(directory, process):
    """Whether results of a process are on disk. Its batches are every third; here a batch is all seeds of a rate."""
    if not (directory / "zarr.json").exists():
        return False
    status = np.asarray(zarr.open_group(directory, mode="r")["status"][...])
    assert status.shape == (SEEDS, RATES)
    return bool(np.any(status[:, process::PROCESSES] != Status.RUNNING))


@pytest.mark.slow
def test_three_processes_of_which_one_is_killed_and_started_again(tmp_path, cluster, alone):
    # The victim pauses for longer, so that it is not done before it is killed, however slow the looking is.
    members = {f"process {i}": cluster(i, f"process {i}", PAUSE="1" if i == 1 else "0.05") for i in range(PROCESSES)}
    victim = members.pop("process 1")
    deadline = time.monotonic() + SECONDS
    while not some_written_by(tmp_path / "shared", 1):
        assert victim.poll() is None, (tmp_path / "process 1.err").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL, "it ended before it could be killed: make the sweep longer"
    status = np.asarray(zarr.open_group(tmp_path / "shared", mode="r")["status"][...])
    assert np.any(status[:, 1::PROCESSES] == Status.RUNNING), "it was done before it was killed: make the sweep longer"
    members["process 1 again"] = cluster(1, "process 1 again")
    printed = {name: finished(tmp_path, name, process) for name, process in members.items()}

    # One line of progress and one report per sweep, not per process.
    assert "results: " in printed["process 0"][0]
    for name in ("process 1 again", "process 2"):
        assert printed[name][0] == ""
        assert "runs/s" not in printed[name][1]
    with xarray.open_zarr(alone) as whole, xarray.open_zarr(tmp_path / "shared") as shared:
        assert shared.sizes == {"seed": SEEDS, "learning_rate": RATES}
        assert not np.any(shared.status == Status.RUNNING)
        assert set(shared.variables) == set(whole.variables)
        for variable in whole.variables:
            assert shared[variable].values.tobytes() == whole[variable].values.tobytes(), variable
        assert shared.attrs["mlejax"]["settings"] == whole.attrs["mlejax"]["settings"]
        assert shared.attrs["mlejax"]["result"]["finished"]
        assert "arguments" in shared.attrs["attributes"]


@pytest.mark.slow
def test_the_first_process_is_killed(tmp_path, cluster, alone):
    """The others write what has ended, say what to do, and end; started again alone, the first makes their runs too."""
    # The first is so slow that it has much to do yet when it is killed, however late the others come.
    members = {f"process {i}": cluster(i, f"process {i}", PAUSE="0.05" if i else "10") for i in range(PROCESSES)}
    deadline = time.monotonic() + SECONDS
    while not all((tmp_path / "shared" / name).exists() for name in ("zarr.json", ".lock.1", ".lock.2")):
        assert members["process 0"].poll() is None, (tmp_path / "process 0.err").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    members["process 0"].send_signal(signal.SIGKILL)
    for name in ("process 1", "process 2"):
        assert members[name].wait(SECONDS) == 2, (tmp_path / f"{name}.err").read_text()[-2000:]
        said = (tmp_path / f"{name}.err").read_text().splitlines()
        assert len(said) == 1
        assert "the first process of the sweep has ended before its time" in said[0]
        assert "start all processes again with the same commands" in said[0]
    status = np.asarray(zarr.open_group(tmp_path / "shared", mode="r")["status"][...])
    assert np.any(status == Status.RUNNING), "it was done before it was killed: make the sweep longer"
    with xarray.open_zarr(alone) as whole, xarray.open_zarr(tmp_path / "shared") as shared:
        done = shared.status.values != Status.RUNNING
        for variable in whole.data_vars:
            assert shared[variable].values[done].tobytes() == whole[variable].values[done].tobytes(), variable
    _, said = finished(tmp_path, "again", cluster(0, "again", AWAY="1"))
    assert "process 1 (of 0 to 2) has been away for" in said
    with xarray.open_zarr(alone) as whole, xarray.open_zarr(tmp_path / "shared") as shared:
        for variable in whole.variables:
            assert shared[variable].values.tobytes() == whole[variable].values.tobytes(), variable


# What is refused --------------------------------------------------------------------------------------------------

INCOMPLETE = {
    "a number alone": ["--num-processes", "3"],
    "a process alone": ["--process-id", "1"],
    "a number, and no cluster": ["--distributed", "--num-processes", "3"],
}


@pytest.mark.parametrize("arguments", INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_part_of_a_cluster_is_refused(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.setattr(devices, "start", lambda _: None)
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_: pytest.fail("joined a cluster"))
    status = cli.main([*ARGUMENTS, "--out", str(tmp_path / "out"), *arguments])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "--num-processes and --process-id must be given together" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", devices.SAID_BY.items(), ids=["SLURM", "Open MPI"])
def test_what_started_the_processes_says_which_this_is(monkeypatch, names):
    monkeypatch.setattr(devices, "_GIVEN", [])
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_: pytest.fail("joined a cluster"))
    for name, value in zip(names, "52", strict=True):
        monkeypatch.setenv(name, value)
    devices.join()
    assert (devices.process_index(), devices.process_count(), devices.connected()) == (2, 5, False)
    devices.join(3, 1)  # what is given wins
    assert (devices.process_index(), devices.process_count()) == (1, 3)


@pytest.mark.slow
def test_no_cluster_to_be_found(tmp_path, cache):
    done = start(tmp_path, "lost", cache, "--distributed", "--out", tmp_path / "out")
    assert done.wait(SECONDS) == 2
    err = (tmp_path / "lost.err").read_text()
    assert err.startswith("mlejax sweep: no cluster was found")
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_several_processes_need_a_directory(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(ValueError, match="over several processes needs out="):
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0),
            seeds=[0],
            learning_rates=[0.1],
            observations=draws(50),
            max_epochs=2,
            progress=False,
        )


# A store that several processes write ------------------------------------------------------------------------------

AXES = {"seed": np.arange(4), "learning_rate": np.array([0.1, 0.2, 0.3])}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 4)
    monkeypatch.setattr(lock, "FOLLOW_SECONDS", 0.3)
    monkeypatch.setattr(lock, "POLL_SECONDS", 0.05)
    held = []
    monkeypatch.setattr(lock, "HELD", held)
    yield
    for handle in held:
        handle.close()


def open_store(path, process=0, axes=AXES, rule=1):
    laid = layout.Layout.of(axes, variables(mlejax.Normal(0.0, 1.0)))
    return store.open_store(path, laid, layout.Description({"rule": rule}, [{}], {}, {}), process=process)


def results(value):
    return {each.name: np.full((4, 1), value).astype(each.dtype) for each in variables(mlejax.Normal(0.0, 1.0))}


def test_a_follower_takes_what_the_first_has_made(tmp_path, impatient):
    first = open_store(tmp_path)
    assert first.layout.grid == (1, 3)
    first.write_batch(0, results(1.0))
    second = open_store(tmp_path, process=1)
    assert (second.status[:, 0] == 1).all()
    assert (second.status[:, 1:] == Status.RUNNING).all()
    second.write_batch(1, results(2.0))
    second.close()
    assert first.statuses().tolist() == [[1, 2, Status.RUNNING]] * 4
    np.testing.assert_array_equal(first.arrays(status=first.statuses())["mean"][:, :2], [[1.0, 2.0]] * 4)
    first.close()


@pytest.mark.slow
def test_a_follower_waits_for_the_same_sweep(tmp_path, impatient):
    """Nothing there; or another sweep's results, which the first process may be about to extend."""
    with pytest.raises(StoreError, match="process 1 waited 0 s for the first process"):
        open_store(tmp_path, process=1)
    assert not list(tmp_path.iterdir())
    open_store(tmp_path).close()
    with pytest.raises(StoreError, match="with the same settings"):
        open_store(tmp_path, process=1, rule=2)
    with pytest.raises(StoreError, match="with the same settings"):
        open_store(tmp_path, process=1, axes=AXES | {"seed": np.arange(5)})


def test_one_process_of_each_number(tmp_path, impatient):
    first = open_store(tmp_path)
    held = open_store(tmp_path, process=1)
    with pytest.raises(StoreError, match=f"in use by another process .pid {os.getpid()}"):
        open_store(tmp_path, process=1)
    other = open_store(tmp_path, process=2)
    held.close()
    other.close()
    # Until it ends, a process that follows holds its part, by which the first knows that it is there.
    with pytest.raises(StoreError, match="in use"):
        open_store(tmp_path, process=1)
    first.close()


def test_the_first_waits_for_the_others(tmp_path, impatient, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    open_store(tmp_path).close()
    lock.wait_for_followers(tmp_path)  # nobody there
    follower = open_store(tmp_path, process=1)
    began = time.monotonic()
    lock.wait_for_followers(tmp_path)
    assert time.monotonic() - began >= 0.3
    follower.hold.close()
