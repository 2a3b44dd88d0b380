"""Finds the moments of a sample that a formula needs: for formulas of vectors and records.

A *column* is what the formula computes of the data alone and then joins with parameters, of any shape. Where the
formula is a polynomial of at most second degree in its columns u, its mean over a sample is exactly that of its
expansion about their means c, which the formula itself gives:

    mean log p = k(c) + Dk(c)[mean(u - c)] + sum_j D^2 k(c)[V_j, V_j] / 2

with the rows V_j of a root of the second moments about the mean, V' V. So a linear regression needs X'X, X'y and y'y,
though nobody has multiplied anything out.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from . import jaxpr
from .arithmetic import reciprocal
from .jaxpr import DATA, PARAMETERS, Graph, Node, NotApplicable, Structure, at, evaluate, trace

MOST_COLUMNS = 64
"""Numbers in the columns of one observation: of more, the second moments cost more than most samples."""

RESHAPING = {"reshape", "squeeze", "broadcast_in_dim", "transpose", "expand_dims", "copy"}
"""What only arranges numbers: of a column, it is done after its mean has been taken."""

LINEAR = RESHAPING | {
    "slice", "rev", "concatenate", "pad", "split", "item", "reduce_sum", "cumsum", "neg", "add", "sub", "add_any",
}  # fmt: skip
"""Operations whose result is of the degree of their inputs."""

INDEXED = {"gather": 1, "dynamic_slice": 1, "scatter": 1, "scatter-add": 1, "select_n": 0}
"""Likewise, if one of their inputs, an index or a condition, does not depend on the data: which it is."""


class Expansion:
    """A log-density of at most second degree in columns of the data; see the module's docstring.

    Args:
        structure: of the model and its observations.

    Raises:
        NotApplicable: the formula is not of this kind, with the reason.
    """

    parameters: Sequence[Node]
    data: Sequence[Node]  # ONE observation, or its parts
    result: Node
    columns: list[Node]
    shapes: list[tuple[int, ...]]  # of the columns
    size: int  # numbers in all of them
    degree: int
    conditions: tuple[Node, ...] = ()  # on the data, that a sample decides: a formula with one is not of this kind

    def __init__(self, structure: Structure):
        formula, graph = trace(structure), Graph()
        known = {node: node for node in formula.inputs}
        for node in formula.nodes:
            if node not in known:
                known[node] = _rewritten(graph, node, [known[child] for child in node.inputs])
        self.parameters = [node for node in formula.inputs if node.kind == PARAMETERS]
        self.data = [node for node in formula.inputs if node.kind == DATA]
        self.result = known[formula.results[0]]
        self.columns = []
        self.kernel_nodes: list[Node] = []  # in order
        self.of_parameters: dict[Node, None] = {}
        degrees: dict[Node, int] = {}
        self._collect(self.result, degrees)
        self.degree = degrees[self.result]
        self.shapes = [tuple(node.aval.shape) for node in self.columns]
        self.size = sum(map(math.prod, self.shapes))
        if not self.columns:
            raise NotApplicable("nothing in the formula depends on the data")
        if self.size > MOST_COLUMNS:
            raise NotApplicable(f"{self.size} numbers of each observation meet parameters, more than {MOST_COLUMNS}")

    @property
    def least(self) -> int:
        """How many observations there must be for the moments to cost no more than these."""
        return self.size * (self.size + 1) // 2

    @property
    def count(self) -> int:
        """How many statistics a sample has."""
        return self.size + self.least if self.degree > 1 else self.size

    def _collect(self, node: Node, degrees: dict[Node, int]) -> int:
        """Return the degree of a node in the columns, and keep what it is computed from."""
        if node in degrees:
            return degrees[node]
        if node.kind | PARAMETERS == PARAMETERS:
            self.of_parameters[node] = None
            degrees[node] = 0
        elif node.kind == DATA and not (node.name in RESHAPING and node.inputs[0].kind == DATA):
            if not jnp.issubdtype(node.aval.dtype, jnp.floating):
                name = node.inputs[0].name if node.name == "item" else node.name
                raise NotApplicable(f"`{name}` of the data alone gives no floating-point numbers")
            self.columns.append(node)
            degrees[node] = 1
        else:
            _require_no_choice(node)
            found = degree_of(node, [self._collect(child, degrees) for child in node.inputs])
            if found > 2:
                raise NotApplicable(f"`{node.name}` is of degree {found} in functions of the data{_where(node)}")
            self.kernel_nodes.append(node)
            degrees[node] = found
        return degrees[node]

    def once(self, leaves: Sequence[Any]) -> dict[Node, Any]:
        """Return what depends on the parameters alone, from the leaves of a model."""
        known = dict(zip(self.parameters, leaves, strict=True))
        for node in self.of_parameters:
            evaluate(node, known)
        return known

    def kernel(self, once: dict[Node, Any], u: Any) -> Any:
        """Return the log-density, given what is known of the parameters, at columns in one vector, (K,)."""
        ends = np.cumsum([0, *map(math.prod, self.shapes)])
        pieces = zip(self.columns, ends[:-1], ends[1:], self.shapes, strict=True)
        known = once | {node: u[first:last].reshape(shape) for node, first, last, shape in pieces}
        for node in self.kernel_nodes:
            evaluate(node, known)
        return evaluate(self.result, known)

    def observe(self, x: Any) -> Any:
        """Return the columns of ONE observation in one vector, (K,)."""
        known = at(self.data, x)
        return jnp.concatenate([jnp.ravel(evaluate(node, known)) for node in self.columns])

    def outcomes(self, x: Any) -> tuple[Any, ...]:
        """Return the conditions on the data that the form rests on: none."""
        return ()

    def holds(self, met_by_all: Sequence[Any], met_by_any: Sequence[Any]) -> Any:
        """Return whether a sample takes the branches of this form, which has none."""
        return jnp.asarray(True)


def _rewritten(graph: Graph, node: Node, inputs: list[Node]) -> Node:
    """Return a node of the formula; a quotient by data, or a multiple of their logarithm, as a product."""
    if node.literal:
        return graph.constant(node.value if np.ndim(node.value) else np.asarray(node.value, node.aval.dtype), node.aval)
    if node.name == "div" and inputs[1].kind == DATA and jnp.issubdtype(node.aval.dtype, jnp.floating):
        inverse = graph.apply("reciprocal", reciprocal, inputs[1], aval=inputs[1].aval)
        return graph.apply("mul", jnp.multiply, inputs[0], inverse, aval=node.aval)
    log = {"xlogy": jnp.log, "xlog1py": jnp.log1p}.get(jaxpr.name_in_jax(node) or "")
    if log is not None and inputs[1].kind == DATA and inputs[0].kind & PARAMETERS:
        logarithm = graph.apply(log.__name__, log, inputs[1], aval=inputs[1].aval)
        return graph.apply("mul", jnp.multiply, inputs[0], logarithm, aval=node.aval)
    if node.name in SPLIT and inputs[0].kind == PARAMETERS | DATA:
        join, inverse, split = SPLIT[node.name]
        of_parameters, of_data = _apart(graph, inputs[0], join, inverse)
        if of_parameters is not None and of_data is not None:
            return split(graph, of_parameters, of_data)
    assert node.function is not None
    return graph.apply(
        node.name, node.function, *inputs,
        tag=node.tag, aval=node.aval, equation=node.equation, inside=node.inside,
    )  # fmt: skip


def _apart(graph: Graph, node: Node, join: str, inverse: str) -> tuple[Node | None, Node | None]:
    """Return a product, or a sum, as that of a value of the parameters and one of the data; None twice if it is none.

    Args:
        graph: to which nodes are added.
        node: what is taken apart.
        join: "mul" or "add".
        inverse: "div" or "sub".
    """
    if node.kind | PARAMETERS == PARAMETERS:
        return node, None
    if node.kind == DATA:
        return None, node
    if node.name == "neg" and join == "add":
        parts = _apart(graph, node.inputs[0], join, inverse)
        of_parameters, of_data = (part and graph.apply("neg", jnp.negative, part, aval=node.aval) for part in parts)
        return of_parameters, of_data
    if node.name not in (join, inverse):
        return None, None
    firsts, seconds = (_apart(graph, child, join, inverse) for child in node.inputs)
    if (None, None) in (firsts, seconds):
        return None, None

    def joined(first: Node | None, second: Node | None) -> Node | None:
        if second is None:
            return first
        if first is None and node.name == join:
            return second
        if first is None:
            name, function = ("neg", jnp.negative) if inverse == "sub" else ("reciprocal", reciprocal)
            return graph.apply(name, function, second, aval=node.aval)
        return graph.apply(node.name, FUNCTIONS[node.name], first, second, aval=node.aval)

    of_parameters, of_data = (joined(first, second) for first, second in zip(firsts, seconds, strict=True))
    return of_parameters, of_data


FUNCTIONS = {"mul": jnp.multiply, "div": jnp.divide, "add": jnp.add, "sub": jnp.subtract}


def _combined(outer: str, *pairs: tuple[str, str]) -> Callable[[Graph, Node, Node], Node]:
    """Return what joins functions, by name, of a value of the parameters and of one of the data."""

    def split(graph: Graph, of_parameters: Node, of_data: Node) -> Node:
        def of(name: str, inner: Node) -> Node:
            return graph.apply(name, getattr(jnp, name), inner, aval=inner.aval)

        both = [(of(one, of_parameters), of(other, of_data)) for one, other in pairs]
        if len(both) == 1:
            return graph.apply(outer, FUNCTIONS[outer], *both[0], aval=of_data.aval)
        products = [graph.apply("mul", jnp.multiply, *pair, aval=of_data.aval) for pair in both]
        return graph.apply(outer, FUNCTIONS[outer], *products, aval=of_data.aval)

    return split


SPLIT = {
    "log": ("mul", "div", _combined("add", ("log", "log"))),
    "exp": ("add", "sub", _combined("mul", ("exp", "exp"))),
    "cos": ("add", "sub", _combined("sub", ("cos", "cos"), ("sin", "sin"))),
    "sin": ("add", "sub", _combined("add", ("sin", "cos"), ("cos", "sin"))),
}
"""Functions of a product, or of a sum, that are split into functions of its parts: log(a x) is log(a) + log(x)."""


def _require_no_choice(node: Node) -> None:
    """Refuse a choice, or a place in an array, that the data decide."""
    if (place := INDEXED.get(node.name)) is not None and node.inputs[place].kind & DATA:
        raise NotApplicable(f"`{node.name}` by the data{_where(node)}")


def degree_of(node: Node, degrees: Sequence[int]) -> int:
    """Return the degree of an operation, given those of its inputs.

    Raises:
        NotApplicable: it is no polynomial, with the reason.
    """
    name, most = node.name, max(degrees, default=0)
    if most == 0:
        return 0
    if name in LINEAR or name in INDEXED:
        return most
    rule = RULES.get(name)
    found = None if rule is None else rule(node, degrees)
    if found is None:
        raise NotApplicable(f"`{name}` of a value that mixes data and parameters{_where(node)}")
    return found


def _where(node: Node) -> str:
    return f", inside `{node.inside}`" if node.inside else ""


def _power(node: Node, degrees: Sequence[int]) -> int | None:
    exponent = node.inputs[1].number if node.name == "pow" else node.equation.params.get("y", 2)
    if exponent is None or exponent < 0 or not float(exponent).is_integer():
        return None
    return int(exponent) * degrees[0]


def _converted(node: Node, degrees: Sequence[int]) -> int | None:
    return degrees[0] if jnp.issubdtype(node.aval.dtype, jnp.floating) else None


def _solved(node: Node, degrees: Sequence[int]) -> int | None:
    """Return the degree of the solution of a linear system, whose matrix must not depend on the data."""
    given = sum(node.equation.params["const_lengths"])
    return None if any(degrees[:given]) else max(degrees[given:])


def _called(node: Node, degrees: Sequence[int]) -> int | None:
    """Return the degree of a function with a derivative of its own, by its formula."""
    if jaxpr.name_in_jax(node) in ("xlogy", "xlog1py"):  # whose guard, for 0 log 0, is a choice by the data
        return None if degrees[1] else degrees[0]
    formula = jaxpr.opened(node)
    known = dict(zip(formula.inputs, degrees, strict=True))
    mixed = {each for each, degree in known.items() if degree}
    for each in formula.nodes:
        if each not in known:
            if (place := INDEXED.get(each.name)) is not None and each.inputs[place] in mixed:
                raise NotApplicable(f"`{each.name}` by the data{_where(each)}")
            known[each] = degree_of(each, [known[child] for child in each.inputs])
            mixed |= {each} if known[each] else set()
    return max(known[result] for result in formula.results)


RULES: dict[str, Callable[[Node, Sequence[int]], int | None]] = {
    "mul": lambda node, degrees: sum(degrees),
    "dot_general": lambda node, degrees: sum(degrees),
    "integer_pow": _power,
    "square": _power,
    "pow": lambda node, degrees: None if degrees[1] else _power(node, degrees),
    "div": lambda node, degrees: None if degrees[1] else degrees[0],
    "triangular_solve": lambda node, degrees: None if degrees[0] else degrees[1],
    "convert_element_type": _converted,
    "custom_linear_solve": _solved,
    "custom_jvp_call": _called,
}
"""The degrees of other operations; None of what is no polynomial."""
