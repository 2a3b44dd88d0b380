"""The histories of chosen runs of a sweep, side by side."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic

import jax
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

from .. import checks
from ..checks import InputKeyError, InputTypeError, InputValueError
from ..models.base import M, Model
from ..models.parameters import parameter_dict, parameter_names
from .schema import ARRIVED, SAMPLES, Dimension, Variable, place_of, variables
from .sweep import SweepResult
from .train import History

if TYPE_CHECKING:
    import xarray

MOST_RUNS = 1000
"""Runs whose histories are recorded together, at most."""

ROW = "row"
"""The dimension along which the epochs of a run lie that were kept."""

OF_SAMPLES = (*SAMPLES, "count")
"""The axes that say which sample a run was made on."""


def places_of(axes: Mapping[str, np.ndarray], runs: Mapping[str, ArrayLike | float | int]) -> tuple[np.ndarray, ...]:
    """Return where the runs with these values lie along every axis.

    Args:
        axes: name -> values, of a sweep.
        runs: name -> the values to take, all on that axis; of an axis not named, all.

    Returns:
        For every axis the places along it, (k,), in the order in which the values were given.

    Raises:
        KeyError: no such axis, or no such value on it; the message names the nearest.
        TypeError, ValueError: values are no numbers, or no text where those of the axis are, or not distinct, or give
            more than 1,000 runs.

    Example:
        >>> axes = {"seed": np.arange(5), "learning_rate": np.array([0.1, 0.2, 0.5])}
        >>> [at.tolist() for at in places_of(axes, {"learning_rate": [0.5, 0.1], "seed": 3})]
        [[3], [2, 0]]
    """
    if not isinstance(runs, Mapping):
        raise InputTypeError(f"runs must be a mapping, such as {{'seed': [0, 1]}}; got {checks.shown(runs)}")
    if unknown := [name for name in runs if name not in axes]:
        raise InputKeyError(f"runs: no axis {unknown[0]!r}; the axes are {', '.join(axes)}")
    wanted = {}
    for name, values in runs.items():
        given: np.ndarray = np.asarray(values)
        if given.dtype.kind != "U" or axes[name].dtype.kind != "U":
            given = checks.numbers(f"runs: {name}", values, "finite", np.isfinite)
        wanted[name] = checks.distinct(f"runs: {name}", np.atleast_1d(given)).tolist()
    sizes = {name: len(wanted.get(name, values)) for name, values in axes.items()}
    if (count := math.prod(sizes.values())) > MOST_RUNS:
        product = " x ".join(f"{size:,} {name}" for name, size in sizes.items())
        raise InputValueError(
            f"runs: {count:,} are chosen ({product}); at most {MOST_RUNS:,} are recorded together. Name fewer values."
        )
    places = {name: [place_of(name, axes[name], value) for value in values] for name, values in wanted.items()}
    return tuple(np.array(places.get(name, range(len(values)))) for name, values in axes.items())


def history_variables(template: Model, axes: Iterable[str], rows: int) -> tuple[Variable, ...]:
    """Return all that is kept of a history: so many rows of it, each an epoch.

    Args:
        template: one model.
        axes: the names of the axes of its sweep.
        rows: at most.

    Raises:
        ValueError: a parameter or an axis bears one of these names.
    """
    row, names = Dimension(ROW, rows), parameter_names(template)
    if clash := [name for name in (*axes, *names) if name in (ROW, "epoch")]:
        raise InputValueError(f"{clash[0]} names a parameter or an axis of this sweep, and a part of a history")
    models = [
        dataclasses.replace(variable, dims=(row, *variable.dims), meaning=f"{variable.name} that the epoch measured")
        for variable in variables(template)[: len(names)]
    ]
    return (
        Variable("epoch", "int32", "epochs", "the epoch; 0 behind the last that was kept", (row,), 0),
        *models,
        *(
            Variable(f"{part}_log_likelihood", "float64", "nats", f"{part} log-likelihood in the epoch, a sum", (row,))
            for part in ("train", "validation")
        ),
    )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Histories(Generic[M]):
    """The histories of chosen runs: NumPy arrays of the shape of their axes, and along the last one a row per epoch.

    Of each run the first, the best and the last epoch are there, and others between them in about equal ratios. Behind
    its last row there are zeros in `epoch`, and NaN elsewhere. Made by `record` and `load_histories`.
    """

    sweep: SweepResult[M]  # these runs alone: how they ended
    epoch: Int[np.ndarray, "*axes rows"]  # from 1
    model: M  # the parameters that the epoch measured, before it moved them
    train_log_likelihood: Float[
        np.ndarray, "*axes rows"
    ]  # there, in float64, whatever the run computed in: a sum, nats
    validation_log_likelihood: Float[np.ndarray, "*axes rows"]  # likewise; NaN without a validation sample
    # Of the sample of each run, over all runs of the sweep:
    highest: Float[
        np.ndarray, "*axes"
    ]  # train log-likelihood: at its maximum where a run arrived, or the best measured
    arrived: Bool[np.ndarray, "*axes"]  # which of the two it is
    highest_validation: Float[np.ndarray, "*axes"]  # validation log-likelihood: the best measured

    @classmethod
    def of(cls, whole: SweepResult[M], places: Sequence[np.ndarray], found: Mapping[str, np.ndarray]) -> "Histories[M]":
        """Return the histories of some runs of a sweep.

        Args:
            whole: the sweep.
            places: where the runs lie along every axis.
            found: by the names of `history_variables`, each of the shape of these runs, and the rows.
        """
        axes, shape = whole.axes, tuple(map(len, places))
        on = zip(axes.items(), places, strict=True)
        same = np.ix_(*(at if name in OF_SAMPLES else np.arange(len(values)) for (name, values), at in on))
        others = tuple(i for i, name in enumerate(axes) if name not in OF_SAMPLES)
        distance, train, validation = (
            np.asarray(whole.arrays[name][same])
            for name in ("distance", "train_log_likelihood", "validation_log_likelihood")
        )

        def greatest(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
            rows = np.fmax.reduce(rows, axis=-1, initial=-np.inf)
            best = np.fmax.reduce(values, axis=others, initial=-np.inf, keepdims=True)
            best = np.fmax(best, np.fmax.reduce(rows, axis=others, initial=-np.inf, keepdims=True))
            return np.broadcast_to(np.where(np.isfinite(best), best, np.nan), shape)

        nearest = np.fmin.reduce(distance, axis=others, initial=np.inf, keepdims=True)
        arrived = nearest <= ARRIVED
        # Near its maximum a log-likelihood is lower by half the square of the distance in standard errors.
        there = (distance == nearest) & arrived
        train = np.where(there, train + np.where(there, distance, 0) ** 2 / 2, train)
        return cls(
            sweep=whole.take(places),
            epoch=found["epoch"],
            model=jax.tree.unflatten(
                jax.tree.structure(whole.template), [found[name] for name in parameter_names(whole.template)]
            ),
            train_log_likelihood=found["train_log_likelihood"],
            validation_log_likelihood=found["validation_log_likelihood"],
            highest=greatest(train, found["train_log_likelihood"]),
            arrived=np.broadcast_to(arrived, shape),
            highest_validation=greatest(validation, found["validation_log_likelihood"]),
        )

    def __repr__(self) -> str:
        """Say in one line what they are of."""
        axes = " x ".join(f"{len(values):,} {name}" for name, values in self.sweep.axes.items())
        return (
            f"Histories({type(self.sweep.template).__name__}, {axes}: at most {self.epoch.shape[-1]:,} epochs of each)"
        )

    def run(self, *index: int) -> History[M]:
        """Return the history of one run by its position along every axis."""
        rows = slice(int(np.count_nonzero(self.epoch[index])))
        return History(
            epoch=self.epoch[index][rows],
            train_log_likelihood=self.train_log_likelihood[index][rows],
            validation_log_likelihood=self.validation_log_likelihood[index][rows],
            model=jax.tree.map(lambda leaf: leaf[index][rows], self.model),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is kept by the names of `history_variables`."""
        likelihoods = {name: getattr(self, name) for name in ("train_log_likelihood", "validation_log_likelihood")}
        return {"epoch": self.epoch, **parameter_dict(self.model), **likelihoods}

    def to_xarray(self) -> "xarray.Dataset":
        """Return one `xarray.Dataset`: dimensions named by the axes, and `row`; units and meanings as attributes."""
        import xarray

        axes, arrays = self.sweep.axes, self.arrays()
        kept = history_variables(self.sweep.template, axes, self.epoch.shape[-1])
        found = {
            variable.name: ((*axes, *(dim.name for dim in variable.dims)), arrays[variable.name], variable.attributes)
            for variable in kept
        }
        return xarray.Dataset(found, coords=dict(axes), attrs={"mlejax": dataclasses.asdict(self.sweep.provenance)})
