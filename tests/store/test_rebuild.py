"""A new store that takes the place of an old one."""

import pytest

from mlejax.store.files import PART, StoreError
from mlejax.store.rebuild import MAKING, MARKER, discard


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
