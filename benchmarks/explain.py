"""What `mlejax sweep --explain` predicts, beside what the sweep then does."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET

from . import common

RATES = (100, 300, 1000)
"""Learning rates, each with 1,000 seeds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rates", nargs="+", type=int, default=list(RATES), help="learning rates, of 1,000 seeds each")


def predicted_and_done(rates: int) -> dict[str, Any]:
    """Predict a sweep of the reference problem, then run it; drawing and training, without compilation."""
    settings: Any = {"seeds": range(1000), "learning_rates": np.geomspace(0.001, 1000, rates)}
    settings["observations"] = mlejax.Draws(ARTICLE_TARGET, 100_000)
    spec = mlejax.SweepSpec.checked(mlejax.Normal(0.0, 1.0), **settings)
    found = mlejax.estimate_cost(spec, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = mlejax.sweep(mlejax.Normal(0.0, 1.0), out=Path(folder, "store"), **settings, progress=False)
        seconds = time.perf_counter() - began
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return {
        "runs": found.runs,
        "seconds": [found.drawing_seconds + found.training_seconds, seconds],
        "run_epochs": [found.run_epochs, result.useful_run_epochs],
        "disk_bytes": [found.disk_bytes, size],
    }


def report(record: dict[str, Any]) -> str:
    rows = []
    for each in record["results"]:
        row = {"runs": f"{each['runs']:,}"}
        for name in ("seconds", "run_epochs", "disk_bytes"):
            predicted, done = each[name]
            row[name.replace("_", " ")] = f"{predicted:.3g}"
            row[f"done ({name[0]})"] = f"{done:.3g}"
            row[f"ratio ({name[0]})"] = f"{predicted / done:.2f}"
        rows.append(row)
    return (
        f"{common.table(rows)}\n\nPredicted, done, and their ratio. seconds: drawing and training, without imports "
        f"and compilation.\n{common.describe(record['environment'])}"
    )


def main(arguments: argparse.Namespace) -> None:
    devices.start()
    results = [predicted_and_done(rates) for rates in arguments.rates]
    record = {"benchmark": "explain", "environment": common.environment(), "results": results}
    common.write(record, report(record), arguments)
