"""What a sweep found: labelled arrays, indexed by axis value."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic

import equinox as eqx
import jax
import numpy as np

from ..models.base import M
from ..models.parameters import parameter_dict, parameter_names
from ..status import Status
from .schema import ARRIVED, QUANTITIES, STATUS_FLAGS


class RunResult(eqx.Module, Generic[M]):
    """One run of a sweep."""

    axes: Mapping[str, Any] = eqx.field(converter=OrderedDict)  # its value along every axis
    model: M  # the estimate
    status: Status
    epochs: int
    best_epoch: int
    train_log_likelihood: float
    validation_log_likelihood: float
    distance: float

    def record(self) -> dict[str, Any]:
        """Axes, parameters and quantities by name, the status by its name: a row of the JSON output."""
        quantities = {name: getattr(self, name) for name in QUANTITIES} | {"status": self.status.name}
        return {**self.axes, **{k: float(v) for k, v in parameter_dict(self.model).items()}, **quantities}


class SweepResult(eqx.Module, Generic[M]):
    """The results of a sweep: NumPy arrays of the shape of its axes."""

    # Name -> values, in the order of the dimensions, which JAX would lose of a plain dict.
    axes: dict[str, np.ndarray] = eqx.field(converter=OrderedDict)
    model: M  # the estimates
    status: np.ndarray
    epochs: np.ndarray
    best_epoch: np.ndarray
    train_log_likelihood: np.ndarray
    validation_log_likelihood: np.ndarray
    distance: np.ndarray
    information: np.ndarray  # (p, p): observed information per observation at the first estimate that arrived
    attributes: dict[str, Any] = eqx.field(static=True)  # how it was made

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every axis."""
        return tuple(len(values) for values in self.axes.values())

    def run(self, *index: int) -> RunResult[M]:
        """One run by its position along every axis."""
        return RunResult(
            axes={name: values[i].item() for (name, values), i in zip(self.axes.items(), index, strict=True)},
            model=jax.tree.map(lambda leaf: np.float64(leaf[index]), self.model),
            status=Status(int(self.status[index])),
            epochs=int(self.epochs[index]),
            best_epoch=int(self.best_epoch[index]),
            train_log_likelihood=float(self.train_log_likelihood[index]),
            validation_log_likelihood=float(self.validation_log_likelihood[index]),
            distance=float(self.distance[index]),
        )

    def sel(self, **values: Any) -> "SweepResult[M]":
        """The part of the sweep with these values along the named axes, which are dropped.

        Names with a dot are given as `sel(**{"learning_rate.mean": 0.1})`. Floating-point values match within 1e-9
        of their size.

        Raises:
            KeyError: no such axis, or no such value on it; the message names the nearest.
        """
        index: list[Any] = [slice(None)] * len(self.axes)
        names = list(self.axes)
        for name, value in values.items():
            if name not in self.axes:
                raise KeyError(f"no axis {name!r}; the axes are {', '.join(names)}")
            axis = self.axes[name]
            nearest = int(np.argmin(np.abs(axis - value)))
            if not np.isclose(axis[nearest], value, rtol=1e-9, atol=0):
                raise KeyError(f"no run with {name} = {value}; the nearest is {axis[nearest]}")
            index[names.index(name)] = nearest
        return self._part(tuple(index), {name: axis for name, axis in self.axes.items() if name not in values})

    def _part(self, index: tuple[Any, ...], axes: dict[str, np.ndarray]) -> "SweepResult[M]":
        def take(leaf: np.ndarray) -> np.ndarray:
            return np.asarray(leaf[index])

        quantities = {name: take(getattr(self, name)) for name in QUANTITIES}
        model = jax.tree.map(take, self.model)
        return SweepResult(
            axes=axes, model=model, information=self.information, attributes=self.attributes, **quantities
        )

    def best(self, by: str = "distance") -> RunResult[M]:
        """The best run: the nearest to a stationary point, or by another quantity.

        Args:
            by: `distance` or `epochs` (the least), `train_log_likelihood` or `validation_log_likelihood` (the
                greatest; comparable only between runs on the same data).
        """
        if by not in ("distance", "epochs", "train_log_likelihood", "validation_log_likelihood"):
            raise ValueError(f"best: by must be distance, epochs or a log-likelihood; got {by!r}")
        values = getattr(self, by).astype(float)
        if by == "epochs":  # only of those that arrived: a run that diverges at once is not fast
            values = np.where(self.arrived, values, np.inf)
        order = -values if by.endswith("likelihood") else values
        return self.run(*map(int, np.unravel_index(int(np.nanargmin(order)), self.shape)))

    @property
    def arrived(self) -> np.ndarray:
        """Which runs ended within `ARRIVED` standard errors of a stationary point."""
        return self.distance <= ARRIVED

    def stability_limit(self, axis: str) -> float | None:
        """The learning rate above which plain ascent cannot settle at the maximum: 2 / curvature, per observation.

        For a rate of all parameters the curvature is the largest eigenvalue of the information; for the rate of one
        parameter it is that parameter's. None for other axes, and for other optimizers than plain ascent.
        """
        if self.attributes.get("optimizer") != "plain ascent" or not np.all(np.isfinite(self.information)):
            return None
        if axis == "learning_rate":
            return float(2 / np.max(np.linalg.eigvalsh(self.information)))
        for i, name in enumerate(parameter_names(self.model)):
            if axis == f"learning_rate.{name}":
                return float(2 / self.information[i, i])
        return None

    def summary(self) -> dict[str, Any]:
        """Which settings reach the maximum, how fast, for how many seeds; which stop short of it; which diverge.

        Returns:
            `runs`, `statuses` (name -> count), `arrived` (runs within 0.01 standard errors), `settings`: a row for
            every combination of the axes other than the seed, with its values, `runs`, `arrived`, `stopped_short`
            (ended, not diverged, further than 1 standard error away), `diverged`, and the medians `epochs` and
            `distance`; and `best`, the row that most seeds arrive with, soonest.
        """
        names = [name for name in self.axes if name != "seed"]
        rows = []
        for index in np.ndindex(*(len(self.axes[name]) for name in names)):
            part = dict(zip(names, index, strict=True))
            where = tuple(part.get(name, slice(None)) for name in self.axes)
            status, distance, epochs = self.status[where], self.distance[where], self.epochs[where]
            diverged = status == Status.DIVERGED
            rows.append(
                {name: self.axes[name][i].item() for name, i in part.items()}
                | {
                    "runs": int(np.size(status)),
                    "arrived": int(np.sum(distance <= ARRIVED)),
                    "stopped_short": int(np.sum((status != Status.RUNNING) & ~diverged & ~(distance <= 1))),
                    "diverged": int(np.sum(diverged)),
                    "epochs": float(np.median(epochs)),
                    "distance": float(np.median(distance)),
                }
            )
        return {
            "runs": int(np.size(self.status)),
            "statuses": {s.name: int(np.sum(self.status == s)) for s in Status if np.any(self.status == s)},
            "arrived": int(np.sum(self.arrived)),
            "best": min(rows, key=lambda row: (-row["arrived"], row["epochs"])),
            "settings": rows,
        }

    def to_xarray(self) -> Any:
        """One `xarray.Dataset`: dimensions named by the axes, units and meanings as attributes (CF for the status)."""
        import xarray

        dimensions = tuple(self.axes)
        variables = {
            name: (dimensions, leaf, {"long_name": f"estimate of {name}"})
            for name, leaf in parameter_dict(self.model).items()
        }
        for name, (dtype, unit, meaning) in QUANTITIES.items():
            variables[name] = (dimensions, getattr(self, name).astype(dtype), {"units": unit, "long_name": meaning})
        variables["status"][2].update(STATUS_FLAGS)
        attributes = self.attributes | {"information": self.information.ravel().tolist()}
        return xarray.Dataset(variables, coords=dict(self.axes), attrs=attributes)
