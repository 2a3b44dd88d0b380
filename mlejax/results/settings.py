"""The settings of a sweep compared: what became of the runs of each, and which setting to use."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num

from ..status import Status
from .schema import ARRIVED, samples_along

SIGNIFICANCE = 0.05
"""Two settings count as tied unless a test at this level tells their shares of arrivals apart."""

TOGETHER = 2**18
"""Runs that are looked at together, which bounds the memory of a summary."""

FATES = {
    "arrived": f"within {ARRIVED} standard errors of the maximum",
    "close": "within 1",
    "stopped_short": "further",
    "diverged": "a step left the domain",
    "outside_support": "nothing could be estimated",
    "running": "not ended yet",
}
"""What can become of a run: every run counts under exactly one. The first that fits, in the order of this list."""


_FOUND = ("runs", *FATES, "epochs", "distance", "arrived_epochs")


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The setting to use: the fastest of those that reach the maximum for as many seeds as any."""

    row: Mapping[str, Any]  # of the setting to use
    most: Mapping[str, Any]  # of the setting that most seeds arrive with
    tied: int  # settings whose arrivals cannot be told from the most, both of these among them
    samples: str = "seed"  # the name of the axis along which samples lie

    def sentence(self, made: Mapping[str, Any]) -> str:
        """Return it as a sentence.

        Args:
            made: the settings of the sweep, which name its optimizers.
        """
        names = [name for name in self.row if name not in (*_FOUND, "count")]
        where = f" for {self.row['count']:,} observations" if "count" in self.row else ""

        def at(row: Mapping[str, Any]) -> str:
            return ", ".join(f"{name} = {in_words(made, name, row[name])}" for name in names) or "this setting"

        arrive = f"{self.row['arrived']} of {self.row['runs']} {self.samples}s arrive"
        said = f"Best setting{where}: {at(self.row)}: {arrive}, "
        said += f"after a median of {self.row['arrived_epochs']:,.0f} epochs."
        if self.tied == 1:
            return f"{said} No other is tied with it." if names else said
        other = "" if self.row is self.most else f", {self.most['arrived']} at {at(self.most)}"
        return (
            f"{said} It is the fastest of {self.tied} settings statistically tied for the most arrivals{other} "
            f"(McNemar's exact test on the same {self.samples}s, level {SIGNIFICANCE:g})."
        )


def in_words(made: Mapping[str, Any], axis: str, value: float | int | str) -> str:
    """Return a value along an axis as it is written for a person: an optimizer by its name, other values as they are.

    Args:
        made: the settings of the sweep.
        axis: the name of the axis.
        value: along it.

    Example:
        >>> in_words({"optimizer": [["adam", "optax 12ab"], ["plain", "plain ascent"]]}, "optimizer", 1)
        'plain'
        >>> in_words(made={}, axis="count", value=100_000)
        '100,000'
    """
    if axis == "optimizer" and not isinstance(several := made.get("optimizer"), str | None):
        return str(several[int(value)][0])
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def fates(status: Num[np.ndarray, "..."], distance: Float[np.ndarray, "..."]) -> dict[str, Bool[np.ndarray, "..."]]:
    """Return which runs had which fate.

    Args:
        status: of each run.
        distance: of each run, in standard errors.

    Returns:
        A mask for each name of `FATES`; of every run exactly one is true.

    Example:
        >>> import numpy as np
        >>> found = fates(np.array([1, 1, 5]), np.array([0.001, 2.0, np.inf]))
        >>> [name for name, where in found.items() if where.any()]
        ['arrived', 'stopped_short', 'diverged']
    """
    running, outside = status == Status.RUNNING, status == Status.OUTSIDE_SUPPORT
    diverged = status == Status.DIVERGED
    ended = ~running & ~outside
    arrived = ended & (distance <= ARRIVED)
    close = ended & ~arrived & ~diverged & (distance <= 1)
    return {
        "arrived": arrived,
        "close": close,
        "stopped_short": ended & ~arrived & ~diverged & ~close,
        "diverged": diverged & ~arrived,
        "outside_support": outside,
        "running": running,
    }


def median(values: Num[np.ndarray, "n ..."], where: Bool[np.ndarray, "n ..."]) -> Float[np.ndarray, "..."]:
    """Return the median along the first axis of some of the values; infinite values are greater than all others.

    Args:
        values: no NaN among those that count.
        where: which of them count.

    Returns:
        The middle value, or the mean of the middle two; NaN where none counts.

    Example:
        >>> import numpy as np
        >>> median(np.array([3.0, 1.0, np.inf]), np.array([True, True, False]))
        array(2.)
    """
    ordered = np.sort(np.where(where, values, np.inf), axis=0)
    count = np.sum(where, axis=0)
    middle = [np.take_along_axis(ordered, np.maximum(i, 0)[None], axis=0)[0] for i in ((count - 1) // 2, count // 2)]
    return np.where(count, (middle[0] + middle[1]) / 2, np.nan)


def settings(
    axes: Mapping[str, np.ndarray], status: np.ndarray, distance: np.ndarray, epochs: np.ndarray
) -> list[dict[str, Any]]:
    """Return a row for every combination of the axes other than that of the samples.

    Args:
        axes: name -> values, in the order of the dimensions.
        status: of every run, of the shape of the axes.
        distance: likewise, in standard errors.
        epochs: likewise, the epoch that the run ended in.

    Returns:
        Each row has its values along the axes; `runs`; how many of them had each of `FATES`, which add up to `runs`;
        the medians `epochs` and `distance` of those that ended; and `arrived_epochs`, the median of those that
        arrived. A median of nothing is None.
    """
    names = [name for name in axes if name != samples_along(axes)]
    places = np.meshgrid(*(axes[name] for name in names), indexing="ij")
    columns = {name: place.ravel().tolist() for name, place in zip(names, places, strict=True)}
    parts = []
    for part in _parts(axes, status, distance, epochs):
        found = fates(part[0], part[1])
        ended = ~found["running"] & ~found["outside_support"]
        parts.append(
            [
                *(np.sum(where, axis=0) for where in found.values()),
                *(median(part[i], ended) for i in (2, 1)),
                median(part[2], found["arrived"]),
            ]
        )
    numbers = [np.concatenate(column).tolist() for column in zip(*parts, strict=True)]
    runs = [len(axes.get(samples_along(axes), [0]))] * len(numbers[0])
    columns |= dict(zip(_FOUND, [runs, *numbers], strict=True))
    rows = zip(*columns.values(), strict=True)
    return [{name: _known(value) for name, value in zip(columns, row, strict=True)} for row in rows]


def recommend(
    rows: list[dict[str, Any]], axes: Mapping[str, np.ndarray], status: np.ndarray, distance: np.ndarray
) -> Recommendation | None:
    """Return the setting to use, or None where no run arrived.

    All settings see the same seeds, so they are compared seed by seed: of the seeds that arrive with exactly one of
    two settings, half are expected with each if neither is better, and McNemar's exact test is the two-sided binomial
    test of that. Because a handful of seeds cannot tell much from nothing, a setting that fewer than half as many
    seeds arrive with is not tied, whatever the test says.

    Args:
        rows: from `settings`.
        axes: as in `settings`.
        status: as in `settings`.
        distance: as in `settings`.

    Reference: Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947) 153-157.
    """
    from scipy.special import bdtrc

    order = sorted((i for i in range(len(rows)) if rows[i]["arrived"]), key=lambda i: rows[i]["arrived_epochs"])
    if not order:
        return None
    most = max(order, key=lambda i: rows[i]["arrived"])  # of equals the fastest
    reference = fates(*(_by_seed(axes, values)[:, most, None] for values in (status, distance)))["arrived"]
    more, fewer = [], []
    for part in _parts(axes, status, distance):
        arrived = fates(*part)["arrived"]
        more.append(np.sum(reference & ~arrived, axis=0))
        fewer.append(np.sum(~reference & arrived, axis=0))
    b, c = np.concatenate(more), np.concatenate(fewer)
    # The chance of b or more heads among b + c throws, twice; b >= c, for no setting has more arrivals.
    p_value = np.minimum(1.0, 2 * np.where(b > 0, bdtrc(np.maximum(b - 1.0, 0), b + c, 0.5), 1.0))
    tied = [i for i in order if p_value[i] > SIGNIFICANCE and 2 * rows[i]["arrived"] >= rows[most]["arrived"]]
    return Recommendation(rows[tied[0]], rows[most], len(tied), samples_along(axes))


def recommend_each(
    rows: list[dict[str, Any]], axes: Mapping[str, np.ndarray], status: np.ndarray, distance: np.ndarray
) -> list[Recommendation | None]:
    """Return the setting to use for each number of observations: one, where all samples have as many.

    How many observations there are is no setting that one chooses like a learning rate, so the settings of each number
    are compared among themselves.

    Args:
        rows: from `settings`.
        axes: as in `settings`.
        status: as in `settings`.
        distance: as in `settings`.
    """
    if "count" not in axes:
        return [recommend(rows, axes, status, distance)]
    others, place, found = {name: at for name, at in axes.items() if name != "count"}, list(axes).index("count"), []
    for i, count in enumerate(axes["count"].tolist()):
        some = [row for row in rows if row["count"] == count]
        found.append(recommend(some, others, *(np.take(values, i, place) for values in (status, distance))))
    return found


def _by_seed(axes: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
    """Return an array of the shape of the axes as (seeds, settings), or with other samples in place of seeds."""
    if (samples := samples_along(axes)) not in axes:
        return values.reshape(1, -1)
    values = np.moveaxis(values, list(axes).index(samples), 0)
    return values.reshape(len(values), -1)


def _parts(axes: Mapping[str, np.ndarray], *arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield the arrays as (seeds, settings), so many settings at a time that there are `TOGETHER` runs at most."""
    whole = [_by_seed(axes, values) for values in arrays]
    seeds, count = whole[0].shape
    together = max(1, TOGETHER // seeds)
    for first in range(0, count, together):
        yield [values[:, first : first + together] for values in whole]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
