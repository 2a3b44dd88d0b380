"""float32 against float64 on the reference problem: where runs end, and what an epoch of a batch costs."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import mlejax
from mlejax import devices
from mlejax.models import parameters

from . import common
from .reference_programs import Problem, jax_summarize, start_of

DTYPES = ("float64", "float32")
SEEDS = (0, 1, 2, 3, 7, 42, 123)


def fates(seeds: Sequence[int], problem: Problem) -> list[dict[str, Any]]:
    """For every seed of the data and both types: how the run ended, and how far from the maximum."""
    records = []
    for seed in seeds:
        values = dataclasses.replace(problem, seed=seed).values
        record: dict[str, Any] = {"seed": seed}
        for dtype in DTYPES:
            result = mlejax.train(
                mlejax.Normal(*problem.start), values, learning_rate=problem.learning_rate,
                max_epochs=problem.max_epochs, patience=problem.patience, tolerance=problem.tolerance,
                dtype=np.dtype(dtype), progress=False,
            )  # fmt: skip
            record[dtype] = {
                "status": result.status.name,
                "epochs": result.epochs,
                "distance": result.distance,
                "mean": float(result.model.mean),
                "variance": float(result.model.variance),
            }
        records.append(record)
    return records


def batch(problem: Problem, dtype: str, lanes: int, epochs: int) -> common.Case:
    """`epochs` of `train_step` in a `scan`, vmapped over runs that each have a learning rate and a sample."""
    start = start_of(problem)
    samples = common.once(jax_summarize(problem, True))[1]
    limits = {"patience": problem.patience, "tolerance": problem.tolerance, "max_epochs": problem.max_epochs}

    @jax.jit
    def advance(states: Any, train: Any, validation: Any, rates: Any) -> Any:
        step = jax.vmap(lambda *run: mlejax.train_step(*run, **limits)[0])
        return jax.lax.scan(lambda s, _: (step(s, train, validation, rates), None), states, length=epochs)[0]

    with jax.enable_x64(True):
        one = parameters.cast((mlejax.init_state(parameters.cast(start, dtype)), *samples), dtype)
        many = jax.tree.map(lambda leaf: jnp.array(jnp.broadcast_to(leaf, (lanes, *jnp.shape(leaf)))), one)
        rates = jnp.asarray(np.geomspace(0.01, 0.5, lanes), dtype)

    def run(_: Any) -> Any:
        with jax.enable_x64(True):
            return jax.block_until_ready(advance(*many, rates))

    return common.Case(run)


def speed(problem: Problem, lanes: int, epochs: int, rounds: int, seconds: float = 0.5) -> dict[str, Any]:
    """Seconds per run and epoch of both types, measured in turn."""
    cases = {dtype: batch(problem, dtype, lanes, epochs) for dtype in DTYPES}
    measured = common.measure(cases, rounds=rounds, seconds=seconds)
    timings = {dtype: timing.scaled(1 / (lanes * epochs)) for dtype, (timing, _) in measured.items()}
    return {
        "lanes": lanes,
        "epochs": epochs,
        **{dtype: dataclasses.asdict(timing) for dtype, timing in timings.items()},
        "times_float64": timings["float64"].median / timings["float32"].median,
    }


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    row = {"seed": str(record["seed"])}
    for dtype in DTYPES:
        row[dtype] = record[dtype]["status"]
        row[f"epoch {dtype[-2:]}"] = str(record[dtype]["epochs"])
        row[f"distance {dtype[-2:]}"] = f"{record[dtype]['distance']:.3g}"
    return row


def report(record: Mapping[str, Any]) -> str:
    cost = record["speed"]
    rows = [
        {
            "a batch": dtype,
            "per run-epoch": common.duration(cost[dtype]["median"]),
            "min .. max": f"{common.duration(cost[dtype]['minimum'])} .. {common.duration(cost[dtype]['maximum'])}",
            "x float64": common.ratio(cost["float64"]["median"] / cost[dtype]["median"]),
        }
        for dtype in DTYPES
    ]
    return "\n".join(
        [
            common.table([cells(row) for row in record["results"]]),
            "",
            "The reference problem, data drawn with each seed. distance: of the estimate from the maximum of the train",
            "likelihood, in standard errors, measured in float64.",
            "",
            common.table(rows),
            "",
            f"{cost['lanes']} runs vmapped, {cost['epochs']} epochs in a scan, on one device; each with its own sample",
            "and learning rate; early stopping and best parameters included, no histories.",
            common.describe(record["environment"]),
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lanes", type=int, default=4096, help="runs in the batch (default 4096)")
    parser.add_argument("--epochs", type=int, default=500, help="epochs of a batch per call (default 500)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (default 5)")


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    problem = Problem()
    record = {
        "benchmark": "float32",
        "environment": common.environment(),
        "problem": dataclasses.asdict(problem),
        "results": fates(SEEDS, problem),
        "speed": speed(problem, arguments.lanes, arguments.epochs, arguments.rounds),
    }
    common.write(record, report(record), arguments)
