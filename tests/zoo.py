"""Models that more than one test uses, each formula written out."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln, xlogy

from mlejax import Model, parameter, positive, real, simplex, unit_interval


def family(log_prob, **domains):
    """Return a model class with parameters in these domains and `log_prob(model, x)` as its formula."""
    fields = {name: parameter(domain) for name, domain in domains.items()}
    fields |= {"__annotations__": dict.fromkeys(domains, float), "log_prob": log_prob, "__module__": __name__}
    return type("Family", (Model,), fields)


class Rayleigh(Model):
    """A person's own model: two sufficient statistics, the maximum at sqrt(mean(x**2) / 2)."""

    scale: float = parameter(positive)

    def log_prob(self, x):
        return jnp.log(x) - 2 * jnp.log(self.scale) - x**2 / (2 * self.scale**2)


class ZeroInflatedPoisson(Model):
    """A branch on the data: zeros follow one formula, all other counts another."""

    rate: float = parameter(positive)
    zero: float = parameter(unit_interval)

    def log_prob(self, k):
        zero = jnp.log(self.zero + (1 - self.zero) * jnp.exp(-self.rate))
        counted = jnp.log1p(-self.zero) + k * jnp.log(self.rate) - self.rate - gammaln(k + 1.0)
        return jnp.where(k == 0, zero, counted)


class Cauchy(Model):
    """A formula without sufficient statistics, whose log-likelihood may have several maxima."""

    location: float = parameter(real)
    scale: float = parameter(positive)

    def log_prob(self, x):
        return -jnp.log(jnp.pi * self.scale) - jnp.log1p(((x - self.location) / self.scale) ** 2)


class Vector(Model):
    """A parameter that is an array: the mean of rows, each with variance one."""

    mean: jax.Array

    def log_prob(self, x):
        return -jnp.sum((x - self.mean) ** 2) / 2


class Line(Model):
    """A record as an observation: `y` about a line through `x`, each a number."""

    intercept: float = parameter(real)
    slope: float = parameter(real)
    variance: float = parameter(positive)

    def log_prob(self, point):
        residual = point["y"] - self.intercept - self.slope * point["x"]
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - residual**2 / (2 * self.variance)


class Bent(Line):
    """The same with heavy tails, of which there are no sufficient statistics."""

    def log_prob(self, point):
        residual = point["y"] - self.intercept - self.slope * point["x"]
        return -jnp.log(self.variance) / 2 - 2 * jnp.log1p(residual**2 / (3 * self.variance))


def points(n=40):
    """Return a record of columns for `Line`."""
    x = np.random.RandomState(1).normal(3.0, 2.0, n)
    return {"x": x, "y": 1.5 - 0.5 * x + np.random.RandomState(2).normal(size=n)}


class Hazard(Model):
    """An array of rates, one for each age, with labels; the maximum is events over time lived, age by age."""

    rates: jax.Array = parameter(positive)

    def log_prob(self, x):
        young, middle, old = (self.rates[i] for i in range(3))
        later = jnp.where(x < 2, jnp.log(middle) - middle * (x - 1), jnp.log(old) - middle - old * (x - 2))
        return jnp.where(x < 1, jnp.log(young) - young * x, later - young)

    def labels(self, field):
        return ("young", "middle", "old")


class Dice(Model):
    """Numbers that add up to one, the shares of the outcomes 0, 1, 2: the maximum is how often each was seen."""

    shares: jax.Array = parameter(simplex)

    def log_prob(self, x):
        return sum(jnp.where(x == i, jnp.log(self.shares[i]), 0.0) for i in range(3))


class Plane(Model):
    """A linear regression: a record of a vector `x` and a number `y`."""

    coefficients: jax.Array
    variance: float = parameter(positive)

    def log_prob(self, row):
        residual = row["y"] - row["x"] @ self.coefficients
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - residual**2 / (2 * self.variance)


class Cholesky(Model):
    """A multivariate normal by the Cholesky factor of its covariance."""

    mean: jax.Array
    factor: jax.Array

    def log_prob(self, x):
        whitened = solve_triangular(self.factor, x - self.mean, lower=True)
        return -whitened @ whitened / 2 - jnp.sum(jnp.log(jnp.diagonal(self.factor)))


class Precision(Model):
    """A multivariate normal by a factor of its precision."""

    mean: jax.Array
    factor: jax.Array

    def log_prob(self, x):
        away = x - self.mean
        return -away @ (self.factor @ self.factor.T) @ away / 2 + jnp.linalg.slogdet(self.factor)[1]


class Solved(Precision):
    """A multivariate normal by its covariance, factor factor'."""

    def log_prob(self, x):
        away, covariance = x - self.mean, self.factor @ self.factor.T
        return -away @ jnp.linalg.solve(covariance, away) / 2 - jnp.linalg.slogdet(covariance)[1] / 2


class Dirichlet(Model):
    """Shares that add up to one: of first degree in their logarithms."""

    a: jax.Array = parameter(positive)

    def log_prob(self, shares):
        return gammaln(jnp.sum(self.a)) - jnp.sum(gammaln(self.a)) + jnp.sum(xlogy(self.a - 1, shares))


class NormalMixture(Model):
    """Two normals, of which the first has a share `weight`: every parameter is a number of its own."""

    weight: float = parameter(unit_interval)
    first_mean: float = parameter(real)
    first_variance: float = parameter(positive)
    second_mean: float = parameter(real)
    second_variance: float = parameter(positive)

    def log_prob(self, x):
        def component(weight, mean, variance):
            return jnp.log(weight) - jnp.log(2 * jnp.pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)

        return jnp.logaddexp(
            component(self.weight, self.first_mean, self.first_variance),
            component(1 - self.weight, self.second_mean, self.second_variance),
        )


class Turning(Model):
    """A formula whose slope is another one above a location of 6.5, which its own start does not show."""

    location: float
    scale: float = parameter(positive)

    def log_prob(self, x):
        return _declared(self.location, x) - jnp.log(self.scale) - x**2 / self.scale


@jax.custom_jvp
def _declared(location, x):
    return -((x - location) ** 2)


@_declared.defjvp
def _(primals, tangents):
    (location, x), (moved, drawn) = primals, tangents
    slope = 2 * (x - location)
    return _declared(location, x), jnp.where(location > 6.5, 0.0, slope) * moved - slope * drawn
