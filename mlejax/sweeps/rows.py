"""Samples of many sizes as the rows of few calls of one program."""

import dataclasses
import functools
import math
import threading
from collections.abc import Hashable, Iterator, Mapping

import jax
import numpy as np

from ..ascent.together import BLOCKS, ROWS, TILES, Begin, Rowful
from ..ascent.units import Units
from ..models.rows import Observation, Rows, in_types, row_count
from ..samples.members import Members, Resamples
from ..samples.spans import WIDTH

WEIGHTS = 1 << 19
"""Weights that one call takes, about, of samples that share their observations."""


SHORT = 32
"""Observations up to which samples side by side are short."""

CALLS = 8
"""Calls, on statistics, whose samples are made ready and judged together: what NumPy does for many at once is dear for
few, and threads wait for each other there."""

WORTHWHILE = 512
"""Tiles that are worth a thread of their own."""


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """Samples that are climbed by one call of a program, `ROWS` to a block."""

    positions: np.ndarray  # fewer than the blocks have rows perhaps
    tiles: np.ndarray  # of each block
    room: int  # for so many blocks


@dataclasses.dataclass(frozen=True, eq=False)
class RowMaker:
    """The samples of a source, ready to be laid into rows."""

    members: Members
    sizes: np.ndarray
    observation: Observation  # as the formula takes it
    shared: Rows | None  # the observations of all samples, where these differ in their weights alone

    def fit(self, positions: np.ndarray) -> np.ndarray:
        """Return which samples are short enough for a call."""
        if self.shared is not None:
            return np.full(len(positions), True)
        return self.sizes[positions] <= self._most * WIDTH

    def calls(self, positions: np.ndarray) -> Iterator[Call]:
        """Yield calls for samples that are ordered by their sizes; a sample may be there several times."""
        if self.shared is not None:
            length = length_of_shared(row_count(self.shared))
            together = ROWS * int(np.clip(WEIGHTS // (ROWS * length), 1, BLOCKS))
            for first in range(0, len(positions), together):
                some = positions[first : first + together]
                yield Call(some, np.full(-(-len(some) // ROWS), -(-row_count(self.shared) // WIDTH)), together // ROWS)
            return
        tiles, first = self._tiles_of_blocks(positions), 0
        while first < len(tiles):
            some = tiles[first : first + BLOCKS]
            some = some[np.cumsum(some) <= self._tiles]
            end = first + len(some)
            yield Call(positions[first * ROWS : end * ROWS], some, BLOCKS)
            first = end

    def shares(self, positions: np.ndarray, calls: int, threads: int) -> Iterator[np.ndarray]:
        """Yield samples that are ordered by their sizes in shares of a few calls, of as much work for every thread.

        Args:
            positions: of the samples.
            calls: that a share has, about; 1 has none of more.
            threads: that take shares.
        """
        every = [call.positions for call in self.calls(positions)]
        if calls == 1 or not every:
            yield from every
            return
        work = np.cumsum(self._tiles_of_blocks(positions))
        count = max(-(-len(every) // calls), min(threads, int(work[-1]) // WORTHWHILE))
        count = -(-count // threads) * threads if count > threads else count
        ends = np.searchsorted(work, np.arange(1, count) * (work[-1] / count)) if count > 1 else []
        yield from (some for some in np.split(positions, np.unique(ends) * ROWS) if len(some))

    def _tiles_of_blocks(self, positions: np.ndarray) -> np.ndarray:
        """Return how many tiles each block has: as many as its largest sample, the last one, takes."""
        last = np.minimum(np.arange(ROWS, len(positions) + ROWS, ROWS), len(positions)) - 1
        return -(-self.sizes[positions[last]] // WIDTH)

    @functools.cached_property
    def _most(self) -> int:
        """Tiles of a call at most, where observations may be many numbers."""
        return max(BLOCKS, TILES // sum(math.prod(one.shape) for one in jax.tree.leaves(self.observation)))

    @functools.cached_property
    def _tiles(self) -> int:
        """Tiles of a call: few for a small table, which one of the two programs that there are then serves."""
        return self._most if np.sum(-(-self.sizes // WIDTH)) > BLOCKS else BLOCKS

    def rows(self, call: Call, begin: Begin, units: Units | None = None) -> Rowful:
        """Return the rows of a call.

        Args:
            call: its samples.
            begin: where each begins.
            units: that each has of its own, of samples of numbers; None leaves them in the data's.
        """
        blocks, room, positions = len(call.tiles), call.room, call.positions

        def filled(column: np.ndarray, rest: float | int) -> np.ndarray:
            full = column
            if len(column) < room * ROWS:
                full = np.full((room * ROWS, *column.shape[1:]), rest, column.dtype)
                full[: len(column)] = column
            return full.reshape(room, ROWS, *column.shape[1:])

        tiles, firsts = np.zeros((2, room), np.int64)
        tiles[:blocks] = call.tiles
        sizes = filled(self.sizes[positions], 1)
        # A row without a sample ends at once.
        most, parameters = filled(begin.most, 0), filled(begin.parameters, False)
        begin = Begin(filled(begin.at, 0.0), parameters, filled(begin.free, 1.0), most)
        if (shared := self.shared) is not None:
            length = length_of_shared(row_count(shared))
            values = jax.tree.map(functools.partial(_longer, length), in_types(shared, self.observation))
            return Rowful(values, self._weights(call, length), firsts, tiles, sizes, begin, np.int64(blocks))
        firsts[1:blocks] = np.cumsum(call.tiles)[:-1] * WIDTH
        length = (self._tiles if np.any(call.tiles > 1) else BLOCKS) * WIDTH
        values = self._columns.of_length(length, self.observation)
        for count in np.unique(call.tiles).tolist():
            of = np.flatnonzero(call.tiles == count)  # blocks that lie one behind the other
            within = positions[of[0] * ROWS : (of[-1] + 1) * ROWS]
            part = slice(int(firsts[of[0]]), int(firsts[of[-1]]) + count * WIDTH)
            lay = functools.partial(_lay, part, count * WIDTH)
            jax.tree.map(lay, values, self._filled(within, count * WIDTH))
        if units is not None and np.any(units.changed):
            often = tiles * WIDTH

            def along(each: np.ndarray, rest: float) -> np.ndarray:
                return np.repeat(filled(each, rest).T, often, axis=1)

            laid = values[:, : int(often.sum())]  # type: ignore[index]
            laid -= along(np.asarray(units.shift), 0.0)
            laid /= along(np.asarray(units.scale), 1.0)
        return Rowful(values, None, firsts, tiles, sizes, begin, np.int64(blocks))

    @functools.cached_property
    def _columns(self) -> "_Columns":
        return _Columns()

    def _filled(self, positions: np.ndarray, length: int) -> Rows:
        """Return samples side by side, filled up to a length with copies; or not, where all are of one size."""
        even = self._evenly(positions)
        if even is not None:
            return even
        return self.at(positions, np.minimum(np.arange(length), self.sizes[positions, None] - 1))

    def _evenly(self, positions: np.ndarray) -> Rows | None:
        """Return samples of one size, (b, size, ...), that lie evenly apart, without a copy; None of others."""
        sizes, stretches = self.sizes[positions], self.members.stretches
        return None if stretches is None or np.any(sizes != sizes[0]) else stretches.evenly(positions, int(sizes[0]))

    def at(self, positions: np.ndarray, index: np.ndarray) -> Rows:
        """Return observations (b, k) of samples by their indices within each, as the formula takes them."""
        return in_types(self.members.at(positions, index), self.observation)

    def spread(self, positions: np.ndarray, count: int) -> Rows:
        """Return so many observations (b, count) of each sample, evenly spread over it."""
        sizes, even = self.sizes[positions], self._evenly(positions)
        if isinstance(even, np.ndarray) and even.flags.c_contiguous:  # of others a whole copy would be made
            return in_types(even.take(np.arange(count) * sizes[0] // count, axis=1), self.observation)
        return self.at(positions, np.arange(count) * sizes[:, None] // count)

    def _weights(self, call: Call, length: int) -> np.ndarray:
        """Return how often the observations count in each row; what was in the others stays there."""
        assert isinstance(self.members, Resamples)
        n, filled = row_count(self.members.data), int(call.tiles[0]) * WIDTH
        weights = self._columns.weights((call.room, ROWS, length))
        flat, before = weights.reshape(-1, length), -1
        for row, position in enumerate(call.positions.tolist()):
            if position == before:
                flat[row] = flat[row - 1]
                continue
            flat[row, :n], before = self.members.times(position), position
            flat[row, n:filled] = 0.0
        return weights


def columns_of(samples: Rows) -> Rows:
    """Return samples (b, k, ...) as columns side by side; of short ones those are fast whose memory is contiguous."""

    def columns(rows: np.ndarray) -> np.ndarray:
        side_by_side = rows.swapaxes(0, 1)
        return np.ascontiguousarray(side_by_side) if len(side_by_side) <= SHORT else side_by_side

    return jax.tree.map(columns, samples)


def of_those(which: np.ndarray, each: np.ndarray) -> np.ndarray:
    """Return those (b,) of many that are marked; all without a copy."""
    return each if which.all() else each[which]


def merged(found: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return what several calls found as what one would have."""
    if len(found) == 1:
        return dict(found[0])
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


class _Columns(threading.local):
    """The columns into which a thread lays samples: fresh memory for each call would cost as much as the copy."""

    def __init__(self) -> None:
        self.kept: dict[Hashable, Rows] = {}

    def of_length(self, length: int, observation: Observation) -> Rows:
        """Return columns (ROWS, length, ...) of finite numbers; they may be those of the call before."""
        if length not in self.kept:
            self.kept[length] = jax.tree.map(lambda one: _zeros((ROWS, length, *one.shape), one.dtype), observation)
        return self.kept[length]

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return numbers of this shape, which may be those of the call before."""
        if shape not in self.kept:
            self.kept[shape] = _zeros(shape, np.dtype(np.float64))
        return self.kept[shape]


ALIGNED = 64
"""Bytes: what begins at a multiple of these is read by a program where it is; of anything else a copy is made."""


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of zeros whose memory is aligned; it is not touched before it is used."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + ALIGNED, np.uint8)
    first = -memory.ctypes.data % ALIGNED
    return memory[first : first + size].view(dtype).reshape(shape)


def _lay(part: slice, length: int, columns: np.ndarray, rows: np.ndarray) -> None:
    """Lay rows (b, at most length, ...) into a part of columns, `ROWS` to each block; missing ones are the last."""
    blocks = columns[:, part].reshape(ROWS, -1, length, *columns.shape[2:])
    size, whole = rows.shape[1], len(rows) // ROWS
    even = rows[: whole * ROWS].reshape(whole, ROWS, *rows.shape[1:]).swapaxes(0, 1)
    rest = rows[whole * ROWS :]
    for places, some in ((blocks[:, :whole], even), (blocks[: len(rest), whole:], rest[:, None])):
        places[:, :, :size] = some
        places[:, :, size:] = some[:, :, -1:]


def _longer(length: int, column: np.ndarray) -> np.ndarray:
    """Return a column with copies of its first number behind it."""
    return np.concatenate([column, np.broadcast_to(column[:1], (length - len(column), *column.shape[1:]))])


def length_of_shared(n: int) -> int:
    """Return to what length observations that samples share are filled up: there are few, so little is compiled."""
    return max(16 * WIDTH, 1 << (n - 1).bit_length())
