"""The programs that make one training run of the reference problem, each in its own way: NumPy, C++ and mlejax."""

import ctypes
import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax.ascent import step
from mlejax.ascent import train as train_loop
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping, checked_rates, rates_of
from mlejax.models.parameters import Parameters, with_dtype
from mlejax.samples import representation, split

from . import common

SOURCE = Path(__file__).with_name("reference.cpp")
FAST = ("-O3", "-march=native", "-ffast-math")
RESOLUTION = step.RESOLUTION * float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is trained on what. The defaults are the reference problem's."""

    observations: int = 100_000
    seed: int = 42
    start: tuple[float, float] = (0.0, 1.0)
    learning_rate: float = 0.1
    max_epochs: int = 10_000
    patience: int = 50
    tolerance: float = 1e-8

    @functools.cached_property
    def values(self) -> np.ndarray:
        return np.random.RandomState(self.seed).normal(7.2, 2.8, self.observations)

    @functools.cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Train and validation observations."""
        return split.split(self.values, 0.2, 42)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a program found, in the same terms for all of them."""

    status: str
    epochs: int
    best_epoch: int
    mean: float
    variance: float
    train_log_likelihood: float
    validation_log_likelihood: float
    train_history: np.ndarray
    validation_history: np.ndarray


# The reference loop ------------------------------------------------------------------------------------------------


def numpy_program(problem: Problem) -> Answer:
    """NumPy and SciPy: densities by `scipy.stats`, gradients by hand, all data in every epoch."""
    from scipy import stats

    train, validation = problem.parts

    def log_likelihood(values: np.ndarray, mean: float, variance: float) -> float:
        return float(np.sum(stats.norm.logpdf(values, loc=mean, scale=np.sqrt(variance))))

    mean, variance = problem.start
    best, best_log_likelihood, best_epoch, waited = (mean, variance), -np.inf, 0, 0
    train_history, validation_history = [], []
    status = mlejax.Status.RUNNING
    while status == mlejax.Status.RUNNING:
        train_history.append(log_likelihood(train, mean, variance))
        validation_history.append(measured := log_likelihood(validation, mean, variance))
        epoch = len(train_history)
        residuals = train - mean
        mean_slope = np.mean(residuals / variance)
        variance_slope = np.mean(residuals**2) / (2 * variance**2) - 1 / (2 * variance)

        if measured > best_log_likelihood:
            best, best_log_likelihood, best_epoch, waited = (mean, variance), measured, epoch, 0
        else:
            waited += 1
            status = stopped(measured, best_log_likelihood, waited, problem)
        if status == mlejax.Status.RUNNING and epoch >= problem.max_epochs:
            status = mlejax.Status.MAX_EPOCHS
        following = mean + problem.learning_rate * mean_slope, variance + problem.learning_rate * variance_slope
        if np.all(np.isfinite([measured, *following])) and following[1] > 0:
            mean, variance = map(float, following)
        else:
            status = mlejax.Status.DIVERGED

    if status == mlejax.Status.MAX_EPOCHS and log_likelihood(validation, mean, variance) > best_log_likelihood:
        best, best_epoch = (mean, variance), epoch
    return Answer(
        status.name, epoch, best_epoch, *best, log_likelihood(train, *best), log_likelihood(validation, *best),
        np.array(train_history), np.array(validation_history),
    )  # fmt: skip


def stopped(measured: float, best: float, waited: int, problem: Problem) -> mlejax.Status:
    """Return what an epoch without improvement leads to."""
    shortfall, resolution = abs(measured - best), RESOLUTION * abs(measured)
    if waited >= problem.patience:
        return mlejax.Status.PATIENCE if shortfall > resolution else mlejax.Status.PRECISION
    if shortfall < problem.tolerance:
        return mlejax.Status.TOLERANCE if problem.tolerance > resolution else mlejax.Status.PRECISION
    return mlejax.Status.RUNNING


# C++ ---------------------------------------------------------------------------------------------------------------


def structure(name: str, reals: str, integers: str = "") -> type[ctypes.Structure]:
    fields = [*((f, ctypes.c_double) for f in reals.split()), *((f, ctypes.c_int64) for f in integers.split())]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


Settings = structure("Settings", "mean variance learning_rate tolerance resolution", "max_epochs patience")
Outcome = structure(
    "Outcome", "mean variance train_log_likelihood validation_log_likelihood", "status epochs best_epoch"
)
Statistics = structure("Statistics", "count mean squares")


def pointer(values: np.ndarray) -> Any:
    return values.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


def cpp_ascend(function: Any, data: tuple[Any, ...], problem: Problem) -> tuple[Any, np.ndarray, np.ndarray]:
    settings = Settings(
        *problem.start, problem.learning_rate, problem.tolerance, RESOLUTION, problem.max_epochs, problem.patience
    )
    histories = np.empty(problem.max_epochs), np.empty(problem.max_epochs)
    outcome = Outcome()
    function(*data, ctypes.byref(settings), *map(pointer, histories), ctypes.byref(outcome))
    return outcome, *histories


def cpp_observations(library: ctypes.CDLL, problem: Problem) -> common.Case:
    data = [item for part in problem.parts for item in (pointer(part), ctypes.c_size_t(len(part)))]
    return common.Case(lambda _: cpp_ascend(library.ascend_observations, tuple(data), problem))


def cpp_summarize(library: ctypes.CDLL, problem: Problem) -> common.Case:
    """Make the passes over the data that yield the statistics."""

    def run(_: Any) -> Any:
        summaries = Statistics(), Statistics()
        for part, summary in zip(problem.parts, summaries, strict=True):
            library.summarize(pointer(part), ctypes.c_size_t(len(part)), ctypes.byref(summary))
        return summaries

    return common.Case(run)


def cpp_statistics(library: ctypes.CDLL, problem: Problem) -> common.Case:
    data = tuple(map(ctypes.byref, common.once(cpp_summarize(library, problem))[1]))
    return common.Case(lambda _: cpp_ascend(library.ascend_statistics, data, problem))


def cpp_answer(raw: tuple[Any, np.ndarray, np.ndarray]) -> Answer:
    outcome, *histories = raw
    return Answer(
        mlejax.Status(outcome.status).name,
        outcome.epochs,
        outcome.best_epoch,
        outcome.mean,
        outcome.variance,
        outcome.train_log_likelihood,
        outcome.validation_log_likelihood,
        *(history[: outcome.epochs] for history in histories),
    )


# mlejax ------------------------------------------------------------------------------------------------------------


FLOAT64 = np.dtype(np.float64)


def start_of(problem: Problem) -> mlejax.Normal:
    return with_dtype(mlejax.Normal(*problem.start), FLOAT64)


def jax_summarize(problem: Problem, factored: bool) -> common.Case:
    """Find the statistics, average them over the data, check them against the data."""
    start = start_of(problem)

    def run(_: Any) -> Any:
        with jax.enable_x64(True):
            return jax.block_until_ready([representation.summarize(start, part, factored)[0] for part in problem.parts])

    return common.Case(run)


def run_of(problem: Problem, factored: bool) -> Run[mlejax.Normal]:
    start = start_of(problem)
    rates = rates_of(start, checked_rates(start, problem.learning_rate))
    stopping = Stopping.checked(problem.max_epochs, problem.patience, problem.tolerance)
    return Run(start, rates, stopping, *common.once(jax_summarize(problem, factored))[1])


def jax_compiled(problem: Problem, factored: bool) -> common.Case:
    """Return the two compiled programs of a run: the epochs, then what they found, with standard errors."""
    made = run_of(problem, factored)

    def prepare() -> Any:
        with jax.enable_x64(True):
            begun = train_loop._begin(made, capacity=problem.max_epochs, dtype=FLOAT64, optimizer=None)
            return jax.block_until_ready(begun)

    def run(prepared: Any) -> Any:
        with jax.enable_x64(True):
            run, state, rows = prepared
            programs: Any = {"optimizer": None, "record_every": 1}
            state, rows = train_loop._advance(state, rows, run, problem.max_epochs, **programs)
            found = np.asarray(train_loop._conclude(state, made.train, made.validation))
            outcome, _ = train_loop._layouts(Parameters.of(made.start))[1].unpack(found)
            return jax.block_until_ready((outcome, rows))

    return common.Case(run, prepare)


def jax_run(problem: Problem, factored: bool) -> common.Case:
    """Run the same as `mlejax.train` does: set up, in pieces between which it looks at Ctrl-C, history on the host."""
    made = run_of(problem, factored)

    def run(_: Any) -> Any:
        with jax.enable_x64(True):
            outcome, _, history = train_loop._ascend(made, FLOAT64, None, 1, False)
            return outcome, history

    return common.Case(run)


def jax_answer(raw: Any) -> Answer:
    outcome, rows = jax.device_get(raw)
    epochs = int(outcome.epochs)
    kept = rows if isinstance(rows, mlejax.History) else mlejax.History(*rows.T[:3], outcome.model)
    return Answer(
        mlejax.Status(int(outcome.status)).name,
        epochs,
        int(outcome.best_epoch),
        float(outcome.model.mean),
        float(outcome.model.variance),
        float(outcome.train_log_likelihood),
        float(outcome.validation_log_likelihood),
        kept.train_log_likelihood[:epochs],
        kept.validation_log_likelihood[:epochs],
    )


def jax_fit(problem: Problem, factored: bool) -> common.Case:
    """Make the whole call: checks, split, statistics, run, result."""
    return common.Case(
        lambda _: mlejax.train(
            mlejax.Normal(*problem.start),
            problem.values,
            learning_rate=problem.learning_rate,
            max_epochs=problem.max_epochs,
            patience=problem.patience,
            tolerance=problem.tolerance,
            summarize=factored,
            progress=False,
        )
    )


def fit_answer(result: mlejax.TrainResult) -> Answer:
    return Answer(
        result.status.name,
        result.epochs,
        result.best_epoch,
        float(result.model.mean),
        float(result.model.variance),
        result.train_log_likelihood,
        result.validation_log_likelihood,
        result.history.train_log_likelihood,
        result.history.validation_log_likelihood,
    )
