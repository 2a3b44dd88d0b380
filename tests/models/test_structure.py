"""Models in plain values: what is made again has the structure and the formula of what was described."""

import json

import jax
import numpy as np
import pytest
from zoo import Rayleigh

import mlejax
from mlejax.models.parameters import Parameters
from mlejax.models.structure import described, family_of, model_called, rebuilt, structure_recorded

X = np.array([1.0, 2.0, 2.5, 4.0, 7.0])
MODELS = {
    "plain": mlejax.Gamma(2.0, 1.0),
    "a number of trials": mlejax.Binomial(10, 0.3),
    "fixed": mlejax.Fixed.of(mlejax.StudentT(0.0, 1.0, 3.0), degrees_of_freedom=9),
    "an array fixed": mlejax.Fixed.of(mlejax.MultivariateNormal(np.zeros(2), np.eye(2)), mean=[1.0, -2.0]),
    "shifted": mlejax.Shifted(mlejax.Weibull(2.0, 1.0), 3.0),
    "truncated below": mlejax.Truncated(mlejax.Normal(1.0, 1.0), 0.0),
    "a mixture": mlejax.Mixture.of([mlejax.Normal(0.0, 1.0), mlejax.Normal(5.0, 1.0)], [0.3, 0.7]),
    "censored": mlejax.RightCensored(mlejax.Weibull(1.0, 2.0)),
    "further zeros": mlejax.ZeroInflated(mlejax.Poisson(2.0), 0.1),
    "two wrappers": mlejax.Truncated(mlejax.Fixed.of(mlejax.Normal(0.0, 1.0), mean=0), -1.0, 8.0),
    "a regression": mlejax.LinearRegression(np.zeros(3), 1.0, columns=("a", "b"), response="y"),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_a_model_is_made_again_from_plain_values(model):
    table = Parameters.of(model)
    shapes = dict(zip(table.names, table.shapes, strict=True))
    again = rebuilt(json.loads(json.dumps(described(model), allow_nan=False)), shapes)
    assert jax.tree.structure(again) == jax.tree.structure(model)  # fixed numbers and limits are part of it
    assert [np.shape(leaf) for leaf in jax.tree.leaves(again)] == [np.shape(leaf) for leaf in jax.tree.leaves(model)]


@pytest.mark.parametrize(
    ("name", "family"),
    {
        "plain": mlejax.Gamma,
        "a number of trials": mlejax.Binomial.of(10),
        "fixed": mlejax.Fixed.of(mlejax.StudentT, degrees_of_freedom=9),
        "an array fixed": mlejax.Fixed.of(mlejax.MultivariateNormal, mean=[1.0, -2.0]),
        "shifted": mlejax.Shifted.of(mlejax.Weibull),
        "truncated below": mlejax.Truncated.of(mlejax.Normal, 0.0),
        "a mixture": mlejax.Mixture.of(mlejax.Normal, 2),
        "censored": mlejax.RightCensored.of(mlejax.Weibull),
        "further zeros": mlejax.ZeroInflated.of(mlejax.Poisson),
        "two wrappers": mlejax.Truncated.of(mlejax.Fixed.of(mlejax.Normal, mean=0), -1.0, 8.0),
        "a regression": mlejax.LinearRegression.of(["a", "b"], response="y"),
    }.items(),
)
def test_the_family_of_a_model_is_the_one_that_finds_it(name, family):
    assert family_of(MODELS[name]) == family


def test_models_of_others_making_are_not_described():
    assert described(Rayleigh(1.0)) is None
    assert described(mlejax.Truncated(Rayleigh(1.0), 1.0)) is None

    class Gamma(mlejax.Gamma):
        """Another class of the same name."""

    assert described(Gamma(2.0, 1.0)) is None
    assert structure_recorded(mlejax.Gamma(2.0, 1.0)) == {}  # its class says all


def test_what_is_no_description_of_today_is_not_made():
    with pytest.raises(LookupError, match=r"no class os\.system"):
        rebuilt({"class": "os.system"}, {})
    with pytest.raises(LookupError, match="has no field trials"):
        rebuilt({"class": "continuous.Gamma", "trials": {"given": 3}}, {"shape": (), "rate": ()})
    with pytest.raises(LookupError, match="has 2 parameters, not 1"):
        rebuilt({"class": "continuous.Gamma"}, {"shape": ()})
    assert model_called("Gamma", {"shape": (), "scale": ()}, None) is None
    assert model_called("Rayleigh_", {"scale": ()}, None) is None
    assert type(model_called("Gamma", {"shape": (), "rate": ()}, {"class": "continuous.Old"})) is mlejax.Gamma
