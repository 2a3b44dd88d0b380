"""Short names of formulas: another formula, another constant or another way to draw has another name."""

import ast
import dataclasses
import hashlib
import inspect
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from zoo import family

import mlejax
from mlejax import positive
from mlejax.models.digest import VERSIONS, digest_of, formula_digest, listed_class, rendering, sample_digest, version_of

EXPONENTIAL = {
    "the same": lambda m, x: jnp.log(m.rate) - m.rate * x,
    "another sign": lambda m, x: jnp.log(m.rate) + m.rate * x,
    "another constant": lambda m, x: jnp.log(m.rate) - m.rate * x + 1e-9,
    "another constant array": lambda m, x: jnp.log(m.rate) - m.rate * x * jnp.asarray(np.ones(3))[0],
}


def digest(log_prob):
    return formula_digest(family(log_prob, rate=positive)(np.float64(1.0)))


@pytest.mark.parametrize("name", EXPONENTIAL)
def test_a_name_follows_the_formula(name):
    assert (digest(EXPONENTIAL[name]) == digest(EXPONENTIAL["the same"])) == (name == "the same")


FORMULAS = {
    "Normal": (1, "d3a8f596060cdd65"),
    "LogNormal": (1, "a83f9789c7633d0a"),
    "Exponential": (1, "60bf6fa24880d24d"),
    "Gamma": (1, "8216aea4e3c1704d"),
    "InverseGamma": (1, "8dd9eee662657456"),
    "Weibull": (1, "1efba334644ba63b"),
    "Pareto": (1, "d7f903e1a5d4312c"),
    "Lomax": (1, "35174506f5382b59"),
    "Beta": (1, "d4d57cf97baa5047"),
    "StudentT": (2, "9ffeeb9ab9db575e"),
    "Cauchy": (1, "b64bbb62c225e22e"),
    "Laplace": (1, "7eb0fad3274d86ff"),
    "Logistic": (1, "fe9b02267d07274e"),
    "Gumbel": (1, "8548a61bce96476e"),
    "GumbelMin": (1, "053c8a0dc3f5e766"),
    "LogLogistic": (1, "1fdac2429a4acc6c"),
    "Frechet": (1, "6108a89ed91137fa"),
    "GeneralizedExtremeValue": (1, "d32146f33cf8575c"),
    "GeneralizedPareto": (1, "88061670d2c9038a"),
    "Rayleigh": (1, "379bbed19ffad7ee"),
    "InverseGaussian": (1, "25c02aff1c3c60c4"),
    "Burr12": (1, "7af50ead6977a922"),
    "VonMises": (1, "de3e4f1b6be154bf"),
    "Poisson": (1, "1c4768a54c6ba29d"),
    "Geometric": (1, "9fa2d776c8bff36b"),
    "NegativeBinomial": (1, "ad00fcc73ee8d454"),
    "Binomial": (1, "63b9485b60cc1703"),
    "Categorical": (1, "fb60994c2bc37299"),
    "MultivariateNormal": (1, "f8bf39003b788e6a"),
}
"""For every family, the version of its formula and a digest of the Python text of `log_prob`."""


def families():
    """Return every family that has a public name and a formula with a version."""
    public = (getattr(mlejax, name) for name in mlejax.__all__)
    return {each for each in public if isinstance(each, type) and issubclass(each, mlejax.Model) and version_of(each)}


ARRAYS = {
    "Categorical": ([np.array([0.3, 0.7])], None),
    "MultivariateNormal": ([np.zeros(2), np.eye(2)], jax.ShapeDtypeStruct((2,), np.float32)),
}
"""Parameters and an observation of families that take no single numbers."""


def text_of(family):
    """Return the Python text of a formula, without its comments and its layout."""
    return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(family.log_prob))))


def test_a_family_whose_formula_changes_gets_another_version():
    found = {
        family.__name__: (version, hashlib.sha256(text_of(family).encode()).hexdigest()[:16])
        for family in families()
        if (version := version_of(family))
    }
    assert found == FORMULAS, "raise the version in `models/digest.py` if the numbers change, then write it here"


def test_every_family_of_the_library_has_a_version_and_no_namesake_has_it():
    digests = set()
    for own in families():
        numbers = [1 if field.metadata.get("static") else 0.5 for field in dataclasses.fields(own)]
        values, one = ARRAYS.get(own.__name__, (numbers, None))
        namesake = type(own.__name__, (own,), {"log_prob": lambda self, x, own=own: own.log_prob(self, x)})
        digests.add(formula_digest(own(*values), one))
        assert formula_digest(namesake(*values), one) not in digests
    assert len(digests) == len(families()) == len(VERSIONS)


def test_a_number_that_is_given_is_part_of_the_formula_of_a_family():
    one, same, other = (formula_digest(mlejax.Binomial(n, p)) for n, p in ((10, 0.5), (10, 0.2), (11, 0.5)))
    assert one == same != other


RENDERED = """\
float64() 0
float64() 1
sub 2 <- 1 0
integer_pow y=2 3 <- 2
mul 4 <- 3 float64():000000000000e0bf
custom_jvp_call call_jaxpr={float64() 0
max 1 <- 0 float64():0000000000000000
-> 1} num_consts=0 5 <- 4
add 6 <- 4 5
-> 6"""


def test_a_formula_is_written_out_by_what_it_does():
    """Names of functions and variables, and settings that compute nothing, leave no trace: JAX may change them."""

    @jax.jit
    def inner(z):
        return -0.5 * z**2

    def formula(m, x):
        return (y := inner(x - m)) + jax.nn.relu(y)

    with jax.enable_x64(True):
        traced = jax.make_jaxpr(formula)(np.float64(1.0), np.float64(1.0))
        renamed = jax.make_jaxpr(lambda a, b: (c := -0.5 * (b - a) ** 2) + jax.nn.relu(c))(*np.ones(2))
    assert rendering(traced) == RENDERED
    assert digest_of(renamed) == digest_of(traced)


def test_the_order_of_two_factors_leaves_no_trace():
    assert digest(lambda m, x: 2.0 * (x * m.rate)) == digest(lambda m, x: (m.rate * x) * 2.0)
    assert digest(lambda m, x: 2.0 - x) != digest(lambda m, x: x - 2.0)


TELL_APART = {
    "a constant": (lambda a, x: x * 2.0 - a, lambda a, x: x * np.nextafter(2.0, 3.0) - a),
    "an array": (lambda a, x: jnp.sum(x * np.arange(3.0)) - a, lambda a, x: jnp.sum(x * np.arange(3.0)[::-1]) - a),
    "a setting": (lambda a, x: x**2 - a, lambda a, x: x**3 - a),
    "the order of inputs": (lambda a, x: x - a, lambda a, x: a - x),
    "a branch": (
        lambda a, x: jax.lax.cond(x > a, jnp.sin, jnp.cos, x),
        lambda a, x: jax.lax.cond(x > a, jnp.cos, jnp.sin, x),
    ),
    "what a call is given": (
        lambda a, x: (f := jax.jit(lambda u: u * 2))(a) - f(x),
        lambda a, x: (f := jax.jit(lambda u: u * 2))(x) - f(a),
    ),
    "what a call returns": (
        lambda a, x: jax.jit(lambda u, v: (u, v))(a, x)[0],
        lambda a, x: jax.jit(lambda u, v: (u, v))(a, x)[1],
    ),
}


@pytest.mark.parametrize(("one", "other"), TELL_APART.values(), ids=TELL_APART)
def test_formulas_are_told_apart_by(one, other):
    assert digest(lambda m, x: one(m.rate, x)) != digest(lambda m, x: other(m.rate, x))
    assert digest(lambda m, x: one(m.rate, x)) == digest(lambda m, x: one(m.rate, x))


def test_a_name_does_not_follow_the_values_of_the_parameters():
    one, other = (formula_digest(mlejax.Exponential(np.float64(rate))) for rate in (1.0, 2.0))
    assert one == other


def test_a_formula_that_takes_whole_numbers_alone_has_a_name():
    table = np.array([0.1, 0.2, 0.7])
    assert len(digest(lambda m, x: jnp.log(jnp.asarray(table)[x]) * m.rate)) == 16


def test_ways_of_drawing_are_told_apart():
    one, other = (sample_digest(model(np.float64(1.0))) for model in (mlejax.Exponential, mlejax.Poisson))
    assert one != other


def test_classes_are_found_by_their_names():
    assert listed_class("Weibull") is mlejax.Weibull
    assert listed_class("MultivariateNormal") is mlejax.MultivariateNormal
    assert listed_class("Model") is None
    assert listed_class("weibull") is None
