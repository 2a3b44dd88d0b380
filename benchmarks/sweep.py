"""Where the time of a whole sweep goes on one core: the loop over epochs, lanes without a run, and all the rest."""

import argparse
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET

from . import batches, common, jax_batches, workers


class Sweep:
    """`mlejax.sweep` on one core, without a store, and beside it the loop over epochs alone; made in a worker."""

    def __init__(self, seeds: int, learning_rates: int, observations: int):
        devices.start(1)
        self.arguments: dict[str, Any] = {
            "seeds": range(seeds),
            "learning_rates": np.geomspace(0.01, 0.1, learning_rates),
            "observations": mlejax.Draws(ARTICLE_TARGET, observations, by="statistics"),
        }
        lanes = min(devices.CPU.lanes, seeds * learning_rates)
        self.loop = jax_batches.Lanes(lanes, **batches.ENDLESS)
        self.sweep()  # compiles
        self.nanoseconds(1)

    def sweep(self) -> dict[str, float]:
        """Run the sweep once; seconds of the processor, which other programs on the machine do not lengthen."""
        began = time.process_time()
        result = mlejax.sweep(mlejax.Normal(*batches.START), **self.arguments, progress=False)
        seconds = time.process_time() - began
        executed = result.provenance.executed_run_epochs
        assert executed is not None  # it has ended
        return {"seconds": seconds, "useful": float(result.useful_run_epochs), "executed": float(executed)}

    def nanoseconds(self, repetitions: int) -> float:
        """Return what a run-epoch of the loop alone costs with all lanes busy, at best."""
        taken = []
        for _ in range(repetitions):
            self.loop.reset()
            began = time.process_time()
            self.loop.advance(batches.STRETCH)
            taken.append(time.process_time() - began)
        return 1e9 * min(taken) / (len(self.loop.runs) * batches.STRETCH)


def parts(sweep: Mapping[str, float], nanoseconds: float) -> dict[str, float]:
    """Return the seconds of a sweep by what they were spent on."""
    loop = 1e-9 * nanoseconds * sweep["useful"]
    idle = 1e-9 * nanoseconds * (sweep["executed"] - sweep["useful"])
    return {"loop": loop, "idle": idle, "rest": sweep["seconds"] - loop - idle}


def measure(seeds: int, learning_rates: int, observations: int, rounds: int) -> dict[str, Any]:
    """Run the sweep and the loop in turn."""
    arguments = {"seeds": seeds, "learning_rates": learning_rates, "observations": observations}
    with workers.Worker(Sweep, arguments) as worker:
        found = []
        for _ in range(rounds):
            nanoseconds = worker.call("nanoseconds", repetitions=3)
            sweep = worker.call("sweep")
            found.append({**sweep, "nanoseconds": nanoseconds, **parts(sweep, nanoseconds)})
    middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
    return {"arguments": arguments, "median": middle, "rounds": found}


def report(record: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    found, arguments = record["median"], record["arguments"]
    names = {
        "loop": "epochs of runs",
        "idle": "epochs of lanes without a run",
        "rest": "all else: drawing, queues, measuring, collecting",
    }
    rows = [
        {"spent on": text, "time": common.duration(found[key]), "share": f"{found[key] / found['seconds']:.1%}"}
        for key, text in names.items()
    ]
    return "\n".join(
        [
            common.table(rows),
            "",
            f"{arguments['seeds']} seeds x {arguments['learning_rates']} learning rates from 0.01 to 0.1, statistics",
            f"of {arguments['observations']:,} observations drawn directly, one core, no store, compiled before:",
            f"{found['useful']:.3g} run-epochs in {common.duration(found['seconds'])} of processor time.",
            f"An epoch of the loop alone, all lanes busy, takes {found['nanoseconds']:.2f} ns; medians over rounds.",
            common.describe(record["environment"]),
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=400, help="samples (default 400)")
    parser.add_argument("--learning-rates", type=int, default=125, help="from 0.01 to 0.1 (default 125)")
    parser.add_argument("--observations", type=int, default=100_000, help="in a sample (default 100,000)")
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of everything (default 7)")


def main(arguments: argparse.Namespace) -> None:
    found = measure(arguments.seeds, arguments.learning_rates, arguments.observations, arguments.rounds)
    record = {"benchmark": "sweep", "environment": common.environment(), **found}
    common.write(record, report(record), arguments)
