"""The runs of a sweep laid out along its axes: what stands in which cell, and where the cells end."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.artist import Artist

from ..checks import InputValueError
from ..models.parameters import Parameters
from ..results.schema import SAMPLES
from ..results.sweep import SweepResult


def one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of these."""
    if value not in allowed:
        raise InputValueError(f"{what} must be one of {', '.join(allowed)}; got {value!r}")


def two_axes(result: SweepResult[Any], x: str | None, y: str | None) -> tuple[str, str]:
    """Return the two axes of a map; those not named are chosen: learning rates before others, seeds last."""
    names = sorted(
        result.axes,
        key=lambda name: (len(result.axes[name]) < 2, name in SAMPLES, not name.startswith("learning_rate")),
    )
    for what, name in (("x", x), ("y", y)):
        one_of(what, name or names[0], tuple(result.axes))
    if len(names) < 2 or x == y is not None:
        raise InputValueError(f"heat_map needs two different axes of {', '.join(result.axes)}; got x={x!r}, y={y!r}")
    across = x or next(name for name in names if name != y)
    return across, y or next(name for name in names if name != across)


def rows_of(result: SweepResult[Any], value: str, *names: str) -> np.ndarray:
    """Return one value of every run: the named axes first, all others flattened into the last."""
    values, axes = np.asarray(getattr(result, value)), list(result.axes)
    values = np.moveaxis(values, [axes.index(name) for name in names], range(len(names)))
    return values.reshape(*values.shape[: len(names)], -1)


def label(name: str) -> str:
    """Return the name of an axis in words."""
    meaning = name.replace("_", " ").replace(".", " of the ")
    return {"patience": "patience (epochs)", "count": "observations per sample"}.get(name, meaning)


def limit_of(result: SweepResult[Any], name: str) -> tuple[str, float] | None:
    """Return whose stability limit an axis of learning rates has, and the limit; None where there is none."""
    limit = result.stability_limit(name) if name.startswith("learning_rate") else None
    if limit is None:
        return None
    if "." in name:
        return f" of the {name.split('.', 1)[1]}", limit
    weights = np.linalg.eigh(result.curvature)[1][:, -1] ** 2
    # One rate for all: the limit is that of the direction that curves most, which may be one parameter's own.
    own = weights.max() > 0.9
    return (f" of the {Parameters.of(result.template).entries[int(weights.argmax())]}" if own else ""), limit


def draw_limit(line: Callable[..., Any], result: SweepResult[Any], name: str, low: float, high: float) -> list[Artist]:
    """Draw the learning rate above which ascent cannot settle, when it is in view."""
    found = limit_of(result, name)
    if found is None or not low <= found[1] <= high:
        return []
    whose, limit = found
    line(limit, color="white", linewidth=3.5, zorder=2.5)  # so that the dashes stand out on dark cells too
    style = {"color": "black", "linewidth": 1.5, "linestyle": "--" if line.__name__ == "axvline" else "-."}
    return [line(limit, zorder=3, label=f"stability limit{whose}: {limit:.3g}", **style)]


def scale_of(name: str, at: np.ndarray) -> str:
    """Return the scale on which coordinates are spread more evenly."""
    if at[0] <= 0 or (len(at) < 3 and not name.startswith(("learning_rate", "count"))):
        return "linear"
    linear, logarithmic = np.diff(at), np.diff(np.log(at))
    if name == "count" or len(at) < 3:
        return "log"
    return "log" if np.std(logarithmic) / np.mean(logarithmic) < np.std(linear) / np.mean(linear) else "linear"


def edges_of(at: np.ndarray, scale: str) -> np.ndarray:
    """Return the boundaries of the cells about sorted coordinates: (k + 1,)."""
    places = np.log(at) if scale == "log" else at
    gaps = np.diff(places) if len(at) > 1 else np.ones(1)
    edges = np.concatenate(
        [[places[0] - gaps[0] / 2], places[:-1] + gaps[: len(at) - 1] / 2, [places[-1] + gaps[-1] / 2]]
    )
    return np.exp(edges) if scale == "log" else edges
