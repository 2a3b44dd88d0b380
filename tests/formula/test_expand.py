"""Which formulas of vectors and records have moments, in which columns, and why others have none."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from mlejax import Model
from mlejax.formula.expand import Expansion
from mlejax.formula.jaxpr import NotApplicable
from mlejax.formula.sufficient import SufficientForm, separate, structure_for_statistics

THREE = jax.ShapeDtypeStruct((3,), np.dtype(np.float64))
ROW = {"x": THREE, "y": jax.ShapeDtypeStruct((), np.dtype(np.float64))}


def found(model, observation):
    """What is found in a formula for observations like one."""
    with jax.enable_x64(True):
        return separate(structure_for_statistics(model, observation), (), np.dtype(np.float64))


def of_formula(formula):
    """A model of three parameters with `formula(parameters, x)` as its log-density."""

    class Written(Model):
        theta: Any

        def log_prob(self, x):
            return formula(self.theta, x)

    return Written(np.ones(3))


MODELS = {
    "a regression": (zoo.Plane(np.zeros(3), 1.0), ROW, 2, 4),
    "a normal by Cholesky": (zoo.Cholesky(np.zeros(3), np.eye(3)), THREE, 2, 3),
    "a normal by precision": (zoo.Precision(np.zeros(3), np.eye(3)), THREE, 2, 3),
    "a normal by covariance": (zoo.Solved(np.zeros(3), np.eye(3)), THREE, 2, 3),
    "a Dirichlet": (zoo.Dirichlet(np.ones(3)), THREE, 1, 3),
}


@pytest.mark.parametrize(("model", "observation", "degree", "size"), MODELS.values(), ids=MODELS)
def test_moments_are_found(model, observation, degree, size):
    form = found(model, observation)
    assert isinstance(form, Expansion)
    assert (form.degree, form.size) == (degree, size)
    assert form.count == size + (degree == 2) * size * (size + 1) // 2


FORMULAS = {
    "a quotient by data": (lambda a, x: jnp.sum(a / x), 1, 3),
    "a function of the data alone": (lambda a, x: -jnp.sum((jnp.log(x) - a) ** 2) - jnp.sum(x), 2, 4),
    "a broadcast is no further column": (lambda a, x: -jnp.sum((x[:, None] - a[None, :]) ** 2), 2, 3),
    "powers of the data alone": (lambda a, x: jnp.sum(a * x**3), 1, 3),
    "an element": (lambda a, x: -((x[0] * a[1] - jnp.concatenate([a, x])[4] * a[2]) ** 2), 2, 4),
    "a choice by parameters": (lambda a, x: jnp.sum(jnp.where(a > 0, a * x, -x)), 1, 6),
    "a logarithm of a product": (lambda a, x: jnp.sum(jnp.log(a * x / a[0])), 1, 3),
    "a logarithm of a quotient": (lambda a, x: -jnp.sum(jnp.log(a / x) ** 2), 2, 3),
    "an exponential of a sum": (lambda a, x: jnp.sum(x - a - jnp.exp(-(2.0 + x - a))), 1, 6),
    "the direction of an angle": (lambda a, x: jnp.sum(jnp.cos(x - a) + jnp.sin(x - a - 1.0)), 1, 6),
    "an angle": (lambda a, x: jnp.sum(jnp.cos(a) * jnp.cos(x) + jnp.sin(a) * jnp.sin(x)), 1, 6),
    "a running sum": (lambda a, x: -jnp.sum(jnp.cumsum(a * x) ** 2), 2, 3),
}


@pytest.mark.parametrize(("formula", "degree", "size"), FORMULAS.values(), ids=FORMULAS)
def test_what_is_of_second_degree(formula, degree, size):
    form = found(of_formula(formula), THREE)
    assert isinstance(form, Expansion), form
    assert (form.degree, form.size) == (degree, size)


REASONS = {
    "third degree": (lambda a, x: jnp.sum(a * x) ** 3, "`integer_pow` is of degree 3 in functions of the data"),
    "third degree by products": (lambda a, x: (a @ x) * (x @ jnp.diag(a) @ x), "`mul` is of degree 3"),
    "a choice by data": (lambda a, x: jnp.sum(jnp.where(x > 0, a * x, x)), "`select_n` by the data"),
    "a choice by both": (lambda a, x: jnp.sum(jnp.where(x > a, a * x, x)), "`select_n` by the data"),
    "data in a matrix": (
        lambda a, x: jnp.sum(jax.scipy.linalg.solve_triangular(jnp.diag(x) + jnp.outer(x, x), a, lower=True)),
        "`triangular_solve` of a value that mixes data and parameters",
    ),
    "data in a system": (
        lambda a, x: jnp.sum(jnp.linalg.solve(jnp.diag(x), a)), "`lu` of the data alone gives no floating-point numbers"
    ),
    "an index": (lambda a, x: a[x[0].astype(int)] * x[1], "`dynamic_slice` by the data"),
    "a quotient by both": (lambda a, x: jnp.sum(x / (x + a)), "`div` of a value that mixes data and parameters"),
    "a logarithm": (lambda a, x: jnp.sum(jnp.log(x @ a)), "`log` of a value that mixes data and parameters"),
    "a negative power": (lambda a, x: jnp.sum((x * a) ** -2), "`integer_pow` of a value that mixes"),
    "a power that is a parameter": (lambda a, x: jnp.sum((x * a[0]) ** a), "`pow` of a value that mixes"),
    "a function with a name": (lambda a, x: jnp.sum(jax.nn.softplus(x * a)), "inside `"),
    "a largest": (lambda a, x: jnp.max(a * x), "`reduce_max` of a value that mixes"),
}  # fmt: skip


@pytest.mark.parametrize(("formula", "reason"), REASONS.values(), ids=REASONS)
def test_what_has_no_moments_says_why(formula, reason):
    form = found(of_formula(formula), THREE)
    assert isinstance(form, NotApplicable)
    with pytest.raises(NotApplicable, match=reason):
        raise form


def test_too_many_columns_are_refused():
    wide = jax.ShapeDtypeStruct((65,), np.dtype(np.float64))
    form = found(zoo.Precision(np.zeros(65), np.eye(65)), wide)
    assert str(form) == "65 numbers of each observation meet parameters, more than 64"


def test_records_of_numbers_keep_sums_of_products():
    numbers = {"x": ROW["y"], "y": ROW["y"]}
    assert isinstance(found(zoo.Line(0.0, 0.0, 1.0), numbers), SufficientForm)


def test_a_formula_of_numbers_has_no_moments():
    form = found(zoo.Cauchy(0.0, 1.0), ROW["y"])
    assert isinstance(form, NotApplicable)
    assert "log" in str(form)


@pytest.mark.parametrize("name", [name for name in FORMULAS if name.startswith(("a log", "an exp", "the dir"))])
def test_what_is_split_keeps_its_value(name, x64):
    formula, _, _ = FORMULAS[name]
    model = of_formula(formula)
    form = found(model, THREE)
    theta, x = jnp.asarray([0.7, 1.9, 2.4]), jnp.asarray([0.3, 4.0, 1.1])
    split = form.kernel(form.once([theta]), form.observe(x))
    assert float(split) == pytest.approx(float(formula(theta, x)), rel=1e-14)


def test_a_sum_of_products_is_not_split():
    with_both = found(of_formula(lambda a, x: jnp.sum(jnp.log(a + x) + jnp.exp(a * x))), THREE)
    assert isinstance(with_both, NotApplicable)
