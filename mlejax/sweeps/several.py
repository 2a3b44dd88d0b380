"""Samples with several starts each: all are climbed side by side, and the highest end that is a maximum is taken."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from ..ascent.fit import AGREE
from ..ascent.looks import Ascend, stay_maxima
from ..ascent.uncertainty import Spread
from ..ascent.units import numbers_of
from ..models.parameters import Parameters
from ..status import Status

Ends = Mapping[str, np.ndarray]
"""What `ends.end_of` returns of climbs, a row for each."""


@dataclasses.dataclass(frozen=True, eq=False)
class Highest:
    """The highest end of each of some samples."""

    ends: Ends
    sure: Bool[np.ndarray, " b"]  # whether every start led to a maximum that stays one; `fit` climbs on from others
    agreed: Int[np.ndarray, " b"]  # how many starts led to this height


Measure = Callable[[Int[np.ndarray, " k"], Float[np.ndarray, "k p"]], Ends]
"""Returns, of samples by their numbers, the ends that parameters are, without a step."""


def highest(ends: Ends, plain: Bool[np.ndarray, " b"], ascend: Ascend, measure: Measure, table: Parameters) -> Highest:
    """Return the highest ends of samples, of as many starts each.

    Args:
        ends: of all starts, those of a sample one after the other.
        plain: which samples may be climbed as they are.
        ascend: climbs on samples again, by their numbers.
        measure: tells what ends parameters are.
        table: of the parameters.
    """
    b = len(plain)
    each = np.arange(len(ends["mean"])).reshape(b, -1)
    arrived = ((ends["status"] == int(Status.CONVERGED)) & ends["sound"]).reshape(each.shape)
    sure = plain & np.all(arrived, axis=1)
    heights = (ends["count"] * ends["mean"]).reshape(each.shape)
    best = np.argmax(np.where(np.isfinite(heights), heights, -np.inf), axis=1)[:, None]
    height = np.take_along_axis(heights, best, axis=1)
    alike = np.abs(heights - height) <= AGREE * (1 + np.abs(height))
    lower = np.flatnonzero(~alike & sure[:, None])  # other maxima, which have to be looked at as well
    if len(lower):
        of = lower // each.shape[1]
        there = canonical({name: part[lower] for name, part in ends.items()}, of, measure, table)
        doubted = Spread.of(there["information"], there["count"]).doubtful(
            there["coordinates"], np.full(len(of), True), table.logarithmic
        )

        def ascend_some(rows: np.ndarray, *to: np.ndarray | int) -> Ends:
            return ascend(of[rows], *to)  # type: ignore[arg-type]

        np.logical_and.at(sure, of, stay_maxima(ascend_some, there, doubted, table))
    top = np.take_along_axis(each, best, axis=1)[:, 0]
    return Highest({name: part[top] for name, part in ends.items()}, sure, np.sum(alike, axis=1))


def canonical(ends: Ends, of: Int[np.ndarray, " k"], measure: Measure, table: Parameters) -> Ends:
    """Return the same ends by the parameters that are shown, of all that describe the same distributions.

    Args:
        ends: of climbs.
        of: the number of the sample of each.
        measure: tells what ends parameters are.
        table: of the parameters.
    """
    shown = np.stack([numbers_of(table.to_model(each).canonical()) for each in ends["estimate"]])
    other = np.flatnonzero(np.any(shown != ends["estimate"], axis=1) & np.all(np.isfinite(shown), axis=1))
    if not len(other):
        return ends
    there = measure(of[other], shown[other])
    moved = {name: part.copy() for name, part in ends.items()}
    for name in ("coordinates", "estimate", "mean", "information", "jacobian", "distance"):
        moved[name][other] = there[name]
    return moved
