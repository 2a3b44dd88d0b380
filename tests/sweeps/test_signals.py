"""A kill or Ctrl-C at any moment: the same command goes on, and ends with the bits of an undisturbed sweep."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import ROOT, arrays, assert_same_bits, draws

import mlejax
from mlejax.status import Status
from mlejax.store.load import load

LASTING = {"observations": draws(1000), "max_epochs": 5000, "tolerance": 0.0, "patience": 1_000_000}


def started(folder):
    """A sweep of 64 x 32 runs in a process of its own, as from a shell."""
    command = [sys.executable, "-m", "tests.slow", "sweep", "--seeds", "0:64", "--learning-rates", "0.01:1:32"]
    command += ["--devices", "2", "--out", str(folder)]
    for name, value in LASTING.items():
        command += ["--" + name.replace("_", "-"), str(getattr(value, "count", value))]
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR")
    kept = {k: v for k, v in os.environ.items() if k not in unset}
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


@pytest.mark.slow
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
