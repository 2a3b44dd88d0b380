"""A sample as its sufficient statistics, and the merging of such summaries."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..checks import InputValueError
from ..formula.expand import Expansion
from ..formula.jaxpr import NotApplicable, Structure
from ..formula.separate import Branches
from ..formula.sufficient import Form, Question, SufficientForm, failure, question, structure_for_statistics
from ..models.base import Model
from ..models.rows import Observation, Rows, in_types, one_of, row_count, take
from .filled import Filled, filled_weights
from .moments import Moments, mean_log_prob, merged, moments
from .second import LocalQuadratic, second_order
from .tiles import TILE, tiled

LARGE = 1 << 20
"""Observations that are summarized at once; more are cut into shares of this size."""


class Summary(eqx.Module):
    """A sample as its sufficient statistics: the cost of an epoch does not depend on its size.

    `centers` are the means of the functions of the data that meet a parameter in a sum, rounded; `residuals` what the
    rounding took; `averages` those of the statistics about the two together, see `mlejax.formula.sufficient`; or, of a
    formula of vectors, a triangular root of the second moments about them, see `mlejax.formula.expand`.
    """

    centers: Any  # (J,)
    residuals: Any  # (J,): the means less the centers
    averages: Any  # (K,), or (J, J)
    count: Any  # (), a float: the number of observations
    form: Form = eqx.field(static=True)  # what these numbers mean

    def mean_log_prob(self, model: Model, *, inside: bool = False) -> Any:
        """Return the mean log-density per observation, in nats.

        Args:
            model: the parameters.
            inside: whether they are known to lie inside their domain, as those of a run do: it saves looking.

        Raises:
            ValueError: the statistics are those of another formula than this model's.
        """
        separated, known = self.separated(model), self.in_jax_types()
        leaves = jax.tree.leaves(model)
        if isinstance(separated, Expansion):
            return mean_log_prob(separated, leaves, known.moments)
        return separated.mean_log_prob(leaves, known.centers, known.residuals, known.averages, inside)

    def second_order(self, model_at: Callable[[Array], Model], vector: Array) -> LocalQuadratic:
        """Return the mean log-density about a vector (p,) to second order; `model_at` makes parameters of it."""
        return second_order(lambda at: self.mean_log_prob(model_at(at)), vector)

    def in_jax_types(self) -> "Summary":
        """Return the same summary in the types that JAX has now: float32 where float64 is not enabled."""
        if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            return self
        return jax.tree.map(lambda leaf: leaf.astype(jax.dtypes.canonicalize_dtype(leaf.dtype)), self)

    @property
    def moments(self) -> Moments:
        """The numbers as moments, of a formula that has them."""
        return Moments(self.centers, self.residuals, self.averages)

    def separated(self, model: Model) -> SufficientForm | Expansion:
        """Return the factored formula that these statistics belong to, in the model's floating-point type."""
        made_for = self.form.structure
        found = structure_for_statistics(model, made_for.observation)
        if found != made_for:
            raise InputValueError(_refusal(model, made_for.tree != found.tree, made_for.tree))
        return self.form.separated(jnp.result_type(*jax.tree.leaves(model)))


def _refusal(model: Model, other_formula: bool, tree: Any) -> str:
    """Return the sentence that refuses a summary made for a model of another structure."""
    name, known = type(model).__name__, tree.node_data()
    made_for = getattr(known[0], "__name__", "another model") if known else "another model"
    if not other_formula:
        return f"a Summary is that of one {made_for} with parameters of certain shapes; got parameters of other shapes"
    if made_for == name:
        made_for = f"{name} with other static fields, or for another class of that name"
    return (
        f"the Summary holds the sufficient statistics of {made_for}; {name} needs its own: "
        "summarize the observations for the model that uses them"
    )


def find_form(model: Model, values: Rows) -> Form:
    """Return the form of the formula of `model` that ONE sample asks for: how it decides the branches.

    Args:
        model: its numbers do not matter.
        values: the sample, in the types in which the formula takes it; see `as_formula_takes`.

    Raises:
        NotApplicable: with the reason.
    """
    structure = structure_for_statistics(model, one_of(values))
    if isinstance(known := _only_form(structure), NotApplicable):
        raise NotApplicable(*known.args)  # a new one: its traceback holds the sample
    if known is None:
        branches: Branches = ()
        while (asked := question(structure, branches)) is not None:
            every, some = _looked_at(asked, values)
            branches += (True if every[0] else None if some[0] else False,)
        known = _usable(Form(structure, branches))
    separated = known.separated()
    if (n := row_count(values)) < separated.least:
        raise NotApplicable(f"{separated.count} moments of {n} observations would be more than these")
    if separated.conditions and not bool(separated.holds(*_looked_at(separated, values))):
        raise NotApplicable("an observation takes a branch of the formula that has no finite value")
    return known


@functools.lru_cache(maxsize=256)
def _only_form(structure: Structure) -> Form | NotApplicable | None:
    """Return the form of a formula without branches, or why it has none; None where samples decide."""
    try:
        return None if question(structure, ()) is not None else _usable(Form(structure, ()))
    except NotApplicable as reason:
        return reason.with_traceback(None)


def form_of_any(model: Model, observation: Observation) -> Form | None:
    """Return the form that every sample asks for, where the formula has no branches; None where samples decide.

    Raises:
        NotApplicable: with the reason.
    """
    structure = structure_for_statistics(model, observation)
    if question(structure, ()) is not None:
        return None
    form = _usable(Form(structure, ()))
    return None if form.separated().conditions else form


def _usable(form: Form) -> Form:
    if (reason := _fault(form)) is not None:
        raise NotApplicable(*reason.args)
    return form


@functools.lru_cache(maxsize=256)
def _fault(form: Form) -> NotApplicable | None:
    """Return why the factored formula and its gradient cannot be computed; None where they can. Computes nothing."""

    def computed(leaves: Any, values: Any) -> Any:
        summary, _ = summarize_with(form, values)
        separated = form.separated()

        def mean(leaves: Any) -> Any:
            if isinstance(separated, Expansion):
                return mean_log_prob(separated, leaves, summary.moments)
            return separated.mean_log_prob(leaves, summary.centers, summary.residuals, summary.averages)

        return jax.value_and_grad(mean)(leaves)

    leaves = list(form.structure.parameters)
    try:
        two = jax.tree.map(lambda of: jax.ShapeDtypeStruct((2, *of.shape), of.dtype), form.structure.observation)
        jax.eval_shape(computed, leaves, two)
    except Exception as problem:  # of whatever kind: a formula may do without its factored form
        return failure(problem)
    return None


def _looked_at(asked: Question | SufficientForm | Expansion, values: Rows) -> tuple[list[bool], list[bool]]:
    """Return for each condition whether all of any number of observations meet it, and whether any does."""
    shares = [take(values, slice(first, first + LARGE)) for first in range(0, row_count(values), LARGE)]
    looks = [jax.device_get(_look(asked, Filled.of(share).values)) for share in shares]
    every, some = zip(*looks, strict=True)
    return [all(each) for each in zip(*every, strict=True)], [any(each) for each in zip(*some, strict=True)]


@functools.partial(jax.jit, static_argnums=0)
def _look(asked: Question | SufficientForm | Expansion, values: Any) -> tuple[list[Any], list[Any]]:
    outcomes = jax.vmap(asked.outcomes)(values)
    return [jnp.all(outcome) for outcome in outcomes], [jnp.any(outcome) for outcome in outcomes]


def summarize_with(form: Form, values: Any, weights: Any = None) -> tuple[Summary, Any]:
    """Return the summary of observations for a known form, and whether the sample takes exactly its branches.

    Pure, for use under `jit` and `vmap`. A sample that takes other branches has another form: see `find_form`. Each
    observation counts once, or as often as its weight says.

    Args:
        form: of the formula.
        values: the observations, as they are or `Filled`.
        weights: of the observations, likewise, with zeros where it was filled.
    """
    separated = form.separated()
    filled = values if isinstance(values, Filled) else Filled.of(values)
    values = in_types(filled.values, form.structure.observation)  # whole numbers, as the formula takes them
    float_type = jnp.result_type(float)
    if weights is None:
        weights, count = filled.counts.astype(float_type), jnp.asarray(filled.count, float_type)
    else:
        weights = filled_weights(weights, row_count(values))
        count = jnp.asarray(accurate_sum(weights), float_type)

    if isinstance(separated, Expansion):
        return Summary(*moments(separated, values, weights, count), count, form), jnp.asarray(True)

    def mean(function: Any) -> Any:
        return accurate_sum(weights * function) / count

    u, factors = jax.vmap(separated.observe)(values)
    centers, residuals, deviations = [], [], []
    for function in u:
        first = mean(function)
        # The second pass recovers what the first rounded away.
        rest = mean(function - first)
        centers.append(first + rest)
        residuals.append(rest - (centers[-1] - first))
        deviations.append((function - centers[-1]) - residuals[-1])
    averages = [mean(value) for value in separated.statistic_values(deviations, factors)]
    # Behind a barrier, so that nothing of the statistics is computed otherwise because the branches are looked at.
    holds = separated.holds(*_look(separated, jax.lax.optimization_barrier(values)))
    return Summary(stack(centers), stack(residuals), stack(averages), count, form), holds


def recentered(form: Form, about: Sequence[Any], firsts: Sequence[Any], averages: Sequence[Any], count: Any) -> Summary:
    """Return the summary of a sample from statistics about other centers than the means.

    Args:
        form: of the formula, which has sufficient statistics.
        about: the centers.
        firsts: the means, less these.
        averages: of the statistics about these.
        count: of the observations.
    """
    separated = form.separated()
    assert isinstance(separated, SufficientForm)
    centers = [center + first for center, first in zip(about, firsts, strict=True)]
    rounded = [there - center for there, center in zip(centers, about, strict=True)]
    residuals = [first - whole for first, whole in zip(firsts, rounded, strict=True)]
    moved = separated.recenter(averages, [-first for first in firsts], firsts)
    return Summary(stack(centers), stack(residuals), stack(moved), count, form)


def some_of(values: Rows) -> Rows:
    """Return up to `LARGE` observations, evenly spread, numbers with the extremes: enough to check a formula on."""
    if (n := row_count(values)) <= LARGE:
        return values
    spread = take(values, slice(None, None, -(-n // LARGE)))
    if not isinstance(values, np.ndarray) or values.ndim > 1:
        return spread
    return np.concatenate([spread, [values.min(), values.max()]])


def summarize_all(
    model: Model, form: Form, values: Rows, weights: np.ndarray | None = None, filled: Filled | None = None
) -> tuple[Summary, bool]:
    """Return the summary of any number of observations, and whether they take exactly the branches of `form`.

    Many are cut into shares of `LARGE`, which all local devices summarize side by side, a round at a time, so that
    neither a device nor its memory ever holds them all; the summaries are merged. `filled` are all of them, filled up,
    where that is done already.
    """
    if (n := row_count(values)) <= LARGE:
        summary, holds = summarize_array(form, filled or values, weights)
        return summary, bool(holds)
    mesh = jax.sharding.Mesh(np.asarray(jax.local_devices()), ("data",))
    program = _sharded(form, mesh, weights is not None)
    together = LARGE * mesh.devices.size
    parts = []
    for first in range(0, n, together):
        piece = take(values, slice(first, first + together))
        of_piece = () if weights is None else (weights[first : first + together],)
        if row_count(piece) == together:
            summaries = jax.device_get(program(piece, *of_piece))
            parts += [jax.tree.map(lambda leaf, i=i: leaf[i], summaries) for i in range(mesh.devices.size)]
        else:
            parts.append(jax.device_get(summarize_array(form, piece, *of_piece)[0]))
    # A share may take fewer branches than the sample does: the sample as a whole is asked.
    separated = form.separated()
    return merge(model, parts), bool(separated.holds(*_looked_at(separated, values)))


@functools.lru_cache(maxsize=16)
def _sharded(form: Form, mesh: Any, weighted: bool) -> Any:
    """Return the compiled function that summarizes one share of observations, and of weights, on each device."""

    def share(values: Any, *weights: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[None], summarize_with(form, values, *weights)[0])

    data = jax.sharding.PartitionSpec("data")
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=(data,) * (1 + weighted), out_specs=data, check_vma=False))


def merge(model: Model, parts: Sequence[Summary]) -> Summary:
    """Return the summary of the union of samples, from their summaries for the same model, in any order."""
    with jax.enable_x64(parts[0].count.dtype == np.float64):
        counts = jnp.stack([part.count for part in parts])
        weights = counts / jnp.sum(counts)
        centers = jnp.stack([part.centers for part in parts])
        # About the first part's center: a weighted mean of nearly equal large numbers would lose their last digits.
        center = centers[0] + weights @ (centers - centers[:1])
        separated = parts[0].separated(model)
        from_center = jnp.stack([part.centers - center + part.residuals for part in parts])
        residual = weights @ from_center
        shifts = from_center - residual[None]
        if isinstance(separated, Expansion):
            root = merged([part.moments for part in parts], list(shifts), weights)
            return Summary(center, residual, root, jnp.sum(counts), parts[0].form)
        moved = [stack(separated.recenter(part.averages, shift)) for part, shift in zip(parts, shifts, strict=True)]
        return Summary(center, residual, weights @ jnp.stack(moved), jnp.sum(counts), parts[0].form)


def accurate_sum(values: Any) -> Any:
    """Return the sum of (n,) values, by sums of n / 512 or sqrt(n) terms: they round little, and vectorize.

    The order of all additions is written down: a compiler's own reduction adds in another order on another number of
    threads.
    """
    n = values.shape[0]
    (total,) = tiled(lambda columns: columns, [values], [jnp.add], width=TILE * max(4, math.isqrt(n) // TILE))
    return total


def summarize_array(form: Form, values: Rows | Filled, weights: np.ndarray | None = None) -> tuple[Summary, Any]:
    """Return what `summarize_with` does of observations on the host, by a program for many n."""
    filled = values if isinstance(values, Filled) else Filled.of(values)
    return _compiled(form, filled, None if weights is None else filled_weights(weights, row_count(filled.values)))


_compiled = jax.jit(summarize_with, static_argnums=0)


def stack(values: Sequence[Any]) -> Any:
    return jnp.stack(values) if values else jnp.zeros((0,))
