"""Whether every family reaches the maximum from the start that it finds: many shapes, samples, sizes and units."""

import argparse
import collections
import dataclasses
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import mlejax
from mlejax import devices
from mlejax.models import FAMILIES
from mlejax.models.constraints import positive, unit_interval
from mlejax.models.parameters import Parameters
from mlejax.status import Status

from . import common

COUNTS = "5,20,100,10000,1000000"
MOST = 4_000_000
"""Observations, about, of all samples of a family and size: of so large ones there are fewer."""

FEW = 20
"""Observations up to which a sample without a maximum is kept whole."""

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
        drawn = jax.jit(lambda both: jax.lax.map(lambda pair: pair[0].sample(pair[1], (each, count)), both))
        return np.asarray(drawn((many, keys)), np.float64)


def heights(models: Sequence[mlejax.Model], drawn: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of every model about its own samples (models, each, count): (models, each)."""
    with jax.enable_x64(True):
        many = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
        total = jax.vmap(lambda model, x: jnp.sum(jax.vmap(model.log_prob)(x)), (None, 0))
        return np.asarray(jax.jit(lambda both: jax.lax.map(lambda pair: total(*pair), both))((many, drawn)))


def fates(name: str, shapes: int, each: int, count: int) -> dict[str, Any]:
    """Return how fits of one family at one size of sample ended, in every unit."""
    models = drawn_models(name, shapes)
    family: Any = mlejax.Binomial.of(TRIALS) if name == "binomial" else FAMILIES[name]
    drawn = samples(models, each, count)
    # Rounding may have drawn an end of the support, or one number n times.
    good = np.array([[bool(np.all(model.support.contains(x)) and np.any(x != x[0])) for x in some]
                     for model, some in zip(models, drawn, strict=True)])  # fmt: skip
    truth, rows = heights(models, drawn)[good], drawn[good]
    ends: collections.Counter[str] = collections.Counter()
    steps, below, examples = 0, 0, []
    for unit in ((1.0,) if name in UNITLESS else UNITS) if len(rows) else ():
        groups = mlejax.Groups((unit * rows).ravel(), np.repeat(np.arange(len(rows)), count))
        table = mlejax.fit_many(family, groups, progress=False)
        ends.update(Status(status).name for status in table.status.tolist())
        steps = max(steps, int(np.max(table.steps)))
        if unit == 1.0:
            below = int(np.sum(table.log_likelihood < truth - 1e-6))
            examples = [
                {"sample": rows[i].tolist() if count <= FEW else int(i), "reason": str(table.reasons[int(i)])}
                for i in np.flatnonzero(~table.converged)
            ]
    return {
        "family": name,
        "count": count,
        "fits": sum(ends.values()),
        "ends": dict(ends),
        "steps": steps,
        "below": below,
        "left_out": int(np.sum(~good)),
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
        f"{arguments['samples']} samples from each of {arguments['shapes']} random shapes (of very many observations",
        "fewer), in units of 1e-9, 1 and 1e9 where a family has units. below the truth: fits whose log-likelihood is",
        "below that of the model that drew the data.",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, with commas (default all)")
    parser.add_argument("--counts", default=COUNTS, help=f"observations of a sample (default {COUNTS})")
    parser.add_argument("--shapes", type=int, default=20, help="members of each family (default 20)")
    parser.add_argument("--samples", type=int, default=20, help="samples of each (default 20)")


def main(arguments: argparse.Namespace) -> None:
    """Run the benchmark."""
    devices.start()
    warnings.simplefilter("ignore", mlejax.ConvergenceWarning)
    results = []
    for name in arguments.families.split(","):
        for count in map(int, arguments.counts.split(",")):
            each = max(1, min(arguments.samples, MOST // (arguments.shapes * count)))
            results.append(fates(name, arguments.shapes, each, count))
            print(" | ".join(cells(results[-1]).values()), file=sys.stderr, flush=True)
    record = {
        "benchmark": "starts",
        "environment": common.environment(),
        "arguments": {name: getattr(arguments, name) for name in ("counts", "shapes", "samples")},
        "results": results,
    }
    common.write(record, report(record), arguments)
