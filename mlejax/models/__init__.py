"""`Model`, and one small class per family."""

from .base import Model
from .continuous import Beta, Exponential, Gamma, LogNormal, NormalMixture, StudentT, Weibull
from .discrete import Poisson
from .normal import Normal

__all__ = [
    "Beta",
    "Exponential",
    "Gamma",
    "LogNormal",
    "Model",
    "Normal",
    "NormalMixture",
    "Poisson",
    "StudentT",
    "Weibull",
]
