"""One model of every family beside the distribution of SciPy that it is, and points where it has a density."""

import numpy as np
import scipy.stats

import mlejax

LINE, HALF = np.linspace(-4, 5, 19), np.linspace(0.05, 6, 19)


FAMILIES = {
    "Normal": (mlejax.Normal(1.5, 4.0), scipy.stats.norm(1.5, 2.0), LINE),
    "Exponential": (mlejax.Exponential(0.7), scipy.stats.expon(scale=1 / 0.7), HALF),
    "Gamma": (mlejax.Gamma(2.5, 0.7), scipy.stats.gamma(2.5, scale=1 / 0.7), HALF),
    "InverseGamma": (mlejax.InverseGamma(2.5, 1.7), scipy.stats.invgamma(2.5, scale=1.7), HALF),
    "LogNormal": (mlejax.LogNormal(0.4, 0.25), scipy.stats.lognorm(0.5, scale=np.exp(0.4)), HALF),
    "Beta": (mlejax.Beta(2.5, 1.5), scipy.stats.beta(2.5, 1.5), np.linspace(0.02, 0.98, 19)),
    "Weibull": (mlejax.Weibull(1.5, 2.0), scipy.stats.weibull_min(1.5, scale=2.0), HALF),
    "Rayleigh": (mlejax.Rayleigh(1.3), scipy.stats.rayleigh(scale=1.3), HALF),
    "InverseGaussian": (mlejax.InverseGaussian(1.5, 2.0), scipy.stats.invgauss(0.75, scale=2.0), HALF),
    "Pareto": (mlejax.Pareto(2.5, 0.04), scipy.stats.pareto(2.5, scale=0.04), HALF),
    "Lomax": (mlejax.Lomax(2.5, 1.5), scipy.stats.lomax(2.5, scale=1.5), HALF),
    "GeneralizedPareto": (mlejax.GeneralizedPareto(1.5, 0.3), scipy.stats.genpareto(0.3, scale=1.5), HALF),
    "LogLogistic": (mlejax.LogLogistic(2.5, 1.5), scipy.stats.fisk(2.5, scale=1.5), HALF),
    "Burr12": (mlejax.Burr12(1.5, 2.5, 0.8), scipy.stats.burr12(2.5, 1.5, scale=1 / 0.8), HALF),
    "Frechet": (mlejax.Frechet(2.5, 1.5), scipy.stats.invweibull(2.5, scale=1.5), HALF + 0.3),
    "StudentT": (mlejax.StudentT(0.5, 2.0, 3.5), scipy.stats.t(3.5, 0.5, 2.0), LINE),
    "Cauchy": (mlejax.Cauchy(0.5, 2.0), scipy.stats.cauchy(0.5, 2.0), LINE),
    "Laplace": (mlejax.Laplace(0.5, 2.0), scipy.stats.laplace(0.5, 2.0), LINE),
    "Logistic": (mlejax.Logistic(0.5, 2.0), scipy.stats.logistic(0.5, 2.0), LINE),
    "Gumbel": (mlejax.Gumbel(0.5, 2.0), scipy.stats.gumbel_r(0.5, 2.0), LINE),
    "GumbelMin": (mlejax.GumbelMin(0.5, 2.0), scipy.stats.gumbel_l(0.5, 2.0), LINE),
    "GeneralizedExtremeValue": (
        mlejax.GeneralizedExtremeValue(0.5, 2.0, 0.2), scipy.stats.genextreme(-0.2, 0.5, 2.0), LINE,
    ),
    "VonMises": (mlejax.VonMises(0.5, 2.0), scipy.stats.vonmises(2.0, 0.5), LINE),
    "Poisson": (mlejax.Poisson(2.5), scipy.stats.poisson(2.5), np.arange(12)),
    "Geometric": (mlejax.Geometric(0.3), scipy.stats.geom(0.3, -1), np.arange(12)),
    "NegativeBinomial": (mlejax.NegativeBinomial(2.5, 3.0), scipy.stats.nbinom(2.5, 2.5 / 5.5), np.arange(12)),
    "Binomial": (mlejax.Binomial(11, 0.3), scipy.stats.binom(11, 0.3), np.arange(12)),
}  # fmt: skip


def counts(name):
    """Return whether a family is of whole numbers."""
    return hasattr(FAMILIES[name][1], "dist") and hasattr(FAMILIES[name][1].dist, "pmf")
