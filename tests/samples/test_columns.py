"""Columns of a table: those that a model does not read need not be numbers."""

import numpy as np
import pandas as pd
import pytest

import mlejax
from mlejax.samples.members import members_of

TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 5.0, 1.0], "town": ["b", "a", "b"], "z": [1.0, np.nan, 2.0]})
ON_X = mlejax.LinearRegression.of(["x"], response="y")


@pytest.mark.parametrize(
    "source", [mlejax.Groups(TABLE, [0, 1, 1]), mlejax.Resamples(TABLE, 2), mlejax.Windows(TABLE, 2)]
)
def test_columns_that_a_regression_does_not_read_need_not_be_numbers(source):
    assert list(members_of(source, ON_X).member(0).values) == ["x", "y"]
    members_of(source, mlejax.Fixed.of(ON_X, variance=1.0))
    for family, name in ((mlejax.LinearRegression.of(["x", "town"], response="y"), "town"), (mlejax.Normal, "town")):
        with pytest.raises(TypeError, match=f"data: {name} must be real numbers"):
            members_of(source, family)
    with pytest.raises(ValueError, match="data: z must be finite; got nan at index 1"):
        members_of(source, mlejax.LinearRegression.of(["x"], response="z"))


def test_a_table_of_text_alone_is_refused():
    with pytest.raises(TypeError, match="data: town must be real numbers"):
        mlejax.Groups(TABLE[["town"]], [0, 1, 1])


def test_a_sweep_refuses_text_that_its_model_reads():
    with pytest.raises(TypeError, match="data: town must be real numbers"):
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0), learning_rates=0.1, observations=mlejax.Groups(TABLE, [0, 1, 1]), progress=False
        )
