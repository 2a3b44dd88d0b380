"""What is kept of every run: the one list that collecting, storing, loading, exporting and verifying read."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import InputKeyError, InputValueError
from ..models.base import Model
from ..models.parameters import Parameters
from ..status import Status

ARRIVED = 0.01
"""A run has arrived when its estimate is within this many standard errors of a stationary point."""


TEXT = "text"
"""The type of a variable that is text of any length."""


class Dimension(NamedTuple):
    """A trailing dimension of a variable: of a vector parameter, its elements."""

    name: str
    size: int
    labels: tuple[str, ...] = ()  # of its elements, where they have names


@dataclasses.dataclass(frozen=True)
class Variable:
    """A number, or an array of them, that is kept of every run."""

    name: str
    dtype: str
    unit: str | None
    meaning: str
    dims: tuple[Dimension, ...] = ()  # after those of the axes
    fill: int | float | str = dataclasses.field(default=math.nan, compare=False)  # of a run that has not ended

    @property
    def numpy(self) -> np.dtype:
        """What its arrays are of in NumPy: of text of any length where its type is `text`."""
        return np.dtypes.StringDType() if self.dtype == TEXT else np.dtype(self.dtype)

    def blank(self, shape: Sequence[int]) -> np.ndarray:
        """Return this variable of so many runs that have not ended.

        Args:
            shape: the runs along every axis.

        Returns:
            An array of that shape, followed by the variable's own dimensions.

        Example:
            >>> QUANTITIES["status"].blank((2, 3)).tolist()
            [[0, 0, 0], [0, 0, 0]]
        """
        return np.full((*shape, *(dim.size for dim in self.dims)), self.fill, self.numpy)

    def columns(self) -> dict[tuple[int, ...], str]:
        """Return the names of its elements in a table, by their indices."""
        return columns(self.name, self.dims)

    @property
    def attributes(self) -> dict[str, Any]:
        """Its meaning and unit, and of the status its flags, by the CF conventions' names; and the labels it has."""
        unit = {} if self.unit is None else {"units": self.unit}
        labels = {f"{dim.name}_labels": list(dim.labels) for dim in self.dims if dim.labels}
        return {"long_name": self.meaning} | unit | labels | (STATUS_FLAGS if self.name == "status" else {})


def is_always_found(variable: Variable) -> bool:
    """Return whether each run that has found an estimate has this variable: where it is NaN, it was not written."""
    others = {*QUANTITIES, *FITTED, DIGEST.name, COMPUTED_BY.name} - {"train_log_likelihood", "log_likelihood", "count"}
    number = variable.dtype == "float64"
    return number and variable.name not in others and not variable.name.startswith(ERROR)


def columns(name: str, dims: Sequence[Dimension]) -> dict[tuple[int, ...], str]:
    """Return what the elements of an array are called in a table: `w[0]`, or `coefficients[age]` with labels.

    Args:
        name: of the array.
        dims: its dimensions; none of a single number, which has the name of the array.

    Returns:
        The names by the indices of the elements, in C order.

    Example:
        >>> columns("w", [Dimension("w_index", 2, ("age", "sex"))])
        {(0,): 'w[age]', (1,): 'w[sex]'}
    """
    if not dims:
        return {(): name}
    labels = [dim.labels or tuple(map(str, range(dim.size))) for dim in dims]
    return {
        index: f"{name}[{','.join(each[i] for each, i in zip(labels, index, strict=True))}]"
        for index in np.ndindex(*(dim.size for dim in dims))
    }


STATUS_FLAGS: dict[str, np.ndarray | str] = {
    "flag_values": np.array([int(status) for status in Status], np.int8),
    "flag_meanings": " ".join(status.name for status in Status),
}
"""The statuses by the CF conventions, http://cfconventions.org, section 3.5."""

QUANTITIES = {
    variable.name: variable
    for variable in (
        Variable("status", "int8", "1", "why the run ended", fill=int(Status.RUNNING)),
        Variable("epochs", "int32", "epochs", "the epoch that the run ended in", fill=0),
        Variable("best_epoch", "int32", "epochs", "the epoch that measured the estimate", fill=0),
        Variable("train_log_likelihood", "float64", "nats", "train log-likelihood at the estimate, a sum"),
        Variable("validation_log_likelihood", "float64", "nats", "validation log-likelihood at the estimate, a sum"),
        Variable("distance", "float64", "standard errors", "distance of the estimate from a stationary point"),
    )
}
"""What is kept of every run besides its parameters, by name."""

FITTED = {
    variable.name: variable
    for variable in (
        Variable("log_likelihood", "float64", "nats", "log-likelihood at the estimate, a sum"),
        QUANTITIES["distance"],
        Variable("count", "float64", "observations", "how many there are, or the sum of their weights"),
        Variable("steps", "int32", "steps", "Newton steps that were tried", fill=0),
        QUANTITIES["status"],
        Variable("reason", TEXT, None, "why there is no maximum, or what else is to be known of it", fill=""),
    )
}
"""What is kept of every fit of many besides its parameters and their standard errors, by name."""

DIGEST = Variable("digest", "uint64", None, "digest of the observations", fill=0)
"""Kept of every fit in a store, and of every run on groups, so that other observations are told from these."""

FOUND = (Status.PATIENCE, Status.TOLERANCE, Status.MAX_EPOCHS, Status.PRECISION, Status.CONVERGED)
"""Fates of runs that have found an estimate."""

OF_ALL = frozenset({"data", "count", "sizes", "sha256"})
"""Settings that tell of the observations of all samples together: where each has a digest they may become others."""

ERROR = "standard_error."
"""What the name of a standard error begins with; that of its parameter follows."""

COMPUTED_BY = Variable("computed_by", "int8", "1", "which entry of the attribute computed_by made the run", fill=0)
"""Kept only where runs were computed in several ways."""

OF_FITS = ("log_likelihood", "standard_error", "converged", "steps")
"""What a table of fits has besides."""

SAMPLES = ("seed", "group", "resample", "window")
"""The names of axes along which samples lie."""

AXES = (*SAMPLES, "start", "learning_rate", "max_epochs", "patience", "tolerance", "optimizer")
"""The names that axes have; a learning rate of one parameter is `learning_rate.NAME`."""


def samples_along(axes: Iterable[str]) -> str:
    """Return the name of the axis along which samples lie: the first that is one; `seed` where there is none.

    Example:
        >>> samples_along(["group", "learning_rate"])
        'group'
    """
    return next((name for name in axes if name in SAMPLES), "seed")


def place_of(name: str, axis: np.ndarray, value: float | int | str) -> int:
    """Return where a value stands along an axis, a number within 1e-9 of its size.

    Args:
        name: of the axis, for the message.
        axis: its values.
        value: the one to find.

    Raises:
        KeyError: it is not there; the message names the nearest on the axis.

    Example:
        >>> place_of("learning_rate", np.array([0.1, 0.2, 0.5]), 0.2)
        1
    """
    if axis.dtype.kind == "U":
        if not len(found := np.flatnonzero(axis == value)):
            few = ", ".join(axis[:3].tolist()) + (", ..." if len(axis) > 3 else "")
            raise InputKeyError(f"no run with {name} = {value}; there are {few}")
        return int(found[0])
    if isinstance(value, str):
        raise InputKeyError(f"no run with {name} = {value!r}; its values are numbers")
    order = np.argsort(np.abs(axis - value), kind="stable")
    if not np.isclose(axis[order[0]], value, rtol=1e-9, atol=0):
        near = [f"{each:.10g}" for each in axis[order[:2]].tolist()]
        raise InputKeyError(
            f"no run with {name} = {value:.10g}; the nearest {'are' if len(near) > 1 else 'is'} {' and '.join(near)}"
        )
    return int(order[0])


def variables(model: Model) -> tuple[Variable, ...]:
    """Return all that is kept of every run of a model.

    Args:
        model: one model, such as the start; the shape of a parameter becomes trailing dimensions of its variable.

    Returns:
        The parameters in their order, then `QUANTITIES`.

    Raises:
        ValueError: a parameter bears the name of a result or of an axis.

    Example:
        >>> import mlejax
        >>> [variable.name for variable in variables(mlejax.Normal(0.0, 1.0))][:3]
        ['mean', 'variance', 'status']
    """
    table = Parameters.of(model)
    check_names(type(model).__name__, table.names)
    return (*map(_parameter, table.names, table.shapes, table.labels), *QUANTITIES.values())


def fit_variables(model: Model, axis: str) -> tuple[Variable, ...]:
    """Return all that is kept of every fit of a model to many samples.

    Args:
        model: one model, such as a start; the shape of a parameter becomes trailing dimensions of its variable.
        axis: the name of the axis along which the samples lie.

    Returns:
        The parameters in their order, their standard errors, then `FITTED`.

    Raises:
        ValueError: a parameter bears the name of a result or of the axis.

    Example:
        >>> import mlejax
        >>> [variable.name for variable in fit_variables(mlejax.Normal(0.0, 1.0), "group")][:4]
        ['mean', 'variance', 'standard_error.mean', 'standard_error.variance']
    """
    table, taken = Parameters.of(model), {axis, "converged", DIGEST.name, COMPUTED_BY.name, *FITTED}
    for name in table.names:
        if name in taken or name.startswith(ERROR):
            kind = "the axis" if name == axis else "a result"
            raise InputValueError(f"{table.family}.{name} bears the name of {kind}: give the parameter another name")
    estimates = tuple(map(_parameter, table.names, table.shapes, table.labels))
    meanings = [(each, f"standard error of {each.name}") for each in estimates]
    errors = (dataclasses.replace(each, name=ERROR + each.name, meaning=meaning) for each, meaning in meanings)
    return (*estimates, *errors, *FITTED.values())


def check_names(model: str, names: Iterable[str]) -> None:
    """Refuse parameters that bear the name of a result or of an axis.

    Args:
        model: the name of the model, for the message.
        names: of its parameters.

    Raises:
        ValueError: one of them does.
    """
    taken = taken_names()
    for name in names:
        if name in taken or name.startswith("learning_rate."):
            kind = "an axis" if name in AXES or "." in name else "a result"
            raise InputValueError(f"{model}.{name} bears the name of {kind}: give the parameter another name")


@functools.cache
def taken_names() -> frozenset[str]:
    """Return the names that results and axes have."""
    return frozenset({COMPUTED_BY.name, *QUANTITIES, *OF_FITS, *AXES})


def _parameter(name: str, shape: tuple[int, ...], labels: tuple[str, ...]) -> Variable:
    """Describe a parameter; its own dimensions are called `NAME_index`, or `NAME_index_0`, ... if there are several.

    Labels are those of the last dimension, where they are as many.
    """
    of = [f"{name}_index"] if len(shape) == 1 else [f"{name}_index_{i}" for i in range(len(shape))]
    dims = [Dimension(dimension, size) for dimension, size in zip(of, shape, strict=True)]
    if dims and len(labels) == dims[-1].size:
        dims[-1] = dims[-1]._replace(labels=labels)
    return Variable(name, "float64", None, f"estimate of {name}", tuple(dims))
