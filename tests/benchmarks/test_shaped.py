"""What the benchmark of starts knows of vectors, outcomes and regressions."""

import math

import numpy as np
import pytest
import scipy.stats

from benchmarks import shaped, starts

X = np.array([[-1.0], [-1.0], [1.0], [1.0]])


def regression(responses, features=X):
    return {"features": features, "response": np.array(responses, float)}


def test_vectors_need_a_scatter_of_full_rank():
    x = np.random.RandomState(0).normal(size=(9, 2))
    known = shaped.of_vectors(x)
    height = np.sum(scipy.stats.multivariate_normal(x.mean(axis=0), np.cov(x.T, bias=True)).logpdf(x))
    assert known.maxima == pytest.approx((height,), rel=1e-13)
    on_a_line = np.column_stack([x[:, 0], 2 * x[:, 0]])
    assert shaped.of_vectors(on_a_line) == shaped.UNBOUNDED
    on_a_line[3, 1] = np.nextafter(on_a_line[3, 1], 9)  # the exact rank tells a last digit
    assert shaped.rank(on_a_line) == 2
    assert shaped.of_vectors(x[:2]) == shaped.UNBOUNDED


def test_every_outcome_has_to_be_seen():
    known = shaped.of_outcomes(3)
    assert known(np.array([0.0, 1, 1, 2])).maxima == pytest.approx((math.log(0.25**2 * 0.5**2),), rel=1e-15)
    missing = known(np.array([0.0, 1, 1, 0]))
    assert (missing.maxima, missing.supremum) == ((), pytest.approx(4 * math.log(0.5), rel=1e-15))


def test_columns_must_not_fit_the_responses_exactly():
    assert shaped.of_lines(regression([1.0, 2.0], X[1:3])) == shaped.UNBOUNDED
    known = shaped.of_lines(regression([1.0, 3.0, 4.0, 8.0]))  # means 2 and 6, about which they vary by (1 + 4) / 2
    assert known.maxima == pytest.approx((np.sum(scipy.stats.norm(0, math.sqrt(2.5)).logpdf([-1, 1, -2, 2])),))


@pytest.mark.parametrize(
    ("responses", "maxima", "supremum"),
    [
        ([0, 1, 0, 1], (4 * math.log(0.5),), -math.inf),
        ([0, 0, 1, 1], (), 0.0),
        ([0, 1, 1, 1], (), 2 * math.log(0.5)),  # those at 1 alone are separated
    ],
    ids=["overlap", "separated", "separated in part"],
)
def test_responses_that_are_separated_have_no_maximum(responses, maxima, supremum):
    known = shaped.of_alternatives(regression(responses))
    assert known.maxima == pytest.approx(maxima, abs=1e-9)
    assert known.supremum == pytest.approx(supremum, abs=1e-4)  # the other maximizer stops on the way to infinity


@pytest.mark.parametrize(
    ("responses", "means", "is_maximum"), [([2, 4, 0, 1], (3, 0.5), True), ([2, 4, 0, 0], (3, 1e-12), False)]
)
def test_counts_that_are_all_zero_somewhere_have_no_maximum(responses, means, is_maximum):
    known = shaped.of_counts(regression(responses))
    height = np.sum(scipy.stats.poisson(np.repeat(means, 2)).logpmf(responses))
    assert (known.maxima[0] if is_maximum else known.supremum) == pytest.approx(height, abs=1e-4)
    assert bool(known.maxima) is is_maximum


@pytest.mark.parametrize("name", shaped.CASES)
def test_samples_are_as_long_as_asked(name):
    model, rows = shaped.CASES[name].draw(np.random.RandomState(0), 7)
    assert len(rows["response"] if isinstance(rows, dict) else rows) == 7
    assert type(model).__name__ in str(shaped.CASES[name].family)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mlejax.ConvergenceWarning")
def test_declines_are_confirmed_by_an_argument_of_their_own():
    found = starts.fates("logistic_regression(2)", shapes=3, each=4, count=5)
    assert found["fits"] == 12
    assert found["contradicted"] == 0
    assert found["confirmed"] == found["fits"] - found["ends"]["CONVERGED"] > 0
