"""Stores of version 0.1 are loaded, plotted and exported as they are; nothing else is done to them."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import mlejax
from mlejax.cli import machine
from mlejax.cli import main as cli
from mlejax.status import Status
from mlejax.store.files import StoreError
from mlejax.store.load import load

ARGUMENTS = {"seeds": range(3), "learning_rates": [0.5, 1.0], "max_epochs": 300, "progress": False}


@pytest.fixture
def old(tmp_path):
    """A sweep as mlejax 0.1 wrote it, with draws that depend on nothing but the seed."""
    with zipfile.ZipFile(Path(__file__).with_name("format_1.zip")) as file:
        file.extractall(tmp_path / "old")
    return tmp_path / "old"


def test_a_store_of_version_0_1_is_loaded(old):
    result = load(old)
    assert list(result.axes) == ["seed", "learning_rate"]
    np.testing.assert_array_equal(result.axes["learning_rate"], [0.5, 1.0])
    # As printed by the version that wrote it.
    assert result.model.mean[1, 1].hex() == "0x1.e27e85a48bef9p+2"
    assert result.distance[2, 0].hex() == "0x1.aee8f011daa8ap+2"
    assert (result.status == Status.MAX_EPOCHS).all()
    assert result.finished
    assert result.attributes == {"note": "mine"}
    assert result.provenance.settings["max_epochs"] == 300
    assert result.provenance.device.endswith("x cpu")
    assert result.to_xarray()["mean"].shape == (3, 2)


@pytest.mark.parametrize("repair", [False, True])
def test_a_store_of_version_0_1_is_neither_extended_nor_repaired(old, repair):
    before = {file: file.read_bytes() for file in old.rglob("*") if file.is_file()}
    with pytest.raises(StoreError, match=r"by mlejax 0\.1 \(format 1\): it can be loaded, plotted and exported"):
        mlejax.sweep(mlejax.Normal(0.0, 1.0), observations=np.arange(9.0), **ARGUMENTS, out=old, repair=repair)
    assert {file: file.read_bytes() for file in old.rglob("*") if file.is_file()} == before


def test_a_store_of_version_0_1_is_exported_and_not_verified(old, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    assert cli.main(["export", str(old), "--format", "csv", "--out", str(tmp_path / "table.csv")]) == 0
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1 + 3 * 2
    capsys.readouterr()
    assert cli.main(["verify", str(old)]) == 2
    assert "it can be loaded, plotted and exported, not verified, extended or repaired" in capsys.readouterr().err


def test_a_store_of_version_0_1_that_is_damaged_is_one_sentence(old):
    (old / "mean" / "c" / "0" / "0").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match=r"the store, of mlejax 0\.1, cannot be read"):
        load(old)


class Pair(NamedTuple):
    x: object
    y: object


class Line(mlejax.Model):
    slope: float

    def log_prob(self, one):
        return -((one.y - self.slope * one.x) ** 2) / 2


class Steep(Line):
    def log_prob(self, one):
        return -((one.y - 2 * self.slope * one.x) ** 2) / 2


class Keyed(Line):
    def log_prob(self, one):
        return -((one["y"] - self.slope * one["x"]) ** 2) / 2


@pytest.mark.slow
def test_a_store_of_named_tuples_knows_its_formula(tmp_path):
    x, out = np.arange(8.0), tmp_path / "fits"
    groups = mlejax.Groups(Pair(x, 3 * x + np.cos(x)), np.repeat([0, 1], 4))
    table = mlejax.fit_many(Line(1.0), groups, out=out, progress=False)
    found = load(out, Line(1.0))
    np.testing.assert_array_equal(found.model.slope, table.model.slope)
    assert mlejax.verify(out, Line(1.0), groups).different == []
    assert load(out).model.slope[1] == table.model.slope[1]
    renamed = type("Line", (Steep,), {})
    with pytest.raises(ValueError, match="the one given is Line"):
        load(out, renamed(1.0))
    with pytest.raises(ValueError, match=r"the log_prob of Keyed does not take .* a record of x, y: TypeError"):
        load(out, Keyed(1.0))
