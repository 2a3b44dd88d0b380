"""What a run that has ended found, and whether it stays a maximum when looked at from further away."""

import math
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp

from ..likelihood import distance, log_likelihood, standard_errors
from ..models.base import M
from ..models.parameters import Parameters
from ..samples.representation import Sample
from ..status import Status
from .step import RESOLUTION, TrainState, select


class Outcome(eqx.Module, Generic[M]):
    """What is kept of a run that has ended."""

    model: M  # the estimate: the best parameters measured
    last_model: M  # the last finite parameters
    status: Any
    epochs: Any  # the epoch that the run ended in
    best_epoch: Any  # the epoch that measured the estimate; the last one for parameters measured after it
    train_log_likelihood: Any  # at the estimate, a sum in nats
    validation_log_likelihood: Any  # likewise; NaN without a validation sample
    distance: Any  # of the estimate from a stationary point of the train log-likelihood, in standard errors


def conclude(state: TrainState[M], train: Sample, validation: Sample | None) -> Outcome[M]:
    """Measure what a run found. A run out of epochs has its last parameters measured too, and keeps the better."""
    deciding = train if validation is None else validation
    last = log_likelihood(state.model, deciding)
    better = (state.status == Status.MAX_EPOCHS) & (last > log_likelihood(state.best_model, deciding))
    model = select(better, state.model, state.best_model)
    return Outcome(
        model=model,
        last_model=state.model,
        status=state.status,
        epochs=state.epoch,
        best_epoch=select(better, state.epoch, state.best_epoch),
        train_log_likelihood=log_likelihood(model, train),
        validation_log_likelihood=jnp.nan if validation is None else log_likelihood(model, validation),
        distance=distance(model, train),
    )


class Outlook(eqx.Module, Generic[M]):
    """A look around an estimate: near, by its curvature, and far, by the log-likelihood itself."""

    standard_errors: M  # from the observed information of the train sample; NaN where it is not positive definite
    # Of the shape of each parameter. For a number with a lower bound alone, such as a variance, w above it:
    undetermined: Any  # whether its standard error exceeds w
    doubled: Any  # whether the log-likelihood is higher at 2 w, all else equal; beyond rounding
    halved: Any  # likewise at w / 2


def look_around(model: M, train: Sample) -> Outlook[M]:
    """Look around an estimate: a few evaluations more of the train log-likelihood.

    A distance is local. Where a likelihood flattens towards infinity or a wall it falls below any bound at a point
    that is no maximum: there the standard error exceeds the parameter, and the log-likelihood rises further out.
    """
    errors = standard_errors(model, train)
    leaves, tree = jax.tree.flatten(model)
    here = log_likelihood(model, train)
    rounding = RESOLUTION * jnp.finfo(here.dtype).eps * jnp.abs(here)
    undetermined, doubled, halved = [], [], []
    rows = zip(leaves, jax.tree.leaves(errors), Parameters.of(model).domains, strict=True)
    for i, (leaf, error, domain) in enumerate(rows):
        bounded = math.isfinite(domain.lower) and math.isinf(domain.upper)

        def rises(factor: Any, i: int = i, leaf: Any = leaf, lower: float = domain.lower) -> Any:
            moved = [*leaves[:i], lower + factor * (leaf - lower), *leaves[i + 1 :]]
            return log_likelihood(jax.tree.unflatten(tree, moved), train) > here + rounding

        def each_rises(factor: float, leaf: Any = leaf, rises: Any = rises, bounded: bool = bounded) -> Any:
            if not (bounded and jnp.ndim(leaf)):
                return rises(factor) if bounded else jnp.zeros_like(leaf, bool)
            one_by_one = jnp.where(jnp.eye(leaf.size, dtype=bool), factor, 1.0).reshape(leaf.size, *leaf.shape)
            return jax.lax.map(rises, one_by_one).reshape(leaf.shape)

        undetermined.append(error > leaf - domain.lower if bounded else jnp.zeros_like(error, bool))
        doubled.append(each_rises(2.0))
        halved.append(each_rises(0.5))
    return Outlook(errors, undetermined, doubled, halved)
