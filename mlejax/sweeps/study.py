"""`study`: fits of samples drawn from a known model, beside that model."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy.special import ndtri

from .. import checks
from ..checks import InputTypeError, InputValueError, shown
from ..models.base import Model, name_of
from ..models.parameters import entry_dict, with_dtype
from ..results.study import Scatter, Study
from ..results.table import FitTable
from ..samples.members import Resamples
from ..samples.sources import Draws
from .many import fit_many


def study(
    target: Model,
    counts: Any,
    samples: int = 1000,
    *,
    family: Any = None,
    level: float = 0.95,
    resamples: int = 0,
    base_seed: int = 0,
    progress: bool = True,
) -> Study:
    """Draw samples from a model, fit its family to each, and compare the estimates with the model.

    Args:
        target: the model to draw from, with a method `sample(key, shape)`.
        counts: how many observations a sample has: one number or several.
        samples: how many samples of each count.
        family: what finds the start of each fit; None for the class of the target.
        level: of the intervals, between 0 and 1.
        resamples: of each sample, for the coverage of bootstrap intervals (percentile); 0 leaves it out.
        base_seed: of the draws; samples of different counts are not independent of each other.
        progress: show progress bars on standard error.

    Returns:
        A `Study`: bias, standard deviation, root mean square error and coverage, with their Monte Carlo errors.

    Raises:
        TypeError, ValueError: an argument is not as described; no sample has a maximum.

    Reference: T. Morris, I. White and M. Crowther, Using simulation studies to evaluate statistical methods, Statistics
    in Medicine 38 (2019) 2074-2102.

    Example:
        >>> import mlejax
        >>> found = mlejax.study(mlejax.Exponential(2.0), [100], samples=200, progress=False)
        >>> print(f"{found.parameters['rate'].coverage[0]:.2f}")
        0.9...
    """
    if not isinstance(target, Model):
        raise InputTypeError(f"study needs a model to draw from, such as Gamma(2.0, 1.0); got {shown(target)}")
    if not 0 < level < 1:
        raise InputValueError(f"level must be between 0 and 1; got {shown(level)}")
    sizes = checks.distinct("counts", np.atleast_1d(checks.counts("counts", counts, at_least=2, at_most=2**31 - 1)))
    runs = int(checks.counts("samples", samples, at_least=2))
    again = int(checks.counts("resamples", resamples, at_least=0))
    truths = {name: float(value) for name, value in entry_dict(with_dtype(target, np.float64, "target")).items()}
    found: list[tuple[float, dict[str, dict[str, float]]]] = []
    for size in sizes.tolist():
        source = Draws(target, size, base_seed=base_seed, seeds=np.arange(runs))
        table = fit_many(type(target) if family is None else family, source, progress=progress)
        if set(table.parameters) != set(truths):
            raise InputTypeError(
                f"family: it has the parameters {', '.join(table.parameters)}; got a target with others"
            )
        good = np.flatnonzero(table.converged)
        if len(good) < 2:
            raise InputValueError(f"study: {len(good)} of {runs} samples of {size} have a maximum: {table.summary()}")
        held = _held_by_bootstrap(table, good, source, truths, level, again) if again else {}
        found.append((len(good) / runs, _figures(table, good, truths, level, held)))
    parameters = {
        name: Scatter(truth, **{key: np.array([at[name][key] for _, at in found]) for key in found[0][1][name]})
        for name, truth in truths.items()
    }
    return Study(name_of(target), level, runs, sizes, np.array([share for share, _ in found]), parameters)


def _figures(
    table: FitTable[Any], good: np.ndarray, truths: dict[str, float], level: float, held: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Return the figures of `Scatter` for each parameter, of the samples that have a maximum."""
    half, made = float(ndtri((1 + level) / 2)), {}
    for name, truth in truths.items():
        away, errors = table.parameters[name][good] - truth, table.errors[name][good]
        told = np.isfinite(errors)
        wald = np.abs(away[told]) <= half * errors[told]
        boot = held.get(name, np.zeros(0, bool))
        deviation = float(np.std(away, ddof=1))
        made[name] = {
            "bias": float(np.mean(away)),
            "bias_error": deviation / np.sqrt(len(away)),
            "standard_deviation": deviation,
            "root_mean_square_error": float(np.sqrt(np.mean(away**2))),
            "mean_standard_error": _mean(errors[told]),
            "coverage": _mean(wald),
            "coverage_error": _share_error(wald),
            "bootstrap_coverage": _mean(boot),
            "bootstrap_coverage_error": _share_error(boot),
        }
    return made


def _held_by_bootstrap(
    table: FitTable[Any], good: np.ndarray, source: Draws, truths: dict[str, float], level: float, resamples: int
) -> dict[str, np.ndarray]:
    """Return whether the percentile interval of each sample holds the truth, by parameter."""
    held: dict[str, list[bool]] = {name: [] for name in truths}
    model_at: Callable[[int], Any] = lambda i: jax.tree.map(lambda leaf: leaf[i], table.model)  # noqa: E731
    for i in good.tolist():
        values = source.cut(int(table.labels[i]), 0).train
        fits = fit_many(model_at(i), Resamples(values, resamples, seed=i), progress=False)
        for name, truth in truths.items():
            estimates = fits.parameters[name][fits.converged]
            low, high = np.quantile(estimates, [(1 - level) / 2, (1 + level) / 2]) if len(estimates) else (1.0, 0.0)
            held[name].append(bool(low <= truth <= high))
    return {name: np.array(each) for name, each in held.items()}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _share_error(held: np.ndarray) -> float:
    """Return the Monte Carlo standard error of a share."""
    return float(np.sqrt(np.mean(held) * (1 - np.mean(held)) / len(held))) if len(held) else float("nan")
