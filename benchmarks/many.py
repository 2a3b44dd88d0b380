"""Thousands of fits at once: groups, resamples, a million small groups; beside one pass, C++, SciPy and Optimistix."""

import argparse
import importlib.util
import resource
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import mlejax
from mlejax import devices

from . import common, fit_programs, newton, raw, workers

SIZE = 1000
"""Observations of a group, and of a sample that is drawn again."""

FEW, SOME = 20, 200
"""Groups that SciPy fits, one after the other, and those that Optimistix and the C++ program do."""

APART = 1e-4
"""Standard errors by which a peer's estimates may differ: their own stopping rules leave that."""

PROBLEMS = {problem.name: problem for problem in fit_programs.PROBLEMS if problem.name != "regression"}


def draws(name: str, groups: int, size: int = SIZE) -> np.ndarray:
    return PROBLEMS[name].draw(np.random.RandomState(0), groups * size).reshape(groups, size)


class Many:
    """Fits of groups whose labels lie one after the other; the sorting of labels is timed apart."""

    def __init__(self, name: str, groups: int, size: int = SIZE):
        devices.start()
        self.family = PROBLEMS[name].family
        self.source = mlejax.Groups(draws(name, groups, size).ravel(), np.repeat(np.arange(groups), size))
        began = time.perf_counter()
        self.source.labels  # noqa: B018
        self.sorting = time.perf_counter() - began
        self.table: Any = None

    def fit(self) -> dict[str, float]:
        """Return the seconds of a table, and the bytes by which the process has grown at most since it began."""
        before = _peak()
        began, spent = time.perf_counter(), time.process_time()
        self.table = mlejax.fit_many(self.family, self.source, progress=False)
        taken = {"seconds": time.perf_counter() - began, "processor": time.process_time() - spent}
        return {**taken, "sorting": self.sorting, "bytes": _peak() - before}

    def found(self, count: int) -> dict[str, Any]:
        """Return the first estimates, their errors and steps, and how many converged."""
        columns = [np.stack([*of.values()], axis=1)[:count] for of in (self.table.parameters, self.table.errors)]
        names = ("estimates", "errors")
        converged = int(np.sum(self.table.converged))
        return {**dict(zip(names, columns, strict=True)), "steps": self.table.steps[:count], "converged": converged}


class Bootstrap:
    """Fits of resamples of one gamma sample."""

    def __init__(self, observations: int, count: int):
        devices.start()
        self.result = mlejax.fit(mlejax.Gamma, draws("gamma", 1, observations)[0], progress=False)
        self.count = count

    def fit(self) -> dict[str, float]:
        began, spent = time.perf_counter(), time.process_time()
        found = self.result.bootstrap(self.count, progress=False)
        taken = {"seconds": time.perf_counter() - began, "processor": time.process_time() - spent}
        ratio = found.standard_errors["shape"] / self.result.standard_errors.shape
        return {**taken, "ratio": float(ratio)}


class Pass:
    """One pass that takes the logarithm of all observations and evaluates the formula as it is written."""

    def __init__(self, name: str, groups: int):
        devices.start()
        problem, values = PROBLEMS[name], draws(name, groups)
        with jax.enable_x64(True):
            model, self.values = problem.start(values[0]), jnp.asarray(np.abs(values.ravel()))

            @jax.jit
            def program(values: Any) -> Any:
                return jnp.sum(jnp.log(values)), jnp.sum(jax.vmap(model.log_prob)(values))

            self.program = program

    def fit(self) -> dict[str, float]:
        with jax.enable_x64(True):
            began, spent = time.perf_counter(), time.process_time()
            jax.block_until_ready(self.program(self.values))
            return {"seconds": time.perf_counter() - began, "processor": time.process_time() - spent}


class Cpp:
    """The passes of the Newton steps that the groups took, by hand-written C++; nothing else of a fit."""

    def __init__(self, name: str, steps: Sequence[int]):
        (self.problem,) = (problem for problem in raw.PROBLEMS if problem.name == name)
        values = draws(name, len(steps))
        self.cases = [
            newton.cpp(raw.FAST, self.problem, row, step + 1) for row, step in zip(values, steps, strict=True)
        ]

    def fit(self) -> dict[str, float]:
        began = time.perf_counter()
        for case in self.cases:
            case.run(None)
        return {"seconds": time.perf_counter() - began, "processor": time.perf_counter() - began}


class Peer:
    """A loop over SciPy's own fit, or Optimistix' BFGS under `vmap`."""

    def __init__(self, name: str, program: str, groups: int):
        devices.start()
        self.problem, self.program, self.values = PROBLEMS[name], program, draws(name, groups)
        self.estimates = np.zeros(0)

    def fit(self) -> dict[str, float]:
        began, spent = time.perf_counter(), time.process_time()
        if self.program == "scipy":
            self.estimates = np.stack([fit_programs.scipy_fit(self.problem, row).estimates for row in self.values])
        else:
            with jax.enable_x64(True):
                starts = [self.problem.start(row) for row in self.values]
                table = fit_programs.Parameters.of(starts[0])
                first = jnp.stack([table.to_real(jax.tree.map(np.float64, start)) for start in starts])
                program = jax.vmap(fit_programs.optimistix_program(table), (0, 0, None))
                self.estimates = np.asarray(jax.block_until_ready(program(first, self.values, SIZE))[0])
        return {"seconds": time.perf_counter() - began, "processor": time.process_time() - spent}

    def found(self) -> np.ndarray:
        return self.estimates


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# Measuring ------------------------------------------------------------------------------------------------------------


def timed(make: type, arguments: Mapping[str, Any], cores: int, rounds: int) -> tuple[dict[str, Any], Any]:
    """Return what a program needs, warm, in a process of its own on so many cores: medians; and what it found."""
    with workers.Worker(make, arguments, cores=cores) as worker:
        first = worker.call("fit")["seconds"]
        taken = [worker.call("fit") for _ in range(rounds)]
        found = None
        if make is Many:
            found = worker.call("found", count=SOME)
        elif make is Peer:
            found = worker.call("found")
    numbers = {name: statistics.median(each[name] for each in taken) for name in taken[0]}
    return {**numbers, "first": first, "cores": cores}, found


def of_groups(name: str, groups: int, rounds: int) -> list[dict[str, Any]]:
    """Return the records of one family, microseconds a group.

    Raises:
        ArithmeticError: a peer's estimates are others.
    """
    cores = devices.cores()
    records: list[dict[str, Any]] = []

    def add(program: str, make: type, arguments: Mapping[str, Any], count: int, cores: int, rounds: int) -> Any:
        print(f"{name}: {program}, {cores} cores", file=sys.stderr)
        taken, found = timed(make, arguments, cores, rounds)
        times = {key: 1e6 * taken[key] / count for key in ("seconds", "processor")}
        records.append({"model": name, "program": program, "groups": count, **taken, "microseconds": times})
        return found

    ours = {"name": name, "groups": groups}
    found = add("mlejax", Many, ours, groups, 1, rounds)
    if cores > 1:
        add("mlejax", Many, ours, groups, cores, rounds)
    add("log and formula, one pass", Pass, ours, groups, 1, rounds)
    if name in ("weibull", "student_t") and common.compiler():
        add(
            "C++ fast-math, Newton passes",
            Cpp,
            {"name": name, "steps": found["steps"]},
            len(found["steps"]),
            1,
            rounds,
        )
    peers = {"SciPy, a loop": ("scipy", min(FEW, groups), 1)}
    if importlib.util.find_spec("optimistix"):
        peers["Optimistix, BFGS, vmap"] = ("optimistix", min(SOME, groups), cores)
    for program, (kind, count, on) in peers.items():
        estimates = add(program, Peer, {"name": name, "program": kind, "groups": count}, count, on, 1)
        here, errors = (np.array(found[key])[:count] for key in ("estimates", "errors"))
        apart = float(np.max(np.abs(np.array(estimates) - here) / errors))
        records[-1]["apart"] = apart
        if kind == "optimistix" and not apart <= APART:
            raise ArithmeticError(f"{name}: {program} is {apart} standard errors from mlejax")
    return records


def results(groups: int, resamples: int, small: int, rounds: int) -> dict[str, Any]:
    """Return the records of all parts, their numbers plain Python."""
    of_many = [record for name in PROBLEMS for record in of_groups(name, groups, rounds)]
    bootstraps = []
    for observations, count in ((SIZE, resamples), (100 * SIZE, max(1, resamples // 50))):
        print(f"{count} resamples of {observations}", file=sys.stderr)
        taken, _ = timed(Bootstrap, {"observations": observations, "count": count}, devices.cores(), rounds)
        draw = 1e9 * taken["processor"] / (observations * count)
        bootstraps.append({"observations": observations, "resamples": count, **taken, "nanoseconds_a_draw": draw})
    smalls = []
    for count in (small // 4, small):
        for cores in sorted({1, devices.cores()}):
            print(f"{count} groups of 10, {cores} cores", file=sys.stderr)
            taken, found = timed(Many, {"name": "gamma", "groups": count, "size": 10}, cores, 1)
            smalls.append({"groups": count, "converged": found["converged"], **taken})
    return {"groups": of_many, "bootstraps": bootstraps, "small": smalls}


# Output ---------------------------------------------------------------------------------------------------------------


def report(record: Mapping[str, Any]) -> str:
    """Return the tables with what is needed to read them."""
    rows = [
        {
            "model": row["model"],
            "program": row["program"],
            "groups": f"{row['groups']:,}",
            "cores": str(row["cores"]),
            "a group": f"{row['microseconds']['seconds']:.1f} us",
            "processor": f"{row['microseconds']['processor']:.1f} us",
            "first": common.duration(row["first"]),
            "apart": f"{row['apart']:.0e}" if "apart" in row else "",
        }
        for row in record["results"]["groups"]
    ]
    bootstraps = [
        {
            "resamples": f"{row['resamples']:,}",
            "observations": f"{row['observations']:,}",
            "seconds": common.duration(row["seconds"]),
            "a draw and core": f"{row['nanoseconds_a_draw']:.1f} ns",
        }
        for row in record["results"]["bootstraps"]
    ]
    small = [
        {
            "groups of 10": f"{row['groups']:,}",
            "cores": str(row["cores"]),
            "seconds": common.duration(row["seconds"]),
            "sorting": common.duration(row["sorting"]),
            "grown by": f"{row['bytes'] / 2**20:.0f} MiB",
            "converged": f"{row['converged']:,}",
        }
        for row in record["results"]["small"]
    ]
    lines = [
        common.table(rows),
        "",
        f"Groups of {SIZE:,} observations, estimates and standard errors; wall and processor time of a group, medians.",
        "first: the first call, which compiles. apart: standard errors between a peer's estimates and ours.",
        "C++: the passes of as many Newton steps, without starts, checks or errors. SciPy fits few groups.",
        "",
        common.table(bootstraps),
        "",
        common.table(small),
        "",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--groups", type=int, default=10_000, help=f"of {SIZE} observations (default 10000)")
    parser.add_argument("--resamples", type=int, default=10_000, help="of a sample (default 10000)")
    parser.add_argument("--small", type=int, default=1_000_000, help="groups of 10 observations (default 1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="tables of each (default 3)")


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    found = results(arguments.groups, arguments.resamples, arguments.small, arguments.rounds)
    common.write(
        {"benchmark": "many", "environment": common.environment(), "results": found},
        report({"environment": common.environment(), "results": found}),
        arguments,
    )
