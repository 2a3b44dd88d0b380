"""What a model must have."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlejax import Categorical, Model, fit, parameter, simplex
from mlejax.models.parameters import parameter_names


def test_a_model_without_log_prob_is_abstract():
    class Empty(Model):
        a: float

    with pytest.raises(TypeError, match="abstract"):
        Empty(1.0)


class Shares(Model):
    of_each: Any = parameter(simplex)
    slopes: Any = parameter(default=(0.0, 1.0))

    def log_prob(self, x):
        return jnp.log(self.of_each)[x] + self.slopes @ self.slopes


def test_a_list_of_numbers_is_an_array_of_them():
    model = Shares([0.25, 0.75])
    assert parameter_names(model) == ("of_each", "slopes")
    assert (type(model.of_each), model.of_each.tolist(), model.slopes.tolist()) == (np.ndarray, [0.25, 0.75], [0, 1])
    np.testing.assert_array_equal(Shares([[1, 2], [3, 4]]).of_each, [[1, 2], [3, 4]])
    assert jax.jit(lambda a: Shares([a, 1 - a]).of_each)(0.25).tolist() == [0.25, 0.75]


def test_what_is_no_list_of_numbers_stays_as_it_is():
    for value in ([[1.0], [2.0, 3.0]], [], ["a"], [None, 1.0]):
        assert Shares(value).of_each is value
    assert Shares(0.5).of_each == 0.5
    inner = [Shares(0.5)]
    assert Shares(inner).of_each is inner


def test_lists_are_what_arrays_are_to_a_fit():
    outcomes = [0, 1, 1, 2, 1]
    for model in (Categorical([0.2, 0.3, 0.5]), Categorical((0.2, 0.3, 0.5))):
        found = fit(model, outcomes, progress=False)
        np.testing.assert_allclose(found.model.probabilities, [0.2, 0.6, 0.2], rtol=1e-9)
    with pytest.raises(ValueError, match=r"Categorical.probabilities must be .* add"):
        fit(Categorical([0.2, 0.3, 0.6]), outcomes, progress=False)
