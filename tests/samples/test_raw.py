"""The divided evaluation of raw observations gives what the mean of `log_prob` gives, wherever that can be used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dividing import STARTS, assert_trees_close, draw, every_model, mean, plain
from jax.sharding import PartitionSpec
from zoo import NormalMixture, family

from mlejax import Observations, StudentT, Weibull, positive
from mlejax.ascent.step import init_state, train_step
from mlejax.models.parameters import cast
from mlejax.samples.raw import observe

# Values and derivatives ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@every_model
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 256, 1000])
def test_value_and_gradient_at_every_length(model, n, x64):
    found = jax.value_and_grad(mean)(model, draw(n))
    assert_trees_close(found, jax.value_and_grad(plain)(model, draw(n)), 1e-13)


@pytest.mark.slow
@every_model
def test_each_observation_counts_once(model, x64):
    values = draw(300)
    slopes = jax.grad(lambda x: mean(model, x))(jnp.asarray(values))
    assert slopes.shape == (300,)
    np.testing.assert_allclose(slopes, jax.grad(lambda x: plain(model, x))(jnp.asarray(values)), rtol=1e-12)


@pytest.mark.slow
@every_model
@pytest.mark.parametrize(
    "second",
    [jax.hessian, lambda f: jax.jacfwd(jax.jacfwd(f)), lambda f: jax.jacrev(jax.jacrev(f))],
    ids=["forward over reverse", "forward over forward", "reverse over reverse"],
)
def test_second_derivatives(model, second, x64):
    leaves, tree = jax.tree.flatten(model)
    values, flat = draw(300), jnp.asarray(leaves)

    def of(function):
        return second(lambda v: function(jax.tree.unflatten(tree, list(v)), values))

    found = of(mean)(flat)
    assert found.shape == (len(leaves), len(leaves))
    np.testing.assert_allclose(found, of(plain)(flat), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(jax.jit(of(mean))(flat), found, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_parameters_and_data_move_together(x64):
    model, values = STARTS["student_t"], jnp.asarray(draw(200))
    moves = StudentT(0.3, -0.2, 1.0), jnp.cos(values)
    found, expected = (jax.jvp(function, (model, values), moves) for function in (mean, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("where", [0, 100, 150, 199])
def test_one_bad_observation_spoils_the_mean(bad, where, x64):
    values = draw(200)
    values[where] = bad
    assert not np.isfinite(mean(STARTS["weibull"], values))


@pytest.mark.slow
def test_a_mixture_of_equal_components(x64):
    # The two log-densities are equal at every x, where the absolute value in logaddexp has no derivative.
    model = NormalMixture(0.5, 1.0, 2.0, 1.0, 2.0)
    hessians = [jax.hessian(function)(model, draw(100)) for function in (mean, plain)]
    assert_trees_close(*hessians, 1e-12)


# Types --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", STARTS.values(), ids=STARTS)
def test_float32_after_a_cast(model, x64):
    strong = jax.tree.map(np.float64, model)
    single = cast((strong, observe(strong, draw(500))), np.float32)
    value, gradient = jax.value_and_grad(lambda m: single[1].mean_log_prob(m))(single[0])
    assert {leaf.dtype for leaf in jax.tree.leaves((value, gradient))} == {np.dtype(np.float32)}
    assert_trees_close((value, gradient), jax.value_and_grad(plain)(model, draw(500)), 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32])
def test_types_follow_the_plain_formula(dtype, x64):
    values = np.random.RandomState(0).randint(1, 9, 40).astype(dtype)
    for model in (STARTS["weibull"], cast(STARTS["weibull"], np.float32), cast(STARTS["weibull"], np.float64)):
        taken = values if values.dtype.kind == "f" else values.astype(float)  # formulas get whole numbers so
        found, expected = mean(model, values), plain(model, taken)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-5 if found.dtype == np.float32 else 1e-14)


@pytest.mark.slow
def test_without_x64():
    found = mean(STARTS["student_t"], draw(200).astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(STARTS["student_t"], draw(200).astype(np.float32)), rtol=2e-6)


# Batches, loops, devices ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@every_model
def test_the_bits_do_not_depend_on_the_number_of_runs(model, x64):
    values = jnp.asarray(draw(1000))
    sample = observe(jax.tree.map(np.float64, model), values)
    models = jax.tree.map(lambda leaf: leaf * (1 + 0.001 * jnp.arange(64.0)), model)
    batch = jax.jit(jax.vmap(jax.value_and_grad(lambda m: sample.mean_log_prob(m))))
    whole = batch(models)
    for lanes in (16, 33):
        some = batch(jax.tree.map(lambda leaf, lanes=lanes: leaf[:lanes], models))
        jax.tree.map(lambda a, b, lanes=lanes: np.testing.assert_array_equal(a, b[:lanes]), some, whole)


@pytest.mark.slow
def test_each_run_may_have_its_own_data(x64):
    values = jnp.stack([jnp.asarray(draw(200, seed)) for seed in range(3)])
    models = Weibull(jnp.asarray([1.1, 1.5, 2.0]), jnp.asarray([1.0, 2.0, 3.0]))
    found = jax.vmap(mean)(models, values)
    expected = [plain(Weibull(a, b), x) for a, b, x in zip(models.shape, models.scale, values, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.slow
def test_train_step_on_an_array_inside_the_users_own_jit(x64):
    @jax.jit
    def train(values):
        def epoch(state, _):
            return train_step(state, values[40:], values[:40], 0.05)

        return jax.lax.scan(epoch, init_state(STARTS["student_t"]), length=20)

    state, info = train(jnp.asarray(draw(240)))
    expected = plain(jax.tree.map(lambda leaf: leaf[-1], info.model), draw(240)[40:])
    np.testing.assert_allclose(info.train_log_likelihood[-1], 200 * expected, rtol=1e-13)
    assert int(state.epoch) == 20


@pytest.mark.slow
@pytest.mark.parametrize("checked", [True, False], ids=["varying axes checked", "unchecked"])
def test_inside_shard_map(checked, x64):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    model = STARTS["weibull"]

    def local(values):
        return jax.lax.pmean(mean(model, values), "data")

    over = {"in_specs": PartitionSpec("data"), "out_specs": PartitionSpec(), "check_vma": checked}
    found = jax.jit(jax.shard_map(local, mesh=mesh, **over))(jnp.asarray(draw(800)))
    np.testing.assert_allclose(found, plain(model, draw(800)), rtol=1e-14)


def test_a_formula_that_closes_over_a_traced_value(x64):
    @jax.jit
    def outer(power):
        return mean(family(lambda m, x: -m.a * x**power, a=positive)(0.7), draw(20))

    np.testing.assert_allclose(outer(2.0), -0.7 * np.mean(draw(20) ** 2), rtol=1e-14)
    np.testing.assert_allclose(outer(3.0), -0.7 * np.mean(draw(20) ** 3), rtol=1e-14)


def test_no_observations_have_no_mean(x64):
    assert np.isnan(mean(STARTS["weibull"], np.zeros(0)))


@pytest.mark.slow
def test_accelerators_take_all_observations_at_once(x64):
    model, values = cast(STARTS["student_t"], np.float64), jnp.asarray(draw(1000))
    lowered = jax.jit(mean).trace(model, values)
    assert "while" in lowered.lower(lowering_platforms=("cpu",)).as_text()
    assert "while" not in lowered.lower(lowering_platforms=("cuda",)).as_text()


@pytest.mark.slow
def test_a_weight_is_so_many_observations(x64):
    values, weights = draw(300), np.arange(300) % 3
    model, repeated = STARTS["weibull"], np.repeat(values, weights)
    weighted = Observations(jnp.asarray(values), weights=jnp.asarray(weights, float))
    assert float(weighted.count) == len(repeated)
    found = jax.jit(jax.value_and_grad(lambda m: weighted.mean_log_prob(m)))(model)
    assert_trees_close(found, jax.value_and_grad(lambda m: plain(m, repeated))(model), 1e-13)
    assert float(weighted.plain_mean_log_prob(model)) == pytest.approx(float(found[0]), rel=1e-13)
    assert float(found[0]) != pytest.approx(float(plain(model, values)), rel=1e-3)
