"""The samples of a sweep: one train and one validation sample per seed, drawn or cut from the user's data."""

from collections.abc import Callable
from typing import Any

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
    validation_count,
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
        self.has_validation = len(held_out) > 0
        self.factored = isinstance(sample, Summary)

    def of(self, index: int) -> tuple[Sample, Sample | None]:
        """The train and validation samples of one seed."""
        if self.train is not None:
            return jax.tree.map(lambda leaf: leaf[index], (self.train, self.validation))
        train, held_out = self.cut(int(self.seeds[index]))
        check_support(self.model, np.concatenate([train, held_out]))
        return Observations(train), Observations(held_out) if len(held_out) else None

    def summarise(self, mesh: Mesh, drawn: Callable[[Any], Any] | None, progress: Callable[[int], None]) -> None:
        """Fill in `train` and `validation`, seed by seed or, for draws by JAX, on all devices at once."""
        values = jnp.asarray(self.cut(int(self.seeds[0]))[0])
        form, branches = find_form(self.model, values)

        def both(train: Any, held_out: Any) -> tuple[Summary, Summary | None]:
            parts = (train, held_out) if self.has_validation else (train,)
            found = [summarize_with(form, branches, part) for part in parts]
            return found[0], found[1] if self.has_validation else None

        if drawn is None:
            summarise = jax.jit(both)
            pairs = []
            for seed in self.seeds:
                pairs.append(jax.device_get(summarise(*self.cut(int(seed)))))
                progress(1)
            self.train, self.validation = jax.tree.map(lambda *leaves: np.stack(leaves), *pairs)
        else:
            self.train, self.validation = _on_all_devices(lambda seed: both(*drawn(seed)), self.seeds, mesh, progress)


def _on_all_devices(one: Callable[[Any], Any], seeds: np.ndarray, mesh: Mesh, progress: Callable[[int], None]) -> Any:
    """`one(seed)` for all seeds: spread over the devices, one after the other on each, so that memory stays flat."""
    per_call = 4 * mesh.devices.size
    runs = PartitionSpec("runs")
    program = jax.jit(
        jax.shard_map(lambda s: jax.lax.map(one, s), mesh=mesh, in_specs=runs, out_specs=runs, check_vma=False)
    )
    parts = []
    for first in range(0, len(seeds), per_call):
        chunk = seeds[first : first + per_call]
        padded = np.concatenate([chunk, np.full(per_call - len(chunk), chunk[0])])
        part = jax.device_get(program(padded))
        parts.append(part)
        progress(len(chunk))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *parts)


def draw_with_jax(target: Model, n: int, validation_fraction: float, base: int) -> Callable[[Any], tuple[Any, Any]]:
    """Draws from the key `fold_in(key(base), seed)`; being independent, they need no permutation to be split."""
    held_out = validation_count(n, validation_fraction)

    def drawn(seed: Any) -> tuple[Any, Any]:
        values = target.sample(jax.random.fold_in(jax.random.key(base), seed), (n,))  # type: ignore[attr-defined]
        return values[held_out:], values[:held_out]

    return drawn


def draw_with_numpy(target: Model, n: int, validation_fraction: float, split_seed: int) -> Callable[[int], Any]:
    """NumPy's legacy stream and scikit-learn's split, as the article draws and cuts."""
    if not isinstance(target, Normal):
        raise ValueError(f"draw='numpy' draws from a Normal target, as the article does; got {type(target).__name__}")
    mean, scale = float(np.asarray(target.mean)), float(np.sqrt(np.asarray(target.variance)))

    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return split(np.random.RandomState(seed).normal(mean, scale, n), validation_fraction, split_seed)

    return drawn
