"""Finds the sufficient statistics in a model's `log_prob`.

For an exponential family the log-density is a finite sum, `sum_k a_k(parameters) t_k(x)`. `factor` traces `log_prob`
to its jaxpr and carries that form through it: sums concatenate terms, products and small powers multiply out, division
by one term scales, the logarithm of one product splits, a function of the parameters alone or of the data alone stays
whole. Anything else raises `NotApplicable` with the reason.

Where data meet a parameter in a sum, `u(x)` is first written `c + (u(x) - c)` with `c` the sample mean of `u`; `c`
joins the parameters, so that nothing cancels when the mean is large beside the spread. What rounding took from `c` is
kept beside it as its residual, and added wherever `c` enters a sum: the two together are the mean to twice the digits,
so that the average of `u - c` is zero.
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

from ..models.base import Model
from .algebra import UNIT, Algebra, Monomial
from .arithmetic import log_in_domain
from .expand import Expansion
from .jaxpr import DATA, PARAMETERS, Node, NotApplicable, Structure, at, evaluate, structure_of, trace
from .separate import Branches, Separation, Undecided

MOST_FORMS = 8
"""Forms that a formula may have, by how a sample decides its branches; one that could have more has a single form, with
indicators for all its branches."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A formula and how ONE sample decides its branches: what the statistics of that sample mean.

    Hashable, so that it can be a static field and a static argument.
    """

    structure: Structure
    branches: Branches = ()

    def separated(self, dtype: Any = np.float64) -> "SufficientForm | Expansion":
        """Return the sufficient statistics of this form, for parameters of a floating-point type."""
        found = separate(self.structure, self.branches, np.dtype(dtype))
        assert isinstance(found, SufficientForm | Expansion)  # a form is made where all its branches are decided
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """A condition on the data that a formula meets, and that a sample has to decide."""

    condition: Node
    data: Sequence[Node]

    def outcomes(self, x: Any) -> tuple[Any, ...]:
        """Return the condition at ONE observation, like `SufficientForm.outcomes`."""
        return (evaluate(self.condition, at(self.data, x)),)


class SufficientForm:
    """A log-density as `sum_k a_k(parameters, centers) t_k(x)`; see the module's docstring.

    The statistics t_k are monomials in centered functions of the data, without the functions themselves, whose average
    is zero. They are closed under lowering a power, so that the averages can be moved to other centers, which is how
    two samples are merged.
    """

    parameters: Sequence[Node]
    data: Sequence[Node]  # ONE observation, or its parts
    centers: Sequence[Node]  # the c_j
    functions: tuple[Node, ...]  # the u_j
    constant: Node | None  # the term without data
    residuals: Sequence[Node]  # what rounding took from each
    coefficients: dict[Monomial, Node]
    conditions: tuple[Node, ...]  # on the data, that a sample decides
    expected: tuple[bool | None, ...]  # how a sample of this form decides them
    least = 0  # observations of which it pays
    statistics: tuple[Monomial, ...]  # whose averages a sample keeps, beside the centers
    logged: list[Node]  # parameters whose logarithm is taken without a guard

    def __init__(self, inputs: Sequence[Node], separation: Separation, terms: dict[Monomial, Node]):
        self.parameters = [node for node in inputs if node.kind == PARAMETERS]
        self.data = [node for node in inputs if node.kind == DATA]
        graph, conditions = separation.graph, separation.conditions
        self.functions, self.centers = tuple(graph.centered), graph.centers
        self.residuals = [graph.residuals[center] for center in graph.centers]
        self.constant = terms.pop(UNIT, None)
        self.logged = [node.inputs[0] for node in graph.nodes.values() if node.function is log_in_domain]
        self.coefficients = {m: node for m, node in terms.items() if not _vanishes(m)}
        self.conditions = tuple(node for node, _ in conditions)
        self.expected = tuple(outcome for _, outcome in conditions)
        lowered = itertools.chain.from_iterable(map(_lower, self.coefficients))
        self.statistics = tuple(dict.fromkeys([*self.coefficients, *(m for m in lowered if not _vanishes(m))]))

    @property
    def count(self) -> int:
        """How many statistics a sample has."""
        return len(self.centers) + len(self.statistics)

    def __repr__(self) -> str:
        return f"SufficientForm({len(self.functions)} centers, {len(self.statistics)} further statistics)"

    def observe(self, x: Any) -> tuple[Any, Any]:
        """Return the functions u_j and the factors of the statistics at ONE observation: two tuples of scalars."""
        factors = [m.factor for m in self.statistics]
        known = at(self.data, x)
        u = tuple(evaluate(node, known) for node in self.functions)
        return u, tuple(None if f is None else evaluate(f, known) for f in factors)

    def outcomes(self, x: Any) -> tuple[Any, ...]:
        """Return at ONE observation the conditions on the data that this form rests on."""
        known = at(self.data, x)
        return tuple(evaluate(node, known) for node in self.conditions)

    def holds(self, met_by_all: Sequence[Any], met_by_any: Sequence[Any]) -> Any:
        """Return whether a sample takes exactly the branches that this form stands for.

        Args:
            met_by_all: for each of the `outcomes`, whether all observations meet the condition.
            met_by_any: likewise, whether any does.
        """
        answer = jnp.asarray(True)
        for expected, every, some in zip(self.expected, met_by_all, met_by_any, strict=True):
            none, not_all = jnp.logical_not(some), jnp.logical_not(every)
            answer &= every if expected else none if expected is False else some & not_all
        return answer

    def statistic_values(self, deviations: Sequence[Any], factors: Sequence[Any]) -> list[Any]:
        """Return the statistics from the deviations u_j - c_j and the factors, elementwise."""
        values = []
        for (powers, _), factor in zip(self.statistics, factors, strict=True):
            parts = [deviations[index] ** power for index, power in powers]
            values.append(functools.reduce(jnp.multiply, parts if factor is None else [*parts, factor]))
        return values

    def mean_log_prob(
        self, leaves: Sequence[Any], centers: Any, residuals: Any, averages: Any, inside: bool = False
    ) -> Any:
        """Return the mean log-density of a sample with these centers, residuals and averages of the statistics.

        NaN, and so is its gradient, where a parameter whose logarithm is taken has none; with `inside` that is taken
        to be so nowhere.
        """
        known = dict(zip(self.parameters, leaves, strict=True))
        known |= {node: centers[j] for j, node in enumerate(self.centers)}
        known |= {node: residuals[j] for j, node in enumerate(self.residuals)}
        total = 0.0 if self.constant is None else evaluate(self.constant, known)
        for k, monomial in enumerate(self.statistics):
            coefficient = self.coefficients.get(monomial)
            if coefficient is not None and coefficient.name == "neg":
                total = total - evaluate(coefficient.inputs[0], known) * averages[k]
            elif coefficient is not None:
                total = total + evaluate(coefficient, known) * averages[k]
        for x in () if inside else map(known.__getitem__, self.logged):
            total = total * jnp.where((x > 0) & (x < jnp.inf), jnp.ones_like(x), jnp.nan)
        return total

    def recenter(self, averages: Any, shifts: Any, firsts: Any = None) -> list[Any]:
        """Return averages of the statistics about other centers, c_j - shift_j, by the binomial theorem.

        Args:
            averages: of the statistics about c_j.
            shifts: of the centers.
            firsts: averages of u_j - c_j; None where the c_j are the means.
        """
        known = dict(zip(self.statistics, averages, strict=True))
        if firsts is not None:
            known |= {Monomial(((j, 1),), None): first for j, first in enumerate(firsts)}
        moved = []
        for powers, factor in self.statistics:
            total = 0.0
            for kept in itertools.product(*(range(power + 1) for _, power in powers)):
                part = 1.0
                for (index, power), keep in zip(powers, kept, strict=True):
                    part = part * math.comb(power, keep) * shifts[index] ** (power - keep)
                lower = Monomial(tuple((i, k) for (i, _), k in zip(powers, kept, strict=True) if k), factor)
                if lower in known or not _vanishes(lower):
                    total = total + part * (1.0 if lower == UNIT else known[lower])
            moved.append(total)
        return moved


def _vanishes(monomial: Monomial) -> bool:
    """Return whether the monomial is u_j - c_j itself, whose average is zero."""
    return monomial.factor is None and sum(power for _, power in monomial.powers) == 1


def _lower(monomial: Monomial) -> Iterable[Monomial]:
    for kept in itertools.product(*(range(power + 1) for _, power in monomial.powers)):
        powers = tuple((i, k) for (i, _), k in zip(monomial.powers, kept, strict=True) if k)
        if (lower := Monomial(powers, monomial.factor)) != UNIT:
            yield lower


# Separating --------------------------------------------------------------------------------------------------------


def structure_for_statistics(model: Model, observation: Any) -> Structure:
    """Return what decides the forms of a model, whatever the type of its parameters, for observations like ONE."""
    leaves, tree = jax.tree.flatten(model)
    parts, record = jax.tree.flatten(observation)
    plain = all(isinstance(leaf, float) or (isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f") for leaf in leaves)
    if not plain or not all(isinstance(part, jax.ShapeDtypeStruct) for part in parts):
        return structure_of(model, observation, np.dtype(np.float64))
    try:
        return _structure(tree, tuple(map(np.shape, leaves)), record, tuple(parts))
    except (TypeError, ValueError):  # a static field cannot be hashed or compared
        return structure_of(model, observation, np.dtype(np.float64))


@functools.lru_cache(maxsize=256)
def _structure(tree: Any, shapes: tuple[tuple[int, ...], ...], record: Any, parts: tuple[Any, ...]) -> Structure:
    model = jax.tree.unflatten(tree, list(map(np.zeros, shapes)))
    return structure_of(model, jax.tree.unflatten(record, parts), np.dtype(np.float64))


def question(structure: Structure, branches: Branches) -> Question | None:
    """Return the condition that a sample has to decide next, given the decisions so far; None where all are made.

    Raises:
        NotApplicable: with the reason.
    """
    found = separate(structure, branches, np.dtype(np.float64))
    if isinstance(found, NotApplicable):
        raise NotApplicable(*found.args)
    return found if isinstance(found, Question) else None


@functools.lru_cache(maxsize=256)
def separate(
    structure: Structure, branches: Branches, dtype: np.dtype
) -> SufficientForm | Expansion | Question | NotApplicable:
    """Find the sufficient statistics of a formula, given how a sample decides its branches.

    The statistics, for numbers of type `dtype`; the condition that has to be decided next; or why there are none. A
    formula of arrays or of records, where it is no sum of products, may have moments: an `Expansion`.
    """
    found = _products(structure, branches, dtype)
    if isinstance(found, NotApplicable) and not structure.of_numbers:
        try:
            return Expansion(structure.in_type(dtype))
        except NotApplicable as reason:
            return reason.with_traceback(None)
        except Exception as problem:
            return failure(problem)
    return found


def _products(structure: Structure, branches: Branches, dtype: np.dtype) -> SufficientForm | Question | NotApplicable:
    try:
        if forms_of(structure) > MOST_FORMS:
            return _separate(structure, branches, dtype, indicators=True)
        return _separate(structure, branches, dtype, indicators=False)
    except NotApplicable as reason:
        return reason.with_traceback(None)
    except Exception as problem:  # of whatever kind: the factoring is an optimization, and a formula may do without
        return failure(problem)


def failure(problem: Exception) -> NotApplicable:
    """Return an exception of any other kind as the reason why there is no factored form."""
    said = str(problem).strip().partition("\n")[0]
    return NotApplicable(f"factoring the formula raised {type(problem).__name__}: {said}")


@functools.lru_cache(maxsize=256)
def forms_of(structure: Structure) -> int:
    """Return how many forms a formula may have, whatever the data; more than `MOST_FORMS` are not counted."""

    def count(branches: Branches) -> int:
        try:
            found = _separate(structure, branches, np.dtype(np.float64), indicators=False)
        except NotApplicable:
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
    formula, graph = trace(structure.in_type(dtype)), Algebra()
    inputs = [graph.leaf(node.kind, node.name, node.sign) for node in formula.inputs]
    separation = Separation(graph, branches, indicators)
    try:
        (value,) = separation.run(formula, inputs)
    except Undecided as undecided:
        return Question(undecided.condition, [node for node in inputs if node.kind == DATA])
    return SufficientForm(inputs, separation, graph.center(value))
