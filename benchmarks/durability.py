"""What the progress bar and results on disk cost a sweep of ten seconds."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET

from . import common

RATES = 600
"""Learning rates, each with 1,000 seeds."""

WAYS = {
    "neither": {"progress": False, "out": False},
    "progress bar": {"progress": True, "out": False},
    "progress bar and store": {"progress": True, "out": True},
}
"""The yardstick first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rates", type=int, default=RATES, help=f"learning rates, of 1,000 seeds each ({RATES})")
    parser.add_argument("--rounds", type=int, default=9, help="repetitions of everything (9)")


def seconds(rates: int, progress: bool, out: bool) -> float:
    """One sweep of the reference problem, the whole call."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0),
            seeds=range(1000),
            learning_rates=np.geomspace(0.001, 1000, rates),
            observations=mlejax.Draws(ARTICLE_TARGET, 100_000, by="statistics"),
            out=Path(folder, "store") if out else None,
            progress=progress,
        )
        return time.perf_counter() - began


def results(rates: int, rounds: int) -> list[dict[str, Any]]:
    """All ways in turn, `rounds` times."""
    seconds(rates, progress=True, out=True)  # compiles
    samples: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, way in WAYS.items():
            samples[name].append(seconds(rates, **way))
    yardstick = samples[next(iter(WAYS))]
    return [
        {"name": name, "samples": taken, "ratios": [a / b for a, b in zip(taken, yardstick, strict=True)]}
        for name, taken in samples.items()
    ]


def report(record: Mapping[str, Any]) -> str:
    rows = [
        {
            "kept": each["name"],
            "seconds": f"{statistics.median(each['samples']):.2f}",
            "ratio": f"{statistics.median(each['ratios']):.3f}",
            "min .. max": f"{min(each['ratios']):.3f} .. {max(each['ratios']):.3f}",
        }
        for each in record["results"]
    ]
    return (
        f"{common.table(rows)}\n\n{record['runs']:,} runs. ratio: of the time without either, within a round, median "
        f"of {len(record['results'][0]['samples'])} rounds.\n{common.describe(record['environment'])}"
    )


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    found = results(arguments.rates, arguments.rounds)
    record = {
        "benchmark": "durability",
        "environment": common.environment(),
        "runs": 1000 * arguments.rates,
        "results": found,
    }
    common.write(record, report(record), arguments)
