"""The samples of a sweep: one train and one validation sample per seed, drawn or cut from the user's data."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from .models import Model, Normal
from .sample import (
    Observations,
    Sample,
    Summary,
    check_support,
    find_form,
    split,
    summarize,
    summarize_with,
)

DRAWS = ("jax", "numpy")


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
        return Observations(train), Observations(held_out) if len(held_out) else None

    def summarise(self, mesh: Mesh, draws: "Draws | None", progress: Callable[[int], None]) -> None:
        """Fill in `train` and `validation`, seed by seed or, for draws by JAX, on all devices at once."""
        form, branches = find_form(self.model, jnp.asarray(self.cut(int(self.seeds[0]))[0]))
        if draws is not None:
            self.train, self.validation = _draw_all(draws, self.seeds, form, branches, mesh, progress)
            return
        pairs = []
        for seed in self.seeds:
            train, held_out = self.cut(int(seed))
            validation = _summarise(form, branches, held_out) if len(held_out) else None
            pairs.append(jax.device_get((_summarise(form, branches, train), validation)))
            progress(1)
        self.train, self.validation = jax.tree.map(lambda *leaves: np.stack(leaves), *pairs)


_summarise = jax.jit(summarize_with, static_argnums=(0, 1))


def draw_with_jax(target: Any, base: Any, seed: Any, n: int, held_out: int) -> tuple[Any, Any]:
    """Draws from the key `fold_in(key(base), seed)`; being independent, they need no permutation to be split."""
    values = target.sample(jax.random.fold_in(jax.random.key(base), seed), (n,))
    return values[held_out:], values[:held_out]


_draw_one = jax.jit(draw_with_jax, static_argnums=(3, 4))


class Draws(NamedTuple):
    """How samples are drawn by JAX."""

    target: Model
    base: int
    n: int
    held_out: int

    def cut(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The train and validation parts of one seed."""
        return jax.device_get(_draw_one(self.target, self.base, seed, self.n, self.held_out))


@functools.lru_cache(maxsize=16)
def _drawing(n: int, held_out: int, form: Any, branches: Any, mesh: Mesh) -> Callable[..., Any]:
    """The compiled function that draws and summarises, kept from one sweep to the next."""

    def one(target: Any, base: Any, seed: Any) -> tuple[Summary, Summary | None]:
        train, validation = draw_with_jax(target, base, seed, n, held_out)
        found = summarize_with(form, branches, train)
        return found, summarize_with(form, branches, validation) if held_out else None

    def share(target: Any, base: Any, seeds: Any) -> Any:
        # One after the other on each device, so that memory stays flat.
        return jax.lax.map(lambda seed: one(target, base, seed), seeds)

    runs, everywhere = PartitionSpec("runs"), PartitionSpec()
    specs = (everywhere, everywhere, runs)
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=runs, check_vma=False))


def _draw_all(
    draws: Draws, seeds: np.ndarray, form: Any, branches: Any, mesh: Mesh, progress: Callable[[int], None]
) -> Any:
    """Summaries of the samples of all seeds, spread over the devices."""
    program = _drawing(draws.n, draws.held_out, form, branches, mesh)
    per_call = 4 * mesh.devices.size
    parts = []
    for first in range(0, len(seeds), per_call):
        chunk = seeds[first : first + per_call]
        padded = np.concatenate([chunk, np.full(per_call - len(chunk), chunk[0])])
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
