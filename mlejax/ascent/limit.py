"""The height of a likelihood at infinity, where a family is another one whose maximum is known."""

import math
from collections.abc import Sequence

import numpy as np

from .. import likelihood
from ..models.abilities import HasIrregularMaximum, HasStart, Limit
from ..models.rows import Rows
from ..status import Status
from .begin import found_start
from .ground import Ground, is_inside
from .newton import MAX_STEPS
from .verdict import Verdict, supreme

LOST = -1e-4
"""Nats by which a point that is no maximum may seem higher than the limit, by rounding."""

ABOVE = 1e-9
"""How much higher, relative, a limit is than a maximum that is not the highest point."""


def beside_limits(
    verdict: Verdict, limits: Sequence[Limit], height: float, values: Rows, weights: np.ndarray | None
) -> Verdict:
    """Return what a fit found, told beside what the family becomes at infinity.

    Args:
        verdict: on where the climb ended.
        limits: of the family.
        height: of the log-likelihood there, nats.
        values: the observations.
        weights: (n,), how often each counts; None: once.
    """
    limits = [limit for limit in limits if limit.apart]
    if verdict.status is Status.UNBOUNDED or not limits:
        return verdict
    suprema = np.nan_to_num([height_of(limit.family, values, weights) for limit in limits], nan=-np.inf)
    supremum, limit = float(np.max(suprema)), limits[int(np.argmax(suprema))]
    maximum = verdict.status is Status.CONVERGED
    if not supremum > height + (ABOVE * (1 + abs(height)) if maximum else LOST):
        return verdict
    found = "it has a maximum at the estimate, but the log-likelihood is higher" if maximum else "the log-likelihood"
    found += "" if maximum else " keeps rising"
    return Verdict(Status.AT_INFINITY, f"{found} as {limit.way}; {supreme(supremum, 'infinity', limit)}")


def height_of(family: HasStart, values: Rows, weights: np.ndarray | None) -> float:
    """Return the highest log-likelihood of a family, nats; NaN where it has no maximum."""
    first, units = found_start(family, values, weights)
    if not is_inside(first):
        return math.nan
    ground = Ground.of(first, values, weights, units)
    if isinstance(first, HasIrregularMaximum):
        best = first.closed_form(values if units is None else units.of_observations(values), weights)
        mean = float(likelihood.mean_log_likelihood(best, ground.sample)) if is_inside(best) else math.nan
    else:
        end = ground.ascend(ground.start, np.ones(ground.table.real_size), MAX_STEPS)
        mean = end.mean_log_likelihood if end.arrived else math.nan
    return ground.count * mean + ground.offset
