"""The cost of one epoch of one run in a batch, on one core: mlejax, hand-written C++, plain JAX and NumPy."""

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from . import common, workers
from .batches import ANSWER_RATES, ENDLESS, FAST, SCAN, STRETCH, Cpp, NumPy, Program, Runs, batch
from .jax_batches import Lanes, OtherLanes, Scan

# Measuring -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table."""

    program: str
    make: type[Program]
    dtype: str = "float64"
    width: int = 4096
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Limit:
    """A set of instructions that all programs are held to: as the flags of C++, and as those of XLA."""

    flags: tuple[str, ...] = FAST
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


LIMITS = {
    "native": Limit(),
    "AVX2": Limit(("-O3", "-march=haswell", "-ffast-math"), {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}),
}
"""By name; NumPy knows none."""


def table_rows(widths: Sequence[int], dtypes: Sequence[str], limit: Limit = LIMITS["native"]) -> list[Row]:
    """Everything that can be held to these instructions, the yardstick first."""
    middle = widths[len(widths) // 2]
    return [
        row
        for dtype in dtypes
        for row in (
            Row(YARDSTICK, Cpp, dtype, middle, arguments={"flags": limit.flags}),
            Row("C++ -O3", Cpp, dtype, middle, arguments={"flags": ("-O3",)}),
            *(Row("mlejax, lanes", Lanes, dtype, width) for width in widths),
            *(
                Row(name, OtherLanes, dtype, width, arguments={"family": family, "observations": n})
                for name, family, n, width in OTHERS
            ),
            Row("JAX, vmap and scan", Scan, dtype, middle),
            *([] if limit.environment else [Row("NumPy", NumPy, dtype, middle)]),
        )
    ]


YARDSTICK = "C++ fast-math"

OTHERS = (("lanes, gamma, statistics", "Gamma", 10_000, 256), ("lanes, weibull, 100 raw", "Weibull", 100, 64))
"""Other families: what the row is called, the family, the observations of its sample, and the lanes."""

STARTS = 3
"""Processes of each C++ program, of which the fastest counts: where its arrays come to lie decides up to a tenth."""


def measure(
    rows: Sequence[Row], rounds: int, seconds: float, environment: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Time all rows in turn, each in a process of its own; records with nanoseconds per run-epoch."""
    with ExitStack() as stack:
        programs: dict[int, Any] = {}
        records = [{"program": row.program, "dtype": row.dtype, "width": row.width} for row in rows]
        for number, row in enumerate(rows):
            try:
                arguments = {"count": row.width, "dtype": row.dtype, **ENDLESS, **row.arguments}
                programs[number] = stack.enter_context(_fastest(row, arguments, seconds, environment))
            except workers.WorkerError as reason:
                records[number]["missing"] = str(reason)
        epochs = {number: _warm(worker, seconds) for number, worker in programs.items()}
        samples: dict[int, list[float]] = {number: [] for number in programs}
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for number, worker in programs.items():
                taken = worker.call("seconds", epochs=epochs[number])
                row = rows[number]
                samples[number].append(1e9 * taken / (row.width * epochs[number]))
        for number, worker in programs.items():
            records[number] |= {"improving": worker.call("improving"), "instructions": worker.call("instructions")}
    for number, taken in samples.items():
        records[number] |= {"nanoseconds": _spread(taken), "samples": taken}
    return records


def _fastest(row: Row, arguments: Mapping[str, Any], seconds: float, environment: Mapping[str, str] | None) -> Any:
    """Return a worker that is ready to be timed: of a C++ program, the fastest of some."""
    worker: Any = workers.Worker(row.make, arguments, environment=environment)
    if row.make is not Cpp:
        return worker
    epochs = _warm(worker, seconds)
    best = min(worker.call("seconds", epochs=epochs) for _ in range(3))
    for _ in range(STARTS - 1):
        other: Any = workers.Worker(row.make, arguments)
        other.call("seconds", epochs=SCAN)
        taken = min(other.call("seconds", epochs=epochs) for _ in range(3))
        (worker if taken < best else other).close()
        best, worker = (taken, other) if taken < best else (best, worker)
    return worker


def _warm(worker: Any, seconds: float) -> int:
    """How many epochs take about so long, in multiples of a scan."""
    for _ in range(2):  # the first compiles
        taken = worker.call("seconds", epochs=SCAN)
    return STRETCH * max(1, round(seconds / (taken * STRETCH / SCAN)))


def _spread(samples: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(samples), "minimum": min(samples), "maximum": max(samples)}


def add_ratios(records: list[dict[str, Any]]) -> None:
    """Return the speed beside the yardstick's.

    Medians over the rounds of the ratio within a round, where both met the same noise.
    """
    measured = [record for record in records if "samples" in record]

    def compare(record: dict[str, Any], other: dict[str, Any] | None) -> float | None:
        if other is None:
            return None
        return statistics.median(a / b for a, b in zip(other["samples"], record["samples"], strict=True))

    for record in measured:
        same = [r for r in measured if r["dtype"] == record["dtype"]]
        yardstick = (r for r in same if r["program"] == YARDSTICK)
        record["speed"] = compare(record, next(yardstick, None))


# The same answers ----------------------------------------------------------------------------------------------------


ANSWERING = {
    YARDSTICK: (Cpp, {}),
    "C++ -O3": (Cpp, {"flags": ("-O3",)}),
    "mlejax, lanes": (Lanes, {}),
    "JAX, vmap and scan": (Scan, {}),
    "NumPy": (NumPy, {}),
}


def answers(runs: Runs, limit: Limit) -> dict[str, dict[str, np.ndarray]]:
    """Return what every program finds for the same runs, all of them run to their ends."""
    limits = {"patience": runs.patience, "tolerance": runs.tolerance, "max_epochs": runs.max_epochs}
    found = {}
    for name, (make, more) in ANSWERING.items():
        try:
            flags = {"flags": limit.flags} if make is Cpp else {}
            arguments = {"runs": runs.varying, **limits, **flags, **more}
            with workers.Worker(make, arguments, environment=limit.environment) as worker:
                worker.call("advance", epochs=runs.max_epochs)
                found[name] = {key: np.array(values) for key, values in worker.call("answer").items()}
        except workers.WorkerError as reason:
            print(f"{name}: {reason}", file=sys.stderr)
    return found


def differences(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """By run, the larger difference of its two estimates, relative to the estimate or to 1."""
    pairs = ((found[name], reference[name]) for name in ("mean", "variance"))
    return np.max([np.abs(a - b) / np.maximum(np.abs(b), 1) for a, b in pairs], axis=0)


def agreement(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How many runs end alike, and how far the estimates of those that do lie apart."""
    alike = (found["status"] == reference["status"]) & (found["epochs"] == reference["epochs"])
    apart = differences(found, reference)
    return {
        "runs": len(alike),
        "same_status": int(np.sum(found["status"] == reference["status"])),
        "same_end": int(np.sum(alike)),
        "difference_of_these": float(np.max(apart[alike], initial=0.0)),
        "difference": float(np.max(apart)),
    }


# Output --------------------------------------------------------------------------------------------------------------


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    place = {"program": record["program"], "type": record["dtype"], "lanes": f"{record['width']:,}"}
    if "missing" in record:
        return place | {"x C++": record["missing"]}
    spread = record["nanoseconds"]
    return place | {
        "ns": f"{spread['median']:.2f}",
        "min .. max": f"{spread['minimum']:.2f} .. {spread['maximum']:.2f}",
        "x C++": common.ratio(record["speed"]),
    }


def compared(name: str, found: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table of answers."""
    return {
        "answers": name,
        "runs": str(found["runs"]),
        "same status": str(found["same_status"]),
        "and epoch": str(found["same_end"]),
        "these differ by": f"{found['difference_of_these']:.0e}",
        "all by": f"{found['difference']:.0e}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the tables with what is needed to read them."""
    lines = [common.table([cells(row) for row in record["results"]]), ""]
    others = [name for name, *_ in OTHERS]
    least = min(row["improving"] for row in record["results"] if "improving" in row and row["program"] not in others)
    lines += [
        "ns: of one core per run-epoch, median over rounds: measure train gradient and validation log-likelihood,",
        "ascend, decide, keep the best. Every run has its own sample and settings; all lanes are busy, and at least",
        f"{least:.0%} of the runs improve, as runs do nearly all the time before they end. x C++: speed beside the C++",
        "fast-math row of the same type, the median of ratios within a round: all rows are measured in turn.",
        f"fast-math: {' '.join(LIMITS[record['instructions']].flags)}, the fastest of some starts.",
        "gamma and weibull (on raw data) stand beside the C++ of the normal. More cores: python -m benchmarks cores.",
    ]
    if record["instructions"] != "native":
        lines += [f"{record['instructions']} alone, by the compilers' options: this machine may have wider registers."]
    made = {row["program"]: row.get("instructions") for row in record["results"]}
    lines += [f"{name}: {made[name]}" for name in (YARDSTICK, "mlejax, lanes") if made.get(name)]
    lines += ["", common.table([compared(name, found) for name, found in record["agreement"].items()])]
    lines += [
        "The same runs by the reference rule, all to their ends, beside C++ fast-math. Relative differences of the",
        "estimates. The epoch hangs on rounding where log-likelihoods differ by less than their last digits resolve,",
        "as C++ -O3 shows, the same program with other rounding.",
    ]
    return "\n".join([*lines, common.describe(record["environment"])])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="repetitions of everything (default 15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of one repetition (default 0.1)")
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 512, 1024, 4096], help="lanes")
    parser.add_argument(
        "--instructions", choices=LIMITS, default="native", help="to which all are held (default native)"
    )
    parser.add_argument("--runs", type=int, default=512, help="runs whose answers are compared (default 512)")


def results(
    widths: Sequence[int], dtypes: Sequence[str], rounds: int, seconds: float, runs: int, instructions: str = "native"
) -> dict[str, Any]:
    """Measure and compare everything."""
    limit = LIMITS[instructions]
    one = measure(table_rows(widths, dtypes, limit), rounds, seconds, limit.environment)
    add_ratios(one)
    found = answers(batch(runs, ANSWER_RATES), limit)
    reference = found.pop(YARDSTICK, found["NumPy"])
    alike = {name: agreement(answer, reference) for name, answer in found.items()}
    return {"instructions": instructions, "results": one, "agreement": alike}


def main(arguments: argparse.Namespace) -> None:
    given = arguments.rounds, arguments.seconds, arguments.runs, arguments.instructions
    found = results(arguments.widths, ("float64", "float32"), *given)
    name = "epochs" if arguments.instructions == "native" else f"epochs-{arguments.instructions}"
    record = {"benchmark": name, "environment": common.environment(), **found}
    common.write(record, report(record), arguments)
