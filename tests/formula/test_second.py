"""What the second derivatives of a kernel are made of: few rows, and the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dividing import STARTS, draw, every_model
from zoo import family

from mlejax import positive, real
from mlejax.formula.second import second_order_of
from mlejax.models.parameters import cast
from mlejax.samples.raw import derived_columns, divided


def parts(model, values):
    model, values = cast(model, np.float64), jnp.asarray(values)
    _, division = divided(model, values)
    _, _, scalars, held = division.once(jax.tree.leaves(model))
    return division, scalars, held, [values, *derived_columns(division, values)]


def assert_terms(model, values):
    division, scalars, held, columns = parts(model, values)
    kernel = second_order_of(division)
    rows = jax.vmap(kernel.rows, (None, None, 0))(scalars, held, columns)
    found = kernel.means(scalars, held, [jnp.mean(row) for row in rows])

    def mean(scalars):
        return jnp.mean(jax.vmap(division.kernel, (None, None, 0))(list(scalars), held, columns))

    at = jnp.stack(scalars)
    lower = np.tril_indices(len(scalars))
    expected = np.concatenate([[mean(at)], jax.grad(mean)(at), jax.hessian(mean)(at)[lower]])
    np.testing.assert_allclose(np.stack(found), expected, rtol=0, atol=1e-13 * (1 + np.max(np.abs(expected))))


@pytest.mark.slow
@every_model
def test_the_terms_are_the_derivatives(model, x64):
    assert_terms(model, draw(100))


def test_what_all_observations_have_in_common_is_no_row(x64):
    division, *_ = parts(STARTS["weibull"], draw(5))
    kernel = second_order_of(division)
    assert len(kernel.terms) == 15
    # The kernel, e = exp(k z), z, e z and e z^2, for z = log x - log scale.
    assert len(kernel.distinct) == 5


@pytest.mark.slow
def test_a_difference_of_data_and_parameter_is_not_taken_apart(x64):
    """Of x = 1e15 and a location beside it only the difference has digits that matter."""
    formula = lambda m, x: -jnp.log1p(((x - m.location) * m.rate) ** 2) + m.rate * (x - m.location)  # noqa: E731
    model = family(formula, location=real, rate=positive)(1e15, 0.5)
    assert_terms(model, 1e15 + np.array([0.0, 1.0, 2.0, 4.0]))
