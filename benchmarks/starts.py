"""Whether every family reaches the maximum from the start that it finds: many shapes, samples, sizes and units."""

import argparse
import collections
import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax import devices
from mlejax.models import FAMILIES
from mlejax.models.constraints import positive, unit_interval
from mlejax.models.parameters import Parameters

from . import common

UNITS = (1e-9, 1.0, 1e9)
UNITLESS = ("beta", "von_mises", "poisson", "geometric", "negative_binomial", "binomial")
TRIALS = 11
RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "gamma": {"shape": (0.05, 50)},
    "inverse_gamma": {"shape": (0.2, 50)},
    "weibull": {"shape": (0.1, 30)},
    "pareto": {"shape": (0.2, 30)},
    "lomax": {"shape": (0.3, 3)},
    "beta": {"a": (0.1, 50), "b": (0.1, 50)},
    "student_t": {"degrees_of_freedom": (0.7, 8)},
    "loglogistic": {"shape": (0.2, 30)},
    "frechet": {"shape": (0.2, 30)},
    "generalized_extreme_value": {"shape": (-0.3, 1.5)},
    "generalized_pareto": {"shape": (-0.3, 1.5)},
    "burr12": {"shape1": (0.3, 2), "shape2": (0.5, 5)},
    "von_mises": {"concentration": (0.7, 100)},
    "poisson": {"rate": (0.1, 100)},
    "negative_binomial": {"size": (0.1, 3), "mean": (1, 30)},
}
"""Between which ends parameters are drawn; evenly in their logarithms where they are positive. Others have one here:"""

POSITIVE, REAL, FRACTION = (0.1, 10.0), (-5.0, 5.0), (0.05, 0.95)


def drawn_models(name: str, count: int) -> list[mlejax.Model]:
    """Return members of a family, of very different shapes."""
    family, random = FAMILIES[name], np.random.RandomState(0)
    fields = [field.name for field in dataclasses.fields(family) if not field.metadata.get("static")]
    table = Parameters.of(_member(name, [0.5] * len(fields)))
    models = []
    for _ in range(count):
        values = []
        for field, domain in zip(fields, table.domains, strict=True):
            usual = POSITIVE if domain == positive else FRACTION if domain == unit_interval else REAL
            low, high = RANGES.get(name, {}).get(field, usual)
            even = random.uniform(size=None)
            values.append(low * (high / low) ** even if domain == positive else low + (high - low) * even)
        models.append(_member(name, values))
    return models


def _member(name: str, values: Sequence[float]) -> mlejax.Model:
    values = [np.float64(value) for value in values]
    return mlejax.Binomial(TRIALS, *values) if name == "binomial" else FAMILIES[name](*values)


def samples(models: Sequence[mlejax.Model], each: int, count: int) -> np.ndarray:
    """Return so many samples of every model: (models, each, count)."""
    with jax.enable_x64(True):
        many = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
        keys = jax.random.split(jax.random.key(1), len(models))
        drawn = jax.jit(jax.vmap(lambda model, key: model.sample(key, (each, count))))(many, keys)
        return np.asarray(drawn, np.float64)


def fates(name: str, shapes: int, each: int, count: int) -> dict[str, Any]:
    """Return how fits of one family at one size of sample ended, in every unit."""
    models = drawn_models(name, shapes)
    family: Any = mlejax.Binomial.of(TRIALS) if name == "binomial" else FAMILIES[name]
    ends: collections.Counter[str] = collections.Counter()
    steps, below, left_out, examples = 0, 0, 0, []
    for model, own in zip(models, samples(models, each, count), strict=True):
        for x in own:
            if not np.all(model.support.contains(x)) or np.all(x == x[0]):
                left_out += 1  # rounding has drawn an end of the support, or one number n times
                continue
            for unit in (1.0,) if name in UNITLESS else UNITS:
                found = mlejax.fit(family, unit * x, progress=False)
                ends[found.status.name] += 1
                steps = max(steps, found.steps)
                if unit == 1.0:
                    below += bool(found.log_likelihood < mlejax.log_likelihood(model, x) - 1e-6)
                    if not found.converged and len(examples) < 3:
                        examples.append({"truth": repr(model), "found": repr(found.model), "reason": found.reason})
    return {
        "family": name,
        "count": count,
        "fits": sum(ends.values()),
        "ends": dict(ends),
        "steps": steps,
        "below": below,
        "left_out": left_out,
        "examples": examples,
    }


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a row of the table."""
    others = {status: times for status, times in record["ends"].items() if status != "CONVERGED"}
    return {
        "family": record["family"],
        "observations": f"{record['count']:,}",
        "fits": f"{record['fits']:,}",
        "converged": f"{record['ends'].get('CONVERGED', 0):,}",
        "most steps": str(record["steps"]),
        "below the truth": str(record["below"]),
        "declined": ", ".join(f"{times} {status}" for status, times in sorted(others.items())) or "-",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the table, and what it says."""
    arguments = record["arguments"]
    lines = [
        common.table([cells(row) for row in record["results"]]),
        "",
        f"{arguments['samples']} samples from each of {arguments['shapes']} random shapes, in units of 1e-9, 1 and 1e9",
        "where a family has units. below the truth: fits whose log-likelihood is below that of the model that drew the",
        "data.",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, with commas (default all)")
    parser.add_argument("--counts", default="5,100,10000", help="observations of a sample (default 5,100,10000)")
    parser.add_argument("--shapes", type=int, default=20, help="members of each family (default 20)")
    parser.add_argument("--samples", type=int, default=5, help="samples of each (default 5)")


def main(arguments: argparse.Namespace) -> None:
    """Run the benchmark."""
    devices.start()
    warnings.simplefilter("ignore", mlejax.ConvergenceWarning)
    results = [
        fates(name, arguments.shapes, arguments.samples, int(count))
        for name in arguments.families.split(",")
        for count in arguments.counts.split(",")
    ]
    record = {
        "benchmark": "starts",
        "environment": common.environment(),
        "arguments": {name: getattr(arguments, name) for name in ("counts", "shapes", "samples")},
        "results": results,
    }
    common.write(record, report(record), arguments)
