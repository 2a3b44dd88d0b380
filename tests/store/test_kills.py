"""SIGKILL all through an extension: nothing is lost, nothing doubled, and the same call goes on."""

import subprocess
import sys

import pytest
from helpers import ROOT

# A process of its own, in which no device is started, so that it may fork. Each child is killed one stride of changes
# to the directory later than the one before, until one comes to its end.
KILLS = """
import os, shutil, signal, sys
from pathlib import Path
import numpy as np
import mlejax
from mlejax import devices
from mlejax.results.schema import DIGEST, fit_variables
from mlejax.status import Status
from mlejax.store import layout
from mlejax.store.files import StoreError
from mlejax.store.layout import FITS, Description, Layout
from mlejax.store.load import stored
from mlejax.sweeps.collect import Collector

folder, stride = sys.argv[1], int(sys.argv[2])
devices.process_index, devices.process_count = lambda: 0, lambda: 1
layout.SMALLEST_BATCH = 4
VARIABLES = (*fit_variables(mlejax.Exponential(1.0), "group"), DIGEST)
SOME, ALL = np.arange(1, 20, 2), np.arange(20)
CHANGES = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree")
left = None

def watched(event, arguments):
    global left
    if left is None or event not in CHANGES or not str(arguments[0]).startswith(folder):
        return
    if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        return
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watched)

def make(path, groups, most):
    # Every variable of a group is its number.
    known = {DIGEST.name: groups.astype(np.uint64)}
    description = Description({"model": "Exponential 0"}, [{}], {}, {}, FITS)
    with Collector.of(Layout.of({"group": groups}, VARIABLES), description, out=path, known=known) as kept:
        there = groups[kept.status != Status.RUNNING].tolist()
        waiting = np.flatnonzero(kept.waiting())[:most]
        for part in np.array_split(waiting, 3):
            numbers = groups[part]
            found = {each.name: numbers.astype(each.numpy) for each in VARIABLES}
            kept.put(part, found | {"status": np.full(len(part), int(Status.CONVERGED))})
        kept.describe({"device": "none"}, kept.settle()["status"])
    return there

def ended(path):
    found = stored(Path(path))
    groups, done = found.layout.axes["group"], found.arrays["status"] != Status.RUNNING
    for each in VARIABLES:
        if each.name != "status":
            assert found.arrays[each.name][done].tolist() == groups[done].astype(each.numpy).tolist(), each.name
    return groups[done].tolist()

def look(path):
    try:
        assert set(ended(path)) >= set(SOME[:8])
    except StoreError as error:
        assert "was being extended when that was killed; the same call again finishes it" in str(error)

def go_on(path):
    assert set(make(path, ALL, 20)) >= set(SOME[:8])
    assert ended(path) == ALL.tolist()
    names = [name for _, folders, files in os.walk(path) for name in (*folders, *files)]
    assert not [name for name in names if name.endswith(".part") or name in (".making", ".ready")]

def status_of(work, *arguments):
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
        except BaseException as error:
            os.write(2, f"{work.__name__}: {error!r}".encode())
            os._exit(9)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def extend(path, changes):
    global left
    left = changes
    make(path, ALL, 20)

before, path = f"{folder}/before", f"{folder}/extended"
assert status_of(make, before, SOME, 8) == 0
kills = 0
while True:
    shutil.copytree(before, path)
    if (status := status_of(extend, path, kills * stride)) == 0:
        break
    assert status == -signal.SIGKILL, status
    assert status_of(look, path) == 0, kills * stride
    assert status_of(go_on, path) == 0, kills * stride
    shutil.rmtree(path)
    kills += 1
print(kills)
"""


@pytest.mark.slow
def test_an_extension_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", KILLS, str(tmp_path), "31"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 10
