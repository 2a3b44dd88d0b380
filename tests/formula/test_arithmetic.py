import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from mlejax.formula.arithmetic import log, reciprocal

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


def ulps(x):
    """How far `log` is from 40 digits, in units of the last place of the exact result."""
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(log)(jnp.asarray(x, jnp.float64)))
    with mpmath.workdps(40):
        exact = [mpmath.log(mpmath.mpf(float(value))) for value in x]
        return [
            float(abs(mpmath.mpf(float(y)) - e) / np.spacing(max(abs(float(e)), np.finfo(float).tiny)))
            for y, e in zip(found, exact, strict=True)
        ]


def test_log_is_within_one_unit_of_the_last_place_over_the_whole_range():
    random = np.random.RandomState(0)
    everywhere = np.exp(random.uniform(-744, 709, 2000))
    near_one = 1 + random.normal(size=1000) * np.exp(random.uniform(-30, -1, 1000))
    subnormal = 5e-324 * random.randint(1, 2**31, 500).astype(float) ** random.uniform(0, 1.4, 500)
    assert max(ulps(np.concatenate([everywhere, near_one[near_one > 0], subnormal, EDGES]))) < 1.0


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
