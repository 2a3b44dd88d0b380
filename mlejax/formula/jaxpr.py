"""Reads a formula as JAX traces it: its operations as nodes, in order. All that is known of JAX's insides is here.

`trace` makes the nodes. What they are read for is the business of others: `separate` looks for a sum of products of
parameters and data, `divide` for what has to be computed how often. A pass that does not apply raises `NotApplicable`.
"""

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..models.base import Model
from ..models.constraints import Domain
from ..models.digest import CALLS, bare, inner_of
from ..models.parameters import Parameters
from ..models.rows import Observation, Rows
from ..models.tracing import check_fields

CONSTANT, PARAMETERS, DATA = 0, 1, 2
MIXED = PARAMETERS | DATA
DECLARED = {"custom_jvp_call", "custom_vjp_call"}
"""Functions with a derivative of their own: nodes, while what other functions do stands among the nodes itself."""


class NotApplicable(Exception):
    """A formula has not the form that is looked for; the text is the reason."""


# What is traced -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Structure:
    """The part of a model and of its observations that decides what is traced. Hashable."""

    tree: Any  # a `PyTreeDef`: the class and its static fields
    parameters: tuple[jax.ShapeDtypeStruct, ...]
    domains: tuple[Domain, ...]
    numbers: tuple[jax.ShapeDtypeStruct, ...]  # of ONE observation: itself, or the parts of a record
    record: Any  # a `PyTreeDef`: what they are parts of
    x64: bool  # whether JAX has float64

    @property
    def observation(self) -> Observation:
        """The shapes and types of ONE observation."""
        return jax.tree.unflatten(self.record, self.numbers)

    @property
    def scalar(self) -> bool:
        """Whether all parameters, and all parts of an observation, are single numbers."""
        return not any(of.shape for of in (*self.parameters, *self.numbers))

    @property
    def of_numbers(self) -> bool:
        """Whether all parameters and an observation are single numbers."""
        return self.scalar and len(self.numbers) == 1

    def log_prob(self, leaves: Sequence[Any], x: Any) -> Any:
        """Return the log-density of ONE observation, from the leaves of a model."""
        return jax.tree.unflatten(self.tree, leaves).log_prob(x)

    def in_type(self, dtype: np.dtype) -> "Structure":
        """Return the same with parameters, and observations that are floating-point numbers, of another type."""
        wide = dtype == np.float64
        with jax.enable_x64(wide):
            types = [dtype if of.dtype.kind == "f" else jax.dtypes.canonicalize_dtype(of.dtype) for of in self.numbers]
        numbers = tuple(jax.ShapeDtypeStruct(of.shape, taken) for of, taken in zip(self.numbers, types, strict=True))
        parameters = tuple(jax.ShapeDtypeStruct(of.shape, dtype) for of in self.parameters)
        return dataclasses.replace(self, parameters=parameters, numbers=numbers, x64=wide)


def structure_of(model: Model, observation: Any, dtype: np.dtype | None = None) -> Structure:
    """Return what decides the trace of a model's formula, for observations like ONE that is given, or its type.

    With a `dtype` all parameters are of that type, whatever their own is.
    """
    check_fields(model)
    leaves, tree = jax.tree.flatten(model)
    if not all(map(eqx.is_array_like, leaves)):
        raise NotApplicable("a parameter is not a number")
    parts, record = jax.tree.flatten(observation)

    def of(array: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(array.shape, array.dtype, weak_type=getattr(array, "weak_type", False))

    parameters, numbers = [of(jax.typeof(leaf)) for leaf in leaves], tuple(map(of, parts))
    x64 = bool(jax.config.jax_enable_x64) if dtype is None else dtype == np.float64  # type: ignore[attr-defined]
    if dtype is not None:
        parameters = [jax.ShapeDtypeStruct(of.shape, dtype) for of in parameters]
    return Structure(tree, tuple(parameters), Parameters.of(model).domains, numbers, record, x64)


EXACT = 2**53
"""Whole numbers below this size are floating-point numbers without rounding."""


def as_formula_takes(model: Model, values: Rows) -> Rows:
    """Return observations in the type in which the formula of `model` gets them.

    Whole numbers become floating-point numbers: their powers would overflow, and without a word. They stay what they
    are where one is too large for that, and where the formula takes nothing else (it looks them up in a table).
    """
    columns, record = jax.tree.flatten(values)
    if not (whole := [i for i, column in enumerate(columns) if _may_be_floating(column)]):
        return values
    floating = np.dtype(jax.dtypes.canonicalize_dtype(np.float64))

    def takes(chosen: Sequence[int]) -> bool:
        each = ((column.shape[1:], floating if i in chosen else column.dtype) for i, column in enumerate(columns))
        return _takes(structure_of(model, jax.tree.unflatten(record, [jax.ShapeDtypeStruct(*of) for of in each])))

    if not takes(whole):
        whole = [i for i in whole if len(whole) > 1 and takes([i])]  # what is left is looked up in a table
    columns = [column.astype(floating) if i in whole else column for i, column in enumerate(columns)]
    return jax.tree.unflatten(record, columns)


def _may_be_floating(column: Any) -> bool:
    """Return whether these are whole numbers that floating-point numbers hold, as far as they are known."""
    if column.dtype.kind == "f" or not jnp.issubdtype(column.dtype, jnp.integer) or column.size == 0:
        return False
    known = None if isinstance(column, Tracer) else np.asarray(column)
    return known is None or -EXACT < int(known.min()) <= int(known.max()) < EXACT


@functools.lru_cache(maxsize=256)
def _takes(structure: Structure) -> bool:
    """Return whether a formula can be evaluated at an observation of this type."""
    try:
        jax.eval_shape(structure.log_prob, structure.parameters, structure.observation)
    except Exception:  # it is said by who traces the formula in the type that is left
        return False
    return True


# Nodes --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One intermediate of a formula: an operation on other nodes, or a leaf (`function` is None)."""

    kind: int  # CONSTANT, PARAMETERS, DATA, or MIXED
    name: str
    function: Callable[..., Any] | None = None
    inputs: tuple["Node", ...] = ()
    sign: int = 0  # +1 or -1 where it is proven for every parameter in its domain, otherwise 0
    value: Any = None  # of a constant
    aval: Any = None  # shape and type, where JAX traced it; of the first of several results
    tag: Any = None  # what tells it from operations of the same name on the same inputs
    equation: Any = None  # JAX's own record of the operation
    inside: str = ""  # the function that the operation stands in

    @property
    def literal(self) -> bool:
        """Whether this is a constant that is written down, not computed."""
        return self.kind == CONSTANT and self.function is None

    @property
    def number(self) -> float | None:
        """The value of a constant that is a single real number and written down."""
        return float(self.value) if self.literal and np.ndim(self.value) == 0 and np.isrealobj(self.value) else None


class Graph:
    """Nodes in order. Equal operations on equal inputs are one node."""

    def __init__(self) -> None:
        self.nodes: dict[Any, Node] = {}

    def leaf(self, kind: int, name: str, sign: int = 0, aval: Any = None) -> Node:
        """Return the leaf of this name."""
        return self.nodes.setdefault((kind, name), Node(kind, name, sign=sign, aval=aval))

    def constant(self, value: Any, aval: Any = None) -> Node:
        """Return the node of a constant."""
        scalar = np.ndim(value) == 0
        if scalar and not isinstance(value, Tracer | float | int):
            value = np.asarray(value)[()]  # a constant of JAX remembers the mesh under which it was traced
        key = (str(np.asarray(value).dtype), repr(value)) if scalar else (id(value),)
        sign = int(value > 0) - int(value < 0) if scalar else 0
        node = Node(CONSTANT, "constant", sign=sign, value=value, aval=aval)
        return self.nodes.setdefault((CONSTANT, aval and str(aval), *key), node)

    def apply(
        self, name: str, function: Callable[..., Any], *inputs: Node, tag: Hashable = None, **traced: Any
    ) -> Node:
        """Return the node `function(*inputs)`; `name` and `tag` tell one operation from another."""
        key = (name, tag, *map(id, inputs))
        if key not in self.nodes:
            kind = functools.reduce(operator.or_, (node.kind for node in inputs), CONSTANT)
            sign = SIGNS[name](*(node.sign for node in inputs)) if name in SIGNS else 0
            if name == "integer_pow":
                sign = inputs[0].sign ** abs(traced["equation"].params["y"])
            self.nodes[key] = Node(kind, name, function, inputs, sign, tag=tag, **traced)
        return self.nodes[key]


SIGNS: Mapping[str, Callable[..., Any]] = {
    "mul": operator.mul, "div": operator.mul, "neg": operator.neg, "add": lambda a, b: a if a == b else 0,
    "sub": lambda a, b: a if a == -b else 0,
    "exp": lambda a: 1, "sqrt": abs, "abs": abs, "square": abs, "log1p": lambda a: max(a, 0),
    "reciprocal": operator.pos, "copy": operator.pos, "convert_element_type": operator.pos,
}  # fmt: skip
"""The sign of an operation, from those of its inputs; of any other it is not known."""


def evaluate(node: Node, known: dict[Node, Any]) -> Any:
    """Return the value of a node, given those of the leaves; what is computed joins what is `known`."""
    if node.literal:
        return node.value
    if node not in known:
        assert node.function is not None
        known[node] = node.function(*(evaluate(child, known) for child in node.inputs))
    return known[node]


def at(data: Sequence[Node], x: Any) -> dict[Node, Any]:
    """Return the values of the nodes that stand for ONE observation, or for its parts."""
    return dict(zip(data, jax.tree.leaves(x), strict=True))


# Tracing ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Formula:
    """A traced function: its operations in order, those of inner functions among them."""

    inputs: tuple[Node, ...]  # of a log-density the parameters, and last the observation, or its parts
    nodes: tuple[Node, ...]
    results: tuple[Node, ...]
    effects: bool = False  # whether it does more than compute: prints, for example


@functools.lru_cache(maxsize=256)
def trace(structure: Structure) -> Formula:
    """Trace `log_prob` at ONE observation."""
    with jax.enable_x64(structure.x64):
        closed = jax.make_jaxpr(structure.log_prob)(list(structure.parameters), structure.observation)
    if any(isinstance(constant, Tracer) for constant in closed.consts):
        raise NotApplicable("the formula uses a value that is being traced by JAX")
    if [variable.aval.shape for variable in closed.jaxpr.outvars] != [()]:
        raise NotApplicable("log_prob must return one scalar")
    signs = [1 if domain.lower >= 0 else -1 if domain.upper <= 0 else 0 for domain in structure.domains]
    leaves = [(PARAMETERS, f"parameter {i}", sign) for i, sign in enumerate(signs)]
    data = [(DATA, f"data {i}", 0) for i in range(len(structure.numbers))]
    return _formula(closed, "", [*leaves, *data])


def traced(function: Callable[..., Any], *examples: Any, kinds: Sequence[int] = ()) -> Formula:
    """Trace any function of arrays, from arguments like those it will get, and of these kinds; by default MIXED."""
    leaves = [(kind, f"input {i}", 0) for i, kind in enumerate(kinds)]
    return _formula(jax.make_jaxpr(function)(*examples), "", leaves)


def opened(node: Node, branch: int | None = None) -> Formula:
    """Return the formula of a function with a derivative of its own, or of a branch of a choice."""
    inner = inner_of(node.equation) if branch is None else node.equation.params["branches"][branch]
    return _formula(inner, _readable(inner) or node.inside)


def _formula(traced: Any, inside: str, leaves: Sequence[tuple[int, str, int]] = ()) -> Formula:
    graph, jaxpr = Graph(), bare(traced)
    leaves = leaves or [(MIXED, f"input {i}", 0) for i in range(len(jaxpr.invars))]
    inputs = [graph.leaf(*leaf, variable.aval) for leaf, variable in zip(leaves, jaxpr.invars, strict=True)]
    results = _walk(graph, traced, inputs, inside)
    return Formula(tuple(inputs), tuple(graph.nodes.values()), tuple(results), bool(jaxpr.effects))


def _walk(graph: Graph, traced: Any, inputs: Sequence[Node], inside: str) -> list[Node]:
    jaxpr = bare(traced)
    known: dict[Any, Node] = dict(zip(jaxpr.invars, inputs, strict=True))
    for variable, constant in zip(jaxpr.constvars, getattr(traced, "consts", ()), strict=True):
        known[variable] = graph.constant(constant, variable.aval)

    def read(atom: Any) -> Node:
        return graph.constant(atom.val, atom.aval) if hasattr(atom, "val") else known[atom]

    for equation in jaxpr.eqns:
        results = _operation(graph, equation, [read(atom) for atom in equation.invars], inside)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _operation(graph: Graph, equation: Any, inputs: Sequence[Node], inside: str) -> list[Node]:
    primitive, several = equation.primitive, len(equation.outvars) != 1
    if primitive.name in CALLS:
        inner = inner_of(equation)
        return _walk(graph, inner, inputs, _readable(inner) or inside)

    def apply(*values: Any) -> Any:
        types = (atom.aval.dtype for atom in equation.invars)
        results = primitive.bind(*map(_typed, values, types), **primitive.get_bind_params(equation.params))
        return results[0] if primitive.multiple_results and not several else results

    # The texts of settings do not tell two functions apart: `id`.
    plain = tuple(sorted((key, str(value)) for key, value in equation.params.items()))
    tag = id(equation) if primitive.multiple_results else plain
    aval = equation.outvars[0].aval if equation.outvars else None
    node = graph.apply(primitive.name, apply, *inputs, tag=tag, aval=aval, equation=equation, inside=inside)
    if not several:
        return [node]
    items = enumerate(equation.outvars)
    return [graph.apply("item", operator.itemgetter(i), node, tag=i, aval=of.aval, inside=inside) for i, of in items]


def _typed(value: Any, dtype: Any) -> Any:
    return jnp.asarray(value, None if getattr(value, "dtype", None) == dtype else dtype)


def written(traced: Any, what: str) -> str:
    """Return what JAX notes of a traced function: its name, or where it stands."""
    return str(getattr(getattr(bare(traced), "debug_info", None), what, ""))


def _readable(traced: Any) -> str:
    """Return the name of a traced function where it says something to people."""
    name = written(traced, "func_name")
    return name if name.isidentifier() and not name.startswith("_") else ""


# Functions with a derivative of their own -----------------------------------------------------------------------------


def function_name(node: Node) -> str:
    """Return the name of the function that a node of `DECLARED` calls."""
    return written(inner_of(node.equation), "func_name") or node.name


def name_in_jax(node: Node) -> str | None:
    """Return the name of a function with a derivative of its own that JAX comes with, not a namesake of the user's."""
    if node.name != "custom_jvp_call":
        return None
    found = re.match(r"(\w+) at .*\bjax\b.\b_src\b", written(inner_of(node.equation), "func_src_info"))
    return found and found[1]
