"""Every family against 50 digits: its log-density and the derivatives by its parameters, also far out in its domain."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from mlejax.models import FAMILIES

pytestmark = pytest.mark.slow


def log_gev(x, m, s, xi):
    z = (x - m) / s
    y = mp.log1p(xi * z) / xi if xi else z
    return -mp.log(s) - (1 + xi) * y - mp.exp(-y)


def log_gpd(x, s, xi):
    return -mp.log(s) - (1 + xi) * (mp.log1p(xi * x / s) / xi if xi else x / s)


def log_t(x, m, s, nu):
    constant = mp.loggamma((nu + 1) / 2) - mp.loggamma(nu / 2) - mp.log(mp.pi * nu) / 2 - mp.log(s)
    return constant - (nu + 1) / 2 * mp.log1p(((x - m) / s) ** 2 / nu)


def log_negative_binomial(x, r, m):
    ways = mp.loggamma(x + r) - mp.loggamma(r) - mp.loggamma(x + 1)
    return ways + r * mp.log(r / (r + m)) + x * mp.log(m / (r + m))


def log_logistic(z):
    return z - 2 * mp.log1p(mp.exp(z))


def log_burr(x, a, c, rate):
    z = c * mp.log(rate * x)
    return mp.log(a * c / x) + z - (a + 1) * mp.log1p(mp.exp(z))


def log_inverse_gaussian(x, m, s):
    return mp.log(s / (2 * mp.pi * x**3)) / 2 - s * (x - m) ** 2 / (2 * m**2 * x)


EXACT = {
    "normal": (
        lambda x, m, v: -mp.log(2 * mp.pi * v) / 2 - (x - m) ** 2 / (2 * v),
        [(7, 7.2, 7.8), (1e9, 1e9 + 2, 1e-6)],
    ),
    "lognormal": (
        lambda x, m, v: -mp.log(2 * mp.pi * v) / 2 - mp.log(x) - (mp.log(x) - m) ** 2 / (2 * v),
        [(7, 2, 0.5), (1e-9, -20, 4), (1e200, 1, 900)],
    ),
    "exponential": (lambda x, r: mp.log(r) - r * x, [(0, 2), (1e9, 1e-9), (3, 1e-150)]),
    "gamma": (
        lambda x, a, b: a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(x) - b * x,
        [(2, 2.5, 0.7), (1e-30, 0.02, 3), (1e9, 3, 2e-9), (1001, 1000, 1)],
    ),
    "inverse_gamma": (
        lambda x, a, b: a * mp.log(b) - mp.loggamma(a) - (a + 1) * mp.log(x) - b / x,
        [(2, 2.5, 0.7), (1e30, 0.02, 3), (1e-9, 3, 2e-9)],
    ),
    "weibull": (
        lambda x, k, s: mp.log(k / s) + (k - 1) * mp.log(x / s) - (x / s) ** k,
        [(2, 1.5, 0.7), (1e-30, 0.05, 3), (1e9, 50, 1.01e9)],
    ),
    "pareto": (
        lambda x, a, m: mp.log(a / m) - (a + 1) * mp.log(x / m),
        [(2, 1.5, 0.7), (1e200, 0.01, 1e-9), (1.001, 900, 1)],
    ),
    "lomax": (
        lambda x, a, s: mp.log(a / s) - (a + 1) * mp.log1p(x / s),
        [(2, 1.5, 0.7), (0, 2, 3), (1e150, 0.05, 1), (2, 1e6, 1e6)],
    ),
    "beta": (
        lambda x, a, b: (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - mp.log(mp.beta(a, b)),
        [(0.25, 2, 3), (1e-200, 0.02, 0.7), (0.5, 900, 901)],
    ),
    "student_t": (log_t, [(3, 1, 2, 3.5), (1e9, 0, 1, 0.05), (2.5, 0, 1, 1e4), (2.5, 0, 1, 1e8), (-4, 1, 1e-9, 0.5)]),
    "cauchy": (
        lambda x, m, s: -mp.log(mp.pi * s) - mp.log1p(((x - m) / s) ** 2),
        [(3, 1, 2), (1e30, 0, 1), (1e15 + 2, 1e15, 1)],
    ),
    "laplace": (lambda x, m, s: -mp.log(2 * s) - abs(x - m) / s, [(3, 1, 2), (-1e30, 0, 1), (1e15 + 2, 1e15, 1)]),
    "logistic": (
        lambda x, m, s: log_logistic((x - m) / s) - mp.log(s),
        [(3, 1, 2), (1, 1, 2), (700, 0, 1), (-800, 0, 1)],
    ),
    "gumbel": (
        lambda x, m, s: -mp.log(s) - (x - m) / s - mp.exp(-(x - m) / s),
        [(3, 1, 2), (1, 1, 2), (50, 0, 1), (-5, 0, 1)],
    ),
    "gumbel_min": (lambda x, m, s: -mp.log(s) + (x - m) / s - mp.exp((x - m) / s), [(3, 1, 2), (-50, 0, 1), (5, 0, 1)]),
    "loglogistic": (
        lambda x, k, s: mp.log(k / x) + log_logistic(k * mp.log(x / s)),
        [(3, 1, 2), (2, 5, 2), (1e-9, 0.05, 1), (1.1, 300, 1)],
    ),
    "frechet": (
        lambda x, k, s: mp.log(k / s) - (k + 1) * mp.log(x / s) - (x / s) ** -k,
        [(3, 1, 2), (1e99, 0.05, 1), (1.1, 300, 1)],
    ),
    "generalized_extreme_value": (
        log_gev,
        [(x, 1, 2, xi) for x in (-0.7, 1, 6) for xi in (0, 1e-12, -1e-12, 1e-6, -1e-6, 1e-3, -1e-3, 0.1, -0.3, 1)],
    ),
    "generalized_pareto": (
        log_gpd,
        [(x, 2, xi) for x in (0, 0.1, 6) for xi in (0, 1e-12, -1e-12, 1e-6, -1e-6, 1e-3, -1e-3, 0.08, 0.3, -0.3, 4)],
    ),
    "rayleigh": (lambda x, s: mp.log(x) - 2 * mp.log(s) - x**2 / (2 * s**2), [(3, 2), (1e-9, 1e-9), (1e9, 2e9)]),
    "inverse_gaussian": (log_inverse_gaussian, [(3, 2, 1), (1e-3, 2, 1), (1e9, 1, 1e-9), (1.01, 1, 900)]),
    "burr12": (log_burr, [(3, 2, 1.5, 0.4), (1e-9, 0.1, 2, 1), (1e40, 5, 0.2, 1), (3, 1e5, 2, 1e-3)]),
    "von_mises": (
        lambda x, m, k: k * mp.cos(x - m) - mp.log(2 * mp.pi * mp.besseli(0, k)),
        [(3, 2, 1), (0.5, 0.5, 1e-6), (1.1, 1, 200), (1.0001, 1, 1e4)],
    ),
    "poisson": (lambda x, r: x * mp.log(r) - r - mp.loggamma(x + 1), [(3, 2.5), (0, 1e-9), (1000, 990)]),
    "geometric": (lambda x, p: mp.log(p) + x * mp.log1p(-p), [(3, 0.25), (0, 0.999), (10**9, 1e-9)]),
    "negative_binomial": (
        log_negative_binomial,
        [(x, r, m) for x in (0, 1, 12) for r, m in ((2.5, 3), (1e-3, 3), (30, 4), (1e4, 6), (1e8, 6))]
        + [(10**6, 0.2, 10**6)],
    ),
}


LARGE_TERMS = ("beta", "poisson", "geometric", "negative_binomial")


@pytest.mark.parametrize("name", EXACT)
def test_log_prob_and_its_derivatives_against_50_digits(name, x64):
    """All first and second derivatives, in units of the parameters.

    What they may lose is a few ulps of the terms that they are a sum of, which are of order one; where counts, or
    shapes that stand before a logarithm, are large, they are as large as these.
    """
    exact, places = EXACT[name]
    family, places = FAMILIES[name], np.array(places, np.float64)
    units = np.where(places[:, 1:] == 0, 1.0, np.abs(places[:, 1:]))

    def log_prob(shifts, place, units):
        return family(*(place[1:] + units * shifts)).log_prob(place[0])

    functions = (log_prob, jax.grad(log_prob), jax.hessian(log_prob))
    found = jax.jit(jax.vmap(lambda *given: tuple(f(*given) for f in functions)))
    value, slope, curvature = map(np.asarray, found(jnp.zeros_like(units), jnp.asarray(places), jnp.asarray(units)))
    size = units.shape[1]
    for i, place in enumerate(places):
        terms = max(1.0, *place) if name in LARGE_TERMS else 1.0
        with mp.workdps(60):
            x, *point = map(mp.mpf, place)
            steps = list(map(mp.mpf, units[i]))

            def moved(*shifts, x=x, point=point, steps=steps):
                return exact(x, *(p + step * shift for p, step, shift in zip(point, steps, shifts, strict=True)))

            def derivative(*which, moved=moved):
                return float(mp.diff(moved, (0,) * size, tuple(which.count(k) for k in range(size))))

            expected = float(moved(*[0] * size))
            slopes = [derivative(k) for k in range(size)]
            curvatures = [[derivative(k, m) for m in range(size)] for k in range(size)]
        np.testing.assert_allclose(value[i], expected, rtol=1e-13, atol=1e-14 * terms, err_msg=str(place))
        np.testing.assert_allclose(slope[i], slopes, rtol=1e-11, atol=1e-14 * terms, err_msg=str(place))
        np.testing.assert_allclose(curvature[i], curvatures, rtol=1e-11, atol=1e-14 * terms, err_msg=str(place))
