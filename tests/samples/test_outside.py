"""Calls outside any JAX transformation: what they refuse."""

import numpy as np
import pytest

import mlejax
from mlejax import Normal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0, 1.0]), r"score\(\) too many positional arguments"),
        ((), r"score\(\) missing a required argument: 'sample'"),
    ],
)
def test_a_call_with_other_arguments_says_which(arguments, message):
    with pytest.raises(TypeError, match=message):
        mlejax.score(Normal(0.0, 1.0), *arguments)


def test_weights_given_by_name_are_not_taken_for_the_sample():
    model, weights = Normal(0.0, 1.0), np.array([1.0, 2.0])
    with pytest.raises(TypeError, match=r"log_likelihood\(\) got an unexpected keyword argument 'weights': .*Observ"):
        mlejax.log_likelihood(model, np.array([3.0, 4.0]), weights=weights)
    with pytest.raises(TypeError, match="log_likelihood"):
        mlejax.log_likelihood(model, weights=weights)
    assert mlejax.log_likelihood(model, sample=weights) == mlejax.log_likelihood(model, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0], "weights must be at least 0; got -2 at index 1"),
        ([1.0], r"one for each of 2 observations; got shape"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    sample = mlejax.Observations(np.array([3.0, 4.0]), weights=np.array(weights))
    for function in (mlejax.log_likelihood, mlejax.maximize):
        with pytest.raises(ValueError, match=message):
            function(Normal(0.0, 1.0), sample)
