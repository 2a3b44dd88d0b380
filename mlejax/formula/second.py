"""The first two derivatives of a kernel by its scalars, by means of few rows of numbers, one for each observation.

Derivatives of one formula share most of what they are made of, and much of that is the same for every observation: for
a Weibull, whose kernel has four scalars, fifteen means follow from those of five rows.
"""

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..models.digest import inner_of
from . import arithmetic, jaxpr
from .divide import Division, evaluate_all
from .jaxpr import DATA, PARAMETERS, Graph, Node

FORWARD = 3
"""Scalars up to which slopes are found forward too; with more, backward is faster."""


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """Something of each observation as offset + sum of factor * row; offset and factors are the same for all."""

    offset: Node
    factors: Mapping[Node, Node]  # by row

    def mean(self, known: dict[Node, Any], means: Mapping[Node, Any]) -> Any:
        """Return the mean, from those of the rows, and what is known of the scalars."""
        parts = (jaxpr.evaluate(factor, known) * means[row] for row, factor in self.factors.items())
        return sum(parts, start=jaxpr.evaluate(self.offset, known))


class SecondOrder:
    """A kernel of k scalars, its slopes, and its second derivatives, (i, j) for j <= i: 1 + k + k (k + 1) / 2 terms."""

    inputs: Sequence[Node]  # scalars, held scalars and columns
    terms: Sequence[Term]
    distinct: Sequence[Node]  # the rows

    def __init__(self, division: Division):
        count = len(division.scalars)
        once = count + len(division.held)
        nodes = [*division.scalars, *division.held, *division.data, *division.derived]

        def derivatives(*values: Any) -> list[Any]:
            held, columns = values[count:once], values[once:]
            return _to_second_order(lambda at: division.kernel(at, held, columns), values[:count])

        kinds = [PARAMETERS] * once + [DATA] * (len(nodes) - once)
        formula = jaxpr.traced(derivatives, *(node.aval for node in nodes), kinds=kinds)
        sums, known = _Sums(), {node: node for node in formula.inputs}
        for node in formula.nodes:
            if node not in known:
                known[node] = sums.simpler(node, [known[child] for child in node.inputs])
        self.inputs = formula.inputs
        # The value stays whole: its last digits decide whether a step has gained.
        value, *others = (known[node] for node in formula.results)
        ways = [[sums.multiple(value), *map(way, others)] for way in (sums.multiple, sums.combination)]
        self.terms = min(ways, key=lambda terms: len(_rows(terms)))
        self.distinct = _rows(self.terms)

    def rows(self, scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Any]) -> list[Any]:
        """Return the rows at ONE observation."""
        return evaluate_all(self.distinct, dict(zip(self.inputs, [*scalars, *held, *columns], strict=True)))

    def means(self, scalars: Sequence[Any], held: Sequence[Any], means: Sequence[Any]) -> list[Any]:
        """Return the means of all terms from those of the rows."""
        known: dict[Node, Any] = dict(zip(self.inputs, [*scalars, *held], strict=False))
        return [term.mean(known, dict(zip(self.distinct, means, strict=True))) for term in self.terms]


@functools.lru_cache(maxsize=256)
def second_order_of(division: Division) -> SecondOrder:
    """Return what the second derivatives of the mean of a kernel are made of."""
    return SecondOrder(division)


def _rows(terms: Sequence[Term]) -> list[Node]:
    return list(dict.fromkeys(row for term in terms for row in term.factors))


def _to_second_order(kernel: Callable[[Sequence[Any]], Any], scalars: Sequence[Any]) -> list[Any]:
    """Return a function of scalars, its slopes, and its second derivatives, in the order of `SecondOrder`."""

    def along(function: Callable[[Sequence[Any]], Any], index: int, at: Sequence[Any]) -> Any:
        """Return how a function changes with one of the scalars."""

        def of_one(one: Any) -> Any:
            return function([*at[:index], one, *at[index + 1 :]])

        return jax.jvp(of_one, (at[index],), (jnp.ones_like(at[index]),))[1]

    def slopes(at: Sequence[Any], most: int) -> list[Any]:
        if len(at) > FORWARD:
            return list(jax.grad(kernel)(list(at)))[:most]
        return [along(kernel, i, at) for i in range(most)]

    second = [along(lambda at, i=i: slopes(at, i + 1), i, scalars) for i in range(len(scalars))]
    return [kernel(scalars), *slopes(scalars, len(scalars)), *(each for row in second for each in row)]


def _ours(node: Node) -> Callable[..., Any] | None:
    """Return the function of `arithmetic` that a node calls: JAX does not say that two calls of it are the same."""
    if node.name != "custom_jvp_call":
        return None
    found = re.match(r"(\w+) at (.*):\d+$", jaxpr.written(inner_of(node.equation), "func_src_info"))
    return getattr(arithmetic, found[1], None) if found and found[2] == arithmetic.__file__ else None


class _Sums:
    """Sums and products of nodes, in which what adds nothing is left out, and equal ones are one."""

    def __init__(self) -> None:
        self.graph = Graph()

    def number(self, value: int, like: Node) -> Node:
        return self.graph.constant(np.asarray(value, like.aval.dtype), like.aval)

    def add(self, a: Node, b: Node) -> Node:
        if 0 in (a.number, b.number):
            return b if a.number == 0 else a
        return self.graph.apply("add", operator.add, *sorted((a, b), key=id), aval=a.aval)

    def multiply(self, a: Node, b: Node) -> Node:
        if 1 in (a.number, b.number):
            return b if a.number == 1 else a
        if 0 in (a.number, b.number):
            return a if a.number == 0 else b
        return self.graph.apply("mul", operator.mul, *sorted((a, b), key=id), aval=a.aval)

    def simpler(self, node: Node, inputs: Sequence[Node]) -> Node:
        """Return the node for an operation on simpler inputs."""
        if node.literal:
            return self.graph.constant(node.value, node.aval)
        if node.name in ("add", "add_any", "mul"):
            return (self.multiply if node.name == "mul" else self.add)(*inputs)
        assert node.function is not None
        if (ours := _ours(node)) is not None:
            return self.graph.apply(ours.__name__, ours, *inputs, aval=node.aval)
        return self.graph.apply(node.name, node.function, *inputs, tag=node.tag, aval=node.aval, equation=node.equation)

    def multiple(self, node: Node) -> Term:
        """Return a node as a multiple of one row, or as what all observations have in common."""
        if not node.kind & DATA:
            return Term(node, {})
        factor, row = self._factored(node)
        return Term(self.number(0, node), {row: factor})

    def combination(self, node: Node) -> Term:
        """Return a node as a sum of multiples of rows, none of which is one itself.

        What is made of the data alone stays with what it meets in a sum: x - mean may be small where both are large.
        """
        if node.name in ("add", "sub") and not any(each.kind == DATA for each in node.inputs):
            a, b = map(self.combination, node.inputs)
            if node.name == "sub":
                b = self._times(self.number(-1, node), b)
            shared = {row: self.add(factor, b.factors[row]) for row, factor in a.factors.items() if row in b.factors}
            return Term(self.add(a.offset, b.offset), {**a.factors, **b.factors, **shared})
        if node.name == "neg":
            return self._times(self.number(-1, node), self.combination(node.inputs[0]))
        common = [each for each in node.inputs if not each.kind & DATA]
        if node.name == "mul" and len(common) == 1:
            (rest,) = (each for each in node.inputs if each.kind & DATA)
            return self._times(common[0], self.combination(rest))
        return self.multiple(node)

    def _times(self, factor: Node, term: Term) -> Term:
        factors = {row: self.multiply(factor, own) for row, own in term.factors.items()}
        return Term(self.multiply(factor, term.offset), factors)

    def _factored(self, node: Node) -> tuple[Node, Node]:
        """Return a node that differs between observations as a factor that does not, and a row."""
        if node.name == "neg":
            factor, row = self._factored(node.inputs[0])
            return self.multiply(self.number(-1, node), factor), row
        if node.name == "mul":
            pairs = [self._factored(each) if each.kind & DATA else (each, None) for each in node.inputs]
            rows = [row for _, row in pairs if row is not None]
            return self.multiply(pairs[0][0], pairs[1][0]), self.multiply(*rows) if len(rows) == 2 else rows[0]
        return self.number(1, node), node
