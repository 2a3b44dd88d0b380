"""The fits of many samples: those that can are climbed side by side, and `fit` takes the others."""

import contextlib
import dataclasses
import functools
import warnings
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from .. import devices
from ..ascent.fit import fit, found_start, given_start
from ..ascent.together import BLOCKS, ROWS, TILES, Rowful, climb_rows
from ..checks import ConvergenceWarning, InputError, InputValueError
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.rows import Rows, in_types, row_count, take
from ..samples.filled import filled_weights
from ..samples.members import Member, Members
from ..samples.spans import WIDTH
from ..status import Status
from .begun import COLUMNS, Begun, Climbed, Fits

WEIGHTS = 1 << 19
"""Weights that one call takes, about, of samples that share their observations."""


class Work:
    """The fitting of many samples."""

    def __init__(self, family_or_model: Any, members: Members):
        self.family_or_model, self.members = family_or_model, members
        self.sizes = members.sizes

    @functools.cached_property
    def begun(self) -> "Begun":
        """The start of the first sample that has one, and what follows from it for all.

        Raises:
            ValueError: no sample can be fitted at all; it names the first, and why.
        """
        why: InputError | None = None
        for position in range(len(self.sizes)):
            member = self.members.member(position)
            values, weights = _counted(member)
            try:
                start, units = self._start(values, weights)
            except InputError as error:
                why = why or error
                continue
            return Begun.of(self.family_or_model, self.members, start, member.values, units is None)
        raise InputValueError(f"{self.members.axis} {self.members.labels[0]}: {why}")

    def _start(self, values: Rows, weights: np.ndarray | None = None) -> tuple[Model, Any]:
        if isinstance(self.family_or_model, Model):
            return given_start(self.family_or_model, values, weights)
        return found_start(self.family_or_model, values, weights)

    def outcomes(self, positions: np.ndarray) -> Generator[Fits, None, None]:
        """Yield the fits of the samples at some positions, some at a time, in any order.

        To be closed when left early: what is under way then comes to its end.
        """
        left: list[np.ndarray] = []
        with contextlib.ExitStack() as stack:
            stack.enter_context(jax.enable_x64(True))
            pool = stack.enter_context(ThreadPoolExecutor(devices.cores(), thread_name_prefix="mlejax"))
            under_way: deque[Future[Climbed]] = deque()

            def ended(most: int) -> Iterator[Fits]:
                while len(under_way) > most or (under_way and under_way[0].done()):
                    climbed = under_way.popleft().result()
                    left.append(climbed.left)
                    yield climbed.fits

            beside, alone = self._apart(positions)
            left.append(alone)
            for some in self._calls(beside):
                under_way.append(pool.submit(self._climbed, some))
                yield from ended(2 * devices.cores())
            yield from ended(0)
            for position in np.sort(np.concatenate(left)).tolist():
                yield self._alone(position)

    def _apart(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which samples are climbed side by side, the smallest first, and which are left to `fit`."""
        if not self.begun.beside:
            return positions[:0], positions
        sizes = self.sizes[positions]
        small = np.full(len(sizes), True) if self.members.shared is not None else sizes <= TILES * WIDTH
        return positions[small][np.argsort(sizes[small], kind="stable")], positions[~small]

    def _calls(self, positions: np.ndarray) -> Iterator["_Call"]:
        """Yield the samples of each call."""
        if self.members.shared is not None:
            length = _length_of_shared(row_count(self.members.shared))
            together = ROWS * int(np.clip(WEIGHTS // (ROWS * length), 1, BLOCKS))
            for first in range(0, len(positions), together):
                some = positions[first : first + together]
                yield _Call(some, np.full(-(-len(some) // ROWS), length // WIDTH), together // ROWS)
            return
        # A block has as many tiles as its largest sample, the last one, takes.
        last = np.minimum(np.arange(ROWS, len(positions) + ROWS, ROWS), len(positions)) - 1
        tiles = -(-self.sizes[positions[last]] // WIDTH)
        first = 0
        while first < len(tiles):
            some = tiles[first : first + BLOCKS]
            some = some[np.cumsum(some) <= TILES]
            end = first + len(some)
            yield _Call(positions[first * ROWS : end * ROWS], some, BLOCKS)
            first = end

    def _climbed(self, call: "_Call") -> "Climbed":
        """Climb on the samples of one call, and judge what they came to."""
        with jax.enable_x64(True), np.errstate(all="ignore"):  # a setting of each thread
            begun = self.begun
            rows, plain = self._rows(call)
            found = climb_rows(begun.table, begun.form, rows)
            found = {name: each[: len(call.positions)] for name, each in found.items()}
            return begun.judged(call.positions, found, plain)

    def _rows(self, call: "_Call") -> tuple[Rowful, np.ndarray]:
        """Return the rows of a call; and which of them need no other units, and start inside the domain."""
        begun, members, positions = self.begun, self.members, call.positions
        blocks, room = len(call.tiles), call.room
        firsts, tiles = np.zeros(room, np.int64), np.zeros(room, np.int64)
        tiles[:blocks] = call.tiles
        sizes = np.ones((room, ROWS), np.int64)
        sizes.ravel()[: len(positions)] = self.sizes[positions]
        starts = np.broadcast_to(begun.first, (room, ROWS, len(begun.first))).copy()
        weights, plain = None, np.zeros(len(positions), bool)
        if members.shared is not None:
            length = int(call.tiles[0]) * WIDTH
            values = jax.tree.map(lambda column: _filled(column, length), members.shared)
            weights = np.zeros((room, ROWS, length))
            flat = weights.reshape(-1, length)
            for row, position in enumerate(positions.tolist()):
                member = members.member(position)
                assert member.weights is not None
                flat[row] = filled_weights(member.weights, length)
                plain[row] = not begun.lacks_maximum(_counted(member).values)
        else:
            firsts[1:blocks] = np.cumsum(call.tiles)[:-1] * WIDTH
            length = (TILES if np.any(call.tiles > 1) else BLOCKS) * WIDTH
            values = jax.tree.map(lambda one: np.ones((ROWS, length, *one.shape), one.dtype), begun.observation)
            for count in np.unique(call.tiles).tolist():
                of = np.flatnonzero(call.tiles == count)
                of_rows = (of[:, None] * ROWS + np.arange(ROWS)).ravel()
                of_rows = of_rows[of_rows < len(positions)]
                own = in_types(members.rows(positions[of_rows], count * WIDTH), begun.observation)
                at, good = begun.starts(own, self.sizes[positions[of_rows]])
                starts.reshape(-1, starts.shape[-1])[of_rows] = at
                plain[of_rows] = good
                jax.tree.map(functools.partial(_lay, firsts[of], count * WIDTH), values, own)
        rows = Rowful(values, weights, firsts, tiles, sizes, starts, np.int64(blocks))
        return rows, plain

    def _alone(self, position: int) -> Fits:
        """Fit a sample by itself."""
        values, weights = _counted(self.members.member(position))
        where, size = np.array([position]), self.begun.table.size
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                result = fit(self.family_or_model, values, weights=weights, progress=False)
        except InputError as error:
            count = float(row_count(values) if weights is None else weights.sum())
            none = np.full((1, size), np.nan)
            known = (np.nan, np.nan, count, 0, int(Status.OUTSIDE_SUPPORT))
            return Fits(where, none, none, _columns(known), {position: str(error)})
        table = Parameters.of(result.model)
        estimate, errors = (np.asarray(table.to_vector(each))[None] for each in (result.model, result.standard_errors))
        known = (result.log_likelihood, result.distance, float(result.count), result.steps, int(result.status))
        return Fits(where, estimate, errors, _columns(known), {position: result.reason} if result.reason else {})


@dataclasses.dataclass(frozen=True, eq=False)
class _Call:
    """Samples that are climbed by one call of a program, `ROWS` to a block."""

    positions: np.ndarray  # fewer than the blocks have rows perhaps
    tiles: np.ndarray  # of each block
    room: int  # for so many blocks


def _lay(firsts: np.ndarray, length: int, columns: np.ndarray, rows: np.ndarray) -> None:
    """Lay rows (b, length, ...) of blocks, `ROWS` to each, into columns; the last block is filled up with its first."""
    missing = len(firsts) * ROWS - len(rows)
    blocks = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]).reshape(len(firsts), ROWS, *rows.shape[1:])
    for first, block in zip(firsts.tolist(), blocks, strict=True):
        columns[:, first : first + length] = block


def _filled(column: np.ndarray, length: int) -> np.ndarray:
    more = np.broadcast_to(column[:1], (length - len(column), *column.shape[1:]))
    return np.concatenate([column, more])


def _length_of_shared(n: int) -> int:
    """Return to what length observations that samples share are filled up: there are few, so little is compiled."""
    length = 16 * WIDTH
    while length < n:
        length *= 8
    return length


def _columns(known: Sequence[float | int]) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in zip(COLUMNS, known, strict=True)}


def _counted(member: Member) -> Member:
    """Return the observations of a sample that count."""
    values, weights = member
    return member if weights is None else Member(take(values, weights > 0), weights[weights > 0])
