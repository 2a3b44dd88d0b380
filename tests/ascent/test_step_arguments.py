"""What the step refuses where values are known, and takes where they are not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from zoo import Vector

import mlejax
from mlejax import Normal, Status, init_state, train_step


def weighted(*weights):
    return mlejax.Observations(np.array([1.0, 2.0]), weights=np.array(weights))


BAD = {
    "nan": ({"train": np.array([1.0, np.nan])}, "train must be finite; got nan at index 1"),
    "infinite": ({"validation": jnp.array([np.inf, 1.0])}, "validation must be finite; got inf at index 0"),
    "empty": ({"train": np.zeros(0)}, r"train must hold at least one observation; got shape \(0,\)"),
    "one number": ({"train": 3.0}, r"train must hold at least one observation; got shape \(\)"),
    "a table": ({"train": np.ones((4, 3))}, r"Normal.log_prob must return one number; .* of shape \(3,\), it returns"),
    "wrapped": ({"train": mlejax.Observations(np.array([np.nan]))}, "train must be finite; got nan at index 0"),
    "weights below 0": ({"train": weighted(-1.0, 2.0)}, "train: weights must be at least 0; got -1 at index 0"),
    "weights that are nan": ({"validation": weighted(1.0, np.nan)}, "validation: weights must be at least 0; got nan"),
    "no weight": ({"train": weighted(0.0, 0.0)}, "train: weights must not all be 0"),
    "other weights": ({"train": weighted(1.0)}, r"train: weights must be one for each of 2 .*; got shape \(1,\)"),
    "a negative rate": ({"learning_rate": -0.1}, "learning_rate must be positive; got -0.1"),
    "one of two": ({"learning_rate": Normal(0.1, jnp.array(-2.0))}, "learning_rate must be positive; got -2"),
}


@pytest.mark.parametrize(("changed", "message"), BAD.values(), ids=BAD)
def test_bad_values_are_refused_where_they_are_known(changed, message, x64):
    given = {"train": np.array([1.0, 2.0]), "validation": None, "learning_rate": 0.1, **changed}
    with pytest.raises(ValueError, match=message):
        train_step(init_state(Normal(0.0, 1.0)), **given)


def test_inside_a_transformation_bad_values_end_the_run(x64):
    step = jax.jit(lambda x: train_step(init_state(Normal(0.0, 1.0)), x, None, 0.1)[0].status)
    assert Status(int(step(jnp.array([1.0, np.nan])))) is Status.DIVERGED
    assert Status(int(step(jnp.array([1.0, 2.0])))) is Status.RUNNING


def test_an_observation_of_weight_0_counts_as_none_and_one_of_2_as_two(x64):
    heavy = mlejax.Observations(jnp.array([1.0, 9.0, 4.0]), weights=jnp.array([2.0, 0.0, 1.0]))
    state, info = train_step(init_state(Normal(0.0, 1.0)), heavy, None, 0.1)
    again, told = train_step(init_state(Normal(0.0, 1.0)), jnp.array([1.0, 1.0, 4.0]), None, 0.1)
    np.testing.assert_allclose(jax.tree.leaves(state.model), jax.tree.leaves(again.model), rtol=1e-15)
    assert float(info.train_log_likelihood) == pytest.approx(float(told.train_log_likelihood), rel=1e-15)


@pytest.mark.slow
def test_vectors_are_taken_where_the_formula_takes_them(x64):
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    state, _ = train_step(init_state(Vector(jnp.zeros(2))), x, None, 0.5)
    np.testing.assert_allclose(state.model.mean, [1.0, 2.0], rtol=1e-15)
