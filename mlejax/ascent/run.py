"""Everything that decides one run, as one record that crosses `jit`, and its two functions: begin and advance."""

from typing import Any, Generic

import equinox as eqx

from ..models.base import M
from ..samples.representation import Sample
from .sense import Optimizer
from .settings import Stopping
from .step import StepInfo, TrainState, init_state, train_step
from .vary import Making, made


class Run(eqx.Module, Generic[M]):
    """A run to make: where it starts, how it moves, when it stops, and on which samples."""

    start: M
    learning_rate: M  # one rate per parameter
    stopping: Stopping
    train: Sample | None  # None where runs that are made together share one: it is put in before they advance
    validation: Sample | None  # None lets the train log-likelihood decide the stop
    hyperparameters: dict[str, Any] = eqx.field(default_factory=dict)  # of its optimizer, where they vary


def begin(run: Run[M], optimizer: Optimizer | Making | None) -> TrainState[M]:
    """Return the state of a run before its first epoch."""
    return init_state(run.start, optimizer=made(optimizer, run.hyperparameters))


def advance(
    run: Run[M], state: TrainState[M], optimizer: Optimizer | Making | None
) -> tuple[TrainState[M], StepInfo[M]]:
    """Return the state of a run after one more epoch, and what that epoch measured."""
    assert run.train is not None  # put in before a run advances
    return train_step(
        state,
        run.train,
        run.validation,
        run.learning_rate,
        patience=run.stopping.patience,
        tolerance=run.stopping.tolerance,
        max_epochs=run.stopping.max_epochs,
        optimizer=made(optimizer, run.hyperparameters),
    )
