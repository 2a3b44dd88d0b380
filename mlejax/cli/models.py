"""`mlejax models`: the families that are chosen by name."""

import argparse
import dataclasses
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from ..checks import InputError, InputValueError
from ..formula.expand import Expansion
from ..formula.jaxpr import NotApplicable
from ..formula.sufficient import SufficientForm, separate, structure_for_statistics
from ..models import FAMILIES, OF_ARRAYS, REGRESSIONS, Families
from ..models.abilities import HasClosedForm, HasStart
from ..models.base import Model
from ..models.constraints import covariance_matrix, positive, real, simplex, unit_interval
from ..models.named import WRAPPERS, Called, family_named, parsed
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.tracing import ONE_NUMBER
from ..models.wrappers import Family, Fixed
from .numbers import FixedValue
from .output import Answer, UsageError

LISTED = Families(
    {**FAMILIES.homes, **OF_ARRAYS.homes, **{f"{name}_regression": home for name, home in REGRESSIONS.homes.items()}}
)
"""The families that the table shows."""

SHORT = {
    real: "", positive: " > 0", unit_interval: " in (0, 1)", simplex: " > 0, adding up to 1",
    covariance_matrix: " positive definite",
}  # fmt: skip
"""How a domain is written after the name of a parameter."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A family, as the table shows it."""

    name: str
    parameters: dict[str, str]  # each with its domain
    given: tuple[str, ...]  # numbers that are not estimated
    observations: str
    statistics: int | str | None  # how many are found in the formula, or how many by d; None: it takes the observations
    closed_form: bool

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """What stands in the columns."""
        statistics = "-" if self.statistics is None else str(self.statistics)
        parameters = ", ".join([*self.parameters.values(), *(f"{name} given" for name in self.given)])
        return self.name, parameters, self.observations, statistics, "yes" if self.closed_form else "-"


def family_of(
    name: str,
    fixed: Sequence[FixedValue] = (),
    limits: Mapping[str, float | None] = MappingProxyType({}),
    censored: Sequence[str] = (),
    option: str = "--model",
    drawn: bool = False,
) -> Family | Model:
    """Return the family, or the model to start at, that `--model` names.

    Args:
        name: of a family, as in `FAMILIES`, or a wrapper of one, as in `WRAPPERS`; or `module:Name`, of a class or a
            model in a module of the current directory or of an installed package.
        fixed: parameters that are not estimated.
        limits: `lower` and `upper` of what is truncated; None of one that is not given.
        censored: names of wrappers, one of which the sample is for: a family without any is put into the first.
        option: what it is given by, for messages.
        drawn: whether observations are drawn from it, which may be vectors, and not read.

    Raises:
        UsageError: there is none.
    """
    if name not in FAMILIES and name.removesuffix("_regression") in REGRESSIONS:
        raise UsageError(
            f"{option} {name}: a regression; `mlejax fit` takes its columns, --response NAME --columns A,B"
        )
    if name == "binomial":
        raise UsageError(f"{option} {name}: it needs its number of trials, as in 'binomial(10)'")
    if name == "multivariate_normal" and option != "MODEL" and not drawn:
        python = "in Python, mlejax.fit(mlejax.MultivariateNormal, x) takes an array (n, d)"
        raise UsageError(f"{option} {name}: of vectors, which a command does not read; {python}")
    try:
        said = _limited(parsed(name), limits)
        found = family_named(_censored(said, censored), _in_a_module)
    except InputError as error:
        raise UsageError(f"{option} {name}: {error}") from None
    try:
        return Fixed.of(found, **{each.name: each.value for each in fixed}) if fixed else found
    except InputError as error:
        raise UsageError(str(error).replace("Fixed:", "--fixed:", 1)) from None


def _censored(model: Called, wrappers: Sequence[str]) -> Called:
    """Return the name of a family of pairs, of a family of single numbers: that in the first of these wrappers."""
    inner = [each for each in model.arguments if isinstance(each, Called)]
    already = not wrappers or model.name in wrappers or any(_censored(each, wrappers) == each for each in inner)
    return model if already else Called(wrappers[0], (model,))


def _limited(model: Called, limits: Mapping[str, float | None]) -> Called:
    """Return a name with limits handed to what is truncated in it.

    Raises:
        UsageError: nothing is.
    """
    given = tuple((which, limit) for which, limit in limits.items() if limit is not None)
    if not given:
        return model
    if model.name == "truncated":
        return dataclasses.replace(model, options=(*model.options, *given))
    if model.arguments and isinstance(inner := model.arguments[0], Called):
        return dataclasses.replace(model, arguments=(_limited(inner, limits), *model.arguments[1:]))
    raise UsageError(f"--{given[0][0]} is of --model 'truncated({model})', or of another model that is truncated")


def _in_a_module(name: str) -> Any:
    """Return the class or the model that `module:Name` stands for; None of a name without a colon."""
    module, colon, inside = name.partition(":")
    if not colon:
        return None
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        found = getattr(importlib.import_module(module), inside)
    except ModuleNotFoundError as error:
        raise InputValueError(f"there is no module {error.name}") from None
    except AttributeError:
        raise InputValueError(f"the module {module} has no {inside}") from None
    if isinstance(found, Model | HasStart) or (isinstance(found, type) and issubclass(found, Model)):
        return found
    raise InputValueError(f"neither a family nor a model, but {type(found).__name__}")


def models(options: argparse.Namespace) -> Answer:
    """List the families, or tell of one what its documentation says.

    Raises:
        UsageError: there is no such family.
    """
    if options.family in WRAPPERS:
        wrapper = WRAPPERS[options.family]
        made = {"models": [{"name": options.family, "of": "a family"}]}
        return Answer(f"mlejax.{wrapper.__name__}\n\n{inspect.getdoc(wrapper)}", lambda: made)
    if options.family is not None and options.family not in LISTED:
        known = ", ".join([*LISTED, *WRAPPERS])
        raise UsageError(f"--family {options.family}: there is no such family; they are {known}")
    rows = [row_of(name) for name in LISTED if options.family in (None, name)]
    made = {"models": [dataclasses.asdict(row) for row in rows]}
    if options.family is not None:
        family = LISTED[options.family]
        names = ", ".join(field.name for field in dataclasses.fields(family))
        return Answer(f"mlejax.{family.__name__}({names})\n\n{inspect.getdoc(family)}", lambda: made)
    head = ("model", "parameters", "observations", "statistics", "closed form")
    table = [head, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    note = (
        "statistics: how many sufficient statistics are found in the formula, perhaps by the number d of columns; with "
        "them the size of a sample does not matter\n"
        f"models of a model, as in --model 'shifted(weibull)': {', '.join(WRAPPERS)}\n"
        "regressions on several columns: mlejax fit FILE --response y --columns a,b --model linear_regression\n"
        "mlejax models --family NAME tells more; each is a class of mlejax, such as "
        f"mlejax.{FAMILIES['student_t'].__name__}"
    )
    return Answer("\n".join([*lines, "", note]), lambda: made)


def row_of(name: str) -> Row:
    """Return what the table says of a family."""
    family = LISTED[name]
    if issubclass(family, Regression):
        return _row_of_a_regression(name, family)
    fields = dataclasses.fields(family)
    given = [field.name for field in fields if field.metadata.get("static")]
    domains = [field.metadata.get("domain", real) for field in fields]
    vectors = covariance_matrix in domains
    some = {simplex: np.array([0.5, 0.5]), covariance_matrix: np.eye(2), real: np.full(2, 0.5) if vectors else 0.5}
    rows = zip(fields, domains, strict=True)
    model = family(*(1 if field.name in given else some.get(domain, 0.5) for field, domain in rows))
    statistics = _statistics(model, jax.ShapeDtypeStruct((2,), np.float64) if vectors else ONE_NUMBER)
    rule = model.support.rule.replace(" 1", f" {given[0]}") if given else model.support.rule
    rule = f"vectors of d {rule}" if vectors else "whole numbers >= 0" if simplex in domains else rule
    return Row(name, _domains(model), tuple(given), rule, statistics, isinstance(model, HasClosedForm))


def _row_of_a_regression(name: str, family: Any) -> Row:
    rest = [field.name for field in dataclasses.fields(family) if not field.metadata.get("static")][1:]
    model = family(np.zeros(3), *(1.0 for _ in rest))
    number = jax.ShapeDtypeStruct((), np.float64)
    found = _statistics(model, {"response": number, "features": jax.ShapeDtypeStruct((2,), np.float64)})
    return Row(name, _domains(model), (), f"{family.of_response.rule}, and d columns", found, False)


def _domains(model: Model) -> dict[str, str]:
    """Return how the parameters of a model are written, each with its domain."""
    table = Parameters.of(model)
    return {name: name + SHORT[domain] for name, domain in zip(table.names, table.domains, strict=True)}


def _statistics(model: Model, one: Any) -> int | str | None:
    """Return how many statistics are found in the formula of a model; of observations with d = 2 numbers, by d."""
    try:
        with jax.enable_x64(True):
            found = separate(structure_for_statistics(model, one), (), np.dtype(np.float64))
    except NotApplicable:
        return None
    if isinstance(found, Expansion):
        size = "d" if found.size == 2 else f"(d + {found.size - 2})"
        return size if found.degree < 2 else f"{size} (d + {found.size + 1}) / 2"
    return found.count if isinstance(found, SufficientForm) else None
