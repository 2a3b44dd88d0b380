"""SIGKILL at random moments: the same command goes on, and ends with the bits of a sweep that nobody disturbed."""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray
from helpers import ROOT

from mlejax.status import Status

KILLS = 20 if os.environ.get("CI") else 5
ARGUMENTS = [
    "sweep", "--devices", "2", "--draw", "statistics", "--observations", "300", "--seeds", "0:256",
    "--learning-rates", "0.05:0.9:16", "--patience", "1000000", "--tolerance", "0",
]  # fmt: skip

EPOCHS = 20_000

# A process that has imported everything and started nothing. For each line it forks a child that is the command
# `mlejax sweep`: what is killed is a process of its own, without the seconds that imports and pictures take. A busy
# child writes as often as it can and pauses after each call of a device, so that kills fall between two files of a
# batch on a machine of any speed; its delay counts from the first batch that it writes.
NURSERY = """
import os, select, signal, sys, time
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import matplotlib.pyplot, optax, xarray, zarr
from mlejax import plotting
from mlejax.cli import main as cli
from mlejax.store import store
from mlejax.sweeps import collect, cost, measure, schedule, sweep
import slow

written_to, told_by = os.pipe()
os.set_blocking(written_to, False)
write_batch = store.Store.write_batch

def told(*arguments):
    os.write(told_by, b".")
    write_batch(*arguments)

def command(directory, epochs, busy):
    if busy:
        collect.SECONDS_BETWEEN_SAVES = measure.SECONDS_BETWEEN_CONCLUSIONS = 0.0
        slow.PAUSE, slow.TURNS = 0.01, 128
        schedule.Pace, store.Store.write_batch = slow.Pace, told
    plotting.save_all = lambda *_: []
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    return cli.main([*sys.argv[1:], "--max-epochs", epochs, "--out", directory])

for line in sys.stdin:
    directory, epochs, busy, delay = line.split()
    while select.select([written_to], [], [], 0)[0]:
        os.read(written_to, 4096)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(command(directory, epochs, busy == "True"))
    ended, since = 0, None if busy == "True" else began
    while not ended and (since is None or time.monotonic() - since < float(delay)):
        if since is None and select.select([written_to], [], [], 0)[0]:
            since = time.monotonic()
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)
    if not ended:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), time.monotonic() - began, flush=True)
"""


class Nursery:
    """Runs the command until it ends, or until a delay is over."""

    def __init__(self, cache):
        environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, *ARGUMENTS],
            env=environment | {"XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT / "tests")},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, directory, epochs=EPOCHS, busy=False, delay=600.0):
        """The exit status, negative for the signal that ended it, and how long it took."""
        self.process.stdin.write(f"{directory} {epochs} {busy} {delay}\n")
        self.process.stdin.flush()
        status, seconds = self.process.stdout.readline().split()
        return int(status), float(seconds)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(60) == 0


@pytest.fixture
def nursery(tmp_path):
    made = Nursery(tmp_path / "cache")
    yield made
    made.close()


def opened(directory):
    with xarray.open_zarr(directory) as dataset:
        return dataset.load()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [KILLS])
def test_a_sweep_that_is_killed_and_goes_on(tmp_path, nursery, kills):
    assert nursery.run(tmp_path / "first", epochs=2)[0] == 0  # fills the compilation cache
    status, life = nursery.run(tmp_path / "whole")
    assert status == 0
    whole = opened(tmp_path / "whole")
    assert whole.sizes == {"seed": 256, "learning_rate": 16}
    chance, killed, attempt, interrupted = random.Random(1), 0, 0, 0
    while killed < kills:
        attempt += 1
        directory, busy = tmp_path / f"killed-{attempt}", attempt % 2 == 1  # every other writes most of its time
        status = None
        while status != 0:
            delay = chance.uniform(0, 0.5 if busy else life) if killed < kills else 600.0
            status, _ = nursery.run(directory, busy=busy, delay=delay)
            assert status in (0, -signal.SIGKILL)
            killed += status != 0
            if (directory / "zarr.json").exists():
                partial = opened(directory)
                done = partial.status.values != Status.RUNNING
                interrupted += status != 0 and 0 < done.sum() < done.size
                for name, values in whole.data_vars.items():
                    assert partial[name].values[done].tobytes() == values.values[done].tobytes(), name
                for parameter in ("mean", "variance"):
                    assert np.isfinite(partial[parameter].values[done]).all()
        final = opened(directory)
        assert final.identical(whole.assign_attrs(final.attrs))
        for name in whole.variables:
            assert final[name].values.tobytes() == whole[name].values.tobytes(), name
    assert interrupted >= 1, "no kill fell into a sweep with some runs done"
