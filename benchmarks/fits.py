"""One fit with its standard errors, warm and as a whole command, beside SciPy, statsmodels, iminuit and Optimistix."""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlejax import devices

from . import common
from .fit_programs import OURS, PROBLEMS, PROGRAMS, Fit, Problem, Program, log_prob

SLOW = 5.0
"""A fit that takes so many seconds is made once, not in every round."""

AGAIN = 4
"""Fits that a program makes in succession in every round: the first finds the caches as other programs left them."""

WORSE = 1e-6
"""Nats, and relative to the log-likelihood, by which an estimate may be lower than the highest and count as equal."""


# Measurement ----------------------------------------------------------------------------------------------------------


def results(sizes: Sequence[int], rounds: int, problems: Sequence[Problem] = PROBLEMS) -> list[dict[str, Any]]:
    """One record per problem, size and program, its numbers plain Python: seconds of a fit, all programs in turn.

    Every program first fits another sample of the same length, then a sample that it has not seen, again and again: a
    few times in succession, after the others have.
    """
    records = []
    for problem in problems:
        for size in sizes:
            print(f"{problem.name}, {size} observations", file=sys.stderr)
            other, data = (problem.draw(np.random.RandomState(seed), size) for seed in (1, 0))
            made: dict[str, dict[str, Any]] = {}
            after_others: dict[str, list[float]] = {}
            in_succession: dict[str, list[float]] = {}
            fits: dict[str, Fit] = {}
            for name, (program, packages) in PROGRAMS.items():
                made[name] = {"model": problem.name, "observations": size, "program": name}
                if absent := [package for package in packages if importlib.util.find_spec(package) is None]:
                    made[name]["missing"] = f"pip install {' '.join(absent).replace('_', '-')}"
                    continue
                made[name]["first_seconds"], _ = timed(program, problem, other)
                seconds, fits[name] = timed(program, problem, data)
                after_others[name], in_succession[name] = [seconds], []
            for _ in range(rounds - 1):
                for name in (name for name in fits if after_others[name][0] < SLOW):
                    first, *others = (timed(PROGRAMS[name][0], problem, data)[0] for _ in range(AGAIN))
                    after_others[name].append(first)
                    in_succession[name] += others
            of = log_prob(problem)
            heights = {name: float(np.sum(of(found.estimates, data))) for name, found in fits.items()}
            for name, found in fits.items():
                steady = in_succession[name] or after_others[name]  # of one that is slow there is a single fit
                apart = np.max(np.abs(found.standard_errors / fits[OURS].standard_errors - 1))
                made[name] |= {
                    "seconds": {"median": statistics.median(steady), "minimum": min(steady)},
                    "seconds_after_others": statistics.median(after_others[name]),
                    "below": max(heights.values()) - heights[name],
                    "standard_errors_apart": float(apart) if np.isfinite(apart) else None,
                }
            if not made[OURS]["below"] <= WORSE + 1e-12 * abs(heights[OURS]):
                raise ArithmeticError(
                    f"mlejax is {made[OURS]['below']} nats below the highest for {problem.name}, {size} observations"
                )
            records += made.values()
    return records


def timed(program: Program, problem: Problem, data: Any) -> tuple[float, Fit]:
    """Return the seconds that a fit takes, and the fit."""
    began = time.perf_counter()
    found = program(problem, data)
    return time.perf_counter() - began, found


SCIPY_COMMAND = """
import sys, numpy as np
from scipy import stats
x = np.loadtxt(sys.argv[1], skiprows=1)
print(getattr(stats, sys.argv[2]).fit(x, **({} if sys.argv[2] in ("norm", "t") else {"floc": 0})))
"""
"""What a person would write: estimates alone, without standard errors."""


def commands(size: int) -> list[dict[str, Any]]:
    """Seconds of a whole command that reads a column and prints its fit: Python started, nothing compiled."""
    names = {"normal": "norm", "gamma": "gamma", "weibull": "weibull_min", "student_t": "t"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for problem in PROBLEMS:
            if problem.name not in names:
                continue
            path = Path(folder, f"{problem.name}.csv")
            np.savetxt(path, problem.draw(np.random.RandomState(0), size), header="value", comments="", fmt="%.17g")
            ours = ["-m", "mlejax", "fit", str(path), "--column", "value", "--model", problem.name, "--json", "-"]
            for program, arguments in (
                (OURS, ours),
                ("SciPy, its own fit", ["-c", SCIPY_COMMAND, str(path), names[problem.name]]),
            ):
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, *arguments], check=True, capture_output=True, cwd=folder, env=environment
                )
                seconds = time.perf_counter() - began
                records.append({"model": problem.name, "observations": size, "program": program, "seconds": seconds})
    return records


# Output ---------------------------------------------------------------------------------------------------------------


def cells(record: Mapping[str, Any], fastest: Mapping[Any, float]) -> dict[str, str]:
    row = {key: str(record[key]) for key in ("model", "observations", "program")}
    if "missing" in record:
        return {**row, "median": record["missing"]}
    seconds, ours = record["seconds"], fastest[record["model"], record["observations"]]
    apart = record["standard_errors_apart"]
    return {
        **row,
        "median": common.duration(seconds["median"]),
        "minimum": common.duration(seconds["minimum"]),
        "after others": common.duration(record["seconds_after_others"]),
        "x mlejax": common.ratio(seconds["median"] / ours),
        "first": common.duration(record["first_seconds"]),
        "nats below": f"{record['below']:.1e}",
        "errors apart": "-" if apart is None else f"{apart:.1e}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the tables with what is needed to read them."""
    rows = record["results"]
    ours = {(r["model"], r["observations"]): r["seconds"]["median"] for r in rows if r["program"] == OURS}
    whole = [{**row, "seconds": common.duration(row["seconds"])} for row in record["commands"]]
    lines = [
        common.table([cells(row, ours) for row in rows]),
        "",
        f"A fit and its standard errors, {AGAIN} in succession a round: median and minimum of all but the first.",
        "after others: the median of the firsts, whose caches hold what other programs left there. first: of another",
        "sample before, with what is compiled once. nats below: the highest log-likelihood that any program reached.",
        "errors apart: the largest relative difference of a standard error from mlejax's; those of SciPy are from a",
        "numeric Hessian.",
        *([common.table([{key: str(value) for key, value in row.items()} for row in whole]), ""] if whole else []),
        *(
            ["A whole command: Python, its imports, a column of a CSV file, the fit; SciPy's without standard errors."]
            * bool(whole)
        ),
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 100_000, 1_000_000], help="of the samples")
    parser.add_argument("--rounds", type=int, default=7, help="fits of each (default 7; one where it takes long)")
    parser.add_argument("--command", type=int, default=100_000, help="lines of the file of a whole command; 0: none")


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    record = {
        "benchmark": "fits",
        "environment": common.environment(),
        "results": results(arguments.sizes, arguments.rounds),
        "commands": commands(arguments.command) if arguments.command else [],
    }
    common.write(record, report(record), arguments)
