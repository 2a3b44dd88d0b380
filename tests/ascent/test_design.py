"""Regressions on orthonormal columns: certified values, any unit, and columns that cannot be told apart."""

import warnings

import nist
import numpy as np
import pytest

import mlejax
from mlejax import Fixed, LinearRegression, LogisticRegression, NegativeBinomialRegression, PoissonRegression, fit
from mlejax.ascent.design import design_for
from mlejax.models.rows import take
from mlejax.status import Status

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(30, 2))


def quietly(family, sample, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlejax.ConvergenceWarning)
        return fit(family, sample, progress=False, **given)


@pytest.mark.slow
@pytest.mark.parametrize("name", nist.PROBLEMS)
def test_certified_regressions(name):
    problem = nist.PROBLEMS[name]
    result = fit(LinearRegression, {"features": problem.features, "response": problem.response}, progress=False)
    n, p = len(problem.response), len(problem.coefficients)
    # Filip's columns, powers to the tenth, are told apart by 1e-10 of their length: a column's own rounding is 1e-16
    digits = 1e-6 if name == "Filip" else 1e-9
    # and the responses themselves are rounded by 1e-16 of their size, which moves a coefficient by so much of its error
    limit = digits * np.abs(problem.coefficients) + 1e-14 * problem.errors
    assert np.all(np.abs(result.model.coefficients - problem.coefficients) <= limit)
    share = np.sqrt((n - p) / n)  # of the divisor n in that of the certified values
    np.testing.assert_allclose(result.standard_errors.coefficients, share * problem.errors, rtol=max(digits, 1e-8))
    assert np.sqrt(result.model.variance) == pytest.approx(share * problem.deviation, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", nist.EXACT)
def test_columns_that_fit_exactly_have_no_maximum(name):
    features, response, expected = nist.EXACT[name]
    result = quietly(LinearRegression, {"features": features, "response": response})
    assert result.status is Status.UNBOUNDED
    assert result.reason.startswith("the columns fit the responses exactly: the log-likelihood grows without bound")
    np.testing.assert_allclose(result.model.coefficients, expected, rtol=1e-8)
    assert np.all(np.isnan(result.standard_errors.coefficients))


@pytest.mark.slow
def test_units_of_columns_decide_nothing():
    response = RANDOM.poisson(np.exp(1 + X[:, 0]))
    plain = fit(PoissonRegression, {"features": X, "response": response}, progress=False)
    scales, shift = np.array([1e-9, 1e9]), np.array([0.0, 1e12])
    moved = fit(PoissonRegression, {"features": X * scales[None] + shift[None], "response": response}, progress=False)
    assert (plain.converged, moved.converged) == (True, True)
    # a column at 1e12 with a spread of 1e9 has lost three of its digits
    np.testing.assert_allclose(moved.model.coefficients[1:] * scales, plain.model.coefficients[1:], rtol=1e-10)
    np.testing.assert_allclose(
        moved.standard_errors.coefficients[1:] * scales, plain.standard_errors.coefficients[1:], rtol=1e-7
    )
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


def test_the_way_there_and_back():
    start = LinearRegression.of(("a", "b")).start({"features": X + 5, "response": X[:, 0]})
    weights = RANDOM.uniform(1, 2, 30)
    units = design_for(start, {"features": X + 5, "response": X[:, 0]}, weights)
    own = units.given["features"]
    np.testing.assert_allclose((own * weights[:, None]).T @ own / weights.sum(), np.eye(2), atol=1e-14)
    np.testing.assert_allclose(units.to_data(units.from_data(start)).coefficients, start.coefficients, atol=1e-14)
    there = units.from_data(start)
    np.testing.assert_allclose(
        own @ there.coefficients[1:] + there.coefficients[0],
        (X + 5) @ start.coefficients[1:] + start.coefficients[0],
        atol=1e-13,
    )
    assert design_for(mlejax.Normal(0.0, 1.0), X[:, 0], None) is None


@pytest.mark.parametrize("apart", [1.0, 1e-5], ids=["well apart", "nearly equal"])
def test_many_rows_are_made_orthonormal_part_by_part(apart):
    columns = RANDOM.normal(size=(40_000, 2))
    columns[:, 1] = columns[:, 0] + apart * columns[:, 1] + 7
    weights = np.arange(40_000) % 2 + 1.0
    sample = {"features": columns, "response": columns[:, 0]}
    start = LinearRegression.of(("a", "b")).start(take(sample, slice(100)))
    units = design_for(start, sample, weights)
    own = units.given["features"]
    np.testing.assert_allclose((own * weights[:, None]).T @ own / weights.sum(), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(own @ units.root[1:, 1:] + units.root[0, 1:], columns, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("third", "reason"),
    [
        (X[:, 0] - 2 * X[:, 1], "coefficients[a] by 1, coefficients[b] by -2, coefficients[c] by -1 change together"),
        (np.full(30, 3.0), "coefficients[intercept] by 1, coefficients[c] by -0.333 change together"),
    ],
    ids=["a combination of columns", "a constant beside the intercept"],
)
def test_collinear_columns_are_named(third, reason):
    sample = {"a": X[:, 0], "b": X[:, 1], "c": third, "y": RANDOM.normal(size=30)}
    result = quietly(LinearRegression.of(("a", "b", "c"), response="y"), sample)
    assert result.status is Status.NOT_IDENTIFIED
    assert result.reason.endswith(reason)


@pytest.mark.slow
def test_separated_responses_have_no_maximum():
    sample = {"features": X, "response": (X[:, 0] > 0.3) * 1}
    result = quietly(LogisticRegression.of(("age", "income")), sample)
    assert result.status is Status.AT_INFINITY
    assert "coefficients[age] grows" in result.reason
    assert "its supremum, 0.0000 at infinity, is no maximum" in result.reason
    tied = {"features": np.array([[0.0], [1.0], [1.0], [2.0]]), "response": [0, 0, 1, 1]}
    assert quietly(LogisticRegression, tied).status is Status.AT_INFINITY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "response", "way"),
    [
        (LogisticRegression, np.repeat([0.0, 1.0], 15), "coefficients[0] grows"),
        (LogisticRegression, np.ones(30), "coefficients[intercept] grows"),
        (PoissonRegression, np.zeros(30), "coefficients[intercept] falls"),
    ],
    ids=["separated in the middle", "all happened", "nothing counted"],
)
def test_far_out_along_one_coefficient_the_others_are_not_to_blame(family, response, way):
    # Where every response has been explained away, the log-likelihood does not depend on the other coefficient.
    result = quietly(family, {"features": np.linspace(-2.0, 2.0, 30)[:, None], "response": response})
    assert result.status is Status.AT_INFINITY
    assert result.reason == (
        f"the log-likelihood keeps rising as {way}; its supremum, 0.0000 at infinity, is no maximum"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [None, NegativeBinomialRegression([0.0, 0.0], 1.0, ("a",), response="y")], ids=["family", "model"]
)
def test_columns_far_from_zero_with_another_parameter_fixed(model):
    # By steps of 2^-9, a column and the same one about 1e8 are exact, and differ in the intercept alone.
    column, counts = np.round(X[:, 0] * 512) / 512, np.random.RandomState(1).negative_binomial(1, 0.25, 30)
    family = Fixed.of(NegativeBinomialRegression.of(["a"], response="y") if model is None else model, size=2.0)
    near, far = (
        fit(family, {"a": column + shift, "y": counts, "town": ["Rome"] * 30}, progress=False) for shift in (0, 1e8)
    )
    error = near.standard_errors.base.coefficients[1]
    assert far.converged
    assert far.model.base.coefficients[1] == pytest.approx(near.model.base.coefficients[1], abs=1e-6 * error)
    assert far.standard_errors.base.coefficients[1] == pytest.approx(error, rel=1e-6)
    assert far.standard_errors.base.coefficients[0] == pytest.approx(1e8 * error, rel=1e-6)
    assert far.log_likelihood == pytest.approx(near.log_likelihood, rel=1e-8)
    # A perfect fit bounds the likelihood all the same where the variance is known.
    known = fit(Fixed.of(LinearRegression, variance=4.0), {"features": X[:, :1], "response": X[:, 0]}, progress=False)
    assert known.converged
    assert known.standard_errors.base.coefficients[1] == pytest.approx(2 / np.sqrt(30 * np.var(X[:, 0])), rel=1e-8)


@pytest.mark.slow
def test_profiles_are_those_of_the_coefficients():
    sample = {"features": X + np.array([[3.0, -2.0]]), "response": (RANDOM.uniform(size=30) < 0.5) * 1}
    result = fit(LogisticRegression.of(("a", "b")), sample, progress=False)
    low, high = result.confidence_intervals(0.9, method="profile")["coefficients[a]"]

    def height(slope):
        """The log-likelihood with one slope held: as an offset."""
        held = {"features": sample["features"][:, 1:], "response": sample["response"]}
        held["offset"] = slope * sample["features"][:, 0]
        return fit(LogisticRegression, held, progress=False).log_likelihood

    for end in (low, high):
        assert result.log_likelihood - height(end) == pytest.approx(1.6448536269514722**2 / 2, rel=1e-6)
    assert result.covariance("sandwich").shape == (3, 3)
