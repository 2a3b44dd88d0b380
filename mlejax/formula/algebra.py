"""The algebra behind `separate`: sums of products of a function of the parameters and a function of the data.

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

import jax.numpy as jnp

from .arithmetic import log, log_in_domain, reciprocal
from .jaxpr import CONSTANT, DATA, PARAMETERS, Graph, Node, NotApplicable

LARGEST_POWER = 8
LARGEST_SUM = 64


class Monomial(NamedTuple):
    """`factor(x) * prod_j (u_j(x) - c_j)^power_j`, the data's part of a term; `factor` None stands for 1."""

    powers: tuple[tuple[int, int], ...] = ()
    factor: Node | None = None


UNIT = Monomial()
Terms = dict[Monomial, Node]
Value = Node | Terms


class Algebra(Graph):
    """The nodes of a formula that is taken apart: each of the parameters or of the data, none of both."""

    def __init__(self) -> None:
        super().__init__()
        self.centered: dict[Node, int] = {}  # the data functions u_j, and which center c_j belongs to each
        self.centers: list[Node] = []
        self.residuals: dict[Node, Node] = {}  # by center, what rounding took from it

    def apply(
        self, name: str, function: Callable[..., Any], *inputs: Node, tag: Hashable = None, **traced: Any
    ) -> Node:
        """Return the node `function(*inputs)`, of inputs that do not mix data and parameters."""
        if not self.pure(*inputs):
            raise NotApplicable(f"`{name}` mixes data and parameters")
        return super().apply(name, function, *inputs, tag=tag, **traced)

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

    def center(self, value: Value) -> Terms:
        """Write every plain function of the data, u, as c + (u - c)."""
        result: Terms = {}
        for monomial, coefficient in self.terms(value).items():
            if monomial.powers or monomial.factor is None:
                self.accumulate(result, monomial, coefficient)
                continue
            index = self.centered.setdefault(monomial.factor, len(self.centered))
            if index == len(self.centers):
                self.centers.append(self.leaf(PARAMETERS, f"center {index}"))
                self.residuals[self.centers[index]] = self.leaf(PARAMETERS, f"residual {index}")
            self.accumulate(result, UNIT, self.multiply_nodes(coefficient, self.centers[index]))
            self.accumulate(result, Monomial(((index, 1),)), coefficient)
        return result

    def accumulate(self, terms: Terms, monomial: Monomial, coefficient: Node) -> None:
        if monomial in terms:
            coefficient = self.add_nodes(terms[monomial], coefficient)
        terms[monomial] = coefficient
        if len(terms) > LARGEST_SUM:
            raise NotApplicable(f"the formula multiplies out to more than {LARGEST_SUM} terms")

    def pure(self, *values: Value) -> bool:
        """Return whether an operation on these values stays whole: no mixed value, and not both data and parameters."""
        kinds = {value.kind for value in values if isinstance(value, Node)}
        return all(isinstance(value, Node) for value in values) and not {PARAMETERS, DATA} <= kinds

    # Operations -------------------------------------------------------------------------------------------------

    def add(self, a: Value, b: Value) -> Value:
        if self.pure(a, b):
            return self.apply("add", operator.add, a, b)  # type: ignore[arg-type]
        result = dict(self.center(a))
        for monomial, coefficient in self.center(b).items():
            self.accumulate(result, monomial, coefficient)
        return result

    def add_nodes(self, a: Node, b: Node) -> Node:
        """Return the sum of two coefficients; what rounding took from a center among them is added last.

        A sum may cancel nearly all of a center. Elsewhere its residual is below the rounding of what is computed.
        """
        total = self.sum(a, b)
        for lost in filter(None, map(self.residual, (a, b))):
            total = self.sum(total, lost)
        return total

    def sum(self, a: Node, b: Node) -> Node:
        """Return the sum of two nodes; where one is a negation, as the difference that saves it."""
        if a.name == "neg":
            a, b = b, a
        if b.name == "neg":
            return self.apply("sub", operator.sub, a, b.inputs[0])
        return self.apply("add", operator.add, a, b)

    def residual(self, a: Node) -> Node | None:
        """Return what rounding took from a multiple of a center; None for any other node."""
        if a.name == "neg" and (lost := self.residual(a.inputs[0])):
            return self.apply("neg", operator.neg, lost)
        if a.name == "mul":
            for factor, rest in (a.inputs, a.inputs[::-1]):
                if factor.kind == CONSTANT and (lost := self.residual(rest)):
                    return self.multiply_nodes(factor, lost)
        return self.residuals.get(a)

    def negate(self, a: Value) -> Value:
        if isinstance(a, Node):
            return self.apply("neg", operator.neg, a)
        return {monomial: self.apply("neg", operator.neg, coefficient) for monomial, coefficient in a.items()}

    def multiply_nodes(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if one.number == 1:
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
            raise NotApplicable(f"power {exponent} of a value that mixes data and parameters")
        return functools.reduce(self.multiply, [a] * exponent)

    def log(self, a: Value) -> Value:
        """Return the logarithm of one product of a positive coefficient and a function of the data."""
        coefficient, factor = self.single(a, "log of a sum that mixes data and parameters")
        if coefficient.sign <= 0:
            raise NotApplicable("log of a product whose factor in the parameters is not known to be positive")
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
                if constant.number is not None:
                    return constant.number, rest
        return 1.0, a

    def square_root(self, a: Value) -> Value:
        coefficient, factor = self.single(a, "square root of a sum that mixes data and parameters")
        if coefficient.sign <= 0:
            raise NotApplicable("square root of a product whose factor in the parameters may be negative")
        return self.product(self.apply("sqrt", jnp.sqrt, coefficient), self.apply("sqrt", jnp.sqrt, factor))

    def absolute(self, a: Value) -> Value:
        coefficient, factor = self.single(a, "absolute value of a sum that mixes data and parameters")
        return self.product(self.apply("abs", jnp.abs, coefficient), self.apply("abs", jnp.abs, factor))

    def compare(self, name: str, function: Callable[..., Any], a: Value, b: Value) -> Node:
        """Compare one product with zero; the known sign of its coefficient makes that a comparison of the data."""
        if isinstance(a, dict) and isinstance(b, Node) and b.number == 0:
            coefficient, factor = self.single(a, f"`{name}` compares data with parameters")
            if coefficient.sign > 0:
                return self.apply(name, function, factor, b)
            if coefficient.sign < 0:
                return self.apply(name, function, self.apply("neg", operator.neg, factor), b)
        raise NotApplicable(f"`{name}` compares data with parameters")

    def select(self, condition: Node, otherwise: Value, then: Value) -> Value:
        """Choose between mixed values by a condition on the parameters alone: one choice per coefficient."""
        a, b, zero = self.center(otherwise), self.center(then), self.constant(0.0)
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
        raise NotApplicable(reason)
