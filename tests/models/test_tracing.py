import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import zoo

import mlejax
from mlejax import Normal, positive
from mlejax.models import tracing
from mlejax.models.tracing import check_formula

BRANCH = r"Family.log_prob decides by a value .* as `if x > 0` does: write jnp.where\(x > 0, ..., ...\)"
AWAY = r"Family.log_prob hands a value to NumPy, SciPy or math, .* use jax.numpy and jax.scipy .* jnp.log\(x\)"
FORMULAS = {
    "if on a parameter": (lambda m, x: -x * m.a if m.a > 0 else 0.0, TypeError, BRANCH),
    "if on the data": (lambda m, x: -x * m.a if x > 0 else -m.a, TypeError, BRANCH),
    "NumPy": (lambda m, x: np.log(m.a) - m.a * x, TypeError, AWAY),
    "SciPy": (lambda m, x: scipy.stats.expon.logpdf(x, scale=1 / m.a), TypeError, AWAY),
    "math": (lambda m, x: math.log(m.a) - m.a * x, TypeError, AWAY),
    "float32": (lambda m, x: (-m.a * x).astype(jnp.float32), TypeError, "Family.log_prob returns float32 though"),
    "an integer": (lambda m, x: jnp.asarray(m.a * x, jnp.int64), TypeError, "must return a real number; got .* int64"),
    "complex": (lambda m, x: 1j * m.a * x, TypeError, "must return a real number; got one of type complex128"),
    "nothing": (lambda m, x: None, TypeError, "Family.log_prob must return one number; got None"),
    "a pair": (lambda m, x: (m.a, x), TypeError, r"Family.log_prob must return one number; got \("),
    "an array": (lambda m, x: jnp.stack([m.a, x]), ValueError, r"must return one number; got shape \(2,\)"),
}


@pytest.mark.parametrize(("formula", "error", "message"), FORMULAS.values(), ids=FORMULAS)
def test_what_jax_cannot_follow_is_a_sentence_with_a_remedy(formula, error, message):
    with pytest.raises(error, match=message):
        mlejax.train(zoo.family(formula, a=positive)(1.0), [1.0, 2.0], progress=False)


def test_a_parameter_that_is_none_is_named():
    with pytest.raises(TypeError, match=r"start: Normal.mean must be a real number; got None"):
        mlejax.train(Normal(None, 1.0), [1.0, 2.0], progress=False)


@pytest.mark.parametrize("dtype", [np.float64, np.int64], ids=str)
def test_formulas_that_jax_follows_pass(dtype):
    for formula in (lambda m, x: jnp.where(x > 0, -m.a * x, -m.a), lambda m, x: -m.a * jax.lax.stop_gradient(x)):
        check_formula(zoo.family(formula, a=positive)(1.0), jax.ShapeDtypeStruct((), dtype))
    check_formula(Normal(0, 1), jax.ShapeDtypeStruct((), dtype))


DATA = np.array([1.0, 2.0, 4.0])
ENTRIES = {
    "log_likelihood": lambda model: mlejax.log_likelihood(model, DATA),
    "whole numbers": lambda model: mlejax.log_likelihood(model, [1, 2, 4]),
    "score": lambda model: mlejax.score(model, DATA),
    "summarize": lambda model: mlejax.summarize(model, DATA),
    "draws": lambda model: mlejax.SweepSpec.checked(
        model, seeds=[0], learning_rates=[0.1], observations=mlejax.Draws(Normal(0.0, 1.0), 50)
    ),
    "data": lambda model: mlejax.SweepSpec.checked(model, seeds=[0], learning_rates=[0.1], observations=DATA),
    "train_step": lambda model: mlejax.train_step(mlejax.init_state(model), DATA, None, 0.1),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_way_in_says_the_same_of_a_formula(entry):
    with pytest.raises(mlejax.InputError, match=BRANCH):
        entry(zoo.family(lambda m, x: -x * m.a if m.a > 0 else 0.0, a=positive)(1.0))
    with pytest.raises(ZeroDivisionError) as fault:
        entry(zoo.family(lambda m, x: x * m.a * (1 // 0), a=positive)(1.0))
    assert "while JAX traced Family.log_prob" in fault.value.__notes__


class HoldsAnArray(mlejax.Model):
    """A formula with numbers that are no parameters."""

    mean: float
    shifts: object = eqx.field(static=True)

    def log_prob(self, x):
        return -0.5 * (x - self.mean - jnp.asarray(self.shifts)[1]) ** 2


@pytest.mark.filterwarnings("ignore:A JAX array is being set as static")
@pytest.mark.parametrize("array", [np.arange(2.0), np.arange(3)], ids=["floats", "integers"])
def test_a_static_array_is_refused_with_a_remedy(array):
    said = r"HoldsAnArray.shifts is a static field that holds an array, .* give a tuple of numbers, .* got array\("
    for entry in (*ENTRIES.values(), lambda model: mlejax.train(model, DATA, progress=False)):
        with pytest.raises(mlejax.InputError, match=said):
            entry(HoldsAnArray(0.0, array))
    # (1 - 1)^2 + (2 - 1)^2 + (4 - 1)^2
    assert mlejax.log_likelihood(HoldsAnArray(0.0, (0.0, 1.0)), DATA) == -5.0


def test_a_sample_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"Normal.log_prob must return one number; got shape \(2,\) for one obs"):
        mlejax.log_likelihood(Normal(0.0, 1.0), np.ones((3, 2)))


SCALE = 1.0


class ReadsAGlobal(mlejax.Model):
    """A formula with a number that is no field of the model."""

    mean: float

    def log_prob(self, x):
        return -0.5 * ((x - self.mean) / SCALE) ** 2 - jnp.log(SCALE)


@pytest.mark.slow
def test_a_formula_that_reads_a_changed_value_is_refused(monkeypatch):
    data = {"observations": [1.0, 2.0, 4.0], "validation_fraction": 0, "progress": False}
    before = mlejax.train(ReadsAGlobal(0.0), **data).log_likelihood
    assert mlejax.train(ReadsAGlobal(0.0), **data).log_likelihood == before
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    with pytest.raises(ValueError, match=r"ReadsAGlobal.log_prob reads a value that has changed .* static field"):
        mlejax.train(ReadsAGlobal(0.0), **data)
    for observations in ([1.0, 2.0, 4.0, 7.0], mlejax.Draws(mlejax.Normal(0.0, 1.0), 50)):
        with pytest.raises(ValueError, match="reads a value that has changed"):
            mlejax.sweep(ReadsAGlobal(0.0), seeds=[0], learning_rates=[0.1], observations=observations, progress=False)


class ReadsAList(mlejax.Model):
    """A formula with a number in a list, which can change without another list taking its place."""

    mean: float
    shift: list = eqx.field(static=True)

    def log_prob(self, x):
        return -0.5 * (x - self.mean - self.shift[0]) ** 2


STALE = {
    "outside": lambda model: mlejax.log_likelihood(model, DATA),
    "a gradient": lambda model: jax.grad(lambda m: mlejax.log_likelihood(m, DATA))(model).mean,
    "errors": lambda model: mlejax.standard_errors(model, DATA).mean,
}


@pytest.mark.slow
@pytest.mark.parametrize("function", STALE.values(), ids=STALE)
def test_no_function_goes_on_with_an_old_value(monkeypatch, function):
    shift = [0.0]
    one, other = ReadsAGlobal(0.0), ReadsAList(0.0, shift)
    before = function(one), function(other)
    assert (function(one), function(other)) == before
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    shift[0] = 1.0
    for model in (one, other):
        with pytest.raises(ValueError, match=r"log_prob reads a value that has changed .* or an element of a list"):
            print(function(model))


def test_a_model_of_models_of_the_library_is_traced_once_and_one_of_a_persons_own_every_time(monkeypatch):
    class Own(mlejax.Model):
        rate: float = mlejax.parameter(positive)
        support = mlejax.Support(lower=0.0)

        def log_prob(self, x):
            return jnp.log(self.rate) - self.rate * x

    traced, trace = [], tracing._traced
    monkeypatch.setattr(tracing, "_traced", lambda model, x: traced.append(type(model.base)) or trace(model, x))
    for base in (mlejax.Weibull(1.5, 2.0), Own(1.0)):
        for location in (3.0, 4.0, 5.0):
            check_formula(mlejax.Shifted(base, location))
    assert traced[traced.index(Own) :] == [Own] * 3
    assert traced.count(mlejax.Weibull) <= 1
