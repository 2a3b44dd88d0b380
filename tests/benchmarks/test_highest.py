"""Maxima with fifty digits: beside SciPy's densities and maximizer, and none where there is none."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from benchmarks import highest

LIGHT = [1.0, 1.1, 1.2, 1.3, 1.5]
"""Less scattered than exponential."""

HEAVY = [0.1, 0.3, 0.4, 0.8, 1.1, 2.5, 3.0, 31.0]


def density(name, x, p):
    """Return SciPy's log-likelihood, with parameters that may be any numbers."""
    if name == "negative_binomial":
        size, mean = np.exp(p)
        return np.sum(scipy.stats.nbinom.logpmf(x, size, size / (size + mean)))
    of = {
        "lomax": lambda: scipy.stats.lomax(math.exp(p[0]), scale=math.exp(p[1])),
        "generalized_pareto": lambda: scipy.stats.genpareto(p[0], scale=math.exp(p[1])),
        "generalized_extreme_value": lambda: scipy.stats.genextreme(-p[0], p[2], math.exp(p[1])),
        "burr12": lambda: scipy.stats.burr12(math.exp(p[0]), math.exp(p[1]), scale=math.exp(p[2])),
        "student_t": lambda: scipy.stats.t(math.exp(p[0]), p[2], math.exp(p[1])),
    }
    return np.sum(of[name]().logpdf(x))


CASES = {
    "lomax": (HEAVY, (0.0, 0.0)),
    "generalized_pareto": (HEAVY, (0.5, 0.0)),
    "negative_binomial": ([0, 0, 1, 1, 2, 3, 5, 14], (0.0, 1.0)),
    "generalized_extreme_value": (HEAVY, (0.5, 0.0, 1.0)),
    "burr12": ([0.2, 0.5, 0.7, 0.9, 1.1, 1.5, 2.2, 9.0], (0.0, 0.5, 0.0)),
    "student_t": ([-4.0, -1.0, -0.4, 0.1, 0.3, 0.9, 2.0, 30.0], (0.5, 0.0, 0.0)),
}


SLOW = ("burr12", "student_t", "generalized_extreme_value")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES])
def test_the_highest_maximum_is_that_of_another_maximizer(name):
    sample, start = CASES[name]
    with np.errstate(all="ignore"):
        found = scipy.optimize.minimize(
            lambda p: -np.nan_to_num(density(name, np.array(sample), p), nan=-1e9, neginf=-1e9),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000},
        )
    known = highest.highest(name, sample)
    # A simplex ends within its tolerance of the argument, so that the height has twice as many digits.
    assert known.maxima[0] == pytest.approx(-found.fun, abs=1e-9)
    assert known.excess > 1e-3 or known.supremum == math.inf


@pytest.mark.parametrize(
    ("name", "sample", "limit"),
    [
        ("lomax", LIGHT, np.sum(scipy.stats.expon(scale=np.mean(LIGHT)).logpdf(LIGHT))),
        ("negative_binomial", [2, 3, 2, 3], np.sum(scipy.stats.poisson(2.5).logpmf([2, 3, 2, 3]))),
        ("student_t", LIGHT, np.sum(scipy.stats.norm(np.mean(LIGHT), np.std(LIGHT)).logpdf(LIGHT))),
        ("generalized_pareto", LIGHT, math.inf),
        ("generalized_extreme_value", [1.0, 1.0001, 1.0002, 5.0, 5.0001], math.inf),
    ],
)
def test_without_a_maximum_the_supremum_is_that_of_the_limit(name, sample, limit):
    known = highest.highest(name, sample)
    assert known.maxima == ()
    assert known.supremum == pytest.approx(limit, rel=1e-14)  # SciPy's rounding


@pytest.mark.slow
def test_both_limits_of_a_burr_distribution_are_known():
    # Weibull's: its logarithms end on the left; Pareto's: they begin at once.
    weibull = np.log1p(np.arange(1, 9)).tolist()
    known = highest.highest("burr12", weibull)
    shape, _, scale = scipy.stats.weibull_min.fit(weibull, floc=0)
    assert known.supremum == pytest.approx(
        np.sum(scipy.stats.weibull_min(shape, scale=scale).logpdf(weibull)), abs=1e-6
    )
    pareto = [1.0, 1.01, 1.02, 1.05, 1.3, 2.0, 9.0]
    shape = len(pareto) / np.sum(np.log(pareto))
    assert highest.highest("burr12", pareto).supremum == pytest.approx(
        np.sum(scipy.stats.pareto(shape).logpdf(pareto)), rel=1e-12
    )


def test_a_maximum_that_is_hardly_above_its_limit_is_seen():
    # The border is where the squares average to twice the squared mean, as those of an exponential distribution do.
    x = np.array([0.2, 0.4, 0.9, 1.1, 1.2])
    low, high = 0.0, 3.0  # what is added to the largest, to cross it
    for _ in range(40):
        middle = (low + high) / 2
        moved = np.append(x[:-1], x[-1] + middle)
        low, high = (low, middle) if np.mean(moved**2) > 2 * np.mean(moved) ** 2 else (middle, high)
    beyond, short = np.append(x[:-1], x[-1] + low + 1e-3), np.append(x[:-1], x[-1] + low - 1e-3)
    assert 0 < highest.highest("lomax", beyond).excess < 1e-5
    assert highest.highest("lomax", short).maxima == ()


@pytest.mark.slow
def test_few_degrees_of_freedom_are_looked_through():
    # one observation far out: a maximum below one degree of freedom beside the normal limit
    sample = [-1.2, -0.3, 0.0, 0.1, 0.35, 900.0]
    known = highest.highest("student_t", sample)
    found = max(
        -scipy.optimize.minimize(
            lambda p: -density("student_t", np.array(sample), p), (freedom, scale, 0.0), method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12},
        ).fun
        for freedom, scale in [(-1.0, -1.0), (-0.7, -1.0)]
    )  # fmt: skip
    assert known.maxima[0] == pytest.approx(found, abs=1e-9)
