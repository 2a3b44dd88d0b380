"""What a log-likelihood does close to where a climb ended."""

import math
from collections.abc import Sequence

import numpy as np

from ..models.parameters import Parameters
from .outward import HIGHER, REFIT_STEPS, Ascend, End, View

EDGE = 1e-3
"""How far beside the end of a climb, in logarithms or in units, an edge of the support is looked for."""

NEARBY = 0.01
"""Standard errors within which a parabola falls by 5e-5 nats."""


def at_edge(ascend: Ascend, end: End, table: Parameters) -> bool:
    """Return whether the formula has no value a little beside the end of a climb: an observation has no density there.

    Args:
        ascend: climbs.
        end: where a climb ended that has not arrived.
        table: of the parameters.
    """
    held = np.zeros(len(end.coordinates))
    steps = np.diag(EDGE * np.where(table.logarithmic, 1.0, end.unit))
    beside = ascend([end.coordinates + sign * step for step in steps for sign in (1, -1)], held, 0)
    return not all(math.isfinite(there.mean_log_likelihood) for there in beside)


def on_ridge(ascend: Ascend, end: End, views: Sequence[View], table: Parameters, count: float) -> bool:
    """Return whether the curvature at the end of a climb is rounding: so near to it the log-likelihood already falls.

    Args:
        ascend: climbs.
        end: where the climb ended.
        views: from there; see `look_outward`.
        table: of the parameters.
        count: of the observations.
    """
    errors = end.spread(count).errors if views else np.zeros(0)
    for view in views:
        j, alone = view.index, np.arange(len(errors)) == view.index
        moved = float((view.highest.coordinates - end.coordinates)[j])
        if table.logarithmic[j] or -max(view.gains) < HIGHER + (moved / errors[j]) ** 2:
            continue  # it falls by no more than twice what the curvature says
        if abs(moved) <= NEARBY * errors[j]:
            return True
        beside = end.coordinates + math.copysign(NEARBY * errors[j], moved) * alone
        (there,) = ascend([beside], np.where(alone, 0.0, 1.0), REFIT_STEPS)
        if count * (end.mean_log_likelihood - there.mean_log_likelihood) > HIGHER:
            return True
    return False
