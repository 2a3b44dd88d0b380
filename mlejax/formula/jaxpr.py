"""Carries a sum of products of parameters and data through a traced formula, equation by equation."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer, eval_jaxpr

from ..models.base import Model
from .algebra import CONSTANT, DATA, Graph, Node, NotSeparable, Value

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}
Branches = tuple[bool | None, ...]
"""How a sample decides the conditions on the data that a formula meets, in that order: True where all observations
meet one, False where none does, None where some do and some do not."""


def evaluate(node: Node, memo: dict[Node, Any], known: dict[str, Any]) -> Any:
    """Return the value of a node: constants as they are, leaves by name from `known`."""
    if node not in memo:
        if node.function is not None:
            memo[node] = node.function(*(evaluate(child, memo, known) for child in node.inputs))
        else:
            memo[node] = node.value if node.kind == CONSTANT else known[node.name]
    return memo[node]


EXACT = 2**53
"""Whole numbers below this size are floating-point numbers without rounding."""


def as_formula_takes(model: Model, values: Any) -> Any:
    """Return observations (n,) in the type in which the formula of `model` gets them.

    Whole numbers become floating-point numbers: their powers would overflow, and without a word. They stay what they
    are where one is too large for that, and where the formula takes nothing else (it looks them up in a table).
    """
    if not jnp.issubdtype(values.dtype, jnp.integer) or len(values) == 0:
        return values
    known = None if isinstance(values, Tracer) else np.asarray(values)
    if known is not None and not -EXACT < int(known.min()) <= int(known.max()) < EXACT:
        return values
    leaves, tree = jax.tree.flatten(model)
    types = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
    floating = np.dtype(jax.dtypes.canonicalize_dtype(np.float64))
    return values.astype(floating) if _takes(tree, types, floating) else values


@functools.lru_cache(maxsize=256)
def _takes(tree: Any, types: tuple[tuple[tuple[int, ...], np.dtype], ...], dtype: np.dtype) -> bool:
    """Return whether a formula can be evaluated at an observation of this type."""
    leaves = [jax.ShapeDtypeStruct(shape, of) for shape, of in types]
    try:
        jax.eval_shape(lambda leaves, x: tree.unflatten(leaves).log_prob(x), leaves, jax.ShapeDtypeStruct((), dtype))
    except TypeError:
        return False
    return True


class Undecided(Exception):
    """A branch of the formula depends on the data alone; `condition` is that condition."""

    def __init__(self, condition: Node):
        super().__init__("a branch depends on the data")
        self.condition = condition


class SeparableTracer:
    """A tracer that carries separable values through a jaxpr, equation by equation."""

    graph: Graph
    indicators: bool  # whether a condition on the data becomes an indicator
    undecided: list[bool | None]  # the answers that are still to be used

    def __init__(self, graph: Graph, branches: Branches, indicators: bool):
        self.graph, self.indicators, self.undecided = graph, indicators, list(branches)
        self.decided: dict[Node, bool | None] = {}
        self.conditions: list[tuple[Node, bool | None]] = []  # what a sample must meet, and how

    def run(self, jaxpr: Any, constants: Sequence[Value], inputs: Sequence[Value]) -> list[Value]:
        known: dict[Any, Value] = dict(zip(jaxpr.constvars, constants, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Value:
            return self.graph.constant(atom.val) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.eqns:
            results = self.equation(equation, [read(atom) for atom in equation.invars])
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Value]) -> list[Value]:
        name, parameters = equation.primitive.name, equation.params
        pure, call = self.graph.pure(*inputs), name in CALLS
        if pure and (not call or name.startswith("custom_")):
            return self.whole(equation, inputs)  # type: ignore[arg-type]
        if not call:
            shapes = [atom.aval.shape for atom in (*equation.invars, *equation.outvars)]
            if any(math.prod(shape) != 1 for shape in shapes):
                raise NotSeparable(f"`{name}` of an array that mixes data and parameters")
            inputs = [self.scalar(value, shape) for value, shape in zip(inputs, shapes, strict=False)]
        if name == "select_n":
            return [self.choose(*inputs)]
        if call:
            inner = next(parameters[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters)
            if name.startswith("custom_") and not _follows_its_formula(equation, inner, list(map(_sign, inputs))):
                function = _function_name(inner) or name
                raise NotSeparable(f"the derivative that `{function}` declares is not that of its formula")
            if (log := {"xlogy": "log", "xlog1py": "log1p"}.get(_function_name(inner))) and name == "custom_jvp_call":
                # x log(y) without its guard for 0 log 0: the guard's branch would lose the derivative at x = 0.
                return [self.graph.multiply(inputs[0], self.mixed_function(log, [inputs[1]]))]
            constants = [self.graph.constant(c) for c in getattr(inner, "consts", ())]
            try:
                return self.run(getattr(inner, "jaxpr", inner), constants, inputs)
            except NotSeparable as reason:
                function = _function_name(inner)
                if "inside" in str(reason) or not function.isidentifier() or function.startswith("_"):
                    raise
                raise NotSeparable(f"{reason}, inside `{function}`") from reason
        return [self.mixed(name, parameters, inputs)]

    def scalar(self, value: Value, shape: tuple[int, ...]) -> Value:
        """Return an array of one element as the number that it is; sums of products are numbers already."""
        if shape and isinstance(value, Node):
            return self.graph.apply("scalar", _scalar, value)
        return value

    def choose(self, which: Value, *cases: Value) -> Value:
        """Return the choice between two cases by a condition, or among any number by their index."""
        if not isinstance(which, Node):
            raise NotSeparable("`select_n` by a value that mixes data and parameters")
        if len(cases) == 2:
            return self.choose_one(which, *cases)
        *others, value = cases
        for index in reversed(range(len(others))):
            this = self.graph.apply("eq", jnp.equal, which, self.graph.constant(np.int32(index)))
            value = self.choose_one(this, value, others[index])
        return value

    def choose_one(self, condition: Node, otherwise: Value, then: Value) -> Value:
        if self.graph.pure(condition, otherwise, then):
            return self.graph.apply("where", jnp.where, condition, then, otherwise)  # type: ignore[arg-type]
        if condition.kind == DATA:
            return self.decide(condition, [otherwise, then])
        return self.graph.select(condition, otherwise, then)

    def whole(self, equation: Any, inputs: list[Node]) -> list[Value]:
        """Keep an operation on parameters alone, or on data alone, as it is."""
        primitive, parameters = equation.primitive, equation.params
        tag = tuple(sorted((key, str(value)) for key, value in parameters.items()))
        if primitive.name == "log":
            return [self.graph.log_node(inputs[0])]
        if primitive.name == "div" and jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating):
            return [self.graph.multiply(inputs[0], self.graph.reciprocal(inputs[1]))]
        if primitive.name == "mul":
            return [self.graph.multiply(inputs[0], inputs[1])]

        def apply(*values: Any) -> Any:
            typed = (jnp.asarray(v, atom.aval.dtype) for v, atom in zip(values, equation.invars, strict=True))
            return primitive.bind(*typed, **primitive.get_bind_params(parameters))

        if not primitive.multiple_results:
            return [self.graph.apply(primitive.name, apply, *inputs, tag=tag)]
        results = self.graph.apply(primitive.name, apply, *inputs, tag=(tag, id(equation)))
        return [
            self.graph.apply("result", functools.partial(_item, i), results, tag=i)
            for i in range(len(equation.outvars))
        ]

    def mixed(self, name: str, parameters: dict[str, Any], inputs: list[Value]) -> Value:
        """Trace an operation on data and parameters together, of those that keep a sum of products one."""
        graph = self.graph
        if name in ("add", "add_any"):
            return graph.add(*inputs)
        if name == "sub":
            return graph.add(inputs[0], graph.negate(graph.terms(inputs[1])))
        if name == "neg":
            return graph.negate(inputs[0])
        if name == "mul":
            return graph.multiply(*inputs)
        if name == "div":
            return graph.multiply(inputs[0], graph.reciprocal(inputs[1]))
        if name in ("integer_pow", "square"):
            return graph.power(inputs[0], parameters.get("y", 2))
        if name == "pow" and (exponent := _small_integer(inputs[1])) is not None:
            return graph.power(inputs[0], exponent)
        if name in ("copy", "reshape", "squeeze", "broadcast_in_dim", "expand_dims", "transpose", "reduce_sum"):
            return inputs[0]  # one number, whatever its shape
        if name == "convert_element_type" and jnp.issubdtype(parameters["new_dtype"], jnp.floating):
            return inputs[0]
        if name == "ne" and inputs[0] is inputs[1]:
            return graph.constant(np.bool_(False))  # `x != x` asks for NaN, which ends a run by itself
        return self.mixed_function(name, inputs)

    def mixed_function(self, name: str, inputs: list[Value]) -> Value:
        graph, value = self.graph, inputs[0]
        if name in ("gt", "ge", "lt", "le", "eq", "ne"):
            return graph.compare(name, getattr(lax, name), *inputs)
        if isinstance(value, Node) and name in ("log", "log1p"):
            return graph.log_node(value) if name == "log" else graph.apply(name, jnp.log1p, value)
        if name in ("log", "sqrt", "abs"):
            return {"log": graph.log, "sqrt": graph.square_root, "abs": graph.absolute}[name](value)
        if name == "log1p":
            return self.mixed_function("log", [graph.add(value, graph.constant(1.0))])
        raise NotSeparable(f"`{name}` of a value that mixes data and parameters")

    def decide(self, condition: Node, cases: list[Value]) -> Value:
        """Take the branch that the data take, or write each case times its indicator."""
        # A case without a finite value ends every run: only the other one can be of use (a guard of the support).
        impossible = [_never_finite(case) for case in cases]
        if any(impossible) and self.decided.get(condition) is None:
            self.conditions.append((condition, impossible[0]))
            return cases[int(impossible[0])]
        if condition not in self.decided:
            self.decided[condition] = self.decision(condition)
        taken = self.decided[condition]
        return self.graph.indicate(condition, *cases) if taken is None else cases[int(taken)]

    def decision(self, condition: Node) -> bool | None:
        if self.indicators:
            return None
        if not self.undecided:
            raise Undecided(condition)
        taken = self.undecided.pop(0)
        self.conditions.append((condition, taken))
        return taken


def _never_finite(value: Value) -> bool:
    """Return whether a value is a constant that is NaN or infinite."""
    if not isinstance(value, Node) or value.kind != CONSTANT:
        return False
    with jax.ensure_compile_time_eval():  # whatever is being traced around this
        return not np.all(np.isfinite(np.asarray(evaluate(value, {}, {}), np.float64)))


def _function_name(inner: Any) -> str:
    jaxpr = getattr(inner, "jaxpr", inner)  # closed or not
    return str(getattr(getattr(jaxpr, "debug_info", None), "func_name", ""))


def _scalar(value: Any) -> Any:
    return jnp.reshape(value, ())


def _sign(value: Value) -> int:
    """Return the sign that is proven of a value, or 0."""
    return value.sign if isinstance(value, Node) else 0


RULES_AGREE = 1e-9
"""How closely a declared derivative must agree with that of the formula, relative to the larger of 1 and its size."""


def _follows_its_formula(equation: Any, inner: Any, signs: Sequence[int]) -> bool:
    """Return whether a function with a derivative of its own has that of its formula.

    Asked at some hundred places from 1e-3 to 1e3, of the known signs. The factored form differentiates the formula;
    the two must not differ. Zero is left out: there a formula may be guarded, which is what a rule is declared for.
    """
    shapes = [atom.aval for atom in (*equation.invars, *equation.outvars)]
    floats = [jnp.issubdtype(aval.dtype, jnp.floating) for aval in shapes]
    if any(aval.shape for aval in shapes) or not all(floats):
        return True  # nothing to ask here; the data are compared with the result as a whole
    random = np.random.RandomState(0)
    places = []
    for sign, aval in zip(signs, shapes, strict=False):
        size = np.exp(random.uniform(np.log(1e-3), np.log(1e3), 500))
        places.append((size * (sign or random.choice([-1, 1], 500))).astype(aval.dtype))
    jaxpr, constants = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
    parameters = equation.primitive.get_bind_params(equation.params)

    def declared(*values: Any) -> Any:
        return sum(equation.primitive.bind(*values, **parameters))

    def written(*values: Any) -> Any:
        return sum(eval_jaxpr(jaxpr, constants, *values))

    with jax.ensure_compile_time_eval():
        every = tuple(range(len(signs)))
        one, other = (jax.vmap(jax.grad(f, every))(*places) for f in (declared, written))
        for a, b in zip(map(np.asarray, one), map(np.asarray, other), strict=True):
            known = np.isfinite(a) & np.isfinite(b)
            tolerance = RULES_AGREE if a.dtype == np.float64 else 1e-3
            if np.any(np.abs(a - b)[known] > tolerance * np.maximum(1, np.abs(b[known]))):
                return False
    return True


def _item(index: int, values: Any) -> Any:
    return values[index]


def _small_integer(value: Value) -> int | None:
    """Return the exponent of a power with a small constant whole exponent."""
    if isinstance(value, Node) and value.kind == CONSTANT and value.value is not None and np.ndim(value.value) == 0:
        exponent = float(value.value)
        return int(exponent) if exponent.is_integer() else None
    return None
