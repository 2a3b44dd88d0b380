"""Packing the state of a run into a row, and taking it out again."""

import jax.numpy as jnp
import numpy as np
import pytest

from mlejax.ascent import packing

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_what_is_packed_comes_out_again(dtype):
    tree = {
        "whole": jnp.asarray(2**24, jnp.int32),
        "flag": jnp.asarray(True),
        "matrix": jnp.arange(6, dtype=dtype).reshape(2, 3) / 7,
        "number": jnp.asarray(0.1, dtype),
    }
    layout = packing.Layout(tree)
    row = layout.pack(tree, dtype)
    assert row.shape == (9,)
    assert row.dtype == dtype
    for rows in (row, jnp.stack([row, row])):
        out = layout.unpack(rows)
        for name, leaf in tree.items():
            assert out[name].dtype == leaf.dtype, name
            np.testing.assert_array_equal(out[name], jnp.broadcast_to(leaf, (*rows.shape[:-1], *leaf.shape)))
