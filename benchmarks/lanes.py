"""Useful run-epochs among those executed, for runs of very different length: mlejax beside a vmapped while_loop."""

import argparse
import dataclasses
import functools
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET

from . import batches, common, jax_batches, peer_frameworks, peer_programs, workers


def problem_of(seeds: int, learning_rates: int) -> peer_programs.Problem:
    """Return runs of very different length."""
    return peer_programs.Problem(seeds=seeds, learning_rates=learning_rates, slowest=0.2)


class Sweep:
    """`mlejax.sweep`, made in a worker; run twice, so that the second call is compiled."""

    def __init__(self, problem: Mapping[str, Any], cores: int):
        devices.start(cores)
        self.problem = peer_programs.Problem(**problem)

    def run(self) -> dict[str, Any]:
        """Seconds without drawing, the epochs of all runs, and what the lanes executed."""
        problem, seconds = self.problem, 0.0
        for _ in range(2):
            began = time.perf_counter()
            with peer_programs.preparations() as prepared:
                result = mlejax.sweep(
                    mlejax.Normal(*batches.START),
                    seeds=range(problem.seeds),
                    learning_rates=problem.rates,
                    observations=mlejax.Draws(ARTICLE_TARGET, problem.observations),
                    max_epochs=problem.max_epochs,
                    progress=False,
                )
            seconds = time.perf_counter() - began - prepared[-1]
        return {
            "seconds": seconds,
            "epochs": result.epochs.ravel(),
            "useful": result.useful_run_epochs,
            "executed": result.provenance.executed_run_epochs,
        }


class WhileLoop:
    """A plain `vmap` of `while_loop` with optax, batch after batch; made in a worker."""

    def __init__(self, runs: Mapping[str, Any], counts: Mapping[str, Any], max_epochs: int):
        self.runs = batches.Runs.of(runs, **counts)
        limits = {"max_epochs": max_epochs, "patience": self.runs.patience, "tolerance": self.runs.tolerance}
        loop = functools.partial(peer_frameworks.while_loop, limits, self.runs.held_out_count)
        self.function = jax.jit(jax.vmap(loop))

    @jax_batches.wide
    def run(self, width: int, order: list[int]) -> dict[str, Any]:
        """Seconds, once compiled, and the epochs of all runs."""
        rows = np.stack(list(self.runs.varying.values()))[:, order]
        ended = np.zeros(len(order), int)
        jax.block_until_ready(self.function(*rows[:, :width]))
        began = time.perf_counter()
        for first in range(0, len(order), width):
            take = np.resize(np.arange(first, min(first + width, len(order))), width)  # one shape, compiled once
            ended[take] = self.function(*rows[:, take])[2]
        return {"seconds": time.perf_counter() - began, "epochs": ended}


def runs_of(problem: peer_programs.Problem) -> tuple[batches.Runs, dict[str, int]]:
    """Other draws of the same distribution, the statistics of normal samples drawn directly; and counts."""
    held_out = -(-problem.observations // 5)
    counts = {"train_count": problem.observations - held_out, "held_out_count": held_out}
    drawn = batches.batch(problem.seeds, counts=(counts["train_count"], held_out)).varying
    varying = {name: np.repeat(values, problem.learning_rates) for name, values in drawn.items()}
    varying["learning_rate"] = np.tile(problem.rates, problem.seeds)
    return batches.Runs.of(varying, **counts), counts


def executed_by_batches(ended: np.ndarray, width: int) -> int:
    """Advance a batch until the longest of its runs ends, all its lanes along with it."""
    return sum(int(ended[first : first + width].max()) * width for first in range(0, len(ended), width))


def results(problem: peer_programs.Problem, cores: int, widths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return records: useful and executed run-epochs, and the time."""
    arguments = {"problem": dataclasses.asdict(problem), "cores": cores}
    with workers.Worker(Sweep, arguments, cores=cores) as worker:
        swept = worker.call("run")
    records = [record("mlejax.sweep", None, swept["useful"], swept["executed"], swept["seconds"])]
    drawn, counts = runs_of(problem)
    count, varying = len(drawn), drawn.varying
    arguments = {"runs": varying, "counts": counts, "max_epochs": problem.max_epochs}
    orders = {"in order": np.arange(count), "by learning rate": np.argsort(varying["learning_rate"], kind="stable")}
    with workers.Worker(WhileLoop, arguments, cores=cores) as worker:
        for width in widths:
            for name, order in orders.items():
                found = worker.call("run", width=width, order=order)
                ended = np.array(found["epochs"])
                executed = executed_by_batches(ended, width)
                title = f"vmap of while_loop, {name}"
                records.append(record(title, width, int(ended.sum()), executed, found["seconds"]))
    return records


def record(program: str, width: int | None, useful: int, executed: int, seconds: float) -> dict[str, Any]:
    return {
        "program": program,
        "width": width,
        "useful_run_epochs": useful,
        "executed_run_epochs": executed,
        "useful": useful / executed,
        "seconds": seconds,
        "nanoseconds_per_useful": 1e9 * seconds / useful,
    }


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "program": row["program"],
        "width": f"{row['width']:,}" if row["width"] else "-",
        "useful": f"{row['useful_run_epochs']:.3g}",
        "executed": f"{row['executed_run_epochs']:.3g}",
        "share": f"{row['useful']:.3f}",
        "time": common.duration(row["seconds"]),
        "ns per useful": f"{row['nanoseconds_per_useful']:.2f}",
    }


def size_of(problem: Mapping[str, Any]) -> str:
    """Return the sweep in words."""
    return (
        f"{problem['seeds'] * problem['learning_rates']:,} runs: {problem['seeds']:,} seeds, "
        f"{problem['learning_rates']} learning rates from {problem['slowest']:g} to {problem['fastest']:g}, at most "
        f"{problem['max_epochs']:,} epochs"
    )


def report(document: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    problem = document["problem"]
    lines = [
        common.table([cells(row) for row in document["results"]]),
        "",
        f"{size_of(problem)}; all {document['environment']['cores']} cores.",
        "useful: epochs of runs until they end. executed: epochs that lanes went through, busy or not; a while_loop's",
        "batch goes on until its longest run ends. time: without compilation, and without drawing.",
    ]
    return "\n".join([*lines, common.describe(document["environment"])])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=1000, help="times 40 learning rates (default 1000)")
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 4096], help="of the while_loop's batches")


def main(arguments: argparse.Namespace) -> None:
    problem = problem_of(arguments.seeds, 40)
    rows = results(problem, devices.cores(), tuple(arguments.widths))
    document = {
        "benchmark": "lanes",
        "environment": common.environment(),
        "problem": dataclasses.asdict(problem),
        "results": rows,
    }
    common.write(document, report(document), arguments)
