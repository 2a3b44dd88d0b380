"""One epoch on raw observations, for models without sufficient statistics: C++ and mlejax per core, 1 and 64 runs."""

import argparse
import ctypes
import dataclasses
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

import mlejax
from mlejax import devices
from mlejax.samples import raw

from . import common

SOURCE = Path(__file__).with_name("raw.cpp")
FAST = ("-O3", "-march=native", "-ffast-math")
YARDSTICK, NOW = "C++ fast-math", "mlejax now"
AGREEMENT = 1e-12
"""How closely values and slopes must agree: absolutely below 1, relatively above."""

Answer: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Mean train log-likelihoods (runs,), their gradients (runs, parameters), mean validation log-likelihoods (runs,)."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A model, where its runs start about, and what its data are drawn from."""

    name: str  # of the function in the C++ file too
    kind: type[mlejax.Model]
    start: tuple[float, ...]
    draw: Callable[[np.random.RandomState, int], np.ndarray]
    column: Callable[[np.ndarray], np.ndarray] = np.asarray  # what the C++ program computes from the data beforehand

    def parts(self, observations: int) -> tuple[np.ndarray, np.ndarray]:
        """Train and validation observations, four to one."""
        values = self.draw(np.random.RandomState(42), observations)
        return values[observations // 5 :], values[: observations // 5]

    def starts(self, runs: int) -> np.ndarray:
        """Parameters (runs, parameters), within a tenth of the start."""
        return self.start * (1 + 0.1 * np.random.RandomState(1).uniform(size=(runs, len(self.start))))


def draw_mixture(random: np.random.RandomState, n: int) -> np.ndarray:
    return np.where(random.uniform(size=n) < 0.4, random.normal(-1, 1, n), random.normal(3, 1.5, n))


class NormalMixture(mlejax.Model):
    """Two normals, every parameter a number of its own, as gradient ascent takes them."""

    weight: float = mlejax.parameter(mlejax.unit_interval)
    first_mean: float = mlejax.parameter(mlejax.real)
    first_variance: float = mlejax.parameter(mlejax.positive)
    second_mean: float = mlejax.parameter(mlejax.real)
    second_variance: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x: Any) -> Any:
        def component(weight: Any, mean: Any, variance: Any) -> Any:
            return jnp.log(weight) - jnp.log(2 * jnp.pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)

        return jnp.logaddexp(
            component(self.weight, self.first_mean, self.first_variance),
            component(1 - self.weight, self.second_mean, self.second_variance),
        )


PROBLEMS = (
    Problem("weibull", mlejax.Weibull, (1.5, 2.5), lambda random, n: 3 * random.weibull(1.7, n), np.log),
    Problem("student_t", mlejax.StudentT, (1.0, 1.5, 5.0), lambda random, n: 1.5 + 2 * random.standard_t(4, n)),
    Problem("normal_mixture", NormalMixture, (0.5, -0.5, 1.2, 2.5, 2.0), draw_mixture),
)


# The programs: some epochs, each at the same parameters -------------------------------------------------------------


def cpp(library: ctypes.CDLL, problem: Problem, observations: int, runs: int, epochs: int) -> common.Case:
    train, validation = (np.ascontiguousarray(problem.column(part)) for part in problem.parts(observations))
    starts = problem.starts(runs)
    means, slopes, held_out = np.empty(runs), np.empty(starts.shape), np.empty(runs)
    totals = np.empty(runs * 6)

    def pointer(values: np.ndarray) -> Any:
        return values.ctypes.data_as(ctypes.c_void_p)

    def run(_: Any) -> Answer:
        data = (pointer(train), ctypes.c_size_t(len(train)), pointer(validation), ctypes.c_size_t(len(validation)))
        sizes = (pointer(starts), ctypes.c_size_t(runs), ctypes.c_size_t(epochs))
        library[problem.name](*data, *sizes, *map(pointer, (means, slopes, held_out, totals)))
        return means, slopes, held_out

    return common.Case(run)


class PlainObservations(raw.Observations):
    """Observations as they were evaluated before: the mean of `log_prob` as it is written."""

    def mean_log_prob(self, model: mlejax.Model) -> Any:
        return jnp.mean(jax.vmap(model.log_prob)(self.values))


@functools.partial(jax.jit, static_argnums=4)
def ascend(models: Any, train: Any, validation: Any, learning_rate: Any, epochs: int) -> Any:
    """Epochs of one run, or of several whose parameters have a leading axis, as `train_step` takes them."""

    def measure(model: Any) -> Any:
        mean, gradient = jax.value_and_grad(lambda model: train.mean_log_prob(model))(model)
        return mean, gradient, validation.mean_log_prob(model)

    every = jax.vmap(measure) if jnp.ndim(jax.tree.leaves(models)[0]) else measure

    def epoch(_: Any, carry: Any) -> Any:
        models, _ = carry
        answer = every(models)
        return jax.tree.map(lambda p, g: p + learning_rate * g, models, answer[1]), answer

    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(every, models))
    return jax.lax.fori_loop(0, epochs, epoch, (models, empty))[1]


def jax_program(observe: Any, problem: Problem, observations: int, runs: int, epochs: int) -> common.Case:
    """Epochs with a learning rate of zero, which the compiler does not know."""
    starts = problem.starts(runs)
    with jax.enable_x64(True):
        first = problem.kind(*map(jnp.asarray, starts[0]))
        data = [observe(first, jnp.asarray(part)) for part in problem.parts(observations)]
        models = problem.kind(*map(jnp.asarray, starts.T)) if runs > 1 else first

    def run(_: Any) -> Answer:
        with jax.enable_x64(True):
            answer = jax.block_until_ready(ascend(models, *data, 0.0, epochs))
            mean, gradient, held_out = jax.device_get(answer)
        slopes = np.stack(jax.tree.leaves(gradient), axis=-1).reshape(runs, -1)
        return np.reshape(mean, runs), slopes, np.reshape(held_out, runs)

    return common.Case(run)


def programs(problem: Problem, observations: int, runs: int, epochs: int) -> dict[str, common.Case | str]:
    """All programs by name; the reason in place of one that cannot run here."""
    sizes = (problem, observations, runs, epochs)
    found: dict[str, common.Case | str] = {}
    for name, flags in (("C++ -O3", ("-O3",)), (YARDSTICK, FAST)):
        try:
            found[name] = cpp(library(flags), *sizes)
        except common.NoCompilerError as reason:
            found[name] = str(reason)
    found["mlejax before"] = jax_program(lambda _, values: PlainObservations(values), *sizes)
    found[NOW] = jax_program(raw.observe, *sizes)
    return found


@functools.cache
def library(flags: tuple[str, ...]) -> ctypes.CDLL:
    return common.compile_library(SOURCE, flags)[0]


# Measurement --------------------------------------------------------------------------------------------------------


def measure(cases: Mapping[str, common.Case], rounds: int, seconds: float) -> dict[str, tuple[list[float], Answer]]:
    """Processor seconds per call, in turns, and the last answer: of this process alone, whatever else is running."""
    answers = {name: case.run(None) for name, case in cases.items()}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            began = time.process_time()
            calls = 0
            while calls == 0 or time.process_time() - began < seconds:
                answers[name] = case.run(None)
                calls += 1
            taken[name].append((time.process_time() - began) / calls)
    return {name: (taken[name], answers[name]) for name in cases}


def results(observations: int, many: int, rounds: int, seconds: float = 0.2) -> list[dict[str, Any]]:
    """One record per model, number of runs and program; its numbers plain Python.

    Raises:
        ArithmeticError: two programs do not compute the same.
    """
    records = []
    for problem in PROBLEMS:
        for runs in (1, many):
            print(f"{problem.name}, {runs} runs", file=sys.stderr)
            epochs = max(4, many // runs // 4)
            found = programs(problem, observations, runs, epochs)
            cases = {name: case for name, case in found.items() if isinstance(case, common.Case)}
            measured = measure(cases, rounds, seconds)
            scale = 1e9 / (observations * runs * epochs)
            yardstick = min(measured[YARDSTICK][0]) if YARDSTICK in measured else None
            for name, case in found.items():
                record = {"model": problem.name, "runs": runs, "program": name}
                if name not in cases:
                    records.append({**record, "missing": case})
                    continue
                taken, answer = measured[name]
                difference = max(map(disagreement, answer, measured[NOW][1]))
                if not difference <= AGREEMENT:
                    raise ArithmeticError(f"{name} differs from {NOW} by {difference} for {problem.name}")
                times = {"minimum": min(taken) * scale, "median": statistics.median(taken) * scale}
                speed = yardstick / min(taken) if yardstick else None
                records.append({**record, "nanoseconds": times, "speed": speed, "difference": difference})
    return records


def disagreement(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1)))


# Output -------------------------------------------------------------------------------------------------------------


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    row = {"model": record["model"], "runs": str(record["runs"]), "program": record["program"]}
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
        f"Processor time per run, epoch and observation, on one core, float64, {record['observations']} observations,",
        "four fifths of them for training (value and gradient) and the rest for validation (value alone).",
        "x fast-math: speed relative to the same loop in C++, -O3 -march=native -ffast-math, gradients by hand.",
        f"mlejax before: the mean of log_prob as it is written. All programs agree within {difference:.0e}.",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--observations", type=int, default=100_000, help="default 100,000")
    parser.add_argument("--runs", type=int, default=64, help="beside one (default 64)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of everything (default 5)")


def main(arguments: argparse.Namespace) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the figures are per core
    devices.start()
    record = {
        "benchmark": "raw",
        "environment": common.environment(),
        "observations": arguments.observations,
        "results": results(arguments.observations, arguments.runs, arguments.rounds),
    }
    common.write(record, report(record), arguments)
