"""The samples of a sweep: one train and one validation sample per seed, drawn or cut from the user's data."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from .. import checks
from ..formula.sufficient import Form
from ..models import Model, Normal
from ..models.parameters import parameter_dict, with_dtype
from .observations import as_observations, check_support
from .raw import observe
from .representation import Sample, summarize
from .sources import ARTICLE_TARGET, _draw_one, draw_with_jax, jax_randomness
from .split import split, validation_count
from .summary import Summary, find_form, summarize_with

MOST_TO_LOOK_AT = 10_000

DRAWS = ("jax", "numpy", "statistics")


class Datasets:
    """Train and validation samples by seed.

    Attributes:
        origin: where the observations come from, in plain values.
        path: how the samples are represented, and why.
        train, validation: summaries with a leading axis over seeds, or None when the model trains on raw observations.
    """

    def __init__(
        self,
        model: Model,
        seeds: np.ndarray,
        cut: Callable[[int], tuple[np.ndarray, np.ndarray]],
        factoring: bool,
        origin: dict[str, Any],
    ):
        self.model, self.seeds, self.cut, self.origin = model, seeds, cut, origin
        train, held_out = cut(int(seeds[0]))
        check_support(model, np.concatenate([train, held_out]))
        sample, self.path = summarize(model, train, factoring)
        self.train: Summary | None = None
        self.validation: Summary | None = None
        self.factored = isinstance(sample, Summary)

    def of(self, index: int) -> tuple[Sample, Sample | None]:
        """The train and validation samples of one seed."""
        if self.train is not None:
            return jax.tree.map(lambda leaf: leaf[index], (self.train, self.validation))
        train, held_out = self.cut(int(self.seeds[index]))
        check_support(self.model, np.concatenate([train, held_out]))
        return jax.device_get((observe(self.model, train), observe(self.model, held_out) if len(held_out) else None))

    def summarise(self, mesh: Mesh, draws: "DrawsByJax | None", progress: Callable[[int], None]) -> None:
        """Fill in `train` and `validation`, seed by seed or, for draws by JAX, on all devices at once."""
        form = find_form(self.model, jnp.asarray(self.cut(int(self.seeds[0]))[0]))
        if draws is not None:
            self.train, self.validation = _draw_all(draws, self.seeds, form, mesh, progress)
            return
        pairs = []
        for seed in self.seeds:
            train, held_out = self.cut(int(seed))
            validation = _summarise(form, held_out)[0] if len(held_out) else None
            pairs.append(jax.device_get((_summarise(form, train)[0], validation)))
            progress(1)
        self.train, self.validation = jax.tree.map(lambda *leaves: np.stack(leaves), *pairs)


_summarise = jax.jit(summarize_with, static_argnums=0)


def draw_summary(
    target: Any, base: Any, seed: Any, count: int, part: int, summarise: Callable[[Any], Summary]
) -> Summary:
    """The summary of a part of a sample, drawn directly: that of observations with the same mean and scatter."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(base, impl="threefry2x32"), seed), part)
    summary = summarise(target.draw_closed_form(key, count).typical_observations())
    return eqx.tree_at(lambda s: s.count, summary, jnp.asarray(float(count), summary.count.dtype))


DRAWN_TOGETHER = 1_000_000
"""Observations, or statistics, that a device draws in one call: long enough beside what a call costs."""

SEEDS_TOGETHER = (4, 64)
"""Seeds that a device draws in one call, at least and at most: a last call that has fewer draws others for nothing."""


class DrawsByJax(NamedTuple):
    """How samples are drawn by JAX."""

    target: Model
    base: int
    n: int
    held_out: int
    directly: bool  # whether the statistics are drawn in place of the observations

    def cut(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The train and validation parts of one seed."""
        with jax_randomness():
            return jax.device_get(_draw_one(self.target, self.base, seed, self.n, self.held_out))


@functools.lru_cache(maxsize=16)
def _drawing(n: int, held_out: int, directly: bool, form: Form, mesh: Mesh) -> Callable[..., Any]:
    """The compiled function that draws and summarises, kept from one sweep to the next."""

    def summarise(values: Any) -> Summary:
        return summarize_with(form, values)[0]

    def one(target: Any, base: Any, seed: Any) -> tuple[Summary, Summary | None]:
        if directly:
            parts = [
                draw_summary(target, base, seed, m, i, summarise) for i, m in enumerate((n - held_out, held_out)) if m
            ]
        else:
            parts = [summarise(part) for part in draw_with_jax(target, base, seed, n, held_out) if len(part)]
        return parts[0], parts[1] if held_out else None

    def share(target: Any, base: Any, seeds: Any) -> Any:
        # One after the other on each device, so that memory stays flat.
        return jax.lax.map(lambda seed: one(target, base, seed), seeds)

    runs, everywhere = PartitionSpec("runs"), PartitionSpec()
    specs = (everywhere, everywhere, runs)
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=runs, check_vma=False))


def _draw_all(draws: DrawsByJax, seeds: np.ndarray, form: Form, mesh: Mesh, progress: Callable[[int], None]) -> Any:
    """Summaries of the samples of all seeds, spread over the devices."""
    program = _drawing(draws.n, draws.held_out, draws.directly, form, mesh)
    drawn = 1 if draws.directly else draws.n
    per_call = int(np.clip(DRAWN_TOGETHER // drawn, *SEEDS_TOGETHER)) * mesh.devices.size
    parts = []
    for first in range(0, len(seeds), per_call):
        chunk = seeds[first : first + per_call]
        padded = np.concatenate([chunk, np.full(per_call - len(chunk), chunk[0])])
        with jax_randomness():
            parts.append(jax.device_get(program(draws.target, draws.base, padded)))
        progress(len(chunk))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *parts)


def draw_with_numpy(target: Model, n: int, validation_fraction: float | int, split_seed: int) -> Callable[[int], Any]:
    """NumPy's legacy stream and scikit-learn's split, as the article draws and cuts."""
    if not isinstance(target, Normal):
        raise ValueError(f"draw='numpy' draws from a Normal target, as the article does; got {type(target).__name__}")
    mean, scale = float(np.asarray(target.mean)), float(np.sqrt(np.asarray(target.variance)))

    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return split(np.random.RandomState(seed).normal(mean, scale, n), validation_fraction, split_seed)

    return drawn


def datasets(
    start: Model,
    seeds: np.ndarray,
    observations: Any,
    target: Model | None,
    draw: str,
    validation_fraction: float | int,
    split_seed: int,
    base_seed: int,
    factoring: bool,
) -> tuple[Datasets, DrawsByJax | None]:
    """The samples of all seeds; and, for draws by JAX, how they are drawn."""
    if draw not in DRAWS:
        raise ValueError(f"draw must be one of {', '.join(DRAWS)}; got {draw!r}")
    if np.ndim(observations) > 0:
        values = as_observations(observations)
        digest = hashlib.sha256(values.tobytes()).hexdigest()[:16]
        origin = {"data": f"{len(values)} observations given, sha256 {digest}"}
        return Datasets(start, seeds, lambda seed: split(values, validation_fraction, seed), factoring, origin), None
    n = int(checks.counts("observations", observations, at_least=2, at_most=2**31 - 1))
    if target is None:
        if not isinstance(start, Normal):
            raise ValueError(f"observations={n} asks for draws: give the target= to draw from, or give data")
        target = ARTICLE_TARGET
    target = with_dtype(target, np.float64, "target")
    parameters = ", ".join(f"{name}={leaf:g}" for name, leaf in parameter_dict(target).items())
    drawn_from = f"{n} draws from {type(target).__name__}({parameters})"
    if draw == "numpy":
        origin = {"data": f"{drawn_from} by NumPy", "split_seed": split_seed}
        cut = draw_with_numpy(target, n, validation_fraction, split_seed)
        return Datasets(start, seeds, cut, factoring, origin), None
    if not hasattr(target, "sample"):
        raise TypeError(f"target: {type(target).__name__} cannot draw; give it a method sample(key, shape)")
    base_seed = int(checks.counts("base_seed", base_seed, at_least=0, at_most=2**32 - 1))
    held_out = validation_count(n, validation_fraction)
    if draw == "jax":
        draws = DrawsByJax(target, base_seed, n, held_out, directly=False)
        origin = {"data": f"{drawn_from} by JAX", "base_seed": base_seed}
        return Datasets(start, seeds, draws.cut, factoring, origin), draws
    if not hasattr(target, "draw_closed_form") or type(target) is not type(start):
        raise ValueError(
            "draw='statistics' needs a start and a target of one family with draw_closed_form, such as Normal; "
            f"got {type(start).__name__} and {type(target).__name__}"
        )
    if min(n - held_out, held_out or n) < 2:
        raise ValueError(
            f"draw='statistics' needs two observations or more in each part; got {n - held_out} and {held_out}"
        )
    # A short sample of the same kind shows that the model factors; no other observation is ever drawn.
    few = min(n, MOST_TO_LOOK_AT)
    look = DrawsByJax(target, base_seed, few, validation_count(few, validation_fraction), directly=True)
    origin = {"data": f"statistics of {drawn_from}, drawn directly by JAX", "base_seed": base_seed}
    data = Datasets(start, seeds, look.cut, True, origin)
    if not data.factored:
        raise ValueError(f"draw='statistics' needs a model with sufficient statistics: {data.path}")
    return data, DrawsByJax(target, base_seed, n, held_out, directly=True)
