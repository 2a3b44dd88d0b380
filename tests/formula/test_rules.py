"""Functions with a derivative of their own: a formula is factored only where it is that of the formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factoring import assert_agrees
from zoo import family

from mlejax import Observations, Summary, positive, summarize
from mlejax.formula.jaxpr import DECLARED, traced
from mlejax.formula.rules import follows_its_formula

POSITIVE = np.random.RandomState(0).gamma(2.0, 1.0, 60)


def declared(slope):
    """Return -a x with `slope(a, x)` as its derivative by a."""

    @jax.custom_jvp
    def function(a, x):
        return -a * x

    def rule(primals, tangents):
        return function(*primals), slope(*primals) * tangents[0] - primals[0] * tangents[1]

    function.defjvp(rule)
    return family(lambda m, x: function(m.a, x) + jnp.log(m.a), a=positive)


@pytest.mark.parametrize("start", [1.0, 30.0])
def test_a_declared_derivative_that_differs_only_far_from_the_start_is_the_one_that_is_used(start):
    kind = declared(lambda a, x: jnp.where(a > 20, 0.0, -x))
    sample, path = summarize(kind(1.0), POSITIVE)
    assert isinstance(sample, Observations)
    assert path == "raw observations: the derivative that `function` declares is not that of its formula"
    assert_agrees(kind(start), sample, POSITIVE)


def test_a_derivative_is_compared_with_that_of_the_formula_at_once(compilations, x64):
    @jax.custom_jvp
    def function(a, x):
        return jnp.tanh(a / x) - jnp.cosh(a * x)

    function.defjvp(lambda primals, tangents: (function(*primals), tangents[0] + tangents[1]))
    formula = traced(function, 1.0, 2.0)
    (node,) = (node for node in formula.nodes if node.name in DECLARED)
    before = len(compilations)
    assert not follows_its_formula(node, [1, 1])
    assert len(compilations) - before == 1  # of a dozen operations, each with its derivative
    assert not follows_its_formula(node, [1, 1])
    assert len(compilations) - before == 1
    asked = []
    jax.jit(lambda x: asked.append(follows_its_formula(node, [1, -1])) or x)(1.0)  # while a caller's program is traced
    assert asked == [False]


@pytest.mark.slow
def test_a_declared_derivative_that_is_the_formulas_own_factors():
    kind = declared(lambda a, x: -x)
    sample, path = summarize(kind(1.0), POSITIVE)
    assert isinstance(sample, Summary), path
    assert_agrees(kind(30.0), sample, POSITIVE)
