"""A regression for every group of a table is that of `fit`, whatever the columns of the group are like."""

import numpy as np
import pytest
from helpers import alone, check_fit

import mlejax
from mlejax.sweeps.fits import Work

SIZES = [100, 40, 1, 3, 4, 30, 30, 30, 30, 64, 64, 300]
ENDS = np.cumsum(SIZES)
LABELS = np.repeat(np.arange(len(SIZES)), SIZES)


def groups():
    """Return features of groups, some of them awkward, and a predictor."""
    random = np.random.RandomState(0)
    x = random.normal(size=(ENDS[-1], 2)) + np.array([5.0, 0.0])
    eta = 0.3 + x @ np.array([0.1, 0.3])
    of = [slice(end - size, end) for end, size in zip(ENDS, SIZES, strict=True)]
    x[of[5], 1] = 2 * x[of[5], 0]  # collinear
    x[of[6], 0] = 3.0  # beside an intercept
    x[of[7]] *= 1e9
    x[of[8]] += 1e6
    return random, x, eta, of


FAMILIES = {
    "linear": (mlejax.LinearRegression, lambda random, eta: eta + random.normal(size=len(eta))),
    "logistic": (mlejax.LogisticRegression, lambda random, eta: random.uniform(size=len(eta)) < 1 / (1 + np.exp(-eta))),
    "Poisson": (mlejax.PoissonRegression, lambda random, eta: random.poisson(np.exp(eta))),
    "negative binomial": (
        mlejax.NegativeBinomialRegression, lambda random, eta: random.negative_binomial(2, 2 / (2 + np.exp(eta))),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("family", "draw"), FAMILIES.values(), ids=FAMILIES)
def test_every_group_has_the_fit_that_it_has_alone(family, draw):
    random, x, eta, of = groups()
    y = draw(random, eta) * 1.0
    y[of[9]] = x[of[9]] @ [1.0, 2.0] if family is mlejax.LinearRegression else 0.0  # no bound; no maximum
    sample = {"a": x[:, 0], "b": x[:, 1], "y": y, "exposure": np.log(1 + np.arange(len(y)) % 3)}
    named = family.of(["a", "b"], response="y", offset="exposure")
    source = mlejax.Groups(sample, LABELS)
    work = Work(named, source)
    fits = [fits for fits in work.outcomes(np.arange(len(SIZES))) if len(fits.positions) > 1]
    assert {0, 1, 7, 8, 11} <= set(fits[0].positions.tolist())  # side by side
    table = mlejax.fit_many(named, source, progress=False)
    for position, part in enumerate(of):
        check_fit(table, position, alone(named, {name: column[part] for name, column in sample.items()}))


@pytest.mark.slow
def test_a_group_has_the_same_bits_whatever_groups_are_beside_it():
    random, x, eta, _ = groups()
    y = eta + random.normal(size=len(eta))
    table = mlejax.fit_many(mlejax.LinearRegression, mlejax.Groups({"features": x, "response": y}, LABELS))
    some = np.isin(LABELS, [1, 11])
    few = mlejax.fit_many(
        mlejax.LinearRegression, mlejax.Groups({"features": x[some], "response": y[some]}, LABELS[some])
    )
    assert (few[1], few[11]) == (table[1], table[11])


@pytest.mark.slow
def test_a_start_that_is_given_and_one_feature_that_is_a_number_each():
    random = np.random.RandomState(0)
    x = random.normal(size=120) + 3
    sample, labels = {"features": x, "response": x + random.normal(size=120)}, np.repeat([0, 1], 60)
    found = mlejax.fit_many(mlejax.LinearRegression, mlejax.Groups(sample, labels), progress=False)
    given = mlejax.fit_many(mlejax.LinearRegression(np.array([1.0, 0.5]), 2.0), mlejax.Groups(
        sample | {"features": x[:, None]}, labels), progress=False)  # fmt: skip
    for position in (0, 1):
        own = {name: column[labels == position] for name, column in sample.items()}
        check_fit(found, position, alone(mlejax.LinearRegression, own))
        check_fit(given, position, alone(mlejax.LinearRegression, own))


@pytest.mark.slow
def test_resamples_of_a_regression_and_of_numbers_in_other_units_are_weighted_fits():
    random, x, eta, of = groups()
    sample = {"features": x[of[0]], "response": eta[of[0]] + random.normal(size=100)}
    numbers = 1e8 + random.normal(size=50)
    for family, data in ((mlejax.LinearRegression, sample), (mlejax.Normal, numbers), (mlejax.StudentT, numbers)):
        source = mlejax.Resamples(data, 5, seed=1)
        assert Work(family, source).begun.beside
        table = mlejax.fit_many(family, source, progress=False)
        for position in (0, 4):
            check_fit(table, position, alone(family, data, source.member(position).weights))


@pytest.mark.slow
def test_the_bootstrap_of_a_regression_is_about_its_standard_errors():
    random, x, eta, of = groups()
    sample = {"features": x[of[11]] + 100, "response": eta[of[11]] + random.normal(size=300)}
    result = mlejax.fit(mlejax.LinearRegression, sample, progress=False)
    found = result.bootstrap(400, seed=0, progress=False)
    expected = np.append(result.standard_errors.coefficients, result.standard_errors.variance)
    # 400 resamples tell a deviation to 3.5 %, and the residuals of 300 are no normal distribution
    np.testing.assert_allclose(list(found.standard_errors.values()), expected, rtol=0.2)
    np.testing.assert_allclose([each.mean() for each in found.estimates.values()],
                               list(result.parameters.values()), atol=0.2 * expected.max(), rtol=0.1)  # fmt: skip


@pytest.mark.slow
def test_groups_may_have_an_intercept_alone():
    counts, labels = np.random.RandomState(0).poisson(3.0, size=60), np.repeat([0, 1], 30)
    table = mlejax.fit_many(
        mlejax.PoissonRegression.of([], response="y"), mlejax.Groups({"y": counts}, labels), progress=False
    )
    expected = np.log([counts[:30].mean(), counts[30:].mean()])
    np.testing.assert_allclose(table.model.coefficients[:, 0], expected, rtol=1e-12)
