"""Special functions and their first and second derivatives, against 50 digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from mlejax.models.special import log1p_minus, log1p_over, log_bessel, log_gamma_ratio, stirling_error


def exact_log1p_over(x, a):
    return mpmath.log1p(a * x) / a if a else x - 0 * a


def exact_log_gamma_ratio(x, r):
    return mpmath.loggamma(x + r) - mpmath.loggamma(r) - x * mpmath.log(r)


FUNCTIONS = {
    "log1p_minus": (
        log1p_minus, lambda u: mpmath.log1p(u) - u,
        [(u,) for u in (-0.999, -0.5, -0.2501, -0.2499, -0.1, -1e-9, 1e-6, 0.01, 0.2499, 0.2501, 0.7, 3.0, 30.0)], 0,
    ),
    "log1p_over": (
        log1p_over, exact_log1p_over,
        [(x, a) for x in (-0.9, 0.3, 2.0, 11.0) for a in (-1e-2, -1e-12, 1e-12, 1e-6, 1e-3, 0.02, 0.1, 0.13, 0.9)], 1,
    ),
    "log_gamma_ratio": (
        log_gamma_ratio, exact_log_gamma_ratio,
        [(x, r) for x in (0.5, 2.0, 7.0, 1e3, 1e6) for r in (1e-3, 0.3, 1.0, 9.999, 10.0, 35.0, 1e3, 1e5, 1e8)], 1,
    ),
    "stirling_error": (
        stirling_error, lambda z: mpmath.loggamma(z) - (z - 0.5) * mpmath.log(z) + z - mpmath.log(2 * mpmath.pi) / 2,
        [(z,) for z in (1e-6, 0.1, 1.0, 2.5, 9.99, 10.01, 60.0, 1e4, 1e9)], 0,
    ),
    "log_bessel": (
        log_bessel, lambda k: mpmath.log(mpmath.besseli(0, k)) - k,
        [(k,) for k in (1e-6, 0.01, 0.5, 2.0, 7.9, 8.1, 20.0, 49.0, 49.999, 50.001, 1e3, 1e6, 1e10)], 0,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_against_50_digits(name, x64):
    """In the argument that is a parameter; relative to the derivative itself, where that has not a zero nearby."""
    function, exact, places, which = FUNCTIONS[name]
    arguments = [jnp.asarray(column) for column in np.array(places).T]
    orders = [function, jax.grad(function, which), jax.grad(jax.grad(function, which), which)]
    found = [np.asarray(jax.jit(jax.vmap(order))(*arguments)) for order in orders]
    for order, values in enumerate(found):
        for place, value in zip(places, values, strict=True):
            with mpmath.workdps(60):
                point = [mpmath.mpf(number) for number in place]
                slot = tuple(order if k == which else 0 for k in range(len(place)))
                expected = mpmath.diff(exact, tuple(point), slot) if order else exact(*point)
            # Just below 10 and 50, where a formula changes, second derivatives are differences of terms 1e4 as large.
            assert value == pytest.approx(float(expected), rel=3e-12, abs=1e-15), (order, place)


def test_what_is_avoided_would_be_seen(x64):
    x, r = 3.0, 1e8
    with mpmath.workdps(50):
        exact = float(exact_log_gamma_ratio(mpmath.mpf(x), mpmath.mpf(r)))
    naive = jax.scipy.special.gammaln(x + r) - jax.scipy.special.gammaln(r) - x * jnp.log(r)
    assert abs(float(jax.jit(log_gamma_ratio)(x, r)) - exact) < 1e-15 < 1e-9 < abs(float(naive) - exact)


@pytest.mark.slow
def test_no_second_derivative_is_nan_at_the_ends(x64):
    functions = {
        "log1p_over": (lambda a: log1p_over(0.7, a), [0.0, 1e-320, -1e-320, 1e300]),
        "log_gamma_ratio": (lambda r: log_gamma_ratio(0.0, r) + log_gamma_ratio(2.0, r), [1e-100, 1e100]),
        "log_bessel": (log_bessel, [1e-100, 1e100]),
    }
    for name, (function, places) in functions.items():
        second = jax.jit(jax.vmap(jax.grad(jax.grad(function))))
        assert np.all(np.isfinite(second(jnp.asarray(places)))), name
