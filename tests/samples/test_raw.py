"""The divided evaluation of raw observations gives what the mean of `log_prob` gives, wherever that can be used."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from zoo import family

from mlejax import Model, NormalMixture, Observations, StudentT, Weibull, positive
from mlejax.ascent.step import init_state, train_step
from mlejax.formula import arithmetic, divide
from mlejax.models.parameters import cast
from mlejax.samples import raw
from mlejax.samples.raw import observe
from mlejax.samples.representation import summarize

STARTS = {
    "weibull": Weibull(1.5, 2.5),
    "student_t": StudentT(1.0, 1.5, 5.0),
    "mixture": NormalMixture(0.4, -0.5, 1.2, 2.5, 2.0),
}
every_model = pytest.mark.parametrize("model", STARTS.values(), ids=STARTS)


def draw(n, seed=0):
    return np.random.RandomState(seed).gamma(2.0, 1.3, n)


def plain(model, values):
    """The oracle: the formula as it is written, observation by observation."""
    return jnp.mean(jax.vmap(model.log_prob)(jnp.asarray(values)))


def mean(model, values):
    return Observations(jnp.asarray(values)).mean_log_prob(model)


def division_of(model, values):
    return divide.divide(divide.structure_of(model, jnp.asarray(values)))


def assert_trees_close(found, expected, rtol):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


# Values and derivatives ---------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 256, 1000])
def test_value_and_gradient_at_every_length(model, n, x64):
    found = jax.value_and_grad(mean)(model, draw(n))
    assert_trees_close(found, jax.value_and_grad(plain)(model, draw(n)), 1e-13)


@every_model
def test_each_observation_counts_once(model, x64):
    values = draw(300)
    slopes = jax.grad(lambda x: mean(model, x))(jnp.asarray(values))
    assert slopes.shape == (300,)
    np.testing.assert_allclose(slopes, jax.grad(lambda x: plain(model, x))(jnp.asarray(values)), rtol=1e-12)


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


def test_parameters_and_data_move_together(x64):
    model, values = STARTS["student_t"], jnp.asarray(draw(200))
    moves = StudentT(0.3, -0.2, 1.0), jnp.cos(values)
    found, expected = (jax.jvp(function, (model, values), moves) for function in (mean, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("where", [0, 100, 150, 199])
def test_one_bad_observation_spoils_the_mean(bad, where, x64):
    values = draw(200)
    values[where] = bad
    assert not np.isfinite(mean(STARTS["weibull"], values))


def test_a_mixture_of_equal_components(x64):
    # The two log-densities are equal at every x, where the absolute value in logaddexp has no derivative.
    model = NormalMixture(0.5, 1.0, 2.0, 1.0, 2.0)
    hessians = [jax.hessian(function)(model, draw(100)) for function in (mean, plain)]
    assert_trees_close(*hessians, 1e-12)


# What is computed when ----------------------------------------------------------------------------------------------


def test_the_formula_is_divided_by_what_it_depends_on(x64):
    values = draw(50)
    weibull = division_of(STARTS["weibull"], values)
    (column,) = raw.derived_columns(weibull, jnp.asarray(values))
    np.testing.assert_allclose(column, np.log(values), rtol=1e-15)
    student = division_of(STARTS["student_t"], values)
    assert student.derived == []
    assert len(student.scalars) == 3  # location, 1/scale, 1/nu: the normaliser and (nu + 1)/2 have left the mean
    assert {node.name for node in student.mixed} <= {"sub", "mul", "square", "integer_pow", "log1p"}
    assert "logaddexp" in {node.name for node in division_of(STARTS["mixture"], values).mixed}


def test_what_the_data_alone_decide_is_kept_with_them(x64):
    sample, path = summarize(Weibull(np.float64(1.5), np.float64(2.5)), draw(50))
    assert path.startswith("raw observations")
    assert sample.derived[0].shape == sample.values.shape
    model = Weibull(np.float64(1.5), np.float64(2.5))
    np.testing.assert_allclose(sample.mean_log_prob(model), plain(model, draw(50)), rtol=1e-14)
    spoilt = Observations(sample.values, [jnp.full(50, jnp.nan)], sample.structure)
    assert np.isnan(spoilt.mean_log_prob(model))  # the control: the columns are what is used
    np.testing.assert_allclose(spoilt.mean_log_prob(STARTS["student_t"]), plain(STARTS["student_t"], draw(50)))


@pytest.mark.parametrize("model", STARTS.values(), ids=STARTS)
def test_float32_after_a_cast(model, x64):
    strong = jax.tree.map(np.float64, model)
    single = cast((strong, observe(strong, draw(500))), np.float32)
    value, gradient = jax.value_and_grad(lambda m: single[1].mean_log_prob(m))(single[0])
    assert {leaf.dtype for leaf in jax.tree.leaves((value, gradient))} == {np.dtype(np.float32)}
    assert_trees_close((value, gradient), jax.value_and_grad(plain)(model, draw(500)), 2e-5)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32])
def test_types_follow_the_plain_formula(dtype, x64):
    values = np.random.RandomState(0).randint(1, 9, 40).astype(dtype)
    for model in (STARTS["weibull"], cast(STARTS["weibull"], np.float32), cast(STARTS["weibull"], np.float64)):
        found, expected = mean(model, values), plain(model, values)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-5 if found.dtype == np.float32 else 1e-14)


def test_without_x64():
    found = mean(STARTS["student_t"], draw(200).astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(STARTS["student_t"], draw(200).astype(np.float32)), rtol=2e-6)


# Batches, loops, devices ---------------------------------------------------------------------------------------------


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


def test_each_run_may_have_its_own_data(x64):
    values = jnp.stack([jnp.asarray(draw(200, seed)) for seed in range(3)])
    models = Weibull(jnp.asarray([1.1, 1.5, 2.0]), jnp.asarray([1.0, 2.0, 3.0]))
    found = jax.vmap(mean)(models, values)
    expected = [plain(Weibull(a, b), x) for a, b, x in zip(models.shape, models.scale, values, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


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


@pytest.mark.parametrize("checked", [True, False], ids=["varying axes checked", "unchecked"])
def test_inside_shard_map(checked, x64):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    model = STARTS["weibull"]

    def local(values):
        return jax.lax.pmean(mean(model, values), "data")

    over = {"in_specs": PartitionSpec("data"), "out_specs": PartitionSpec(), "check_vma": checked}
    found = jax.jit(jax.shard_map(local, mesh=mesh, **over))(jnp.asarray(draw(800)))
    np.testing.assert_allclose(found, plain(model, draw(800)), rtol=1e-14)


# What cannot be divided, and what hardly can -----------------------------------------------------------------------


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
    "arrays in the parameters": Weighted(jnp.zeros(3), jnp.arange(3.0)),
    "an array in the formula": family(lambda m, x: -jnp.sum(jnp.stack([x, 1.0]) ** 2 * m.a), a=positive)(0.7),
    "a loop": family(lambda m, x: loop(lambda _, y: y * m.a - x, x), a=positive)(0.7),
    "a branch": family(lambda m, x: jax.lax.cond(x * m.a > 1, jnp.sin, jnp.cos, x * m.a), a=positive)(0.7),
    "a derivative of the user's": family(lambda m, x: -(half(x * m.a) ** 2), a=positive)(0.7),
    "no parameter": family(lambda m, x: -(x**2), a=positive)(0.7),
    "no data": family(lambda m, x: jnp.log(m.a), a=positive)(0.7),
    "a whole number": family(lambda m, x: jnp.round(m.a * x).astype(int), a=positive)(0.7),
}


@pytest.mark.parametrize("model", WHOLE.values(), ids=WHOLE)
def test_what_cannot_be_divided_is_evaluated_as_it_is(model, x64):
    assert division_of(model, draw(20)) is None
    np.testing.assert_array_equal(mean(model, draw(20)), plain(model, draw(20)))


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


@pytest.mark.parametrize("log_prob", DIVIDED.values(), ids=DIVIDED)
def test_formulas_of_all_kinds(log_prob, x64):
    model = family(log_prob, a=positive)(0.7)
    assert division_of(model, draw(20)) is not None
    found = jax.value_and_grad(mean)(model, draw(150))
    assert_trees_close(found, jax.value_and_grad(plain)(model, draw(150)), 1e-13)
    assert_trees_close(jax.hessian(mean)(model, draw(150)), jax.hessian(plain)(model, draw(150)), 1e-12)


def test_a_formula_that_closes_over_a_traced_value(x64):
    @jax.jit
    def outer(power):
        return mean(family(lambda m, x: -m.a * x**power, a=positive)(0.7), draw(20))

    np.testing.assert_allclose(outer(2.0), -0.7 * np.mean(draw(20) ** 2), rtol=1e-14)
    np.testing.assert_allclose(outer(3.0), -0.7 * np.mean(draw(20) ** 3), rtol=1e-14)


def test_no_observations_have_no_mean(x64):
    assert np.isnan(mean(STARTS["weibull"], np.zeros(0)))


def test_accelerators_take_all_observations_at_once(x64):
    model, values = cast(STARTS["student_t"], np.float64), jnp.asarray(draw(1000))
    lowered = jax.jit(mean).trace(model, values)
    assert "while" in lowered.lower(lowering_platforms=("cpu",)).as_text()
    assert "while" not in lowered.lower(lowering_platforms=("cuda",)).as_text()


# Elementary functions -----------------------------------------------------------------------------------------------


def ulps(function, exact, x):
    """How far a function is from 40 digits at most, in units of the last place of the exact result."""
    found = np.asarray(jax.jit(function)(jnp.asarray(x)))
    with mpmath.workdps(40):
        expected = [exact(mpmath.mpf(float(value))) for value in x]
        errors = [abs(mpmath.mpf(float(y)) - e) for y, e in zip(found, expected, strict=True)]
        units = [np.spacing(max(abs(float(e)), np.finfo(float).tiny)) for e in expected]
        return max(float(error / mpmath.mpf(float(unit))) for error, unit in zip(errors, units, strict=True))


def test_exp_is_within_one_unit_of_the_last_place(x64):
    random = np.random.RandomState(0)
    everywhere, near_zero = random.uniform(-708.39, 709.78, 3000), random.normal(size=1000)
    edges = [0.0, 1e-300, -1e-17, 709.782712893384, -708.3964185322641, 709.0895657128241, -708.0, 0.34657359027997264]
    assert ulps(arithmetic.exp, mpmath.exp, np.concatenate([everywhere, near_zero, edges])) < 1.0


def test_log1p_is_within_one_and_a_half_units_of_the_last_place(x64):
    random = np.random.RandomState(0)
    near_zero = random.choice([-1, 1], 2000) * np.exp(random.uniform(-700, -0.1, 2000))
    large, near_one = np.exp(random.uniform(0, 709.7, 1000)), random.uniform(-0.999, 3, 2000)
    edges = [np.nextafter(-1.0, 0), 0.4142135623730951, -0.2928932188134524, 2.0**53, 1.4e308, np.finfo(float).max]
    assert ulps(arithmetic.log1p, mpmath.log1p, np.concatenate([near_zero, large, near_one, edges])) < 1.5


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", np.inf, np.inf), ("exp", -np.inf, 0.0), ("exp", np.nan, np.nan), ("exp", 0.0, 1.0),
        ("exp", 709.7827128933841, np.inf), ("exp", 1e300, np.inf), ("exp", -708.4, 0.0), ("exp", -1e300, 0.0),
        ("log1p", np.inf, np.inf), ("log1p", -np.inf, np.nan), ("log1p", np.nan, np.nan), ("log1p", 0.0, 0.0),
        ("log1p", -1.0, -np.inf), ("log1p", np.nextafter(-1.0, -2), np.nan),
    ],
)  # fmt: skip
def test_special_values(name, x, expected, x64):
    np.testing.assert_array_equal(np.asarray(getattr(arithmetic, name)(jnp.asarray(x))), expected)


@pytest.mark.parametrize("name", ["exp", "log1p"])
def test_derivatives_of_elementary_functions(name, x64):
    fast, own, x = getattr(arithmetic, name), getattr(jnp, name), jnp.asarray([-0.9, 1e-9, 0.4, 7.84])
    for derivative in (jax.grad, lambda f: jax.grad(jax.grad(f)), lambda f: jax.jacfwd(jax.grad(f))):
        np.testing.assert_allclose(jax.vmap(derivative(fast))(x), jax.vmap(derivative(own))(x), rtol=1e-14)


@pytest.mark.parametrize("name", ["exp", "log1p", "logaddexp"])
def test_float32_is_left_to_jax(name):
    x = [jnp.asarray([0.1, 1.0, 7.0], jnp.float32)] * (2 if name == "logaddexp" else 1)
    found = getattr(arithmetic, name)(*x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, getattr(jnp, name)(*x), rtol=3e-7)


PAIRS = [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (800.0, -800.0), (-1e5, -1e5 - 40), (np.inf, 1.0), (-np.inf, 2.0)]
BOTH_INFINITE = [(np.inf, np.inf), (-np.inf, -np.inf), (np.nan, 1.0)]


@pytest.mark.parametrize("pair", PAIRS + BOTH_INFINITE, ids=str)
def test_logaddexp(pair, x64):
    a, b = map(jnp.asarray, pair)
    np.testing.assert_allclose(arithmetic.logaddexp(a, b), jnp.logaddexp(a, b), rtol=4e-16)
    if pair in PAIRS:
        slopes = jax.grad(arithmetic.logaddexp, (0, 1))(a, b)
        with mpmath.workdps(40):
            share = 1 / (1 + mpmath.exp(mpmath.mpf(float(b)) - mpmath.mpf(float(a))))
            np.testing.assert_allclose(slopes, (float(share), float(1 - share)), rtol=1e-15)
    if np.all(np.isfinite(pair)):
        point = jnp.asarray(pair)
        hessians = [jax.hessian(lambda v, f=f: f(*v))(point) for f in (arithmetic.logaddexp, jnp.logaddexp)]
        np.testing.assert_allclose(*hessians, rtol=1e-13, atol=1e-17)  # JAX's own rounds to 1e-17
