"""Models that hold a model, against the same formula written out and against SciPy."""

import json

import jax
import numpy as np
import pytest
import scipy.stats
import zoo
from helpers import as_made

import mlejax
from mlejax.models.parameters import Parameters, parameter_dict
from mlejax.models.wrappers import fixed_parameters

WAITS = np.random.RandomState(3).gamma(2.0, 3.0, 60)


# Fixed ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_fixed_parameter_is_not_estimated_and_the_others_keep_their_names():
    result = mlejax.fit(mlejax.Fixed.of(mlejax.StudentT, degrees_of_freedom=9), WAITS)
    location, scale = scipy.stats.t.fit(WAITS, f0=9)[1:]
    assert result.converged
    assert list(result.parameters) == ["location", "scale"]
    # SciPy's simplex ends within 1e-4; the height near a maximum is flat
    assert result.model.location == pytest.approx(location, abs=1e-3)
    assert result.model.scale == pytest.approx(scale, abs=1e-3)
    reference = scipy.stats.t(9, result.model.location, result.model.scale)
    assert result.log_likelihood == pytest.approx(np.sum(reference.logpdf(WAITS)), rel=1e-12)
    assert result.parameter_count == 2


@pytest.mark.slow
def test_a_fixed_number_decides_where_the_maximum_is():
    few, many = (mlejax.fit(mlejax.Fixed.of(mlejax.Weibull, shape=shape), WAITS).model.scale for shape in (1, 2))
    assert few == pytest.approx(np.mean(WAITS), rel=1e-9)  # the closed forms
    assert many == pytest.approx(np.sqrt(np.mean(WAITS**2)), rel=1e-9)


@pytest.mark.slow
def test_the_table_shows_what_is_fixed():
    result = mlejax.fit(mlejax.Fixed.of(mlejax.Weibull, shape=2), WAITS)
    assert str(result).startswith("Fixed(Weibull)\n")
    assert [line.split() for line in str(result).splitlines() if line.startswith("shape")] == [
        ["shape", "2.000000", "fixed", "-"]
    ]
    made = json.loads(result.to_json())
    assert made["fixed"] == {"shape": 2.0}
    assert list(made["parameters"]) == ["scale"]


@pytest.mark.slow
def test_a_fixed_model_is_started_where_it_stands():
    start = mlejax.Fixed.of(mlejax.Normal(1.0, 2.0), mean=3)
    assert (start.mean, start.variance) == (3.0, 2.0)
    assert fixed_parameters(start) == {"mean": 3.0}
    assert mlejax.fit(start, WAITS).model.variance == pytest.approx(np.mean((WAITS - 3) ** 2), rel=1e-9)


@pytest.mark.slow
def test_an_irregular_family_is_regular_where_its_irregular_parameter_is_fixed():
    x = 1.5 + WAITS
    result = mlejax.fit(mlejax.Fixed.of(mlejax.Pareto, minimum=1.5), x)
    assert result.converged
    assert result.model.shape == pytest.approx(1 / np.mean(np.log(x / 1.5)), rel=1e-9)
    assert result.standard_errors.shape == pytest.approx(result.model.shape / np.sqrt(60), rel=1e-6)


def test_two_models_with_other_fixed_numbers_are_other_models(x64):
    one, other = (mlejax.Fixed.of(mlejax.Normal(0.0, 1.0), mean=mean) for mean in (2, 3))
    assert Parameters.of(one) != Parameters.of(other)
    density = jax.jit(lambda model: model.log_prob(2.0))
    assert density(one) == pytest.approx(-np.log(2 * np.pi) / 2)
    assert density(other) == pytest.approx(-np.log(2 * np.pi) / 2 - 0.5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: mlejax.Fixed.of(mlejax.Weibull, rate=2), "Fixed: Weibull has no parameter rate; it has shape, scale"),
        (lambda: mlejax.Fixed.of(mlejax.Weibull, shape=1, scale=2), "no parameter of Weibull is left to estimate"),
        (lambda: mlejax.Fixed.of(mlejax.Weibull), "Fixed needs a parameter to fix"),
        (lambda: mlejax.Fixed.of(mlejax.Weibull, shape="2"), "shape must be a number; got '2'"),
        (lambda: mlejax.Fixed.of(zoo.Rayleigh, scale=1), "such as mlejax.Weibull; got Rayleigh, which has no start"),
        (lambda: mlejax.Fixed.of(mlejax.Normal(0.0, 1.0), variance=-1), "Normal.variance must be positive; got -1"),
        (lambda: mlejax.Fixed.of(3, variance=-1), "needs a family with a start.*; got 3"),
    ],
)
def test_what_cannot_be_fixed_is_refused(make, said):
    with pytest.raises(mlejax.InputError, match=said):
        make()


@pytest.mark.parametrize(
    ("wrapper", "base", "said"),
    [
        (mlejax.RightCensored, mlejax.Weibull, "got Weibull: RightCensored.of takes a family"),
        (mlejax.RightCensored, mlejax.Shifted.of(mlejax.Gamma), "got ShiftedFamily.*: RightCensored.of takes"),
        (mlejax.ZeroInflated, [mlejax.Poisson(1.0)], r"got \[Poisson\(.*: ZeroInflated.of takes a family"),
    ],
)
def test_a_family_is_no_model_to_hold(wrapper, base, said):
    with pytest.raises(TypeError, match=rf"{wrapper.__name__} holds a model, .*; {said}"):
        as_made(wrapper, base=base)


CENSORED = mlejax.RightCensored.of(mlejax.Weibull)


@pytest.mark.parametrize(
    "make",
    [
        lambda: mlejax.Truncated.of(CENSORED, 0.5),
        lambda: mlejax.Shifted.of(CENSORED),
        lambda: mlejax.Mixture.of(CENSORED, 2),
        lambda: mlejax.ZeroInflated.of(CENSORED),
        lambda: mlejax.IntervalCensored.of(CENSORED),
    ],
    ids=["truncated", "shifted", "mixture", "zero inflated", "censored"],
)
def test_a_family_of_records_is_held_by_none_that_needs_numbers(make):
    said = r"needs a family of numbers; RightCensored\(Weibull\) is of records of time and event; RightCensored.of goes"
    with pytest.raises(TypeError, match=said):
        make()
    with pytest.raises(TypeError, match="LinearRegression is of records of a response and features"):
        mlejax.Truncated.of(mlejax.LinearRegression, 0.0)
    assert mlejax.Fixed.of(CENSORED, shape=1.0).start((np.array([1.0, 2.0]), np.ones(2))).shape == 1.0


@pytest.mark.slow
def test_a_number_that_is_traced_cannot_be_fixed():
    def scale(degrees):
        return mlejax.Fixed.of(mlejax.StudentT(0.0, 1.0, 5.0), degrees_of_freedom=degrees).base.scale

    with pytest.raises(TypeError, match=r"Fixed: degrees_of_freedom must be known .* make it a part of each observat"):
        jax.jit(scale)(4.0)


def test_a_fixed_model_draws(x64):
    draws = mlejax.Fixed.of(mlejax.Normal(0.0, 1.0), mean=100).sample(jax.random.key(0), (50,))
    assert abs(np.mean(draws) - 100) < 1


def test_names_that_would_be_the_same_stay_long():
    class Outer(mlejax.Model):
        base: mlejax.Normal
        mean: float

        def log_prob(self, x):
            return self.base.log_prob(x - self.mean)

    assert list(parameter_dict(Outer(mlejax.Normal(0.0, 1.0), 2.0))) == ["base.mean", "base.variance", "mean"]
