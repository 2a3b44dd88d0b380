"""One training run of the reference problem: a NumPy program, C++ and mlejax side by side."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlejax import devices

from . import common
from .reference_programs import (
    FAST,
    SOURCE,
    Answer,
    Problem,
    cpp_answer,
    cpp_observations,
    cpp_statistics,
    cpp_summarize,
    fit_answer,
    jax_answer,
    jax_compiled,
    jax_fit,
    jax_run,
    jax_summarize,
    numpy_program,
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
