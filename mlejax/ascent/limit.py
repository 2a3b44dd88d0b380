"""The height of a likelihood at infinity, where a family is another one whose maximum is known."""

import numpy as np

from ..models.abilities import HasStart, Limit
from ..models.base import name_of
from ..models.rows import Rows
from ..status import Status
from .begin import found_start
from .ground import Ground, is_inside
from .newton import MAX_STEPS
from .outward import FLAT, Verdict

ABOVE = 1e-9
"""How much higher, relative, a limit is than a maximum that is not the highest point."""


def beside_limit(verdict: Verdict, limit: Limit, height: float, values: Rows, weights: np.ndarray | None) -> Verdict:
    """Return what a fit found, told beside what the family becomes at infinity.

    Args:
        verdict: on where the climb ended.
        limit: of the family.
        height: of the log-likelihood there, nats.
        values: the observations.
        weights: (n,), how often each counts; None: once.
    """
    if verdict.status is Status.UNBOUNDED:
        return verdict
    supremum = height_of(limit.family, values, weights)
    maximum = verdict.status is Status.CONVERGED
    if not supremum > height + (ABOVE * (1 + abs(height)) if maximum else FLAT):
        return verdict
    found = (
        "it has a maximum at the estimate, but the log-likelihood is higher"
        if maximum
        else ("the log-likelihood keeps rising")
    )
    return Verdict(
        Status.AT_INFINITY,
        f"{found} as {limit.way}; its supremum, {supremum:.4f} at infinity, where the distribution is "
        f"{name_of(limit.family)}, is no maximum",
    )


def height_of(family: HasStart, values: Rows, weights: np.ndarray | None) -> float:
    """Return the highest log-likelihood of a family, nats; NaN where it has no maximum."""
    first, units = found_start(family, values, weights)
    ground = Ground.of(first, values, weights, units)
    if not is_inside(first):
        return float("nan")
    end = ground.ascend(ground.start, np.ones(ground.table.real_size), MAX_STEPS)
    return ground.count * end.mean_log_likelihood + ground.offset if end.arrived else float("nan")
