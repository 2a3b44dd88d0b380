"""Results as JSON."""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..models.base import name_of
from ..models.parameters import entry_dict
from ..models.wrappers import fixed_parameters
from ..status import Status
from .fit import FitResult
from .sweep import SweepResult
from .train import TrainResult


def train_record(result: TrainResult[Any]) -> dict[str, Any]:
    """Return one run as JSON: `{"runs": [...], "summary": {...}}`."""
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
        "model": name_of(result.model),
        "observations": result.count,
        "log_likelihood": result.log_likelihood,
        "aic": result.aic,
        "bic": result.bic,
        "representation": result.representation,
        "reason": result.reason,
        "learning_rate": _floats(result.learning_rate),
    }
    return {"runs": [run], "summary": summary}


def fit_record(result: FitResult[Any]) -> dict[str, Any]:
    """Return a fit as JSON has it, null where a number would mislead.

    Args:
        result: of `fit`.

    Returns:
        `{"model", "parameters": {name: {"estimate", "standard_error", "interval"}}, ...}`, with intervals of 95 %; and
        `"fixed": {name: value}` where parameters are not estimated.
    """
    errors, intervals = _floats(result.standard_errors), result.confidence_intervals()
    parameters = {
        name: {"estimate": value, "standard_error": errors[name], "interval": list(intervals[name])}
        for name, value in _floats(result.model).items()
    }
    numbers = {name: float(getattr(result, name)) for name in ("log_likelihood", "aic", "aicc", "bic")}
    if result.status is Status.UNBOUNDED:
        numbers["log_likelihood"] = math.inf
    return {
        "model": name_of(result.model),
        "parameters": parameters,
        **({"fixed": fixed} if (fixed := fixed_parameters(result.model)) else {}),
        **numbers,
        "count": result.count,
        "converged": result.converged,
        "distance": result.distance,
        "status": result.status.name,
        "reason": result.reason,
        "steps": result.steps,
    }


def sweep_record(result: SweepResult[Any]) -> dict[str, Any]:
    """Return all runs of a sweep as JSON has them: `{"runs": ..., "summary": {...}}`.

    Args:
        result: the sweep.

    Returns:
        The runs are an iterator, of which `json_pieces` holds one at a time; the summary says how many have ended.
    """
    made = {"mlejax": dataclasses.asdict(result.provenance), "attributes": dict(result.attributes)}
    summary = result.summary() | {"ended": result.ended, "finished": result.finished, "made": made}
    return {"runs": result.records(), "summary": summary}


def json_pieces(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the JSON of a record, a run at a time.

    Args:
        record: plain values, or iterators of them. Infinite and undefined numbers become null.

    Yields:
        Its text in pieces; the first of them when the first run could be read.
    """
    pieces = _pieces(record)
    yield "".join(itertools.islice(pieces, 2))
    yield from pieces


def _pieces(record: Mapping[str, Any]) -> Iterator[str]:
    """Return the text of a record in pieces."""
    before = "{"
    for name, value in record.items():
        yield f"{before}\n {json.dumps(name)}: "
        before = ","
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            yield _text(value)
            continue
        inside = "["
        for each in value:
            yield f"{inside}\n  {_text(each)}"
            inside = ","
        yield "[]" if inside == "[" else "\n ]"
    yield "{}\n" if before == "{" else "\n}\n"


def _text(value: Any) -> str:
    return json.dumps(_finite(value), default=lambda value: value.item(), allow_nan=False)


def _floats(model: Any) -> dict[str, float]:
    return {name: float(value) for name, value in entry_dict(model).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
