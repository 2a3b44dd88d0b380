"""Optimizers as axes of a sweep: one whose hyperparameters vary, or several by name; and short names for them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

import jax
import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from ..checks import InputTypeError, InputValueError
from ..devices import own_settings
from ..models.base import Model
from ..models.digest import digest_of
from ..models.parameters import parameter_names
from ..results.schema import taken_names
from .optimizers import checked_optimizer
from .sense import Optimizer

Making: TypeAlias = Callable[..., Optimizer]
"""Returns an optimizer when it is called with its hyperparameters by name."""

Several: TypeAlias = Mapping[str, Optimizer | None]
"""Optimizers by the names of a person's own; None for plain ascent. They are numbered from 0 along an axis."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Varied:
    """An optimizer for every combination of some of its hyperparameters. Made by `vary`."""

    make: Making
    axes: Mapping[str, np.ndarray]  # the values of each hyperparameter, (k,) in float64, in the order of the names

    def first(self) -> Optimizer:
        """Return the optimizer of the first values."""
        return self.make(**{name: float(values[0]) for name, values in self.axes.items()})

    def along(self, axes: Mapping[str, ArrayLike | float | int]) -> "Varied":
        """Return the same with other values, by the names of axes; other axes are left aside."""
        if missing := [name for name in self.axes if name not in axes]:
            raise InputValueError(f"optimizer: it varies {missing[0]}; the axes of the sweep are {', '.join(axes)}")
        return dataclasses.replace(self, axes={name: np.asarray(axes[name], np.float64) for name in self.axes})


def vary(make: Making, /, **values: ArrayLike | float | int) -> Varied:
    """Return an optimizer whose hyperparameters are axes of a sweep, beside the learning rates.

    Args:
        make: returns an `optax.GradientTransformation` when it is called with the hyperparameters by name. It is called
            inside the trace, so they are numbers that JAX traces: they may be computed with, not compared in Python.
        **values: by name, the values of each: finite numbers, distinct.

    Returns:
        What `sweep` takes as its `optimizer`: each name becomes an axis of the result.

    Raises:
        TypeError, ValueError: `make` cannot be called, or values are not as described; the message names them.

    Example:
        >>> import mlejax, optax
        >>> result = mlejax.sweep(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.1, 1.0], max_epochs=500,
        ...     observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 1000),
        ...     optimizer=mlejax.vary(optax.trace, decay=[0.0, 0.5, 0.9]),
        ... )
        >>> dict(zip(result.axes, result.status.shape))
        {'seed': 2, 'learning_rate': 2, 'decay': 3}
    """
    if not callable(make):
        raise InputTypeError(f"vary: give what makes an optimizer, such as optax.trace; got {make!r}")
    if not values:
        raise InputValueError("vary: give the values of a hyperparameter, such as decay=[0.0, 0.5, 0.9]")
    axes = {}
    for name in sorted(values):
        found = checks.numbers(name, values[name], "finite", np.isfinite).astype(np.float64)
        axes[name] = checks.distinct(name, np.atleast_1d(found))
    return Varied(make, axes)


Optimizers: TypeAlias = Optimizer | Varied | Several | None
"""What a sweep takes as its optimizer."""


def checked_for_sweep(optimizer: Optimizers, model: Model) -> Optimizers:
    """Check the optimizer of a sweep before anything runs; one that varies with its first values, and its axes' names.

    Raises:
        TypeError, ValueError: it is no optimizer, or a hyperparameter bears the name of something else.
    """
    if isinstance(optimizer, Mapping):
        if not optimizer:
            raise InputValueError("optimizer: give at least one, by name, such as {'plain': None}")
        for name, one in optimizer.items():
            if not isinstance(name, str) or isinstance(one, Varied | Mapping):
                raise InputTypeError(f"optimizer: several are given by names, each one optimizer or None; got {name!r}")
        # Of those that compute the same, the one that is compiled already.
        return {name: checked_optimizer(one, model) for name, one in optimizer.items()}
    if not isinstance(optimizer, Varied):
        return checked_optimizer(optimizer, model)
    taken = taken_names() | set(parameter_names(model))
    for name in optimizer.axes:
        if name in taken:
            raise InputValueError(f"vary: {name} is the name of something else in a result: give it another name")
    checked_optimizer(optimizer.first(), model)
    return optimizer


def made(optimizer: Any, hyperparameters: Mapping[str, Any]) -> Any:
    """Return the optimizer of a run: the one given, or what it makes of the run's hyperparameters."""
    return optimizer(**hyperparameters) if hyperparameters else optimizer


def fingerprint(optimizer: Optimizers, model: Model) -> Any:
    """Return a short name for an optimizer, its own settings included, and the names of those that vary.

    Of several optimizers it is a list of pairs, of the name that a person gave and the short name.
    """
    if optimizer is None:
        return "plain ascent"
    if isinstance(optimizer, Mapping):
        return [[name, fingerprint(one, model)] for name, one in optimizer.items()]
    make, names = (optimizer.make, list(optimizer.axes)) if isinstance(optimizer, Varied) else (optimizer, [])

    def update(hyperparameters: Mapping[str, Any], gradient: Any, memory: Any, model: Any) -> Any:
        return made(make, hyperparameters).update(gradient, memory, model)

    with own_settings():
        hyperparameters = dict.fromkeys(names, np.float64(0.5))
        memory = jax.eval_shape(lambda given, model: made(make, given).init(model), hyperparameters, model)
        return " ".join(["optax", digest_of(jax.make_jaxpr(update)(hyperparameters, model, memory, model)), *names])


def axes_of(optimizer: Optimizers) -> Mapping[str, np.ndarray]:
    """Return the axes that an optimizer adds to a sweep, by name."""
    if isinstance(optimizer, Mapping):
        return {"optimizer": np.arange(len(optimizer))}
    return optimizer.axes if isinstance(optimizer, Varied) else {}


def programs(optimizer: Optimizers) -> list[Optimizer | Making | None]:
    """Return what the runs of a sweep are compiled with: one for each number along the axis of several optimizers."""
    if isinstance(optimizer, Mapping):
        return list(optimizer.values())
    return [optimizer.make if isinstance(optimizer, Varied) else optimizer]
