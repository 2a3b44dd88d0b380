"""Short numbers by which the observations of many samples are told from others, each sample by itself."""

import zlib

import numpy as np
from jaxtyping import Int, UInt64

from ..models.rows import Rows, named_columns, row_count
from .members import Groups, Members, Windows

Digests = UInt64[np.ndarray, " m"]

FIRST, SECOND, THIRD = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""Of the mixing function SplitMix64: G. Steele, D. Lea and C. Flood, Fast splittable pseudorandom number generators,
OOPSLA 2014, 453-472."""


def digests_of(members: Members) -> Digests:
    """Return a digest of the observations of each sample, in their order; (m,).

    Those of a group do not depend on other groups, nor those of a window on what follows it, so that a table of either
    can be extended. Samples that are drawn have none of their own, 0: what draws them is described in words. Resamples
    have that of the data that they are drawn from.

    Example:
        >>> import mlejax
        >>> one, other = (mlejax.Groups([1.0, 5.0, 2.0], labels) for labels in (["a", "b", "a"], ["a", "c", "a"]))
        >>> [len({x, y}) for x, y in zip(digests_of(one).tolist(), digests_of(other).tolist())]
        [1, 1]
        >>> len(set(digests_of(one).tolist()))
        2
    """
    if isinstance(members, Groups):
        labels, codes = np.unique(members.bears, return_inverse=True)
        sizes = np.bincount(codes, minlength=len(labels))
        order = np.argsort(codes, kind="stable")
        within = np.empty(len(codes), np.int64)
        within[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        placed, found = _placed(members.data, within), np.zeros(len(labels), np.uint64)
        np.add.at(found, codes, placed)
        return _mixed(found + sizes.astype(np.uint64))
    if isinstance(members, Windows):
        placed = _placed(members.data, np.arange(row_count(members.data)))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(placed, dtype=np.uint64)])
        return _mixed(sums[members.labels + members.width] - sums[members.labels])
    count = len(members.labels)
    if members.shared is None:
        return np.zeros(count, np.uint64)
    placed = _placed(members.shared, np.arange(row_count(members.shared)))
    return np.full(count, _mixed(np.atleast_1d(np.sum(placed, dtype=np.uint64)))[0])


def _placed(values: Rows, places: Int[np.ndarray, " n"]) -> Digests:
    """Return a number for each observation that depends on all of it, and on its place."""
    parts = [_of_column(name, np.asarray(column)) for name, column in named_columns(values).items()]
    return _mixed(np.bitwise_xor.reduce(np.stack([*parts, _mixed(places.astype(np.uint64))]), axis=0))


def _of_column(name: str, column: np.ndarray) -> Digests:
    """Return a number for each row of a part of a record."""
    bits = np.ascontiguousarray(column.reshape(len(column), -1), np.float64).view(np.uint64)
    salts = _mixed(np.arange(bits.shape[1], dtype=np.uint64) + np.uint64(zlib.crc32(name.encode())))
    return np.bitwise_xor.reduce(_mixed(bits ^ salts), axis=1)


def _mixed(x: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """Return numbers each bit of which hangs on all bits of those given."""
    x = (x + FIRST) * FIRST
    x = (x ^ (x >> np.uint64(30))) * SECOND
    x = (x ^ (x >> np.uint64(27))) * THIRD
    return x ^ (x >> np.uint64(31))
