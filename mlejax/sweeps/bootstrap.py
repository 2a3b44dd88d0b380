"""Fits of resamples of the observations that were fitted."""

from typing import Any

import numpy as np

from ..ascent.intervals import scores
from ..checks import InputValueError
from ..models.base import name_of
from ..models.parameters import entry_dict
from ..results.bootstrap import Bootstrap
from ..results.fit import FitResult
from ..samples.members import Resamples
from .many import fit_many


def bootstrap(result: FitResult[Any], count: int, seed: int, progress: bool) -> Bootstrap:
    """Fit resamples from the estimate on; see `FitResult.bootstrap`."""
    name = name_of(result.model)
    if not result.converged:
        raise InputValueError(f"bootstrap: the fit of {name} has not converged: {result.reason}")
    if result.weights is not None:
        raise InputValueError("bootstrap: weights do not say how observations would be drawn again; fit without them")
    ground, units = result.ground, result.ground.units
    smooth = result.end is not None
    values = result.observations if units is None else units.of_observations(result.observations)
    start = ground.own_model(result.end.coordinates) if smooth else type(result.model)
    table = fit_many(start, Resamples(values, count, seed), progress=progress)
    good = table.converged
    if not np.any(good):
        raise InputValueError(f"bootstrap: no resample has a maximum: {table.summary()}")
    found = np.stack([at[good] for at in table.parameters.values()], axis=1)
    if units is not None:
        found = found * units.factors + units.logs * np.log(units.scale) + units.moves * units.shift
    estimate = {key: float(value) for key, value in result.parameters.items()}
    influence = scores(result) @ result.own_covariance if smooth else np.zeros((1, len(estimate)))
    cubes, squares = np.sum(influence**3, axis=0), np.sum(influence**2, axis=0)
    acceleration = np.divide(cubes, 6 * squares**1.5, out=np.zeros(len(cubes)), where=squares > 0)
    return Bootstrap(
        family=name,
        estimate=estimate,
        estimates=dict(zip(estimate, found.T, strict=True)),
        count=len(table),
        acceleration=dict(zip(estimate, acceleration.tolist(), strict=True)),
        why_not="" if np.all(good) else table.summary(),
        fitted_errors={key: float(value) for key, value in entry_dict(result.standard_errors).items()},
    )
