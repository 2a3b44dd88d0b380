import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from mlejax.formula import arithmetic
from mlejax.formula.arithmetic import log, log_in_domain, reciprocal

EDGES = [
    5e-324,
    1e-310,
    np.nextafter(2.0**-1022, 0),
    2.0**-1022,
    0.5,
    np.sqrt(0.5),
    np.nextafter(np.sqrt(0.5), 1),
    np.nextafter(1.0, 0),
    1.0,
    np.nextafter(1.0, 2),
    np.sqrt(2.0),
    2.0,
    np.finfo(np.float64).max,
]


def ulps(function, exact, x):
    """How far a function is from 40 digits at most, in units of the last place of the exact result."""
    found = np.asarray(jax.jit(function)(jnp.asarray(x)))
    with mpmath.workdps(40):
        expected = [exact(mpmath.mpf(float(value))) for value in x]
        errors = [abs(mpmath.mpf(float(y)) - e) for y, e in zip(found, expected, strict=True)]
        units = [np.spacing(max(abs(float(e)), np.finfo(float).tiny)) for e in expected]
        return max(float(error / mpmath.mpf(float(unit))) for error, unit in zip(errors, units, strict=True))


def test_log_is_within_one_unit_of_the_last_place_over_the_whole_range(x64):
    random = np.random.RandomState(0)
    everywhere = np.exp(random.uniform(-744, 709, 2000))
    near_one = 1 + random.normal(size=1000) * np.exp(random.uniform(-30, -1, 1000))
    subnormal = 5e-324 * random.randint(1, 2**31, 500).astype(float) ** random.uniform(0, 1.4, 500)
    x = np.concatenate([everywhere, near_one[near_one > 0], subnormal, EDGES])
    assert ulps(log, mpmath.log, x) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("x", "expected"),
    [(0.0, -np.inf), (-0.0, -np.inf), (-1.0, np.nan), (-np.inf, np.nan), (np.inf, np.inf), (np.nan, np.nan)],
)
def test_log_of_special_values(x, expected):
    with jax.enable_x64(True):
        np.testing.assert_array_equal(np.asarray(log(jnp.asarray(x))), expected)


def test_log_in_float32_is_that_of_jax():
    x = jnp.asarray([0.1, 1.0, 7.0], jnp.float32)
    np.testing.assert_array_equal(np.asarray(log(x)), np.asarray(jnp.log(x)))


@pytest.mark.slow
def test_derivatives():
    with jax.enable_x64(True):
        x = jnp.asarray([0.3, 1.0, 7.84])
        np.testing.assert_allclose(jax.vmap(jax.grad(log))(x), 1 / x, rtol=4e-16)
        np.testing.assert_allclose(jax.vmap(jax.grad(jax.grad(log)))(x), -1 / x**2, rtol=4e-16)
        np.testing.assert_allclose(jax.vmap(jax.grad(reciprocal))(x), -1 / x**2, rtol=4e-16)
        np.testing.assert_allclose(jax.vmap(jax.hessian(reciprocal))(x), 2 / x**3, rtol=8e-16)


def test_the_bits_do_not_depend_on_the_length_of_the_vector():
    x = np.random.RandomState(1).uniform(0.1, 100, 67)
    with jax.enable_x64(True):
        whole = np.asarray(jax.jit(log)(jnp.asarray(x)))
        alone = np.array([np.asarray(jax.jit(log)(jnp.asarray(value))) for value in x])
    np.testing.assert_array_equal(whole, alone)


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp", "log1p"])
def test_derivatives_of_elementary_functions(name, x64):
    fast, own, x = getattr(arithmetic, name), getattr(jnp, name), jnp.asarray([-0.9, 1e-9, 0.4, 7.84])
    for derivative in (jax.grad, lambda f: jax.grad(jax.grad(f)), lambda f: jax.jacfwd(jax.grad(f))):
        np.testing.assert_allclose(jax.vmap(derivative(fast))(x), jax.vmap(derivative(own))(x), rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp", "log1p", "logaddexp"])
def test_float32_is_left_to_jax(name):
    x = [jnp.asarray([0.1, 1.0, 7.0], jnp.float32)] * (2 if name == "logaddexp" else 1)
    found = getattr(arithmetic, name)(*x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, getattr(jnp, name)(*x), rtol=3e-7)


PAIRS = [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (800.0, -800.0), (-1e5, -1e5 - 40), (np.inf, 1.0), (-np.inf, 2.0)]

BOTH_INFINITE = [(np.inf, np.inf), (-np.inf, -np.inf), (np.nan, 1.0)]


@pytest.mark.slow
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logarithm_of_a_parameter_is_within_one_unit_of_the_last_place(dtype, x64):
    random, tiny = np.random.RandomState(0), np.finfo(dtype).tiny
    powers = random.uniform(np.log2(tiny), np.log2(np.finfo(dtype).max), 100_000)
    x = np.concatenate([2.0**powers, 1 + random.normal(scale=0.2, size=100_000), [1.0, tiny]]).astype(dtype)
    found = np.asarray(jax.jit(log_in_domain)(x))
    assert found.dtype == dtype
    exact = np.log(x.astype(np.longdouble))
    spacing = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
    assert np.max(np.abs(found - exact) / spacing) < 1
    assert found[-2] == 0
