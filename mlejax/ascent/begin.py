"""Where a fit begins: a start, and units in which the observations are ordinary numbers."""

import contextlib
from typing import Any

import jax
import numpy as np

from ..checks import InputError, InputTypeError, shown
from ..models.abilities import HasSeveralStarts, HasStart
from ..models.base import M, Model, name_of
from ..models.constraints import Domain
from ..models.named import family_named
from ..models.parameters import Parameters, with_dtype
from ..models.rows import Extremes, Rows, described, is_number, one_of
from ..models.start import start_of, starts_of
from ..models.support import numbers
from ..samples.observations import check_inside
from .design import Design, design_for
from .units import Units, units_for

NO_START = 1e-290
"""Distance from the border of the domain: nearer, float64 does not hold the derivatives."""


def check_fitted(caller: str, thing: object) -> None:
    """Refuse what is no model, no class of models, and nothing else that finds a start for one.

    Raises:
        TypeError: saying what `caller` needs.
    """
    family = issubclass(thing, Model) if isinstance(thing, type) else isinstance(thing, HasStart)
    if not family and not isinstance(thing, Model):
        raise InputTypeError(
            f"{caller} needs a family, such as mlejax.Gamma, or a model to start at, such as mlejax.Gamma(1.0, 1.0); "
            f"got {shown(thing)}{_meant(thing)}"
        )


def _meant(thing: object) -> str:
    """Return what was perhaps meant by what is neither a family nor a model, as the end of a message."""
    if isinstance(thing, str):
        with contextlib.suppress(InputError):
            if isinstance(family := family_named(thing), type):
                return f": the family of this name is mlejax.{family.__name__}"
        return ""
    return ": the family comes before the observations" if np.ndim(thing) else ""  # type: ignore[arg-type]


def given_start(
    model: M, values: Rows, weights: np.ndarray | None = None, extremes: Extremes | None = None
) -> tuple[M, Units[M] | Design[M] | None]:
    """Return the model to start at, in the units of the fit, and these units."""
    start = with_dtype(model, np.float64)
    table = Parameters.of(start)
    check_inside(table.family, start.support, values, extremes=extremes)
    wide = _in_float64(values)
    units = design_for(start, wide, weights) or units_for(table, start.support, wide)
    return (start, None) if units is None else (units.from_data(start), units)


def found_start(
    family: type[M] | HasStart, values: Rows, weights: np.ndarray | None, extremes: Extremes | None = None
) -> tuple[M, Units[M] | Design[M] | None]:
    """Return where a family starts, in the units of the fit, and these units."""
    name = name_of(family)
    if not isinstance(family, HasStart):
        place = f", or mlejax.{name}.of(...) in its place" if hasattr(family, "of") else ""
        raise InputTypeError(
            f"{name} has no start(observations, weights) of its own: give a model to start at, such as "
            f"{name}(...){place}"
        )
    support = getattr(family, "support", None)
    check_inside(name, numbers if isinstance(support, property | None) else support, values, extremes=extremes)

    def start(x: Rows, extremes: Extremes | None = None) -> M:
        with np.errstate(all="ignore"):
            return off_the_border(start_of(family, x, weights, extremes))  # type: ignore[return-value]

    wide = _in_float64(values)
    try:
        first = start(wide, extremes)
    except TypeError as error:
        if isinstance(error, InputError) or is_number(one := one_of(wide)):
            raise
        named = f"such as table[{next(iter(wide))!r}], " if isinstance(wide, dict) else ""
        remedy = f"give a column alone, {named}or several as an array" if isinstance(wide, dict) else error
        raise InputTypeError(f"{name} finds no start in these observations, each {described(one)}: {remedy}") from error
    if isinstance(support, property | None):
        check_inside(name, first.support, values, extremes=extremes)
    units = design_for(first, wide, weights) or units_for(Parameters.of(first), first.support, wide)
    own = first if units is None else start(units.of_observations(wide))
    return with_dtype(own, np.float64), units


def _in_float64(values: Rows) -> Rows:
    if isinstance(values, np.ndarray):
        return np.asarray(values, np.float64)
    return jax.tree.map(lambda column: np.asarray(column, np.float64), values)


def found_starts(
    family: HasSeveralStarts, values: Rows, weights: np.ndarray | None
) -> tuple[list[Model], Units[Any] | Design[Any] | None]:
    """Return all starts of a family with several, in the units of the fit, and these units."""
    first, units = found_start(family, values, weights)
    own = values if units is None else units.of_observations(values)
    with np.errstate(all="ignore"):
        others = starts_of(family, own, weights)[1:]
        return [first, *(with_dtype(off_the_border(each), np.float64) for each in others)], units


def off_the_border(model: M) -> M:
    """Return a start whose parameters are not at the border of the domain, as is the variance of equal observations."""
    table = Parameters.of(model)

    def within(leaf: Any, domain: Domain) -> np.ndarray | np.float64:
        if isinstance(leaf, float) and leaf - domain.lower > NO_START and domain.upper - leaf > NO_START:
            return np.float64(leaf)
        value = np.asarray(leaf, np.float64)
        apart = (value - domain.lower > NO_START) & (domain.upper - value > NO_START)
        inside = domain.contains(value) if domain.rank else apart
        if np.all(inside):
            return value[()]
        with jax.enable_x64(True):
            middle = np.asarray(domain.from_real(np.zeros(domain.real_shape(value.shape))))
        return middle if domain.rank else np.where(inside, value, middle)[()]

    leaves = zip(jax.tree.leaves(model), table.domains, strict=True)
    return table.tree.unflatten([within(leaf, domain) for leaf, domain in leaves])
