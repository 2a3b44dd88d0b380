"""The algebra behind `sufficient`: sums of products of a function of the parameters and a function of the data.

Two kinds of value pass through a traced formula. A `Node` depends on constants, on the parameters or on the data,
never on parameters and data at once. `Terms` is a mixed value: a sum of monomials in the data, each with a coefficient
that is a Node of the parameters.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .arithmetic import log, log_in_domain, reciprocal

CONSTANT, PARAMETERS, DATA = 0, 1, 2
LARGEST_POWER = 8
LARGEST_SUM = 64


class NotSeparable(Exception):
    """The formula is not a finite sum of products of a function of the parameters and a function of the data."""


class Node:
    """One intermediate of the formula: an operation on other nodes, or a leaf (`function` is None)."""

    __slots__ = ("function", "inputs", "kind", "name", "sign", "value")
    kind: int  # CONSTANT, PARAMETERS or DATA
    name: str
    function: Callable[..., Any] | None
    inputs: tuple["Node", ...]
    sign: int  # +1 or -1 where it is proven for every parameter in its domain, otherwise 0
    value: Any  # of a constant

    def __init__(
        self,
        kind: int,
        name: str,
        function: Callable[..., Any] | None,
        inputs: tuple["Node", ...],
        sign: int,
        value: object,
    ):
        self.kind, self.name, self.function, self.inputs = kind, name, function, inputs
        self.sign, self.value = sign, value


class Monomial(NamedTuple):
    """`factor(x) * prod_j (u_j(x) - c_j)^power_j`, the data's part of a term; `factor` None stands for 1."""

    powers: tuple[tuple[int, int], ...] = ()
    factor: Node | None = None


UNIT = Monomial()
Terms = dict[Monomial, Node]
Value = Node | Terms


class Graph:
    """All nodes of one formula. Equal operations on equal inputs are one node, so equal statistics are found equal."""

    def __init__(self) -> None:
        self.nodes: dict[Any, Node] = {}
        self.centred: dict[Node, int] = {}  # the data functions u_j, and which centre c_j belongs to each
        self.centres: list[Node] = []

    def leaf(self, kind: int, name: str, sign: int = 0) -> Node:
        return self.nodes.setdefault((kind, name), Node(kind, name, None, (), sign, None))

    def constant(self, value: Any) -> Node:
        scalar = np.ndim(value) == 0
        if scalar and not isinstance(value, jax.core.Tracer | float | int):  # type: ignore[attr-defined]
            value = np.asarray(value)[()]  # a constant of JAX remembers the mesh under which it was traced
        key = (CONSTANT, str(np.asarray(value).dtype), repr(value)) if scalar else (CONSTANT, id(value))
        sign = int(value > 0) - int(value < 0) if scalar else 0
        return self.nodes.setdefault(key, Node(CONSTANT, "constant", None, (), sign, value))

    def apply(self, name: str, function: Callable[..., Any], *inputs: Node, tag: Hashable = None) -> Node:
        """Return the node `function(*inputs)`; `name` and `tag` tell one operation from another."""
        kind = max((node.kind for node in inputs), default=CONSTANT)
        if {PARAMETERS, DATA} <= {node.kind for node in inputs}:
            raise NotSeparable(f"`{name}` mixes data and parameters")
        key = (name, tag, *map(id, inputs))
        return self.nodes.setdefault(key, Node(kind, name, function, inputs, sign_of(name, inputs, tag), None))

    # Values -----------------------------------------------------------------------------------------------------

    def terms(self, value: Value) -> Terms:
        if isinstance(value, dict):
            return value
        if value.kind != DATA:
            return {UNIT: value}
        sign = 1.0
        while value.name == "neg":  # -u is no further statistic beside u
            value, sign = value.inputs[0], -sign
        return {Monomial((), value): self.constant(sign)}

    def centre(self, value: Value) -> Terms:
        """Write every plain function of the data, u, as c + (u - c)."""
        result: Terms = {}
        for monomial, coefficient in self.terms(value).items():
            if monomial.powers or monomial.factor is None:
                self.accumulate(result, monomial, coefficient)
                continue
            index = self.centred.setdefault(monomial.factor, len(self.centred))
            if index == len(self.centres):
                self.centres.append(self.leaf(PARAMETERS, f"centre {index}"))
            self.accumulate(result, UNIT, self.multiply_nodes(coefficient, self.centres[index]))
            self.accumulate(result, Monomial(((index, 1),)), coefficient)
        return result

    def accumulate(self, terms: Terms, monomial: Monomial, coefficient: Node) -> None:
        if monomial in terms:
            coefficient = self.apply("add", operator.add, terms[monomial], coefficient)
        terms[monomial] = coefficient
        if len(terms) > LARGEST_SUM:
            raise NotSeparable(f"the formula multiplies out to more than {LARGEST_SUM} terms")

    def pure(self, *values: Value) -> bool:
        """Return whether an operation on these values stays whole: no mixed value, and not both data and parameters."""
        kinds = {value.kind for value in values if isinstance(value, Node)}
        return all(isinstance(value, Node) for value in values) and not {PARAMETERS, DATA} <= kinds

    # Operations -------------------------------------------------------------------------------------------------

    def add(self, a: Value, b: Value) -> Value:
        if self.pure(a, b):
            return self.apply("add", operator.add, a, b)  # type: ignore[arg-type]
        result = dict(self.centre(a))
        for monomial, coefficient in self.centre(b).items():
            self.accumulate(result, monomial, coefficient)
        return result

    def negate(self, a: Value) -> Value:
        if isinstance(a, Node):
            return self.apply("neg", operator.neg, a)
        return {monomial: self.apply("neg", operator.neg, coefficient) for monomial, coefficient in a.items()}

    def multiply_nodes(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if one.value is not None and np.ndim(one.value) == 0 and one.value == 1:
                return other
        return self.apply("mul", operator.mul, a, b)

    def multiply(self, a: Value, b: Value) -> Value:
        if self.pure(a, b):
            return self.multiply_nodes(a, b)  # type: ignore[arg-type]
        result: Terms = {}
        for (m, p), (n, q) in itertools.product(self.terms(a).items(), self.terms(b).items()):
            self.accumulate(result, self.multiply_monomials(m, n), self.multiply_nodes(p, q))
        return result

    def multiply_monomials(self, m: Monomial, n: Monomial) -> Monomial:
        powers = dict(m.powers)
        for index, power in n.powers:
            powers[index] = powers.get(index, 0) + power
        factors = [factor for factor in (m.factor, n.factor) if factor is not None]
        factor = functools.reduce(self.multiply_nodes, factors) if factors else None
        return Monomial(tuple(sorted(powers.items())), factor)

    def reciprocal(self, a: Value) -> Value:
        if isinstance(a, Node):
            constant, rest = self.scaled(a)
            if constant == 1.0 or constant == 0.0:
                return self.apply("reciprocal", reciprocal, a)
            return self.multiply_nodes(self.constant(1 / constant), self.apply("reciprocal", reciprocal, rest))
        coefficient, factor = self.single(a, "division by a sum that mixes data and parameters")
        return self.product(
            self.apply("reciprocal", reciprocal, coefficient), self.apply("reciprocal", reciprocal, factor)
        )

    def power(self, a: Value, exponent: int) -> Value:
        if exponent < 0:
            return self.reciprocal(self.power(a, -exponent))
        if exponent == 0:
            return self.constant(1.0)
        if exponent > LARGEST_POWER:
            raise NotSeparable(f"power {exponent} of a value that mixes data and parameters")
        return functools.reduce(self.multiply, [a] * exponent)

    def log(self, a: Value) -> Value:
        """Return the logarithm of one product of a positive coefficient and a function of the data."""
        coefficient, factor = self.single(a, "log of a sum that mixes data and parameters")
        if coefficient.sign <= 0:
            raise NotSeparable("log of a product whose factor in the parameters is not known to be positive")
        return self.add(self.log_node(coefficient), self.log_node(factor))

    def log_node(self, a: Node) -> Node:
        if a.name == "reciprocal":
            return self.apply("neg", operator.neg, self.log_node(a.inputs[0]))
        constant, rest = self.scaled(a)
        if constant > 0 and constant != 1.0:
            return self.apply("add", operator.add, self.constant(math.log(constant)), self.log_node(rest))
        leaf = a.kind == PARAMETERS and a.function is None and a.sign > 0
        return self.apply("log", log_in_domain if leaf else log, a)

    def scaled(self, a: Node) -> tuple[float, Node]:
        """Take a constant out of a product of parameters, so that equal reciprocals and logarithms are found equal."""
        if a.name == "mul" and a.kind == PARAMETERS:
            for constant, rest in (a.inputs, a.inputs[::-1]):
                if constant.kind == CONSTANT and constant.value is not None and np.ndim(constant.value) == 0:
                    return float(constant.value), rest
        return 1.0, a

    def square_root(self, a: Value) -> Value:
        coefficient, factor = self.single(a, "square root of a sum that mixes data and parameters")
        if coefficient.sign <= 0:
            raise NotSeparable("square root of a product whose factor in the parameters may be negative")
        return self.product(self.apply("sqrt", jnp.sqrt, coefficient), self.apply("sqrt", jnp.sqrt, factor))

    def absolute(self, a: Value) -> Value:
        coefficient, factor = self.single(a, "absolute value of a sum that mixes data and parameters")
        return self.product(self.apply("abs", jnp.abs, coefficient), self.apply("abs", jnp.abs, factor))

    def compare(self, name: str, function: Callable[..., Any], a: Value, b: Value) -> Node:
        """Compare one product with zero; the known sign of its coefficient makes that a comparison of the data."""
        if isinstance(a, dict) and isinstance(b, Node) and b.kind == CONSTANT and b.sign == 0 and b.value == 0:
            coefficient, factor = self.single(a, f"`{name}` compares data with parameters")
            if coefficient.sign > 0:
                return self.apply(name, function, factor, b)
            if coefficient.sign < 0:
                return self.apply(name, function, self.apply("neg", operator.neg, factor), b)
        raise NotSeparable(f"`{name}` compares data with parameters")

    def select(self, condition: Node, otherwise: Value, then: Value) -> Value:
        """Choose between mixed values by a condition on the parameters alone: one choice per coefficient."""
        a, b, zero = self.centre(otherwise), self.centre(then), self.constant(0.0)
        result: Terms = {}
        for monomial in dict.fromkeys([*a, *b]):
            result[monomial] = self.apply("where", jnp.where, condition, b.get(monomial, zero), a.get(monomial, zero))
        return result

    def indicate(self, condition: Node, otherwise: Value, then: Value) -> Terms:
        """Choose between mixed values by a condition on the data alone: each case times its indicator."""
        zero, one = self.constant(0.0), self.constant(1.0)
        result: Terms = {}
        for case, indicator in (
            (then, self.apply("where", jnp.where, condition, one, zero)),
            (otherwise, self.apply("where", jnp.where, condition, zero, one)),
        ):
            for monomial, coefficient in self.terms(case).items():
                self.accumulate(result, self.multiply_monomials(monomial, Monomial((), indicator)), coefficient)
        return result

    def product(self, coefficient: Node, factor: Node) -> Terms:
        return {Monomial((), factor): coefficient}

    def single(self, a: Value, reason: str) -> tuple[Node, Node]:
        """Return the coefficient and the plain function of the data of a value that is one product of the two."""
        if isinstance(a, dict) and len(a) == 1:
            ((monomial, coefficient),) = a.items()
            if not monomial.powers and monomial.factor is not None:
                return coefficient, monomial.factor
        raise NotSeparable(reason)


def sign_of(name: str, inputs: tuple[Node, ...], tag: Any) -> int:
    """Return the sign of an operation, where the signs of its inputs prove it."""
    signs = [node.sign for node in inputs]
    if name in ("mul", "div"):
        return signs[0] * signs[1]
    if name == "add":
        return signs[0] if signs[0] == signs[1] else 0
    if name == "neg":
        return -signs[0]
    if name == "exp":
        return 1
    if name in ("sqrt", "abs", "square", "log1p"):
        return abs(signs[0]) if name != "log1p" else max(signs[0], 0)
    if name in ("reciprocal", "copy", "convert_element_type"):
        return signs[0]
    if name == "integer_pow":
        return abs(signs[0]) if int(dict(tag)["y"]) % 2 == 0 else signs[0]
    return 0
