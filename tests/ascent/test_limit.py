"""What a fit found, beside what a family becomes at infinity."""

import numpy as np
import pytest
from scipy import stats

import mlejax
from mlejax.ascent.limit import beside_limit, height_of
from mlejax.ascent.outward import Verdict
from mlejax.models.abilities import Limit
from mlejax.status import Status

X = np.array([1.0, 2.0, 4.0, 9.0])
HEIGHT = float(np.sum(stats.norm.logpdf(X, X.mean(), X.std())))
LIMIT = Limit(mlejax.Normal, "location falls")


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
    verdict = beside_limit(Verdict(status, "before"), LIMIT, HEIGHT + above, X, None)
    assert verdict.status is expected
    if status is expected:
        assert verdict.reason == "before"
    else:
        assert f"as location falls; its supremum, {HEIGHT:.4f} at infinity, where the distribution is" in verdict.reason
        assert verdict.reason.startswith("it has a maximum") == (status is Status.CONVERGED)
