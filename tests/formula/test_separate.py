"""Both passes read the nodes of one trace, and take a function for JAX's own only where it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factoring import assert_agrees
from zoo import family

from mlejax import Summary, positive, summarize
from mlejax.formula import jaxpr
from mlejax.formula.divide import divide
from mlejax.formula.jaxpr import DATA, MIXED, PARAMETERS, NotApplicable
from mlejax.formula.sufficient import separate

VALUES = np.random.RandomState(0).gamma(2.0, 1.0, 60)


@jax.custom_jvp
def xlogy(a, x):
    """Not the one of JAX."""
    return -a * x


xlogy.defjvp(lambda p, t: (xlogy(*p), -t[0] * p[1] - p[0] * t[1]))


@pytest.mark.slow
def test_a_namesake_of_a_function_of_jax_is_read_by_its_own_formula():
    kind = family(lambda m, x: xlogy(m.a, x) + jnp.log(m.a), a=positive)
    sample, sentence = summarize(kind(1.0), VALUES)
    assert isinstance(sample, Summary), sentence
    assert_agrees(kind(3.0), sample, VALUES)


def structure_for(log_prob):
    return jaxpr.structure_of(family(log_prob, a=positive)(np.float64(0.7)), jax.ShapeDtypeStruct((), np.float64))


def test_equal_operations_on_equal_inputs_are_one_node_and_know_what_they_depend_on(x64):
    twice = jaxpr.trace(structure_for(lambda m, x: jnp.exp(2 * m.a) * x + jax.jit(jnp.exp)(2 * m.a) * jnp.sin(x)))
    kinds = {name: [node.kind for node in twice.nodes if node.name == name] for name in ("exp", "sin", "mul", "add")}
    assert kinds == {"exp": [PARAMETERS], "sin": [DATA], "mul": [PARAMETERS, MIXED, MIXED], "add": [MIXED]}
    (exponential,) = (node for node in twice.nodes if node.name == "exp")
    assert exponential.sign == 1


def test_a_formula_is_traced_once_for_both_passes(x64):
    traced = []

    def log_prob(model, x):
        traced.append(x)
        return jnp.log(model.a) - model.a * x

    structure = structure_for(log_prob)
    separate(structure, (), np.dtype(np.float64))
    divide(structure)
    assert len(traced) == 1
    structure.log_prob([0.7], 1.0)
    assert len(traced) == 2  # the control: every evaluation of the formula is counted


def test_each_pass_says_why_it_does_not_apply(x64):
    structure = structure_for(lambda m, x: jax.lax.fori_loop(0, 2, lambda _, y: y * m.a - x, x))
    reason = separate(structure, (), np.dtype(np.float64))
    assert str(reason) == "`scan` of a value that mixes data and parameters"
    with pytest.raises(NotApplicable, match=r"^`scan` of data and parameters$"):
        divide(structure)
