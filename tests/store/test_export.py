"""`mlejax export`: what other programs read is what the store holds, bit for bit."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import xarray
from helpers import draws
from pyarrow import parquet

import mlejax
from mlejax.cli import main as cli
from mlejax.results.schema import QUANTITIES
from mlejax.samples.files import TableError
from mlejax.status import Status
from mlejax.store.export import write_table

SHAPE = (3, 4, 2)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A sweep of three axes in which runs have several fates; and its runs by name."""
    directory = tmp_path_factory.mktemp("export") / "saved"
    result = mlejax.sweep(
        mlejax.Normal(0.0, 1.0), seeds=[0, 4, 7], learning_rates=[0.1, 0.5, 2.0, 1e4], patience=[5, 50],
        observations=draws(300), max_epochs=300, out=directory, progress=False,
    )  # fmt: skip
    assert result.shape == SHAPE
    assert len(np.unique(result.status)) > 1
    arrays = {"mean": result.model.mean, "variance": result.model.variance}
    return directory, result, arrays | {name: getattr(result, name) for name in QUANTITIES}


def export(capsys, directory, kind, file):
    assert cli.main(["export", str(directory), "--format", kind, "--out", str(file)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (f"table: {file}\n", "")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_has_one_row_per_run(capsys, saved, tmp_path, kind):
    directory, result, arrays = saved
    export(capsys, directory, kind, tmp_path / "table")
    table = (pd.read_csv if kind == "csv" else pd.read_parquet)(tmp_path / "table")
    assert sorted(table.columns) == sorted([*result.axes, *arrays])
    assert len(table) == np.prod(SHAPE)
    grid = np.meshgrid(*result.axes.values(), indexing="ij")
    for name, values in zip(result.axes, grid, strict=True):
        np.testing.assert_array_equal(table[name].to_numpy(), values.ravel(), strict=False)
    for name, array in arrays.items():
        if name != "status":
            assert table[name].to_numpy().astype(array.dtype).tobytes() == array.tobytes(), name
    assert table["status"].tolist() == [Status(value).name for value in result.status.ravel()]


def test_netcdf_is_the_dataset(capsys, saved, tmp_path):
    directory, result, arrays = saved
    export(capsys, directory, "netcdf", tmp_path / "table.nc")
    with xarray.open_dataset(tmp_path / "table.nc", engine="h5netcdf") as found:
        assert found.sizes == dict(zip(result.axes, SHAPE, strict=True))
        for name, values in result.axes.items():
            np.testing.assert_array_equal(found[name], values)
        for name, array in arrays.items():
            assert found[name].values.tobytes() == array.tobytes(), name
        meanings = dict(zip(found.status.flag_values, found.status.flag_meanings.split(), strict=True))
        assert {int(value): name for value, name in meanings.items()} == {s.value: s.name for s in Status}
        assert found.distance.units == "standard errors"
        assert "max_epochs" in json.loads(found.attrs["mlejax"])["settings"]


@pytest.mark.parametrize(("kind", "suffix"), [("csv", ".csv"), ("parquet", ".parquet"), ("netcdf", ".nc")])
def test_the_file_is_named_after_the_directory(capsys, saved, kind, suffix):
    directory, _, _ = saved
    assert cli.main(["export", f"{directory}/", "--format", kind]) == 0
    file = directory.with_name("saved" + suffix)
    assert capsys.readouterr().out == f"table: {file}\n"
    assert file.stat().st_size > 100
    file.unlink()


NEEDED = {
    "csv": ("pandas", xarray.Dataset, "to_dataframe"),
    "parquet": ("pyarrow", parquet, "ParquetWriter"),
    "netcdf": ("h5netcdf", xarray.Dataset, "to_netcdf"),
}


@pytest.mark.parametrize("kind", NEEDED)
def test_a_missing_package_is_named(capsys, saved, tmp_path, monkeypatch, kind):
    package, where, method = NEEDED[kind]

    def missing(*_, **__):
        raise ImportError(f"No module named {package!r}")

    monkeypatch.setattr(where, method, missing)
    assert cli.main(["export", str(saved[0]), "--format", kind, "--out", str(tmp_path / "table")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"mlejax export: {kind} needs a package that is not installed: pip install 'mlejax[export]'")
    assert package in err
    assert err.count("\n") == 1
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize("kind", ["csv", "parquet", "netcdf"])
def test_a_file_that_cannot_be_written(capsys, saved, tmp_path, kind):
    file = tmp_path / "no such directory" / "table"
    assert cli.main(["export", str(saved[0]), "--format", kind, "--out", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no such directory" in err
    assert err.count("\n") == 1


def test_a_directory_without_a_sweep(capsys, tmp_path):
    assert cli.main(["export", str(tmp_path), "--format", "csv"]) == 2
    assert "holds no results" in capsys.readouterr().err


@pytest.fixture
def unfinished(saved):
    """The same results as if four of the runs had not ended."""
    _, result, _ = saved
    status = result.status.copy()
    status[1, :2] = Status.RUNNING
    return dataclasses.replace(result, arrays={**result.arrays, "status": status})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_runs_that_have_not_ended_can_be_left_out(unfinished, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(mlejax.store.export, "ROWS_TOGETHER", 8)  # several blocks
    read, count = pd.read_csv if kind == "csv" else pd.read_parquet, int(np.prod(SHAPE))
    assert write_table(unfinished.to_xarray(), kind, tmp_path / "all") == count
    assert write_table(unfinished.to_xarray(), kind, tmp_path / "ended", finished_only=True) == count - 4
    whole, ended = read(tmp_path / "all"), read(tmp_path / "ended")
    pd.testing.assert_frame_equal(ended, whole[whole["status"] != "RUNNING"].reset_index(drop=True))
    assert len(ended) == count - 4


def test_netcdf_keeps_its_grid(unfinished, tmp_path):
    with pytest.raises(TableError, match="netcdf keeps the grid"):
        write_table(unfinished.to_xarray(), "netcdf", tmp_path / "table.nc", finished_only=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["csv", "parquet", "netcdf"])
def test_a_table_that_cannot_be_finished_leaves_the_old_one(unfinished, tmp_path, monkeypatch, kind):
    (tmp_path / "table").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TableError, match="table: cannot be written: No space left on device"):
        write_table(unfinished.to_xarray(), kind, tmp_path / "table")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("table", "old")]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_elements_of_vectors_are_columns_with_names(tmp_path, kind):
    one = np.zeros((2, 1))
    dims = ("group", "seed")
    arrays = {"status": (dims, one.astype(np.int8), QUANTITIES["status"].attributes)}
    labels = {"w_index_labels": ["intercept", "age"]}
    arrays["w"] = ((*dims, "w_index"), np.arange(4.0).reshape(2, 1, 2), labels)
    arrays["v"] = ((*dims, "v_index"), np.arange(4.0).reshape(2, 1, 2), {})
    dataset = xarray.Dataset(arrays, coords={"group": [10, 20], "seed": [3]})
    assert write_table(dataset, kind, tmp_path / "table") == 2
    table = (pd.read_csv if kind == "csv" else pd.read_parquet)(tmp_path / "table")
    assert set(table.columns) == {"group", "seed", "status", "w[intercept]", "w[age]", "v[0]", "v[1]"}
    assert table["w[age]"].tolist() == table["v[1]"].tolist() == [1.0, 3.0]
