"""What became of a fit, and why there is no maximum where there is none, in words."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ..models.abilities import Limit
from ..models.base import name_of
from ..models.parameters import Parameters
from ..status import Status
from .outward import UNDETERMINED, UNRESOLVED, End, View
from .unidentified import unidentified

CERTAIN = -1e-6
"""A log-likelihood of a regression above which, on a ridge, every response is certain in the limit; nats."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a fit, and why, in words."""

    status: Status
    reason: str
    notes: tuple[str, ...] = ()


def judge(
    end: End,
    views: Sequence[View],
    table: Parameters,
    count: float,
    offset: float,
    edge: bool = False,
    words: Callable[[View, End], str] | None = None,
    ridge: bool = False,
    invariant: bool = False,
    limits: Sequence[Limit] = (),
) -> Verdict:
    """Return what a fit found, by where it ended and by what was seen from there.

    Args:
        end: where the climb ended.
        views: from there; see `look_outward`.
        table: of the parameters.
        count: of the observations.
        offset: what the log-likelihood has besides, in the data's own units; nats.
        edge: whether the climb ended beside parameters for which an observation has no density.
        words: says which parameters grow or fall on the way to a view, where coordinates are not parameters.
        ridge: whether the climb ended on a ridge; see `on_ridge`.
        invariant: whether the log-likelihood is the same along a curve through there; see `is_invariant`.
        limits: what the family becomes at infinity, as far as that is known.
    """

    def way_to(view: View) -> str:
        return table.way(view.index, view.sign).words if words is None else words(view, end)

    supremum = max([end.mean_log_likelihood, *(view.highest.mean_log_likelihood for view in views)]) * count + offset
    flat = [view for view in views if view.flat]
    both = {view.index for view in flat if view.sign > 0} & {view.index for view in flat if view.sign < 0}
    if endless := [view for view in flat if view.endless]:
        view = max(endless, key=lambda view: view.gains[1])
        return Verdict(Status.UNBOUNDED, f"the log-likelihood grows without bound as {way_to(view)}")
    one_way = [view for view in flat if view.index not in both]
    # Orthonormal columns are told apart: nothing depends on one only where the climb has gone far along some.
    if words is not None:
        one_way = one_way or [view for view in flat if not table.logarithmic[view.index]]
    far_out = words is not None and one_way
    if both and not far_out:
        return Verdict(Status.NOT_IDENTIFIED, unidentified(end.information, sorted(both), table))
    if invariant and not far_out:
        return Verdict(Status.NOT_IDENTIFIED, unidentified(end.information, range(len(end.coordinates)), table))
    if one_way:
        view = max(one_way, key=lambda view: view.gains)
        way = table.way(view.index, view.sign)
        status = Status.AT_INFINITY if way.wall is None else Status.AT_BOUNDARY
        where = "infinity" if way.wall is None else way.wall if isinstance(way.wall, str) else f"{way.wall:g}"
        limit = next((limit for limit in limits if limit.way == way_to(view)), None)
        highest = supreme(supremum, where, limit, regular=isinstance(way.wall, str))
        return Verdict(status, f"the log-likelihood keeps rising as {way_to(view)}; {highest}")
    if not end.arrived and edge:
        return Verdict(
            Status.AT_BOUNDARY,
            "the way up ends where an observation meets the edge of the support, where there is no regular maximum",
        )
    if ridge and words is None:
        why = unidentified(end.information, range(len(end.coordinates)), table)
        return Verdict(Status.NOT_IDENTIFIED, f"near the estimate {why}")
    if not end.arrived:
        return Verdict(Status.MAX_STEPS if end.status is Status.MAX_STEPS else Status.PRECISION, _unfinished(end))
    if ridge and CERTAIN < end.mean_log_likelihood * count <= 0:
        view = max(views, key=lambda view: max(view.gains))
        return Verdict(
            Status.AT_INFINITY, f"the log-likelihood keeps rising as {way_to(view)}; {supreme(supremum, 'infinity')}"
        )
    if not views:
        return Verdict(Status.CONVERGED, "")
    errors = end.spread(max(count, 1.0)).errors  # tiny weights tell nothing
    falling = {view.index for view in views} - {view.index for view in views if not view.falls}
    most = [UNRESOLVED if j in falling else UNDETERMINED for j in range(len(errors))]
    if undetermined := np.flatnonzero(table.logarithmic & (errors > most)).tolist():
        return Verdict(Status.NOT_IDENTIFIED, f"near the estimate {unidentified(end.information, undetermined, table)}")
    names = [name.removeprefix("log ") for name in table.coordinates]

    def limited(view: View) -> str:
        if words is not None:
            return f"how far {words(view, end)}"
        return f"{names[view.index]} from {'above' if table.way(view.index, view.sign).upwards else 'below'}"

    notes = tuple(f"these data do not limit {limited(view)}" for view in views if view.open)
    return Verdict(Status.CONVERGED, "", notes)


def supreme(height: float, where: str, limit: Limit | None = None, regular: bool = False) -> str:
    """Say how high a log-likelihood rises that has no maximum, and what to fit instead where that is known.

    Args:
        height: its supremum, nats.
        where: it is approached.
        limit: what the family becomes there.
        regular: whether there is a maximum, but one that is not regular.
    """
    model = "" if limit is None else name_of(limit.family)
    is_it = f", where the model is {model}" if model else ""
    instead = f": fit {model} instead" if model else ""
    # no -0.0000
    return f"its supremum, {round(height, 4) + 0.0:.4f} at {where}{is_it}, is no {'regular ' * regular}maximum{instead}"


def _unfinished(end: End) -> str:
    steps = f"after {end.steps} steps"
    if math.isinf(end.distance):
        return f"{steps} the log-likelihood does not curve down around the estimate, and no step leads further up"
    return f"{steps} the estimate is {end.distance:.2g} standard errors from the top of its parabola"
