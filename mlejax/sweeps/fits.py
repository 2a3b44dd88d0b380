"""The fits of many samples: those that can are climbed side by side, and `fit` takes the others."""

import contextlib
import dataclasses
import functools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np

from .. import devices
from ..ascent.back import Back
from ..ascent.begin import found_start, given_start
from ..ascent.fit import fitted
from ..ascent.newton import MAX_STEPS
from ..ascent.orthonormal import orthonormal
from ..ascent.together import Begin, climb_rows
from ..ascent.units import numbers_of
from ..checks import InputError, InputValueError
from ..models.abilities import HasCanonicalForm, HasIrregularMaximum
from ..models.base import Model
from ..models.regression import Regression
from ..models.rows import Rows, row_count
from ..samples.members import Members
from ..status import Status
from .begun import COLUMNS, Begun, Climbed, Fits, Starts, counted
from .closed import closed_forms
from .equal import TOGETHER, Equal
from .rows import CALLS, RowMaker, merged
from .several import Ends, canonical, highest

T = TypeVar("T")
P = ParamSpec("P")

REMEMBERED, MOST_REMEMBERED = 1 << 12, 1 << 12
"""Bytes of the largest sample, of those that are not constant, of which a fit alone is kept for others that are the
same; and how many are kept."""


class Work:
    """The fitting of many samples."""

    def __init__(self, family_or_model: Any, members: Members):
        self.family_or_model, self.members = family_or_model, members
        self.sizes = members.sizes

    @functools.cached_property
    def _known(self) -> "dict[Any, Future[Fits]]":
        """The fits of small samples that were fitted alone, by their observations."""
        return {}

    @functools.cached_property
    def begun(self) -> "Begun":
        """The start of the first sample that has one, and what follows from it for all.

        Raises:
            ValueError: no sample can be fitted at all; it names the first, and why.
        """
        why: InputError | None = None
        if (shared := self.members.shared) is not None:
            with contextlib.suppress(InputError):
                start, units = self._start(shared)
                return Begun.of(self.family_or_model, self.members, start, shared, units)
        for position in range(len(self.sizes)):
            member = self.members.member(position)
            values, weights = counted(member)
            try:
                start, units = self._start(values, weights)
            except InputError as error:
                why = why or error
                continue
            return Begun.of(self.family_or_model, self.members, start, member.values, units)
        raise InputValueError(f"{self.members.axis} {self.members.labels[0]}: {why}")

    def _start(self, values: Rows, weights: np.ndarray | None = None) -> tuple[Model, Any]:
        if isinstance(self.family_or_model, Model):
            return given_start(self.family_or_model, values, weights)
        return found_start(self.family_or_model, values, weights)

    def outcomes(self, positions: np.ndarray) -> Generator[Fits, None, None]:
        """Yield the fits of the samples at some positions, some at a time, in any order.

        To be closed when left early: what is under way then comes to its end.
        """
        with devices.own_settings(), pool() as threads:
            yield from self.told(positions, in_turn(self.climbs(positions, threads), Future.done), threads)

    def climbs(self, positions: np.ndarray, threads: Executor) -> Iterator["Future[Climbed]"]:
        """Have the samples at some positions climbed side by side where they can, a share at a time; see `shares`."""
        apart = self._apart(positions).beside
        one_each = self.begun.shared is not None or self.begun.in_columns is not None or self.begun.several
        calls = 1 if one_each else CALLS if self.begun.form is not None else 2
        for share in self._rows.shares(apart, calls, devices.cores()):
            yield threads.submit(self._climbed, share)

    def told(self, positions: np.ndarray, climbs: Iterable["Future[Climbed]"], threads: Executor) -> Iterator[Fits]:
        """Yield the fits of the samples at some positions, some at a time.

        Args:
            positions: of the samples.
            climbs: what `climbs` yields for them; `fit` takes those that are left.
            threads: for those.
        """
        apart = self._apart(positions)
        left = [apart.alone]
        for climb in climbs:
            climbed = climb.result()
            left.append(climbed.left)
            yield climbed.fits
        for first in range(0, len(apart.equal), TOGETHER):
            assert self._equal is not None
            yield self._equal.fits(apart.equal[first : first + TOGETHER])
        alone = (self._alone(position, threads) for position in np.sort(np.concatenate(left)).tolist())
        for fit in in_turn(alone):
            yield fit.fits()

    @functools.cached_property
    def _rows(self) -> RowMaker:
        return RowMaker(self.members, self.sizes, self.begun.observation, self.begun.shared)

    @functools.cached_property
    def _equal(self) -> Equal | None:
        return Equal.of(self.begun, self.members)

    def _apart(self, positions: np.ndarray) -> "_Apart":
        equal = positions[:0]
        if self._equal is not None:
            which = self._equal.among(positions)
            equal, positions = positions[which], positions[~which]
        if not self.begun.beside:
            return _Apart(equal, positions[:0], positions)
        short = self._rows.fit(positions)
        beside = positions[short][np.argsort(self.sizes[positions[short]], kind="stable")]
        return _Apart(equal, beside, positions[~short])

    def _climbed(self, positions: np.ndarray) -> Climbed:
        """Climb on some samples, ordered by their sizes, and judge what they came to."""
        with devices.own_settings(), np.errstate(all="ignore"):  # a setting of each thread
            table, like = self.begun.table, self.begun.in_columns
            if isinstance(self.begun.like, HasIrregularMaximum):
                return closed_forms(self.begun, self.begun.like, self._rows, positions)

            begun, back = self._begin(positions)
            units, q = begun.units, begun.at.size // (len(positions) * table.size)

            def climb(rows: np.ndarray, begin: Begin) -> Ends:
                found, done = [], 0
                for call in self._rows.calls(positions[rows]):
                    of = slice(done, done := done + len(call.positions))
                    own = None if units is None else units.of(rows[of])
                    laid = self._rows.rows(call, jax.tree.map(lambda each, of=of: each[of], begin), own)
                    if like is not None:
                        laid = dataclasses.replace(laid, values=orthonormal(like, laid).values)
                    ends = climb_rows(table, self.begun.form, laid, near=not self.begun.given)
                    found.append({name: each[: len(call.positions)] for name, each in ends.items()})
                return merged(found)

            def ascend(rows: np.ndarray, coordinates: np.ndarray, free: np.ndarray, most: int) -> Ends:
                return climb(rows, Begin.at_coordinates(table, coordinates, free, most))

            def measure(rows: np.ndarray, parameters: np.ndarray) -> Ends:
                return climb(rows, Begin.at_parameters(table, parameters, 0))

            every, plain = np.arange(len(positions)), begun.plain
            starts = begun.at.reshape(len(positions) * q, -1)
            found = climb(np.repeat(every, q), Begin.at_parameters(table, starts, MAX_STEPS))
            reasons: dict[int, str] = {}
            if q > 1:
                top = highest(found, plain, ascend, measure, table)
                found, plain = top.ends, top.sure
                said = (f"{agreed} of {q} starts led to this height" for agreed in top.agreed.tolist())
                reasons = dict(zip(positions.tolist(), said, strict=True))
            if isinstance(self.begun.like, HasCanonicalForm):
                found = canonical(found, every, measure, table)
            return self.begun.judged(positions, found, plain, ascend, back, reasons)

    def _begin(self, positions: np.ndarray) -> tuple[Starts, Back | None]:
        """Return where samples start, and the ways back from the units in which they do."""
        if (like := self.begun.in_columns) is not None:
            return self._in_columns(like, positions)
        find = self.begun.several_starts if self.begun.several else self.begun.starts
        starts = find(self._rows, positions)
        return starts, self.begun.back if starts.units is None else starts.units.back

    def _in_columns(self, like: Regression, positions: np.ndarray) -> tuple[Starts, Back]:
        """Return where regressions start on columns of their own, and the ways back."""
        (call,) = self._rows.calls(positions)
        nowhere = np.zeros((len(positions), self.begun.table.size))
        laid = self._rows.rows(call, Begin.at_parameters(self.begun.table, nowhere, 0))
        designs = orthonormal(like, laid)
        back = designs.back(self.begun.table.size).of(np.arange(len(positions)))
        return self.begun.starts_in_columns(like, self._rows, call, laid, designs, back), back

    def _alone(self, position: int, threads: Executor) -> "_Alone":
        """Have a sample fitted by itself; one that is small, or constant, and bit for bit another has its fit."""
        values, weights = counted(self.members.member(position))
        key = _key(jax.tree.leaves((values, weights)))
        if (known := self._known.get(key)) is None:
            known = threads.submit(self._fitted, values, weights)
            if key is not None and len(self._known) < MOST_REMEMBERED:
                self._known[key] = known
        return _Alone(position, known)

    def _fitted(self, values: Rows, weights: np.ndarray | None) -> Fits:
        """Return what `fit` finds in a sample, as that at position 0."""
        with devices.own_settings():  # a setting of each thread
            return self._of_fit(values, weights)

    def _of_fit(self, values: Rows, weights: np.ndarray | None) -> Fits:
        where, size = np.array([0]), self.begun.table.size
        try:
            result = fitted(self.family_or_model, values, weights)
        except InputError as error:
            count = float(row_count(values) if weights is None else weights.sum())
            none = np.full((1, size), np.nan)
            known = (np.nan, np.nan, count, 0, int(Status.OUTSIDE_SUPPORT))
            return Fits(where, none, none, _columns(known), {0: str(error)})
        estimate, errors = (numbers_of(each)[None] for each in (result.model, result.standard_errors))
        known = (result.log_likelihood, result.distance, float(result.count), result.steps, int(result.status))
        return Fits(where, estimate, errors, _columns(known), {0: result.reason} if result.reason else {})


@dataclasses.dataclass(frozen=True, eq=False)
class _Apart:
    """The positions of some samples, by how they are fitted."""

    equal: np.ndarray  # whose observations tell that there is no maximum
    beside: np.ndarray  # climbed side by side, the smallest first
    alone: np.ndarray  # left to `fit`


@dataclasses.dataclass(frozen=True, eq=False)
class _Alone:
    """A sample that is fitted by itself."""

    position: int
    fit: "Future[Fits]"  # as that at position 0; others may have the same

    def fits(self) -> Fits:
        """Return the fit, when it has ended."""
        found = self.fit.result()
        reasons = dict.fromkeys([self.position], *found.reasons.values()) if found.reasons else {}
        return dataclasses.replace(found, positions=np.array([self.position]), reasons=reasons)


class _Pool(Executor):
    """What one caller has done by threads that others use as well."""

    def __init__(self, threads: Executor):
        self._threads = threads
        self._begun: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future = self._threads.submit(fn, *args, **kwargs)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        left = list(self._begun)
        if cancel_futures:
            left = [future for future in left if not future.cancel()]
        if wait:
            futures.wait(left)


@contextlib.contextmanager
def pool() -> Iterator[Executor]:
    """Have threads for all cores, within whose context what is under way comes to its end, and nothing else begins."""
    threads = _Pool(_threads(devices.cores()))
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


@functools.cache
def _threads(count: int) -> Executor:
    """Return threads that stay: new ones would be given fresh memory, page by page, which costs as much as a start."""
    return ThreadPoolExecutor(count, thread_name_prefix="fits of mlejax")


if hasattr(os, "register_at_fork"):  # a process that is forked has none of the threads
    os.register_at_fork(after_in_child=_threads.cache_clear)


def in_turn(begun: Iterable[T], ended: Callable[[T], bool] = lambda _: False) -> Iterator[T]:
    """Yield what is under way in the order in which it was begun, the cores being kept busy with what follows.

    Args:
        begun: makes each when it is asked for the next.
        ended: whether one need not be waited for.
    """
    under_way: deque[T] = deque()
    for each in begun:
        under_way.append(each)
        while len(under_way) > 2 * devices.cores() or (under_way and ended(under_way[0])):
            yield under_way.popleft()
    yield from under_way


def _key(columns: Sequence[np.ndarray]) -> tuple[Any, ...] | None:
    """Return what is the same of samples that are bit for bit the same; None of a large one that is not constant."""
    if sum(column.nbytes for column in columns) <= REMEMBERED:
        return tuple((column.shape, column.tobytes()) for column in columns)
    rows = [column[:1].tobytes() for column in columns]
    constant = all(column.tobytes() == row * len(column) for column, row in zip(columns, rows, strict=True))
    return tuple(zip((column.shape for column in columns), rows, strict=True)) if constant else None


def _columns(known: Sequence[float | int]) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in zip(COLUMNS, known, strict=True)}
