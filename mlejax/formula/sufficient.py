"""Finds the sufficient statistics in a model's `log_prob`.

For an exponential family the log-density is a finite sum, `sum_k a_k(parameters) t_k(x)`. `factor` traces `log_prob`
to its jaxpr and carries that form through it: sums concatenate terms, products and small powers multiply out, division
by one term scales, the logarithm of one product splits, a function of the parameters alone or of the data alone stays
whole. Anything else raises `NotSeparable` with the reason.

Where data meet a parameter in a sum, `u(x)` is first written `c + (u(x) - c)` with `c` the sample mean of `u`; `c`
joins the parameters, so that nothing cancels when the mean is large beside the spread. The average of `u - c`, which
is what rounding has left of `c`, is kept beside it as its residual: the two together are the mean to twice the digits.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..models.base import Model
from ..models.constraints import Domain
from ..models.parameters import Parameters
from .algebra import DATA, PARAMETERS, UNIT, Graph, Monomial, Node, NotSeparable, Value
from .jaxpr import Branches, SeparableTracer, Undecided, evaluate

MOST_FORMS = 8
"""Forms that a formula may have, by how a sample decides its branches; one that could have more has a single form, with
indicators for all its branches."""


@dataclasses.dataclass(frozen=True)
class Structure:
    """The part of a model and of its observations that decides its forms."""

    tree: Any  # a `PyTreeDef`: the class and its static fields
    shapes: tuple[tuple[int, ...], ...]  # of the parameters
    domains: tuple[Domain, ...]
    observation: jax.ShapeDtypeStruct  # of ONE observation


@dataclasses.dataclass(frozen=True)
class Form:
    """A formula and how ONE sample decides its branches: what the statistics of that sample mean.

    Hashable, so that it can be a static field and a static argument.
    """

    structure: Structure
    branches: Branches = ()

    def separated(self, dtype: Any = np.float64) -> "SufficientForm":
        """Return the sufficient statistics of this form, for parameters of a floating-point type."""
        found = separate(self.structure, self.branches, np.dtype(dtype))
        assert isinstance(found, SufficientForm)  # a form is made where all its branches are decided
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """A condition on the data that a formula meets, and that a sample has to decide."""

    condition: Node

    def outcomes(self, x: Any) -> tuple[Any, ...]:
        """Return the condition at ONE observation, like `SufficientForm.outcomes`."""
        return (evaluate(self.condition, {}, {"data": x}),)


class SufficientForm:
    """A log-density as `sum_k a_k(parameters, centres) t_k(x)`; see the module's docstring.

    The statistics t_k are monomials in centred functions of the data. They are closed under lowering a power, so that
    the averages can be moved to other centres, which is how two samples are merged.
    """

    functions: tuple[Node, ...]  # the u_j
    constant: Node | None  # the term without data
    linear: dict[int | None, Node]  # the coefficients of the u_j - c_j, by j
    coefficients: dict[Monomial, Node]  # of all other monomials
    conditions: tuple[Node, ...]  # on the data, that a sample decides
    expected: tuple[bool | None, ...]  # how a sample of this form decides them
    statistics: tuple[Monomial, ...]  # whose averages a sample keeps, beside the centres

    def __init__(self, graph: Graph, terms: dict[Monomial, Node], conditions: Sequence[tuple[Node, bool | None]]):
        self.functions = tuple(graph.centred)
        self.constant = terms.pop(UNIT, None)
        self.linear = {_single(m): node for m, node in terms.items() if _single(m) is not None}
        self.coefficients = {m: node for m, node in terms.items() if _single(m) is None}
        self.conditions = tuple(node for node, _ in conditions)
        self.expected = tuple(outcome for _, outcome in conditions)
        lowered = itertools.chain.from_iterable(map(_lower, self.coefficients))
        self.statistics = tuple(dict.fromkeys([*self.coefficients, *(m for m in lowered if _single(m) is None)]))

    def __repr__(self) -> str:
        return f"SufficientForm({len(self.functions)} centres, {len(self.statistics)} further statistics)"

    def observe(self, x: Any) -> tuple[Any, Any]:
        """Return the functions u_j and the factors of the statistics at ONE observation: two tuples of scalars."""
        factors = [m.factor for m in self.statistics]
        memo: dict[Node, Any] = {}
        u = tuple(evaluate(node, memo, {"data": x}) for node in self.functions)
        return u, tuple(None if f is None else evaluate(f, memo, {"data": x}) for f in factors)

    def outcomes(self, x: Any) -> tuple[Any, ...]:
        """Return at ONE observation the conditions on the data that this form rests on."""
        memo: dict[Node, Any] = {}
        return tuple(evaluate(node, memo, {"data": x}) for node in self.conditions)

    def holds(self, met_by_all: Sequence[Any], met_by_any: Sequence[Any]) -> Any:
        """Return whether a sample takes exactly the branches that this form stands for.

        Args:
            met_by_all: for each of the `outcomes`, whether all observations meet the condition.
            met_by_any: likewise, whether any does.
        """
        answer = jnp.asarray(True)
        for expected, every, some in zip(self.expected, met_by_all, met_by_any, strict=True):
            answer &= every if expected else ~some if expected is False else some & ~every
        return answer

    def statistic_values(self, deviations: Sequence[Any], factors: Sequence[Any]) -> list[Any]:
        """Return the statistics from the deviations u_j - c_j and the factors, elementwise."""
        values = []
        for (powers, _), factor in zip(self.statistics, factors, strict=True):
            parts = [deviations[index] ** power for index, power in powers]
            values.append(functools.reduce(jnp.multiply, parts if factor is None else [*parts, factor]))
        return values

    def mean_log_prob(self, leaves: Sequence[Any], centres: Any, residuals: Any, averages: Any) -> Any:
        """Return the mean log-density of a sample with these centres, residuals and averages of the statistics."""
        known = {f"parameter {i}": leaf for i, leaf in enumerate(leaves)}
        known |= {f"centre {j}": centres[j] for j in range(len(self.functions))}
        memo: dict[Node, Any] = {}
        total = 0.0 if self.constant is None else evaluate(self.constant, memo, known)
        for j, coefficient in self.linear.items():
            total = total + evaluate(coefficient, memo, known) * residuals[j]
        for k, monomial in enumerate(self.statistics):
            if monomial in self.coefficients:
                total = total + evaluate(self.coefficients[monomial], memo, known) * averages[k]
        return total

    def recentre(self, averages: Any, residuals: Any, shifts: Any) -> list[Any]:
        """Return averages of the statistics about other centres, c_j - shift_j, by the binomial theorem."""
        known = dict(zip(self.statistics, averages, strict=True))
        moved = []
        for powers, factor in self.statistics:
            total = 0.0
            for kept in itertools.product(*(range(power + 1) for _, power in powers)):
                part = 1.0
                for (index, power), keep in zip(powers, kept, strict=True):
                    part = part * math.comb(power, keep) * shifts[index] ** (power - keep)
                lower = Monomial(tuple((i, k) for (i, _), k in zip(powers, kept, strict=True) if k), factor)
                j = _single(lower)
                total = total + part * (1.0 if lower == UNIT else known[lower] if j is None else residuals[j])
            moved.append(total)
        return moved


def _single(monomial: Monomial) -> int | None:
    """Return j where the monomial is u_j - c_j itself, whose average is the residual of the centre."""
    if monomial.factor is None and sum(power for _, power in monomial.powers) == 1:
        return monomial.powers[0][0]
    return None


def _lower(monomial: Monomial) -> Iterable[Monomial]:
    for kept in itertools.product(*(range(power + 1) for _, power in monomial.powers)):
        powers = tuple((i, k) for (i, _), k in zip(monomial.powers, kept, strict=True) if k)
        if (lower := Monomial(powers, monomial.factor)) != UNIT:
            yield lower


# Tracing -----------------------------------------------------------------------------------------------------------


def structure_of(model: Model, observation: Any) -> Structure:
    """Return what decides the forms of a model for observations like ONE that is given, an array or its type."""
    leaves, tree = jax.tree.flatten(model)
    shapes = tuple(np.shape(leaf) for leaf in leaves)
    one = jax.ShapeDtypeStruct(np.shape(observation), np.dtype(observation.dtype))
    return Structure(tree, shapes, Parameters.of(model).domains, one)


def question(structure: Structure, branches: Branches) -> Question | None:
    """Return the condition that a sample has to decide next, given the decisions so far; None where all are made.

    Raises:
        NotSeparable: with the reason.
    """
    found = separate(structure, branches, np.dtype(np.float64))
    if isinstance(found, NotSeparable):
        raise found
    return found if isinstance(found, Question) else None


@functools.lru_cache(maxsize=256)
def separate(structure: Structure, branches: Branches, dtype: np.dtype) -> SufficientForm | Question | NotSeparable:
    """Find the sufficient statistics of a formula, given how a sample decides its branches.

    Args:
        structure: from `structure_of`.
        branches: the decisions, as many as are known.
        dtype: of the parameters, and of observations that are floating-point numbers.

    Returns:
        The statistics; the condition that has to be decided next; or why there are none.
    """
    try:
        if forms_of(structure) > MOST_FORMS:
            return _separate(structure, branches, dtype, indicators=True)
        return _separate(structure, branches, dtype, indicators=False)
    except NotSeparable as reason:
        return reason
    except Exception as problem:  # of whatever kind: the factoring is an optimisation, and a formula may do without
        return failure(problem)


def failure(problem: Exception) -> NotSeparable:
    """Return an exception of any other kind as the reason why there is no factored form."""
    said = str(problem).strip().partition("\n")[0]
    return NotSeparable(f"factoring the formula raised {type(problem).__name__}: {said}")


@functools.lru_cache(maxsize=256)
def forms_of(structure: Structure) -> int:
    """Return how many forms a formula may have, whatever the data; more than `MOST_FORMS` are not counted."""

    def count(branches: Branches) -> int:
        try:
            found = _separate(structure, branches, np.dtype(np.float64), indicators=False)
        except NotSeparable:
            return 1  # of raw observations
        if not isinstance(found, Question):
            return 1
        total = 0
        for outcome in (True, False, None):
            if total <= MOST_FORMS:
                total += count((*branches, outcome))
        return total

    return count(())


def _separate(structure: Structure, branches: Branches, dtype: np.dtype, indicators: bool) -> SufficientForm | Question:
    """Carry the sum of products through the formula; with `indicators` no branch has to be decided."""
    if any(structure.shapes) or structure.observation.shape:
        raise NotSeparable("parameters and observations must be scalars")
    closed = _jaxpr(structure, dtype)
    if any(isinstance(constant, Tracer) for constant in closed.consts):
        raise NotSeparable("the formula uses a value that is being traced by JAX")
    if [v.aval.shape for v in closed.jaxpr.outvars] != [()]:
        raise NotSeparable("log_prob must return one scalar")
    graph = Graph()
    signs = [1 if domain.lower >= 0 else -1 if domain.upper <= 0 else 0 for domain in structure.domains]
    inputs: list[Value] = [graph.leaf(PARAMETERS, f"parameter {i}", sign) for i, sign in enumerate(signs)]
    inputs.append(graph.leaf(DATA, "data"))
    tracer = SeparableTracer(graph, branches, indicators)
    try:
        (value,) = tracer.run(closed.jaxpr, [graph.constant(c) for c in closed.consts], inputs)
    except Undecided as undecided:
        return Question(undecided.condition)
    return SufficientForm(graph, graph.centre(value), tracer.conditions)


@functools.lru_cache(maxsize=256)
def _jaxpr(structure: Structure, dtype: np.dtype) -> Any:
    """Trace `log_prob` at ONE observation."""

    def log_prob(leaves: Any, x: Any) -> Any:
        return jax.tree.unflatten(structure.tree, leaves).log_prob(x)

    with jax.enable_x64(dtype == np.float64):
        own = structure.observation.dtype
        observation_dtype = dtype if own.kind == "f" else jax.dtypes.canonicalize_dtype(own)
        leaves = [jax.ShapeDtypeStruct((), dtype)] * len(structure.shapes)
        return jax.make_jaxpr(log_prob)(leaves, jax.ShapeDtypeStruct((), observation_dtype))
