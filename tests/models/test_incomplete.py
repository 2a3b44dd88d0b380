"""Incomplete gamma and beta functions, and what is made of them, against 50 digits and more, with two derivatives."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import mlejax
from mlejax.models.distribution import shares
from mlejax.models.incomplete import incomplete_beta, incomplete_gamma, inverse_gaussian
from mlejax.models.parameters import Parameters


def exact_gamma(a, x):
    return [mpmath.gammainc(a, *ends, regularized=True) for ends in ((0, x), (x, mpmath.inf))]


def exact_beta(a, b, odds):
    x, y = 1 / (1 + mpmath.exp(-odds)), 1 / (1 + mpmath.exp(odds))
    return [mpmath.betainc(*each, regularized=True) for each in ((a, b, 0, x), (b, a, 0, y))]


def exact_inverse_gaussian(mean, shape, x):
    root, factor = mpmath.sqrt(shape / x), mpmath.exp(2 * shape / mean)
    other = factor * mpmath.ncdf(-root * (x / mean + 1))
    return [mpmath.ncdf(root * (x / mean - 1)) + other, mpmath.ncdf(-root * (x / mean - 1)) - other]


SHAPES = (1e-3, 0.05, 0.5, 2.5, 30.0, 2000.0)
FUNCTIONS = {
    "gamma": (
        incomplete_gamma, exact_gamma,
        [(a, x) for a in SHAPES for x in (a * 1e-3, a * 0.6, a, a * 1.01, a * 1.6 + 1, a + 40.0, 0.04, 0.06)],
    ),
    "beta": (
        incomplete_beta, exact_beta,
        [(a, b, np.log(a / b) + away) for a in SHAPES for b in SHAPES[:-1] for away in (-2.0, 0.0, 0.04, 0.7)],
    ),
    "inverse Gaussian": (
        inverse_gaussian, exact_inverse_gaussian,
        [(2.0, shape, 2 * x) for shape in (0.02, 0.5, 3.0, 60.0) for x in (0.01, 0.4, 0.99, 1.0, 1.1, 9.0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_sides_over_a_wide_range(name, x64):
    """Of shapes of 0.001 three digits are lost, where a share is what the other leaves."""
    function, exact, places = FUNCTIONS[name]
    found = jax.jit(jax.vmap(function))(*map(jnp.asarray, zip(*places, strict=True)))
    for i, place in enumerate(places):
        with mpmath.workdps(120):
            below, beyond = exact(*map(mpmath.mpf, place))
            pairs = ((below, beyond), (beyond, below))
            expected = [float(mpmath.log1p(-b) if b < 0.5 else mpmath.log(a)) for a, b in pairs]
        for one, other in zip((found.log_cdf[i], found.log_survival[i]), expected, strict=True):
            assert float(one) == pytest.approx(other, rel=5e-12, abs=1e-300), place


def test_an_integral_is_the_same_whatever_else_a_program_does(x64):
    """Compilers have made wrong numbers of exponentials of opposite signs where nothing but their sum was asked for."""
    arguments = [jnp.asarray(column) for column in zip(*FUNCTIONS["inverse Gaussian"][2], strict=True)]
    with jax.disable_jit():
        expected = jnp.stack([inverse_gaussian(*row).log_cdf for row in zip(*arguments, strict=True)])
    for count in (1, 7, len(expected)):
        found = jax.jit(jax.vmap(lambda *row: inverse_gaussian(*row).log_cdf))(*(each[:count] for each in arguments))
        np.testing.assert_allclose(found, expected[:count], rtol=1e-12, atol=1e-15)


def student(m, x):
    z = (x - m[0]) / m[1]
    tail = mpmath.betainc(m[2] / 2, mpmath.mpf(1) / 2, 0, m[2] / (m[2] + z * z), regularized=True) / 2
    return tail if z < 0 else 1 - tail


def beta(m, x):
    return mpmath.betainc(m[0], m[1], 0, x, regularized=True)


def gamma(m, x):
    return mpmath.gammainc(m[0], 0, m[1] * x, regularized=True)


DERIVATIVES = {
    "StudentT": (mlejax.StudentT(0.3, 1.3, 3.5), [-1e6, -1.2, 0.2, 0.31, 1.5, 1.7, 1e8], student, 1e-11),
    "StudentT, heavy": (mlejax.StudentT(0.0, 1.0, 0.3), [-3.0, 0.2, 0.6, 1e10], student, 1e-11),
    "StudentT, nearly normal": (mlejax.StudentT(0.0, 1.0, 1e6), [-6.0, 0.5, 1.1], student, 1e-7),  # of about 1e-13
    "Beta": (mlejax.Beta(2.5, 1.5), [1e-9, 0.5, 0.63, 0.999999], beta, 1e-11),
    "Beta, two ends": (mlejax.Beta(0.3, 0.02), [1e-9, 0.5, 0.9999999], beta, 1e-11),
    "Beta, narrow": (mlejax.Beta(300.0, 40.0), [0.5, 0.88, 0.89, 0.97], beta, 1e-11),
    "InverseGaussian": (
        mlejax.InverseGaussian(1.5, 2.0), [0.01, 0.4, 1.5, 20.0], lambda m, x: exact_inverse_gaussian(*m, x)[0], 1e-11,
    ),
    "Gamma, a steep rise": (mlejax.Gamma(0.1, 1.0), [1e-9, 0.04, 0.06, 80.0], gamma, 1e-11),
    "Gamma, narrow": (mlejax.Gamma(500.0, 1.0), [300.0, 499.0, 501.0, 700.0], gamma, 1e-11),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", DERIVATIVES)
def test_two_derivatives_by_every_parameter(name, x64):
    model, points, cdf, tolerance = DERIVATIVES[name]
    table = Parameters.of(model)
    vector = table.to_vector(model)

    def both(v, x):
        return jnp.stack(shares(table.to_model(v), x))

    orders = (both, jax.jacfwd(both), jax.jacfwd(jax.jacfwd(both)))
    value, first, second = jax.jit(lambda v, x: [jax.vmap(each, (None, 0))(v, x) for each in orders])(
        vector, jnp.asarray(points)
    )
    ways = range(len(vector))
    for i, x in enumerate(points):
        for side in (0, 1):
            with mpmath.workdps(100):
                at = tuple(map(mpmath.mpf, vector.tolist()))

                def exact(*v, x=x, side=side):
                    share = cdf(v, mpmath.mpf(x))
                    return mpmath.log(1 - share if side else share)

                slopes = [float(mpmath.diff(exact, at, tuple(int(j == k) for k in ways))) for j in ways]
                bends = [
                    [float(mpmath.diff(exact, at, tuple(int(j == k) + int(m == k) for k in ways))) for m in ways]
                    for j in ways
                ]
                assert float(value[i, side]) == pytest.approx(float(exact(*at)), rel=5e-12)
            np.testing.assert_allclose(first[i, side], slopes, rtol=tolerance, atol=0)
            # a second derivative is a difference of terms as large as the product of the first ones
            size = np.abs(np.outer(slopes, slopes))
            assert np.all(np.abs(second[i, side] - np.array(bends)) <= tolerance * (np.abs(bends) + size))


def test_the_middle_of_students_t_is_smooth_where_the_formula_changes(x64):
    model = mlejax.StudentT(0.0, 1.0, 4.0)
    slope = jax.jit(jax.vmap(jax.grad(lambda x: shares(model, x).log_cdf)))
    points = jnp.asarray([-1.0 - 1e-9, -1.0 + 1e-9, -1e-300, 0.0, 1.0 - 1e-9, 1.0 + 1e-9])
    found = np.asarray(slope(points))
    expected = np.exp(jax.vmap(lambda x: model.log_prob(x) - shares(model, x).log_cdf)(points))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
