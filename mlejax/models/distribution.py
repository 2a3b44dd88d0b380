"""Distribution functions of families, as logarithms that stay accurate in either tail, with two derivatives.

A model of a person's own says them itself, by the methods `log_cdf(x)` and `log_survival(x)`.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jax.nn import softplus
from jax.scipy.special import log_ndtr
from jaxtyping import Array

from ..checks import InputTypeError
from .abilities import HasDistribution
from .base import Model, name_of
from .constraints import Number
from .continuous import Beta, Exponential, Gamma, InverseGamma, InverseGaussian, LogNormal, Rayleigh, Weibull
from .discrete import Binomial, Geometric, NegativeBinomial, Poisson
from .extremes import Frechet, GeneralizedExtremeValue, Gumbel, GumbelMin
from .heavy_tails import Burr12, GeneralizedPareto, LogLogistic, Lomax, Pareto
from .incomplete import Shares, incomplete_beta, incomplete_gamma, inverse_gaussian, log1m_exp, student
from .normal import Normal
from .special import log1p_over
from .symmetric import Cauchy, Laplace, Logistic, StudentT
from .wrappers import Fixed, filled


def shares(model: Model, x: Number) -> Shares:
    """Return log P(X <= x) and log P(X > x) of a model of single numbers, each accurate where it is small.

    Args:
        model: one of the families for which `has_distribution`, or one with `log_cdf` and `log_survival`.
        x: a number inside the support; of a model of whole numbers, one of these.

    Returns:
        Both, in nats.

    Raises:
        TypeError: the distribution function of the model is not known.

    Example:
        >>> import mlejax
        >>> found = shares(mlejax.Exponential(2.0), 1.5)
        >>> print(found.log_survival)
        -3.0
    """
    if isinstance(model, Fixed):
        return shares(filled(model.base), x)
    if isinstance(model, HasDistribution):
        return Shares(model.log_cdf(x), model.log_survival(x))
    if type(model) not in _KNOWN:
        known = ", ".join(family.__name__ for family in _KNOWN)
        raise InputTypeError(
            f"{name_of(model)} has no distribution function here: those of {known} are known, and a model of your own "
            "has log_cdf(x) and log_survival(x)"
        )
    return _KNOWN[type(model)](model, x)


def has_distribution(family: object) -> bool:
    """Return whether the distribution function of a family, a class of models, is known."""
    return family in _KNOWN or (isinstance(family, type) and issubclass(family, HasDistribution))


def log_between(low: Shares, high: Shares) -> Array:
    """Return the logarithm of the share of a distribution between two points, from the shares at both."""
    below, above = low.log_cdf, high.log_survival
    right, left = low.log_survival < jnp.log(0.5), high.log_cdf < jnp.log(0.5)
    tail = log_difference(
        jnp.where(right, low.log_survival, jnp.where(left, high.log_cdf, 0.0)),
        jnp.where(right, above, jnp.where(left, below, -1.0)),
    )
    outside = jnp.where(right | left, -1.0, jnp.logaddexp(below, above))
    return jnp.where(right | left, tail, log1m_exp(-outside))


def log_difference(larger: Number, smaller: Number) -> Array:
    """Return log(exp(larger) - exp(smaller))."""
    return jnp.asarray(larger) + log1m_exp(larger - smaller)


# The families ---------------------------------------------------------------------------------------------------------


def _by_hazard(y: Number) -> Shares:
    """Return the shares where the cumulative hazard is y: P(X > x) = exp(-y)."""
    return Shares(log1m_exp(y), -jnp.asarray(y))


def _logistic(z: Number) -> Shares:
    return Shares(-softplus(-z), -softplus(z))


def _normal(z: Number) -> Shares:
    log_share = functools.partial(log_ndtr, series_order=10)  # type: ignore[arg-type]
    return Shares(log_share(jnp.asarray(z)), log_share(-jnp.asarray(z)))


def _laplace(z: Array) -> Shares:
    tail = -jnp.abs(z) - jnp.log(2.0)
    return Shares(jnp.where(z < 0, tail, jnp.log1p(-jnp.exp(tail))), jnp.where(z < 0, jnp.log1p(-jnp.exp(tail)), tail))


def _cauchy(z: Array) -> Shares:
    return Shares(jnp.log(jnp.arctan2(1.0, -z) / jnp.pi), jnp.log(jnp.arctan2(1.0, z) / jnp.pi))


def _binomial(m: Binomial, k: Number) -> Shares:
    some = jnp.asarray(k) < m.trials  # else all
    logit = jnp.log(m.probability) - jnp.log1p(-m.probability)
    found = incomplete_beta(jnp.where(some, m.trials - k, 1.0), jnp.where(some, k, 0.0) + 1.0, -logit)
    return Shares(jnp.where(some, found.log_cdf, 0.0), jnp.where(some, found.log_survival, -jnp.inf))


def _generalized_pareto(m: GeneralizedPareto, x: Number) -> Shares:
    z = x / m.scale
    within = m.shape * z > -1
    found = _by_hazard(log1p_over(jnp.where(within, z, 1.0 / (1 + jnp.abs(m.shape))), m.shape))
    return Shares(jnp.where(within, found.log_cdf, 0.0), jnp.where(within, found.log_survival, -jnp.inf))


def _generalized_extreme_value(m: GeneralizedExtremeValue, x: Number) -> Shares:
    z = (x - m.location) / m.scale
    within = m.shape * z > -1
    found = _by_hazard(jnp.exp(-log1p_over(jnp.where(within, z, 0.0), m.shape))).reversed
    beyond = jnp.where(z > 0, 0.0, -jnp.inf), jnp.where(z > 0, -jnp.inf, 0.0)
    return Shares(*(jnp.where(within, one, other) for one, other in zip(found, beyond, strict=True)))


def _log_ratio(m: Weibull | LogLogistic | Frechet, x: Number) -> Array:
    return m.shape * (jnp.log(x) - jnp.log(m.scale))


def _standard(m: Gumbel | GumbelMin | Laplace | Cauchy | Logistic, x: Number) -> Array:
    return (x - m.location) / m.scale


_KNOWN: dict[type[Model], Callable[..., Shares]] = {
    Normal: lambda m, x: _normal((x - m.mean) / jnp.sqrt(m.variance)),
    LogNormal: lambda m, x: _normal((jnp.log(x) - m.mean) / jnp.sqrt(m.variance)),
    Exponential: lambda m, x: _by_hazard(m.rate * x),
    Gamma: lambda m, x: incomplete_gamma(m.shape, m.rate * x),
    InverseGamma: lambda m, x: incomplete_gamma(m.shape, m.scale / x).reversed,
    InverseGaussian: lambda m, x: inverse_gaussian(m.mean, m.shape, x),
    Beta: lambda m, x: incomplete_beta(m.a, m.b, jnp.log(x) - jnp.log1p(-x)),
    Weibull: lambda m, x: _by_hazard(jnp.exp(_log_ratio(m, x))),
    Rayleigh: lambda m, x: _by_hazard((x / m.scale) ** 2 / 2),
    Pareto: lambda m, x: _by_hazard(m.shape * jnp.maximum(jnp.log(x) - jnp.log(m.minimum), 0.0)),
    Lomax: lambda m, x: _by_hazard(m.shape * jnp.log1p(x / m.scale)),
    GeneralizedPareto: _generalized_pareto,
    LogLogistic: lambda m, x: _logistic(_log_ratio(m, x)),
    Burr12: lambda m, x: _by_hazard(m.shape1 * softplus(m.shape2 * (jnp.log(x) + jnp.log(m.rate)))),
    Frechet: lambda m, x: _by_hazard(jnp.exp(-_log_ratio(m, x))).reversed,
    GeneralizedExtremeValue: _generalized_extreme_value,
    Gumbel: lambda m, x: _by_hazard(jnp.exp(-_standard(m, x))).reversed,
    GumbelMin: lambda m, x: _by_hazard(jnp.exp(_standard(m, x))),
    Laplace: lambda m, x: _laplace(_standard(m, x)),
    StudentT: lambda m, x: student((x - m.location) / m.scale, m.degrees_of_freedom),
    Cauchy: lambda m, x: _cauchy(_standard(m, x)),
    Logistic: lambda m, x: _logistic(_standard(m, x)),
    Poisson: lambda m, k: incomplete_gamma(jnp.asarray(k) + 1.0, m.rate).reversed,
    Geometric: lambda m, k: _by_hazard(-(jnp.asarray(k) + 1.0) * jnp.log1p(-m.probability)),
    NegativeBinomial: lambda m, k: incomplete_beta(m.size, jnp.asarray(k) + 1.0, jnp.log(m.size) - jnp.log(m.mean)),
    Binomial: _binomial,
}
