"""What the samples of a sweep are to be, and how large those may be that lie side by side."""

import dataclasses
import functools

import numpy as np

from ..models.base import Model
from .sources import Parts, Source

LARGEST_BESIDE = 1 << 12
"""Numbers of a raw sample that always lies beside others of its kind. Every run that is under way has a copy."""

FEW_RUNS = 8
"""With fewer runs on each sample lanes would stand empty where one sample comes after another: larger ones lie beside
others too. With more it pays that runs read the same observations."""

LARGEST_OF_FEW_RUNS = 1 << 16
"""Numbers of such a sample, at most; with the lanes and the runs that wait, of 8 bytes each, 160 MiB for a core."""

MOST_BESIDE = 1 << 26
"""Numbers of all samples beside others, about: half a GiB. Large ones beyond come one after another."""


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What the samples of a sweep are to be."""

    start: Model  # float64: the formula is checked here and around it
    source: Source
    seeds: np.ndarray  # all of them, or labels, along the source's axis; samples are numbered along it, then its counts
    validation_fraction: float | int
    summarize: bool
    runs: int = 1  # on each sample

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        """The source of each count of observations."""
        return self.source.by_count()

    @property
    def ragged(self) -> bool:
        """Whether samples are of many sizes: raw ones are filled up to few, so that those of one lie side by side."""
        return self.source.labels is not None

    def cut(self, position: int) -> Parts | None:
        """Return the observations of a sample, by its number; None where it is too small to be cut in two."""
        seed, place = divmod(position, len(self.sources))
        return self.sources[place].cut(self.seeds[seed].item(), self.validation_fraction)

    def largest_beside(self, room: int) -> int:
        """Return how many numbers a raw sample may be that lies beside others, where there is room for so many."""
        if not self.ragged:
            return 0
        return max(LARGEST_BESIDE, min(LARGEST_OF_FEW_RUNS, room)) if self.runs < FEW_RUNS else LARGEST_BESIDE
