"""Fits of resamples of the observations that were fitted, of one sample or of many."""

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

from ..ascent.intervals import scores
from ..checks import InputValueError
from ..devices import own_settings
from ..models.base import name_of
from ..models.parameters import Parameters, entry_dict
from ..progress import bar
from ..results.bootstrap import Bootstrap
from ..results.fit import FitResult
from ..results.table import FitTable
from ..samples.members import Resamples
from .begun import Climbed
from .fits import Work, in_turn, pool
from .fitted import Fitted
from .many import fit_many


def bootstrap(result: FitResult[Any], count: int, seed: int, progress: bool) -> Bootstrap[Any]:
    """Fit resamples from the estimate on; see `FitResult.bootstrap`."""
    start, resamples = _resamples(result, count, seed)
    table = fit_many(start, resamples, progress=progress)
    if not np.any(table.converged):
        raise InputValueError(f"bootstrap: no resample has a maximum: {table.summary()}")
    return _of(result, table)


def bootstraps(
    results: Iterable[FitResult[Any]], samples: int, count: int, what: str, progress: bool
) -> Iterator[Bootstrap[Any] | None]:
    """Yield the bootstraps of fits, in their order: of the first with the seed 0, of the next with 1.

    None of a fit of which no resample has a maximum. The resamples of several are climbed at the same time; each
    bootstrap is that of its fit by itself, bit by bit.

    Args:
        results: the fits.
        samples: how many there are.
        count: of the resamples of each.
        what: is done, in words, for the progress bar.
        progress: show one on standard error.
    """
    with own_settings(), pool() as threads, bar(what, samples, progress) as shown:
        begun = (_Begun.of(result, count, seed, threads) for seed, result in enumerate(results))
        for each in in_turn(begun):
            table = each.table()
            yield _of(each.result, table) if np.any(table.converged) else None
            shown.update(1)


@dataclasses.dataclass(frozen=True, eq=False)
class _Begun:
    """The resamples of a fit, which are being climbed."""

    result: FitResult[Any]
    work: Work
    climbs: "list[Future[Climbed]]"
    threads: Executor

    @classmethod
    def of(cls, result: FitResult[Any], count: int, seed: int, threads: Executor) -> "_Begun":
        """Begin."""
        work = Work(*_resamples(result, count, seed))
        return cls(result, work, list(work.climbs(np.arange(count), threads)), threads)

    def table(self) -> FitTable[Any]:
        """Return the fits of the resamples, when all have ended."""
        work, begun = self.work, self.work.begun
        fitted: Fitted[Any] = Fitted(work.family_or_model, work.members, begun.like, begun.observation)
        with fitted.collector({}, None) as kept:
            for fits in work.told(work.members.labels, self.climbs, self.threads):
                kept.put(fits.positions, fits.by_name(begun.table))
            return fitted.table(kept, "")


def _resamples(result: FitResult[Any], count: int, seed: int) -> tuple[Any, Resamples]:
    """Return the model to start from, or the family that finds a start, and resamples of the observations of a fit.

    Raises:
        ValueError: the fit is none that can be done again.
    """
    name = name_of(result.model)
    if not result.converged:
        raise InputValueError(f"bootstrap: the fit of {name} has not converged: {result.reason}")
    if result.weights is not None:
        raise InputValueError("bootstrap: weights do not say how observations would be drawn again; fit without them")
    units = result.ground.units
    values = result.observations if units is None else units.of_observations(result.observations)
    start = type(result.model) if result.end is None else result.ground.own_model(result.end.coordinates)
    return start, Resamples(values, count, seed)


def _of(result: FitResult[Any], table: FitTable[Any]) -> Bootstrap[Any]:
    """Return what the fits of resamples say of the fit of the sample; one at least has a maximum."""
    units, good, smooth = result.ground.units, table.converged, result.end is not None
    found = np.stack([at[good] for at in table.parameters.values()], axis=1)
    if units is not None:
        found = units.back.parameters(found)
    influence = scores(result) @ result.own_covariance if smooth else np.zeros((1, found.shape[1]))
    cubes, squares = np.sum(influence**3, axis=0), np.sum(influence**2, axis=0)
    acceleration = np.divide(cubes, 6 * squares**1.5, out=np.zeros(len(cubes)), where=squares > 0)
    return Bootstrap(
        fitted=result.model,
        model=Parameters.of(result.model).to_model(found),
        count=len(table),
        acceleration=dict(zip(result.parameters, acceleration.tolist(), strict=True)),
        why_not="" if np.all(good) else _left_out(table),
        fitted_errors={key: float(value) for key, value in entry_dict(result.standard_errors).items()},
    )


def _left_out(table: FitTable[Any]) -> str:
    """Return how many resamples have no maximum, what that means for the others, and why they have none."""
    lost, left = int(np.sum(~table.converged)), int(np.sum(table.converged))
    return (
        f"{lost:,} of {len(table):,} resamples have no maximum and are left out: errors and intervals rest on the "
        f"other {left:,} alone, and may be too narrow\n{table.summary()}"
    )
