"""A formula is divided into what is computed once, once per sample and once per observation; some cannot be."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dividing import STARTS, assert_trees_close, draw, mean, plain
from zoo import family

from mlejax import Model, Observations, Weibull, positive
from mlejax.formula.jaxpr import NotApplicable
from mlejax.samples import raw
from mlejax.samples.representation import summarize


def division_of(model, values):
    return raw.divided(model, jnp.asarray(values))[1]


def test_the_formula_is_divided_by_what_it_depends_on(x64):
    values = draw(50)
    weibull = division_of(STARTS["weibull"], values)
    (column,) = raw.derived_columns(weibull, jnp.asarray(values))
    np.testing.assert_allclose(column, np.log(values), rtol=1e-15)
    student = division_of(STARTS["student_t"], values)
    assert student.derived == []
    assert len(student.scalars) == 3  # location, 1/scale, 1/nu: the normalizer and (nu + 1)/2 have left the mean
    assert {node.name for node in student.mixed} <= {"sub", "mul", "square", "integer_pow", "log1p"}
    assert "logaddexp" in {node.name for node in division_of(STARTS["mixture"], values).mixed}


@pytest.mark.slow
def test_what_the_data_alone_decide_is_kept_with_them(x64):
    sample, path = summarize(Weibull(np.float64(1.5), np.float64(2.5)), draw(50))
    assert path.startswith("raw observations")
    assert sample.derived[0].shape == sample.values.shape
    model = Weibull(np.float64(1.5), np.float64(2.5))
    np.testing.assert_allclose(sample.mean_log_prob(model), plain(model, draw(50)), rtol=1e-14)
    spoilt = Observations(sample.values, [jnp.full(50, jnp.nan)], sample.structure)
    assert np.isnan(spoilt.mean_log_prob(model))  # the control: the columns are what is used
    np.testing.assert_allclose(spoilt.mean_log_prob(STARTS["student_t"]), plain(STARTS["student_t"], draw(50)))


class Weighted(Model):
    """A mixture of any number of components: its parameters are arrays."""

    logits: jax.Array
    means: jax.Array

    def log_prob(self, x):
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) - (x - self.means) ** 2 / 2)


@jax.custom_vjp
def half(x):
    return x / 2


half.defvjp(lambda x: (half(x), None), lambda _, ct: (ct / 2,))


loop = functools.partial(jax.lax.fori_loop, 0, 3)

WHOLE = {
    "an array in the formula": family(lambda m, x: -jnp.sum(jnp.stack([x, 1.0]) ** 2 * m.a), a=positive)(0.7),
    "a loop": family(lambda m, x: loop(lambda _, y: y * m.a - x, x), a=positive)(0.7),
    "a branch": family(lambda m, x: jax.lax.cond(x * m.a > 1, jnp.sin, jnp.cos, x * m.a), a=positive)(0.7),
    "a derivative of the user's": family(lambda m, x: -(half(x * m.a) ** 2), a=positive)(0.7),
    "no parameter": family(lambda m, x: -(x**2), a=positive)(0.7),
    "no data": family(lambda m, x: jnp.log(m.a), a=positive)(0.7),
    "a whole number": family(lambda m, x: jnp.round(m.a * x).astype(int), a=positive)(0.7),
}
REASONS = {
    "an array in the formula": "`mul` of an array that mixes data and parameters",
    "a loop": "`scan` of data and parameters",
    "a branch": "`cond` of data and parameters",
    "a derivative of the user's": "`custom_vjp_call` of data and parameters",
    "no parameter": "nothing mixes data and parameters",
    "no data": "nothing mixes data and parameters",
    "a whole number": "log_prob returns int64",
}


@pytest.mark.slow
def test_a_formula_of_arrays_is_divided_too(x64):
    model, record = Weighted(jnp.zeros(3), jnp.arange(3.0)), {"x": jnp.ones((20, 3)), "y": jnp.asarray(draw(20))}
    assert division_of(model, draw(20)).array == "sub"
    np.testing.assert_allclose(mean(model, draw(20)), plain(model, draw(20)), rtol=1e-14)
    (column,) = raw.derived_columns(raw.divided(Curved(jnp.ones(3)), record)[1], record)
    np.testing.assert_allclose(column, np.exp(record["x"]), rtol=1e-15)  # computed once, of the data alone
    np.testing.assert_allclose(Observations(record).mean_log_prob(Curved(jnp.ones(3))), np.mean(-np.exp(3 * np.e)))


class Curved(Model):
    """A record of which a function meets the parameters."""

    slopes: jax.Array

    def log_prob(self, row):
        return -jnp.exp(jnp.exp(row["x"]) @ self.slopes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
def test_what_cannot_be_divided_is_evaluated_as_it_is_and_says_why(kind, x64):
    model = WHOLE[kind]
    with pytest.raises(NotApplicable, match=f"^{REASONS[kind]}$"):
        division_of(model, draw(20))
    np.testing.assert_array_equal(mean(model, draw(20)), plain(model, draw(20)))


def test_the_sentence_about_raw_observations_says_what_every_epoch_evaluates():
    _, sentence = summarize(WHOLE["a loop"], draw(20))
    assert sentence.endswith("; every epoch evaluates all of the formula: `scan` of data and parameters")
    assert "every epoch" not in summarize(Weibull(1.5, 2.5), draw(20))[1]  # the control: it is divided


def inner(x, a):
    return jnp.exp(-a * x) + x / 3


@jax.custom_jvp
def logaddexp(a, b):
    """Not the one of JAX."""
    return a * b + jnp.sin(a)


logaddexp.defjvp(lambda p, t: (logaddexp(*p), t[0] * (p[1] + jnp.cos(p[0])) + t[1] * p[0]))


DIVIDED = {
    "the same inner function twice": lambda m, x: jax.jit(inner)(x, m.a) * jax.jit(inner)(m.a, x),
    "a namesake of logaddexp": lambda m, x: logaddexp(m.a * x, x),
    "functions with rules of their own": lambda m, x: jax.nn.softplus(m.a * x) + jax.scipy.special.xlogy(m.a, x * m.a),
    "a condition on the parameters": lambda m, x: jnp.where(m.a > 1, -x * m.a, -x / m.a) * x,
    "a condition on both": lambda m, x: jnp.where(x > m.a, jnp.log(x) - m.a, -m.a * x),
    "constants": lambda m, x: 3 - (2 - (m.a * x) ** 2 / 7) * jnp.float64(4) ** 2,
    "a loop over the data alone": lambda m, x: loop(lambda _, y: y + x, x) * m.a**x,
    "several results of the data alone": lambda m, x: m.a * jnp.frexp(x)[0] ** 2 + jax.lax.lgamma(m.a + x),
    "a stopped derivative": lambda m, x: jax.lax.stop_gradient(m.a) * x * m.a,
    "a table": lambda m, x: jnp.asarray([1.0, 2.0, 3.0])[x.astype(int) % 3] * m.a - m.a**2 * x,
}


@pytest.mark.slow
@pytest.mark.parametrize("log_prob", DIVIDED.values(), ids=DIVIDED)
def test_formulas_of_all_kinds(log_prob, x64):
    model = family(log_prob, a=positive)(0.7)
    assert division_of(model, draw(20)) is not None
    found = jax.value_and_grad(mean)(model, draw(150))
    assert_trees_close(found, jax.value_and_grad(plain)(model, draw(150)), 1e-13)
    assert_trees_close(jax.hessian(mean)(model, draw(150)), jax.hessian(plain)(model, draw(150)), 1e-12)
