"""What a sweep is asked: what is refused, and the names of formulas and optimizers in its record."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import printed_by
from zoo import Rayleigh

import mlejax

sweep = functools.partial(mlejax.sweep, mlejax.Normal(0.0, 1.0), progress=False)
REFUSED = {
    "no seeds": ({"seeds": []}, ValueError, "seeds must be a non-empty sequence of numbers"),
    "a seed twice": ({"seeds": [1, 2, 1]}, ValueError, "seeds must be distinct; got 1 at index 0 and 2"),
    "a negative seed": ({"seeds": [0, -1]}, ValueError, "seeds must be whole numbers .* got -1 at index 1"),
    "half a seed": ({"seeds": [0.5]}, ValueError, "seeds must be whole numbers .* got 0.5 at index 0"),
    "a seed's name": ({"seeds": ["a"]}, TypeError, "seeds must be .* numbers; got"),
    "a negative rate": (
        {"learning_rates": [0.1, 0.2, 0.3, -0.1]},
        ValueError,
        r"learning_rates must be positive; got -0.1 at index 3",
    ),
    "no rate": ({"learning_rates": []}, ValueError, "learning_rate must be a non-empty sequence"),
    "a rate twice": (
        {"learning_rates": [0.1, 0.1]},
        ValueError,
        "learning_rate must be distinct; got 0.1 at index 0 and 1",
    ),
    "rates of another model": (
        {"learning_rates": mlejax.Gamma([0.1], [0.1])},
        TypeError,
        "learning_rates: expected a Normal, as the start is; got a Gamma",
    ),
    "a bad rate of a parameter": (
        {"learning_rates": mlejax.Normal([0.1, 0.0], 0.1)},
        ValueError,
        r"learning_rate.mean must be positive; got 0 at index 1",
    ),
    "no starts": ({"starts": []}, ValueError, "starts must be a non-empty sequence of models"),
    "a start of another model": (
        {"starts": [mlejax.Gamma(1.0, 1.0)]},
        TypeError,
        "starts: expected a Normal, as the start is; got a Gamma",
    ),
    "a start outside": (
        {"starts": [mlejax.Normal(0.0, 1.0), mlejax.Normal(0.0, -1.0)]},
        ValueError,
        r"starts\[1\]: Normal.variance must be positive; got -1",
    ),
    "no epochs": ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number .* got 0"),
    "no patience": ({"patience": [5, 0]}, ValueError, "patience must be whole numbers .* got 0 at index 1"),
    "a negative tolerance": ({"tolerance": -1.0}, ValueError, "tolerance must be at least 0; got -1"),
    "another dtype": ({"dtype": "float16"}, ValueError, "dtype must be float64 or float32; got 'float16'"),
    "another draw": ({"draw": "torch"}, ValueError, "draw must be one of jax, numpy, statistics; got 'torch'"),
    "one observation": ({"observations": 1}, ValueError, "observations must be a whole number from 2 .* got 1"),
    "observations that are not finite": ({"observations": [1.0, np.nan]}, ValueError, "nan"),
    "a negative base seed": ({"base_seed": -1}, ValueError, "base_seed must be a whole number .* got -1"),
    "all held out": ({"validation_fraction": 1.0}, ValueError, "validation_fraction"),
    "a target for NumPy": (
        {"target": mlejax.Gamma(1.0, 1.0), "draw": "numpy"},
        ValueError,
        "draw='numpy' draws from a Normal target, as the article does; got Gamma",
    ),
}


@pytest.mark.parametrize(("arguments", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_are_refused(arguments, error, message):
    usual = {"seeds": [0], "learning_rates": [0.1], "observations": 10}
    with pytest.raises(error, match=message):
        sweep(**usual | arguments)


def test_what_is_no_model_is_refused_by_name():
    program = """
import mlejax
for arguments in ({"model": (0.0, 1.0)}, {"target": 3}, {"starts": [1.0]}):
    try:
        mlejax.sweep(**{"model": mlejax.Normal(0.0, 1.0), "seeds": [0], "learning_rates": [0.1]} | arguments)
    except TypeError as refusal:
        print(refusal)
"""
    for name, line in zip(("start", "target", "starts[0]"), printed_by(program).splitlines(), strict=True):
        assert line.startswith(f"{name} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got")


def test_a_model_without_a_target_cannot_be_drawn():
    with pytest.raises(ValueError, match="give the target= to draw from, or give data"):
        mlejax.sweep(Rayleigh(1.0), seeds=[0], learning_rates=[0.1], progress=False)
    with pytest.raises(TypeError, match="target: Rayleigh cannot draw; give it a method sample"):
        mlejax.sweep(Rayleigh(1.0), seeds=[0], learning_rates=[0.1], target=Rayleigh(2.0), progress=False)


def test_formulas_and_optimizers_have_the_same_name_in_every_process():
    """A store refuses another formula by its name: it must not depend on where functions lie in memory."""
    program = """
import jax, numpy as np, optax, mlejax
from mlejax.sweeps.spec import fingerprint, formula_digest
class Hidden(mlejax.Model):
    a: float
    def log_prob(self, x):
        return jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((), np.float64), x * self.a)
with jax.enable_x64(True):
    one = np.float64(1.0)
    names = [formula_digest(Hidden(one)), formula_digest(mlejax.NormalMixture(one / 2, one, one, one, one))]
    names += [fingerprint(o, mlejax.Normal(one, one)) for o in (optax.adam(0.1), mlejax.natural_gradient())]
print(*names)
"""
    printed = {printed_by(program) for _ in range(2)}
    assert len(printed) == 1


def test_other_formulas_and_optimizers_have_other_names():
    from mlejax.sweeps.spec import fingerprint, formula_digest

    def scaled(by):
        constant = np.linspace(0.0, by, 50)

        class Tabled(mlejax.Model):
            a: float

            def log_prob(self, x):
                return self.a * x * jnp.sum(jnp.asarray(constant))

        return Tabled(np.float64(1.0))

    with jax.enable_x64(True):
        assert formula_digest(scaled(1.0)) != formula_digest(scaled(2.0))
        start = mlejax.Normal(np.float64(0.0), np.float64(1.0))
        names = [fingerprint(o, start) for o in (None, optax.scale(0.1), optax.scale(0.1 + 1e-12), optax.adam(0.1))]
        assert len(set(names)) == 4
