"""The way to near the maximum of a log-likelihood of many parameters, by gradients alone: L-BFGS from Optax.

A step of Newton's costs as many passes as there are parameters. Where these are many, it measures the start and ends
the climb, with the information that standard errors need; the way between is `ahead`'s.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from ..samples.second import Nats, Vector

MEMORY = 20
"""Gradients that are remembered."""

MOST_STEPS = 500
"""Steps after which what is left is Newton's."""

NEARBY = 0.1
"""Standard errors from the top, about, from where Newton's step squares the distance."""

METHOD = optax.lbfgs(memory_size=MEMORY)

MeanLogLikelihood = Callable[[Vector], Nats]


class QuasiState(eqx.Module):
    """Where the way stands: all that its next step needs."""

    coordinates: Vector
    memory: Any  # Optax' own state
    slope: Float[Array, ""]  # the largest part of the gradient
    steps: Int[Array, ""]


def init(start: Vector) -> QuasiState:
    """Return the state before the first step."""
    start = jnp.asarray(start)
    return QuasiState(start, METHOD.init(start), jnp.asarray(jnp.inf, start.dtype), jnp.asarray(0, int))


def step(height: MeanLogLikelihood, state: QuasiState) -> QuasiState:
    """Take one step up, as long as a line search finds good."""

    def loss(at: Vector) -> Nats:
        return -height(at)

    value, gradient = optax.value_and_grad_from_state(loss)(state.coordinates, state=state.memory)
    move, memory = METHOD.update(gradient, state.memory, state.coordinates, value=value, grad=gradient, value_fn=loss)
    slope = jnp.max(jnp.abs(jnp.asarray(gradient)))
    return QuasiState(state.coordinates + jnp.asarray(move), memory, slope, state.steps + 1)


def ahead(height: MeanLogLikelihood, start: Vector, unit: Vector, count: Nats) -> Vector:
    """Return coordinates near the maximum.

    Args:
        height: the mean log-likelihood.
        start: coordinates (p,).
        unit: of each coordinate, the standard error that one observation would leave: they set the scale.
        count: of the observations.
    """

    def in_units(moved: Vector) -> Nats:
        return height(start + unit * moved)

    def goes_on(state: QuasiState) -> Array:
        return (state.steps < MOST_STEPS) & (state.slope * jnp.sqrt(count * len(start)) > NEARBY)

    ended = jax.lax.while_loop(goes_on, lambda state: step(in_units, state), init(jnp.zeros_like(start)))
    return start + unit * ended.coordinates
