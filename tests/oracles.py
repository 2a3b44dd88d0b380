"""Second copies of formulas and rules, written without JAX and without mlejax: what the tests compare with."""

import math
from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np

# The rule of scikit-learn's train_test_split ----------------------------------------------------------------------


def train_test_indices(n: int, test_size: float, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the train and the test part: the test part comes first in the permutation."""
    permutation = np.random.RandomState(random_state).permutation(n)
    held_out = math.ceil(test_size * n)
    return permutation[held_out:], permutation[:held_out]


# The normal distribution ------------------------------------------------------------------------------------------


class Statistics(NamedTuple):
    """Size, mean and mean squared deviation of a sample."""

    n: int
    mean: float
    scatter: float

    @classmethod
    def of(cls, x: np.ndarray) -> "Statistics":
        x = np.asarray(x, np.float64)
        mean = math.fsum(x) / len(x)
        # `mean` is rounded: for 1e7 +- 0.1 its error is not small beside the deviations, so it is taken off again.
        deviations = x - mean
        rest = math.fsum(deviations) / len(x)
        return cls(len(x), mean, math.fsum(deviations**2) / len(x) - rest**2)

    def log_likelihood(self, mean: float, variance: float) -> float:
        squares = self.scatter + (self.mean - mean) ** 2
        return -self.n / 2 * (math.log(2 * math.pi * variance) + squares / variance)

    def mean_gradient(self, mean: float, variance: float) -> tuple[float, float]:
        squares = self.scatter + (self.mean - mean) ** 2
        return (self.mean - mean) / variance, -1 / (2 * variance) + squares / (2 * variance**2)


def article_gradient(x: np.ndarray, mean: float, variance: float) -> tuple[float, float]:
    """The article's handwritten gradient of the mean log-likelihood, on raw data."""
    error = x - mean
    return float(np.mean(error / variance)), float(-1 / (2 * variance) + np.mean(error**2) / (2 * variance**2))


def exact_normal(x: np.ndarray, mean: float, variance: float) -> dict[str, float]:
    """Log-likelihood, score and observed information of a normal sample with 50 digits, then rounded."""
    with mpmath.workdps(50):
        m, v, n = mpmath.mpf(mean), mpmath.mpf(variance), len(x)
        d = [mpmath.mpf(float(value)) - m for value in x]
        s1, s2 = mpmath.fsum(d), mpmath.fsum(e * e for e in d)
        exact = {
            "log_likelihood": -n * mpmath.log(2 * mpmath.pi * v) / 2 - s2 / (2 * v),
            "score_mean": s1 / v,
            "score_variance": -n / (2 * v) + s2 / (2 * v**2),
            "information_mean": n / v,
            "information_cross": s1 / v**2,
            "information_variance": -n / (2 * v**2) + s2 / v**3,
        }
        a, b, c = (exact[f"information_{which}"] for which in ("mean", "cross", "variance"))
        p, q = exact["score_mean"], exact["score_variance"]
        decrement = (c * p * p - 2 * b * p * q + a * q * q) / (a * c - b * b)
        exact["distance"] = mpmath.sqrt(decrement) if a > 0 and a * c > b * b else mpmath.inf
        return {name: float(value) for name, value in exact.items()}


def exact_mean_and_variance(x: np.ndarray) -> tuple[float, float]:
    """Mean and variance (divisor n) with 50 digits, then rounded."""
    with mpmath.workdps(50):
        values = [mpmath.mpf(float(value)) for value in x]
        mean = mpmath.fsum(values) / len(x)
        return float(mean), float(mpmath.fsum((value - mean) ** 2 for value in values) / len(x))


# The training loop ------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What `ascend` found."""

    status: str
    epochs: int
    best_epoch: int
    estimate: np.ndarray
    last: np.ndarray
    path: list[np.ndarray]  # the parameters that each epoch measured


def ascend(
    measure: Callable[[np.ndarray], float],
    gradient: Callable[[np.ndarray], np.ndarray],
    start: tuple[float, ...],
    learning_rate: float,
    inside: Callable[[np.ndarray], bool] = lambda parameters: parameters[1] > 0,
    max_epochs: int = 10_000,
    patience: int = 50,
    tolerance: float = 1e-8,
) -> Run:
    """Gradient ascent with early stopping, as section 5 of the design states it, in float64.

    Args:
        measure: the log-likelihood, a sum, that decides the stop.
        gradient: of the mean train log-likelihood.
        inside: whether parameters are in their domain.
    """
    theta, best, best_theta, best_epoch, waited = np.array(start), -math.inf, np.array(start), 0, 0
    path = []
    for epoch in range(1, max_epochs + 1):
        path.append(theta)
        measured = measure(theta)
        if not math.isfinite(measured):
            return Run("DIVERGED", epoch, best_epoch, best_theta, theta, path)
        following = theta + learning_rate * np.asarray(gradient(theta))
        shortfall = abs(measured - best)
        if measured > best:
            best, best_theta, best_epoch, waited = measured, theta, epoch, 0
            status = "RUNNING"
        else:
            waited += 1
            status = "PATIENCE" if waited >= patience else "TOLERANCE" if shortfall < tolerance else "RUNNING"
        if not (np.all(np.isfinite(following)) and inside(following)):
            return Run("DIVERGED", epoch, best_epoch, best_theta, theta, path)
        theta = following
        if status != "RUNNING":
            return Run(status, epoch, best_epoch, best_theta, theta, path)
    if measure(theta) > best:
        best_theta, best_epoch = theta, max_epochs
    return Run("MAX_EPOCHS", max_epochs, best_epoch, best_theta, theta, path)


def ascend_normal(
    train: np.ndarray, validation: np.ndarray, learning_rate: float, start=(0.0, 1.0), raw: bool = False, **limits
) -> Run:
    """`ascend` for a normal sample, by its statistics or, slowly, on the raw data."""
    if raw:

        def measure(p):
            return float(np.sum(-np.log(2 * np.pi * p[1]) / 2 - (validation - p[0]) ** 2 / (2 * p[1])))

        return ascend(measure, lambda p: np.array(article_gradient(train, *p)), start, learning_rate, **limits)
    one, other = Statistics.of(train), Statistics.of(validation)
    return ascend(
        lambda p: other.log_likelihood(*p), lambda p: np.array(one.mean_gradient(*p)), start, learning_rate, **limits
    )


# Maxima in many digits --------------------------------------------------------------------------------------------


def exact_maximum(log_density: Callable, x: np.ndarray, start: tuple[float, ...], digits: int = 40) -> list[float]:
    """Where the score of a sample is zero, near a start, of a log-density(x, *parameters) written in mpmath."""
    with mpmath.workdps(digits):
        values = [mpmath.mpf(float(value)) for value in x]

        def score(*parameters):
            def height(*v):
                return mpmath.fsum(log_density(value, *v) for value in values)

            orders = np.eye(len(parameters), dtype=int).tolist()
            return [mpmath.diff(height, parameters, tuple(order)) for order in orders]

        found = mpmath.findroot(score, [mpmath.mpf(float(value)) for value in start], tol=1e-25, maxsteps=20)
        return [float(value) for value in found]


# Least squares ----------------------------------------------------------------------------------------------------


class LeastSquares(NamedTuple):
    """The maximum of a linear regression: the variance has the divisor n."""

    coefficients: np.ndarray
    errors: np.ndarray
    variance: float
    log_likelihood: float


def least_squares_exactly(design: np.ndarray, response: np.ndarray, weights: np.ndarray | None = None) -> LeastSquares:
    """Solve the normal equations of these very doubles with 80 digits, then round."""
    with mpmath.workdps(80):
        w = [mpmath.mpf(float(each)) for each in (np.ones(len(response)) if weights is None else weights)]
        x, y = (mpmath.matrix(each.astype(float).tolist()) for each in (design, response))
        heavy = mpmath.matrix([[w[i] * x[i, j] for j in range(x.cols)] for i in range(x.rows)])
        inverse = (heavy.T * x) ** -1
        coefficients = inverse * (heavy.T * y)
        rest, total = y - x * coefficients, mpmath.fsum(w)
        variance = mpmath.fsum(w[i] * rest[i] ** 2 for i in range(x.rows)) / total
        errors = [float(mpmath.sqrt(inverse[j, j] * variance)) for j in range(x.cols)]
        height = -total / 2 * (mpmath.log(2 * mpmath.pi * variance) + 1)
        return LeastSquares(
            np.array(coefficients.tolist(), float)[:, 0], np.array(errors), float(variance), float(height)
        )
