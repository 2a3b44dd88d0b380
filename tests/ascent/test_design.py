"""Regressions on orthonormal columns: certified values, any unit, and columns that cannot be told apart."""

import re
import warnings

import nist
import numpy as np
import pytest
from oracles import least_squares_exactly

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
    sample = {"features": X + 5, "response": X[:, 0] + np.cos(np.arange(30))}
    start = LinearRegression.of(("a", "b")).start(sample)
    weights = RANDOM.uniform(1, 2, 30)
    units = design_for(start, sample, weights)
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


CASES = {
    "far from zero": (1e15 + np.arange(30) % 3, None),
    "in a small unit": (1e-140 * (X[:, 0] + np.cos(np.arange(30))), None),
    "in a large unit": (1e140 * (X[:, 0] + np.cos(np.arange(30))), None),
    "near the line": (1.0 + X @ [1e6, -1e7] + 1e-6 * np.cos(np.arange(30)), None),
    "one weight for all": (X[:, 0] + np.cos(np.arange(30)), np.where(np.arange(30) == 3, 1e9, 1.0)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("intercept", [True, False], ids=["with an intercept", "without"])
@pytest.mark.parametrize(("response", "weights"), CASES.values(), ids=CASES)
def test_responses_of_any_size_lose_no_digits(response, weights, intercept):
    columns = X if intercept else np.column_stack([np.ones(30), X])
    sample = {"features": columns, "response": response}
    result = fit(LinearRegression.of(["a", "b", "c"][: columns.shape[1]], intercept=intercept), sample, weights=weights)
    known = least_squares_exactly(np.column_stack([np.ones(30), X]), response, weights)
    assert result.converged
    limit = 1e-11 * known.errors + 4e-16 * np.abs(known.coefficients)  # and the last digit
    assert np.all(np.abs(result.model.coefficients - known.coefficients) <= limit)
    np.testing.assert_allclose(result.standard_errors.coefficients, known.errors, rtol=1e-11)
    assert result.model.variance == pytest.approx(known.variance, rel=1e-11)
    assert result.log_likelihood == pytest.approx(known.log_likelihood, rel=1e-11)


def test_an_exact_fit_is_told_from_one_that_is_nearly_exact():
    line = 1.0 + X @ [0.1, 7.0]
    for noise, status in ((0.0, Status.UNBOUNDED), (1e-14, Status.CONVERGED)):
        response = line + noise * np.cos(np.arange(30))
        assert quietly(LinearRegression, {"features": X, "response": response}).status is status
    # the variance of a model to start at says nothing of the data
    start = LinearRegression(np.zeros(3), 1e-30)
    assert design_for(start, {"features": X, "response": line + np.cos(np.arange(30))}, None).known is None
    assert design_for(start, {"features": X, "response": line}, None).known.status is Status.UNBOUNDED


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1e8])
def test_no_more_rows_than_columns_are_fitted_exactly_or_by_many(shift):
    sample = {"a": X[:3, 0] + shift, "b": X[:3, 1] + shift, "c": X[3:6, 0] + shift, "y": np.array([1.0, 0.0, 4.0])}
    exact = quietly(LinearRegression.of(["a", "b", "c"], response="y"), sample)
    assert (exact.status, exact.reason.split(":")[0]) == (Status.UNBOUNDED, "the columns fit the responses exactly")
    many = quietly(PoissonRegression.of(["a", "b", "c"], response="y"), sample)
    assert many.status is Status.NOT_IDENTIFIED
    changes = dict(re.findall(r"coefficients\[(\w+)\] by (\S+?),? ", many.reason))
    design = {"intercept": np.ones(3)} | sample
    moved = sum(float(change) * design[name] for name, change in changes.items())
    largest = max(np.max(np.abs(float(change) * design[name])) for name, change in changes.items())
    np.testing.assert_allclose(moved, 0, atol=0.01 * largest)  # of which three digits are said


def test_a_variance_that_float64_does_not_hold_is_refused():
    for unit, value in ((1e160, "inf"), (1e-200, "0.0")):
        with pytest.raises(
            mlejax.InputError, match=f"LinearRegression.variance of these observations would be {value}"
        ):
            fit(LinearRegression, {"features": X, "response": unit * np.cos(np.arange(30))})


@pytest.mark.slow
def test_intervals_and_functions_of_a_response_in_another_unit():
    near = {"features": X + np.array([1e3, 0.0]), "response": X[:, 0] + np.cos(np.arange(30))}
    far = near | {"response": 1e-140 * near["response"], "offset": np.full(30, 1e-130)}
    one, other = (fit(LinearRegression, sample, progress=False) for sample in (near, far))
    for name in ("coefficients[0]", "coefficients[1]"):
        for method in ("wald", "profile"):
            plain, scaled = (result.confidence_intervals(method=method)[name] for result in (one, other))
            np.testing.assert_allclose(scaled, 1e-140 * np.array(plain), rtol=1e-7)
    ratio = other.estimate_of(lambda model: model.coefficients[1] / model.coefficients[2])
    expected = one.estimate_of(lambda model: model.coefficients[1] / model.coefficients[2])
    np.testing.assert_allclose(ratio.standard_error, expected.standard_error, rtol=1e-6)


@pytest.mark.slow
def test_separated_responses_of_few_rows_leave_no_column_undecided():
    columns = [
        [-2.1361961, 1.64027081],
        [-1.79343559, -0.84174737],
        [-1.05795222, -0.90900761],
        [0.04153939, -1.11792545],
    ]
    sample = {"features": np.array(columns), "response": [1, 0, 0, 0]}
    # with these weights the log-likelihood is as flat both ways along every coefficient where the climb ends
    result = quietly(LogisticRegression, sample, weights=np.full(4, 2.0))
    assert result.status is Status.AT_INFINITY
    assert result.reason.endswith("its supremum, 0.0000 at infinity, is no maximum")
