"""Observations made ready for one run: checked, cut in two, and each part represented as it asks for."""

import dataclasses
from typing import Any

import jax
import numpy as np

from ..formula.jaxpr import as_formula_takes
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.rows import Observation, one_of, row_count
from ..models.tracing import check_formula
from .observations import as_observations, check_support
from .representation import Sample, summarize_each
from .split import split

LARGEST_KEPT = 1 << 26
"""Bytes of observations of which a copy may be kept for the next call."""


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A sample, ready to be trained on."""

    count: int  # observations in both parts
    spread: float  # the largest less the smallest
    observation: Observation  # one, as the formula takes it
    train: Sample
    validation: Sample | None  # None where nothing is held out
    representation: str  # of the train part, and why
    on_host: tuple[Sample, Sample | None]  # both parts, as NumPy arrays


_latest: list[tuple[Any, np.ndarray, Prepared]] = []
"""What the latest call was given and what it made of it: who tries one learning rate after another gives the same."""


def prepare(
    start: Model, observations: object, validation_fraction: float | int, split_seed: int, summarized: bool
) -> Prepared:
    """Check observations, cut them, and represent both parts.

    Observations that are bit for bit those of the latest call, for the same start and the same split, are not passed
    over again.

    Args:
        start: float64 parameters; the observations must have a finite log-density there.
        observations: what a caller gave.
        validation_fraction: the part to hold out.
        split_seed: of the permutation that cuts the parts.
        summarized: whether to look for sufficient statistics.

    Raises:
        TypeError, ValueError: the observations, the split or the formula cannot be used; the message names what is
            wrong and where.
    """
    key = _key(start, observations, validation_fraction, split_seed, summarized)
    for known, values, found in _latest[:]:
        if key is not None and known == key and _same_bits(observations, values):
            check_formula(start, found.observation)
            return found
    found = _prepared(start, observations, validation_fraction, split_seed, summarized)
    if key is not None:
        _latest[:] = [(key, np.array(observations, order="C"), found)]
    return found


def _prepared(
    start: Model, observations: object, validation_fraction: float | int, split_seed: int, summarized: bool
) -> Prepared:
    values = as_observations(observations)
    check_support(start, values)
    train_values, held_out = split(values, validation_fraction, split_seed)
    parts = [part for part in (train_values, held_out) if row_count(part)]
    (train, representation), *rest = summarize_each(start, parts, summarized)
    validation = rest[0][0] if rest else None
    with jax.enable_x64(True):
        taken = as_formula_takes(start, values)
        on_host = jax.device_get((train, validation))
    spread = max(float(np.max(np.ptp(column, axis=0))) for column in jax.tree.leaves(values))
    return Prepared(row_count(values), spread, one_of(taken), train, validation, representation, on_host)


def _key(start: Model, observations: object, *rest: Any) -> Any:
    """Return what decides the sample besides the values; None where it is not kept for the next call."""
    if type(observations) is not np.ndarray or observations.dtype.kind not in "iuf":
        return None
    if observations.nbytes > LARGEST_KEPT or not all(isinstance(each, int | float) for each in rest):
        return None
    leaves = tuple(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(start))
    types = tuple(map(type, rest))  # True is no 1
    return Parameters.of(start), leaves, observations.dtype.str, observations.shape, rest, types


def _same_bits(observations: Any, values: np.ndarray) -> bool:
    """Return whether two arrays of one type and shape hold the same: 0.0 and -0.0 are equal, and not the same."""
    if not observations.flags.c_contiguous or observations.dtype.itemsize > 8:
        return False
    bits = f"u{observations.dtype.itemsize}"
    return np.array_equal(observations.view(bits), values.view(bits))
