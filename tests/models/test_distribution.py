"""Distribution functions against SciPy and 50 digits, in both tails, with their derivatives."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from references import FAMILIES

import mlejax
from mlejax.models.distribution import has_distribution, log_between, shares
from mlejax.models.parameters import Parameters

KNOWN = [name for name, (model, *_) in FAMILIES.items() if has_distribution(type(model))]
both = jax.jit(lambda model, x: jax.vmap(lambda x: shares(model, x))(x))


def test_all_families_have_one_but_those_of_angles():
    assert set(FAMILIES) - set(KNOWN) == {"VonMises"}


@pytest.mark.parametrize("name", KNOWN)
def test_shares_against_scipy(name, x64):
    model, reference, points = FAMILIES[name]
    found = both(model, jnp.asarray(points, float))
    np.testing.assert_allclose(found.log_cdf, reference.logcdf(points), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.log_survival, reference.logsf(points), rtol=1e-11, atol=1e-13)


def normal(m, x):
    return mpmath.ncdf(x, m[0], mpmath.sqrt(m[1]))


def gamma(m, x):
    return mpmath.gammainc(m[0], 0, m[1] * x, regularized=True)


def weibull(m, x):
    return -mpmath.expm1(-((x / m[1]) ** m[0]))


def gumbel(m, x):
    return mpmath.exp(-mpmath.exp(-(x - m[0]) / m[1]))


def generalized_pareto(m, x):
    return 1 - (1 + m[1] * x / m[0]) ** (-1 / m[1])


EXTREME = {
    "Normal": (mlejax.Normal(0.0, 1.0), [-35.0, -20.001, -19.999, 6.0, 35.0], normal),
    "Gamma": (mlejax.Gamma(2.5, 1.0), [1e-6, 3.4, 3.6, 80.0], gamma),
    "Weibull": (mlejax.Weibull(1.5, 2.0), [1e-8, 0.7, 40.0], weibull),
    "Gumbel": (mlejax.Gumbel(0.0, 1.0), [-4.0, 0.1, 40.0], gumbel),
    "GeneralizedPareto": (mlejax.GeneralizedPareto(1.0, 1e-9), [1e-6, 30.0], generalized_pareto),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXTREME)
def test_values_and_two_derivatives_far_out_against_fifty_digits(name, x64):
    model, points, cdf = EXTREME[name]
    table = Parameters.of(model)
    vector = table.to_vector(model)
    for which, complement in (("log_cdf", False), ("log_survival", True)):

        def log_share(v, x, which=which):
            return getattr(shares(table.to_model(v), x), which)

        found = jax.jit(
            jax.vmap(lambda x, f=log_share: (f(vector, x), jax.grad(f)(vector, x), jax.hessian(f)(vector, x)))
        )(jnp.asarray(points))
        with mpmath.workdps(340 if name == "Normal" else 80):

            def exact(*v, x, complement=complement):
                value = cdf(v, x)
                return mpmath.log(1 - value if complement else value)

            for i, x in enumerate(points):
                at = tuple(map(mpmath.mpf, vector.tolist()))
                x = mpmath.mpf(x)
                assert float(found[0][i]) == pytest.approx(float(exact(*at, x=x)), rel=1e-13)
                for j in range(2):
                    first = mpmath.diff(lambda *v, x=x: exact(*v, x=x), at, tuple(int(j == k) for k in range(2)))
                    assert float(found[1][i][j]) == pytest.approx(float(first), rel=1e-10)
                    for k in range(2):
                        orders = tuple(int(j == m) + int(k == m) for m in range(2))
                        second = mpmath.diff(lambda *v, x=x: exact(*v, x=x), at, orders)
                        # a difference of terms as large as the square of the first derivative
                        assert float(found[2][i][j, k]) == pytest.approx(float(second), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(-40.0, -39.0), (-1.0, 2.0), (0.3, 0.4), (10.0, 11.0), (37.0, 300.0)])
def test_the_share_between_two_points_against_fifty_digits(low, high, x64):
    ends = both(mlejax.Normal(0.0, 1.0), jnp.asarray([low, high]))
    found = log_between(*(jax.tree.map(lambda each, i=i: each[i], ends) for i in (0, 1)))
    with mpmath.workdps(400):
        expected = mpmath.log(mpmath.ncdf(high) - mpmath.ncdf(low))
    assert float(found) == pytest.approx(float(expected), rel=1e-13)


def test_a_model_without_one_is_refused():
    with pytest.raises(TypeError, match=r"VonMises has no distribution function here: those of Normal, .* are known"):
        shares(mlejax.VonMises(0.0, 1.0), 1.0)
