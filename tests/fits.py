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

LEW = """
-213 -564 -35 -15 141 115 -420 -360 203 -338 -431 194 -220 -513 154 -125 -559 92 -21 -579 -52 99 -543 -175 162 -457
-346 204 -300 -474 164 -107 -572 -8 83 -541 -224 180 -420 -374 201 -236 -531 83 27 -564 -112 131 -507 -254 199 -311
-495 143 -46 -579 -90 136 -472 -338 202 -287 -477 169 -124 -568 17 48 -568 -135 162 -430 -422 172 -74 -577 -13 92 -534
-243 194 -355 -465 156 -81 -578 -64 139 -449 -384 193 -198 -538 110 -44 -577 -6 66 -552 -164 161 -460 -344 205 -281
-504 134 -28 -576 -118 156 -437 -381 200 -220 -540 83 11 -568 -160 172 -414 -408 188 -125 -572 -32 139 -492 -321 205
-262 -504 142 -83 -574 0 48 -571 -106 137 -501 -266 190 -391 -406 194 -186 -553 83 -13 -577 -49 103 -515 -280 201 300
-506 131 -45 -578 -80 138 -462 -361 201 -211 -554 32 74 -533 -235 187 -372 -442 182 -147 -566 25 68 -535 -244 194 -351
-463 174 -125 -570 15 72 -550 -190 172 -424 -385 198 -218 -536 96"""
"""Deflections of a beam."""

LOTTERY = """
162 671 933 414 788 730 817 33 536 875 670 236 473 167 877 980 316 950 456 92 517 557 956 954 104 178 794 278 147 773
437 435 502 610 582 780 689 562 964 791 28 97 848 281 858 538 660 972 671 613 867 448 738 966 139 636 847 659 754 243
122 455 195 968 793 59 730 361 574 522 97 762 431 158 429 414 22 629 788 999 187 215 810 782 47 34 108 986 25 644 829
630 315 567 919 331 207 412 242 607 668 944 749 168 864 442 533 805 372 63 458 777 416 340 436 140 919 350 510 572 905
900 85 389 473 758 444 169 625 692 140 897 672 288 312 860 724 226 884 508 976 741 476 417 831 15 318 432 241 114 799
955 833 358 935 146 630 830 440 642 356 373 271 715 367 393 190 669 8 861 108 795 269 590 326 866 64 523 862 840 219
382 998 4 628 305 747 247 34 747 729 645 856 974 24 568 24 694 608 480 410 729 947 293 53 930 223 203 677 227 62 455
387 318 562 242 428 968"""
"""Numbers drawn in a lottery."""

NIST = {
    "Lew": (np.array(LEW.split(), float), -177.435, 277.332168044316),
    "Lottery": (np.array(LOTTERY.split(), float), 518.958715596330, 291.699727470969),
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
