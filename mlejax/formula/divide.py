"""Divides a model's `log_prob` by what its intermediates depend on, so that none is computed more often than necessary.

Those of the parameters alone are computed once per evaluation, those of ONE observation alone once per sample, and
what mixes the two, the kernel, once per observation and evaluation. Terms and factors of the parameters alone leave
the mean:

    mean log p = offset(parameters) + factor(parameters) * mean over i of kernel(scalars(parameters), columns(x_i))
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from . import jaxpr
from .arithmetic import exp, log, log1p, logaddexp, reciprocal
from .jaxpr import CONSTANT, DATA, MIXED, PARAMETERS, Formula, Graph, Node, NotApplicable, Structure, at

FAST = {"exp": exp, "log": log, "log1p": log1p}
OPAQUE = {"cond", "custom_vjp_call", "scan", "while"}


class Division:
    """A log-density as offset + factor * kernel; see the module's docstring."""

    parameters: Sequence[Node]
    data: Sequence[Node]  # ONE observation, or its parts
    offset: Node
    factor: Node
    result: Node  # the kernel
    of_parameters: list[Node]  # computed once per evaluation
    of_data: list[Node]  # computed once per sample
    mixed: list[Node]  # computed once per observation and evaluation
    derived: list[Node]  # of the data alone, that the kernel reads
    scalars: list[Node]  # of the parameters alone, that the kernel reads
    held: list[Node]  # likewise, but without a derivative
    array: str  # the first operation of the kernel that has to do with arrays; none where it is made of single numbers

    def __init__(self, formula: Formula):
        graph, known = Graph(), {node: node for node in formula.inputs}
        for node in formula.nodes:
            if node not in known:
                known[node] = _faster(graph, node, [known[child] for child in node.inputs])
        self.parameters = [node for node in formula.inputs if node.kind == PARAMETERS]
        self.data = [node for node in formula.inputs if node.kind == DATA]
        self.offset, self.factor, self.result = _take_out(graph, known[formula.results[0]])
        operations = [node for node in graph.nodes.values() if node.function is not None]
        self.of_parameters = [node for node in operations if node.kind | PARAMETERS == PARAMETERS]
        self.of_data = [node for node in operations if node.kind | DATA == DATA]
        self.mixed = _needed([node for node in operations if node.kind == MIXED], self.result)
        self.array = next(filter(None, map(_of_arrays, self.mixed)), "")
        read = (node for mixed in self.mixed for node in mixed.inputs if not node.literal)
        met = dict.fromkeys([*read, self.result] if self.result.kind == DATA else read)
        self.derived = [node for node in met if node.kind == DATA and node not in self.data]
        scalars = [node for node in met if node.kind | PARAMETERS == PARAMETERS]
        self.scalars = [node for node in scalars if node.kind and jnp.issubdtype(node.aval.dtype, jnp.inexact)]
        self.held = [node for node in scalars if node not in self.scalars]  # without a derivative

    def once(self, leaves: Sequence[Any]) -> tuple[Any, Any, list[Any], list[Any]]:
        """Return what depends on the parameters alone: offset, factor, and the kernel's scalars and held scalars."""
        known = dict(zip(self.parameters, leaves, strict=True))
        evaluate_all(self.of_parameters, known)
        scalars, held = (evaluate_all(nodes, known) for nodes in (self.scalars, self.held))
        return jaxpr.evaluate(self.offset, known), jaxpr.evaluate(self.factor, known), scalars, held

    def columns(self, x: Any) -> list[Any]:
        """Return the columns of ONE observation that the kernel reads, besides its own parts."""
        known = at(self.data, x)
        evaluate_all(self.of_data, known)
        return evaluate_all(self.derived, known)

    def kernel(self, scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Any]) -> Any:
        """Return what mixes parameters and ONE observation; `columns` begin with the observation's own."""
        nodes = [*self.scalars, *self.held, *self.data, *self.derived]
        known = dict(zip(nodes, [*scalars, *held, *columns], strict=True))
        evaluate_all(self.mixed, known)
        return jaxpr.evaluate(self.result, known)


def _of_arrays(node: Node) -> str:
    """Return the name of an operation that makes arrays, or is made of them; nothing of any other."""
    return node.name if any(each.aval.shape for each in (node, *node.inputs) if not each.literal) else ""


def evaluate_all(nodes: Sequence[Node], known: dict[Node, Any]) -> list[Any]:
    """Return the values of nodes; in order, since the order of operations decides how derivatives are rounded."""
    return [jaxpr.evaluate(node, known) for node in nodes]


def _needed(nodes: Sequence[Node], result: Node) -> list[Node]:
    """Return those that the result depends on, in order."""
    wanted, kept = {result}, []
    for node in reversed(nodes):
        if node in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def divide(structure: Structure) -> Division:
    """Divide the log-density of a model with this structure.

    Raises:
        NotApplicable: it has to be evaluated as it is, with the reason.
    """
    if isinstance(found := _divide(structure), NotApplicable):
        raise NotApplicable(*found.args)
    return found


@functools.lru_cache(maxsize=256)
def _divide(structure: Structure) -> Division | NotApplicable:
    try:
        formula = jaxpr.trace(structure)
        (result,) = formula.results
        if result.aval.dtype not in (jnp.float32, jnp.float64):
            raise NotApplicable(f"log_prob returns {result.aval.dtype.name}")
        if formula.effects:
            raise NotApplicable("the formula does more than compute")
        if result.kind != MIXED:
            raise NotApplicable("nothing mixes data and parameters")
        division = Division(formula)
        if structure.scalar and division.array:
            raise NotApplicable(f"`{division.array}` of an array that mixes data and parameters")
        return division
    except NotApplicable as reason:
        return reason.with_traceback(None)


def _faster(graph: Graph, node: Node, inputs: list[Node]) -> Node:
    """Return a node of the formula by the arithmetic that compilers vectorize."""
    name, aval = node.name, node.aval
    if node.literal:
        return graph.constant(node.value if np.ndim(node.value) else np.asarray(node.value, aval.dtype), aval)
    if jaxpr.name_in_jax(node) == "logaddexp":
        return graph.apply("logaddexp", logaddexp, *inputs, aval=aval)
    if name in FAST and node.equation.params.get("accuracy") is None:
        return graph.apply(name, FAST[name], *inputs, aval=aval)
    if name == "div" and jnp.issubdtype(aval.dtype, jnp.floating) and inputs[1].kind != CONSTANT:
        inverse = graph.apply("reciprocal", reciprocal, inputs[1], aval=aval)
        return graph.apply("mul", operator.mul, inputs[0], inverse, aval=aval)
    if node.kind == MIXED and name in OPAQUE:
        raise NotApplicable(f"`{name}` of data and parameters")
    assert node.function is not None
    return graph.apply(name, node.function, *inputs, tag=node.tag, aval=aval, equation=node.equation)


def _take_out(graph: Graph, result: Node) -> tuple[Node, Node, Node]:
    """Offset and factor of the parameters alone, and the mixed rest: result = offset + factor * rest."""
    aval = result.aval
    offset, factor = (graph.constant(np.asarray(value, aval.dtype), aval) for value in (0, 1))

    def combine(function: Callable[..., Any], a: Node, b: Node) -> Node:
        return graph.apply(function.__name__, function, a, b, aval=aval)

    while result.name in ("add", "sub", "mul", "neg"):
        mixed = [node for node in result.inputs if node.kind & DATA]
        if len(mixed) > 1:
            break
        other = [node for node in result.inputs if node is not mixed[0]]
        if result.name == "mul":
            factor = combine(operator.mul, factor, other[0])
        elif other:
            minus = result.name == "sub" and other[0] is result.inputs[1]
            term = combine(operator.mul, factor, other[0])
            offset = combine(operator.sub if minus else operator.add, offset, term)
        if result.name == "neg" or (result.name == "sub" and mixed[0] is result.inputs[1]):
            factor = graph.apply("neg", operator.neg, factor, aval=aval)
        result = mixed[0]
    return offset, factor, result
