"""Divides a model's `log_prob` by what its intermediates depend on, so that none is computed more often than necessary.

Those of the parameters alone are computed once per evaluation, those of ONE observation alone once per sample, and
what mixes the two, the kernel, once per observation and evaluation. Terms and factors of the parameters alone leave
the mean:

    mean log p = offset(parameters) + factor(parameters) * mean over i of kernel(scalars(parameters), columns(x_i))
"""

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..models.base import Model
from .algebra import CONSTANT, DATA, PARAMETERS
from .arithmetic import exp, log, log1p, logaddexp, reciprocal
from .jaxpr import CALLS

MIXED = PARAMETERS | DATA
FAST = {"exp": exp, "log": log, "log1p": log1p}
JAX_LOGADDEXP = re.compile(r"logaddexp at .*\bjax\b.\b_src\b")  # not a namesake of the user's
OPAQUE = {"cond", "custom_vjp_call", "scan", "while"}
Structure = Any
"""What a division depends on: the model's tree structure, the types of its leaves and of an observation; hashable."""


class NotDivisible(Exception):
    """The formula is not one of scalar operations alone, some of which mix data and parameters."""


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One intermediate of the formula: an operation on others, or a leaf (`apply` is None)."""

    kind: int  # CONSTANT, PARAMETERS, DATA, or MIXED
    name: str
    apply: Callable[..., Any] | None
    inputs: tuple["Node", ...]
    aval: Any  # None for a constant
    value: Any = None  # of a constant


class Division:
    """A log-density as offset + factor * kernel; see the module's docstring."""

    parameters: Sequence[Node]
    data: Node  # ONE observation
    offset: Node
    factor: Node
    result: Node  # the kernel
    of_parameters: list[Node]  # computed once per evaluation
    of_data: list[Node]  # computed once per sample
    mixed: list[Node]  # computed once per observation and evaluation
    derived: list[Node]  # of the data alone, that the kernel reads
    scalars: list[Node]  # of the parameters alone, that the kernel reads
    held: list[Node]  # likewise, but without a derivative

    def __init__(self, trace: "_Trace", parameters: Sequence[Node], data: Node, result: Node):
        self.parameters, self.data = parameters, data
        self.offset, self.factor, self.result = trace.take_out(result)
        operations = [node for node in trace.nodes if node.apply is not None]
        self.of_parameters = [node for node in operations if node.kind | PARAMETERS == PARAMETERS]
        self.of_data = [node for node in operations if node.kind | DATA == DATA]
        self.mixed = _needed([node for node in operations if node.kind == MIXED], self.result)
        read = (node for mixed in self.mixed for node in mixed.inputs if not _literal(node))
        met = dict.fromkeys([*read, self.result] if self.result.kind == DATA else read)
        self.derived = [node for node in met if node.kind == DATA and node is not data]
        scalars = [node for node in met if node.kind | PARAMETERS == PARAMETERS]
        self.scalars = [node for node in scalars if node.kind and jnp.issubdtype(node.aval.dtype, jnp.inexact)]
        self.held = [node for node in scalars if node not in self.scalars]  # without a derivative
        if any(node.aval.shape for node in [*met, *self.mixed]):
            raise NotDivisible("an intermediate is not a scalar")

    def once(self, leaves: Sequence[Any]) -> tuple[Any, Any, list[Any], list[Any]]:
        """Return what depends on the parameters alone: offset, factor, and the kernel's scalars and held scalars."""
        known = dict(zip(self.parameters, leaves, strict=True))
        _evaluate(self.of_parameters, known)
        scalars, held = ([known[node] for node in nodes] for nodes in (self.scalars, self.held))
        return _value(self.offset, known), _value(self.factor, known), scalars, held

    def columns(self, x: Any) -> list[Any]:
        """Return the columns of ONE observation that the kernel reads, besides the observation itself."""
        known = {self.data: x}
        _evaluate(self.of_data, known)
        return [known[node] for node in self.derived]

    def kernel(self, scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Any]) -> Any:
        """Return what mixes parameters and ONE observation; `columns` begin with the observation itself."""
        nodes = [*self.scalars, *self.held, self.data, *self.derived]
        known = dict(zip(nodes, [*scalars, *held, *columns], strict=True))
        _evaluate(self.mixed, known)
        return known[self.result]


def _literal(node: Node) -> bool:
    return node.kind == CONSTANT and node.apply is None


def _value(node: Node, known: dict[Node, Any]) -> Any:
    return node.value if _literal(node) else known[node]


def _evaluate(nodes: Sequence[Node], known: dict[Node, Any]) -> None:
    """Add the values of operations, given in order, to those that are known."""
    for node in nodes:
        assert node.apply is not None
        known[node] = node.apply(*(_value(child, known) for child in node.inputs))


def _needed(nodes: Sequence[Node], result: Node) -> list[Node]:
    """Return those that the result depends on, in order."""
    wanted, kept = {result}, []
    for node in reversed(nodes):
        if node in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


# Tracing -----------------------------------------------------------------------------------------------------------


def structure_of(model: Model, values: Any) -> Structure | None:
    """Return what `divide` needs to know of a model and of observations (n,); None where it cannot be asked."""
    leaves, tree = jax.tree.flatten(model)
    if not all(map(eqx.is_array_like, leaves)) or np.ndim(values) != 1 or len(values) == 0:
        return None
    avals = [jax.typeof(value) for value in (*leaves, values)]
    # Inside a `shard_map` that checks what varies over the mesh, an operation repeated on its own is refused.
    varying = any(getattr(getattr(aval, "manual_axis_type", None), "varying", ()) for aval in avals)
    if varying or any(aval.shape for aval in avals[:-1]):
        return None
    types = tuple((aval.dtype, bool(aval.weak_type)) for aval in avals)
    return tree, types, bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=256)
def divide(structure: Structure) -> Division | None:
    """Divide the log-density of a model with this structure; None where it has to be evaluated as it is."""
    if structure is None:
        return None
    tree, types, _ = structure
    *leaves, x = [jax.ShapeDtypeStruct((), dtype, weak_type=weak) for dtype, weak in types]
    closed = jax.make_jaxpr(lambda leaves, x: jax.tree.unflatten(tree, leaves).log_prob(x))(leaves, x)
    results = [variable.aval for variable in closed.jaxpr.outvars]
    plain = len(results) == 1 and results[0].shape == () and results[0].dtype in (jnp.float32, jnp.float64)
    if not plain or closed.effects or any(isinstance(c, Tracer) for c in closed.consts):
        return None
    trace = _Trace()
    parameters = [trace.leaf(PARAMETERS, v.aval) for v in closed.jaxpr.invars[:-1]]
    data = trace.leaf(DATA, closed.jaxpr.invars[-1].aval)
    try:
        (result,) = trace.run(closed.jaxpr, [trace.constant(c) for c in closed.consts], [*parameters, data])
        return Division(trace, parameters, data, result) if result.kind == MIXED else None
    except NotDivisible:
        return None


class _Trace:
    """The nodes of one formula, in order. Equal operations on equal inputs are one node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.found: dict[Any, Node] = {}

    def leaf(self, kind: int, aval: Any, value: Any = None) -> Node:
        self.nodes.append(Node(kind, "", None, (), aval, value))
        return self.nodes[-1]

    def constant(self, value: Any) -> Node:
        value = np.asarray(value) if np.ndim(value) == 0 else value
        return self.leaf(CONSTANT, None, value)

    def apply(self, name: str, function: Callable[..., Any], *inputs: Node, aval: Any, tag: Any = None) -> Node:
        """Return the node `function(*inputs)`; `name` and `tag` tell one operation from another."""
        key = (name, tag, *map(id, inputs))
        if key not in self.found:
            kind = functools.reduce(operator.or_, (node.kind for node in inputs), CONSTANT)
            self.found[key] = Node(kind, name, function, inputs, aval)
            self.nodes.append(self.found[key])
        return self.found[key]

    def run(self, jaxpr: Any, constants: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
        known: dict[Any, Node] = dict(zip(jaxpr.constvars, constants, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Node:
            return self.constant(np.asarray(atom.val, atom.aval.dtype)) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.eqns:
            results = self.equation(equation, [read(atom) for atom in equation.invars])
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Node]) -> list[Node]:
        name, aval = equation.primitive.name, equation.outvars[0].aval
        if name in CALLS:
            inner = next(value for value in map(equation.params.get, ("jaxpr", "call_jaxpr", "fun_jaxpr")) if value)
            jaxpr = getattr(inner, "jaxpr", inner)  # closed or not
            if name == "custom_jvp_call" and JAX_LOGADDEXP.match(str(jaxpr.debug_info.func_src_info)):
                return [self.apply("logaddexp", logaddexp, *inputs, aval=aval)]
            if not name.startswith("custom_"):
                return self.run(jaxpr, [self.constant(c) for c in getattr(inner, "consts", ())], inputs)
        if name in FAST and equation.params.get("accuracy") is None:
            return [self.apply(name, FAST[name], *inputs, aval=aval)]
        if name == "div" and jnp.issubdtype(aval.dtype, jnp.floating) and inputs[1].kind != CONSTANT:
            inverse = self.apply("reciprocal", reciprocal, inputs[1], aval=aval)
            return [self.apply("mul", operator.mul, inputs[0], inverse, aval=aval)]
        return self.whole(equation, inputs)

    def whole(self, equation: Any, inputs: list[Node]) -> list[Node]:
        """Keep an operation as it is."""
        primitive, parameters, results = equation.primitive, equation.params, equation.outvars
        kind = functools.reduce(operator.or_, (node.kind for node in inputs), CONSTANT)
        if kind == MIXED and primitive.name in OPAQUE:
            raise NotDivisible(f"`{primitive.name}` of data and parameters")

        def apply(*values: Any) -> Any:
            return primitive.bind(*map(jnp.asarray, values), **primitive.get_bind_params(parameters))

        tag = tuple(sorted((key, str(value)) for key, value in parameters.items()))
        if not primitive.multiple_results:
            return [self.apply(primitive.name, apply, *inputs, aval=results[0].aval, tag=tag)]
        # Their texts do not tell two functions apart: `id`.
        several = self.apply(primitive.name, apply, *inputs, aval=results[0].aval, tag=(tag, id(equation)))
        return [self.apply("item", operator.itemgetter(i), several, aval=v.aval, tag=i) for i, v in enumerate(results)]

    def take_out(self, result: Node) -> tuple[Node, Node, Node]:
        """Return offset and factor of the parameters alone, and the mixed rest: result = offset + factor * rest."""
        aval = result.aval
        offset, factor = (self.constant(np.asarray(value, aval.dtype)) for value in (0, 1))

        def combine(function: Callable[..., Any], a: Node, b: Node) -> Node:
            return self.apply(function.__name__, function, a, b, aval=aval)

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
                factor = self.apply("neg", operator.neg, factor, aval=aval)
            result = mixed[0]
        return offset, factor, result
