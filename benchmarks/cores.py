"""One sweep on one core, two, and more: mlejax beside C++ threads."""

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET

from . import batches, common, lanes, peer_programs, workers

PROBLEM = lanes.problem_of(400, 400)


class Sweep:
    """`mlejax.sweep`, the whole call, its statistics drawn in it; made in a worker."""

    def __init__(self, problem: Mapping[str, Any], cores: int):
        devices.start(cores)
        self.problem = peer_programs.Problem(**problem)

    def run(self) -> dict[str, Any]:
        """Seconds, and the epochs of all runs."""
        problem = self.problem
        began = time.perf_counter()
        result = mlejax.sweep(
            mlejax.Normal(*batches.START),
            seeds=range(problem.seeds),
            learning_rates=problem.rates,
            observations=mlejax.Draws(ARTICLE_TARGET, problem.observations, by="statistics"),
            max_epochs=problem.max_epochs,
            progress=False,
        )
        return {"seconds": time.perf_counter() - began, "epochs": int(result.epochs.sum())}


class Cpp:
    """epochs.cpp: threads take run after run from a common queue into the lanes of their tiles; made in a worker."""

    def __init__(self, problem: Mapping[str, Any], cores: int):
        runs, counts = lanes.runs_of(peer_programs.Problem(**problem))
        self.peer = peer_programs.Cpp({"max_epochs": problem["max_epochs"]}, runs.varying, counts, cores)

    def run(self) -> dict[str, Any]:
        found = self.peer.timed()
        return {"seconds": found["seconds"], "epochs": int(found["found"]["epochs"].sum())}


PROGRAMS = {"C++ fast-math": Cpp, "mlejax.sweep": Sweep}
"""The yardstick first."""


def results(problem: peer_programs.Problem, cores: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Measure all programs in turn, each on each number of cores in a process of its own."""
    records: list[dict[str, Any]] = [
        {"program": program, "cores": count, "samples": []} for count in cores for program in PROGRAMS
    ]
    with ExitStack() as stack:
        running = []
        for record in records:
            arguments = {"problem": dataclasses.asdict(problem), "cores": record["cores"]}
            worker = workers.Worker(PROGRAMS[record["program"]], arguments, cores=record["cores"])
            running.append(stack.enter_context(worker))
            worker.call("run")  # compiles
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for record, worker in zip(records, running, strict=True):
                found = worker.call("run")
                record["run_epochs"] = found["epochs"]
                record["samples"].append(1e9 * found["seconds"] * record["cores"] / found["epochs"])
    add_ratios(records)
    return records


def add_ratios(records: list[dict[str, Any]]) -> None:
    """Beside the yardstick on as many cores, and beside the same program on one; ratios within a round."""
    found = {(record["program"], record["cores"]): record["samples"] for record in records}
    yardstick = next(iter(PROGRAMS))

    def beside(other: Sequence[float], samples: Sequence[float]) -> float:
        return statistics.median(a / b for a, b in zip(other, samples, strict=True))

    for record in records:
        program, count, samples = record["program"], record["cores"], record["samples"]
        record["nanoseconds"] = statistics.median(samples)
        record["speed"] = beside(found[yardstick, count], samples)
        record["linear"] = beside(found[program, 1], samples)


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "program": row["program"],
        "cores": str(row["cores"]),
        "ns": f"{row['nanoseconds']:.2f}",
        "min .. max": f"{min(row['samples']):.2f} .. {max(row['samples']):.2f}",
        "x C++": common.ratio(row["speed"]),
        **({"of linear": common.ratio(row["linear"])} if row["cores"] > 1 else {}),
    }


def report(document: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    lines = [
        common.table([cells(row) for row in document["results"]]),
        "",
        f"{lanes.size_of(document['problem'])}.",
        "ns: per useful run-epoch and core, median over rounds; for mlejax of the whole call, from arguments to table,",
        "for C++ of the runs alone. x C++: speed beside C++ -O3 -march=native -ffast-math on as many cores; of linear:",
        "beside the same program on one core; both are medians of ratios within a round, for all rows run in turn.",
        "C++ threads share nothing but a counter, and mlejax's devices a line of runs.",
    ]
    return "\n".join([*lines, common.describe(document["environment"])])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=9, help="repetitions of everything (default 9)")


def main(arguments: argparse.Namespace) -> None:
    available = devices.cores()
    cores = [count for count in (1, 2, 4, 8, 16) if count <= available]
    document = {
        "benchmark": "cores",
        "environment": common.environment(),
        "problem": dataclasses.asdict(PROBLEM),
        "results": results(PROBLEM, cores, arguments.rounds),
    }
    common.write(document, report(document), arguments)
