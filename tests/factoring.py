"""A factored log-likelihood beside the sum over the data, observation by observation, with exact summation."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from mlejax.samples.summary import find_form, summarize_with

N = 400


def draw(name):
    random = np.random.RandomState(sum(map(ord, name)))
    data = {
        "normal": lambda: random.normal(7.2, 2.8, N),
        "positive": lambda: random.gamma(2.0, 1.5, N),
        "unit": lambda: random.beta(2.0, 3.0, N),
        "above one": lambda: 1 + random.pareto(3.0, N),
        "counts": lambda: random.poisson(3.0, N),
        "zero or one": lambda: random.binomial(1, 0.3, N),
        "trials": lambda: random.geometric(0.3, N),
        "failures": lambda: random.negative_binomial(5, 0.4, N),
    }[name]()
    assert data.shape == (N,)
    return data


@jax.jit
def each_observation(model, values):
    return jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))(model, values)


@jax.jit
def together(model, sample):
    return jax.value_and_grad(lambda m: sample.mean_log_prob(m))(model)


summarize_jit = jax.jit(summarize_with, static_argnums=0)


def data_path(model, values):
    """Mean log-density and its gradient (p,), and the mean size of the terms of each, summed without rounding."""
    with jax.enable_x64(True):
        columns = [np.asarray(leaf) for leaf in jax.tree.leaves(each_observation(model, jnp.asarray(values)))]
    assert all(column.shape == values.shape for column in columns)
    n = len(values)
    means = [math.fsum(column) / n for column in columns]
    return np.array(means), np.array([math.fsum(np.abs(column)) / n for column in columns])


def summary_of(model, values):
    """The summary as it is, without the check in `summarize`: the tests are to find what is wrong with it."""
    with jax.enable_x64(True):
        summary, holds = summarize_jit(find_form(model, values), jnp.asarray(values))
    assert holds
    return summary


def factored_path(model, sample):
    with jax.enable_x64(True):
        return np.array([float(leaf) for leaf in jax.tree.leaves(together(model, sample))])


def assert_agrees(model, sample, values, relative=1e-13):
    expected, size = data_path(model, values)
    np.testing.assert_array_less(np.abs(factored_path(model, sample) - expected), relative * size + 1e-300)
