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
from .sample import Observations, Summary, merge, summarize
from .status import Status
from .training import StepInfo, TrainState, init_state, train_step

__version__ = "0.1.0"
