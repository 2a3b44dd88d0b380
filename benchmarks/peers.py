"""The same sweep through mlejax and through what people would use instead: runs per second, answers compared."""

import argparse
import contextlib
import dataclasses
import importlib.util
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlejax import devices

from . import batches, common, epochs, workers
from .peer_frameworks import NumPyro, Torch, TorchCompiled, WhileLoop
from .peer_programs import Cpp, NumPy, Peer, Problem, SciPy, Sweep

SLOW = 8.0
"""A program that takes so many seconds is run once, not in every round."""


# The table -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table."""

    program: str
    make: type[Peer]
    cores: int
    packages: tuple[str, ...] = ()
    part: int | None = None  # only so many of the runs, spread over the sweep
    note: str = ""


def table_rows(cores: int) -> list[Row]:
    converges = "climbs to the maximum itself: no early stopping, nothing kept on the way"
    crowd = "one thread: for so few runs at a time, threads wait for each other more than they help"
    everything = [
        Row("mlejax.sweep", Sweep, cores, note="draws the data itself: not counted here, see below"),
        Row("mlejax.sweep", Sweep, 1, note="likewise"),
        Row("C++ fast-math", Cpp, cores, note="threads; no distances from the maximum"),
        Row("C++ fast-math", Cpp, 1, note="likewise"),
        Row("JAX, vmap of while_loop, optax", WhileLoop, cores, note="waits for the slowest run"),
        Row("PyTorch, vmap(grad), compiled", TorchCompiled, 1, ("torch",), note=crowd),
        Row("PyTorch, vmap(grad)", Torch, 1, ("torch",), note=crowd),
        Row("NumPy, vectorized over runs", NumPy, 1),
        Row("SciPy, L-BFGS-B in a loop", SciPy, 1, part=400, note=converges),
        Row(
            "NumPyro, SVI with AutoDelta",
            NumPyro,
            cores,
            ("numpyro",),
            24,
            f"a tenth of the rates, in log variance; {converges}",
        ),
    ]
    return list({(row.program, row.cores): row for row in everything}.values())


def results(problem: Problem, cores: int, rounds: int) -> dict[str, Any]:
    """Measure all programs; their records, and what making the statistics took."""
    began = time.perf_counter()
    runs = problem.runs()
    data_seconds = time.perf_counter() - began
    rows = table_rows(cores)
    records: list[dict[str, Any]] = [{"program": row.program, "cores": row.cores, "note": row.note} for row in rows]
    measured: dict[int, dict[str, Any]] = {}
    parts = {number: part_of(len(runs), row.part) for number, row in enumerate(rows)}
    with contextlib.ExitStack() as stack:
        waiting = {}
        for number, row in enumerate(rows):
            absent = [name for name in row.packages if importlib.util.find_spec(name) is None]
            if absent:
                records[number]["missing"] = f"pip install {' '.join(absent)}"
                continue
            print(f"{row.program}, {row.cores} cores: first call", file=sys.stderr)
            try:
                waiting[number] = stack.enter_context(start(row, problem, runs, parts[number]))
                first = waiting[number].call("timed")
            except workers.WorkerError as reason:
                records[number]["missing"] = str(reason)
                waiting.pop(number, None)
                continue
            measured[number] = {"first": first["seconds"], "samples": [], "apart": [], "found": first["found"]}
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for number, worker in waiting.items():
                one = measured[number]
                if turn == 0 or one["samples"][0] < SLOW:
                    one["samples"].append(worker.call("timed")["seconds"])
                    if rows[number].make is Sweep:
                        one["apart"].append(worker.call("apart"))
    reference = {name: np.array(values) for name, values in measured[0]["found"].items()}
    for number, one in measured.items():
        found = {name: np.array(values) for name, values in one["found"].items()}
        records[number] |= figures(one, parts[number], len(runs), found, reference, runs)
    add_ratios(records)
    return {"results": records, "runs": len(runs), "statistics_seconds": data_seconds}


def part_of(count: int, part: int | None) -> np.ndarray:
    """Which runs a program makes: all of them, or so many spread evenly over the sweep."""
    return np.arange(count) if part is None or part >= count else np.linspace(0, count - 1, part).astype(int)


def start(row: Row, problem: Problem, runs: batches.Runs, part: np.ndarray) -> workers.Worker:
    varying = {name: values[part] for name, values in runs.varying.items()}
    counts = {"train_count": runs.train_count, "held_out_count": runs.held_out_count}
    environment = {"OMP_NUM_THREADS": str(row.cores)}
    return workers.Worker(
        row.make,
        {"problem": dataclasses.asdict(problem), "runs": varying, "counts": counts, "cores": row.cores},
        cores=row.cores,
        environment=environment,
    )


def figures(
    one: Mapping[str, Any], part: np.ndarray, count: int, found: Any, reference: Any, runs: batches.Runs
) -> dict[str, Any]:
    """One row's numbers. A program that made a part of the runs stands for one that made them all."""
    whole = statistics.median(one["samples"])
    apart = one["apart"] or [0.0] * len(one["samples"])
    seconds = statistics.median(np.subtract(one["samples"], apart).tolist()) * count / len(part)
    record = {
        "seconds": seconds,
        "runs_per_second": count / seconds,
        "repetitions": len(one["samples"]),
        "samples": one["samples"],
        "first_call_seconds": one["first"] - whole,
        "whole_call_seconds": whole if one["apart"] else None,
        "scaled_from_runs": len(part) if len(part) < count else None,
    }
    if "status" not in found:  # beside the maximum that it looks for
        maximum = {"mean": runs.train_mean[part], "variance": runs.train_variance[part]}
        return record | {"from_maximum": differ(found, maximum), "difference": None, "same_end": None}
    alike = (found["status"] == reference["status"][part]) & (found["epochs"] == reference["epochs"][part])
    same = {name: values[part][alike] for name, values in reference.items()}
    return record | {
        "same_end": float(np.mean(alike)),
        "same_status": float(np.mean(found["status"] == reference["status"][part])),
        "difference": differ({name: values[alike] for name, values in found.items()}, same),
        "difference_of_all": differ(found, {name: values[part] for name, values in reference.items()}),
    }


def differ(found: Mapping[str, Any], reference: Mapping[str, Any]) -> float:
    """Return the largest relative difference of an estimate."""
    return float(np.max(epochs.differences(found, reference), initial=0.0))


def add_ratios(records: list[dict[str, Any]]) -> None:
    """Compare the runs per second with those of mlejax on as many cores."""
    of_mlejax = {r["cores"]: r["runs_per_second"] for r in records if r["program"] == "mlejax.sweep" and "seconds" in r}
    for record in records:
        if "seconds" in record:
            other = of_mlejax.get(record["cores"])
            record["times_mlejax"] = record["runs_per_second"] / other if other else None


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table."""
    place = {"program": record["program"], "cores": str(record["cores"])}
    if "missing" in record:
        return place | {"runs/s": record["missing"]}
    scaled = record["scaled_from_runs"]
    shown = place | {
        "runs/s": f"{record['runs_per_second']:,.4g}" + (" *" if scaled else ""),
        "x mlejax": common.ratio(record["times_mlejax"]),
        "whole sweep": common.duration(record["seconds"]),
        "first call adds": common.duration(max(0.0, record["first_call_seconds"])),
    }
    if record["same_end"] is None:
        return shown | {"all differ by": f"{record['from_maximum']:.0e} +"}
    return shown | {
        "same status": f"{record['same_status']:.1%}",
        "and epoch": f"{record['same_end']:.1%}",
        "these differ by": f"{record['difference']:.0e}",
        "all differ by": f"{record['difference_of_all']:.0e}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    problem, rows = record["problem"], record["results"]
    lines = [
        common.table([cells(row) for row in rows]),
        "",
        f"{record['runs']:,} runs: {problem['seeds']} seeds, {problem['learning_rates']} learning rates from "
        f"{problem['slowest']:g} to {problem['fastest']:g}, {problem['observations']:,} observations a seed, at most "
        f"{problem['max_epochs']:,} epochs.",
        f"All work on the statistics of the samples, which took {common.duration(record['statistics_seconds'])} to "
        "draw and summarize (once, on one core).",
        *(
            f"mlejax.sweep draws them in the call, which took {common.duration(row['whole_call_seconds'])} in all on "
            f"{row['cores']} cores; the rows hold what was left of the call then, until its table was there."
            for row in rows
            if row.get("whole_call_seconds")
        ),
        "x mlejax: beside mlejax on as many cores. first call adds: compilation. differ: largest relative difference",
        "of an estimate from mlejax's; ends and estimates hang on rounding where log-likelihoods differ by less than",
        "their last digits resolve. + from the maximum of the train likelihood.",
    ]
    scaled = [f"{row['program']}: {row['scaled_from_runs']}" for row in rows if row.get("scaled_from_runs")]
    if scaled:
        lines.append(f"* on a part of the runs, and scaled ({'; '.join(scaled)}).")
    lines += [f"{row['program']}, {row['cores']} cores: {row['note']}." for row in rows if row["note"]]
    return "\n".join([*lines, common.describe(record["environment"])])


def chart(record: Mapping[str, Any]) -> Any:
    """Horizontal bars on a logarithmic axis: runs per second."""
    from matplotlib.figure import Figure

    rows = sorted((r for r in record["results"] if "seconds" in r), key=lambda r: r["runs_per_second"])
    figure = Figure(figsize=(8.6, 0.42 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = ["#dd8452" if row["program"].startswith("mlejax") else "#4c72b0" for row in rows]
    values = [row["runs_per_second"] for row in rows]
    axes.barh(range(len(rows)), values, color=colours, height=0.68)
    for position, (row, value) in enumerate(zip(rows, values, strict=True)):
        text = f"{float(f'{value:.2g}'):,.0f}" + (" (scaled)" if row["scaled_from_runs"] else "")
        axes.annotate(text, (value, position), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
    names = [f"{row['program']}, {row['cores']} core{'s' if row['cores'] > 1 else ''}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 8)
    axes.set_xlabel("runs per second (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    machine = record["environment"]
    title = f"The same {record['runs']:,} runs by different programs ({machine['cpu']}, {machine['cores']} cores)"
    axes.set_title(title, fontsize=10.5, loc="left")
    return figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--learning-rates", type=int, default=41, help="how many, from 0.1 to 10 (default 41)")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of everything but the slow (default 3)")


def main(arguments: argparse.Namespace) -> None:
    problem = Problem(seeds=arguments.seeds, learning_rates=arguments.learning_rates)
    cores = devices.cores()
    found = results(problem, cores, arguments.rounds)
    record = {
        "benchmark": "peers",
        "environment": common.environment() | {name: common.version(name) for name in ("torch", "numpyro", "optax")},
        "problem": dataclasses.asdict(problem),
        **found,
    }
    common.write(record, report(record), arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    chart(record).savefig(arguments.out / "peers.png", dpi=160)
