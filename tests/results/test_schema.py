"""The one list of what is kept of every run."""

import jax.numpy as jnp
import numpy as np
import pytest
from zoo import Vector, family

import mlejax
from mlejax import Status, positive
from mlejax.results.schema import QUANTITIES, fit_variables, variables


def test_parameters_come_first_and_then_the_quantities():
    names = [variable.name for variable in variables(mlejax.Gamma(1.0, 1.0))]
    assert names == ["shape", "rate", *QUANTITIES]


def test_a_run_that_has_not_ended_is_blank():
    blank = {variable.name: variable.blank((2,)) for variable in variables(mlejax.Normal(0.0, 1.0))}
    assert blank["status"].tolist() == [Status.RUNNING] * 2
    assert np.isnan(blank["mean"]).all()
    assert (blank["epochs"].dtype, blank["distance"].dtype) == (np.int32, np.float64)


def test_a_vector_has_a_trailing_dimension_of_its_own():
    mean = variables(Vector(jnp.zeros(3)))[0]
    assert [dimension.size for dimension in mean.dims] == [3]
    assert mean.blank((4, 2)).shape == (4, 2, 3)


def test_every_status_has_a_flag():
    attributes = QUANTITIES["status"].attributes
    assert attributes["flag_meanings"].split() == [status.name for status in Status]
    assert attributes["flag_values"].tolist() == [int(status) for status in Status]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("distance", "a result"), ("steps", "a result"), ("seed", "an axis"), ("computed_by", "a result")],
)
def test_a_parameter_with_the_name_of_a_result_or_an_axis_is_refused(name, kind):
    model = family(lambda m, x: -x * getattr(m, name), **{name: positive})(1.0)
    with pytest.raises(ValueError, match=rf"Family\.{name} bears the name of {kind}: give the parameter another name"):
        variables(model)


def test_what_is_kept_of_a_fit_beside_its_parameters():
    assert [variable.name for variable in fit_variables(mlejax.Normal(0.0, 1.0), "group")] == [
        "mean", "variance", "standard_error.mean", "standard_error.variance", "log_likelihood", "distance", "count",
        "steps", "status", "reason",
    ]  # fmt: skip
    vector = {variable.name: variable for variable in fit_variables(Vector(jnp.zeros(3)), "group")}
    assert vector["standard_error.mean"].dims == vector["mean"].dims
    assert vector["reason"].blank((2,)).tolist() == ["", ""]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("count", "a result"), ("reason", "a result"), ("converged", "a result"), ("group", "the axis")],
)
def test_a_parameter_with_the_name_of_a_result_of_a_fit_is_refused(name, kind):
    model = family(lambda m, x: -x * getattr(m, name), **{name: positive})(1.0)
    with pytest.raises(ValueError, match=rf"Family\.{name} bears the name of {kind}: give the parameter another name"):
        fit_variables(model, "group")
    fit_variables(family(lambda m, x: -x * m.epochs, epochs=positive)(1.0), "group")  # which only runs have
