"""What callers may rely on: the public names, the signatures, a light import."""

import ast
import inspect
from pathlib import Path

import pytest
from helpers import ROOT, printed_by

import mlejax

MODELS = {
    "Beta", "Binomial", "Burr12", "Categorical", "Cauchy", "Exponential", "Frechet", "Gamma", "GeneralizedExtremeValue",
    "GeneralizedPareto", "Geometric", "Gumbel", "GumbelMin", "InverseGamma", "InverseGaussian", "Laplace",
    "LinearRegression", "LogisticRegression", "NegativeBinomialRegression", "PoissonRegression",
    "LogLogistic", "LogNormal", "Logistic", "Lomax", "Model", "NegativeBinomial", "Normal", "Pareto",
    "Poisson", "Rayleigh", "StudentT", "VonMises", "Weibull", "MultivariateNormal",
}  # fmt: skip
RUNNING = {
    "fit",
    "fit_many",
    "study",
    "train",
    "sweep",
    "init_state",
    "train_step",
    "natural_gradient",
    "record",
    "summarize",
    "maximize",
    "merge",
    "suggest_learning_rate",
    "vary",
}
RECORDS = {
    "Bootstrap", "Study", "FitResult", "FitTable", "Groups", "Resamples", "Windows",
    "TrainResult", "History", "Observations", "RunResult", "Status", "StepInfo", "Summary", "SweepResult",
    "TrainState", "Draws", "SweepSpec", "estimate_cost", "Histories", "load", "load_histories", "verify",
    "Verification", "Comparison", "compare", "CheckReport", "check", "Estimate", "quantile",
}  # fmt: skip
DERIVED = {
    "covariance", "distance", "expected_information", "log_likelihood", "mean_log_likelihood", "observed_information",
    "robust_standard_errors", "score", "standard_errors",
}  # fmt: skip
WRAPPERS = {
    "Fixed", "IntervalCensored", "LeftCensored", "Mixture", "RightCensored", "Shifted", "Truncated", "ZeroInflated",
}  # fmt: skip
DOMAINS = {
    "Domain", "Support", "covariance_matrix", "ordered", "parameter", "positive", "real", "simplex", "unit_interval",
}  # fmt: skip
PUBLIC = MODELS | WRAPPERS | RUNNING | RECORDS | DERIVED | DOMAINS | {"InputError", "ConvergenceWarning"}
REQUIRED = inspect.Parameter.empty


def test_the_public_names_are_these():
    assert set(mlejax.__all__) == PUBLIC
    assert set(dir(mlejax)) >= PUBLIC


def test_what_type_checkers_see_is_what_is_loaded():
    tree = ast.parse(Path(mlejax.__file__).read_text())
    seen = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert {(node.module, alias.name) for node in seen for alias in node.names} == {
        (module, name) for module, names in mlejax._HOME.items() for name in names
    }


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'mlejax' has no attribute 'maximise'"):
        _ = mlejax.maximise
    for said, meant in {"negative_binomial": "NegativeBinomial", "student": "StudentT", "fitmany": "fit_many"}.items():
        with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
            getattr(mlejax, said)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_everything_public_is_documented(name):
    thing = getattr(mlejax, name)
    if callable(thing):
        own = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
        assert own, name
        assert own.strip()[0].isupper() or own.strip().startswith(("log", "N("))


PROMISED = {
    "fit": {
        "family_or_model": REQUIRED,
        "observations": REQUIRED,
        "weights": None,
        "starts": None,
        "progress": True,
    },
    "train": {
        "model": REQUIRED,
        "observations": REQUIRED,
        "validation_fraction": 0.2,
        "split_seed": 42,
        "learning_rate": 0.1,
        "max_epochs": 10_000,
        "patience": 50,
        "tolerance": 1e-8,
    },
    "sweep": {
        "model": REQUIRED,
        "seeds": None,
        "learning_rates": REQUIRED,
        "observations": None,
        "validation_fraction": 0.2,
        "max_epochs": 10_000,
        "patience": 50,
        "tolerance": 1e-8,
        "progress": True,
    },
    "init_state": {"model": REQUIRED},
    "train_step": {
        "state": REQUIRED,
        "train": REQUIRED,
        "validation": REQUIRED,
        "learning_rate": REQUIRED,
        "patience": 50,
        "tolerance": 1e-8,
    },
    "Normal": {"mean": REQUIRED, "variance": REQUIRED},
}


@pytest.mark.parametrize("name", PROMISED)
def test_signatures_that_were_promised(name):
    parameters = inspect.signature(getattr(mlejax, name)).parameters
    for argument, default in PROMISED[name].items():
        assert parameters[argument].default == default, argument


@pytest.mark.parametrize(("name", "by_position"), [("train", 2), ("sweep", 1), ("init_state", 1), ("train_step", 4)])
def test_the_rest_is_given_by_name(name, by_position):
    kinds = [parameter.kind for parameter in inspect.signature(getattr(mlejax, name)).parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] * by_position + [inspect.Parameter.KEYWORD_ONLY] * (
        len(kinds) - by_position
    )


@pytest.mark.parametrize("name", sorted(RUNNING | DERIVED))
def test_words_are_whole(name):
    arguments = set(inspect.signature(getattr(mlejax, name)).parameters)
    assert not arguments & {"lr", "ll", "nll", "loss", "rng", "theta"}


FIT = (
    "model standard_errors covariance confidence_intervals log_likelihood aic aicc bic converged status distance "
    "reason count steps"
)
TRAIN = "model status epochs distance history standard_errors best_epoch train_log_likelihood validation_log_likelihood"
SWEEP = "axes model status epochs best_epoch train_log_likelihood validation_log_likelihood distance"


def test_fields_that_were_promised():
    assert set(FIT.split()) <= {*mlejax.FitResult.__dataclass_fields__, *dir(mlejax.FitResult)}
    assert set(TRAIN.split()) <= {*mlejax.TrainResult.__dataclass_fields__, *dir(mlejax.TrainResult)}
    assert set(SWEEP.split()) <= {*mlejax.SweepResult.__dataclass_fields__, *dir(mlejax.SweepResult)}
    assert {"to_xarray", "best", "sel", "summary"} <= {*dir(mlejax.SweepResult)}
    assert [s.name for s in mlejax.Status] == [
        "RUNNING", "PATIENCE", "TOLERANCE", "MAX_EPOCHS", "PRECISION", "DIVERGED", "OUTSIDE_SUPPORT", "CONVERGED",
        "MAX_STEPS", "UNBOUNDED", "AT_BOUNDARY", "AT_INFINITY", "NOT_IDENTIFIED",
    ]  # fmt: skip


def test_the_import_is_light():
    """Pictures, tables, stores and `scipy.stats` (2 s) are loaded when first used."""
    heavy = ["matplotlib", "xarray", "zarr", "pandas", "scipy.stats", "mlejax.plotting", "mlejax.store"]
    program = f"import sys, mlejax; print(*[name for name in {heavy} if name in sys.modules])"
    assert printed_by(program).split() == []


def test_training_loads_neither_optax_nor_families_that_are_not_named():
    unneeded = ["optax", "mlejax.models.continuous", "mlejax.models.symmetric", "mlejax.models.discrete"]
    program = f"import sys; from mlejax import train, sweep, train_step; print(*{{*{unneeded}}} & {{*sys.modules}})"
    assert printed_by(program).split() == []


def test_the_version_is_that_of_the_project():
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{mlejax.__version__}"' in text
