import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import mlejax
from mlejax import Exponential, Gamma, Normal, Observations, StudentT, Weibull, maximize
from mlejax.ascent import newton
from mlejax.models.parameters import Parameters
from mlejax.status import Status

WAVES = np.random.RandomState(0).rayleigh(3.0, 40)


@pytest.mark.slow
def test_a_positive_definite_system_of_any_size_is_solved(x64):
    random = np.random.RandomState(1)
    for size in (1, 2, 3, newton.SMALL + 1):
        root = random.normal(size=(size, size + 2))
        matrix, vector = root @ root.T, random.normal(size=size)
        solution, product = newton.solve_positive(matrix, vector)
        np.testing.assert_allclose(matrix @ np.asarray(solution), vector, rtol=0, atol=1e-11)
        assert float(product) == pytest.approx(vector @ np.asarray(solution), rel=1e-12)


def test_a_matrix_that_is_not_positive_definite_has_no_solution(x64):
    solution, product = newton.solve_positive(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1.0, 1.0]))
    assert np.isnan(solution).all()
    assert np.isnan(product)


@pytest.mark.slow
@pytest.mark.parametrize("start", [0.01, 1.0, 2.0, 300.0])
def test_the_maximum_is_the_closed_form_from_any_start(start):
    found = maximize(zoo.Rayleigh(start), WAVES)
    closed_form = np.sqrt(np.mean(WAVES**2) / 2)
    # A millionth of a standard error, which is scale / (2 sqrt(n)).
    assert found.model.scale == pytest.approx(closed_form, abs=1e-6 * closed_form / (2 * np.sqrt(40)))
    assert found.log_likelihood == pytest.approx(mlejax.log_likelihood(zoo.Rayleigh(closed_form), WAVES), rel=1e-14)
    assert found.converged
    assert found.distance < 1e-6
    # A wrong sign or a wrong factor in the information shows in the steps alone. Far away, a step is a factor of
    # sqrt(e) or damped; near, each squares the distance.
    assert found.steps <= 40
    assert maximize(zoo.Rayleigh(closed_form * 1.01), WAVES).steps <= 4


@pytest.mark.slow
def test_a_start_without_density_is_a_status():
    found = maximize(Gamma(1.0, 1.0), [1.0, -2.0])
    assert Status(int(found.status)) is Status.OUTSIDE_SUPPORT
    assert not found.converged
    assert found.distance == np.inf


@pytest.mark.slow
def test_a_state_that_has_ended_stays_as_it_is(x64):
    table = Parameters.of(zoo.Rayleigh(1.0))
    climb = newton.Climb(Observations(jnp.asarray(WAVES)), jnp.zeros(1), np.ones(1), 100, table)
    state = jax.jit(newton.climbed)(climb)
    assert int(state.status) == Status.CONVERGED
    again = jax.jit(newton.step)(climb, state)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True))


@pytest.mark.slow
def test_a_coordinate_that_is_held_does_not_move(x64):
    table = Parameters.of(Gamma(1.0, 1.0))
    climb = newton.Climb(
        Observations(jnp.asarray(WAVES)), jnp.log(jnp.array([1.0, 1.0])), np.array([0.0, 1.0]), 100, table
    )
    state = jax.jit(newton.climbed)(climb)
    assert int(state.status) == Status.CONVERGED
    # With the shape at one it is an exponential.
    np.testing.assert_allclose(np.exp(state.coordinates), [1.0, 1 / WAVES.mean()], rtol=1e-8)


@pytest.mark.slow
def test_the_maximum_inside_a_callers_program_in_float32():
    found = jax.jit(lambda x: maximize(Exponential(1.0), x))(WAVES.astype(np.float32))
    assert found.model.rate.dtype == np.float32
    assert found.converged
    assert float(found.model.rate) == pytest.approx(1 / WAVES.mean(), rel=1e-6)


@pytest.mark.slow
def test_a_weight_is_so_many_observations(x64):
    start, weights = Weibull(1.0, 1.0), np.arange(40) % 3
    weighted = maximize(start, Observations(WAVES, weights=weights))
    repeated = maximize(start, np.repeat(WAVES, weights))
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-14)
    for one, other in zip(jax.tree.leaves(weighted.model), jax.tree.leaves(repeated.model), strict=True):
        assert one == pytest.approx(other, rel=1e-13)
    assert weighted.model.shape != pytest.approx(maximize(start, WAVES).model.shape, rel=1e-3)


@pytest.mark.slow
def test_the_maximum_is_differentiated_by_data_and_weights(x64):
    weights = np.linspace(0.5, 2.0, 40)

    def estimate(values, weights):
        found = maximize(Weibull(1.0, 1.0), Observations(values, weights=weights))
        return jnp.array([found.model.shape, found.model.scale, found.log_likelihood])

    backward = jax.jit(jax.jacrev(estimate, argnums=(0, 1)))(jnp.asarray(WAVES), jnp.asarray(weights))
    random = np.random.RandomState(2)
    moves = random.normal(size=40), random.normal(size=40)
    step = 1e-5
    ahead, behind = (
        np.asarray(jax.jit(estimate)(WAVES + sign * step * moves[0], weights + sign * step * moves[1]))
        for sign in (1, -1)
    )
    difference = (ahead - behind) / (2 * step)
    derivative = backward[0] @ moves[0] + backward[1] @ moves[1]
    # A difference has an error of step^2 and of rounding / step; the maxima are some 1e-12 from the true ones.
    np.testing.assert_allclose(derivative, difference, rtol=1e-6)


@pytest.mark.slow
def test_derivatives_of_a_maximum_that_was_not_reached_are_undefined(x64):
    slope = jax.grad(lambda x: maximize(Gamma(1.0, 1.0), x).model.shape)(jnp.array([1.0, -2.0]))
    assert np.isnan(slope).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [Gamma(1.0, 1.0), Normal(0.0, 1.0), Weibull(1.0, 1.0)], ids=lambda m: type(m).__name__
)
def test_backwards_too_where_observations_are_all_equal(x64, model):
    """What is chosen with `where` is a zero backwards, and not NaN."""

    def found(x):
        top = maximize(model, x)
        return jnp.array([*jax.tree.leaves(top.model), top.log_likelihood])

    x = jnp.ones(5)
    assert not maximize(model, x).converged
    for derivative in (jax.jacfwd, jax.jacrev):
        assert np.isnan(derivative(found)(x)).all()


@pytest.mark.slow
def test_many_maxima_side_by_side_are_those_of_each_alone(x64):
    samples = np.random.RandomState(3).gamma(2.0, 3.0, (4, 50))
    many = jax.jit(jax.vmap(lambda x: maximize(Weibull(1.0, 1.0), x)))(samples)
    assert np.all(many.converged)
    for i, sample in enumerate(samples):
        one = maximize(Weibull(1.0, 1.0), sample)
        np.testing.assert_allclose(many.model.shape[i], one.model.shape, rtol=1e-9)
        assert int(many.steps[i]) == int(one.steps)


class Robust(mlejax.Model):
    """A location whose degrees of freedom are known, and part of each observation."""

    location: float = mlejax.parameter(mlejax.real)
    scale: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, row):
        return StudentT(self.location, self.scale, row["degrees_of_freedom"]).log_prob(row["x"])


@pytest.mark.slow
def test_the_maximum_is_differentiated_by_what_is_held_fixed(x64):
    def estimate(fixed):
        rows = {"x": jnp.asarray(WAVES), "degrees_of_freedom": jnp.full(len(WAVES), fixed)}
        found = maximize(Robust(1.0, 1.0), rows)
        return jnp.stack([found.model.location, found.model.scale])

    step = 1e-4
    ahead, behind = (np.asarray(jax.jit(estimate)(4.0 + sign * step)) for sign in (1, -1))
    difference = (ahead - behind) / (2 * step)
    assert np.all(np.abs(difference) > 1e-4)
    # The error of a difference is step^2 and rounding / step.
    np.testing.assert_allclose(jax.jit(jax.jacrev(estimate))(4.0), difference, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(estimate))(4.0), difference, rtol=1e-5)
