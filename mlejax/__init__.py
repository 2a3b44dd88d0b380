"""Maximum likelihood by gradient ascent in JAX: write a log-likelihood once, fit it a million times."""

from .constraints import Domain, parameter, positive, real, unit_interval
from .fitting import FitResult, History, fit
from .likelihood import (
    covariance,
    distance,
    expected_information,
    log_likelihood,
    mean_log_likelihood,
    observed_information,
    robust_standard_errors,
    score,
    standard_errors,
)
from .models import Beta, Exponential, Gamma, LogNormal, Model, Normal, NormalMixture, Poisson, StudentT, Weibull
from .optimizers import natural_gradient
from .results import RunResult, SweepResult
from .sample import Observations, Summary, merge, summarize
from .status import Status
from .sweep import sweep
from .training import StepInfo, TrainState, init_state, train_step

__version__ = "0.1.0"

__all__ = [
    "Beta",
    "Domain",
    "Exponential",
    "FitResult",
    "Gamma",
    "History",
    "LogNormal",
    "Model",
    "Normal",
    "NormalMixture",
    "Observations",
    "Poisson",
    "RunResult",
    "Status",
    "StepInfo",
    "StudentT",
    "Summary",
    "SweepResult",
    "TrainState",
    "Weibull",
    "covariance",
    "distance",
    "expected_information",
    "fit",
    "init_state",
    "log_likelihood",
    "mean_log_likelihood",
    "merge",
    "natural_gradient",
    "observed_information",
    "parameter",
    "positive",
    "real",
    "robust_standard_errors",
    "score",
    "standard_errors",
    "summarize",
    "sweep",
    "train_step",
    "unit_interval",
]
