"""`Model`, and one small class per family."""

from collections.abc import Mapping

from .base import Model
from .circular import VonMises
from .continuous import (
    Beta,
    Exponential,
    Gamma,
    InverseGamma,
    InverseGaussian,
    LogNormal,
    NormalMixture,
    Rayleigh,
    Weibull,
)
from .discrete import Binomial, Geometric, NegativeBinomial, Poisson
from .extremes import Frechet, GeneralizedExtremeValue, Gumbel, GumbelMin
from .heavy_tails import Burr12, GeneralizedPareto, LogLogistic, Lomax, Pareto
from .normal import Normal
from .symmetric import Cauchy, Laplace, Logistic, StudentT

FAMILIES: Mapping[str, type[Model]] = {
    "normal": Normal,
    "lognormal": LogNormal,
    "exponential": Exponential,
    "gamma": Gamma,
    "inverse_gamma": InverseGamma,
    "weibull": Weibull,
    "pareto": Pareto,
    "lomax": Lomax,
    "beta": Beta,
    "student_t": StudentT,
    "cauchy": Cauchy,
    "laplace": Laplace,
    "logistic": Logistic,
    "gumbel": Gumbel,
    "gumbel_min": GumbelMin,
    "loglogistic": LogLogistic,
    "frechet": Frechet,
    "generalized_extreme_value": GeneralizedExtremeValue,
    "generalized_pareto": GeneralizedPareto,
    "rayleigh": Rayleigh,
    "inverse_gaussian": InverseGaussian,
    "burr12": Burr12,
    "von_mises": VonMises,
    "poisson": Poisson,
    "geometric": Geometric,
    "negative_binomial": NegativeBinomial,
    "binomial": Binomial,
}
"""The families that are chosen by name, as on the command line; each has a `start`."""

__all__ = [
    "Beta",
    "Binomial",
    "Burr12",
    "Cauchy",
    "Exponential",
    "Frechet",
    "Gamma",
    "GeneralizedExtremeValue",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "GumbelMin",
    "InverseGamma",
    "InverseGaussian",
    "Laplace",
    "LogLogistic",
    "LogNormal",
    "Logistic",
    "Lomax",
    "Model",
    "NegativeBinomial",
    "Normal",
    "NormalMixture",
    "Pareto",
    "Poisson",
    "Rayleigh",
    "StudentT",
    "VonMises",
    "Weibull",
]
