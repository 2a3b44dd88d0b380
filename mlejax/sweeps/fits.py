"""The fits of many samples: those that can are climbed side by side, and `fit` takes the others."""

import contextlib
import dataclasses
import functools
import warnings
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from .. import devices
from ..ascent.fit import fit, found_start, given_start
from ..ascent.together import BLOCKS, ROWS, TILES, Rowful, climb_rows, shared_form
from ..ascent.uncertainty import covariances, doubtful
from ..ascent.units import extraordinary
from ..checks import ConvergenceWarning, InputError, InputValueError
from ..formula.jaxpr import as_formula_takes
from ..formula.sufficient import Form
from ..models.abilities import (
    CanBeIrregular,
    CanLackMaximum,
    HasCanonicalForm,
    HasIrregularMaximum,
    HasSeveralStarts,
)
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.rows import Observation, Rows, in_types, is_number, one_of, row_count, take
from ..models.support import Support
from ..samples.filled import filled_weights
from ..samples.members import Member, Members
from ..samples.spans import WIDTH
from ..status import Status

MOST = 100
"""Parameters up to which samples are climbed side by side: of more, a step costs more than a call."""

LOOKED_AT = 512
"""Observations of a sample, evenly spread, in which its start is looked for."""

WEIGHTS = 1 << 19
"""Weights that one call takes, about, of samples that share their observations."""

COLUMNS = ("log_likelihood", "distance", "count", "steps", "status")


@dataclasses.dataclass(frozen=True, eq=False)
class Fits:
    """The fits of some samples."""

    positions: np.ndarray  # (b,) along the axis
    estimate: np.ndarray  # (b, p): NaN where there is none
    standard_error: np.ndarray  # (b, p): NaN where there is none
    columns: Mapping[str, np.ndarray]  # (b,) each, by the names in COLUMNS
    reasons: Mapping[int, str]  # in words, by position


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
        weights = None
        if members.shared is not None:
            length = int(call.tiles[0]) * WIDTH
            values = jax.tree.map(lambda column: _filled(column, length), members.shared)
            weights = np.zeros((room, ROWS, length))
            flat = weights.reshape(-1, length)
            for row, position in enumerate(positions.tolist()):
                own = members.member(position).weights
                assert own is not None
                flat[row] = filled_weights(own, length)
            plain = np.full(len(positions), True)
        else:
            firsts[1:blocks] = np.cumsum(call.tiles)[:-1] * WIDTH
            length = (TILES if np.any(call.tiles > 1) else BLOCKS) * WIDTH
            values = jax.tree.map(lambda one: np.ones((ROWS, length, *one.shape), one.dtype), begun.observation)
            plain = np.zeros(len(positions), bool)
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


@dataclasses.dataclass(frozen=True, eq=False)
class Climbed:
    """The fits of samples that one climb tells all about, and those of which it does not."""

    fits: Fits
    left: np.ndarray  # positions


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """What the samples of a source have in common: the structure of their models and observations."""

    family_or_model: Any
    table: Parameters[Any]
    observation: Observation  # as the formula takes it
    form: Form | None  # in which every sample factors
    first: np.ndarray  # the start of the first sample, (p,)
    support: Any
    beside: bool  # whether samples are climbed side by side
    judges_each: bool  # whether the model itself has to be asked about each estimate, or about each sample

    @classmethod
    def of(cls, family_or_model: Any, members: Members, start: Model, values: Rows, plain: bool) -> "Begun":
        """Say how samples are climbed, from the start of one of them.

        Args:
            family_or_model: as `fit_many` has it.
            members: all samples.
            start: of one of them.
            values: of that one, as given.
            plain: whether it needs no units of its own.
        """
        table = Parameters.of(start)
        with jax.enable_x64(True):
            taken = as_formula_takes(start, members.data if members.data is not None else values)
        observation = one_of(taken)
        whole = any(np.issubdtype(column.dtype, np.integer) for column in jax.tree.leaves(taken))
        several = isinstance(family_or_model, HasSeveralStarts) and not isinstance(family_or_model, Model)
        beside = not (
            several
            or isinstance(start, HasIrregularMaximum | Regression)
            or table.real_size > MOST
            or (whole and any(_is_large(column) for column in jax.tree.leaves(taken)))
            or (members.shared is not None and not plain)
        )
        with jax.enable_x64(True):
            form = shared_form(start, observation) if beside else None
        first = np.asarray(table.to_vector(start), np.float64)
        asks = isinstance(start, CanBeIrregular | HasCanonicalForm | CanLackMaximum)
        return cls(family_or_model, table, observation, form, first, start.support, beside, asks)

    def starts(self, rows: Rows, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where samples start, (b, p), and which may be climbed from there, (b,).

        Args:
            rows: (b, m, ...): samples, filled up.
            sizes: of each, (b,).
        """
        number = is_number(self.observation)
        side_by_side = number and getattr(self.family_or_model, "starts_side_by_side", False)
        given = isinstance(self.family_or_model, Model)
        starts, plain = np.tile(self.first, (len(sizes), 1)), np.full(len(sizes), True)
        if not (given or side_by_side):
            for row, size in enumerate(sizes.tolist()):
                own = jax.tree.map(lambda column, row=row, size=size: column[row, :size], rows)
                try:
                    start, units = found_start(self.family_or_model, own, None)
                except InputError:
                    plain[row] = False
                    continue
                plain[row] = units is None
                starts[row] = np.asarray(self.table.to_vector(start))
            return starts, plain & self._inside(starts)
        if not number:
            return starts, plain
        # How many are looked at hangs on the size alone: a start has the same bits whatever else is in the table.
        looked_at = np.clip(1 << np.ceil(np.log2(np.maximum(sizes, 1))).astype(int), 32, LOOKED_AT)
        for count in np.unique(looked_at).tolist():
            of = np.flatnonzero(looked_at == count)
            index = np.arange(count) * sizes[of, None] // count
            some = np.take_along_axis(rows[of], index, axis=1).T  # type: ignore[index]
            if isinstance(self.support, Support) and not self.support.whole:
                plain[of] = ~extraordinary(some[:: max(1, count // 64)])
            if side_by_side:
                found = [np.broadcast_to(leaf, len(of)) for leaf in jax.tree.leaves(self.family_or_model.start(some))]
                starts[of] = np.stack(found, axis=1)
        return starts, plain & self._inside(starts)

    def _inside(self, starts: np.ndarray) -> np.ndarray:
        parts = zip(self.table.tree.flatten_up_to(self.table.to_model(starts)), self.table.domains, strict=True)
        inside = [np.asarray(domain.contains(leaf)).reshape(len(starts), -1).all(axis=1) for leaf, domain in parts]
        return np.all(inside, axis=0)

    def judged(self, positions: np.ndarray, found: Mapping[str, np.ndarray], plain: np.ndarray) -> Climbed:
        """Return the fits among ends of climbs that need no further look, and the positions of the others."""
        arrived = plain & (found["status"] == int(Status.CONVERGED)) & found["sound"]
        count, information = found["count"], found["information"]
        doubted = doubtful(found["coordinates"], information, arrived, self.table.logarithmic, count)
        good = arrived & ~np.any(doubted, axis=1)
        end = {name: each[good] for name, each in found.items()}
        jacobian, count = end["jacobian"], end["count"]
        covariance = jacobian @ covariances(end["information"], count) @ np.swapaxes(jacobian, 1, 2)
        errors, reasons = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).copy(), {}
        told = np.full(len(count), True)
        for row in range(len(count)) if self.judges_each else ():
            model = self.table.to_model(end["estimate"][row])
            if isinstance(model, HasCanonicalForm):
                canonical = np.asarray(self.table.to_vector(model.canonical()))
                told[row] = np.array_equal(canonical, end["estimate"][row])
            if isinstance(model, CanBeIrregular) and (why := model.irregularity()):
                errors[row], reasons[int(positions[good][row])] = np.nan, why
        columns = {
            "log_likelihood": count * end["mean"], "distance": end["distance"], "count": count, "steps": end["steps"],
            "status": end["status"],
        }  # fmt: skip
        fits = Fits(
            positions[good][told], end["estimate"][told], errors[told],
            {name: each[told] for name, each in columns.items()}, reasons,
        )  # fmt: skip
        return Climbed(fits, np.setdiff1d(positions, fits.positions))


def _is_large(column: np.ndarray) -> bool:
    """Return whether whole numbers are too large to be floating-point numbers: then each sample decides by itself."""
    return column.size > 0 and max(abs(int(column.min())), abs(int(column.max()))) > 1 << 53


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
