"""Packing: a pytree of scalars and small arrays as one row of floats, so that one transfer moves a whole batch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree, Shaped


class Layout:
    """How a pytree is laid out in a row of one floating-point type. Whole numbers up to 2^24 are exact in it."""

    tree: Any  # a `PyTreeDef`
    shapes: list[tuple[int, ...]]  # of the leaves
    types: list[np.dtype]
    ends: np.ndarray  # where each leaf ends in the row, after a first 0
    width: int  # of a row

    def __init__(self, example: PyTree):
        """Lay out a pytree.

        Args:
            example: a pytree of the structure, shapes and types that are to be packed; its values do not matter.
        """
        leaves, self.tree = jax.tree.flatten(example)
        self.shapes = [np.shape(leaf) for leaf in leaves]
        self.types = [jnp.result_type(leaf) for leaf in leaves]
        self.ends = np.cumsum([0, *(int(np.prod(shape)) for shape in self.shapes)])
        self.width = int(self.ends[-1])

    def unpack(self, rows: Shaped[Array | np.ndarray, "*n width"]) -> Any:
        """Return the pytree of a row, or of rows (n, width), whose leaves then have a leading axis n."""
        parts = [rows[..., a:b] for a, b in zip(self.ends[:-1], self.ends[1:], strict=True)]
        leaves = [
            part.reshape((*part.shape[:-1], *shape)).astype(dtype, copy=False)
            for part, shape, dtype in zip(parts, self.shapes, self.types, strict=True)
        ]
        return jax.tree.unflatten(self.tree, leaves)

    @staticmethod
    def pack(tree: PyTree, dtype: DTypeLike) -> Shaped[Array, " width"]:
        """Return the row of a pytree, in a floating-point type."""
        return jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in jax.tree.leaves(tree)])
