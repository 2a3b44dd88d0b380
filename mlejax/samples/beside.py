"""Samples of many sizes, filled up to a few lengths and made ready side by side: one program for each length."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..models.base import Model
from ..models.rows import Rows, row_count
from ..models.support import contains
from .agreement import AGREEMENT, examine
from .filled import Filled
from .raw import Observations, observe
from .representation import Sample
from .sources import Parts
from .summary import Form, Summary, summarize_with

AT_ONCE = 1 << 16
"""Observations of the samples that one call makes ready, about."""

MOST_ROWS = 64
"""Samples of one call, at most."""


class Ready(NamedTuple):
    """A sample that is ready to be trained on; NumPy arrays."""

    train: Sample
    validation: Sample | None
    contained: bool  # whether the support holds all observations
    sound: bool  # whether the factored form is that of the sample, and agrees with it


def rows_for(length: int) -> int:
    """Return how many samples one call takes whose longer part is filled up to this length."""
    return int(np.clip(AT_ONCE // length, 1, MOST_ROWS))


def made_ready(start: Model, samples: Sequence[Parts], lengths: Sequence[int], form: Form | None) -> list[Ready]:
    """Return samples as their statistics, or as they are, each with the bits that it has alone.

    Args:
        start: the model that is trained, in float64.
        samples: at most as many as `rows_for` says.
        lengths: that their parts are filled up to: one, or two where something is held out.
        form: of the formula, of every sample; None leaves observations as they are.
    """
    rows = rows_for(max(lengths))
    sides = list(zip(*samples, strict=True))[: len(lengths)]
    filled = [_filled(side, length, rows) for side, length in zip(sides, lengths, strict=True)]
    if form is None:
        made: list[Sample] = [_observed(start, part) for part in filled]
        inside = np.all([contains(start.support, part.values) for part in filled], axis=0)
        looks = _Looks(inside, np.full(rows, True))
    else:
        made, looks = jax.device_get(_summarized(form, start, filled))
    found = []
    for row in range(len(samples)):
        train, *rest = jax.tree.map(lambda leaf, row=row: leaf[row], made)
        found.append(Ready(train, rest[0] if rest else None, bool(looks.contained[row]), bool(looks.sound[row])))
    return found


class _Looks(NamedTuple):
    """What was seen of samples, (rows,) each."""

    contained: Any
    sound: Any


def _filled(samples: Sequence[Rows], length: int, rows: int) -> Filled:
    """Return samples as rows (rows, length, ...), each filled up with copies of its first observation."""

    def stacked(*columns: np.ndarray) -> np.ndarray:
        out = np.empty((rows, length, *columns[0].shape[1:]), columns[0].dtype)
        for row in range(rows):
            column = columns[row if row < len(columns) else 0]
            out[row, : len(column)], out[row, len(column) :] = column, column[0]
        return out

    counts = [row_count(sample) for sample in samples]
    return Filled(jax.tree.map(stacked, *samples), np.array(counts + counts[:1] * (rows - len(counts))))


@functools.partial(jax.jit, static_argnums=0)
def _summarized(form: Form, start: Model, parts: list[Filled]) -> tuple[list[Summary], _Looks]:
    def one(parts: list[Filled]) -> tuple[list[Summary], _Looks]:
        made, holds = zip(*(summarize_with(form, part) for part in parts), strict=True)
        found = examine(start, made, parts)
        sound = functools.reduce(jnp.logical_and, holds) & jnp.all(found.apart <= AGREEMENT)
        return list(made), _Looks(jnp.all(found.contained), sound)

    return jax.lax.map(one, parts)  # one after the other: none has other bits for its neighbors


def _observed(start: Model, part: Filled) -> Observations:
    """Return rows of observations with what the formula needs of them, and weights of which those filled in have 0."""
    rows, length = jax.tree.leaves(part.values)[0].shape[:2]
    flat = jax.tree.map(lambda column: column.reshape(rows * length, *column.shape[2:]), part.values)
    weights = (np.arange(length) < np.asarray(part.count)[:, None]).astype(np.float64)
    with jax.enable_x64(True):
        found = jax.device_get(observe(start, flat))
    whole = jax.tree.map(lambda leaf: leaf.reshape(rows, length, *leaf.shape[1:]), found)
    return Observations(whole.values, whole.derived, whole.structure, weights)
