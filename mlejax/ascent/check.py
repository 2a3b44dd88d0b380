"""`check`: a doctor for a model, before a long run."""

import math
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from .. import devices
from ..checks import InputError, InputTypeError, shown
from ..formula.jaxpr import DATA, Node, as_formula_takes
from ..formula.sufficient import SufficientForm
from ..models.abilities import HasStart
from ..models.base import Model, name_of
from ..models.rows import Rows, one_of, row_count, take
from ..models.tracing import check_formula
from ..models.wrappers import Family
from ..results.report import FINDING, OK, UNKNOWN, Checked, CheckReport
from ..results.text import duration
from ..samples.representation import summarize
from ..samples.summary import Summary
from .examined import Examined, ordinary_numbers, start_and_rows
from .probes import STEP_SIZES, derivative, idle_direction, total

FEW = 12
"""Observations at which a gradient is held against differences."""

WALL = 10.0
"""How near to an end of its domain a parameter is taken: its logarithm, or the like, is moved by so much."""

AGREES = 1e-5
"""Relative: differences and a gradient that are no further apart agree."""

ONE_WITHIN = 1e-6
"""What a density may differ from one in all."""

TELLS = 1e-7
"""The least singular value of scores that tells parameters apart."""

TIMED = 10_000
"""Observations over which an evaluation is timed, where fewer are given."""

WHERE = (
    "Where `jnp.where` chooses, both sides are differentiated: give the side that is not chosen a number that it is "
    "good for, as in jnp.log(jnp.where(x > 0, x, 1.0))."
)


def check(model: Model | Family, observations: object = None) -> CheckReport:
    """Look at a model for what would spoil a long run: its derivatives, its normalization, its support, its parameters.

    The gradient is held against Richardson's extrapolation of central differences, in float64 with a bound on its
    error: what rounding explains is no finding. A check may answer that it cannot tell.

    Args:
        model: a model, which is looked at near its parameters; or a family, which finds a start.
        observations: of any kind that `fit` takes; None for draws of the model, or numbers inside its support.

    Returns:
        A `CheckReport`; `print` shows it. `ok` is False where there is a finding.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> import mlejax
        >>> report = mlejax.check(mlejax.Normal(0.0, 1.0))
        >>> report.ok, report.checks[1].name
        (True, 'gradient')
    """
    devices.start()
    if not isinstance(model, Model | HasStart):
        raise InputTypeError(f"check needs a model, or a family that finds a start; got {shown(model)}")
    start, rows = start_and_rows(model, observations)
    with jax.enable_x64(True):  # without it whole numbers would be narrowed
        own = as_formula_takes(start, rows) if observations is not None else rows
    try:
        check_formula(start, one_of(own))
    except InputError as refusal:
        advice = "Nothing else was looked at: mend this first."
        return CheckReport(name_of(start), (Checked("formula", FINDING, str(refusal), advice),), {})
    with jax.enable_x64(True), jax.debug_nans(False), np.errstate(all="ignore"):
        seen = Examined.of(start, own)
        checks = tuple(_checks(seen))
        return CheckReport(name_of(start), checks, _facts(start, own))


def _checks(seen: Examined) -> Iterator[Checked]:
    yield Checked("formula", OK, "JAX follows it, to one float64 number")
    yield _gradient(seen)
    yield _hessian(seen)
    yield _normalization(seen)
    yield _support(seen)
    yield _walls(seen)
    yield _identified(seen)


def _gradient(seen: Examined) -> Checked:
    """Hold the gradient against differences."""
    known = np.isfinite(seen.values)
    if np.any(bad := known & ~np.all(np.isfinite(seen.slopes), axis=-1)):
        return Checked("gradient", FINDING, f"not finite, of {seen.example(bad)}, which is finite", WHERE)
    some = np.arange(0, row_count(seen.rows), max(row_count(seen.rows) // FEW, 1))
    rows, p = take(seen.rows, some), seen.places.shape[1]
    moves = np.concatenate([STEP_SIZES, -STEP_SIZES])[:, None, None] * np.eye(p)  # (2 steps, p, p)
    moved = seen.places[:, None, None, :] + moves
    heights = seen.heights(moved.reshape(-1, p), rows).reshape(*moved.shape[:3], len(some))
    heights = np.moveaxis(heights, 1, 0)
    found = derivative(heights[: len(STEP_SIZES)], heights[len(STEP_SIZES) :])  # (q, p, some)
    value, error = (np.moveaxis(each, 1, 2) for each in (found.value, found.error))
    slopes = seen.slopes[:, some]
    size = np.maximum(np.abs(slopes), np.abs(value)) + 1e-3
    told = np.isfinite(value) & (error < 1e-2 * size) & known[:, some, None]
    apart = np.where(told, np.abs(slopes - value) / size, 0.0)
    bad = told & (apart > AGREES) & (np.abs(slopes - value) > 30 * error)
    if np.any(bad):
        place, row, j = (int(each) for each in np.unravel_index(np.argmax(np.where(bad, apart, 0)), bad.shape))
        where = seen.said(seen.places[place], take(rows, slice(row, row + 1)))
        return Checked(
            "gradient",
            FINDING,
            f"by {seen.table.coordinates[j]} it is {slopes[place, row, j]:.6g}, and by differences "
            f"{value[place, row, j]:.6g} +- {error[place, row, j]:.1g}, of {where}",
            "A custom_jvp or custom_vjp, a stop_gradient or a rounding in the formula says another derivative than it "
            "has; leave it out, or mend it.",
        )
    if not np.any(told):
        return Checked("gradient", UNKNOWN, "the differences are lost in rounding or not finite")
    return Checked(
        "gradient", OK, f"agrees with differences within {np.max(apart):.1g}, at {int(np.sum(told))} of them"
    )


def _hessian(seen: Examined) -> Checked:
    known = np.isfinite(seen.values) & np.all(np.isfinite(seen.slopes), axis=-1)
    if np.any(bad := known & ~np.all(np.isfinite(seen.curvatures), axis=(-2, -1))):
        return Checked("hessian", FINDING, f"not finite, of {seen.example(bad)}, whose gradient is finite", WHERE)
    return Checked("hessian", OK, "finite wherever the log-density is")


def _normalization(seen: Examined) -> Checked:
    """Integrate the density, or sum the probabilities, at several parameters."""
    if not seen.single:
        return Checked("normalization", UNKNOWN, "an observation is no single number")
    rows = np.asarray(seen.rows, np.float64)
    center = float(np.median(rows))
    spread = float(np.subtract(*np.quantile(rows, [0.75, 0.25]))) or float(np.std(rows)) or 1.0
    turn = 2 * math.pi
    around = seen.heights(seen.places, rows + turn)
    periodic = math.isinf(seen.support.lower) and not seen.support.whole
    periodic &= bool(np.all(np.abs(around - seen.values) < 1e-9) and np.ptp(seen.values) > 1e-3)
    worst, errors = Checked("normalization", OK, ""), []
    for place in seen.places:
        found = total(
            lambda x, place=place: seen.heights(place[None], x)[0],
            seen.support,
            center,
            spread,
            turn if periodic else None,
        )
        value, error = float(found.value), float(found.error)
        where = seen.said(place, rows[:1]).partition(" with ")[2]
        if error > 0.01 or not math.isfinite(value):
            worst = Checked("normalization", UNKNOWN, f"the integral is not known with {where}")
        elif abs(value - 1) > max(ONE_WITHIN, 20 * error):
            what = "the probabilities add up" if seen.support.whole else "the density integrates"
            return Checked(
                "normalization",
                FINDING,
                f"{what} to {value:.6g}, not 1, with {where}",
                "A factor of the density is missing or is wrong, or its support is another one. Where it depends on no "
                "parameter the estimate is right nevertheless, but no AIC, and no comparison of families.",
            )
        errors.append(max(error, abs(value - 1)))
    if worst.answer == UNKNOWN:
        return worst
    what = "the probabilities add up" if seen.support.whole else "the density integrates"
    over = " over one turn" if periodic else ""
    return Checked("normalization", OK, f"{what} to one{over} within {max(errors):.1g}, at {len(errors)} parameters")


def _support(seen: Examined) -> Checked:
    """Look for observations inside the support at which the formula has no value."""
    if not seen.single:
        bad = np.isnan(seen.values)
        if np.any(bad):
            return Checked("support", FINDING, f"{seen.example(bad)} is nan", "Mend the formula there.")
        return Checked("support", OK, "the log-density is a number at all of these observations")
    support = seen.support
    ordinary = ordinary_numbers(support)
    rows = np.unique(np.concatenate([np.asarray(seen.rows, np.float64), ordinary, 30 * ordinary]))
    rows = rows[support.contains(rows)]
    values = seen.heights(seen.places, rows)
    if np.any(bad := np.isnan(values) | (values == math.inf)):
        place, index = (int(each) for each in np.argwhere(bad)[0])
        return Checked(
            "support",
            FINDING,
            f"{seen.said(seen.places[place], rows[index : index + 1])} is {values[place, index]}, inside the support",
            f"The model says that it needs {support.rule}. Declare what it does need, as in support = "
            "mlejax.Support(lower=0), or mend the formula there.",
        )
    ends = [end for end in (support.lower, support.upper) if math.isfinite(end)]
    beyond = np.array([end - 0.5 if end == support.lower else end + 0.5 for end in ends])
    outside = seen.heights(seen.places[:1], beyond)[0] if ends else np.array([])
    also = "; outside, where observations are refused, the formula has finite values" * bool(
        np.any(np.isfinite(outside))
    )
    return Checked("support", OK, f"needs {support.rule}; no value is nan or infinite there{also}")


def _walls(seen: Examined) -> Checked:
    """Look at the formula where each bounded parameter is near an end of its domain."""
    p = seen.places.shape[1]
    wanted = np.flatnonzero(seen.table.logarithmic)
    if not len(wanted):
        return Checked("walls", OK, "no parameter has a bound")
    moves = np.concatenate([sign * WALL * np.eye(p)[wanted] for sign in (-1, 1)])
    places = seen.places[0] + moves

    def slope(place: Any, x: Any) -> Any:
        return jax.value_and_grad(lambda vector: seen.table.from_real(vector).log_prob(x))(place)

    some = take(seen.rows, np.arange(0, row_count(seen.rows), max(row_count(seen.rows) // FEW, 1)))
    found = jax.jit(jax.vmap(jax.vmap(slope, (None, 0)), (0, None)))(places, some)
    values, slopes = map(np.asarray, found)
    bad = np.isnan(values) | (np.isfinite(values) & ~np.all(np.isfinite(slopes), axis=-1))
    if np.any(bad):
        place, row = (int(each) for each in np.argwhere(bad)[0])
        what = "is nan" if np.isnan(values[place, row]) else "has a gradient that is not finite"
        return Checked(
            "walls",
            FINDING,
            f"{seen.said(places[place], take(some, slice(row, row + 1)))} {what}",
            "An ascent that comes so near to an end of the domain stops there. Write the formula so that nothing "
            "overflows and no infinities are taken from each other, as with jnp.logaddexp, jnp.log1p and jnp.expm1.",
        )
    return Checked(
        "walls", OK, f"a number where a parameter is {math.exp(WALL):,.0f} times as near to an end, or as far"
    )


def _identified(seen: Examined) -> Checked:
    """Look for a combination of parameters on which no observation depends."""
    slopes = seen.slopes[1][np.isfinite(seen.values[1])]
    p = seen.places.shape[1]
    if len(slopes) < p or not np.all(np.isfinite(slopes)):
        return Checked(
            "identified", UNKNOWN, f"there are {len(slopes)} observations with a gradient, of {p} coordinates"
        )
    direction = idle_direction(slopes, TELLS)
    if direction is None:
        return Checked("identified", OK, "every combination of the parameters changes the log-density")
    names = seen.table.coordinates
    moved = [i for i in range(p) if abs(direction[i]) > 1e-3]
    steps = ", ".join(f"{names[i]} by {direction[i]:.3g}" for i in moved)
    together = "change together" if len(moved) > 1 else "changes"
    return Checked(
        "identified",
        FINDING,
        f"the log-density of every observation stays the same when {steps} {together}",
        "The data cannot tell these parameters: fix one (mlejax.Fixed.of), or write the formula with fewer.",
    )


def _facts(model: Model, rows: Rows) -> dict[str, str]:
    """Return how a sample is represented, and how long an evaluation takes on either path."""
    count = row_count(rows)
    many = rows if count >= TIMED else take(rows, np.arange(TIMED) % count)
    facts = {}
    samples = {}
    for which, factoring in (("factored", True), ("raw", False)):
        try:
            sample, said = summarize(model, many, factoring=factoring)
        except InputError as refusal:
            return {"data": str(refusal)}
        if factoring:
            facts["data"] = said
        if isinstance(sample, Summary) and isinstance(form := sample.form.separated(), SufficientForm):
            facts["statistics"] = f"the averages of {_statistics(form)}"
        if factoring and said.startswith("raw"):
            continue
        samples[which] = sample
    n = row_count(many)
    for which, sample in samples.items():
        program = jax.jit(jax.value_and_grad(lambda model, sample: sample.mean_log_prob(model)))
        begun = time.perf_counter()
        compiled = program.lower(model, sample).compile()
        compiling = time.perf_counter() - begun
        spent = []
        for _ in range(10):
            begun = time.perf_counter()
            jax.block_until_ready(compiled(model, sample))
            spent.append(time.perf_counter() - begun)
        facts[f"{which} time"] = (
            f"{duration(min(spent))} for the log-likelihood and its gradient, of {n:,} observations; "
            f"{duration(compiling)} to compile"
        )
    return facts


def _statistics(form: SufficientForm) -> str:
    """Return the sufficient statistics of a formula in words; c stands for the mean of what it is taken from."""
    functions = [_written(function) for function in form.functions]
    powers = []
    for monomial in form.statistics:
        parts = [f"({functions[i]} - c)" + (f"^{power}" if power > 1 else "") for i, power in monomial.powers]
        parts += [] if monomial.factor is None else [_written(monomial.factor)]
        powers.append(" * ".join(parts))
    return ", ".join([*functions, *powers])


OPERATORS = {"mul": " * ", "add": " + ", "sub": " - ", "div": " / "}


def _written(node: Node) -> str:
    """Return an operation on the data as a person writes it."""
    if not node.inputs:
        return "x" if node.kind == DATA else f"{node.number:g}" if node.number is not None else node.name
    inputs = [_written(each) for each in node.inputs]
    if node.name in OPERATORS:
        return f"({OPERATORS[node.name].join(inputs)})"
    return f"(1 / {inputs[0]})" if node.name == "reciprocal" else f"{node.name}({', '.join(inputs)})"
