"""Names, domains, types and starting values of the parameters of a model."""

import equinox as eqx
import jax
import numpy as np
import pytest

from mlejax import (
    Domain,
    Gamma,
    Model,
    Normal,
    NormalMixture,
    parameter,
    positive,
    real,
    unit_interval,
)
from mlejax.models.parameters import domains, parameter_dict, parameter_names, with_dtype


def test_a_model_is_a_pytree_of_its_parameters_by_name():
    model = NormalMixture(0.3, -1.0, 2.25, 2.0, 0.25)
    names = ("weight", "first_mean", "first_variance", "second_mean", "second_variance")
    assert parameter_names(model) == names
    assert parameter_dict(model) == dict(zip(names, (0.3, -1.0, 2.25, 2.0, 0.25), strict=True))
    assert domains(model) == (unit_interval, real, positive, real, positive)


class Nested(Model):
    inner: Normal
    weights: dict
    rate: float = parameter(Domain(-1.0, 1.0))
    order: int = eqx.field(static=True, default=3)

    def log_prob(self, x):
        return self.inner.log_prob(x) * self.rate


def test_names_and_domains_reach_into_nested_models_and_containers():
    model = Nested(Normal(0.0, 1.0), {"a": 1.0, "b": [2.0, 3.0]}, 0.5)
    assert parameter_names(model) == (
        "inner.mean",
        "inner.variance",
        "weights['a']",
        "weights['b'][0]",
        "weights['b'][1]",
        "rate",
    )
    assert domains(model) == (real, positive, real, real, real, Domain(-1.0, 1.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_dtype_makes_arrays_of_one_type(dtype):
    model = with_dtype(Normal(1, np.float32(2.5)), dtype)
    assert [leaf.dtype for leaf in jax.tree.leaves(model)] == [dtype, dtype]
    assert [leaf.shape for leaf in jax.tree.leaves(model)] == [(), ()]
    batch = with_dtype(Normal(np.zeros((2, 3)), np.ones((2, 3))), dtype)
    assert batch.mean.shape == (2, 3)


BAD_STARTS = {
    "a negative variance": (Normal(0.0, -1.0), ValueError, "start: Normal.variance must be positive; got -1.0"),
    "a zero variance": (Normal(0.0, 0.0), ValueError, "start: Normal.variance must be positive; got 0.0"),
    "an infinite mean": (Normal(np.inf, 1.0), ValueError, "start: Normal.mean must be finite; got inf"),
    "nan": (Gamma(np.nan, 1.0), ValueError, "start: Gamma.shape must be positive; got nan"),
    "outside an interval": (
        NormalMixture(1.0, 0.0, 1.0, 0.0, 1.0), ValueError, "NormalMixture.weight must be between 0 and 1; got 1.0",
    ),
    "one of many": (Normal(np.zeros(2), np.array([1.0, -2.0])), ValueError, "Normal.variance must be positive"),
    "complex": (Normal(1j, 1.0), TypeError, r"start: Normal.mean must be a real number; got 1j"),
    "a truth value": (Normal(True, 1.0), TypeError, "start: Normal.mean must be a real number; got True"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "error", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_starts_outside_their_domain_are_refused(model, error, message):
    with pytest.raises(error, match=message):
        with_dtype(model, np.float64)


def test_a_model_without_parameters_is_refused():
    class Fixed(Model):
        a: float = eqx.field(static=True, default=1.0)

        def log_prob(self, x):
            return -x

    with pytest.raises(ValueError, match="start: Fixed has no parameters to estimate"):
        with_dtype(Fixed(), np.float64)
