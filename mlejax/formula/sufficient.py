"""Finds the sufficient statistics in a model's `log_prob`.

For an exponential family the log-density is a finite sum, `sum_k a_k(parameters) t_k(x)`. `factor` traces `log_prob`
to its jaxpr and carries that form through it: sums concatenate terms, products and small powers multiply out, division
by one term scales, the logarithm of one product splits, a function of the parameters alone or of the data alone stays
whole. Anything else raises `NotSeparable` with the reason.

Where data meet a parameter in a sum, `u(x)` is first written `c + (u(x) - c)` with `c` the sample mean of `u`; `c`
joins the parameters, so that nothing cancels when the mean is large beside the spread. By the choice of `c` the average
of `u - c` is zero, and terms linear in it drop out.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..models.base import Model
from ..models.parameters import domains
from .algebra import CONSTANT, DATA, PARAMETERS, UNIT, Graph, Monomial, Node, NotSeparable, Value

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}
Structure = Any
"""What a form depends on: the model's tree structure, its leaves' types, its domains and the observations' type."""


class Undecided(Exception):
    """A branch of the formula depends on the data alone; `condition` is that condition."""

    def __init__(self, condition: Node):
        super().__init__("a branch depends on the data")
        self.condition = condition

    def outcome(self, x: Any) -> Any:
        """The condition at ONE observation."""
        return _evaluate(self.condition, {}, {"data": x})


class SufficientForm:
    """A log-density as `sum_k a_k(parameters, centres) t_k(x)`; see the module's docstring.

    The statistics t_k are monomials in centred functions of the data. They are closed under lowering a power, so that
    the averages can be moved to other centres, which is how two samples are merged.
    """

    def __init__(self, graph: Graph, terms: dict[Monomial, Node], conditions: Sequence[tuple[Node, bool | None]]):
        self.functions = tuple(graph.centred)
        self.constant = terms.pop(UNIT, None)
        self.coefficients = {m: node for m, node in terms.items() if not _vanishes(m)}
        self.conditions = tuple(conditions)
        lowered = itertools.chain.from_iterable(map(_lower, self.coefficients))
        self.statistics = tuple(dict.fromkeys([*self.coefficients, *(m for m in lowered if not _vanishes(m))]))

    def __repr__(self) -> str:
        return f"SufficientForm({len(self.functions)} centres, {len(self.statistics)} further statistics)"

    def observe(self, x: Any) -> tuple[Any, Any]:
        """The functions u_j and the factors of the statistics at ONE observation: two tuples of scalars."""
        factors = [m.factor for m in self.statistics]
        memo: dict[Node, Any] = {}
        u = tuple(_evaluate(node, memo, {"data": x}) for node in self.functions)
        return u, tuple(None if f is None else _evaluate(f, memo, {"data": x}) for f in factors)

    def holds(self, x: Any) -> Any:
        """Whether the branches of the formula taken at ONE observation are those that this form stands for."""
        memo: dict[Node, Any] = {}
        values = [
            _evaluate(node, memo, {"data": x}) == expected for node, expected in self.conditions if expected is not None
        ]
        return functools.reduce(jnp.logical_and, values, jnp.asarray(True))

    def statistic_values(self, deviations: Sequence[Any], factors: Sequence[Any]) -> list[Any]:
        """The statistics from the deviations u_j - c_j and the factors, elementwise."""
        values = []
        for (powers, _), factor in zip(self.statistics, factors, strict=True):
            parts = [deviations[index] ** power for index, power in powers]
            values.append(functools.reduce(jnp.multiply, parts if factor is None else [*parts, factor]))
        return values

    def mean_log_prob(self, leaves: Sequence[Any], centres: Any, averages: Any) -> Any:
        """The mean log-density of a sample with these centres and averages of the statistics."""
        known = {f"parameter {i}": leaf for i, leaf in enumerate(leaves)}
        known |= {f"centre {j}": centres[j] for j in range(len(self.functions))}
        memo: dict[Node, Any] = {}
        total = 0.0 if self.constant is None else _evaluate(self.constant, memo, known)
        for k, monomial in enumerate(self.statistics):
            if monomial in self.coefficients:
                total = total + _evaluate(self.coefficients[monomial], memo, known) * averages[k]
        return total

    def recentre(self, averages: Any, shifts: Any) -> list[Any]:
        """Averages of the statistics about other centres, c_j - shift_j, by the binomial theorem."""
        known = dict(zip(self.statistics, averages, strict=True))
        moved = []
        for powers, factor in self.statistics:
            total = 0.0
            for kept in itertools.product(*(range(power + 1) for _, power in powers)):
                part = 1.0
                for (index, power), keep in zip(powers, kept, strict=True):
                    part = part * math.comb(power, keep) * shifts[index] ** (power - keep)
                lower = Monomial(tuple((i, k) for (i, _), k in zip(powers, kept, strict=True) if k), factor)
                if not _vanishes(lower):
                    total = total + part * (1.0 if lower == UNIT else known[lower])
            moved.append(total)
        return moved


def _vanishes(monomial: Monomial) -> bool:
    """The average of u - c is zero by the choice of c."""
    return monomial.factor is None and sum(power for _, power in monomial.powers) == 1


def _lower(monomial: Monomial) -> Iterable[Monomial]:
    for kept in itertools.product(*(range(power + 1) for _, power in monomial.powers)):
        powers = tuple((i, k) for (i, _), k in zip(monomial.powers, kept, strict=True) if k)
        if (lower := Monomial(powers, monomial.factor)) != UNIT:
            yield lower


def _evaluate(node: Node, memo: dict[Node, Any], known: dict[str, Any]) -> Any:
    """The value of a node: constants as they are, leaves by name from `known`."""
    if node not in memo:
        if node.function is not None:
            memo[node] = node.function(*(_evaluate(child, memo, known) for child in node.inputs))
        else:
            memo[node] = node.value if node.kind == CONSTANT else known[node.name]
    return memo[node]


# Tracing -----------------------------------------------------------------------------------------------------------


def structure_of(model: Model, observation: Any, dtype: Any) -> Structure:
    """The part of a model and of its observations that decides the form; hashable."""
    leaves, tree = jax.tree.flatten(model)
    shapes = tuple(np.shape(leaf) for leaf in leaves)
    return tree, shapes, domains(model), np.dtype(dtype), np.shape(observation), np.dtype(observation.dtype)


@functools.lru_cache(maxsize=256)
def factor(structure: Structure, branches: tuple[bool | None, ...] = ()) -> SufficientForm:
    """Find the sufficient statistics of the model with this structure.

    Args:
        structure: from `structure_of`.
        branches: the outcomes, known from the data, of those conditions in the formula that depend on data alone
            (`x > 0` in a guard of the support), in the order in which they are met; None where observations differ.

    Raises:
        NotSeparable: with the reason.
        Undecided: a further condition on the data has to be decided; it carries the condition.
    """
    tree, shapes, parameter_domains, dtype, observation_shape, observation_dtype = structure
    if any(shapes) or observation_shape:
        raise NotSeparable("parameters and observations must be scalars")

    def log_prob(leaves: Any, x: Any) -> Any:
        return jax.tree.unflatten(tree, leaves).log_prob(x)

    with jax.enable_x64(dtype == np.float64):
        observation_dtype = dtype if observation_dtype.kind == "f" else jax.dtypes.canonicalize_dtype(observation_dtype)
        leaves = [jax.ShapeDtypeStruct((), dtype)] * len(shapes)
        closed = jax.make_jaxpr(log_prob)(leaves, jax.ShapeDtypeStruct((), observation_dtype))
    if [v.aval.shape for v in closed.jaxpr.outvars] != [()]:
        raise NotSeparable("log_prob must return one scalar")
    graph = Graph()
    signs = [1 if domain.lower >= 0 else -1 if domain.upper <= 0 else 0 for domain in parameter_domains]
    inputs: list[Value] = [graph.leaf(PARAMETERS, f"parameter {i}", sign) for i, sign in enumerate(signs)]
    inputs.append(graph.leaf(DATA, "data"))
    tracer = _Tracer(graph, list(branches))
    (value,) = tracer.run(closed.jaxpr, [graph.constant(c) for c in closed.consts], inputs)
    return SufficientForm(graph, graph.centre(value), tracer.conditions)


class _Tracer:
    """Carries separable values through a jaxpr, equation by equation."""

    def __init__(self, graph: Graph, branches: list[bool | None]):
        self.graph, self.branches, self.conditions = graph, branches, list[tuple[Node, bool | None]]()

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
        if name == "select_n" and isinstance(inputs[0], Node) and inputs[0].kind == DATA:
            return [self.decide(inputs[0], inputs[1:])]
        if call:
            inner = next(parameters[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters)
            if (log := {"xlogy": "log", "xlog1py": "log1p"}.get(_function_name(inner))) and name == "custom_jvp_call":
                # x log(y) without its guard for 0 log 0: the guard's branch would lose the derivative at x = 0.
                return [self.graph.multiply(inputs[0], self.mixed_function(log, [inputs[1]]))]
            constants = [self.graph.constant(c) for c in getattr(inner, "consts", ())]
            return self.run(getattr(inner, "jaxpr", inner), constants, inputs)
        return [self.mixed(name, parameters, inputs)]

    def whole(self, equation: Any, inputs: list[Node]) -> list[Value]:
        """An operation on parameters alone, or on data alone, is kept as it is."""
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
        """An operation on data and parameters together: one of those that keep a sum of products a sum of products."""
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
        if name in ("copy", "reshape", "squeeze", "broadcast_in_dim"):
            return inputs[0]
        if name == "convert_element_type" and jnp.issubdtype(parameters["new_dtype"], jnp.floating):
            return inputs[0]
        if name == "ne" and inputs[0] is inputs[1]:
            return graph.constant(np.bool_(False))  # `x != x` asks for NaN, which ends a run by itself
        return self.mixed_function(name, inputs)

    def mixed_function(self, name: str, inputs: list[Value]) -> Value:
        graph, value = self.graph, inputs[0]
        if name in ("gt", "ge", "lt", "le", "eq", "ne"):
            return graph.compare(name, getattr(lax, name), *inputs)
        if name == "select_n" and isinstance(value, Node):
            return graph.select(value, inputs[1], inputs[2])
        if isinstance(value, Node) and name in ("log", "log1p"):
            return graph.log_node(value) if name == "log" else graph.apply(name, jnp.log1p, value)
        if name in ("log", "sqrt", "abs"):
            return {"log": graph.log, "sqrt": graph.square_root, "abs": graph.absolute}[name](value)
        if name == "log1p":
            return self.mixed_function("log", [graph.add(value, graph.constant(1.0))])
        raise NotSeparable(f"`{name}` of a value that mixes data and parameters")

    def decide(self, condition: Node, cases: list[Value]) -> Value:
        """Take the branch that the data take, once it is known that all observations take the same."""
        known = dict(self.conditions)
        if condition not in known:
            if len(self.conditions) == len(self.branches):
                raise Undecided(condition)
            known[condition] = self.branches[len(self.conditions)]
            self.conditions.append((condition, known[condition]))
        taken = known[condition]
        return self.graph.indicate(condition, *cases) if taken is None else cases[int(taken)]


def _function_name(inner: Any) -> str:
    jaxpr = getattr(inner, "jaxpr", inner)  # closed or not
    return str(getattr(getattr(jaxpr, "debug_info", None), "func_name", ""))


def _item(index: int, values: Any) -> Any:
    return values[index]


def _small_integer(value: Value) -> int | None:
    """The exponent of a power with a small constant whole exponent."""
    if isinstance(value, Node) and value.kind == CONSTANT and value.value is not None and np.ndim(value.value) == 0:
        exponent = float(value.value)
        return int(exponent) if exponent.is_integer() else None
    return None
