"""References for fits: likelihoods in mpmath with fifty digits, published samples, and samples without a maximum."""

from typing import NamedTuple

import jax.numpy as jnp
import mpmath
import numpy as np
import zoo

import mlejax
from mlejax.status import Status

DIGITS = 50


class Reference(NamedTuple):
    """A maximum, rounded from fifty digits; parameters by name."""

    estimate: dict
    standard_error: dict
    log_likelihood: float


def maximum(names, log_density, near):
    """Return a function of a sample that finds the maximum near some parameters, and its curvature, in mpmath."""

    def exact(values):
        with mpmath.workdps(DIGITS):
            x = [mpmath.mpf(float(value)) for value in values]

            def height(*theta):
                return mpmath.fsum(log_density(value, *theta) for value in x)

            def derivative(*orders):
                return lambda *theta: mpmath.diff(height, theta, orders)

            size = len(names)
            unit = [tuple(int(i == j) for j in range(size)) for i in range(size)]
            slopes = [derivative(*each) for each in unit]
            found = mpmath.findroot(slopes, near, tol=1e-60)
            theta = list(found) if size > 1 else [found]
            both = [
                [tuple(a + b for a, b in zip(unit[i], unit[j], strict=True)) for j in range(size)] for i in range(size)
            ]
            information = mpmath.matrix([[-derivative(*orders)(*theta) for orders in row] for row in both])
            covariance = information**-1
            errors = [mpmath.sqrt(covariance[i, i]) for i in range(size)]
            pairs = zip(names, theta, strict=True), zip(names, errors, strict=True)
            estimate, error = ({name: float(value) for name, value in pair} for pair in pairs)
            return Reference(estimate, error, float(height(*theta)))

    return exact


def normal(x, m, v):
    return -mpmath.log(2 * mpmath.pi * v) / 2 - (x - m) ** 2 / (2 * v)


def gamma(x, a, b):
    return a * mpmath.log(b) - mpmath.loggamma(a) + (a - 1) * mpmath.log(x) - b * x


def weibull(x, k, s):
    return mpmath.log(k / s) + (k - 1) * mpmath.log(x / s) - (x / s) ** k


def student_t(x, m, s, nu):
    z = (x - m) / s
    normalizer = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2) - mpmath.log(mpmath.pi * nu) / 2
    return normalizer - mpmath.log(s) - (nu + 1) / 2 * mpmath.log1p(z**2 / nu)


def negative_binomial(k, r, m):
    counted = mpmath.loggamma(k + r) - mpmath.loggamma(r) - mpmath.loggamma(k + 1)
    return counted + r * mpmath.log(r / (r + m)) + k * mpmath.log(m / (r + m))


_random = np.random.RandomState(12)
POSITIVE = np.round(_random.gamma(2.0, 3.0, 15), 3)
HEAVY = np.round(1.0 + 2.0 * _random.standard_t(2.0, 25), 3)
COUNTS = _random.negative_binomial(2, 0.3, 20)

FAMILIES = {
    "normal": (mlejax.Normal, HEAVY, maximum(["mean", "variance"], normal, (HEAVY.mean(), HEAVY.var()))),
    "gamma": (mlejax.Gamma, POSITIVE, maximum(["shape", "rate"], gamma, (2.0, 0.4))),
    "weibull": (mlejax.Weibull, POSITIVE, maximum(["shape", "scale"], weibull, (1.4, 6.0))),
    "student_t": (
        mlejax.StudentT,
        HEAVY,
        maximum(["location", "scale", "degrees_of_freedom"], student_t, (1.0, 2.0, 2.0)),
    ),
    "negative_binomial": (
        mlejax.NegativeBinomial,
        COUNTS,
        maximum(["size", "mean"], negative_binomial, (2.0, float(COUNTS.mean()))),
    ),
}
"""A family, a sample, and what finds its maximum in fifty digits."""


MAVRO = [
    *[180, 170, 180, 190, 180, 170, 150, 140, 150, 150, 170, 180, 180, 190, 190, 210, 200, 160, 140, 130, 130, 150],
    *[150, 160, 150, 140, 130, 140, 150, 140, 150, 160, 150, 160, 190, 200, 200, 210, 220, 230, 240, 250, 270, 260],
    *[260, 260, 270, 260, 250, 240],
]
"""Filter transmittance, in units of 1e-5 above 2."""

MICHELSON = [
    *[850, 740, 900, 1070, 930, 850, 950, 980, 980, 880, 1000, 980, 930, 650, 760, 810, 1000, 1000, 960, 960, 960, 940],
    *[960, 940, 880, 800, 850, 880, 900, 840, 830, 790, 810, 880, 880, 830, 800, 790, 760, 800, 880, 880, 880, 860],
    *[720, 720, 620, 860, 970, 950, 880, 910, 850, 870, 840, 840, 850, 840, 840, 840, 890, 810, 810, 820, 800, 770],
    *[760, 740, 750, 760, 910, 920, 890, 860, 880, 720, 840, 850, 850, 780, 890, 840, 780, 810, 760, 810, 790, 810],
    *[820, 850, 870, 870, 810, 740, 810, 940, 950, 800, 810, 870],
]
"""The speed of light in air, in km/s above 299000."""

NIST = {
    "Michelso": (299 + np.array(MICHELSON) * 1e-3, 299.8524, 0.0790105478190518),
    "Mavro": (
        2 + np.array(MAVRO) * 1e-5,
        2.001856,
        0.000429123454003053,
    ),
    "NumAcc1": (np.array([10000001.0, 10000003.0, 10000002.0]), 10000002.0, 1.0),
    "NumAcc2": (np.append(1.2, np.tile([1.1, 1.3], 500)), 1.2, 0.1),
    "NumAcc3": (np.append(1000000.2, np.tile([1000000.1, 1000000.3], 500)), 1000000.2, 0.1),
    "NumAcc4": (np.append(10000000.2, np.tile([10000000.1, 10000000.3], 500)), 10000000.2, 0.1),
}
"""Samples of the Statistical Reference Datasets of NIST, https://www.itl.nist.gov/div898/strd/, with the certified
means and standard deviations (divisor n - 1)."""


class TwoMeans(mlejax.Model):
    """A mean that is a sum of two parameters."""

    first: float
    second: float
    scale: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        return -jnp.log(self.scale) - ((x - self.first - self.second) / self.scale) ** 2 / 2


class UpTo(mlejax.Model):
    """A uniform distribution, whose likelihood is highest at the largest observation."""

    end: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        return jnp.where(x <= self.end, -jnp.log(self.end), -jnp.inf)


_uniform = np.random.RandomState(0).uniform(size=40)

WITHOUT_MAXIMUM = {
    "t of light tails": (mlejax.StudentT, _uniform, Status.AT_INFINITY, "keeps rising as degrees_of_freedom grows"),
    "underdispersed counts": (
        mlejax.NegativeBinomial,
        np.random.RandomState(1).binomial(6, 0.5, 40),
        Status.AT_INFINITY,
        "keeps rising as size grows",
    ),
    "no excess of zeros": (
        zoo.ZeroInflatedPoisson(1.0, 0.5),
        np.random.RandomState(1).binomial(20, 0.5, 40),
        Status.AT_BOUNDARY,
        "keeps rising as zero approaches 0",
    ),
    "an upper end": (
        mlejax.GeneralizedPareto,
        np.array([0.2, 0.9, 0.95, 0.99, 1.0]),
        Status.UNBOUNDED,
        "grows without bound as the upper end of the distribution approaches the largest observation",
    ),
    "a lower end": (
        mlejax.GeneralizedExtremeValue,
        np.array([0.0, 0.1, 1.0, 3.0, 30.0]),
        Status.UNBOUNDED,
        "grows without bound as the shape grows and the lower end of the distribution approaches the smallest",
    ),
    "a spike": (
        mlejax.StudentT,
        np.array([0.0, 1e-9, 1e5, -50.0, 30.0]),
        Status.UNBOUNDED,
        "grows without bound as the scale approaches 0 around one observation",
    ),
    "a probability of one": (
        mlejax.Geometric,
        np.zeros(3),
        Status.AT_BOUNDARY,
        "keeps rising as probability approaches 1",
    ),
    "one observation": (
        mlejax.Gamma,
        np.array([5.0]),
        Status.UNBOUNDED,
        "there is one observation: the log-likelihood grows without bound",
    ),
    "a density that ends with the data": (
        UpTo(2.0),
        _uniform,
        Status.AT_BOUNDARY,
        "an observation meets the edge of the support",
    ),
    "a sum of two parameters": (
        TwoMeans(0.0, 1.0, 1.0),
        _uniform,
        Status.NOT_IDENTIFIED,
        "do not tell first and second apart",
    ),
}
"""A start, a sample, what becomes of the fit, and words of its reason."""
