"""The doctor: what is wrong on purpose is found, and the families that come with mlejax are healthy."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import mlejax
from mlejax import Model, parameter, positive
from mlejax.models import FAMILIES
from mlejax.models.named import family_named

log_normal_constant = 0.5 * np.log(2 * np.pi)


def by_name(report):
    return {each.name: each for each in report.checks}


class WrongConstant(Model):
    """A normal distribution that forgets its 2 pi."""

    mean: float
    scale: float = parameter(positive)

    def log_prob(self, x):
        return -jnp.log(self.scale) - ((x - self.mean) / self.scale) ** 2 / 2


class NotANumber(Model):
    """A branch that is not taken, whose derivative is NaN."""

    rate: float = parameter(positive)
    support = mlejax.Support(lower=0)

    def log_prob(self, x):
        bend = jnp.where(x > 1e9, jnp.sqrt(self.rate - jax.lax.stop_gradient(self.rate)), 0.0)
        return jnp.log(self.rate) - self.rate * x + bend


class SumOfTwo(Model):
    a: float
    b: float
    scale: float = parameter(positive)

    def log_prob(self, x):
        z = (x - self.a - self.b) / self.scale
        return -log_normal_constant - jnp.log(self.scale) - z**2 / 2


class Narrowing(Model):
    rate: float = parameter(positive)

    def log_prob(self, x):
        return (jnp.log(self.rate) - self.rate * x).astype(jnp.float32)


class TooWide(Model):
    """A density of positive numbers that says it is one of all numbers."""

    rate: float = parameter(positive)

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x + 0 * jnp.log(x)


@jax.custom_jvp
def square(x):
    return x**2


@square.defjvp
def _(primals, tangents):
    return square(primals[0]), 2.1 * primals[0] * tangents[0]


class Lying(Model):
    mean: float

    def log_prob(self, x):
        return -log_normal_constant - square(x - self.mean) / 2


class Overflowing(Model):
    """A logistic distribution whose formula overflows where its scale is small."""

    scale: float = parameter(positive)

    def log_prob(self, x):
        z = jnp.exp(x / self.scale)
        return jnp.log(z / (self.scale * (1 + z) ** 2))


class Idle(Model):
    mean: float
    nothing: float

    def log_prob(self, x):
        return -log_normal_constant - (x - self.mean) ** 2 / 2 + 0 * self.nothing


WRONG = {
    "a wrong constant": (WrongConstant(0.0, 1.0), "normalization", "integrates to 2.50663, not 1", "factor"),
    "a gradient that is NaN": (NotANumber(1.0), "gradient", "not finite, of log_prob", "Where `jnp.where` chooses"),
    "a sum of two": (SumOfTwo(1.0, 2.0, 1.0), "identified", "a by 1, b by -1 change together", "fix one"),
    "a type that is too narrow": (Narrowing(1.0), "formula", "returns float32", "mend this first"),
    "a support that is too wide": (TooWide(1.0), "support", "is nan, inside the support", "needs finite numbers"),
    "a derivative that lies": (Lying(0.0), "gradient", "by differences", "custom_jvp"),
    "overflow": (Overflowing(1.0), "walls", "log_prob", "overflows"),
    "an idle parameter": (Idle(0.0, 1.0), "identified", "when nothing by 1 changes", "fix one"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name", "message", "advice"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found_and_what_to_do_is_said(model, name, message, advice):
    report = mlejax.check(model)
    assert not report.ok
    found = {each.name: each for each in report.findings}
    assert message in found[name].message
    assert advice in found[name].advice


@pytest.mark.slow
def test_a_wrong_constant_is_all_that_is_wrong_with_it():
    assert [each.name for each in mlejax.check(WrongConstant(0.0, 1.0)).findings] == ["normalization"]
    assert [each.name for each in mlejax.check(SumOfTwo(1.0, 2.0, 1.0)).findings] == ["identified"]


@pytest.mark.slow
def test_a_sound_model_of_a_persons_own():
    class Rayleigh(zoo.Rayleigh):
        support = mlejax.Support(lower=0, lower_included=False)

    report = mlejax.check(Rayleigh(2.0))
    assert report.ok, str(report)
    assert "integrates to one" in by_name(report)["normalization"].message


SINGLE = [
    *(
        "normal",
        "lognormal",
        "exponential",
        "gamma",
        "inverse_gamma",
        "weibull",
        "pareto",
        "lomax",
        "beta",
        "student_t",
    ),
    *("cauchy", "laplace", "logistic", "gumbel", "gumbel_min", "loglogistic", "frechet", "generalized_extreme_value"),
    *("generalized_pareto", "rayleigh", "inverse_gaussian", "burr12", "von_mises", "poisson", "geometric"),
    "negative_binomial",
]
"""The families of single numbers that need nothing else."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SINGLE)
def test_every_listed_family_is_sound(name):
    report = mlejax.check(FAMILIES[name])
    assert report.ok, str(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "binomial(10)",
        "fixed(student_t, degrees_of_freedom=4)",
        "shifted(weibull)",
        "truncated(normal, lower=0)",
        "truncated(negative_binomial, lower=1)",
        "zero_inflated(poisson)",
    ],
)
def test_models_of_models_are_sound(name):
    report = mlejax.check(family_named(name))
    assert report.ok, str(report)


@pytest.mark.slow
def test_a_model_of_records_is_looked_at_where_its_observations_are():
    report = mlejax.check(
        mlejax.RightCensored.of(mlejax.Weibull), {"time": [1.0, 2.0, 4.0, 5.0], "event": [1, 0, 1, 1]}
    )
    assert report.ok, str(report)
    assert by_name(report)["normalization"].answer == "cannot tell"


@pytest.mark.slow
def test_the_statistics_and_what_prevents_them_are_named():
    found = mlejax.check(mlejax.Gamma, [1.0, 2.0, 4.0]).facts
    assert found["statistics"] == "the averages of log(x), x"
    assert {"factored time", "raw time"} <= found.keys()
    assert "raw observations: " in mlejax.check(mlejax.Weibull, [1.0, 2.0, 4.0]).facts["data"]


@pytest.mark.slow
def test_whole_numbers_are_not_narrowed():
    class Whole(Model):
        rate: float = parameter(positive)

        def log_prob(self, x):
            return jnp.where(x == 16777217, jnp.log(self.rate) - self.rate * 1e-7 * x, jnp.nan)

    assert "nan" not in by_name(mlejax.check(Whole(1.0), [16777217, 16777217]))["gradient"].message
    assert by_name(mlejax.check(Whole(1.0), [16777217, 16777217]))["gradient"].answer == "ok"


@pytest.mark.slow
def test_json():
    made = json.loads(mlejax.check(Lying(0.0)).to_json())
    assert made["ok"] is False
    assert made["findings"][0]["name"] == "gradient"


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="check needs a model, or a family that finds a start"):
        mlejax.check(Model)
