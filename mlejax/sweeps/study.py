"""`study`: fits of samples drawn from a known model, beside that model."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from .. import checks
from ..ascent.fit import fit
from ..checks import InputTypeError, InputValueError, shown
from ..models.base import Model, name_of
from ..models.parameters import entry_dict, with_dtype
from ..models.structure import family_of
from ..results.bootstrap import ALL_METHODS, METHODS, Bootstrap, check_level
from ..results.study import FIGURES, Coverage, Scatter, Study
from ..results.table import FitTable
from ..samples.sources import Draws
from .bootstrap import bootstraps
from .many import fit_many


def study(
    target: Model,
    counts: Any,
    samples: int = 1000,
    *,
    family: Any = None,
    level: float = 0.95,
    intervals: Sequence[str] = ("wald",),
    resamples: int | None = None,
    base_seed: int = 0,
    progress: bool = True,
) -> Study:
    """Draw samples from a model, fit its family to each, and compare the estimates with the model.

    Args:
        target: the model to draw from, with a method `sample(key, shape)`.
        counts: how many observations a sample has: one number or several.
        samples: how many samples of each count.
        family: what finds the start of each fit; None for the family of the target.
        level: of the intervals, between 0 and 1.
        intervals: those whose coverage is studied, besides `wald`: `percentile`, `basic`, `bca`.
        resamples: of each sample, for bootstrap intervals, each of them fitted; 1000 where none are given.
        base_seed: of the draws; samples of different counts are not independent of each other.
        progress: show progress bars on standard error.

    Returns:
        A `Study`: bias, standard deviation, root mean square error and coverage, with their Monte Carlo errors. All
        of them are of the samples that have a maximum; `converged` is their share. Coverage is of those among them
        that have such an interval; `lacking` is the share that has none.

    Raises:
        TypeError, ValueError: an argument is not as described; no count has two samples with a maximum.

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
    methods, again = _checked_intervals(intervals, resamples, level)
    sizes = checks.distinct("counts", np.atleast_1d(checks.counts("counts", counts, at_least=2, at_most=2**31 - 1)))
    runs = int(checks.counts("samples", samples, at_least=2))
    truths = {name: float(value) for name, value in entry_dict(with_dtype(target, np.float64, "target")).items()}
    family = family_of(target) if family is None else family
    shares, found, why = [], [], []
    for size in sizes.tolist():
        source = Draws(target, size, base_seed=base_seed, seeds=np.arange(runs))
        table = fit_many(family, source, progress=progress)
        if set(table.parameters) != set(truths):
            wanted, got = ", ".join(truths), ", ".join(table.parameters)
            raise InputTypeError(f"family: its parameters must be those of the target, {wanted}; got {got}")
        good = np.flatnonzero(table.converged)
        held: dict[str, dict[str, np.ndarray]] = {method: {name: np.zeros(0) for name in truths} for method in methods}
        if len(good) < 2:
            why.append(f"{len(good)} of {runs} samples of {size} have a maximum: {table.summary()}")
        elif methods:
            parts = (source.cut(int(table.labels[i]), 0) for i in good.tolist())
            results = (fit(family, part.train, progress=False) for part in parts)
            what = f"bootstrap of {size:,} observations"
            found_by = bootstraps(results, len(good), again, what, progress)
            held = _held_by_bootstrap(found_by, truths, level, methods)
        shares.append(len(good) / runs)
        found.append(_figures(table, good, truths, level, held))
    if len(why) == len(sizes):
        raise InputValueError(f"study: {why[0]}")
    parameters = {}
    for name, truth in truths.items():
        columns = {key: np.array([at[name][key] for at in found]) for key in found[0][name]}
        figures = {key: columns[key] for key in FIGURES}
        bootstrap = {method: Coverage(*(columns[f"{method} {of}"] for of in Coverage._fields)) for method in methods}
        parameters[name] = Scatter(truth, **figures, bootstrap=bootstrap)
    return Study(name_of(target), level, runs, sizes, np.array(shares), parameters)


def _checked_intervals(intervals: Any, resamples: Any, level: float) -> tuple[tuple[str, ...], int]:
    """Return the methods of bootstrap intervals, and how many resamples they take."""
    asked = [intervals] if isinstance(intervals, str) else list(intervals)
    if unknown := [method for method in asked if method not in ALL_METHODS]:
        raise InputValueError(f"intervals must be of wald, percentile, basic and bca; got {shown(unknown[0])}")
    methods = tuple(method for method in METHODS if method in asked)
    if not methods and resamples is not None:
        raise InputValueError('resamples are for bootstrap intervals: ask for them, such as intervals=["wald", "bca"]')
    again = int(checks.counts("resamples", 1000 if resamples is None else resamples, at_least=2))
    check_level(level, again if methods else sys.maxsize)
    return methods, again


def _figures(
    table: FitTable[Any],
    good: np.ndarray,
    truths: dict[str, float],
    level: float,
    held: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, dict[str, float]]:
    """Return the figures of `Scatter` for each parameter, of the samples that have a maximum."""
    half, made, n = float(ndtri((1 + level) / 2)), {}, len(good)
    if n < 2:
        names = [*FIGURES, *(f"{method} {of}" for method in held for of in Coverage._fields)]
        return {name: dict.fromkeys(names, np.nan) for name in truths}
    for name, truth in truths.items():
        away, errors = table.parameters[name][good] - truth, table.errors[name][good]
        wald = np.where(np.isfinite(errors), np.abs(away) <= half * errors, np.nan)
        deviation, square = float(np.std(away, ddof=1)), float(np.mean(away**2))
        square_error = float(np.std(away**2, ddof=1)) / np.sqrt(n)
        coverage, coverage_error, lacking = _coverage(wald)
        made[name] = {
            "bias": float(np.mean(away)),
            "bias_error": deviation / np.sqrt(n),
            "standard_deviation": deviation,
            "standard_deviation_error": deviation / np.sqrt(2 * (n - 1)),
            "root_mean_square_error": np.sqrt(square),
            "root_mean_square_error_error": square_error / (2 * np.sqrt(square)) if square else 0.0,
            "mean_standard_error": _mean(errors[np.isfinite(errors)]),
            "coverage": coverage,
            "coverage_error": coverage_error,
            "coverage_lacking": lacking,
        }
        for method, by_name in held.items():
            of = zip(Coverage._fields, _coverage(by_name[name]), strict=True)
            made[name] |= {f"{method} {figure}": value for figure, value in of}
    return made


def _held_by_bootstrap(
    found: Iterable[Bootstrap[Any] | None], truths: Mapping[str, float], level: float, methods: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Return by method and parameter whether the interval of each sample holds the truth; NaN where there is none."""
    held: dict[str, dict[str, list[float]]] = {method: {name: [] for name in truths} for method in methods}
    for each in found:
        intervals = None if each is None else each.all_intervals(level)
        for method, by_name in held.items():
            for name, truth in truths.items():
                low, high = (np.nan, np.nan) if intervals is None else intervals[name][method]
                by_name[name].append(np.nan if np.isnan(low) or np.isnan(high) else float(low <= truth <= high))
    return {method: {name: np.array(each) for name, each in by_name.items()} for method, by_name in held.items()}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _coverage(held: np.ndarray) -> tuple[float, float, float]:
    """Return the share of intervals that hold the truth, its Monte Carlo error, and the share of samples without one.

    Args:
        held: 1 where the interval of a sample holds the truth, 0 where not, NaN where there is none.
    """
    told = held[~np.isnan(held)]
    share = _mean(told)
    return share, float(np.sqrt(share * (1 - share) / max(len(told), 1))), 1 - len(told) / len(held)
