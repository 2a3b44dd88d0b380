"""What autodiff derives from a log-density: log-likelihood, score, information, covariance, standard errors, distance.

Called outside any JAX transformation these functions answer in NumPy float64, whatever JAX's own flag says. Inside one
(`jit`, `grad`, `vmap`) they answer in the type of what they are given.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .checks import InputTypeError
from .formula.jaxpr import as_formula_takes
from .models.abilities import HasTypicalObservations
from .models.base import M, Model
from .models.parameters import Parameters
from .models.rows import Rows
from .samples.outside import in_float64_outside
from .samples.raw import Observations
from .samples.representation import Sample, as_sample
from .samples.second import LocalQuadratic, Matrix, Nats, Vector
from .samples.summary import Summary


@in_float64_outside
def mean_log_likelihood(model: Model, sample: Sample | Rows | ArrayLike) -> Nats:
    """Return the mean log-density of a sample, per observation.

    Args:
        model: the parameters.
        sample: observations, or a `Summary` of them.

    Returns:
        A number, in nats.

    Example:
        >>> import mlejax
        >>> print(mlejax.mean_log_likelihood(mlejax.Exponential(2.0), [0.5, 1.5]))  # log(2) - 2
        -1.3068...
    """
    return as_sample(sample).mean_log_prob(model)


@in_float64_outside
def log_likelihood(model: Model, sample: Sample | Rows | ArrayLike) -> Nats:
    """Return the log-likelihood: the sum of the log-densities of a sample.

    Args:
        model: the parameters.
        sample: observations, or a `Summary` of them.

    Returns:
        A number, in nats.

    Example:
        >>> import mlejax
        >>> print(mlejax.log_likelihood(mlejax.Exponential(2.0), [0.5, 1.5]))  # 2 log(2) - 2 (0.5 + 1.5)
        -2.6137...
    """
    sample = as_sample(sample)
    return sample.count * sample.mean_log_prob(model)


@in_float64_outside
def score(model: M, sample: Sample | Rows | ArrayLike) -> M:
    """Return the score: the gradient of the log-likelihood by the parameters.

    Args:
        model: the parameters.
        sample: observations, or a `Summary` of them.

    Returns:
        A model, each leaf in nats per unit of its parameter.

    Example:
        >>> import mlejax
        >>> mlejax.score(mlejax.Exponential(2.0), [0.5, 1.5])  # n / rate - sum(x)
        Exponential(rate=-1.0)
    """
    sample = as_sample(sample)
    return jax.tree.map(lambda slope: sample.count * slope, jax.grad(mean_log_likelihood)(model, sample))


@in_float64_outside
def local_quadratic(model: Model, sample: Sample | Rows | ArrayLike) -> LocalQuadratic:
    """Return the log-likelihood, its score and the observed information at one point, from one pass over the sample.

    Args:
        model: the parameters, p numbers in all.
        sample: observations, or a `Summary` of them.

    Returns:
        A record with `log_likelihood` (nats), `score` (p,) and `information` (p, p).

    Example:
        >>> import mlejax
        >>> here = mlejax.likelihood.local_quadratic(mlejax.Exponential(2.0), [0.5, 1.5])
        >>> print(here.score, here.information)  # the information is n / rate^2
        [-1.] [[0.5]]
    """
    table, sample = Parameters.of(model), as_sample(sample)
    mean = sample.second_order(table.to_model, table.to_vector(model))
    return jax.tree.map(lambda part: sample.count * part, mean)


@in_float64_outside
def observed_information(model: Model, sample: Sample | Rows | ArrayLike) -> Matrix:
    """Return the observed information: minus the matrix of second derivatives of the log-likelihood.

    Args:
        model: the parameters, p numbers in all.
        sample: observations, or a `Summary` of them.

    Returns:
        A matrix (p, p), parameters in leaf order, in nats per product of their units.

    Example:
        >>> import mlejax
        >>> print(mlejax.observed_information(mlejax.Exponential(2.0), [0.5, 1.5]))
        [[0.5]]
    """
    return local_quadratic(model, sample).information


@in_float64_outside
def expected_information(model: Model) -> Matrix:
    """Return the Fisher information of ONE observation, for a model with `typical_observations`.

    The log-density of such a model has second derivatives that are quadratic in x; their expectation is their average
    over those points.

    Args:
        model: the parameters, p numbers in all.

    Returns:
        A matrix (p, p), parameters in leaf order, in nats per product of their units.

    Raises:
        TypeError: the model has no `typical_observations`.

    Example:
        >>> import mlejax
        >>> print(mlejax.expected_information(mlejax.Normal(0.0, 2.0)).diagonal())  # 1 / v, 1 / (2 v^2)
        [0.5   0.125]
    """
    if not isinstance(model, HasTypicalObservations):
        raise InputTypeError(
            f"{type(model).__name__} has no expected information: it needs a method typical_observations(), as "
            "Normal has; observed_information serves every model"
        )
    points = Observations(model.typical_observations())
    return observed_information(model, points) / points.count


@in_float64_outside
def covariance(model: Model, sample: Sample | Rows | ArrayLike) -> Matrix:
    """Return the inverse of the observed information: the covariance of the estimate when `model` is the maximum.

    Args:
        model: the estimate, p numbers in all.
        sample: observations, or a `Summary` of them.

    Returns:
        A matrix (p, p), parameters in leaf order, in products of their units. Not finite where the information is
        singular.

    Example:
        >>> import mlejax
        >>> print(mlejax.covariance(mlejax.Exponential(1.0), [0.5, 1.5]))  # rate^2 / n
        [[0.5]]
    """
    here, jacobian = _about(model, sample)
    information, scale = _scaled(here.information)
    inverse = jnp.linalg.inv(information) * scale[:, None] * scale[None, :]
    return inverse if jacobian is None else jacobian @ inverse @ jacobian.T


@in_float64_outside
def standard_errors(model: M, sample: Sample | Rows | ArrayLike) -> M:
    """Return the standard errors of an estimate: square roots of the diagonal of `covariance`.

    Args:
        model: the estimate.
        sample: observations, or a `Summary` of them.

    Returns:
        A model, each leaf in the unit of its parameter. NaN where the log-likelihood curves upward.

    Example:
        >>> import mlejax
        >>> mlejax.standard_errors(mlejax.Normal(1.0, 4.0), [-1.0, 3.0])  # sqrt(v / n), sqrt(2 v^2 / n)
        Normal(mean=1.4142135623730951, variance=4.0)
    """
    return Parameters.of(model).to_model(jnp.sqrt(jnp.diagonal(covariance(model, sample))))


def robust_standard_errors(model: M, observations: Sample | Rows | ArrayLike | Sequence[float]) -> M:
    """Return standard errors that hold when the family is wrong: the sandwich of covariance and squared scores.

    Covariance times the sum of the outer products of every observation's score, times covariance.

    Args:
        model: the estimate.
        observations: the raw data.

    Returns:
        A model, each leaf in the unit of its parameter.

    Raises:
        TypeError: a `Summary` is given, which does not keep the score of every observation.

    Reference: H. White, Maximum likelihood estimation of misspecified models, Econometrica 50 (1982) 1-25.

    Example:
        >>> import mlejax
        >>> mlejax.robust_standard_errors(mlejax.Exponential(1.0), [0.5, 1.5])  # the scores are 0.5 and -0.5
        Exponential(rate=0.3535533905932738)
    """
    # Two programs: of one for both, over vectors, XLA of JAX 0.10 ends the process.
    bread, products = covariance(model, observations), score_products(model, observations)
    errors = (bread @ products @ bread).diagonal() ** 0.5
    return Parameters.of(model).to_model(errors)


@in_float64_outside
def scores(model: Model, observations: Sample | Rows | ArrayLike) -> Float[Array | np.ndarray, "n p"]:
    """Return the score of each observation, (n, p), in nats per unit of each parameter; weights do not matter."""
    sample, table = as_sample(observations), Parameters.of(model)
    if isinstance(sample, Summary):
        raise InputTypeError("a Summary does not keep the score of every observation; give the observations")
    return jax.vmap(jax.grad(lambda v, x: table.to_model(v).log_prob(x)), (None, 0))(
        table.to_vector(model), as_formula_takes(model, sample.values)
    )


@in_float64_outside
def score_products(model: Model, observations: Sample | Rows | ArrayLike) -> Matrix:
    """Return the sum over observations of the outer product of the score of each, (p, p), counted by its weight."""
    sample = as_sample(observations)
    each, weights = scores(model, sample), getattr(sample, "weights", None)
    return (each if weights is None else each * weights[:, None]).T @ each


@in_float64_outside
def distance(model: Model, sample: Sample | Rows | ArrayLike) -> Nats:
    """Return how far a model is from a stationary point of the log-likelihood, in standard errors.

    The Newton decrement, sqrt(score' information^-1 score): the length of the step to the top of the local parabola,
    measured in its own standard errors. Like every local measure it says nothing of what lies further away.

    Args:
        model: the parameters.
        sample: observations, or a `Summary` of them.

    Returns:
        A number of standard errors. Infinite where the information is not positive definite: there the likelihood has
        no maximum nearby that a standard error could be measured from.

    Reference: S. Boyd and L. Vandenberghe, Convex Optimization (2004), section 9.5.1.

    Example:
        >>> import mlejax
        >>> print(mlejax.distance(mlejax.Exponential(2.0), [0.5, 1.5]))  # score -1, information 0.5
        1.4142...
    """
    here, _ = _about(model, sample)
    information, scale = _scaled(here.information)
    # Cholesky fails, as NaN, exactly where the matrix is not positive definite.
    factor = jnp.linalg.cholesky(information)
    half = jax.scipy.linalg.solve_triangular(factor, here.score * scale, lower=True)
    decrement = jnp.sqrt(jnp.sum(half**2))
    return jnp.where(jnp.isnan(decrement), jnp.inf, decrement)


def _about(model: Model, sample: Sample | ArrayLike) -> tuple[LocalQuadratic, Float[Array, "numbers p"] | None]:
    """Return the log-likelihood to second order in numbers that may move freely.

    These are the parameters themselves; where some are bound to each other, as those of a simplex are, they are the
    unconstrained coordinates, and the derivatives of the parameters by them come along.
    """
    table, sample = Parameters.of(model), as_sample(sample)
    if table.real_size == table.size:
        return local_quadratic(model, sample), None
    at = table.to_real(model)
    mean = sample.second_order(table.from_real, at)
    jacobian = jax.jacfwd(lambda v: table.to_vector(table.from_real(v)))(at)
    return jax.tree.map(lambda part: sample.count * part, mean), jacobian


def _scaled(information: Matrix) -> tuple[Matrix, Vector]:
    """Return the information with a unit diagonal, and the scale that makes it so: units must not decide rounding."""
    scale = 1 / jnp.sqrt(jnp.diagonal(information))
    return information * scale[:, None] * scale[None, :], scale
