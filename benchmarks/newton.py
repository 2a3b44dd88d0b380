"""One pass of a Newton step on raw observations, value, score and information: C++ and mlejax, on one core."""

import argparse
import ctypes
import functools
import os
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mlejax import devices
from mlejax.models.parameters import Parameters
from mlejax.samples import raw as samples
from mlejax.samples.second import LocalQuadratic, second_order

from . import common, raw

SOURCE = Path(__file__).with_name("newton.cpp")
YARDSTICK, NOW, PLAIN = "C++ fast-math", "mlejax", "jax.hessian of the formula"
AGREEMENT = 1e-11
"""How closely value, slopes and second derivatives must agree: absolutely below 1, relatively above."""

FASTER = 25
"""A pass of the plain formula is repeated so many times less often: it takes about so much longer."""

Answer: TypeAlias = np.ndarray
"""The mean log-likelihood, its gradient, and its second derivatives row by row up to the diagonal."""


def cpp(flags: tuple[str, ...], problem: raw.Problem, values: np.ndarray, passes: int) -> common.Case:
    column, start = np.ascontiguousarray(problem.column(values)), np.array(problem.start)
    size = len(start)
    out = np.empty(1 + size + size * (size + 1) // 2)
    sizes = (ctypes.c_size_t(len(column)), ctypes.c_size_t(passes))
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (column, start, out)]

    def run(_: Any) -> Answer:
        library(flags)[problem.name](pointers[0], sizes[0], pointers[1], sizes[1], pointers[2])
        return out.copy()

    return common.Case(run)


@functools.cache
def library(flags: tuple[str, ...]) -> ctypes.CDLL:
    return common.compile_library(SOURCE, flags)[0]


def jax_program(plain: bool, problem: raw.Problem, values: np.ndarray, passes: int) -> common.Case:
    """Passes at parameters that the compiler does not know to be the same every time."""
    with jax.enable_x64(True):
        start = problem.kind(*map(np.float64, problem.start))
        table = Parameters.of(start)
        sample = samples.observe(start, jnp.asarray(values))
        vector = table.to_vector(start)

        def here(sample: Any, at: Any) -> LocalQuadratic:
            if plain:
                return second_order(lambda v: sample.plain_mean_log_prob(table.to_model(v)), at)
            return sample.second_order(table.to_model, at)

        def repeated(sample: Any, at: Any, nothing: Any) -> LocalQuadratic:
            def one(_: Any, carry: Any) -> Any:
                at, _ = carry
                found = here(sample, at)
                return at + nothing * (found.score + found.information[0]), found

            empty = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), jax.eval_shape(here, sample, at))
            return jax.lax.fori_loop(0, passes, one, (at, empty))[1]

        program = jax.jit(repeated, compiler_options=devices.compiler_options(jax.local_devices()[0]))  # as `fit` does

    def run(_: Any) -> Answer:
        with jax.enable_x64(True):
            found = jax.device_get(program(sample, vector, 0.0))
        rows = np.tril_indices(table.size)
        return np.concatenate([[found.log_likelihood], found.score, -found.information[rows]])

    return common.Case(run)


def programs(problem: raw.Problem, observations: int, passes: int) -> dict[str, common.Case | str]:
    """All programs by name; the reason in place of one that cannot run here."""
    values = problem.draw(np.random.RandomState(42), observations)
    found: dict[str, common.Case | str] = {}
    for name, flags in (("C++ -O3", ("-O3",)), (YARDSTICK, raw.FAST)):
        try:
            library(flags)
            found[name] = cpp(flags, problem, values, passes)
        except common.NoCompilerError as reason:
            found[name] = str(reason)
    found[PLAIN] = jax_program(True, problem, values, max(1, passes // FASTER))
    found[NOW] = jax_program(False, problem, values, passes)
    return found


def results(observations: int, rounds: int, seconds: float = 0.2) -> list[dict[str, Any]]:
    """One record per model and program; its numbers plain Python.

    Raises:
        ArithmeticError: two programs do not compute the same.
    """
    records = []
    passes = max(2, 1_000_000 // observations)
    for problem in raw.PROBLEMS:
        print(f"{problem.name}, a pass of a Newton step", file=sys.stderr)
        found = programs(problem, observations, passes)
        measured = raw.measure(  # type: ignore[arg-type]
            {name: case for name, case in found.items() if isinstance(case, common.Case)}, rounds, seconds
        )
        yardstick = min(measured[YARDSTICK][0]) if YARDSTICK in measured else None
        for name, case in found.items():
            record = {"model": problem.name, "program": name}
            if isinstance(case, str):
                records.append({**record, "missing": case})
                continue
            taken, answer = measured[name]
            difference = raw.disagreement(answer, measured[NOW][1])  # type: ignore[arg-type]
            if not difference <= AGREEMENT:
                raise ArithmeticError(f"{name} differs from {NOW} by {difference} for {problem.name}")
            factor = passes / max(1, passes // FASTER) if name == PLAIN else 1.0
            scale = 1e9 * factor / (observations * passes)
            times = {"minimum": min(taken) * scale, "median": statistics.median(taken) * scale}
            speed = yardstick / (min(taken) * factor) if yardstick else None
            records.append({**record, "nanoseconds": times, "speed": speed, "difference": difference})
    return records


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    row = {"model": record["model"], "program": record["program"]}
    if "missing" in record:
        return {**row, "minimum": record["missing"]}
    times = {key: f"{value:.2f} ns" for key, value in record["nanoseconds"].items()}
    return {**row, **times, "x fast-math": common.ratio(record["speed"])}


def report(record: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    difference = max(row.get("difference", 0.0) for row in record["results"])
    lines = [
        common.table([cells(row) for row in record["results"]]),
        "",
        "Processor time per observation of one pass of a Newton step, on one core, float64, "
        f"{record['observations']} observations:",
        "the mean log-likelihood, its gradient and its second derivatives by all parameters.",
        "x fast-math: speed relative to the same loop in C++, -O3 -march=native -ffast-math, derivatives by hand.",
        f"All programs agree within {difference:.0e}.",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--observations", type=int, default=100_000, help="default 100,000")
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of everything (default 7)")


def main(arguments: argparse.Namespace) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the figures are per core
    devices.start()
    record = {
        "benchmark": "newton",
        "environment": common.environment(),
        "observations": arguments.observations,
        "results": results(arguments.observations, arguments.rounds),
    }
    common.write(record, report(record), arguments)
