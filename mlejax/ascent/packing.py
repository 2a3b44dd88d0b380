"""Packing: a pytree of scalars and small arrays as one row of floats, so that one transfer moves a whole batch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Layout:
    """How a pytree is laid out in a row of one floating-point type. Whole numbers up to 2^24 are exact in it."""

    def __init__(self, example: Any):
        leaves, self.tree = jax.tree.flatten(example)
        self.shapes = [np.shape(leaf) for leaf in leaves]
        self.types = [jnp.result_type(leaf) for leaf in leaves]
        self.ends = np.cumsum([0, *(int(np.prod(shape)) for shape in self.shapes)])
        self.width = int(self.ends[-1])

    def unpack(self, rows: Any) -> Any:
        """The pytree of a row, or of rows (n, width)."""
        parts = [rows[..., a:b] for a, b in zip(self.ends[:-1], self.ends[1:], strict=True)]
        leaves = [
            part.reshape(*part.shape[:-1], *shape).astype(dtype)
            for part, shape, dtype in zip(parts, self.shapes, self.types, strict=True)
        ]
        return jax.tree.unflatten(self.tree, leaves)

    @staticmethod
    def pack(tree: Any, dtype: Any) -> Any:
        """One row of a pytree."""
        return jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in jax.tree.leaves(tree)])
