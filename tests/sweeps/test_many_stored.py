"""`fit_many` with a directory: interrupted, killed, extended, and always the bits of a table that nobody disturbed."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax import devices
from mlejax.status import Status
from mlejax.store import batches, layout
from mlejax.sweeps import collect, fits

RANDOM = np.random.RandomState(5)
SIZES = [20, 3, 700, 41, 25, 5, 60, 33, 18, 300]
X = np.concatenate([RANDOM.gamma(2.0, 3.0, size) for size in SIZES])
X[SIZES[0] : SIZES[0] + 3] = 4.0  # the second group has no maximum
LABELS = np.repeat([f"shop {i}" for i in range(len(SIZES))], SIZES)


def stored(path, labels=None, **arguments):
    which = np.isin(LABELS, labels) if labels is not None else np.full(len(X), True)
    groups = mlejax.Groups(X[which], LABELS[which])
    return mlejax.fit_many(mlejax.Gamma, groups, out=path, progress=False, **arguments)


def bits(table):
    numbers = {**table.parameters, **{f"error of {name}": at for name, at in table.errors.items()}}
    numbers |= {name: np.asarray(getattr(table, name)) for name in ("log_likelihood", "distance", "count")}
    rows = {name: at.view(np.uint64).tolist() for name, at in numbers.items()}
    rows |= {"status": table.status.tolist(), "steps": table.steps.tolist(), "reasons": dict(table.reasons)}
    return rows | {"labels": table.labels.tolist()}


@pytest.fixture(scope="module")
def plain():
    return stored(None)


@pytest.mark.slow
def test_the_same_bits_stored_or_not_and_nothing_is_fitted_twice(tmp_path, plain, monkeypatch):
    assert bits(stored(tmp_path, attributes={"who": "me"})) == bits(plain)
    loaded = mlejax.load(tmp_path)
    assert bits(loaded) == bits(plain)
    assert loaded.attributes == {"who": "me"}
    assert loaded["shop 1"]["status"] == "UNBOUNDED"
    assert loaded["shop 1"]["reason"].startswith("all 3 observations equal 4")
    asked = []
    outcomes = fits.Work.outcomes
    monkeypatch.setattr(fits.Work, "outcomes", lambda self, at: asked.append(at.tolist()) or outcomes(self, at))
    assert bits(stored(tmp_path)) == bits(plain)
    assert asked == [[]]


@pytest.mark.slow
def test_interrupted_and_extended_it_ends_with_the_same_bits(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 2)
    outcomes = fits.Work.outcomes

    def interrupted(self, positions):
        for count, some in enumerate(outcomes(self, positions[:3])):
            if count == 1:
                raise KeyboardInterrupt
            yield some

    with monkeypatch.context() as patch:
        patch.setattr(fits.Work, "outcomes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stored(tmp_path, [f"shop {i}" for i in (1, 2, 4, 5, 9)])
    part = mlejax.load(tmp_path)
    done = part.status != Status.RUNNING
    assert 0 < done.sum() < 5
    asked = []
    monkeypatch.setattr(fits.Work, "outcomes", lambda self, at: asked.append(len(at)) or outcomes(self, at))
    assert bits(stored(tmp_path)) == bits(plain)
    assert asked == [10 - done.sum()]
    assert bits(mlejax.load(tmp_path)) == bits(plain)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_a_fit_hangs_on_nothing_else_in_the_table(plain, monkeypatch, threads):
    monkeypatch.setattr(devices, "cores", lambda: threads)
    for labels in (["shop 2"], ["shop 0", "shop 7"], [f"shop {i}" for i in range(0, 10, 3)]):
        table = stored(None, labels)
        for position, label in enumerate(table.labels.tolist()):
            whole = int(np.flatnonzero(plain.labels == label)[0])
            assert table.row(position) == plain.row(whole)


@pytest.mark.slow
def test_more_resamples_are_added_to_those_there(tmp_path):
    few, many = (mlejax.Resamples(X[:80], count, seed=2) for count in (20, 50))
    mlejax.fit_many(mlejax.Gamma, few, out=tmp_path, progress=False)
    found = mlejax.fit_many(mlejax.Gamma, many, out=tmp_path, progress=False)
    assert bits(found) == bits(mlejax.fit_many(mlejax.Gamma, many, progress=False))
    assert found.axis == "resample"


@pytest.mark.slow
def test_a_chunk_that_is_written_between_two_looks_at_it_is_no_damage(tmp_path, monkeypatch):
    table, real, late = stored(tmp_path), batches.read_whole, []

    def just_written(file):
        if "/c/" in str(file) and not late:
            late.append(file)
            return None  # it was not there yet; now it is
        return real(file)

    monkeypatch.setattr(batches, "read_whole", just_written)
    np.testing.assert_array_equal(mlejax.load(tmp_path).status, table.status)
    assert len(late) == 1


@pytest.mark.slow
def test_what_has_ended_is_written_while_others_are_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "SECONDS_BETWEEN_SAVES", 0.01)
    outcomes, seen = fits.Work.outcomes, []

    def written(positions):
        return np.any(mlejax.load(tmp_path).status[positions] == Status.CONVERGED)

    def watched(self, positions):
        for some in outcomes(self, positions):
            yield some
            while not written(some.positions):
                assert not seen
            seen.append(some.positions)
            return

    monkeypatch.setattr(fits.Work, "outcomes", watched)
    stored(tmp_path)
    assert len(seen) == 1


MEMBER = """
import sys
sys.path.insert(0, "tests/sweeps")
from mlejax import devices
from mlejax.store import batches, layout
devices.start()
devices.join(2, int(sys.argv[1]))
layout.SMALLEST_BATCH = 2
import test_many_stored
table = test_many_stored.stored(sys.argv[2])
print(table.converged.sum())
"""


@pytest.mark.slow
def test_two_processes_share_a_table(tmp_path, plain):
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")}
    environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    said = []
    with contextlib.ExitStack() as started:
        processes = []
        for index in range(2):
            command = [sys.executable, "-c", MEMBER, str(index), str(tmp_path / "shared")]
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = started.enter_context(subprocess.Popen(command, env=environment, cwd=ROOT, **streams))
            started.callback(process.kill)
            processes.append(process)
        for process in processes:
            out, err = process.communicate(timeout=240)
            assert process.returncode == 0, err[-2000:]
            said.append(out)
    assert said[0] == "9\n"  # the first has waited for the other
    assert bits(mlejax.load(tmp_path / "shared")) == bits(plain)
