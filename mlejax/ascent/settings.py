"""How far a run moves in an epoch and when it stops, checked: for one run, or as the axes of a sweep."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .. import checks
from ..checks import InputTypeError
from ..models.base import M, Model
from ..models.parameters import parameter_names


class Stopping(eqx.Module):
    """A rule for when a run ends. Each field is one number, or the values of an axis of a sweep."""

    max_epochs: np.ndarray  # int64: epochs after which the run ends
    patience: np.ndarray  # int64: epochs without a better deciding log-likelihood after which it ends
    tolerance: np.ndarray  # float64, nats: how close to the best from below the deciding log-likelihood may come

    @classmethod
    def checked(cls, max_epochs: object, patience: object, tolerance: object, *, sequences: bool = False) -> "Stopping":
        """Check the limits of one run, or of many.

        Args:
            max_epochs: a whole number from 1 to 2^24.
            patience: likewise.
            tolerance: a finite number, at least 0, in nats.
            sequences: whether each of them may also be a sequence.

        Returns:
            The limits, in the shapes in which they were given.

        Raises:
            TypeError, ValueError: a value is not as described; the message names it, its place and the rule.

        Example:
            >>> Stopping.checked(10_000, [10, 50], 1e-8, sequences=True).patience
            array([10, 50])
        """
        given = {"max_epochs": max_epochs, "patience": patience, "tolerance": tolerance}
        if not sequences:
            for name, value in given.items():
                _one_number(name, value)
        return cls(
            checks.counts("max_epochs", max_epochs),
            checks.counts("patience", patience),
            checks.non_negative("tolerance", tolerance),
        )


def checked_rates(model: Model, learning_rate: object, *, sequences: bool = False) -> dict[str, np.ndarray]:
    """Check learning rates and name them.

    Args:
        model: the start of the run.
        learning_rate: positive: one number for all parameters, or a model of one number per parameter; unless there may
            be sequences, of an array of parameters also an array.
        sequences: whether a sequence of numbers may stand in place of each number.

    Returns:
        Rates in float64, in the shapes in which they were given: one by the name `learning_rate`, or, in leaf order,
        one for each parameter by names such as `learning_rate.mean`.

    Raises:
        TypeError, ValueError: a rate is not as described; the message names it, its place and the rule.

    Example:
        >>> import mlejax
        >>> checked_rates(mlejax.Normal(0.0, 1.0), mlejax.Normal(0.1, 2.0))
        {'learning_rate.mean': array(0.1), 'learning_rate.variance': array(2.)}
    """
    argument = "learning_rates" if sequences else "learning_rate"
    if not isinstance(learning_rate, Model):
        return {"learning_rate": _rate(argument, learning_rate, sequences)}
    family = type(model).__name__
    try:
        leaves = jax.tree.structure(model).flatten_up_to(learning_rate)
    except ValueError:
        numbers = "a sequence of numbers" if sequences else "one number"
        raise InputTypeError(f"{argument} must be {numbers} or a {family} of rates; got {learning_rate!r}") from None
    rows = zip(parameter_names(model), leaves, jax.tree.leaves(model), strict=True)
    return {
        (each := f"learning_rate.{name}"): _rate(each, leaf, sequences, np.shape(like)) for name, leaf, like in rows
    }


def rates_of(model: M, rates: Mapping[str, Any]) -> M:
    """Return the learning rate of every parameter: a model-shaped tree of what `checked_rates` found.

    Args:
        model: the start of the run.
        rates: by name, in leaf order, as `checked_rates` returns them; the values may be anything.

    Returns:
        A tree with the structure of `model`; one shared rate stands at every leaf.
    """
    structure = jax.tree.structure(model)
    leaves = list(rates.values())
    return jax.tree.unflatten(structure, leaves * structure.num_leaves if "learning_rate" in rates else leaves)


def _rate(name: str, value: Any, sequences: bool, shape: tuple[int, ...] = ()) -> np.ndarray:
    if not sequences and (np.shape(value) != shape or not shape):
        _one_number(name, value)
    return checks.positive(name, value)


def _one_number(name: str, value: Any) -> None:
    if np.ndim(value):
        raise InputTypeError(f"{name} must be one number in a single run; got {value!r}")
