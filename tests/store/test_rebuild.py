"""A new store that takes the place of an old one."""

import itertools
import os

import numpy as np
import pytest

import mlejax
from mlejax.results.schema import variables
from mlejax.store.files import PART, StoreError
from mlejax.store.layout import Description, Layout
from mlejax.store.rebuild import MAKING, MARKER, discard
from mlejax.store.store import open_store


@pytest.mark.parametrize("names", [[], [MARKER], [PART.format(MARKER)], [MARKER, "mean"]], ids=repr)
def test_what_a_killed_process_left_is_removed(tmp_path, names):
    """Also where it was killed before its folder had the marker that says whose it is."""
    making = tmp_path / ".making"
    making.mkdir()
    for name in names:
        (making / name).touch()
    discard(tmp_path / MAKING)
    assert not making.exists()


@pytest.mark.parametrize("names", [["thesis.txt"], ["thesis.txt", PART.format(MARKER)]], ids=repr)
def test_what_a_person_put_there_stays(tmp_path, names):
    making = tmp_path / ".making"
    making.mkdir()
    for name in names:
        (making / name).touch()
    with pytest.raises(StoreError, match="was not made by mlejax"):
        discard(tmp_path / MAKING)
    assert sorted(path.name for path in making.iterdir()) == sorted(names)


@pytest.mark.parametrize("calls", [0, 5, 20])
def test_an_extension_that_finds_no_room_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, calls):
    def opened(seeds):
        laid = Layout.of({"seed": np.arange(seeds)}, variables(mlejax.Exponential(1.0)))
        return open_store(tmp_path, laid, Description({"a": 1}, [{}], {}, {}))

    flushed, fsync = itertools.count(), os.fsync

    def full(descriptor):
        if next(flushed) >= calls:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    opened(3).close()
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device\. .* Make room"):
            opened(4)
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before
    longer = opened(4)
    assert longer.layout.shape == (4,)
    longer.close()
