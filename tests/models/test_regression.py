"""Regressions: their formulas against SciPy, what they take, and what their numbers are called."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mlejax
from mlejax import InputError, LinearRegression, LogisticRegression, PoissonRegression

X = np.random.RandomState(3).normal(size=(20, 2))
SAMPLE = {"features": X, "offset": np.linspace(0, 1, 20)}
ETA = 0.5 + X @ np.array([1.0, -2.0]) + SAMPLE["offset"]
COEFFICIENTS = np.array([0.5, 1.0, -2.0])

MODELS = {
    "linear": (LinearRegression(COEFFICIENTS, 2.0), X[:, 0], stats.norm.logpdf(X[:, 0], ETA, np.sqrt(2.0))),
    "logistic": (
        LogisticRegression(COEFFICIENTS), X[:, 0] > 0, stats.bernoulli.logpmf(X[:, 0] > 0, 1 / (1 + np.exp(-ETA))),
    ),
    "poisson": (PoissonRegression(COEFFICIENTS), np.arange(20), stats.poisson.logpmf(np.arange(20), np.exp(ETA))),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("model", "response", "expected"), MODELS.values(), ids=MODELS)
def test_the_formula_is_that_of_scipy(model, response, expected):
    with jax.enable_x64(True):
        sample = SAMPLE | {"response": np.asarray(response, float)}
        found = jax.device_get(jax.vmap(model.log_prob)(sample))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.slow
def test_a_table_a_record_and_its_columns_give_one_fit():
    table = pd.DataFrame({"age": X[:, 0], "income": X[:, 1], "pulse": ETA + np.cos(np.arange(20))})
    by_name = mlejax.fit(LinearRegression.of(["age", "income"], response="pulse"), table, progress=False)
    as_record = mlejax.fit(LinearRegression, {"features": X, "response": table["pulse"]}, progress=False)
    assert list(by_name.parameters) == [
        "coefficients[intercept]", "coefficients[age]", "coefficients[income]", "variance",
    ]  # fmt: skip
    np.testing.assert_allclose(list(by_name.parameters.values()), list(as_record.parameters.values()), rtol=1e-12)
    design = np.concatenate([np.ones((20, 1)), X], axis=1)
    expected = np.linalg.lstsq(design, table["pulse"], rcond=None)[0]
    np.testing.assert_allclose(by_name.model.coefficients, expected, rtol=1e-12)
    assert list(as_record.parameters)[:2] == ["coefficients[intercept]", "coefficients[0]"]


@pytest.mark.slow
def test_without_an_intercept_and_with_weights():
    weights = np.arange(20) % 3 + 0.0
    family = LinearRegression.of(("a", "b"), intercept=False)
    result = mlejax.fit(family, {"features": X, "response": ETA}, weights=weights, progress=False)
    root = np.sqrt(weights)
    expected = np.linalg.lstsq(X * root[:, None], ETA * root, rcond=None)[0]
    np.testing.assert_allclose(result.model.coefficients, expected, rtol=1e-12)
    variance = np.average((ETA - X @ expected) ** 2, weights=weights)
    assert result.model.variance == pytest.approx(variance, rel=1e-12)
    assert list(result.parameters) == ["coefficients[a]", "coefficients[b]", "variance"]


@pytest.mark.slow
def test_a_logistic_and_a_poisson_regression_solve_their_equations():
    design = np.concatenate([np.ones((20, 1)), X], axis=1)
    counts = np.random.RandomState(5).poisson(np.exp(0.3 * ETA))
    for family, response, mean in (
        (LogisticRegression, (np.arange(20) % 3 > 0) * 1, lambda eta: 1 / (1 + np.exp(-eta))),
        (PoissonRegression, counts, np.exp),
    ):
        result = mlejax.fit(family, SAMPLE | {"response": response}, progress=False)
        expected = mean(design @ result.model.coefficients + SAMPLE["offset"])
        np.testing.assert_allclose(design.T @ (response - expected), 0, atol=1e-9)  # the score of a canonical link
        assert result.converged


REFUSED = {
    "an array": (LinearRegression, X, "LinearRegression needs a record of a response and features"),
    "no response": (LinearRegression, {"features": X}, "LinearRegression needs a column 'response'; the sample"),
    "no features": (PoissonRegression, {"response": np.arange(20)}, "needs features: name the columns"),
    "a column that is not there": (
        LinearRegression.of(["age"], response="y"), {"y": np.arange(3), "x": np.arange(3)},
        "LinearRegression needs a column 'age'; the sample has y, x|x, y",
    ),
    "another number of columns": (
        LinearRegression.of(["age"]), {"features": X, "response": ETA}, "has 1 columns; the features have 2",
    ),
    "no zero or one": (
        LogisticRegression, {"features": X, "response": np.arange(20)},
        "LogisticRegression needs whole numbers >= 0 and <= 1 for response; got 2",
    ),
    "a negative count": (
        PoissonRegression, {"features": X, "response": np.arange(20) - 1},
        "PoissonRegression needs whole numbers >= 0 for response; got -1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("family", "sample", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_regression_is_refused(family, sample, message):
    with pytest.raises(InputError, match=message):
        mlejax.fit(family, sample, progress=False)


def test_a_family_of_numbers_says_that_it_takes_no_table():
    with pytest.raises(InputError, match="Normal finds no start in these observations, each a record of x, y"):
        mlejax.fit(mlejax.Normal, {"x": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0]}, progress=False)


def test_columns_may_be_lists():
    model = LinearRegression(np.zeros(2), 1.0, ("x",), True, "y", "")
    found = mlejax.log_likelihood(model, {"x": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0]})
    assert found == pytest.approx(stats.norm.logpdf([1.0, 2.0, 3.0]).sum(), rel=1e-14)


def test_a_table_may_have_columns_that_are_not_used():
    table = {"age": [30.0, 40.0, 50.0, 60.0], "pulse": [71.0, 72.0, 75.0, 78.0]}
    family = mlejax.LinearRegression.of(["age"], response="pulse")
    found = mlejax.fit(family, table | {"town": ["a", "b", "c", "d"], "seen": [1.0, np.nan, 2.0, 3.0]})
    np.testing.assert_array_equal(found.model.coefficients, mlejax.fit(family, table).model.coefficients)
    assert list(found.observations) == ["age", "pulse"]
    with pytest.raises(InputError, match="needs a column 'weight'; the sample has age, pulse"):
        mlejax.fit(mlejax.LinearRegression.of(["weight"], response="pulse"), table)


@pytest.mark.slow
def test_an_intercept_alone_is_the_distribution_without_columns():
    numbers, counts = ETA + 1e6, np.arange(20) % 7
    linear = mlejax.fit(LinearRegression.of([], response="y"), {"y": numbers, "town": ["Rome"] * 20}, progress=False)
    normal = mlejax.fit(mlejax.Normal, numbers, progress=False)
    assert list(linear.parameters) == ["coefficients[intercept]", "variance"]
    np.testing.assert_allclose(list(linear.parameters.values()), list(normal.parameters.values()), rtol=1e-14)
    np.testing.assert_allclose(linear.standard_errors.coefficients[0], normal.standard_errors.mean, rtol=1e-12)
    assert linear.log_likelihood == pytest.approx(normal.log_likelihood, rel=1e-14)
    exposure = np.linspace(0, 1, 20)
    poisson = mlejax.fit(PoissonRegression.of([]), {"response": counts, "offset": exposure}, progress=False)
    assert poisson.model.coefficients[0] == pytest.approx(np.log(counts.sum() / np.exp(exposure).sum()), rel=1e-12)
    odds = mlejax.fit(LogisticRegression.of([]), {"response": counts > 1}, progress=False)
    assert odds.model.coefficients[0] == pytest.approx(np.log(np.sum(counts > 1) / np.sum(counts <= 1)), rel=1e-12)


@pytest.mark.slow
def test_one_observation_of_many_columns_has_no_maximum():
    with pytest.warns(mlejax.ConvergenceWarning, match="there is one observation: the columns fit the response"):
        mlejax.fit(LinearRegression, {"features": X[:1], "response": [3.0]})


def test_without_columns_and_intercept_there_is_no_predictor():
    with pytest.raises(InputError, match="LinearRegression needs an intercept or columns; it has neither"):
        LinearRegression.of([], intercept=False)


@pytest.mark.parametrize("eta", [-40.0, -20.0, 0.1, 20.0, 40.0])
def test_a_response_that_was_nearly_certain_keeps_the_digits_of_its_score(eta, x64):
    model = LogisticRegression(np.array([eta, 0.0]))
    for y, slope in ((0, -1 / (1 + np.exp(-eta))), (1, 1 / (1 + np.exp(eta)))):
        found = jax.grad(lambda model, y=y: model.log_prob({"features": np.zeros(1), "response": float(y)}))(model)
        np.testing.assert_allclose(found.coefficients[0], slope, rtol=1e-14)
