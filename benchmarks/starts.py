"""Whether every family reaches the maximum from the start that it finds: many shapes, samples, sizes and units."""

import argparse
import collections
import concurrent.futures
import dataclasses
import functools
import math
import multiprocessing
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
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

from . import common, highest, shaped

COUNTS = "5,20,100,10000,1000000"
MOST = 4_000_000
"""Observations, about, of all samples of a family and size: of so large ones there are fewer."""

FEW = 20
"""Observations up to which a sample without a maximum is kept whole."""

LOOKED_AT = 1_000
"""Observations up to which the maxima of a sample are looked for with fifty digits."""

CONTROLS = 8
"""Converged samples of a family and size whose maxima are looked for as well."""

SAME, NAMED = 1e-8, 1e-3
"""How near to the highest maximum a fit has to be, relative; how near to the supremum the one that it names, nats."""

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


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a fit said of a sample; heights as of the sample in its first unit."""

    status: Status
    log_likelihood: float
    reason: str
    shift: float  # what the unit has taken off the log-likelihood

    @property
    def supremum(self) -> float | None:
        """The height that the log-likelihood approaches, where the reason names one."""
        named = re.search(r"supremum, (-?[\d.]+) at", self.reason)
        return None if named is None else float(named.group(1)) + self.shift

    def agrees(self, known: highest.Highest) -> bool:
        """Return whether a fit converged to the highest maximum; or said so where none stands above the supremum."""
        top = known.maxima[0] if known.maxima else math.nan
        if self.status is Status.CONVERGED:
            near = abs(self.log_likelihood - top) <= SAME * (1 + abs(top))
            return near and (known.excess > 0 or math.isinf(known.supremum))
        if math.isinf(known.supremum):
            return self.status is Status.UNBOUNDED and not known.maxima
        named = self.supremum is None or abs(self.supremum - known.supremum) <= NAMED
        return named and not known.excess > 0


def fits_of(family: Any, members: Sequence[Any], unit: float, each_has_unit: int) -> tuple[list[Fit], np.ndarray]:
    """Return what fits say of samples in a unit, and after how many steps.

    Args:
        family: of the fits.
        members: samples of one size.
        unit: of the observations.
        each_has_unit: the numbers of an observation that are in this unit.
    """
    given = [shaped.in_unit(member, unit) for member in members]
    rows = jax.tree.map(lambda *parts: np.concatenate(parts), *given)
    count = len(jax.tree.leaves(given[0])[0])
    groups = mlejax.Groups(rows, np.repeat(np.arange(len(given)), count))
    table = mlejax.fit_many(family, groups, progress=False)
    shift = each_has_unit * count * math.log(unit)
    heights = (table.log_likelihood + shift).tolist()
    ended = zip(table.status.tolist(), heights, strict=True)
    said = [Fit(Status(status), height, table.reasons.get(i, ""), shift) for i, (status, height) in enumerate(ended)]
    return said, table.steps


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Samples of one size, and what is known of them."""

    family: Any
    rows: Sequence[Any]  # observations, those of each sample
    truth: Sequence[float]  # the log-likelihood of the model that drew each
    units: tuple[float, ...]  # in which they are fitted
    each_has_unit: int  # numbers of an observation that have a unit
    known: Callable[[Sequence[int]], dict[int, highest.Highest]]  # of the maxima of some of them
    left_out: int = 0  # samples that were drawn besides


def drawn_of(name: str, shapes: int, each: int, count: int) -> Drawn:
    """Return samples of a family of single numbers."""
    models = drawn_models(name, shapes)
    drawn = samples(models, each, count)
    # Rounding may have drawn an end of the support, or one number n times.
    good = np.array([[bool(np.all(model.support.contains(x)) and np.any(x != x[0])) for x in some]
                     for model, some in zip(models, drawn, strict=True)])  # fmt: skip
    rows = drawn[good]
    family: Any = mlejax.Binomial.of(TRIALS) if name == "binomial" else FAMILIES[name]
    known = functools.partial(maxima, name, rows)
    units = (1.0,) if name in UNITLESS else UNITS
    return Drawn(family, list(rows), heights(models, drawn)[good].tolist(), units, 1, known, int(np.sum(~good)))


def drawn_of_case(name: str, shapes: int, each: int, count: int) -> Drawn:
    """Return samples of a family of vectors, outcomes, a mixture or a regression."""
    case, random = shaped.CASES[name], np.random.RandomState(0)
    pairs = [case.draw(random, count) for _ in range(shapes * each)]
    truth = [float(mlejax.log_likelihood(model, rows)) for model, rows in pairs]

    def known(of: Sequence[int]) -> dict[int, highest.Highest]:
        found = case.known
        return {} if found is None or count > LOOKED_AT else {i: found(pairs[i][1]) for i in of}

    units = UNITS if case.dimensions else (1.0,)
    return Drawn(case.family, [rows for _, rows in pairs], truth, units, case.dimensions, known)


def fates(name: str, shapes: int, each: int, count: int) -> dict[str, Any]:
    """Return how fits of one family at one size of sample ended, in every unit."""
    drawn = (drawn_of if name in FAMILIES else drawn_of_case)(name, shapes, each, count)
    rows = drawn.rows
    ends: collections.Counter[str] = collections.Counter()
    steps, below, fits = 0, 0, []
    for unit in drawn.units if len(rows) else ():
        said, tried = fits_of(drawn.family, rows, unit, drawn.each_has_unit)
        fits.append(said)
        ends.update(fit.status.name for fit in said)
        steps = max(steps, int(np.max(tried)))
        below += sum(fit.log_likelihood < least - 1e-6 for fit, least in zip(said, drawn.truth, strict=True))
    declined = [
        i for i, of in enumerate(zip(*fits, strict=True)) if any(fit.status is not Status.CONVERGED for fit in of)
    ]
    controls = np.setdiff1d(np.arange(len(rows)), declined)
    controls = controls[:: max(1, len(controls) // CONTROLS)][:CONTROLS].tolist()
    known = drawn.known([*declined, *controls])
    judged = [(fit, fit.agrees(known[i]), rows[i], known[i]) for i in known for fit in (said[i] for said in fits)]
    right = collections.Counter(fit.status is Status.CONVERGED for fit, agrees, *_ in judged if agrees)
    return {
        "family": name,
        "count": count,
        "fits": sum(ends.values()),
        "ends": dict(ends),
        "steps": steps,
        "below": int(below),
        "left_out": drawn.left_out,
        "confirmed": right[False],
        "controls": right[True],
        "contradicted": len(judged) - right.total(),
        "contradictions": [
            {
                "sample": listed(row),
                "status": fit.status.name,
                "reason": fit.reason,
                "log_likelihood": fit.log_likelihood,
                **{key: str(value) for key, value in dataclasses.asdict(of).items()},
            }
            for fit, agrees, row, of in judged
            if not agrees
        ],
        "examples": [{"sample": listed(rows[i]) if count <= FEW else i, "reason": fits[0][i].reason} for i in declined],
    }


def listed(rows: Any) -> Any:
    """Return the observations of a sample as lists."""
    return jax.tree.map(np.ndarray.tolist, rows)


def maxima(name: str, rows: np.ndarray, of: Sequence[int]) -> dict[int, highest.Highest]:
    """Return what is known, with fifty digits, of the maxima of some of the samples (m, count)."""
    if name not in highest.PROFILES or rows.shape[1] > LOOKED_AT or not of:
        return {}
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(devices.cores(), mp_context=spawn) as pool:
        looked = pool.map(highest.highest, [name] * len(of), [rows[i].tolist() for i in of])
        return dict(zip(of, looked, strict=True))


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a row of the table."""
    others = {status: times for status, times in record["ends"].items() if status != "CONVERGED"}
    looked_at = record["confirmed"] + record["controls"] + record["contradicted"]
    return {
        "family": record["family"],
        "observations": f"{record['count']:,}",
        "fits": f"{record['fits']:,}",
        "converged": f"{record['ends'].get('CONVERGED', 0):,}",
        "declined": f"{sum(others.values()):,}",
        "confirmed": f"{record['confirmed']:,}" if looked_at else "-",
        "controls": f"{record['controls']:,}" if looked_at else "-",
        "contradicted": f"{record['contradicted']:,}" if looked_at else "-",
        "below the truth": str(record["below"]),
        "most steps": str(record["steps"]),
        "why declined": ", ".join(f"{times} {status}" for status, times in sorted(others.items())) or "-",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the table, and what it says."""
    arguments = record["arguments"]
    lines = [
        common.table([cells(row) for row in record["results"]]),
        "",
        f"{arguments['samples']} samples from each of {arguments['shapes']} random shapes (of very many observations",
        f"fewer: {MOST:,} observations of a family in all), in units of 1e-9, 1 and 1e9 where a family has units.",
        "confirmed: declined fits whose sample has, in mpmath with fifty digits, no regular maximum above the supremum",
        "that is named, or none at all where the likelihood grows without bound; of vectors, outcomes and regressions",
        "by an argument of their own: the rank of the scatter in fractions, an outcome that was not seen, a linear",
        "program that separates the responses. controls: of some converged fits,",
        f"those whose log-likelihood is that of the highest maximum there, within {SAME:g} of it. contradicted: others",
        f"of both. Families and samples (of more than {LOOKED_AT:,} observations) that show - were not looked at so.",
        "below the truth: fits whose log-likelihood is below that of the model that drew the data.",
        common.describe(record["environment"]),
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--families", default=",".join([*FAMILIES, *shaped.CASES]), help="names, with commas (default all)"
    )
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
