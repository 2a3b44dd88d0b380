"""The result of one training run."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Generic

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Num

from ..models.base import M
from ..models.parameters import Parameters, entry_dict
from ..samples.representation import Sample
from ..status import Status
from .schema import ARRIVED


class History(eqx.Module, Generic[M]):
    """A run epoch by epoch: NumPy arrays of one length."""

    epoch: Num[np.ndarray, " epochs"]  # 1, 1 + record_every, ...
    train_log_likelihood: Num[np.ndarray, " epochs"]  # sums in nats, at the parameters of the same row
    validation_log_likelihood: Num[np.ndarray, " epochs"]  # likewise; NaN without a validation sample
    model: M  # the parameters that the epoch measured, before it moved them


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainResult(Generic[M]):
    """A training run that has ended: its estimate, why it ended, and whether it arrived. Numbers are NumPy float64."""

    model: M  # the estimate: the best parameters measured
    start: M
    last_model: M  # the last finite parameters of the run
    status: Status  # why the run ended; not whether it arrived
    epochs: int  # the epoch that the run ended in
    best_epoch: int  # the epoch that measured the estimate; the last one for parameters measured after it
    train_log_likelihood: float  # sums in nats, at the estimate
    validation_log_likelihood: float  # NaN without a validation sample
    distance: float  # standard errors from a stationary point of the train log-likelihood
    curvature_errors: M  # from the curvature at the estimate, wherever that is; see `standard_errors`
    undetermined: tuple[str, ...]  # positive parameters whose standard error exceeds them
    rises_doubled: tuple[str, ...]  # positive parameters that raise the train log-likelihood when doubled
    rises_halved: tuple[str, ...]  # likewise when halved
    learning_rate: M
    count: int  # observations, train and validation together
    spread: float  # largest minus smallest observation
    dtype: np.dtype  # that the run computed in
    representation: str  # how the sample was represented, and why
    history: History[M]
    train: Sample  # what the run ascended on, for anyone who wants to look at the surface
    validation: Sample | None

    @property
    def at_infinity(self) -> tuple[str, ...]:
        """Parameters towards whose infinity the likelihood still rises: undetermined, and better when doubled."""
        return tuple(name for name in self.undetermined if name in self.rises_doubled)

    @property
    def arrived(self) -> bool:
        """Whether the estimate is within 0.01 standard errors of a maximum that is one from further away too."""
        return self.distance <= ARRIVED and not self.at_infinity

    @property
    def standard_errors(self) -> M:
        """Standard errors from the observed information of the train sample; NaN unless the run arrived."""
        if self.arrived:
            return self.curvature_errors
        return jax.tree.map(lambda error: np.full_like(error, np.nan)[()], self.curvature_errors)

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood of all observations at the estimate, in nats."""
        return self.train_log_likelihood + float(np.nan_to_num(self.validation_log_likelihood))

    @property
    def parameter_count(self) -> int:
        """How many numbers were estimated."""
        return Parameters.of(self.model).real_size

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 p - 2 log-likelihood, of the train sample; NaN unless the run arrived.

        The criterion holds for the maximum of the likelihood of the observations that it is summed over, and the
        observations held out had no part in that.
        """
        return 2 * self.parameter_count - 2 * self.train_log_likelihood if self.arrived else math.nan

    @property
    def bic(self) -> float:
        """Schwarz's criterion, p log(n) - 2 log-likelihood, of the train sample; NaN unless the run arrived."""
        if not self.arrived:
            return math.nan
        return self.parameter_count * math.log(float(self.train.count)) - 2 * self.train_log_likelihood

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimate by name, the numbers of an array one by one: `mean`, `coefficients[age]`."""
        return entry_dict(self.model)

    @property
    def reason(self) -> str:
        """Why the run ended, whether it arrived, and, where it did not, what to do."""
        from .text import train_reason

        return train_reason(self)

    def __str__(self) -> str:
        from .text import train_report

        return train_report(self)

    def __repr__(self) -> str:
        estimate = ", ".join(f"{name}={float(value):.6g}" for name, value in self.parameters.items())
        return (
            f"<TrainResult {type(self.model).__name__}({estimate}), {self.status.name} in epoch {self.epochs}, "
            f"distance {self.distance:.2g}>"
        )
