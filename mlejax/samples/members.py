"""Where the samples of `fit_many` come from: groups of a table, draws, resamples, windows; along a named axis."""

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, final

import jax
import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import InputError, InputTypeError, InputValueError
from ..models.rows import Rows, row_count, take
from .columns import check_read, readable, without_labels
from .labels import as_labels
from .philox import times_drawn
from .sources import Draws

KEPT = 1 << 21
"""Drawn observations that are kept at a time."""


class Member(NamedTuple):
    """One sample of many."""

    values: Rows  # n observations
    weights: np.ndarray | None  # (n,), how often each counts; None counts each once


@dataclasses.dataclass(frozen=True, eq=False)
class Stretches:
    """Samples that are stretches of one array of observations."""

    values: Rows
    begins: np.ndarray  # (m,): the index of the first observation of each

    def evenly(self, positions: np.ndarray, size: int) -> Rows | None:
        """Return samples of one size, (b, size, ...), without a copy; None where they do not lie evenly apart."""
        begins = self.begins[positions]
        step = int(begins[1] - begins[0]) if len(begins) > 1 else size
        if step < 0 or np.any(np.diff(begins) != step):
            return None

        def rows(column: np.ndarray) -> np.ndarray:
            some = np.lib.stride_tricks.sliding_window_view(column[begins[0] :], size, axis=0)
            return np.moveaxis(some[:: max(step, 1)][: len(begins)], -1, 1)

        return jax.tree.map(rows, self.values) if step or len(begins) == 1 else None


class Members(abc.ABC):
    """Many samples along a named axis."""

    axis: ClassVar[str]
    """The name of the axis."""

    data: Rows | None = None
    """The observations out of which all samples are cut; None where they are drawn."""

    unread: Mapping[str, InputError] = MappingProxyType({})
    """The columns that came with them and are no numbers, and why."""

    @property
    @abc.abstractmethod
    def labels(self) -> np.ndarray:
        """What the samples are called, (m,), each once."""

    @property
    @abc.abstractmethod
    def sizes(self) -> np.ndarray:
        """How many observations each has, (m,)."""

    @abc.abstractmethod
    def member(self, position: int) -> Member:
        """Return a sample by its position along the axis."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what decides the samples besides their labels and the observations of each, in plain values."""

    @property
    def stretches(self) -> "Stretches | None":
        """The samples as stretches of one array of observations; None where they are none."""
        return None

    def at(self, positions: np.ndarray, index: np.ndarray) -> Rows:
        """Return observations of several samples.

        Args:
            positions: (b,) of the samples along the axis.
            index: (b, k) of the observations within each.

        Returns:
            Arrays (b, k, ...).
        """
        if self.stretches is not None:
            return take(self.stretches.values, self.stretches.begins[positions, None] + index)
        parts, member = [], None
        for row, position in enumerate(positions.tolist()):
            if member is None or position != positions[row - 1]:
                member = self.member(position)
            parts.append(take(member.values, index[row]))
        return jax.tree.map(lambda *columns: np.stack(columns), *parts)

    @property
    def shared(self) -> Rows | None:
        """The observations of all samples, where these differ in their weights alone."""
        return None


@final
class Groups(Members):
    """The groups of a table: observations that bear the same label are one sample.

    Args:
        data: n observations, as `fit` takes them.
        labels: (n,) what group each belongs to: text, numbers or dates, in any order; or the name of a column of the
            data that says so. Such a column, and one of text that is the labels, is no part of the observations.
            Bytes are text in UTF-8.

    Raises:
        TypeError, ValueError: they are not as described; the message names the value and its index.

    Example:
        >>> import mlejax
        >>> groups = mlejax.Groups([1.0, 5.0, 2.0, 6.0, 3.0], ["a", "b", "a", "b", "a"])
        >>> groups.labels.tolist(), groups.sizes.tolist(), groups.member(1).values.tolist()
        (['a', 'b'], [3, 2], [5.0, 6.0])
    """

    axis: ClassVar[str] = "group"
    data: Rows
    bears: np.ndarray  # (n,) the label of each observation

    def __init__(self, data: Any, labels: ArrayLike | str):
        rest, own = without_labels(data, labels)
        self.data, self.unread = readable(rest)
        self.bears = as_labels(own)
        if len(self.bears) != row_count(self.data):
            raise InputValueError(
                f"labels must be one for each of {row_count(self.data)} observations; got {len(self.bears)}"
            )

    @functools.cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, Rows]:
        """The labels, where each group begins and the last ends, and the observations group by group."""
        labels, codes = np.unique(self.bears, return_inverse=True)
        ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(labels)))])
        values = self.data
        if np.any(codes[1:] < codes[:-1]):
            values = take(values, np.argsort(codes, kind="stable"))
        return labels, ends, values

    @property
    def labels(self) -> np.ndarray:
        return self._sorted[0]

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self._sorted[1])

    def member(self, position: int) -> Member:
        _, ends, values = self._sorted
        return Member(take(values, slice(ends[position], ends[position + 1])), None)

    def describe(self) -> dict[str, Any]:
        return {"source": "groups"}

    @functools.cached_property
    def _stretches(self) -> "Stretches":
        return Stretches(self._sorted[2], self._sorted[1][:-1])

    @property
    def stretches(self) -> "Stretches":
        return self._stretches


@final
class Resamples(Members):
    """Bootstrap samples: as many observations as the data have, drawn from them with replacement.

    Each is the data with weights, how often each was drawn. A resample depends on its number and the seed alone.

    Args:
        data: n observations, as `fit` takes them.
        count: how many resamples.
        seed: of NumPy's generator Philox.

    Raises:
        TypeError, ValueError: they are not as described.

    Reference: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979) 1-26.

    Example:
        >>> import mlejax
        >>> member = mlejax.Resamples([1.0, 2.0, 4.0], 100, seed=0).member(7)
        >>> member.values.tolist(), member.weights.sum().item()
        ([1.0, 2.0, 4.0], 3.0)
    """

    axis: ClassVar[str] = "resample"
    data: Rows
    count: int
    seed: int

    def __init__(self, data: Any, count: int, seed: int = 0):
        self.data, self.unread = readable(data)
        self.count = int(checks.counts("count", count))
        self.seed = int(checks.counts("seed", seed, at_least=0, at_most=2**63 - 1))

    @property
    def labels(self) -> np.ndarray:
        return np.arange(self.count)

    @property
    def sizes(self) -> np.ndarray:
        return np.full(self.count, row_count(self.data))

    def member(self, position: int) -> Member:
        return Member(self.data, self.times(position).astype(np.float64))

    def times(self, position: int) -> np.ndarray:
        """Return how often a resample has each observation, (n,), by its position along the axis."""
        return times_drawn(self.seed, position, row_count(self.data))

    def describe(self) -> dict[str, Any]:
        return {"source": "resamples", "count": row_count(self.data), "seed": self.seed}

    @property
    def shared(self) -> Rows:
        return self.data


@final
class Windows(Members):
    """Windows that move along the data, such as the last 250 days, day after day.

    Args:
        data: n observations, as `fit` takes them, in their order.
        width: observations in a window.
        step: observations from the beginning of one window to that of the next.

    Raises:
        TypeError, ValueError: they are not as described.

    Example:
        >>> import mlejax
        >>> windows = mlejax.Windows([1.0, 2.0, 3.0, 4.0, 5.0], 3, 2)
        >>> windows.labels.tolist(), windows.member(1).values.tolist()  # each is called by its first index
        ([0, 2], [3.0, 4.0, 5.0])
    """

    axis: ClassVar[str] = "window"
    data: Rows
    width: int
    step: int

    def __init__(self, data: Any, width: int, step: int = 1):
        self.data, self.unread = readable(data)
        self.width = int(checks.counts("width", width, at_most=2**31))
        self.step = int(checks.counts("step", step, at_most=2**31))
        if self.width > row_count(self.data):
            raise InputValueError(
                f"width must be at most the number of observations, {row_count(self.data)}; got {width}"
            )

    @property
    def labels(self) -> np.ndarray:
        return np.arange(0, row_count(self.data) - self.width + 1, self.step)

    @property
    def sizes(self) -> np.ndarray:
        return np.full(len(self.labels), self.width)

    def member(self, position: int) -> Member:
        first = position * self.step
        return Member(take(self.data, slice(first, first + self.width)), None)

    def describe(self) -> dict[str, Any]:
        return {"source": "windows", "width": self.width}

    @property
    def stretches(self) -> "Stretches":
        return Stretches(self.data, self.labels)


@final
class Drawn(Members):
    """The samples of some seeds of `Draws`."""

    axis: ClassVar[str] = "seed"

    def __init__(self, draws: Draws):
        if draws.seeds is None:
            raise InputTypeError(
                "fit_many needs to know which samples to draw: Draws(target, count, seeds=range(1000))"
            )
        if draws.axes():
            raise InputValueError("fit_many takes Draws of one count; got several, which `study` takes")
        if draws.by == "statistics":
            raise InputValueError("fit_many looks at observations; by='statistics' draws none")
        self.draws, self.seeds = draws, np.asarray(draws.seeds)

    @property
    def labels(self) -> np.ndarray:
        return self.seeds

    @property
    def sizes(self) -> np.ndarray:
        return np.full(len(self.seeds), self.draws.size)

    def member(self, position: int) -> Member:
        return self._member(position)

    @functools.cached_property
    def _member(self) -> Callable[[int], Member]:
        """Draws a sample; some are kept, of which several calls make use."""
        kept = max(2, KEPT // max(self.draws.size, 1))
        return functools.lru_cache(kept)(lambda at: Member(self.draws.cut(int(self.seeds[at]), 0).train, None))

    def describe(self) -> dict[str, Any]:
        return self.draws.describe()


def members_of(source: Any, family_or_model: object) -> Members:
    """Return the samples that a caller's source stands for.

    Args:
        source: as `fit_many` is given it.
        family_or_model: what is fitted to them.

    Raises:
        TypeError, ValueError: it is none, or of columns that cannot be read.
    """
    if isinstance(source, Draws | Members):
        members = Drawn(source) if isinstance(source, Draws) else source
        check_read(family_or_model, members.data, members.unread)
        return members
    raise InputTypeError(
        "fit_many needs a source of samples: mlejax.Groups(data, labels), Draws(target, count, seeds=...), "
        f"Resamples(data, count) or Windows(data, width, step); got {checks.shown(source)}"
    )
