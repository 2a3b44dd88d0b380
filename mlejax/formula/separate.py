"""Carries sums of products of parameters and data through the nodes of a formula."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import jaxpr
from .algebra import Algebra, Value
from .jaxpr import DATA, DECLARED, Formula, Node, NotApplicable
from .rules import follows_its_formula

Branches = tuple[bool | None, ...]
"""How a sample decides the conditions on the data that a formula meets, in that order: True where all observations
meet one, False where none does, None where some do and some do not."""


class Undecided(Exception):
    """A branch of the formula depends on the data alone; `condition` is that condition."""

    def __init__(self, condition: Node):
        super().__init__("a branch depends on the data")
        self.condition = condition


class Separation:
    """Reads a formula node by node, each as one of the parameters, one of the data, or a sum of products of the two."""

    graph: Algebra
    indicators: bool  # whether a condition on the data becomes an indicator
    undecided: list[bool | None]  # the answers that are still to be used

    def __init__(self, graph: Algebra, branches: Branches, indicators: bool):
        self.graph, self.indicators, self.undecided = graph, indicators, list(branches)
        self.decided: dict[Node, bool | None] = {}
        self.conditions: list[tuple[Node, bool | None]] = []  # what a sample must meet, and how

    def run(self, formula: Formula, inputs: Sequence[Value]) -> list[Value]:
        """Return the results of a formula, from its inputs."""
        known: dict[Node, Any] = dict(zip(formula.inputs, inputs, strict=True))
        for node in formula.nodes:
            if node.literal:
                known[node] = self.graph.constant(node.value)
            elif node not in known:
                known[node] = self.operation(node, [known[child] for child in node.inputs])
        return [known[node] for node in formula.results]

    def operation(self, node: Node, inputs: list[Any]) -> Any:
        """Return the value of an operation; a list where it has several."""
        if node.name == "item" and isinstance(inputs[0], list):
            return inputs[0][node.tag]
        if self.graph.pure(*inputs):
            return self.whole(node, inputs)
        try:
            return self.declared(node, inputs) if node.name in DECLARED else self.mixed(node, inputs)
        except NotApplicable as reason:
            if not node.inside or "inside" in str(reason):
                raise
            raise NotApplicable(f"{reason}, inside `{node.inside}`") from reason

    def declared(self, node: Node, inputs: list[Value]) -> Value | list[Value]:
        """Return what a function with a derivative of its own makes of data and parameters."""
        if not follows_its_formula(node, [value.sign if isinstance(value, Node) else 0 for value in inputs]):
            raise NotApplicable(
                f"the derivative that `{jaxpr.function_name(node)}` declares is not that of its formula"
            )
        if log := {"xlogy": "log", "xlog1py": "log1p"}.get(jaxpr.name_in_jax(node) or ""):
            # x log(y) without its guard for 0 log 0: the guard's branch would lose the derivative at x = 0.
            return self.graph.multiply(inputs[0], self.mixed_function(log, [inputs[1]]))
        results = self.run(jaxpr.opened(node), inputs)
        return results[0] if len(results) == 1 else results

    def scalar(self, value: Value, shape: tuple[int, ...]) -> Value:
        """Return an array of one element as the number that it is; sums of products are numbers already."""
        if shape and isinstance(value, Node):
            return self.graph.apply("scalar", lambda number: jnp.reshape(number, ()), value)
        return value

    def choose(self, which: Value, *cases: Value) -> Value:
        """Return the choice between two cases by a condition, or among any number by their index."""
        if not isinstance(which, Node):
            raise NotApplicable("`select_n` by a value that mixes data and parameters")
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

    def whole(self, node: Node, inputs: list[Node]) -> Value:
        """Return an operation on parameters alone, or on data alone: it is kept as it is."""
        if node.name == "log":
            return self.graph.log_node(inputs[0])
        if node.name == "div" and jnp.issubdtype(node.aval.dtype, jnp.floating):
            return self.graph.multiply(inputs[0], self.graph.reciprocal(inputs[1]))
        if node.name == "mul":
            return self.graph.multiply(inputs[0], inputs[1])
        assert node.function is not None
        return self.graph.apply(node.name, node.function, *inputs, tag=node.tag, equation=node.equation)

    def mixed(self, node: Node, inputs: list[Value]) -> Value:
        """Return an operation on data and parameters: one of those that keep a sum of products a sum of products."""
        graph, name, parameters = self.graph, node.name, node.equation.params
        shapes = [atom.aval.shape for atom in (*node.equation.invars, *node.equation.outvars)]
        if any(math.prod(shape) != 1 for shape in shapes):
            raise NotApplicable(f"`{name}` of an array that mixes data and parameters")
        inputs = [self.scalar(value, shape) for value, shape in zip(inputs, shapes, strict=False)]
        if name == "select_n":
            return self.choose(*inputs)
        if name in (rules := {"add": graph.add, "add_any": graph.add, "neg": graph.negate, "mul": graph.multiply}):
            return rules[name](*inputs)
        if name == "sub":
            return graph.add(inputs[0], graph.negate(graph.terms(inputs[1])))
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
        raise NotApplicable(f"`{name}` of a value that mixes data and parameters")

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
    if not isinstance(value, Node) or value.kind:
        return False
    with jax.ensure_compile_time_eval():  # whatever is being traced around this
        return not np.all(np.isfinite(np.asarray(jaxpr.evaluate(value, {}), np.float64)))


def _small_integer(value: Value) -> int | None:
    """Return the exponent of a power with a small constant whole exponent."""
    number = value.number if isinstance(value, Node) else None
    return int(number) if number is not None and number.is_integer() else None
