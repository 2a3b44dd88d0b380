"""The families by name; each is loaded when it is first used, so that a program pays for those alone that it names."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Model


class Families(Mapping[str, type["Model"]]):
    """A mapping from names to families.

    Args:
        homes: for each name, the module of this package and the class in it, with a dot between.
    """

    def __init__(self, homes: Mapping[str, str]):
        self.homes = homes

    def __getitem__(self, name: str) -> type["Model"]:
        module, _, family = self.homes[name].partition(".")
        return getattr(importlib.import_module(f"{__name__}.{module}"), family)

    def __contains__(self, name: object) -> bool:
        return name in self.homes

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __len__(self) -> int:
        return len(self.homes)


FAMILIES = Families(
    {
        "normal": "normal.Normal",
        "lognormal": "continuous.LogNormal",
        "exponential": "continuous.Exponential",
        "gamma": "continuous.Gamma",
        "inverse_gamma": "continuous.InverseGamma",
        "weibull": "continuous.Weibull",
        "pareto": "heavy_tails.Pareto",
        "lomax": "heavy_tails.Lomax",
        "beta": "continuous.Beta",
        "student_t": "symmetric.StudentT",
        "cauchy": "symmetric.Cauchy",
        "laplace": "symmetric.Laplace",
        "logistic": "symmetric.Logistic",
        "gumbel": "extremes.Gumbel",
        "gumbel_min": "extremes.GumbelMin",
        "loglogistic": "heavy_tails.LogLogistic",
        "frechet": "extremes.Frechet",
        "generalized_extreme_value": "extremes.GeneralizedExtremeValue",
        "generalized_pareto": "heavy_tails.GeneralizedPareto",
        "rayleigh": "continuous.Rayleigh",
        "inverse_gaussian": "continuous.InverseGaussian",
        "burr12": "heavy_tails.Burr12",
        "von_mises": "circular.VonMises",
        "poisson": "discrete.Poisson",
        "geometric": "discrete.Geometric",
        "negative_binomial": "discrete.NegativeBinomial",
        "binomial": "discrete.Binomial",
    }
)
"""The families that are chosen by name, as on the command line; each has a `start`."""

OF_ARRAYS = Families(
    {
        "categorical": "arrays.Categorical",
        "multivariate_normal": "arrays.MultivariateNormal",
    }
)
"""Further families that are chosen by name, whose parameters are arrays; each has a `start`."""

REGRESSIONS = Families(
    {
        "linear": "regression.LinearRegression",
        "logistic": "regression.LogisticRegression",
        "poisson": "regression.PoissonRegression",
        "negative_binomial": "count_regression.NegativeBinomialRegression",
    }
)
"""Regressions by the distribution of their responses; each has a `start` and, on named columns, an `of`."""
