"""A thousand to a million runs: time, memory, disk, and the learning-rate atlas."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlejax import devices
from mlejax.sweeps import collect

from . import common

SIZES = {"1e3": (10, 100), "1e4": (100, 100), "1e5": (1000, 100), "1e6": (1000, 1000)}
"""Runs -> seeds and learning rates."""

RATES = (0.001, 1000.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="default all")
    parser.add_argument("--child", nargs=2, metavar=("SIZE", "DIR"), help=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> None:
    if arguments.child:
        size, folder = arguments.child
        print(json.dumps(sweep_once(*SIZES[size], Path(folder))))
        return
    devices.start()
    arguments.out.mkdir(parents=True, exist_ok=True)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            print(size, file=sys.stderr)
            records.append({"size": size} | in_a_process_of_its_own(size, Path(folder, size)))
        draw_atlas(Path(folder, arguments.sizes[-1]), arguments.out / "atlas.png")
    record = {"benchmark": "scale", "environment": common.environment(), "results": records, "slope": slope(records)}
    draw_scaling(records, arguments.out / "scale.png")
    common.write(record, report(record), arguments)


def in_a_process_of_its_own(size: str, folder: Path) -> dict[str, Any]:
    """Memory is a matter of a whole process."""
    command = [sys.executable, "-m", "benchmarks", "scale", "--child", size, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def sweep_once(seeds: int, rates: int, folder: Path) -> dict[str, Any]:
    """One sweep of the reference problem, with its store, from a cold start of everything but the imports."""
    import mlejax
    from mlejax.article import ARTICLE_TARGET

    mlejax.sweep  # noqa: B018 - the imports are done here
    imported = resident()
    first: list[float] = []
    began = time.perf_counter()
    put = collect.Collector.put

    def noticed(self: Any, *arguments: Any) -> None:
        put(self, *arguments)
        first.append(time.perf_counter() - began)

    collect.Collector.put = noticed
    result = mlejax.sweep(
        mlejax.Normal(0.0, 1.0),
        seeds=range(seeds),
        learning_rates=np.geomspace(*RATES, rates),
        observations=mlejax.Draws(ARTICLE_TARGET, 100_000),
        out=folder,
        progress=False,
    )
    seconds = time.perf_counter() - began
    useful, executed = result.useful_run_epochs, result.provenance.executed_run_epochs
    return {
        "runs": seeds * rates,
        "seconds": seconds,
        "first_result_seconds": first[0],
        "training_seconds": seconds - first[0],
        "useful_run_epochs": useful,
        "useful_fraction": useful / executed,
        "seconds_per_run_epoch": seconds / useful,
        "memory_bytes": resident() - imported,
        "store_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "statuses": result.summary()["statuses"],
        "arrived": int(result.arrived.sum()),
    }


def resident() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def slope(records: list[dict[str, Any]]) -> float | None:
    """Of log time against log work, over the two largest: 1 is linear."""
    if len(records) < 2:
        return None
    work, seconds = ([record[key] for record in records[-2:]] for key in ("useful_run_epochs", "seconds"))
    return float(np.diff(np.log(seconds))[0] / np.diff(np.log(work))[0])


def report(record: dict[str, Any]) -> str:
    rows = [
        {
            "runs": f"{each['runs']:,}",
            "run-epochs": f"{each['useful_run_epochs']:.3g}",
            "time": common.duration(each["seconds"]),
            "per run-epoch": common.duration(each["seconds_per_run_epoch"]),
            "first results": common.duration(each["first_result_seconds"]),
            "useful": f"{each['useful_fraction']:.3f}",
            "memory": f"{each['memory_bytes'] / 2**20:,.0f} MiB",
            "store": f"{each['store_bytes'] / 2**20:,.1f} MiB",
        }
        for each in record["results"]
    ]
    statuses = ", ".join(f"{count:,} {name}" for name, count in record["results"][-1]["statuses"].items())
    slope_text = (
        "" if record["slope"] is None else f"time grows as work to the power {record['slope']:.2f} at the end\n"
    )
    return (
        f"{common.table(rows)}\n\n{statuses}\n{slope_text}"
        "All cores; from the start of `sweep` to its last byte on disk: drawing and compilation\n"
        "included, imports not. memory: at most, above what the imports took.\n"
        f"{common.describe(record['environment'])}"
    )


def draw_scaling(records: list[dict[str, Any]], path: Path) -> None:
    """Time and memory against the number of runs, both logarithmic."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    runs = np.array([each["runs"] for each in records], float)
    seconds = np.array([each["seconds"] for each in records])
    left.loglog(runs, seconds, "o-", color="#0072B2", label="sweep, all in all")
    left.loglog(runs, [each["first_result_seconds"] for each in records], "s--", color="#D55E00", label="first results")
    left.loglog(runs, seconds[-1] * runs / runs[-1], color="0.6", linewidth=1, label="proportional to the runs")
    left.set(xlabel="runs of up to 10,000 epochs", ylabel="seconds")
    right.loglog(runs, [each["memory_bytes"] / 2**20 for each in records], "o-", color="#0072B2", label="memory")
    right.loglog(runs, [each["store_bytes"] / 2**20 for each in records], "s--", color="#D55E00", label="store on disk")
    right.set(xlabel="runs of up to 10,000 epochs", ylabel="MiB")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def draw_atlas(folder: Path, path: Path) -> None:
    """Draw what became of all runs, against the learning rate."""
    from mlejax import plotting
    from mlejax.store.load import load

    plotting.save(plotting.atlas(load(folder)), path)
