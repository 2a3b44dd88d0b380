"""Samples that have labels of their own, such as the groups of a table, each cut in two for a training run."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from numbers import Number
from typing import Any, final

import jax
import numpy as np

from .. import devices
from ..checks import InputTypeError, InputValueError
from ..formula.jaxpr import as_formula_takes
from ..models.base import Model
from ..models.rows import Observation, one_of, row_count, take
from ..models.tracing import check_formula
from .columns import check_read
from .digests import Digests, digests_of
from .members import Groups, Resamples, Windows
from .observations import as_observations
from .sources import Given, Parts, Source, digest_of
from .split import split

SPLIT_SEED = 42
"""Of the permutation that cuts every sample, as it cuts that of `train` by default."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Labeled(Source):
    """Samples by their labels, each cut in two as `train` cuts it."""

    members: Groups | Resamples | Windows

    @property
    def axis(self) -> str:
        return self.members.axis

    @property
    def labels(self) -> np.ndarray:
        """What the samples are called, in plain values: text or numbers, (m,)."""
        return self._labels

    @functools.cached_property
    def _labels(self) -> np.ndarray:
        labels = self.members.labels
        return labels if labels.dtype.kind in "iufU" else labels.astype(str)

    @property
    def size(self) -> int:
        """Observations in the largest sample."""
        return int(np.max(self.members.sizes))

    @functools.cached_property
    def _places(self) -> dict[Any, int]:
        return {label: place for place, label in enumerate(self.labels.tolist())}

    def check(self, start: Model, starts: Sequence[Model], validation_fraction: float | int) -> None:
        super().check(start, starts, validation_fraction)
        check_read(start, self.members.data, self.members.unread)
        devices.start()
        check_formula(start, self.observation(start))

    def cut(self, seed: Any, validation_fraction: float | int) -> Parts | None:
        values, weights = self.members.member(self._places[seed])
        if weights is not None:
            values = take(values, np.repeat(np.arange(row_count(values)), weights.astype(int)))
        if math.ceil(validation_fraction * row_count(values)) >= row_count(values):
            return None
        return Parts(*split(values, validation_fraction, SPLIT_SEED))

    def observation(self, start: Model) -> Observation:
        with jax.enable_x64(True):
            return one_of(as_formula_takes(start, self.members.member(0).values))

    def describe(self) -> dict[str, Any]:
        bears = [self.members.bears] if isinstance(self.members, Groups) else []
        data, digest = self.members.data, digest_of(self.members.data, *bears)
        sizes = [int(np.min(self.members.sizes)), int(np.max(self.members.sizes))]
        return {**self.members.describe(), "count": row_count(data), "sizes": sizes, "sha256": digest}

    def check_digests(self, labels: np.ndarray, digests: Digests) -> None:
        """Refuse other samples than those with these labels were.

        Args:
            labels: (m,); there may be further samples.
            digests: (m,) of their observations; 0 of one that is not known.

        Raises:
            ValueError: naming the first that is lacking, or has other observations.
        """
        here = self.labels
        lacking = labels[~np.isin(labels, here)]
        if len(lacking):
            raise InputValueError(
                f"observations: there is no {self.axis} {lacking[0]} among those given, of {len(here):,}"
            )
        order = np.argsort(here)
        found = digests_of(self.members)[order[np.searchsorted(here, labels, sorter=order)]]
        other = np.flatnonzero((found != digests) & (digests != 0))
        if len(other):
            raise InputValueError(
                f"observations: {len(other):,} of {len(labels):,} {self.axis}s had others than are given, "
                f"{labels[other[0]]} first"
            )

    def __str__(self) -> str:
        made = self.describe()
        return f"{made['source']} of {made['count']:,} observations given, sha256 {made['sha256']}"


def source_of(observations: object) -> Source:
    """Return the source that a caller's `observations` stand for: a source as it is, or data.

    Raises:
        TypeError, ValueError: they are neither; the message says what is needed.
    """
    if isinstance(observations, Source):
        return observations
    if isinstance(observations, Groups | Resamples | Windows):
        return Labeled(observations)
    if observations is None:
        raise InputTypeError(
            "give observations=, your data or mlejax.Draws(target, count), which draws a sample per seed, or "
            "mlejax.Groups(data, labels)"
        )
    if isinstance(observations, Number | np.generic | str) or (
        isinstance(observations, np.ndarray) and not observations.ndim
    ):
        raise InputTypeError(
            f"observations must be data or a source; got {observations!r}. To draw {observations!r} observations for "
            f"each seed, give mlejax.Draws(target, {observations!r})"
        )
    return Given(as_observations(observations))
