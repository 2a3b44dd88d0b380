"""What lies on disk: batches of a fair size, byte for byte as Zarr writes them."""

import numpy as np
import pytest
import zarr

from mlejax.store import layout
from mlejax.store.layout import batch_shape

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
    layout.create(path, {"seed": np.arange(7), "learning_rate": np.arange(2)}, ("mean", "variance"), {})
    array = zarr.open_group(path, mode="r+")[name]
    assert array.chunks == (5, 1)
    array[...] = values
    whole = {n: values.astype(array.dtype if n == name else float) for n in (name, "status")}
    for batch in np.ndindex(2, 2):
        layout.write_batch(tmp_path / "by hand", batch, (5, 1), whole)
    files = [file for file in path.joinpath(name, "c").rglob("*") if file.is_file()]
    assert len(files) == 4
    for file in files:
        assert file.read_bytes() == (tmp_path / "by hand" / file.relative_to(path)).read_bytes()
