"""The programs that make a sweep, each in a process of its own: mlejax, C++, NumPy and SciPy."""

import contextlib
import ctypes
import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import numpy as np

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET
from mlejax.samples import split
from mlejax.sweeps import sweep as sweep_module

from . import batches, common


@dataclasses.dataclass(frozen=True)
class Problem:
    """The sweep: the reference problem for every seed and learning rate."""

    seeds: int = 100
    learning_rates: int = 41
    slowest: float = 0.1
    fastest: float = 10.0
    observations: int = 100_000
    max_epochs: int = 10_000
    patience: int = 50
    tolerance: float = 1e-8

    @property
    def rates(self) -> np.ndarray:
        return np.geomspace(self.slowest, self.fastest, self.learning_rates)

    @property
    def limits(self) -> dict[str, Any]:
        return {"max_epochs": self.max_epochs, "patience": self.patience, "tolerance": self.tolerance}

    def runs(self) -> batches.Runs:
        """Every run with its sample's statistics: the seed's draws by NumPy, cut as scikit-learn cuts them."""
        rows = []
        for seed in range(self.seeds):
            values = np.random.RandomState(seed).normal(7.2, 2.8, self.observations)
            train, held_out = split.split(values, 0.2, 42)
            rows.append([train.mean(), train.var(), held_out.mean(), held_out.var()])
        columns = np.repeat(np.array(rows), self.learning_rates, axis=0).T
        rates = np.tile(self.rates, self.seeds)
        counts = {"train_count": len(train), "held_out_count": len(held_out)}
        return batches.Runs(rates, *columns, **counts, **self.limits)


# Programs: each in a process of its own ------------------------------------------------------------------------------


class Peer:
    """A program that makes runs; made in a worker.

    Args:
        problem: the sweep.
        runs: what differs from run to run, with the statistics of the samples.
        counts: of the observations, train and held out.
        cores: that the process may use.
    """

    def __init__(self, problem: Mapping[str, Any], runs: Mapping[str, Any], counts: Mapping[str, Any], cores: int):
        self.problem, self.cores = Problem(**problem), cores
        self.runs = batches.Runs.of(runs, **counts, **self.problem.limits)
        self.setup()

    def setup(self) -> None:
        """Start-up; not timed."""

    def fit(self) -> dict[str, Any]:
        """All runs to their ends: `mean`, `variance`, and where there is such a thing `status` and `epochs`."""
        raise NotImplementedError

    def timed(self) -> dict[str, Any]:
        """Seconds, and what was found."""
        began = time.perf_counter()
        found = self.fit()
        return {"seconds": time.perf_counter() - began, "found": found}

    def concluded(self, found: Mapping[str, Any], last: tuple[Any, Any], best: tuple[Any, Any]) -> dict[str, Any]:
        """Measure the last parameters of a run out of epochs too, and keep the better."""
        measure = self.runs.held_out_log_likelihood
        better = (found["status"] == mlejax.Status.MAX_EPOCHS) & (measure(*last) > measure(*best))
        names = ("mean", "variance")
        estimate = {n: np.where(better, new, old) for n, new, old in zip(names, last, best, strict=True)}
        return {"status": found["status"], "epochs": found["epochs"], **estimate}


@contextlib.contextmanager
def preparations() -> Iterator[list[float]]:
    """Seconds that calls of `mlejax.sweep` spend on drawing and on summaries, call by call."""
    seconds: list[float] = []
    samples_for = sweep_module.samples_for

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return samples_for(*arguments, **named)
        finally:
            seconds.append(time.perf_counter() - began)

    with mock.patch.object(sweep_module, "samples_for", timed):
        yield seconds


class Sweep(Peer):
    """mlejax: the whole call, its data drawn in it; what the drawing costs is measured in the same call."""

    def setup(self) -> None:
        devices.start(self.cores)

    def fit(self) -> dict[str, Any]:
        with preparations() as self.prepared:
            result = self._sweep()
        model = result.model
        found = {"status": result.status, "epochs": result.epochs, "mean": model.mean, "variance": model.variance}
        return {name: np.ravel(values) for name, values in found.items()}

    def apart(self) -> float:
        """Seconds of the last call until its samples were drawn and summarized."""
        return self.prepared[-1]

    def _sweep(self) -> mlejax.SweepResult:
        problem = self.problem
        return mlejax.sweep(
            mlejax.Normal(*batches.START),
            seeds=range(problem.seeds),
            learning_rates=problem.rates,
            observations=mlejax.Draws(ARTICLE_TARGET, problem.observations, by="numpy"),
            max_epochs=problem.max_epochs,
            patience=problem.patience,
            tolerance=problem.tolerance,
            progress=False,
        )


class Cpp(Peer):
    """epochs.cpp: threads take run after run from a common queue into the lanes of their tiles."""

    def setup(self) -> None:
        library, _ = common.compile_library(batches.SOURCE, batches.FAST)
        self.function = library.sweep_float64
        self.columns = self.runs.columns(np.float64)
        self.states = np.empty((8, len(self.runs)))

    def fit(self) -> dict[str, Any]:
        data = (ctypes.c_void_p(array.ctypes.data) for array in (self.columns, self.states))
        start = map(ctypes.c_double, batches.START)
        self.function(ctypes.c_size_t(len(self.runs)), *start, *data, self.cores, batches.SCAN)
        mean, variance, best_mean, best_variance, _, _, ended, status = self.states
        found = {"status": status.astype(int), "epochs": ended.astype(int)}
        return self.concluded(found, (mean, variance), (best_mean, best_variance))


class NumPy(Peer):
    """All runs together, whole arrays at a time; those that have ended are taken out."""

    def fit(self) -> dict[str, Any]:
        counts = {"train_count": self.runs.train_count, "held_out_count": self.runs.held_out_count}
        program = batches.NumPy(runs=self.runs.varying, **counts, **self.problem.limits)
        program.advance(self.problem.max_epochs)
        found = program.answer()
        return self.concluded(found, program.last, (found["mean"], found["variance"]))


class SciPy(Peer):
    """A Python loop over `scipy.optimize.minimize`, L-BFGS-B with the gradient."""

    def fit(self) -> dict[str, Any]:
        from scipy.optimize import minimize

        rows = []
        for mean, variance in zip(self.runs.train_mean, self.runs.train_variance, strict=True):
            found = minimize(
                functools.partial(loss_and_slopes, mean, variance), batches.START, jac=True, method="L-BFGS-B",
                bounds=[(None, None), (1e-12, None)], options={"ftol": 1e-15, "gtol": 1e-9},
            )  # fmt: skip
            rows.append(found.x)
        return dict(zip(("mean", "variance"), np.array(rows).T, strict=True))


def loss_and_slopes(sample_mean: float, sample_variance: float, parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative mean log-likelihood of the statistics, and its gradient."""
    mean, variance = parameters
    scatter = (sample_mean - mean) ** 2 + sample_variance
    slopes = np.array([(mean - sample_mean) / variance, (1 - scatter / variance) / (2 * variance)])
    return (np.log(2 * np.pi * variance) + scatter / variance) / 2, slopes
