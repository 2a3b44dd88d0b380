"""A sample that lies in longer columns, as it is or by its statistics; and the two held against each other."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool

from ..formula.divide import Division
from ..formula.expand import Expansion
from ..formula.jaxpr import NotApplicable
from ..formula.sufficient import Form
from ..models.base import Model
from ..models.rows import Rows, in_types
from ..models.support import contains
from .agreement import AGREEMENT, CANCELED
from .moments import triangular
from .raw import derived_columns, divided
from .second import MOST, LocalQuadratic, OnePass, in_one_pass, second_order
from .spans import WIDTH, Span, added, cut, sums
from .summary import Summary, recentered


class Section(eqx.Module):
    """Observations in longer columns."""

    values: Rows  # (m, ...)
    derived: Sequence[Any]  # what the formula needs of the data alone, (m, ...) each, see `derived_of`; none: each pass
    # computes it
    span: Span
    weights: Any = None  # (m,); None counts each observation once

    @property
    def count(self) -> Array:
        """How many observations there are: the sum of the weights."""
        return _count(self.span, self.weights)

    def mean_log_prob(self, model: Model) -> Array:
        """Return the mean log-density per observation, in nats; without derivatives."""
        if self.weights is None:
            return _means(lambda x: [jax.vmap(model.log_prob)(x)], self.values, self.span, None)[0]

        def counted(both: Any) -> Sequence[Array]:
            x, often = both
            return [jnp.where(often > 0, jax.vmap(model.log_prob)(x), 0.0)]  # others may have no density

        return _means(counted, (self.values, self.weights), self.span, self.weights)[0]

    def second_order(self, model_at: Callable[[Array], Model], vector: Array) -> LocalQuadratic:
        """Return the mean log-density about a vector (p,) to second order; `model_at` makes parameters of it."""
        return self._about(second_order, model_at, vector)

    def slope(self, model_at: Callable[[Array], Model], vector: Array) -> tuple[Array, Array]:
        """Return the mean log-density at a vector (p,) and its slope there; `model_at` makes parameters of it."""
        found = self._about(lambda function, at: jax.value_and_grad(function)(at), model_at, vector)
        value, slope, *_ = jax.tree.leaves(found)
        return value, slope

    def _about(self, derivatives: Callable[..., Any], model_at: Callable[[Array], Model], vector: Array) -> Any:
        """Return derivatives of the mean log-density, or all to second order where these come from one pass."""
        division = _in_one_pass(model_at(vector), self.values)
        if division is not None:
            columns = [*jax.tree.leaves(self.values), *self.derived]
            return in_one_pass(division, model_at, vector, columns, self.weights, self.span)

        def tile(begin: Array, counted: Array) -> Any:
            x, weights = cut((self.values, self.weights), begin)
            often = jnp.where(counted, 1.0 if weights is None else weights, 0.0)
            return derivatives(lambda at: jnp.sum(often * jax.vmap(model_at(at).log_prob)(x)), vector)

        return jax.tree.map(lambda total: total / self.count, added(tile, self.span))


def _in_one_pass(model: Model, values: Rows) -> Division | None:
    """Return the division of a formula whose derivatives come from one pass; None of any other."""
    try:
        _, division = divided(model, values)
    except NotApplicable:
        return None
    return None if division.array or len(division.scalars) > MOST else division


def derived_of(model: Model, values: Rows) -> Sequence[Any]:
    """Return what the formula of a model needs of observations (m, ...) alone."""
    division = _in_one_pass(model, values)
    return [] if division is None else derived_columns(division, values)


def _count(span: Span, weights: Any) -> Array:
    """Return how many observations a section has, as a floating-point number."""
    if weights is None:
        return jnp.asarray(span.size, float)
    return sums(lambda w: [w], weights, span)[0]


def _totals(terms: Callable[[Any], Sequence[Array]], values: Rows, span: Span, weights: Any) -> list[Array]:
    """Return sums of terms of each observation, times its weight."""

    def often(both: Any) -> Sequence[Array]:
        x, w = both
        found = terms(x)
        return found if w is None else [jnp.expand_dims(w, range(1, term.ndim)) * term for term in found]

    return sums(often, (values, weights), span)


def _means(terms: Callable[[Any], Sequence[Array]], values: Rows, span: Span, weights: Any) -> list[Array]:
    count = _count(span, weights)
    return [total / count for total in _totals(terms, values, span, weights)]


def summary_of(form: Form, values: Rows, span: Span, weights: Any = None) -> Summary:
    """Return the summary of a section, for a form without branches: from one pass, about the means of its first tile.

    Args:
        form: of the formula.
        values: (m, ...).
        span: where in it the sample lies.
        weights: (m,); None counts each observation once.
    """
    return _summary_and_more(form, values, span, weights, lambda x: [])[0]


def _summary_and_more(
    form: Form, values: Rows, span: Span, weights: Any, more: Callable[[Any], Sequence[Any]]
) -> tuple[Summary, list[Array]]:
    """Return the summary of a section, and the means of more terms of each observation, from the same pass."""
    separated = form.separated()
    values = in_types(values, form.structure.observation)
    if isinstance(separated, Expansion):
        return _moments(separated, form, values, span, weights), _means(more, values, span, weights)
    about = _means(lambda x: [*jax.vmap(separated.observe)(x)[0]], values, span.head, None)

    def terms(x: Any) -> list[Array]:
        u, factors = jax.vmap(separated.observe)(x)
        deviations = [each - center for each, center in zip(u, about, strict=True)]
        return [*deviations, *separated.statistic_values(deviations, factors), *more(x)]

    every = _means(terms, values, span, weights)
    firsts, averages = every[: len(about)], every[len(about) : len(about) + len(separated.statistics)]
    summary = recentered(form, about, firsts, averages, _count(span, weights))
    return summary, every[len(about) + len(averages) :]


class Looked(eqx.Module):
    """A section by its statistics, and what its observations themselves say at a point."""

    summary: Summary
    contained: Array  # whether the support holds all observations
    vector: Array  # the point, (p,)
    value: Array  # the mean log-density there
    slope: Array  # (p,)

    def agree(self, model_at: Callable[[Array], Model], scale: Array, logarithmic: Any) -> Bool[Array, ""]:
        """Return whether the summary gives the log-density and the slopes that the observations give.

        Args:
            model_at: the parameters of a vector.
            scale: the standard error of each coordinate that one observation leaves, (p,): about a maximum the slopes
                of single observations are as large as one over it.
            logarithmic: which coordinates are the logarithm of a distance, (p,).
        """
        found, slope = jax.value_and_grad(lambda at: self.summary.mean_log_prob(model_at(at)))(self.vector)
        size = 1 + jnp.abs(self.value)
        # Terms of a slope that are far smaller than what they are made of have canceled, each by itself.
        along = jnp.where(logarithmic, 1.0, jnp.abs(self.vector))
        canceled = CANCELED * size / jnp.where(along == 0, jnp.inf, along)
        sizes = jnp.maximum(jnp.maximum(1 / scale, jnp.abs(self.slope)), canceled)
        near = jnp.abs(self.slope - slope) <= AGREEMENT * sizes
        return (jnp.abs(self.value - found) <= AGREEMENT * size) & jnp.all(
            near
        )  # nothing agrees with what is no number


def looked_at(form: Form, model_at: Callable[[Array], Model], vector: Array, values: Rows, span: Span) -> Looked:
    """Return the summary of a section, and what its observations say at a vector, where possible from one pass."""
    model = model_at(vector)
    division = _in_one_pass(model, values)
    one = None if division is None else OnePass.of(division, model_at, vector)

    def more(x: Any) -> Sequence[Any]:
        outside = jnp.where(contains(model.support, x), 0.0, 1.0)
        return [outside, *(() if one is None else one.rows(jax.tree.leaves(x)))]

    summary, (outside, *rows) = _summary_and_more(form, values, span, None, more)
    if one is None:
        value, slope = Section(values, [], span).slope(model_at, vector)
    else:
        value, slope, *_ = jax.tree.leaves(one.about(rows))
    return Looked(summary, outside == 0, vector, value, slope)


def _moments(expansion: Expansion, form: Form, values: Rows, span: Span, weights: Any) -> Summary:
    """Return the moments of a section's columns; see `samples.moments`."""

    def columns(x: Any) -> Array:
        return jax.vmap(expansion.observe)(x)

    (about,) = _means(lambda x: [columns(x)], values, span.head, None)
    (first,) = _means(lambda x: [columns(x) - about[None]], values, span, weights)
    centers = about + first
    residuals = first - (centers - about)
    size, count = expansion.size, _count(span, weights)
    if expansion.degree < 2:
        return Summary(centers, residuals, jnp.zeros((0, size), centers.dtype), count, form)

    def step(index: Array, root: Array) -> Array:
        x, w = cut((values, weights), span.first + index * WIDTH)
        counted = index * WIDTH + jnp.arange(WIDTH) < span.size
        share = jnp.where(counted, 1.0 if w is None else w, 0.0) / count
        return triangular(
            jnp.concatenate([root, jnp.sqrt(share)[:, None] * ((columns(x) - centers[None]) - residuals[None])])
        )

    root = lax.fori_loop(0, span.tiles, step, jnp.zeros((size, size), centers.dtype))
    return Summary(centers, residuals, root, count, form)


def all_contained(model: Model, values: Rows, span: Span, weights: Any = None) -> Array:
    """Return whether the support of a model holds all observations of a section that count."""

    def outside(both: Any) -> Sequence[Array]:
        x, often = both
        good = contains(model.support, x)
        return [jnp.where(good if often is None else good | (often == 0), 0, 1)]

    return sums(outside, (values, weights), span)[0] == 0
