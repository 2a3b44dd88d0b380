"""What a fit found, beside what a family becomes at infinity."""

import numpy as np
import pytest
from scipy import stats

import mlejax
from benchmarks.highest import highest
from mlejax.ascent.limit import beside_limits, height_of
from mlejax.ascent.verdict import Verdict
from mlejax.models.abilities import Limit
from mlejax.status import Status

X = np.array([1.0, 2.0, 4.0, 9.0])
HEIGHT = float(np.sum(stats.norm.logpdf(X, X.mean(), X.std())))
LIMIT = Limit(mlejax.Normal, "location falls", apart=True)


def test_the_height_of_a_family_is_that_of_its_maximum():
    assert height_of(mlejax.Normal, X, None) == pytest.approx(HEIGHT, rel=1e-13)
    twice = height_of(mlejax.Normal, X[:3], np.array([1.0, 1.0, 2.0]))
    assert twice == pytest.approx(height_of(mlejax.Normal, X[[0, 1, 2, 2]], None), rel=1e-13)


@pytest.mark.parametrize(
    ("status", "above", "expected"),
    [
        (Status.MAX_STEPS, -1.0, Status.AT_INFINITY),
        (Status.PRECISION, -1e-6, Status.AT_INFINITY),
        (Status.MAX_STEPS, 0.01, Status.MAX_STEPS),
        (Status.CONVERGED, 1e-5, Status.CONVERGED),
        (Status.CONVERGED, -1e-5, Status.AT_INFINITY),
        (Status.UNBOUNDED, -1.0, Status.UNBOUNDED),
    ],
)
def test_the_higher_of_both_decides(status, above, expected):
    verdict = beside_limits(Verdict(status, "before"), [LIMIT], HEIGHT + above, X, None)
    assert verdict.status is expected
    if status is expected:
        assert verdict.reason == "before"
    else:
        assert f"as location falls; its supremum, {HEIGHT:.4f} at infinity, where the model is Normal" in verdict.reason
        assert verdict.reason.startswith("it has a maximum") == (status is Status.CONVERGED)


@pytest.mark.slow
@pytest.mark.parametrize(
    "x",
    [
        [5.301802339174546, 566670.7685719926, 2.8746120763538383, 1.6983101034118544, 255010.0167223386],
        [22884.98148979737, 57.36753846664602, 4.9250425574771315, 0.21450330565300146, 35.22155797915253],
    ],
    ids=["by two sizes", "down to one"],
)
def test_a_burr_distribution_whose_body_vanishes_is_a_pareto_distribution(x):
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.Burr12, x)
    shape = len(x) / np.sum(np.log(np.divide(x, min(x))))
    supremum = np.sum(stats.pareto.logpdf(x, shape, scale=min(x)))
    assert result.status is Status.AT_INFINITY
    assert result.reason == (
        "the log-likelihood keeps rising as shape1 approaches 0 and shape2 grows; its supremum, "
        f"{supremum:.4f} at infinity, where the model is Pareto, is no maximum: fit Pareto instead"
    )
    assert np.isnan(result.standard_errors.shape1)


@pytest.mark.slow
def test_an_ordinary_burr_sample_has_its_maximum():
    x = stats.burr12.rvs(2.0, 1.5, size=300, random_state=0)
    assert mlejax.fit(mlejax.Burr12, x).converged


LOWER = [[1.969, 1.096, 1.005, 1.29, 0.7918], [0.2241, 0.499, 1.041, 4.914, 1.176]]
"""Samples in which a Burr distribution has a maximum, and a Pareto distribution is likelier."""


@pytest.mark.slow
def test_a_maximum_below_a_limit_is_not_the_estimate():
    for x in LOWER:
        known = highest("burr12", x)
        assert known.excess < -0.1  # nats
        with pytest.warns(mlejax.ConvergenceWarning, match=f"its supremum, {known.supremum:.4f} at infinity"):
            result = mlejax.fit(mlejax.Burr12, x)
        assert result.status is Status.AT_INFINITY
        assert result.reason.startswith("it has a maximum at the estimate, but the log-likelihood is higher as shape1")
        assert result.log_likelihood == pytest.approx(known.maxima[0], rel=1e-10)
    groups = mlejax.Groups(np.ravel(LOWER), np.repeat([0, 1], 5))
    table = mlejax.fit_many(mlejax.Burr12, groups, progress=False)
    assert (table.status == Status.AT_INFINITY).all()
