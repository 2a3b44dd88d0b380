"""Models whose parameters are given by name."""

import pytest

import mlejax
from mlejax.cli.models import family_of
from mlejax.cli.numbers import parameter_values
from mlejax.cli.output import UsageError
from mlejax.cli.targets import target_of
from mlejax.models.base import name_of
from mlejax.models.parameters import entry_dict

TRUE = {
    "beta": ("Beta", {"a": 2.0, "b": 3.0}),
    "binomial(10)": ("Binomial", {"probability": 0.25}),
    "categorical": ("Categorical", {"probabilities[0]": 0.25, "probabilities[1]": 0.25, "probabilities[2]": 0.5}),
    "fixed(gamma,shape=2)": ("Fixed(Gamma)", {"rate": 3.0}),
    "truncated(normal,lower=20)": ("Truncated(Normal, lower 20)", {"mean": 0.0, "variance": 30.0}),
    "truncated(poisson,upper=4)": ("Truncated(Poisson, upper 4)", {"rate": 30.0}),
    "mixture(exponential,2)": (
        "Mixture(Exponential)",
        {"rate[0]": 1.0, "rate[1]": 5.0, "weights[0]": 0.25, "weights[1]": 0.75},
    ),
}


def said(true):
    """Return parameters as the command line reads them."""
    return parameter_values(",".join(f"{name}={value}" for name, value in true.items()))


@pytest.mark.parametrize("model", TRUE)
def test_a_model_has_the_parameters_that_are_given(model):
    name, true = TRUE[model]
    found = target_of(family_of(model), said(true))
    assert name_of(found) == name
    assert {name: float(value) for name, value in entry_dict(found).items()} == true


def test_of_a_symmetric_matrix_one_of_each_pair_will_do():
    true = {"mean[0]": 1.0, "mean[1]": 2.0, "covariance[0,0]": 1.0, "covariance[0,1]": 0.5, "covariance[1,1]": 2.0}
    found = target_of(mlejax.MultivariateNormal, said(true))
    assert found.mean.tolist() == [1.0, 2.0]
    assert found.covariance.tolist() == [[1.0, 0.5], [0.5, 2.0]]


@pytest.mark.parametrize(
    ("true", "message"),
    [
        ({"mean[0]": 1.0, "mean[1]": 2.0}, r"--true needs covariance\[0,0\], too: the parameters of Mult"),
        ({"center": 1.0}, "--true center: the parameters of Mult"),
        (
            {"mean[0]": 1.0, "mean[1]": 2.0, "covariance[0,0]": 1.0, "covariance[0,1]": 5.0, "covariance[1,1]": 2.0},
            "MultivariateNormal.covariance must be a symmetric positive definite matrix",
        ),
    ],
)
def test_what_makes_no_model_is_refused(true, message):
    with pytest.raises(UsageError, match=message):
        target_of(mlejax.MultivariateNormal, said(true))
