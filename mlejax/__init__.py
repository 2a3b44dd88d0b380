"""Maximum likelihood in JAX: a log-likelihood, written once; its maximum, its uncertainty, a million training runs.

The public names are loaded when they are first used, so that importing this package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ascent.check import check
    from .ascent.compare import compare
    from .ascent.fit import fit
    from .ascent.newton import maximize
    from .ascent.optimizers import natural_gradient
    from .ascent.rates import suggest_learning_rate
    from .ascent.step import StepInfo, TrainState, init_state, train_step
    from .ascent.train import train
    from .ascent.vary import vary
    from .checks import ConvergenceWarning, InputError
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
    from .models.arrays import Categorical, MultivariateNormal
    from .models.base import Model
    from .models.censored import IntervalCensored, LeftCensored, RightCensored
    from .models.circular import VonMises
    from .models.constraints import (
        Domain,
        covariance_matrix,
        ordered,
        parameter,
        positive,
        real,
        simplex,
        unit_interval,
    )
    from .models.continuous import (
        Beta,
        Exponential,
        Gamma,
        InverseGamma,
        InverseGaussian,
        LogNormal,
        Rayleigh,
        Weibull,
    )
    from .models.count_regression import NegativeBinomialRegression
    from .models.discrete import Binomial, Geometric, NegativeBinomial, Poisson
    from .models.extremes import Frechet, GeneralizedExtremeValue, Gumbel, GumbelMin
    from .models.heavy_tails import Burr12, GeneralizedPareto, LogLogistic, Lomax, Pareto
    from .models.inflated import ZeroInflated
    from .models.mixture import Mixture
    from .models.normal import Normal
    from .models.quantile import quantile
    from .models.regression import LinearRegression, LogisticRegression, PoissonRegression
    from .models.shifted import Shifted
    from .models.support import Support
    from .models.symmetric import Cauchy, Laplace, Logistic, StudentT
    from .models.truncated import Truncated
    from .models.wrappers import Fixed
    from .results.bootstrap import Bootstrap
    from .results.comparison import Comparison
    from .results.estimate import Estimate
    from .results.fit import FitResult
    from .results.histories import Histories
    from .results.report import CheckReport
    from .results.study import Study
    from .results.sweep import RunResult, SweepResult
    from .results.table import FitTable
    from .results.train import History, TrainResult
    from .samples.members import Groups, Resamples, Windows
    from .samples.raw import Observations
    from .samples.representation import summarize
    from .samples.sources import Draws
    from .samples.summary import Summary, merge
    from .status import Status
    from .store.histories import load_histories
    from .store.load import load
    from .sweeps.cost import estimate_cost
    from .sweeps.many import fit_many
    from .sweeps.recomputed import Verification
    from .sweeps.record import record
    from .sweeps.spec import SweepSpec
    from .sweeps.study import study
    from .sweeps.sweep import sweep
    from .sweeps.verify import verify

__version__ = "0.2.0.dev0"

_HOME = {
    "ascent.check": ["check"],
    "ascent.compare": ["compare"],
    "ascent.fit": ["fit"],
    "ascent.newton": ["maximize"],
    "ascent.optimizers": ["natural_gradient"],
    "ascent.rates": ["suggest_learning_rate"],
    "ascent.step": ["StepInfo", "TrainState", "init_state", "train_step"],
    "ascent.train": ["train"],
    "ascent.vary": ["vary"],
    "checks": ["ConvergenceWarning", "InputError"],
    "likelihood": [
        "covariance",
        "distance",
        "expected_information",
        "log_likelihood",
        "mean_log_likelihood",
        "observed_information",
        "robust_standard_errors",
        "score",
        "standard_errors",
    ],
    "models.arrays": ["Categorical", "MultivariateNormal"],
    "models.base": ["Model"],
    "models.censored": ["IntervalCensored", "LeftCensored", "RightCensored"],
    "models.circular": ["VonMises"],
    "models.continuous": [
        "Beta",
        "Exponential",
        "Gamma",
        "InverseGamma",
        "InverseGaussian",
        "LogNormal",
        "Rayleigh",
        "Weibull",
    ],
    "models.count_regression": ["NegativeBinomialRegression"],
    "models.discrete": ["Binomial", "Geometric", "NegativeBinomial", "Poisson"],
    "models.extremes": ["Frechet", "GeneralizedExtremeValue", "Gumbel", "GumbelMin"],
    "models.quantile": ["quantile"],
    "models.regression": ["LinearRegression", "LogisticRegression", "PoissonRegression"],
    "models.heavy_tails": ["Burr12", "GeneralizedPareto", "LogLogistic", "Lomax", "Pareto"],
    "models.mixture": ["Mixture"],
    "models.normal": ["Normal"],
    "models.symmetric": ["Cauchy", "Laplace", "Logistic", "StudentT"],
    "models.constraints": [
        "Domain",
        "covariance_matrix",
        "ordered",
        "parameter",
        "positive",
        "real",
        "simplex",
        "unit_interval",
    ],
    "models.support": ["Support"],
    "models.inflated": ["ZeroInflated"],
    "models.shifted": ["Shifted"],
    "models.truncated": ["Truncated"],
    "models.wrappers": ["Fixed"],
    "results.comparison": ["Comparison"],
    "results.bootstrap": ["Bootstrap"],
    "results.estimate": ["Estimate"],
    "results.fit": ["FitResult"],
    "results.histories": ["Histories"],
    "results.report": ["CheckReport"],
    "results.study": ["Study"],
    "results.sweep": ["RunResult", "SweepResult"],
    "results.table": ["FitTable"],
    "results.train": ["History", "TrainResult"],
    "samples.members": ["Groups", "Resamples", "Windows"],
    "samples.raw": ["Observations"],
    "samples.representation": ["summarize"],
    "samples.sources": ["Draws"],
    "samples.summary": ["Summary", "merge"],
    "status": ["Status"],
    "store.histories": ["load_histories"],
    "store.load": ["load"],
    "sweeps.cost": ["estimate_cost"],
    "sweeps.many": ["fit_many"],
    "sweeps.recomputed": ["Verification"],
    "sweeps.record": ["record"],
    "sweeps.spec": ["SweepSpec"],
    "sweeps.study": ["study"],
    "sweeps.sweep": ["sweep"],
    "sweeps.verify": ["verify"],
}
"""Where each public name is defined."""

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Beta",
    "Binomial",
    "Bootstrap",
    "Burr12",
    "Categorical",
    "Cauchy",
    "CheckReport",
    "Comparison",
    "ConvergenceWarning",
    "Domain",
    "Draws",
    "Estimate",
    "Exponential",
    "FitResult",
    "FitTable",
    "Fixed",
    "Frechet",
    "Gamma",
    "GeneralizedExtremeValue",
    "GeneralizedPareto",
    "Geometric",
    "Groups",
    "Gumbel",
    "GumbelMin",
    "Histories",
    "History",
    "InputError",
    "IntervalCensored",
    "InverseGamma",
    "InverseGaussian",
    "Laplace",
    "LeftCensored",
    "LinearRegression",
    "LogLogistic",
    "LogNormal",
    "Logistic",
    "LogisticRegression",
    "Lomax",
    "Mixture",
    "Model",
    "MultivariateNormal",
    "NegativeBinomial",
    "NegativeBinomialRegression",
    "Normal",
    "Observations",
    "Pareto",
    "Poisson",
    "PoissonRegression",
    "Rayleigh",
    "Resamples",
    "RightCensored",
    "RunResult",
    "Shifted",
    "Status",
    "StepInfo",
    "StudentT",
    "Study",
    "Summary",
    "Support",
    "SweepResult",
    "SweepSpec",
    "TrainResult",
    "TrainState",
    "Truncated",
    "Verification",
    "VonMises",
    "Weibull",
    "Windows",
    "ZeroInflated",
    "check",
    "compare",
    "covariance",
    "covariance_matrix",
    "distance",
    "estimate_cost",
    "expected_information",
    "fit",
    "fit_many",
    "init_state",
    "load",
    "load_histories",
    "log_likelihood",
    "maximize",
    "mean_log_likelihood",
    "merge",
    "natural_gradient",
    "observed_information",
    "ordered",
    "parameter",
    "positive",
    "quantile",
    "real",
    "record",
    "robust_standard_errors",
    "score",
    "simplex",
    "standard_errors",
    "study",
    "suggest_learning_rate",
    "summarize",
    "sweep",
    "train",
    "train_step",
    "unit_interval",
    "vary",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        import difflib

        plain = {each.replace("_", "").lower(): each for each in _MODULE_OF}
        near = difflib.get_close_matches(name.replace("_", "").lower(), plain, 1)
        perhaps = f"; did you mean {plain[near[0]]!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{perhaps}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
