"""Results as JSON."""

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..models.parameters import parameter_dict
from .sweep import SweepResult
from .train import TrainResult


def train_record(result: TrainResult[Any]) -> dict[str, Any]:
    """One run as JSON: `{"runs": [...], "summary": {...}}`."""
    run = {
        **_floats(result.model),
        "standard_errors": _floats(result.standard_errors),
        "status": result.status.name,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "train_log_likelihood": result.train_log_likelihood,
        "validation_log_likelihood": result.validation_log_likelihood,
        "distance": result.distance,
        "arrived": result.arrived,
    }
    summary = {
        "model": type(result.model).__name__,
        "observations": result.count,
        "log_likelihood": result.log_likelihood,
        "aic": result.aic,
        "bic": result.bic,
        "representation": result.representation,
        "reason": result.reason,
        "learning_rate": _floats(result.learning_rate),
    }
    return {"runs": [run], "summary": summary}


def sweep_record(result: SweepResult[Any]) -> dict[str, Any]:
    """All runs of a sweep as JSON: `{"runs": [...], "summary": {...}}`."""
    made = {"mlejax": dataclasses.asdict(result.provenance), "attributes": dict(result.attributes)}
    runs = [result.run(*index).record() for index in np.ndindex(*result.shape)]
    return {"runs": runs, "summary": result.summary() | {"made": made}}


def write_json(record: Mapping[str, Any], file: str) -> None:
    """Write a record to a file, or to standard output for `-`. Infinite and undefined numbers become null."""
    text = json.dumps(_finite(record), indent=1, default=lambda value: value.item(), allow_nan=False)
    if file == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(file).write_text(text + "\n")


def _floats(model: Any) -> dict[str, float]:
    return {name: float(value) for name, value in parameter_dict(model).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
