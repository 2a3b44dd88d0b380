"""Observations in: validation, split, the summary of a sample, and the merging of summaries."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from . import checks, kernel, rawdata
from .models.base import M, Model, domains, parameter_names
from .sufficient import NotSeparable, SufficientForm, Undecided, factor, structure_of

LARGE = 1 << 20
"""Observations that are summarised at once; more are cut into shares of this size."""

AGREEMENT = 1e-11
"""How closely a factored log-likelihood and its gradient must agree with the raw data, relative to their terms."""


class Observations(eqx.Module):
    """A sample as it is: every epoch passes over all of it. For models without sufficient statistics.

    `Observations(values)` is all it takes; `observe` also keeps what a model's formula needs of the data alone.
    """

    values: Any  # (n,)
    derived: Any = ()  # functions of the data alone in the formula that `structure` stands for, each (n,)
    structure: kernel.Structure | None = eqx.field(static=True, default=None)

    @property
    def count(self) -> Any:
        """How many observations there are."""
        return self.values.shape[0]

    def mean_log_prob(self, model: Model) -> Any:
        """The mean log-density per observation, in nats."""
        structure = kernel.structure_of(model, self.values)
        if (division := kernel.divide(structure)) is None:
            return jnp.mean(jax.vmap(model.log_prob)(self.values))
        known = structure == self.structure
        derived = self.derived if known else rawdata.derived_columns(division, self.values)
        return rawdata.mean_log_prob(division, model, self.values, derived)


class Summary(eqx.Module):
    """A sample as its sufficient statistics: the cost of an epoch does not depend on its size.

    `centres` are the means of the functions of the data that meet a parameter in a sum; `averages` are those of the
    statistics about these centres. See `mlejax.sufficient`.
    """

    centres: Any  # (J,)
    averages: Any  # (K,)
    count: Any  # (), a float: the number of observations
    observation: jax.ShapeDtypeStruct = eqx.field(static=True)
    branches: tuple[bool | None, ...] = eqx.field(static=True)

    def form(self, model: Model) -> SufficientForm:
        """The factored form that these statistics belong to, in the model's floating-point type."""
        dtype = jnp.result_type(*jax.tree.leaves(model))
        return factor(structure_of(model, self.observation, dtype), self.branches)

    def mean_log_prob(self, model: Model) -> Any:
        """The mean log-density per observation, in nats."""
        return self.form(model).mean_log_prob(jax.tree.leaves(model), self.centres, self.averages)


Sample = Observations | Summary


def as_sample(sample: Any) -> Sample:
    """A sample as it is, or an array of observations (n,) wrapped as one."""
    return sample if isinstance(sample, Observations | Summary) else Observations(jnp.asarray(sample))


def observe(model: Model, values: Any) -> Observations:
    """Observations (n,) with what the formula of `model` needs of the data alone, computed once."""
    structure = kernel.structure_of(model, values)
    division = kernel.divide(structure)
    if division is None:
        return Observations(values)
    return Observations(values, rawdata.derived_columns(division, values), structure)


def as_observations(values: Any, what: str = "observations") -> np.ndarray:
    """Check and convert data: a one-dimensional array of at least two finite numbers that are not all equal.

    Integers stay integers; everything else becomes float64.

    Raises:
        TypeError, ValueError: naming the first offending value and its index.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{what} must be real numbers; got an array of {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional; got shape {array.shape}")
    if len(array) < 2:
        raise ValueError(f"{what} must hold at least two values; got {len(array)}")
    array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
    if not np.all(finite := np.isfinite(array)):
        index = int(np.argmin(finite))
        raise ValueError(f"{what} must be finite; got {array[index]} at index {index}")
    if np.all(array == array[0]):
        raise ValueError(f"{what} must not be constant; all {len(array)} values equal {array[0]}")
    return array


def validation_count(n: int, validation_fraction: float | int) -> int:
    """How many of n observations are held out: ceil(fraction n), at least one and leaving at least one; 0 for 0."""
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be at least 0 and below 1; got {validation_fraction}")
    count = math.ceil(validation_fraction * n)
    if count >= n:
        raise ValueError(f"validation_fraction={validation_fraction} leaves none of {n} observations to train on")
    return count


def split(observations: np.ndarray, validation_fraction: float | int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Train and validation parts, as scikit-learn's `train_test_split(test_size=..., random_state=seed)` cuts them.

    A random permutation of NumPy's legacy stream: its first ceil(fraction n) indices are the validation part and the
    rest the train part. With fraction 0 the validation part is empty.
    """
    count = validation_count(len(observations), validation_fraction)
    if count == 0:
        return observations, observations[:0]
    seed = int(checks.counts("split_seed", seed, 0, 2**32 - 1))
    order = np.random.RandomState(seed).permutation(len(observations))
    return observations[order[count:]], observations[order[:count]]


# Summaries ---------------------------------------------------------------------------------------------------------


def find_form(model: Model, values: Any) -> tuple[SufficientForm, tuple[bool | None, ...]]:
    """The factored form of `model`, and how these observations (n,) decide the branches of its formula.

    Raises:
        NotSeparable: with the reason.
    """
    structure = structure_of(model, jax.ShapeDtypeStruct((), values.dtype), np.float64)
    branches: tuple[bool | None, ...] = ()
    while True:
        try:
            return factor(structure, branches), branches
        except Undecided as question:
            outcome = np.asarray(jax.vmap(question.outcome)(values))
            branches += (True if outcome.all() else None if outcome.any() else False,)


def summarize_with(form: SufficientForm, branches: tuple[bool | None, ...], values: Any) -> Summary:
    """The summary of observations (n,) for a known form; pure, for use under `jit` and `vmap`."""
    u, factors = jax.vmap(form.observe)(values)
    centres, deviations = [], []
    for function in u:
        first = accurate_mean(function)
        # The second pass recovers what the first rounded away; what is left is below one unit in the last place.
        centres.append(first + accurate_mean(function - first))
        deviations.append(function - centres[-1])
    averages = [accurate_mean(value) for value in form.statistic_values(deviations, factors)]
    count = jnp.asarray(values.shape[0], jnp.result_type(float))
    observation = jax.ShapeDtypeStruct((), values.dtype)
    return Summary(_stack(centres), _stack(averages), count, observation, branches)


def summarize(model: Model, values: np.ndarray, factoring: bool = True) -> tuple[Sample, str]:
    """Summarise observations (n,) for `model` where its log-density factors, checked against the data.

    Returns:
        The sample (a `Summary`, or `Observations` when the model does not factor or the factored form does not agree
        with the data to rounding) and a sentence that says which, and why.
    """
    with jax.enable_x64(True):

        def raw() -> Observations:
            return observe(model, jnp.asarray(values))

        array = jnp.asarray(_some_of(values))
        if not factoring:
            return raw(), "raw observations, as asked"
        try:
            form, branches = find_form(model, array)
        except NotSeparable as reason:
            return raw(), f"raw observations: {reason}"
        worst = float(_disagreement(model, _summarize_jit(form, branches, array), Observations(array)))
        if not worst <= AGREEMENT:
            return raw(), f"raw observations: the factored form differs from the data by {worst:.1e} of its terms"
        summary, holds = _summarize_all(model, form, branches, values)
        if not holds:
            return raw(), "raw observations: they take different branches of the formula"
        count = len(summary.centres) + len(summary.averages)
        path = f"{count} sufficient statistic{'s' if count != 1 else ''} found in {type(model).__name__}.log_prob"
        return summary, path


def _some_of(values: np.ndarray) -> np.ndarray:
    """Up to `LARGE` observations, evenly spread, the extremes among them: enough to check a formula on."""
    if len(values) <= LARGE:
        return values
    spread = values[:: -(-len(values) // LARGE)]
    return np.concatenate([spread, [values.min(), values.max()]])


def _summarize_all(
    model: Model, form: SufficientForm, branches: tuple[bool | None, ...], values: np.ndarray
) -> tuple[Summary, bool]:
    """The summary of any number of observations (n,), and whether all take the branches that `form` stands for.

    Many are cut into shares of `LARGE`, which all local devices summarise side by side, a round at a time, so that
    neither a device nor its memory ever holds them all; the summaries are merged.
    """
    if len(values) <= LARGE:
        return _summarize_jit(form, branches, jnp.asarray(values)), True
    mesh = jax.sharding.Mesh(np.asarray(jax.local_devices()), ("data",))
    program = _sharded(form, branches, mesh)
    together = LARGE * mesh.devices.size
    parts, holds = [], True
    for first in range(0, len(values), together):
        piece = values[first : first + together]
        if len(piece) == together:
            summaries, held = jax.device_get(program(piece))
            parts += [jax.tree.map(lambda leaf, i=i: leaf[i], summaries) for i in range(mesh.devices.size)]
        else:
            summary, held = jax.device_get(_summarize_and_look(form, branches, piece))
            parts.append(summary)
        holds = holds and bool(np.all(held))
    return merge(model, parts), holds


@functools.partial(jax.jit, static_argnums=(0, 1))
def _summarize_and_look(form: SufficientForm, branches: Any, values: Any) -> tuple[Summary, Any]:
    return summarize_with(form, branches, values), jnp.all(jax.vmap(form.holds)(values))


@functools.lru_cache(maxsize=16)
def _sharded(form: SufficientForm, branches: Any, mesh: Any) -> Any:
    """The compiled function that summarises one share of observations on each device."""

    def share(values: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[None], _summarize_and_look(form, branches, values))

    data = jax.sharding.PartitionSpec("data")
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=data, out_specs=data, check_vma=False))


def merge(model: Model, parts: Sequence[Summary]) -> Summary:
    """The summary of the union of samples, from their summaries for the same model, to rounding and in any order."""
    with jax.enable_x64(parts[0].count.dtype == np.float64):
        counts = jnp.stack([part.count for part in parts])
        weights = counts / jnp.sum(counts)
        centres = jnp.stack([part.centres for part in parts])
        # About the first part's centre: a weighted mean of nearly equal large numbers would lose their last digits.
        centre = centres[0] + weights @ (centres - centres[0])
        form = parts[0].form(model)
        moved = jnp.stack([_stack(form.recentre(part.averages, part.centres - centre)) for part in parts])
        merged = (centre, weights @ moved, jnp.sum(counts))
    return eqx.tree_at(lambda s: (s.centres, s.averages, s.count), parts[0], merged)


def accurate_mean(values: Any) -> Any:
    """The mean of (n,) values, by sums of about sqrt(n) terms: rounding grows with n^(1/4), and the sums vectorise.

    The order of all additions is written down: a compiler's own reduction adds in another order on another number of
    threads.
    """
    n = values.shape[0]
    width = max(1, math.isqrt(n))
    whole = (n // width) * width
    columns = _add_up(values[:whole].reshape(-1, width))
    return _add_up(jnp.concatenate([columns, values[whole:]])) / n


def _add_up(values: Any) -> Any:
    """The sum over the first axis, from the first to the last."""
    return jax.lax.scan(lambda total, each: (total + each, None), jnp.zeros_like(values[0]), values)[0]


_summarize_jit = jax.jit(summarize_with, static_argnums=(0, 1))


def _stack(values: Sequence[Any]) -> Any:
    return jnp.stack(values) if values else jnp.zeros((0,))


def _check_points(model: M) -> M:
    """The start and a few other points of the domain around it, the same ones every time: leaves (4, ...)."""
    random = np.random.RandomState(0)
    leaves, tree = jax.tree.flatten(model)
    moved = [
        domain.from_real(
            domain.to_real(leaf) + np.stack([np.zeros(np.shape(leaf)), *random.normal(size=(3, *np.shape(leaf)))])
        )
        for leaf, domain in zip(leaves, domains(model), strict=True)
    ]
    return jax.tree.unflatten(tree, moved)


@jax.jit
def _log_probs(model: Model, values: Any) -> Any:
    return jax.vmap(model.log_prob)(values)


@jax.jit
def _disagreement(model: Model, summary: Summary, observations: Observations) -> Any:
    """The largest difference in value and gradient over a few points, relative to the mean size of their terms.

    What the rounding of the centres may change, in the last place of the mean of the data, does not count.
    """
    rounding = jnp.finfo(summary.centres.dtype).eps * jnp.abs(summary.centres)

    def at(point: Model) -> Any:
        def factored(centres: Any) -> Any:
            return jax.value_and_grad(eqx.tree_at(lambda s: s.centres, summary, centres).mean_log_prob)(point)

        each = jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))(point, observations.values)
        found, slack = (jax.tree.leaves(tree) for tree in jax.jvp(factored, (summary.centres,), (rounding,)))
        return [
            jnp.maximum(jnp.abs(accurate_mean(terms) - value) - jnp.abs(free), 0)
            / (accurate_mean(jnp.abs(terms)) + jnp.finfo(float).tiny)
            for terms, value, free in zip(jax.tree.leaves(each), found, slack, strict=True)
        ]

    return jnp.max(jnp.stack(jax.lax.map(at, _check_points(model))))  # NaN, where one occurs


def check_support(model: Model, values: np.ndarray) -> None:
    """Refuse observations that the start gives no density: outside the support, or out of reach in floating point.

    Raises:
        ValueError: naming the first such observation and its index.
    """
    with jax.enable_x64(True):
        log_probs = np.asarray(_log_probs(model, jnp.asarray(values)))
    if log_probs.shape != values.shape:
        raise ValueError(f"{type(model).__name__}.log_prob must return one number; got shape {log_probs.shape[1:]}")
    if not np.all(finite := np.isfinite(log_probs)):
        index = int(np.argmin(finite))
        start = ", ".join(f"{n}={leaf}" for n, leaf in zip(parameter_names(model), jax.tree.leaves(model), strict=True))
        raise ValueError(
            f"observations must have a finite log-density at the start; got log_prob({values[index]}) = "
            f"{log_probs[index]} at index {index} for {type(model).__name__}({start})"
        )
