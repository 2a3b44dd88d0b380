"""Regressions of counts against what R prints, the score equations, and SciPy."""

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.special import polygamma

import mlejax
from mlejax import NegativeBinomialRegression, Status

QUINE = """AM0S:2,11,14 AM0A:5,5,13,20,22 AM1S:6,6,15 AM1A:7,14 AM2S:6,32,53,57 AM2A:14,16,16,17,40,43,46
AM3A:8,23,23,28,34,36,38 AF0S:3 AF0A:5,11,24,45 AF1S:5,6,6,9,13,23,25,32,53,54 AF1A:5,5,11,17,19
AF2S:8,13,14,20,47,48,60,81 AF2A:2 AF3A:0,2,3,5,10,14,21,36,40 NM0S:6,17,67 NM0A:0,0,2,7,11,12 NM1S:0,0,5,5,5,11,17
NM1A:3,4 NM2S:22,30,36 NM2A:8,0,1,5,7,16,27 NM3A:0,30,10,14,27,41,69 NF0S:25 NF0A:10,11,20,33
NF1S:5,7,0,1,5,5,5,5,7,11,15 NF1A:5,14,6,6,7,28 NF2S:0,5,14,2,2,3,8,10,12 NF2A:1 NF3A:1,9,22,3,3,5,15,18,22,37"""
"""Days of absence of pupils by group, sex, age and learning: S. Quine (1975), in W. N. Venables and B. D. Ripley,
Modern Applied Statistics with S (2002), section 7.4, and as `quine` in the package MASS of R."""

PUPILS = [
    (kind, int(day)) for row in QUINE.split() for kind, _, days in [row.partition(":")] for day in days.split(",")
]
DAYS = np.array([day for _, day in PUPILS], float)
COLUMNS = {
    "EthN": (0, "N"),
    "SexM": (1, "M"),
    "AgeF1": (2, "1"),
    "AgeF2": (2, "2"),
    "AgeF3": (2, "3"),
    "LrnSL": (3, "S"),
}
TABLE = {name: np.array([float(kind[at] == mark) for kind, _ in PUPILS]) for name, (at, mark) in COLUMNS.items()}
DESIGN = np.column_stack([np.ones(len(DAYS)), *TABLE.values()])


def information(design, y, m, r):
    """Return the observed information about coefficients and size, and that of the coefficients expected."""
    slopes = design.T @ (design * ((y + r) * r * m / (r + m) ** 2)[:, None])
    both = -design.T @ (m * (y - m) / (r + m) ** 2)
    size = -np.sum(polygamma(1, y + r) - polygamma(1, r) + 1 / r - 2 / (r + m) + (y + r) / (r + m) ** 2)
    observed = np.block([[slopes, both[:, None]], [both[None], np.array([[size]])]])
    return observed, design.T @ (design * (m / (1 + m / r))[:, None])


@pytest.mark.slow
def test_the_absences_of_pupils_are_those_that_r_prints():
    """By `summary(MASS::glm.nb(Days ~ ., data = quine))`; its errors are of the expected information."""
    family = NegativeBinomialRegression.of(list(COLUMNS), response="Days")
    result = mlejax.fit(family, TABLE | {"Days": DAYS}, progress=False)
    assert result.converged
    model = result.model
    np.testing.assert_array_equal(
        model.coefficients.round(5), [2.89458, -0.56937, 0.08232, -0.44843, 0.08808, 0.35690, 0.29211]
    )
    assert (round(model.size.item(), 3), round(2 * result.log_likelihood, 3)) == (1.275, -1093.151)
    observed, expected = information(DESIGN, DAYS, np.exp(DESIGN @ model.coefficients), model.size)
    np.testing.assert_array_equal(
        np.sqrt(np.diag(np.linalg.inv(expected))).round(5),
        [0.22842, 0.15333, 0.15992, 0.23975, 0.23619, 0.24832, 0.18647],
    )
    assert round(1 / np.sqrt(observed[-1, -1]), 3) == 0.161
    np.testing.assert_allclose(
        [*result.standard_errors.coefficients, result.standard_errors.size],
        np.sqrt(np.diag(np.linalg.inv(observed))), rtol=1e-9,
    )  # fmt: skip


@pytest.mark.slow
def test_weights_and_an_offset_solve_the_score_equations():
    weights, offset = np.arange(len(DAYS)) % 3 + 0.5, np.linspace(-1, 2, len(DAYS))
    family = NegativeBinomialRegression.of(["EthN", "SexM"], response="Days", offset="exposure")
    sample = {name: TABLE[name] for name in ("EthN", "SexM")} | {"Days": DAYS, "exposure": offset}
    result = mlejax.fit(family, sample, weights=weights, progress=False)
    design, r = DESIGN[:, :3], result.model.size
    m = np.exp(design @ result.model.coefficients + offset)
    by_size = stats.nbinom.logpmf(DAYS, r * (1 + 1e-5), r * (1 + 1e-5) / (r * (1 + 1e-5) + m)) - stats.nbinom.logpmf(
        DAYS, r * (1 - 1e-5), r * (1 - 1e-5) / (r * (1 - 1e-5) + m)
    )
    assert result.converged
    np.testing.assert_allclose(design.T @ (weights * r * (DAYS - m) / (r + m)), 0, atol=1e-8)
    assert np.sum(weights * by_size) / 2e-5 == pytest.approx(0, abs=1e-6)
    assert result.log_likelihood == pytest.approx(weights @ stats.nbinom.logpmf(DAYS, r, r / (r + m)), rel=1e-12)
    expected = result.model.fitted(sample)
    np.testing.assert_allclose(expected.deviation, stats.nbinom.std(r, r / (r + m)), rtol=1e-9)


@pytest.mark.slow
def test_counts_that_vary_less_than_poisson_have_no_size():
    response = [1, 2, 5, 9, 12, 14]
    with pytest.warns(mlejax.ConvergenceWarning, match="the log-likelihood keeps rising as size grows"):
        result = mlejax.fit(NegativeBinomialRegression, {"features": np.arange(6.0), "response": response})
    poisson = mlejax.fit(mlejax.PoissonRegression, {"features": np.arange(6.0), "response": response})
    assert result.status is Status.AT_INFINITY
    assert f"its supremum, {poisson.log_likelihood:.4f} at infinity" in result.reason  # of a Poisson regression


@pytest.mark.parametrize(("size", "coefficients"), [(0.05, [0.5, 2.0]), (3.0, [-700.0, 1.0]), (1e9, [2.0, 0.1])])
def test_the_formula_is_that_of_scipy(size, coefficients, x64):
    eta = coefficients[0] + coefficients[1] * 1.5
    model = NegativeBinomialRegression(np.array(coefficients), size)
    log_prob = jax.jit(lambda model, row: model.log_prob(row))
    found = [float(log_prob(model, {"features": np.array([1.5]), "response": y})) for y in (0.0, 7.0)]
    # as a gamma mixture of Poisson probabilities: for a large size it is these, less terms of the order of 1 / size
    expected = stats.nbinom.logpmf([0, 7], size, size / (size + np.exp(eta)))
    if size == 1e9:
        expected = stats.poisson.logpmf([0, 7], np.exp(eta))
    if eta < -600:  # the probability of seven is that of r (r + 1) ... (r + 6) / 7! (m / r)^7
        expected[1] = np.sum(np.log(size + np.arange(7))) - np.sum(np.log(np.arange(1, 8))) + 7 * (eta - np.log(size))
    np.testing.assert_allclose(found, expected, rtol=1e-7 if size == 1e9 else 1e-12, atol=1e-15)


@pytest.mark.slow
def test_a_start_is_as_good_in_a_sample_with_few_counts(recwarn):
    random = np.random.RandomState(4)
    x = random.normal(size=400)
    rate = np.exp(-1.5 + x) * random.gamma(0.7, 1 / 0.7, size=400)
    result = mlejax.fit(NegativeBinomialRegression, {"features": x, "response": random.poisson(rate)}, progress=False)
    assert result.converged
    assert not recwarn.list
