"""What `mlejax sweep` and `mlejax train` have in common: the model, where its training begins, its learning rates."""

import argparse
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ..models.base import M, Model, name_of
from ..models.normal import Normal
from ..models.parameters import entry_dict, parameter_names
from ..samples.files import Column
from .models import family_of
from .numbers import AxisValues
from .output import UsageError
from .targets import target_of

OTHERS = 0.1
"""The learning rate of parameters that are given none, where others are."""


def family_asked(options: argparse.Namespace) -> Any:
    """Return the family, or the model, that `--model` and what goes with it name."""
    limits = {"lower": options.lower, "upper": options.upper}
    return family_of(options.model, options.fixed or (), limits, drawn=bool(getattr(options, "true", None)))


def start_of(options: argparse.Namespace, column: Column | None = None) -> Model:
    """Return the model at which training begins.

    Args:
        options: of the command.
        column: of numbers; where `--start` is lacking, the message says where `fit` would begin on them.

    Raises:
        UsageError: it is not known, or is none.
    """
    family = family_asked(options)
    if options.start:
        return target_of(family, options.start, "--start")
    if isinstance(family, Model):
        return family
    if family is Normal:
        return Normal(0.0, 1.0)
    such = ""
    if column is not None:
        begin = entry_dict(where_fit_begins(family, column))
        such = f", such as {','.join(f'{name}={value:.3g}' for name, value in begin.items())}, where fit begins"
    raise UsageError(f"--model {options.model} needs --start, where training begins{such}")


def where_fit_begins(family: Any, column: Column) -> Model:
    """Return the start that `fit` finds for a family in a column of numbers."""
    from ..ascent.begin import found_start

    first, units = found_start(family, column.values, None)
    return first if units is None else units.to_data(first)


def rates_given(options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return the learning rates of single parameters, by name.

    Raises:
        UsageError: those of one are given more than once.
    """
    alone = {name: getattr(options, f"learning_rate_{name}", None) for name in ("mean", "variance")}
    given = [*(options.learning_rate_of or ())]
    given += [AxisValues(name, values) for name, values in alone.items() if values is not None]
    found = {each.axis: each.values for each in given}
    if len(found) < len(given):
        raise UsageError("--learning-rate-of names a parameter more than once")
    return found


def rates_of_each(start: M, given: Mapping[str, Any], others: float = OTHERS) -> M:
    """Return learning rates by the parameters of a model.

    Args:
        start: the model.
        given: rates by the names of parameters.
        others: of the parameters that are not named.

    Raises:
        UsageError: the model has no such parameter.
    """
    names = parameter_names(start)
    if unknown := [name for name in given if name not in names]:
        raise UsageError(f"--learning-rate-of {unknown[0]}: the parameters of {name_of(start)} are {', '.join(names)}")
    leaves = [given.get(name, np.float64(others)) for name in names]
    return jax.tree.unflatten(jax.tree.structure(start), leaves)
