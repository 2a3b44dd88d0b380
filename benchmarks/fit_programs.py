"""The programs that make one fit with its standard errors, and the samples that they are given."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize, stats

import mlejax
from mlejax.models.parameters import Parameters, parameter_dict

OURS = "mlejax"
COVARIATES = 10


class Regression(mlejax.Model):
    """A linear regression, written as a person would: an observation is a row of features and a response."""

    coefficients: jax.Array = mlejax.parameter(mlejax.real)
    variance: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, row: Any) -> Any:
        residual = row["response"] - row["features"] @ self.coefficients
        return -(jnp.log(2 * jnp.pi * self.variance) + residual**2 / self.variance) / 2


@dataclasses.dataclass(frozen=True)
class Problem:
    """A family, and what its data are drawn from."""

    name: str
    family: Any  # what `mlejax.fit` takes
    draw: Callable[[np.random.RandomState, int], Any]

    def start(self, data: Any) -> Any:
        """Return the start that mlejax finds: the peers that need one begin there too."""
        return self.family if isinstance(self.family, mlejax.Model) else self.family.start(data)


def draw_regression(random: np.random.RandomState, n: int) -> dict[str, np.ndarray]:
    features = np.column_stack([np.ones(n), random.normal(size=(n, COVARIATES))])
    return {"features": features, "response": features @ np.linspace(-1, 1, COVARIATES + 1) + random.normal(size=n)}


PROBLEMS = (
    Problem("normal", mlejax.Normal, lambda random, n: random.normal(3, 2, n)),
    Problem("gamma", mlejax.Gamma, lambda random, n: random.gamma(2, 3, n)),
    Problem("weibull", mlejax.Weibull, lambda random, n: 3 * random.weibull(1.7, n)),
    Problem("student_t", mlejax.StudentT, lambda random, n: 1.5 + 2 * random.standard_t(4, n)),
    Problem("regression", Regression(np.zeros(COVARIATES + 1), 1.0), draw_regression),
)


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a program found: numbers in the order of the model's parameters."""

    estimates: np.ndarray
    standard_errors: np.ndarray


# Programs: each a function of a problem and its data ------------------------------------------------------------------

Program = Callable[[Problem, Any], Fit]


def numbers(model: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in parameter_dict(model).values()])


def are_positive(model: Any) -> np.ndarray:
    """Return which of the numbers of a model must be."""
    table = Parameters.of(model)
    return np.repeat([math.isfinite(domain.lower) for domain in table.domains], table.sizes)


def mlejax_fit(problem: Problem, data: Any) -> Fit:
    found = mlejax.fit(problem.family, data, progress=False)
    return Fit(numbers(found.model), numbers(found.standard_errors))


def log_prob(problem: Problem) -> Callable[[np.ndarray, Any], Any]:
    """Return the log-densities of SciPy, by the parameters of the model."""
    return {
        "normal": lambda p, x: stats.norm.logpdf(x, p[0], np.sqrt(p[1])),
        "gamma": lambda p, x: stats.gamma.logpdf(x, p[0], scale=1 / p[1]),
        "weibull": lambda p, x: stats.weibull_min.logpdf(x, p[0], scale=p[1]),
        "student_t": lambda p, x: stats.t.logpdf(x, p[2], p[0], p[1]),
        "regression": lambda p, x: stats.norm.logpdf(x["response"], x["features"] @ p[:-1], np.sqrt(p[-1])),
    }[problem.name]


def scipy_fit(problem: Problem, data: Any) -> Fit:
    """SciPy's own `fit`, least squares for the regression; standard errors by a numeric Hessian of the log-density."""
    if problem.name == "regression":
        beta, residual, *_ = np.linalg.lstsq(data["features"], data["response"], rcond=None)
        best = np.append(beta, residual / len(data["response"]))
    elif problem.name == "normal":
        mean, sd = stats.norm.fit(data)
        best = np.array([mean, sd**2])
    elif problem.name == "student_t":
        df, location, scale = stats.t.fit(data)
        best = np.array([location, scale, df])
    else:
        shape, _, scale = {"gamma": stats.gamma, "weibull": stats.weibull_min}[problem.name].fit(data, floc=0)
        best = np.array([shape, 1 / scale if problem.name == "gamma" else scale])
    of = log_prob(problem)
    return Fit(best, errors_of(numeric_hessian(lambda p: -np.sum(of(p, data)), best)))


def scipy_minimize(problem: Problem, data: Any) -> Fit:
    """SciPy's BFGS on the negative log-likelihood, positive parameters by their logarithms."""
    start, of = problem.start(data), log_prob(problem)
    begin, positive = numbers(start), are_positive(start)
    first = np.where(positive, np.log(np.where(positive, begin, 1)), begin)

    def loss(at: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            value = -np.mean(of(np.where(positive, np.exp(at), at), data))
        return value if np.isfinite(value) else 1e10

    found = optimize.minimize(loss, first, method="BFGS", options={"gtol": 1e-7}).x
    best = np.where(positive, np.exp(found), found)
    return Fit(best, errors_of(numeric_hessian(lambda p: -np.sum(of(p, data)), best)))


def numeric_hessian(function: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Return second derivatives by central differences."""
    steps = np.diag(1e-4 * np.maximum(np.abs(at), 1e-2))
    size = len(at)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            a, b = steps[i], steps[j]
            four = function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)
            hessian[i, j] = hessian[j, i] = four / (4 * a[i] * b[j])
    return hessian


def errors_of(information: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diagonal(np.linalg.inv(information)))


def statsmodels_fit(problem: Problem, data: Any) -> Fit:
    """Ordinary least squares where that is the maximum; otherwise a `GenericLikelihoodModel`."""
    import statsmodels.api as sm
    from statsmodels.base.model import GenericLikelihoodModel

    if problem.name in ("normal", "regression"):
        response, features = (
            (data, np.ones((len(data), 1))) if problem.name == "normal" else (data["response"], data["features"])
        )
        found = sm.OLS(response, features).fit()
        variance = found.ssr / len(response)
        scale = np.sqrt(variance / found.scale)  # by n, as the maximum has it
        return Fit(
            np.append(found.params, variance), np.append(found.bse * scale, variance * np.sqrt(2 / len(response)))
        )
    of = log_prob(problem)

    class Own(GenericLikelihoodModel):
        def loglikeobs(self, params: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return of(params, self.endog)

    found = Own(data, np.ones(len(data))).fit(numbers(problem.start(data)), method="bfgs", disp=0, maxiter=200)
    return Fit(np.asarray(found.params), np.asarray(found.bse))


def iminuit_fit(problem: Problem, data: Any) -> Fit:
    """Migrad and Hesse on densities that Numba compiles: those of numba-stats where it has them."""
    from iminuit import Minuit

    start = problem.start(data)
    first, positive = numbers(start), are_positive(start)
    minuit = Minuit(numba_loss(problem.name, data), first)
    minuit.errordef, minuit.strategy = Minuit.LIKELIHOOD, 1
    for i in range(len(first)):
        minuit.limits[i] = (1e-6, None) if positive[i] else None
    minuit.migrad()
    minuit.hesse()
    return Fit(np.asarray(minuit.values), np.asarray(minuit.errors))


def numba_loss(name: str, data: Any) -> Callable[[np.ndarray], float]:
    from numba_stats import norm, t

    if name == "normal":
        return lambda p: -np.sum(norm.logpdf(data, p[0], math.sqrt(p[1])))
    if name == "student_t":
        return lambda p: -np.sum(t.logpdf(data, p[2], p[0], p[1]))
    if name == "regression":
        features, response = data["features"], data["response"]
        return lambda p: -np.sum(norm.logpdf(response - features @ p[:-1], 0.0, math.sqrt(p[-1])))
    loss = numba_losses()[name]
    return lambda p: loss(data, p[0], p[1])


@functools.cache
def numba_losses() -> dict[str, Callable[..., float]]:
    """Return sums that numba-stats lacks, compiled likewise."""
    import numba

    compiled = numba.njit(fastmath=True)

    @compiled
    def gamma(x: np.ndarray, shape: float, rate: float) -> float:
        total = 0.0
        for each in x:
            total += (shape - 1) * math.log(each) - rate * each
        return -total - len(x) * (shape * math.log(rate) - math.lgamma(shape))

    @compiled
    def weibull(x: np.ndarray, shape: float, scale: float) -> float:
        total, log_scale = 0.0, math.log(scale)
        for each in x:
            z = math.log(each) - log_scale
            total += (shape - 1) * z - math.exp(shape * z)
        return -total - len(x) * (math.log(shape) - log_scale)

    return {"gamma": gamma, "weibull": weibull}


def optimistix_fit(problem: Problem, data: Any) -> Fit:
    """Optimistix' BFGS on the mean of the same `log_prob`, in unconstrained coordinates, and `jax.hessian`."""
    start = problem.start(data)
    with jax.enable_x64(True):
        first = Parameters.of(start).to_real(jax.tree.map(np.float64, start))
        best, errors = jax.device_get(
            optimistix_program(Parameters.of(start))(first, data, len(jax.tree.leaves(data)[0]))
        )
    return Fit(best, errors)


@functools.cache
def optimistix_program(table: Parameters) -> Callable[..., Any]:
    import optimistix

    def loss(at: Any, data: Any) -> Any:
        return -jnp.mean(jax.vmap(table.from_real(at).log_prob)(data))

    @jax.jit
    def program(first: Any, data: Any, count: Any) -> Any:
        solver = optimistix.BFGS(rtol=1e-9, atol=1e-12)
        found = optimistix.minimise(loss, solver, first, args=data, max_steps=500, throw=False).value
        covariance = jnp.linalg.inv(jax.hessian(loss)(found, data)) / count

        def natural(at: Any) -> Any:
            return table.to_vector(table.from_real(at))

        jacobian = jax.jacfwd(natural)(found)
        return natural(found), jnp.sqrt(jnp.diagonal(jacobian @ covariance @ jacobian.T))

    return program


PROGRAMS: Mapping[str, tuple[Program, tuple[str, ...]]] = {
    OURS: (mlejax_fit, ()),
    "SciPy, its own fit": (scipy_fit, ()),
    "SciPy, BFGS": (scipy_minimize, ()),
    "statsmodels": (statsmodels_fit, ("statsmodels",)),
    "iminuit, numba-stats": (iminuit_fit, ("iminuit", "numba_stats")),
    "Optimistix, BFGS": (optimistix_fit, ("optimistix",)),
}
"""Programs by name, and the packages that they need besides."""
