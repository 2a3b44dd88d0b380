"""Value, score and information from one pass are what JAX's own derivatives of the written formula are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dividing import STARTS, draw, every_model, plain
from zoo import family

from mlejax import Exponential, Observations, Weibull, positive, summarize
from mlejax.models.parameters import Parameters, cast
from mlejax.samples import second
from mlejax.samples.raw import observe


def at(model):
    table = Parameters.of(model)
    return table, jnp.asarray(table.to_real(model), jnp.result_type(*jax.tree.leaves(model)))


def expected(function, vector):
    found = jax.jit(lambda v: (function(v), jax.grad(function)(v), -jax.hessian(function)(v)))
    return jax.device_get(found(vector))


def assert_close(found, wanted, rtol):
    for part, true in zip((found.log_likelihood, found.score, found.information), wanted, strict=True):
        np.testing.assert_allclose(part, true, rtol=0, atol=rtol * (1 + np.max(np.abs(true))))


def passed(model, sample):
    table, vector = at(model)
    return jax.jit(lambda sample, vector: sample.second_order(table.from_real, vector))(sample, vector)


def test_one_pass_is_the_hessian_of_the_formula(x64):
    model, values = cast(STARTS["weibull"], np.float64), draw(300)
    table, vector = at(model)
    found = passed(model, Observations(jnp.asarray(values)))
    assert_close(found, expected(lambda v: plain(table.from_real(v), values), vector), 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 127, 128, 129, 1000])
def test_at_every_length(n, x64):
    model, values = cast(STARTS["weibull"], np.float64), draw(n)
    table, vector = at(model)
    found = passed(model, observe(model, jnp.asarray(values)))
    assert_close(found, expected(lambda v: plain(table.from_real(v), values), vector), 1e-14)


@pytest.mark.slow
@every_model
def test_a_hundred_thousand_and_one(model, x64):
    model, values = cast(model, np.float64), draw(100_001)
    table, vector = at(model)
    found = passed(model, observe(model, jnp.asarray(values)))
    assert_close(found, expected(lambda v: plain(table.from_real(v), values), vector), 1e-13)


@pytest.mark.slow
@every_model
def test_weights(model, x64):
    model, values, weights = cast(model, np.float64), draw(300), np.arange(300.0) % 3
    table, vector = at(model)
    found = passed(model, observe(model, jnp.asarray(values), jnp.asarray(weights)))
    repeated = np.repeat(values, weights.astype(int))
    assert_close(found, expected(lambda v: plain(table.from_real(v), repeated), vector), 1e-14)
    assert not np.allclose(found.score, passed(model, observe(model, jnp.asarray(values))).score, rtol=1e-3)


@pytest.mark.slow
@every_model
def test_float32(model):
    model, values = cast(model, np.float32), draw(500).astype(np.float32)
    found = passed(model, observe(model, jnp.asarray(values)))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}
    table, vector = at(model)
    with jax.enable_x64(True):
        wide = expected(lambda v: plain(table.from_real(v), values.astype(float)), np.asarray(vector, float))
    assert_close(found, wide, 2e-5)


@pytest.mark.slow
def test_more_scalars_than_one_pass_serves(x64):
    count = second.MOST + 1
    names = [f"p{i}" for i in range(count)]
    formula = lambda m, x: -jnp.log1p(sum(getattr(m, name) * x ** (i + 1) for i, name in enumerate(names)))  # noqa: E731
    model = cast(family(formula, **dict.fromkeys(names, positive))(*np.linspace(0.5, 1.5, count)), np.float64)
    table, vector = at(model)
    values = draw(50) / 5
    found = passed(model, Observations(jnp.asarray(values)))
    assert_close(found, expected(lambda v: plain(table.from_real(v), values), vector), 1e-13)


@pytest.mark.slow
def test_many_side_by_side_each_with_its_own_data(x64):
    model = cast(STARTS["student_t"], np.float64)
    table, vector = at(model)
    samples = jnp.stack([jnp.asarray(draw(200, seed)) for seed in range(3)])
    vectors = jnp.stack([vector - 0.1, vector, vector + 0.1])
    found = jax.jit(jax.vmap(lambda x, v: Observations(x).second_order(table.from_real, v)))(samples, vectors)
    for i in range(3):
        wanted = expected(lambda v, i=i: plain(table.from_real(v), samples[i]), vectors[i])
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], found), wanted, 1e-14)


@pytest.mark.slow
def test_it_is_differentiated_once_more(x64):
    """Third derivatives, and those by the data and the weights: the expansion is about a point that moves."""
    model = Weibull(np.float64(1.5), np.float64(2.5))
    table, vector = at(model)
    values, weights = jnp.asarray(draw(150)), jnp.linspace(0.5, 2.0, 150)

    def one_pass(vector, values, weights):
        found = Observations(values, weights=weights).second_order(table.from_real, vector)
        return found.information[0, 1] + found.score[0] ** 2

    def written(vector, values, weights):
        def mean(v):
            terms = jax.vmap(table.from_real(v).log_prob)(values)
            return jnp.sum(weights * terms) / jnp.sum(weights)

        return -jax.hessian(mean)(vector)[0, 1] + jax.grad(mean)(vector)[0] ** 2

    for derivative in (jax.jacrev, jax.jacfwd):
        found, true = (jax.jit(derivative(f, argnums=(0, 1, 2)))(vector, values, weights) for f in (one_pass, written))
        for a, b in zip(found, true, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * (1 + np.max(np.abs(b))))


@pytest.mark.slow
def test_a_formula_that_cannot_be_divided_is_differentiated_as_it_is(x64):
    model, rows = family(lambda m, x: -m.a * jnp.sum(x**2) + jnp.log(m.a), a=positive)(0.7), draw(60).reshape(20, 3)
    table, vector = at(cast(model, np.float64))
    found = Observations(jnp.asarray(rows)).second_order(table.from_real, vector)
    assert_close(found, expected(lambda v: plain(table.from_real(v), rows), vector), 1e-14)


@pytest.mark.slow
def test_accelerators_take_all_observations_at_once(x64):
    table, vector = at(cast(STARTS["student_t"], np.float64))
    sample = Observations(jnp.asarray(draw(1000)))
    traced = jax.jit(lambda s, v: s.second_order(table.from_real, v)).trace(sample, vector)
    assert "while" in traced.lower(lowering_platforms=("cpu",)).as_text()
    assert "while" not in traced.lower(lowering_platforms=("cuda",)).as_text()


def test_a_summary_has_its_second_order_too(x64):
    model, values = cast(Exponential(0.4), np.float64), draw(40)
    table, vector = at(model)
    found = summarize(model, values)[0].second_order(table.from_real, vector)
    # In the logarithm u of the rate: u - e^u mean(x).
    mean = 0.4 * values.mean()
    assert_close(found, (np.log(0.4) - mean, np.array([1 - mean]), np.array([[mean]])), 1e-14)
