"""Arrays of few lengths, so that a program that passes over observations is compiled for few."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..models.rows import Rows, row_count
from .tiles import TILE

SHORTEST = 8
"""The least length."""

COARSE = (32, 128, 512)
"""Lengths at which samples of many sizes are passed over; beyond, powers of two."""


def filled_length(n: int) -> int:
    """Return the length at which n observations are passed over.

    Eight, one of the first four powers of two from a tile on, or of four lengths between a power of two and the next.
    """
    if n <= SHORTEST:
        return SHORTEST
    if n <= 8 * TILE:
        return max(TILE, 1 << (n - 1).bit_length())
    step = 1 << (n.bit_length() - 3)
    return -(-n // step) * step


def coarse_lengths(train: int, held_out: int) -> tuple[int, int]:
    """Return the lengths at which the two parts of a sample are passed over that lies beside others of many sizes.

    There are very few pairs, so that hardly any programs are compiled: one with each length of the first part, unless
    more than a fifth is held out. Where nothing is held out, the second length means nothing.
    """
    fifth = max(train, 4 * held_out) if 4 * held_out <= train + 4 else train  # as near one as whole numbers allow
    first, second = (next((at for at in COARSE if n <= at), 1 << (n - 1).bit_length()) for n in (fifth, 4 * held_out))
    return first, max(first, second) // 4


class Filled(eqx.Module):
    """Observations in an array of one of few lengths."""

    values: Rows  # (m, ...): the observations, and then copies of the first
    count: Any  # (): how many observations there are

    @classmethod
    def of(cls, values: Rows, length: int | None = None) -> "Filled":
        """Fill up n > 0 observations, to `filled_length` or to another length: on the host if they are there."""
        n = row_count(values)
        more = (filled_length(n) if length is None else length) - n
        if all(isinstance(column, np.ndarray) for column in jax.tree.leaves(values)):
            return cls(jax.tree.map(lambda column: _longer(column, more), values), np.asarray(n))
        # Behind a barrier: a number that the compiler knows would be divided by in another way.
        count = lax.optimization_barrier(jnp.asarray(n))

        def longer(column: Any) -> Any:
            return jnp.concatenate([column, jnp.broadcast_to(column[:1], (more, *column.shape[1:]))])

        return cls(jax.tree.map(longer, values), count)

    @property
    def counts(self) -> Any:
        """Which elements of the array are observations, (m,)."""
        return jnp.arange(row_count(self.values)) < self.count


ALIGNED = 64
"""Bytes; an array on the host that begins at a multiple of them is taken by a program on a CPU without a copy."""


def with_copies(values: Rows) -> Rows:
    """Return n > 0 observations in arrays of one of few lengths, with copies of the first after them.

    Nothing is copied if they are copies that `with_room` made.
    """
    columns, record = jax.tree.flatten(values)
    length = filled_length(len(columns[0]))
    longer = [_continued(column, length) for column in columns]
    if any(column is None for column in longer):
        return Filled.of(values, length).values
    return jax.tree.unflatten(record, longer)


def with_room(column: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """Return a copy of n > 0 rows in a type, which `with_copies` fills up without copying it again."""
    longer = _aligned((filled_length(len(column)), *column.shape[1:]), np.dtype(dtype))
    longer[: len(column)] = column
    longer[len(column) :] = longer[:1]
    return longer[: len(column)]


def _longer(column: np.ndarray, more: int) -> np.ndarray:
    """Return an array of its own with so many copies of the first row after the others."""
    longer = _aligned((len(column) + more, *column.shape[1:]), column.dtype)
    longer[: len(column)], longer[len(column) :] = column, column[:1]
    return longer


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    memory = np.empty(math.prod(shape) * dtype.itemsize + ALIGNED, np.uint8)
    first = -_address(memory) % ALIGNED
    return memory[first : first + len(memory) - ALIGNED].view(dtype).reshape(shape)


def _continued(column: Any, rows: int) -> np.ndarray | None:
    """Return the array that a column is the beginning of, if that goes on with copies of the first row."""
    memory = column.base if isinstance(column, np.ndarray) else None
    if not (type(memory) is np.ndarray and memory.dtype == np.uint8 and memory.ndim == 1 and column.flags.c_contiguous):
        return None
    shape = (rows, *column.shape[1:])
    at = _address(column)
    begin = at - _address(memory)
    end = begin + math.prod(shape) * column.itemsize
    if at % ALIGNED or not memory.flags.c_contiguous or not 0 <= begin < end <= len(memory):
        return None
    longer = memory[begin:end].view(column.dtype).reshape(shape)
    return longer if (longer[len(column) :] == column[:1]).all() else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def filled_weights(weights: Any, length: int) -> Any:
    """Return weights (n,) with zeros after them."""
    of = np if isinstance(weights, np.ndarray) else jnp
    return of.concatenate([weights, of.zeros(length - len(weights), weights.dtype)])


def filled_up(values: Rows, weights: Any = None, length: int | None = None) -> tuple[Rows, Any]:
    """Return observations in arrays of one of few lengths, and weights that count those filled in for nothing."""
    n = row_count(values)
    filled = Filled.of(values, length).values
    return filled, filled_weights(np.ones(n) if weights is None else weights, row_count(filled))
