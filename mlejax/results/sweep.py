"""What a sweep found: labeled arrays, indexed by axis value."""

import dataclasses
import functools
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic

import equinox as eqx
import jax
import numpy as np

from ..checks import InputKeyError, InputValueError
from ..models.base import M
from ..models.parameters import Parameters, entry_dict, parameter_names
from ..progress import Spent
from ..status import Status
from .schema import ARRIVED, COMPUTED_BY, QUANTITIES, SAMPLES, Variable, place_of, variables
from .settings import recommend_each, settings

RECORDS_TOGETHER = 4096
"""Runs whose records are made at a time."""


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
        """Return axes, parameters and quantities by name, the status by its name: a row of the JSON output."""
        quantities = {name: getattr(self, name) for name in QUANTITIES} | {"status": self.status.name}
        return {**self.axes, **{k: float(v) for k, v in entry_dict(self.model).items()}, **quantities}


@dataclasses.dataclass(frozen=True)
class Provenance:
    """How a result was made: plain values, as JSON has them. The same for a result that was computed or loaded."""

    settings: Mapping[str, Any]  # what decides the results besides the axes
    computed_by: Sequence[Mapping[str, Any]]  # what decides their bits; several where a store was allowed to mix
    representation: str | None = None  # of the samples, in words; None until the first time all runs had ended
    device: str | None = None  # in words, likewise
    executed_run_epochs: int | None = None  # epochs that lanes, busy or not, went through; likewise
    information: Sequence[float | None] = ()  # (p * p,): observed, per observation, at the first estimate that arrived

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], computed_by: Sequence[Mapping[str, Any]], result: Mapping[str, Any]
    ) -> "Provenance":
        """Return it from what a store says of its result; what it does not say is None."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(settings, computed_by, **{name: result[name] for name in names if name in result})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SweepResult(Generic[M]):
    """The results of a sweep: NumPy arrays of the shape of its axes, read from the store when they are first used.

    Not a pytree: its parts are `model` and `arrays`, which are.
    """

    axes: Mapping[str, np.ndarray]  # name -> values, in the order of the dimensions
    template: M  # one model, whose numbers do not matter
    arrays: Mapping[str, np.ndarray]  # the parameters and `QUANTITIES` by name
    provenance: Provenance
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # the user's own
    spent: Spent | None = None  # what the call of `sweep` took that returned it

    def __repr__(self) -> str:
        """Say in one line what it is of, and how much of it has ended."""
        axes = " x ".join(f"{len(values):,} {name}" for name, values in self.axes.items())
        return f"SweepResult({type(self.template).__name__}, {axes}: {self.ended:,} of {self.count:,} runs have ended)"

    def __str__(self) -> str:
        """Return the table of its settings: which reach the maximum, how fast, for how many seeds."""
        from .text import sweep_report

        return sweep_report(self)

    @functools.cached_property
    def model(self) -> M:
        """The estimates: a model whose leaves have the shape of the sweep."""
        leaves = [self.arrays[name] for name in parameter_names(self.template)]
        return jax.tree.unflatten(jax.tree.structure(self.template), leaves)

    @property
    def status(self) -> np.ndarray:
        """Why each run ended, as the numbers of `Status`; RUNNING where it has not."""
        return self.arrays["status"]

    @property
    def epochs(self) -> np.ndarray:
        """The epoch that each run ended in."""
        return self.arrays["epochs"]

    @property
    def best_epoch(self) -> np.ndarray:
        """The epoch that measured each estimate."""
        return self.arrays["best_epoch"]

    @property
    def train_log_likelihood(self) -> np.ndarray:
        """The train log-likelihood at each estimate: a sum, in nats."""
        return self.arrays["train_log_likelihood"]

    @property
    def validation_log_likelihood(self) -> np.ndarray:
        """The validation log-likelihood at each estimate: a sum, in nats."""
        return self.arrays["validation_log_likelihood"]

    @property
    def distance(self) -> np.ndarray:
        """The distance of each estimate from a stationary point, in standard errors."""
        return self.arrays["distance"]

    @property
    def information(self) -> np.ndarray:
        """The observed information per observation at the first estimate that arrived, (p, p); NaN where none did."""
        numbers = np.array(self.provenance.information, float)  # None becomes NaN
        size = Parameters.of(self.template).size
        return numbers.reshape(size, size) if numbers.size else np.full((size, size), np.nan)

    @property
    def curvature(self) -> np.ndarray:
        """The same along what binds numbers to each other, such as those of a simplex, alone."""
        with jax.enable_x64(True):
            return np.asarray(Parameters.of(self.template).bound(self.information))

    @property
    def count(self) -> int:
        """The number of runs."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def ended(self) -> int:
        """How many runs have ended."""
        return int(np.count_nonzero(self.status != Status.RUNNING))

    @property
    def finished(self) -> bool:
        """Whether all runs have ended."""
        return self.ended == self.count

    @property
    def useful_run_epochs(self) -> int:
        """The epochs of all runs that have ended, together."""
        return int(np.sum(self.epochs, dtype=np.int64))

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every axis."""
        return tuple(len(values) for values in self.axes.values())

    def run(self, *index: int) -> RunResult[M]:
        """Return one run by its position along every axis."""
        return RunResult(
            axes={name: values[i].item() for (name, values), i in zip(self.axes.items(), index, strict=True)},
            model=jax.tree.map(lambda leaf: np.asarray(leaf[index], np.float64)[()], self.model),
            status=Status(int(self.status[index])),
            epochs=int(self.epochs[index]),
            best_epoch=int(self.best_epoch[index]),
            train_log_likelihood=float(self.train_log_likelihood[index]),
            validation_log_likelihood=float(self.validation_log_likelihood[index]),
            distance=float(self.distance[index]),
        )

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield every run as a row: its axes, parameters and quantities by name, the status by its name."""
        columns = self._columns()
        for first in range(0, self.count, RECORDS_TOGETHER):
            ids = np.arange(first, min(first + RECORDS_TOGETHER, self.count))
            places = np.unravel_index(ids, self.shape)
            block = {name: values[i].tolist() for (name, values), i in zip(self.axes.items(), places, strict=True)}
            block |= {name: values[first : first + RECORDS_TOGETHER].tolist() for name, values in columns.items()}
            block["status"] = [Status(value).name for value in block["status"]]
            for row in zip(*block.values(), strict=True):
                yield dict(zip(block, row, strict=True))

    def _columns(self) -> dict[str, np.ndarray]:
        """Return what is kept of every run as columns; the elements of a vector are columns of their own."""
        kept, columns = self._kept(), {}
        for name, variable in kept.items():
            flat = self.arrays[name].reshape(self.count, *self.arrays[name].shape[len(self.shape) :])
            columns |= {column: flat[(slice(None), *index)] for index, column in variable.columns().items()}
        return columns

    def _kept(self) -> dict[str, Variable]:
        """Return what a person sees of all that is kept of every run, by name."""
        known = (*variables(self.template), COMPUTED_BY)
        return {variable.name: variable for variable in known if variable.name in self.arrays}

    def sel(self, **values: Any) -> "SweepResult[M]":
        """Return the part of the sweep with these values along the named axes, which are dropped.

        Names with a dot are given as `sel(**{"learning_rate.mean": 0.1})`. Floating-point values match within 1e-9
        of their size. The settings of a part of one `count` have it, like those of a sweep without this axis.

        Raises:
            KeyError: no such axis, or no such value on it; the message names those nearest to it.
        """
        index: list[Any] = [slice(None)] * len(self.axes)
        names = list(self.axes)
        for name, value in values.items():
            if name not in self.axes:
                raise InputKeyError(f"no axis {name!r}; the axes are {', '.join(names)}")
            index[names.index(name)] = place_of(name, self.axes[name], value)
        made = self.provenance
        if "count" in values:  # as where all samples have as many observations
            count = int(self.axes["count"][index[names.index("count")]])
            made = dataclasses.replace(made, settings={**made.settings, "count": count})
        axes = {name: axis for name, axis in self.axes.items() if name not in values}
        return dataclasses.replace(self._part(tuple(index), axes), provenance=made)

    def take(self, places: Sequence[np.ndarray]) -> "SweepResult[M]":
        """Return the part of the sweep at these places along every axis, (k,) each: the product of them."""
        axes = {name: values[at] for (name, values), at in zip(self.axes.items(), places, strict=True)}
        return self._part(np.ix_(*places), axes)

    def _part(self, index: tuple[Any, ...], axes: dict[str, np.ndarray]) -> "SweepResult[M]":
        taken = {name: np.asarray(values[index]) for name, values in self.arrays.items()}
        return dataclasses.replace(self, axes=axes, arrays=taken)

    def best(self, by: str = "distance") -> RunResult[M] | None:
        """Return the best run: the nearest to a stationary point, or by another quantity.

        Args:
            by: `distance` or `epochs` (the least), `train_log_likelihood` or `validation_log_likelihood` (the
                greatest; comparable only between runs on the same data).

        Returns:
            The run; None where no run arrived: there is nothing to prefer among runs that stopped short.

        Raises:
            ValueError: `by` is none of these.
        """
        if by not in ("distance", "epochs", "train_log_likelihood", "validation_log_likelihood"):
            raise InputValueError(f"best: by must be distance, epochs or a log-likelihood; got {by!r}")
        if not np.any(self.arrived):
            return None
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
        """Return the rate above which plain ascent cannot settle at the maximum: 2 / curvature, per observation.

        For a rate of all parameters the curvature is the largest eigenvalue of the information; for the rate of one
        parameter it is that parameter's. None for other axes, for other optimizers than plain ascent, and where samples
        are groups or windows, of which each has a limit of its own.
        """
        if ({*SAMPLES} - {"seed"}) & self.axes.keys():
            return None
        if self.provenance.settings.get("optimizer") != "plain ascent" or not np.all(np.isfinite(self.information)):
            return None
        table = Parameters.of(self.template)
        if axis == "learning_rate":
            return float(2 / np.max(np.linalg.eigvalsh(self.curvature)))
        ends = np.cumsum([0, *table.sizes])
        for name, first, last in zip(table.names, ends[:-1], ends[1:], strict=True):
            if axis == f"learning_rate.{name}":
                own = self.curvature[first:last, first:last]
                return float(2 / (own[0, 0] if len(own) == 1 else np.max(np.linalg.eigvalsh(own))))
        return None

    def summary(self) -> dict[str, Any]:
        """Return which settings reach the maximum, how fast, for how many seeds; which stop short; which diverge.

        Returns:
            `runs`, `statuses` (name -> count), `arrived` (runs within 0.01 standard errors); `settings`, a row for
            every combination of the axes other than the seed (or group): see `settings` there; `best`, the row
            of the setting to use: the fastest of those tied for the most arrivals; and `recommendation`, a sentence on
            it. Both are None where no run arrived, and while runs have not ended: slow learners are started first, so
            that those that have ended stand for no others. With an axis of counts, `best_by_count` has such a row, or
            None, for each of its values, `best` is that of the largest, and `recommendation` a sentence on each.
        """
        rows = settings(self.axes, self.status, self.distance, self.epochs)
        whole = not np.any(self.status == Status.RUNNING)
        counts = self.axes.get("count", np.zeros(1))
        each = recommend_each(rows, self.axes, self.status, self.distance) if whole else [None] * len(counts)
        best = [None if found is None else found.row for found in each]
        said = [found.sentence(self.provenance.settings) for found in each if found is not None]
        return {
            "runs": self.count,
            "statuses": {s.name: int(np.sum(self.status == s)) for s in Status if np.any(self.status == s)},
            "arrived": int(np.sum(self.arrived)),
            "best": best[int(np.argmax(counts))],
            **({"best_by_count": best} if "count" in self.axes else {}),
            "recommendation": " ".join(said) or None,
            "settings": rows,
        }

    def to_xarray(self) -> Any:
        """Return one `xarray.Dataset`: dimensions named by the axes, units and meanings as attributes (CF)."""
        import xarray

        kept = self._kept()
        found = {
            name: (
                (*self.axes, *(dimension.name for dimension in variable.dims)),
                np.asarray(self.arrays[name], variable.dtype),
                variable.attributes,
            )
            for name, variable in kept.items()
        }
        made = dataclasses.asdict(self.provenance) | {"useful_run_epochs": self.useful_run_epochs}
        attributes = {"mlejax": made, "attributes": dict(self.attributes)}
        return xarray.Dataset(found, coords=dict(self.axes), attrs=attributes)
