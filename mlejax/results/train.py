"""The result of one training run."""

from collections.abc import Mapping
from typing import Generic

import equinox as eqx
import numpy as np

from ..models.base import M
from ..models.parameters import parameter_dict, parameter_names
from ..samples.representation import Sample
from ..status import Status


class History(eqx.Module, Generic[M]):
    """One run, epoch by epoch: NumPy arrays of one length."""

    epoch: np.ndarray  # 1, 1 + record_every, ...
    train_log_likelihood: np.ndarray  # sums in nats, at the parameters of the same row
    validation_log_likelihood: np.ndarray  # likewise; equal to the train's without a validation sample
    model: M  # the parameters that the epoch measured, before it moved them


class TrainResult(eqx.Module, Generic[M]):
    """What one run found. Numbers are NumPy float64."""

    model: M  # the estimate: the best parameters measured
    start: M
    last_model: M  # the last finite parameters of the run
    status: Status  # why the run ended; not whether it arrived
    epochs: int  # the epoch that the run ended in
    best_epoch: int  # the epoch that measured the estimate; the last one for parameters measured after it
    train_log_likelihood: float  # sums in nats, at the estimate
    validation_log_likelihood: float  # NaN without a validation sample
    distance: float  # standard errors from a stationary point of the train log-likelihood
    standard_errors: M  # from the observed information of the train sample, at the estimate
    learning_rate: M
    count: int  # observations, train and validation together
    path: str  # how the sample was represented, and why
    history: History[M]
    train: Sample  # what the run ascended on, for anyone who wants to look at the surface
    validation: Sample | None

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood of all observations at the estimate, in nats."""
        return self.train_log_likelihood + float(np.nan_to_num(self.validation_log_likelihood))

    @property
    def aic(self) -> float:
        """Akaike's criterion: 2 p - 2 log-likelihood, over all observations."""
        return 2 * len(parameter_names(self.model)) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion: p log(n) - 2 log-likelihood, over all observations."""
        return len(parameter_names(self.model)) * float(np.log(self.count)) - 2 * self.log_likelihood

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimate by name."""
        return parameter_dict(self.model)

    def __str__(self) -> str:
        from .text import train_report

        return train_report(self)
