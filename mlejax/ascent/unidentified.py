"""What data leave undecided, in words: a parameter, or a combination of some."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..models.parameters import Parameters
from .uncertainty import SINGULAR, scale_of

NEGLIGIBLE = 1e-3
"""The part of the largest change below which another one that goes with it is not named."""


def unidentified(information: Float[np.ndarray, "p p"], among: Sequence[int], table: Parameters) -> str:
    """Say which parameters, or which of their combinations, the log-likelihood does not depend on, one by one.

    Args:
        information: about the coordinates, where it is flat.
        among: the coordinates, by index, that may be named.
        table: of the parameters.
    """
    scale, coordinates = scale_of(information), table.coordinates
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    several = max(1, min(int(np.sum(values < SINGULAR)), len(among)))
    alone: dict[str, None] = {}
    mixed: list[str] = []
    for direction in _simplest(vectors[:, :several]) * scale:
        together = [i for i in among if abs(direction[i]) > NEGLIGIBLE * np.max(np.abs(direction))]
        if len(together) > 1:
            mixed.append(same_along([coordinates[i] for i in together], direction[together]))
        else:
            alone[coordinates[(together or among)[0]]] = None
    return "; ".join([*([same_along(list(alone))] if alone else []), *mixed])


def _simplest(basis: Float[np.ndarray, "p k"]) -> Float[np.ndarray, "k p"]:
    """Return directions that span the same space, each of which moves a coordinate that the others leave in place."""
    rows = basis.T.copy()
    for i in range(len(rows)):
        row, pivot = np.unravel_index(np.argmax(np.abs(rows[i:])), rows[i:].shape)
        rows[[i, i + row]] = rows[[i + row, i]]
        rows[i] /= rows[i, pivot]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, pivot], rows[i])
    first = np.argmax(np.abs(rows) > NEGLIGIBLE, axis=1)
    return rows[np.argsort(first, kind="stable")]


def same_along(coordinates: Sequence[str], changes: Float[np.ndarray, " k"] | None = None) -> str:
    """Say that the log-likelihood stays the same when coordinates change together, or any of them by itself.

    Args:
        coordinates: their names, such as `log scale`; one alone is what it does not depend on.
        changes: of each; None where each may change by itself.

    Example:
        >>> print(same_along(["log shape", "log rate"], np.array([2.0, -4.0])).partition(": ")[2])
        the log-likelihood stays the same when log shape by 1, log rate by -2 change together
    """
    *others, last = (name.removeprefix("log ") for name in coordinates)
    which = f"{', '.join(others)} and {last}" if others else last
    if changes is None or not others:
        return f"the log-likelihood does not depend on {which}"
    pairs = zip(coordinates, changes / changes[0], strict=True)
    steps = ", ".join(f"{name} by {change:.3g}" for name, change in pairs)
    return f"these data do not tell {which} apart: the log-likelihood stays the same when {steps} change together"
