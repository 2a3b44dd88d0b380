"""What lies on disk: batches of a fair size, byte for byte as Zarr writes them."""

import numpy as np
import pytest
import zarr

import mlejax
from mlejax.results.schema import variables
from mlejax.store import layout
from mlejax.store.batches import write_batch
from mlejax.store.layout import Description, Layout, batch_shape

pytestmark = pytest.mark.usefixtures("small_batches")


@pytest.mark.parametrize("shape", [(1,), (100, 41), (1000, 1000), (3, 1, 5000), (100_000, 7)])
def test_batches_are_neither_tiny_nor_huge(shape, monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 256)
    size, count = np.prod(batch_shape(shape)), np.prod(shape)
    assert min(count, 128) <= size <= layout.LARGEST_BATCH
    assert all(1 <= part <= whole for part, whole in zip(batch_shape(shape), shape, strict=True))


@pytest.mark.parametrize("name", ["mean", "status", "epochs"])
def test_chunks_are_written_byte_for_byte_as_zarr_would(saved, tmp_path, name):
    """The last of them reaches beyond the array."""
    values = np.arange(14).reshape(7, 2)
    path = tmp_path / "by zarr"
    laid = Layout.of({"seed": np.arange(7), "learning_rate": np.arange(2)}, variables(mlejax.Normal(0.0, 1.0)))
    for file, content in layout.documents(laid, Description({}, [{}], {}, {})).items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_bytes(content)
    array = zarr.open_group(path, mode="r+")[name]
    assert array.chunks == laid.batch == (5, 1)
    array[...] = values
    (tmp_path / "by hand").mkdir()
    for batch in range(4):
        arrays = laid.blank(batch) | {name: values[laid.place(batch)].astype(array.dtype)}
        write_batch(tmp_path / "by hand", laid, batch, arrays)
    files = [file for file in path.joinpath(name, "c").rglob("*") if file.is_file()]
    assert len(files) == 4
    for file in files:
        assert file.read_bytes() == (tmp_path / "by hand" / file.relative_to(path)).read_bytes()
