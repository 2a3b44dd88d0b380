"""One training run of the reference problem: a NumPy program, C++ and mlejax side by side."""

import argparse
import ctypes
import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax import devices
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


# The programs side by side -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Program:
    """One row: what to time, how to read its result, and what to know about it."""

    case: common.Case | None
    answer: Callable[[Any], Answer] = lambda raw: raw
    cut: bool = False  # run for fewer epochs than the others
    statistics: common.Case | None = None  # what was done to the data once, outside the clock
    compile_seconds: float | None = None
    note: str = ""


REFERENCE, BASELINE = "reference (NumPy, SciPy)", "C++ -O3, raw data"
GOAL = "JAX, statistics: compiled"


def programs(problem: Problem, numpy_epochs: int) -> dict[str, Program]:
    """All of them, by name; those that cannot run here have no case and say why."""
    short = dataclasses.replace(problem, max_epochs=min(numpy_epochs, problem.max_epochs))
    return {
        REFERENCE: Program(common.Case(lambda _: numpy_program(short)), cut=short != problem),
        BASELINE: cpp(problem, ("-O3",), cpp_observations),
        "C++ fast-math, raw data": cpp(problem, FAST, cpp_observations),
        "C++ fast-math, statistics": cpp(problem, FAST, cpp_statistics, cpp_summarize),
        "JAX, raw data: compiled": mlejax_program(problem, False, jax_compiled, jax_answer),
        "JAX, raw data: mlejax.train": mlejax_program(problem, False, jax_fit, fit_answer),
        GOAL: mlejax_program(problem, True, jax_compiled, jax_answer, jax_summarize),
        "JAX, statistics: as train runs it": mlejax_program(problem, True, jax_run, jax_answer, jax_summarize),
        "JAX, statistics: mlejax.train": mlejax_program(problem, True, jax_fit, fit_answer),
    }


def cpp(problem: Problem, flags: tuple[str, ...], make: Any, summarize: Any = None) -> Program:
    try:
        library, seconds = common.compile_library(SOURCE, flags)
    except common.NoCompilerError as reason:
        return Program(None, note=str(reason))
    statistics = summarize and summarize(library, problem)
    return Program(make(library, problem), cpp_answer, statistics=statistics, compile_seconds=seconds)


def mlejax_program(problem: Problem, factored: bool, make: Any, answer: Any, summarize: Any = None) -> Program:
    # Two epochs compile the same programs as 10,000, and their own time does not hide the compilation's.
    seconds = common.compile_seconds(make(dataclasses.replace(problem, max_epochs=2), factored))
    statistics = summarize and summarize(problem, factored)
    return Program(make(problem, factored), answer, statistics=statistics, compile_seconds=seconds)


def results(problem: Problem, numpy_epochs: int, rounds: int, seconds: float = 0.2) -> list[dict[str, Any]]:
    """Measure all programs; one record each, its numbers plain Python."""
    rows = programs(problem, numpy_epochs)
    cases = {name: row.case for name, row in rows.items() if row.case is not None}
    data = {(name, "statistics"): row.statistics for name, row in rows.items() if row.statistics is not None}
    measured = common.measure({**cases, **data}, rounds=rounds, seconds=seconds)
    answers = {name: rows[name].answer(measured[name][1]) for name in cases}
    records = [
        record_of(name, row, measured[name][0], measured.get((name, "statistics")), answers[name], answers[GOAL])
        if name in cases
        else {"program": name, "missing": row.note}
        for name, row in rows.items()
    ]
    add_ratios(records)
    return records


def record_of(
    name: str, row: Program, timing: common.Timing, statistics: Any, answer: Answer, reference: Answer
) -> dict[str, Any]:
    """One row's figures. A run that was cut short stands for one as long as the others."""
    scale = reference.epochs / answer.epochs if row.cut else 1.0
    return {
        "program": name,
        "seconds": dataclasses.asdict(timing.scaled(scale)),
        "scaled_from_epochs": answer.epochs if row.cut else None,
        "statistics_seconds": dataclasses.asdict(statistics[0]) if statistics else None,
        "compile_seconds": row.compile_seconds,
        **{f.name: getattr(answer, f.name) for f in dataclasses.fields(Answer) if "history" not in f.name},
        "history_difference": difference(answer, reference),
    }


def difference(answer: Answer, reference: Answer) -> float:
    """Return the largest relative difference of the two log-likelihood histories, over the epochs that both have."""
    pairs = (
        (answer.train_history, reference.train_history),
        (answer.validation_history, reference.validation_history),
    )
    epochs = min(answer.epochs, reference.epochs)
    return float(max(np.max(np.abs(a[:epochs] / b[:epochs] - 1)) for a, b in pairs))


def add_ratios(records: list[dict[str, Any]]) -> None:
    """How many times faster than the reference program and than plain C++, from medians of the same call."""
    medians = {r["program"]: r["seconds"]["median"] for r in records if "seconds" in r}
    for record in records:
        if "seconds" in record:
            for key, other in (("times_reference", REFERENCE), ("times_cpp", BASELINE)):
                record[key] = medians[other] / record["seconds"]["median"] if other in medians else None


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table."""
    if "missing" in record:
        return {"one run": record["program"], "status": record["missing"]}
    seconds, short = record["seconds"], record["scaled_from_epochs"]
    statistics = record["statistics_seconds"]
    return {
        "one run": record["program"] + (" *" if short else ""),
        "median": common.duration(seconds["median"]),
        "min .. max": f"{common.duration(seconds['minimum'])} .. {common.duration(seconds['maximum'])}",
        "x reference": common.ratio(record["times_reference"]),
        "x C++": common.ratio(record["times_cpp"]),
        "statistics": common.duration(statistics["median"]) if statistics else "-",
        "compile": common.duration(record["compile_seconds"]),
        "status": f"cut at {short} *" if short else record["status"],
        "epoch": str(record["epochs"]),
        "mean": f"{record['mean']:.9f}",
        "variance": f"{record['variance']:.9f}",
        "train": f"{record['train_log_likelihood']:.4f}",
        "validation": f"{record['validation_log_likelihood']:.4f}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    rows = record["results"]
    difference = max(row["history_difference"] for row in rows if "history_difference" in row)
    lines = [
        common.table([cells(row) for row in rows]),
        "",
        "x reference, x C++: how many times faster than the first row and than C++ -O3 on raw data, in this call.",
        "fast-math: -O3 -march=native -ffast-math. statistics: made from the data once, not part of the run (but of",
        "mlejax.train). compile: the C++ compiler, or how much longer the first call of a JAX program takes than the",
        "second.",
        "train, validation: log-likelihoods (sums, nats) at the estimate, the best parameters measured. The JAX runs",
        "also find standard errors and the distance from the maximum.",
        f"Log-likelihood histories agree within {difference:.0e} (relative), epoch by epoch.",
    ]
    if short := rows[0]["scaled_from_epochs"]:
        lines.append(f"* {short} epochs, their time scaled to all epochs; run it whole with --full.")
    lines.append("Published: 27.8 s for the reference program and 1.6 s for C++ -O3, on another machine.")
    return "\n".join([*lines, common.describe(record["environment"])])


def chart(record: Mapping[str, Any]) -> Any:
    """Horizontal bars on a logarithmic axis: the time of one run, with the range of its repetitions."""
    from matplotlib.figure import Figure

    rows = [row for row in record["results"] if "seconds" in row][::-1]
    colours = {"r": "#8c8c8c", "C": "#4c72b0", "J": "#dd8452"}
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    axes = figure.subplots()
    medians = np.array([row["seconds"]["median"] for row in rows])
    ends = np.array([[row["seconds"]["minimum"], row["seconds"]["maximum"]] for row in rows])
    axes.barh(
        range(len(rows)), medians, color=[colours[row["program"][0]] for row in rows], height=0.68,
        xerr=np.abs(ends.T - medians), error_kw={"elinewidth": 1, "capsize": 2.5, "ecolor": "#333333"},
    )  # fmt: skip
    for position, (row, end) in enumerate(zip(rows, ends[:, 1], strict=True)):
        axes.annotate(
            common.duration(row["seconds"]["median"]) + (" (scaled)" if row["scaled_from_epochs"] else ""),
            (end, position), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row["program"] for row in rows])
    axes.set_xscale("log")
    axes.set_xlim(medians.min() / 3, ends.max() * 14)
    axes.set_xlabel("seconds per run of 10,000 epochs on 100,000 observations (logarithmic; median, min to max)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    machine = record["environment"]
    axes.set_title(
        f"One training run of the reference problem ({machine['cpu']}; JAX {machine['jax']})",
        fontsize=10.5, loc="left",
    )  # fmt: skip
    return figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="run the reference program whole too (a minute or more)")
    parser.add_argument("--numpy-epochs", type=int, default=300, help="without --full (default 300)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of everything (default 5)")


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    problem = Problem()
    epochs = problem.max_epochs if arguments.full else arguments.numpy_epochs
    rows = results(problem, epochs, arguments.rounds)
    record = {
        "benchmark": "reference",
        "environment": common.environment(),
        "problem": dataclasses.asdict(problem),
        "results": rows,
    }
    common.write(record, report(record), arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    chart(record).savefig(arguments.out / "reference.png", dpi=160)
