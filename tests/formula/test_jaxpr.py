"""Formulas of many kinds, as people write them: the sample that stands for the data gives the data's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factoring import assert_agrees
from jax.scipy import stats
from jax.scipy.special import xlogy
from zoo import ZeroInflatedPoisson, family

from mlejax import (
    Model,
    Observations,
    Summary,
    mean_log_likelihood,
    parameter,
    positive,
    real,
    summarize,
    unit_interval,
)
from mlejax.formula.jaxpr import as_formula_takes

random = np.random.RandomState(0)
COUNTS = random.poisson(2.0, 60)
REALS = random.normal(0.3, 1.0, 60)
POSITIVE = random.gamma(2.0, 1.0, 60)
TABLE = np.array([0.5, 1.5, 2.5, 0.1])
THREE = {
    "some": np.array([1, 2, 3, 2, 1, 3, 3, 2]), "one of them": np.array([2, 2, 2, 1]), "two": np.array([1, 2, 2, 1]),
}  # fmt: skip
ZEROS = {"some": np.array([0, 1, 0, 2, 3, 1]), "none": np.array([2, 1, 5, 3]), "one": np.array([0, 1, 1, 2, 3, 1])}
SIGNS = {"both": REALS, "above": np.abs(REALS), "below": -np.abs(REALS), "one above": np.r_[-np.abs(REALS), 0.7]}


def reported(model, k):
    """A categorical distribution by `jnp.select`."""
    first, rest = jnp.log(model.a), jnp.log1p(-model.a)
    return jnp.select([k == 1, k == 2], [first, rest + jnp.log(model.b)], rest + jnp.log1p(-model.b))


def hurdle(model, k):
    """Zeros apart; the formula of the others is finite at zero too."""
    above = jnp.log1p(-model.p) + xlogy(k, model.rate) - jax.lax.lgamma(k + 1.0) - jnp.log(jnp.expm1(model.rate))
    return jnp.where(k == 0, jnp.log(model.p), above)


def two_piece(model, x):
    squares = jnp.where(x < 0, (x / model.left) ** 2, (x / model.right) ** 2)
    return -squares / 2 - jnp.log(model.left + model.right)


p, q = {"a": unit_interval, "b": unit_interval}, {"rate": positive}
KINDS = {
    # name: (model class, a start, another point, samples)
    "select": (family(reported, **p), (0.3, 0.5), (0.6, 0.2), THREE),
    "select_n by a whole number": (
        family(lambda m, k: jax.lax.select_n(k.astype(jnp.int32) - 1, m.a, m.a * k, m.a**2 * k), a=real),
        (0.3,), (2.0,), THREE,
    ),
    "two conditions": (
        family(lambda m, x: jnp.where(x > 0, m.a * x, m.a) - jnp.where(x > 0.5, m.a**2 * x, 1.0), a=real),
        (0.3,), (2.0,), SIGNS,
    ),
    "two pieces": (family(two_piece, left=positive, right=positive), (1.0, 2.0), (0.5, 0.7), SIGNS),
    "zero-inflated": (ZeroInflatedPoisson, (2.0, 0.3), (1.0, 0.1), ZEROS),
    "hurdle": (family(hurdle, p=unit_interval, rate=positive), (0.3, 1.0), (0.1, 2.0), ZEROS),
    "a sum over one element": (
        family(lambda m, x: jnp.sum(jnp.array([m.a]) * x) - m.a**2, a=real), (0.3,), (2.0,), {"": REALS}
    ),
    "squeeze": (
        family(lambda m, x: jnp.squeeze(jnp.array([m.a]) * x) - m.a**2, a=real), (0.3,), (2.0,), {"": REALS}
    ),
    "reshape": (
        family(lambda m, x: jnp.reshape(jnp.reshape(m.a, (1,)) * x, ()) - m.a, a=real), (0.3,), (2.0,), {"": REALS}
    ),
    "xlogy of whole numbers": (
        family(lambda m, k: xlogy(k, m.rate) - m.rate, **q), (1.0,), (3.0,), ZEROS | {"bytes": COUNTS.astype(np.uint8)},
    ),
    "a power of whole numbers": (
        family(lambda m, k: -(k**4) / (4 * m.rate**4) - jnp.log(m.rate), **q),
        (5e4,), (6e4,), {"": random.randint(1, 90_000, 60)},
    ),
    "a guard of the support": (
        family(lambda m, x: jnp.where(x >= 0, jnp.log(m.rate) - m.rate * x, -jnp.inf), **q),
        (1.0,), (0.3,), {"": POSITIVE},
    ),
    "two nested guards": (
        family(lambda m, x: jnp.where(x > 0, jnp.where(x < 99, jnp.log(m.rate) - m.rate * x, -jnp.inf), -jnp.inf), **q),
        (1.0,), (0.3,), {"": POSITIVE},
    ),
    "a clipped observation": (
        family(lambda m, x: jnp.log(m.rate) - m.rate * jnp.clip(x, 0.5, 2.0), **q), (1.0,), (0.3,), {"": POSITIVE}
    ),
    "polyval": (
        family(lambda m, x: -jnp.polyval(jnp.array([1.0, -2.0, 1.0]), x) * m.rate, **q), (1.0,), (0.3,), {"": REALS}
    ),
    "stats.norm": (
        family(lambda m, x: stats.norm.logpdf(x, m.a, m.b), a=real, b=positive), (0.0, 1.0), (1.0, 2.0), {"": REALS}
    ),
    "stats.geom": (
        family(lambda m, k: stats.geom.logpmf(k, m.a), a=unit_interval), (0.5,), (0.2,), {"": COUNTS + 1}
    ),
    "stats.bernoulli": (
        family(lambda m, k: stats.bernoulli.logpmf(k, m.a), a=unit_interval), (0.5,), (0.2,), {"": COUNTS % 2}
    ),
}  # fmt: skip
ROWS = [(kind, sample) for kind, (*_, samples) in KINDS.items() for sample in samples]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "sample"), ROWS, ids=[f"{kind}, {sample}" for kind, sample in ROWS])
def test_what_people_write_factors_and_gives_the_numbers_of_the_data(kind, sample):
    model, start, elsewhere, samples = KINDS[kind]
    values = samples[sample]
    found, path = summarize(model(*start), values)
    assert isinstance(found, Summary), path
    for point in (start, elsewhere):
        assert_agrees(model(*point), found, values.astype(float))


RAW = {
    "an array": (
        lambda m, x: jnp.sum(jnp.array([m.a, m.a**2]) * x), REALS, "`mul` of an array that mixes data and parameters"
    ),
    "a branch not taken, without a value": (
        lambda m, k: jnp.where(k == 0, jnp.log(m.a), jnp.log1p(m.a) + m.a * jnp.log(k)), ZEROS["some"],
        "the factored form is infinite or NaN where the formula is finite",
    ),
    "logaddexp": (
        lambda m, x: jnp.logaddexp(m.a, x), REALS, "`max` of a value that mixes data and parameters, inside `logaddexp`"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("log_prob", "values", "reason"), RAW.values(), ids=RAW)
def test_the_reason_for_raw_observations_is_a_true_one(log_prob, values, reason):
    model = family(log_prob, a=positive)(0.7)
    sample, path = summarize(model, values)
    assert isinstance(sample, Observations)
    assert path == f"raw observations: {reason}"
    assert_agrees(model, sample, values.astype(float))


@pytest.mark.slow
def test_any_exception_of_the_factoring_leaves_the_observations_raw(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("of the algebra\nand more")

    model = family(lambda m, x: jnp.log(m.a) - m.a * x / 3, a=positive)(0.7)
    monkeypatch.setattr("mlejax.formula.algebra.Algebra.multiply", broken)
    sample, path = summarize(model, POSITIVE)
    assert isinstance(sample, Observations)
    assert path == "raw observations: factoring the formula raised ZeroDivisionError: of the algebra"
    assert_agrees(model, sample, POSITIVE)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlejax.formula.algebra.Algebra.multiply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        summarize(family(lambda m, x: jnp.log(m.a) - m.a * x / 5, a=positive)(0.7), POSITIVE)


# Whole numbers --------------------------------------------------------------------------------------------------------


def looked_up(model, k):
    return jnp.asarray(TABLE)[k] * jnp.log(model.rate) - model.rate


@pytest.mark.slow
@pytest.mark.parametrize("factoring", [True, False], ids=["factored", "raw"])
def test_whole_numbers_do_not_overflow_in_a_formula(factoring):
    values = random.randint(1, 4_000_000, 100)
    kind = family(lambda m, x: -(x**3) / (3 * m.rate**3) - jnp.log(m.rate), **q)
    sample, path = summarize(kind(2e6), values, factoring)
    assert "whole numbers" not in path
    assert_agrees(kind(2e6), sample, values.astype(float))
    control = np.mean((values.astype(np.int64) ** 3).astype(float))
    assert abs(control) < np.mean(values.astype(float) ** 3) / 2  # what int64 would have made of it


@pytest.mark.slow
@pytest.mark.parametrize("factoring", [True, False], ids=["factored", "raw"])
def test_whole_numbers_stay_what_they_are_where_a_formula_looks_them_up(factoring):
    values, kind = COUNTS % 4, family(looked_up, **q)
    sample, path = summarize(kind(2.0), values, factoring)
    assert path.endswith("; the observations stay whole numbers")
    with jax.enable_x64(True):
        found = float(mean_log_likelihood(kind(2.0), sample))
    assert found == pytest.approx(np.mean(TABLE[values]) * np.log(2) - 2, rel=1e-14)


@pytest.mark.slow
def test_whole_numbers_too_large_for_floating_point_stay_what_they_are():
    model = family(lambda m, k: (k % 10) * m.rate, **q)(1.0)
    with jax.enable_x64(True):
        for largest, kind in ((2**53 - 1, "f"), (2**53, "i"), (-(2**53) + 1, "f"), (-(2**63), "i")):
            assert as_formula_takes(model, np.array([3, largest])).dtype.kind == kind
        assert summarize(model, np.array([2**53 + 1, 2**53 + 3]))[1].endswith("the observations stay whole numbers")


def test_an_array_of_whole_numbers_is_taken_as_floating_point_inside_a_jit(x64):
    class Fourth(Model):
        s: float = parameter(positive)

        def log_prob(self, x):
            return -(x**4) / (4 * self.s**4) - jnp.log(self.s)

    values = random.randint(1, 90_000, 50)
    found = jax.jit(jax.grad(mean_log_likelihood))(Fourth(5e4), jnp.asarray(values)).s
    assert float(found) == pytest.approx(np.mean(values.astype(float) ** 4) / 5e4**5 - 1 / 5e4, rel=1e-12)
