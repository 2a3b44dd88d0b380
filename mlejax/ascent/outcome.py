"""What a run that has ended found."""

from typing import Any, Generic

import equinox as eqx
import jax.numpy as jnp

from ..likelihood import distance, log_likelihood
from ..models.base import M
from ..samples.representation import Sample
from ..status import Status
from .step import TrainState, select


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
