"""A sample looked through before a fit, once: its statistics, and whether they are those of the observations."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ..devices import compiler_options
from ..formula.expand import Expansion
from ..formula.jaxpr import NotApplicable, as_formula_takes
from ..formula.sufficient import Form, SufficientForm
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.rows import Extremes, Rows, in_types, one_of, row_count, take
from ..models.tracing import check_formula
from .agreement import LOOKED_AT, POINTS, check_points, examine, factored_means, how_far_apart
from .filled import Filled, with_copies
from .moments import moments_of_products
from .raw import Observations, observe
from .representation import Sample, found_in, summarize, why_not, why_raw
from .spans import Span, sums
from .summary import LARGE, Summary, find_form, recentered, summarize_with

WIDE, DEEP = 256, 16
"""Observations of a tile, where one sample is looked through, and tiles that are added up before their sum joins that
of others: so the sum of a million terms rounds little."""

BLOCK = 512
"""Rows whose products are taken at once: enough for a product of matrices."""


@dataclasses.dataclass(frozen=True, eq=False)
class Survey:
    """A sample as a fit climbs on it."""

    sample: Sample
    representation: str  # in words, and why
    finite: bool  # whether all observations were seen to have a finite log-density at the start
    coordinates: Float[np.ndarray, " p"] | None  # of the start, unconstrained; None where they were not computed


def survey(
    model: Model,
    values: Rows,
    weights: np.ndarray | None,
    extremes: Extremes | None = None,
    length: int | None = None,
) -> Survey:
    """Summarize observations as `summarize` does, and see whether each has a finite log-density at the start.

    Args:
        model: the start.
        values: observations inside its support.
        weights: how often each counts, (n,), not negative; None: once.
        extremes: of observations that are numbers, where they are known.
        length: to which they are filled up, where they are not very many; None: one of few.

    Returns:
        A record; `finite` is false too where that was not looked at.

    Raises:
        TypeError, ValueError: JAX cannot follow the formula on such observations; see `check_formula`.
    """
    n = row_count(values)
    with jax.enable_x64(True):
        taken = as_formula_takes(model, values)
        check_formula(model, one_of(taken))
        if weights is not None or n > LARGE:
            return Survey(*summarize(model, values, weights=weights, fill=True, known=True), False, None)
        try:
            form = find_form(model, taken)
        except NotApplicable as reason:
            return _as_they_are(model, taken, f": {reason}", extremes)
        longer, count = with_copies(taken) if length is None else Filled.of(taken, length).values, np.asarray(n)
        some = _some(taken, extremes) if n > LOOKED_AT else None
        found, numbers = _program()(form, model, longer, count, some)
        apart, holds, finite, enough, *coordinates = np.asarray(numbers).tolist()
        if not enough:
            found, numbers = _program()(form, model, longer, count, None)
            apart, holds, finite, *_ = np.asarray(numbers).tolist()
        if why := why_not(apart, bool(holds)):
            return _as_they_are(model, taken, why, extremes)
        return Survey(found, found_in(model, found), bool(finite), np.array(coordinates))


def _as_they_are(model: Model, values: Rows, reason: str, extremes: Extremes | None) -> Survey:
    count = row_count(values)
    some = _some(values, extremes) if count > LOOKED_AT else None
    sample, numbers = _on_observations(model, with_copies(values), np.asarray(count), some)
    finite, *coordinates = np.asarray(numbers).tolist()
    return Survey(sample, why_raw(model, values, reason), bool(finite), np.array(coordinates))


@jax.jit
def _on_observations(
    model: Model, longer: Rows, count: Array, some: Rows | None
) -> tuple[Observations, Float[Array, " numbers"]]:
    """Return a sample as it is climbed on, whether its log-densities are finite, and the coordinates of the start.

    All log-densities are taken as they are climbed on, `some` as the formula is written; None: all.
    """
    sample = observe(model, longer, Filled(longer, count).counts.astype(float))
    written = jax.vmap(model.log_prob)(longer if some is None else some)
    finite = jnp.isfinite(sample.mean_log_prob(model)) & jnp.all(jnp.isfinite(written))
    return sample, _numbers(model, finite)


def _numbers(model: Model, *found: Array) -> Float[Array, " numbers"]:
    """Return numbers, and the unconstrained coordinates of a model, as one array: it is handed over at once."""
    first = jnp.stack([each.astype(float) for each in found])
    return jnp.concatenate([first, Parameters.of(model).to_real(model)])


def _some(values: Rows, extremes: Extremes | None) -> Rows:
    """Return `LOOKED_AT` observations, evenly spread; of numbers the extremes are among them."""
    some = take(values, _places(row_count(values)))
    if isinstance(values, np.ndarray) and values.ndim == 1:
        some[:2] = extremes or Extremes.of(values)
    return some


@functools.lru_cache(maxsize=8)
def _places(count: int) -> np.ndarray:
    return np.arange(LOOKED_AT) * count // LOOKED_AT


@functools.cache
def _program() -> Callable[..., tuple[Summary, Float[Array, " numbers"]]]:
    """Return the compiled `_with_statistics`, with the compiler's options for long loops on this device."""
    return jax.jit(_with_statistics, static_argnums=0, compiler_options=compiler_options(jax.local_devices()[0]))


def _with_statistics(
    form: Form, model: Model, longer: Rows, number: Array, some: Rows | None
) -> tuple[Summary, Float[Array, " numbers"]]:
    """Return the summary of a sample, and in one array numbers about it and the coordinates of the start.

    How far form and formula are apart; whether the observations take the branches of the form; whether all
    log-densities at the start are finite; whether one pass was enough. Without `some` observations to begin with, it
    always is.
    """
    separated, filled = form.separated(), Filled(longer, number)
    if some is not None and isinstance(separated, SufficientForm):
        return _statistics(form, separated, model, filled, some)
    if some is not None and isinstance(separated, Expansion) and separated.degree > 1:
        return _second_moments(form, separated, model, filled, some)
    summary, holds = summarize_with(form, filled)
    found = examine(model, [summary], [filled])
    return summary, _numbers(model, found.apart[0], holds, found.finite[0], jnp.asarray(True))


def _statistics(
    form: Form, separated: SufficientForm, model: Model, filled: Filled, some: Rows
) -> tuple[Summary, Float[Array, " numbers"]]:
    """Take the statistics, about the means of some observations, and the formula at the start, from one pass over all.

    The other points are looked at on those few.
    """
    few, values = (in_types(each, form.structure.observation) for each in (some, filled.values))
    about = [jnp.mean(each) for each in jax.vmap(separated.observe)(few)[0]]

    def statistics(x: Rows) -> list[Array]:
        u, factors = jax.vmap(separated.observe)(x)
        deviations = [each - center for each, center in zip(u, about, strict=True)]
        return [*deviations, *separated.statistic_values(deviations, factors)]

    def summary(totals: Iterator[Array], count: Array) -> Summary:
        firsts, averages = ([next(totals) / count for _ in each] for each in (about, separated.statistics))
        return recentered(form, about, firsts, averages, count)

    def terms(x: Rows) -> list[Array]:
        outcomes = [jnp.where(met, 1.0, 0.0) for met in jax.vmap(separated.outcomes)(x)]
        return [*statistics(x), *outcomes, *_written(model, x)]

    totals, count = iter(_sums(terms, values, filled.count)), jnp.asarray(filled.count, float)
    own, met = summary(totals, count), [next(totals) for _ in separated.conditions]
    at_start = jnp.concatenate([jnp.ravel(total) for total in totals]) / count
    of_few = Filled.of(few)
    also = summary(iter(_sums(statistics, of_few.values, of_few.count)), jnp.asarray(of_few.count, float))
    apart, finite = _held_against(model, at_start, own, of_few, also)
    holds = separated.holds([total == count for total in met], [total > 0 for total in met])
    return own, _numbers(model, apart, holds, finite, jnp.asarray(True))


def _second_moments(
    form: Form, expansion: Expansion, model: Model, filled: Filled, some: Rows
) -> tuple[Summary, Float[Array, " numbers"]]:
    """Take the moments of columns by their products, and the formula at the start, as `_statistics` does."""
    few, values = (in_types(each, form.structure.observation) for each in (some, filled.values))
    seen = jax.vmap(expansion.observe)(few)
    about = jnp.mean(seen, axis=0)

    def tile(index: Any) -> list[Array]:
        begin = index * BLOCK
        x = jax.tree.map(lambda column: lax.dynamic_slice_in_dim(column, begin, BLOCK), values)
        counted = begin + jnp.arange(BLOCK) < filled.count
        away, *written = (
            jnp.where(jnp.expand_dims(counted, range(1, each.ndim)), each, 0)
            for each in (jax.vmap(expansion.observe)(x) - about[None], *_written(model, x))
        )
        return [jnp.sum(away, axis=0), away.T @ away, *(jnp.sum(each, axis=0) for each in written)]

    def step(index: Any, totals: list[Array]) -> list[Array]:
        return [total + each for total, each in zip(totals, tile(index), strict=True)]

    nothing = [jnp.zeros(each.shape, each.dtype) for each in jax.eval_shape(tile, 0)]
    totals = lax.fori_loop(0, -(-filled.count // BLOCK), step, nothing)
    count = jnp.asarray(filled.count, float)
    first, products, *at_start = (total / count for total in totals)

    def summary(first: Array, products: Array, count: Array) -> tuple[Summary, Array]:
        known, good = moments_of_products(about, first, products)
        return Summary(*known, count, form), good

    own, good = summary(first, products, count)
    away = seen - about[None]
    of_few, also = summary(jnp.mean(away, axis=0), away.T @ away / len(away), jnp.asarray(len(away), float))
    at_start = jnp.concatenate([jnp.ravel(mean) for mean in at_start])
    apart, finite = _held_against(model, at_start, own, Filled.of(few), of_few)
    return own, _numbers(model, apart, jnp.asarray(True), finite, good & also)


def _written(model: Model, x: Rows) -> list[Array]:
    """Return the log-density of each observation and its slopes, and the sizes of these."""
    found = jax.tree.leaves(jax.vmap(jax.value_and_grad(lambda at, x: at.log_prob(x)), (None, 0))(model, x))
    return [*found, *map(jnp.abs, found)]


def _held_against(model: Model, at_start: Array, summary: Summary, few: Filled, of_few: Summary) -> tuple[Array, Array]:
    """Return how far form and formula are apart, and whether all log-densities at the start are finite.

    Args:
        model: the start.
        at_start: the means over all observations of what `_written` returns.
        summary: of all.
        few: some of them, on which other points are looked at.
        of_few: their summary.
    """
    points = check_points(model)

    def written(at: Model) -> Array:
        totals = _sums(lambda x: _written(at, x), few.values, few.count)
        return jnp.concatenate([jnp.ravel(total) for total in totals]) / jnp.asarray(few.count, float)

    elsewhere = lax.map(written, jax.tree.map(lambda leaf: leaf[1:], points))
    means, sizes = jnp.split(jnp.concatenate([at_start[None], elsewhere]), 2, axis=1)
    found = factored_means(points, [summary, of_few], [(0, 0), *((point, 1) for point in range(1, POINTS))])
    return jnp.max(how_far_apart(means, sizes, found, points)), jnp.isfinite(sizes[0, 0])


def _sums(terms: Callable[[Rows], Sequence[Array]], values: Rows, count: Any) -> list[Array]:
    """Return the sums of terms of each observation, those of `DEEP` tiles at a time."""

    def of(index: Any) -> list[Array]:
        left = count - index * DEEP * WIDE
        return sums(terms, values, Span(index * DEEP * WIDE, jnp.minimum(-(-left // WIDE), DEEP), left), WIDE)

    nothing = [jnp.zeros(each.shape, each.dtype) for each in jax.eval_shape(of, 0)]
    parts = -(-count // (DEEP * WIDE))
    return lax.fori_loop(
        0, parts, lambda index, totals: [total + each for total, each in zip(totals, of(index), strict=True)], nothing
    )
