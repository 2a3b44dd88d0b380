"""The samples of a sweep, each in the representation that its own observations ask for.

A sample is represented as `summarize` would represent it alone. Samples that share a form are stacked side by side;
draws by JAX are drawn and summarized on all devices at once, and each says whether the form is its own.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ..checks import InputValueError
from ..devices import tuning
from ..formula.jaxpr import NotApplicable
from ..models.base import Model
from ..models.rows import concatenate, row_count
from ..models.support import contains
from .agreement import AGREEMENT, examine
from .representation import Sample, found_in, summarize_each
from .sources import Draws, Parts, Source, draw_with_jax, jax_randomness
from .split import validation_count
from .summary import Form, Summary, form_of_any, summarize_with

LOOKED_AT = 10_000
"""Observations that show whether a model factors, where its statistics are drawn in their place."""

Forms = tuple[Form, Form | None]
"""The forms of a train part and of a held-out part; None where nothing is held out."""


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What the samples of a sweep are to be."""

    start: Model  # float64: the formula is checked here and around it
    source: Source
    seeds: np.ndarray  # all of them, along the source's axis; a sample is numbered along this, then along its counts
    validation_fraction: float | int
    summarize: bool

    @functools.cached_property
    def sources(self) -> tuple[Source, ...]:
        """The source of each count of observations."""
        return self.source.by_count()

    def cut(self, position: int) -> Parts:
        """Return the observations of a sample, by its number."""
        seed, place = divmod(position, len(self.sources))
        return self.sources[place].cut(int(self.seeds[seed]), self.validation_fraction)


class Pair(NamedTuple):
    """One sample, in two parts."""

    train: Sample
    validation: Sample | None
    contained: bool  # whether the model's support holds all observations
    representation: str  # of the train sample, and why

    @property
    def forms(self) -> Forms | None:
        """The forms of the two parts, where both are summaries."""
        if isinstance(self.train, Summary) and isinstance(self.validation, Summary | None):
            return self.train.form, None if self.validation is None else self.validation.form
        return None


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """Samples of one form, side by side."""

    positions: np.ndarray  # (g,) their numbers
    train: Summary  # leaves (g, ...)
    validation: Summary | None  # likewise

    def place(self, positions: np.ndarray) -> np.ndarray:
        """Return where these samples, (m,), by their numbers, lie in the stack, which holds them all."""
        order = np.argsort(self.positions)
        return order[np.searchsorted(self.positions, positions, sorter=order)]


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Some samples of a sweep."""

    request: Request
    stacks: tuple[Stack, ...]
    alone: np.ndarray  # numbers of samples that are not stacked: at least one part is raw observations
    outside: np.ndarray  # numbers of samples with an observation outside the model's support
    representation: str  # how the samples are represented, and why

    def of(self, position: int) -> Pair:
        """Return a sample by its number."""
        for stack in self.stacks:
            if len(found := np.flatnonzero(stack.positions == position)):
                parts = jax.tree.map(lambda leaf: leaf[found[0]], (stack.train, stack.validation))
                return Pair(*parts, contained=True, representation=self.representation)
        return represent(self.request, position)

    def pair(self, position: int) -> tuple[Sample, Sample | None]:
        """Return the train and validation parts of a sample by its number."""
        found = self.of(position)
        return found.train, found.validation


def represent(request: Request, position: int) -> Pair:
    """Return one sample, by its number, represented as if it were alone."""
    train, held_out = request.cut(position)
    contained = contains(request.start.support, concatenate([train, held_out]))
    parts = [part for part in (train, held_out) if row_count(part)]
    (sample, why), *rest = summarize_each(request.start, parts, request.summarize)
    sample, validation = jax.device_get((sample, rest[0][0] if rest else None))
    return Pair(sample, validation, bool(np.all(contained)), why)


def gather(request: Request, positions: np.ndarray, mesh: Mesh, progress: Callable[[int], None]) -> Samples:
    """Draw or cut some samples, and represent each as it would be alone.

    Args:
        request: what the samples are to be.
        positions: the numbers of those that are wanted.
        mesh: the devices that draw.
        progress: told how many more samples are done.

    Raises:
        ValueError: the statistics of samples are to be drawn, but the model has none.
    """
    none = np.zeros(0, np.int64)
    if not len(positions):
        return Samples(request, (), none, none, "none: every run has ended")
    if not request.summarize:
        progress(len(positions))
        return Samples(request, (), positions, none, "raw observations, as asked")
    if not isinstance(request.source, Draws) or request.source.by == "numpy":
        return _one_by_one(request, positions, progress)
    draw, among = _drawn_directly if request.source.by == "statistics" else _drawn_together, len(request.sources)
    parts = []
    for place, source in enumerate(cast(tuple[Draws, ...], request.sources)):
        if len(here := positions[positions % among == place]):
            parts.append(draw(request, source, here, mesh, progress))
    return parts[0] if len(parts) == 1 else _joined(request, parts)


def _joined(request: Request, parts: list[Samples]) -> Samples:
    """Return the samples of several counts as one; those of one form side by side, so that their runs share lanes."""
    alike: dict[Any, list[Stack]] = {}
    for stack in (stack for part in parts for stack in part.stacks):
        leaves, structure = jax.tree.flatten((stack.train, stack.validation))
        alike.setdefault((structure, *((leaf.shape[1:], leaf.dtype) for leaf in leaves)), []).append(stack)
    joined = [[(stack.positions, stack.train, stack.validation) for stack in same] for same in alike.values()]
    stacks = [Stack(*jax.tree.map(lambda *leaves: np.concatenate(leaves), *same)) for same in joined]
    alone, outside = (np.concatenate([getattr(part, name) for part in parts]) for name in ("alone", "outside"))
    said = [part.representation for part in parts if part.stacks or len(part.alone)] or [parts[0].representation]
    sentences = dict.fromkeys(sentence for each in said for sentence in each.split("; "))
    return Samples(request, tuple(stacks), alone, outside, "; ".join(sentences))


def _one_by_one(request: Request, positions: np.ndarray, progress: Callable[[int], None]) -> Samples:
    found = _Found()
    for position in positions.tolist():
        pair = represent(request, position)
        found.add(position, pair)
        progress(1)
    stacks = [
        Stack(np.asarray(where), *jax.tree.map(lambda *leaves: np.stack(leaves), *pairs))
        for where, pairs in found.alike.values()
    ]
    return found.samples(request, stacks)


class _Found:
    """What is known of seeds so far."""

    def __init__(self) -> None:
        self.alike: dict[Forms, tuple[list[int], list[Any]]] = {}
        self.alone: list[int] = []
        self.outside: list[int] = []
        self.sentences: dict[str, None] = {}  # in the order in which they were found

    def add(self, position: int, pair: Pair) -> None:
        """Keep the samples of a seed, unless they are raw: those are cut again when they are used."""
        if not pair.contained:
            self.outside.append(position)
            return
        self.sentences[pair.representation] = None
        if pair.forms is None:
            self.alone.append(position)
            return
        where, pairs = self.alike.setdefault(pair.forms, ([], []))
        where.append(position)
        pairs.append((pair.train, pair.validation))

    def samples(self, request: Request, stacks: list[Stack]) -> Samples:
        said = "; ".join(sorted(self.sentences)) or f"no sample lies in the support of {type(request.start).__name__}"
        alone, outside = np.asarray(self.alone, np.int64), np.asarray(self.outside, np.int64)
        return Samples(request, tuple(stacks), alone, outside, said)


# Draws by JAX ---------------------------------------------------------------------------------------------------------


class _Drawn(NamedTuple):
    """Samples drawn and summarized in one form; leaves (m, ...)."""

    train: Summary
    validation: Summary | None
    holds: Any  # whether the form is that of the sample
    agrees: Any  # whether the factored form agrees with the observations
    contained: Any  # whether the model's support holds them all


def _drawn_together(
    request: Request, source: Draws, positions: np.ndarray, mesh: Mesh, progress: Callable[[int], None]
) -> Samples:
    """Try the form of the first seed on all of them; those that it is not the form of go on to the next."""
    found, stacks, tried, left = _Found(), [], set(), positions
    while len(left):
        first, rest = int(left[0]), left[1:]
        forms = _forms_of_any(request, source)
        if forms is None or forms in tried:
            pair = represent(request, first)
            if pair.forms is None or not pair.contained:
                found.add(first, pair)
                progress(1)
                left = rest
                continue
            forms = pair.forms
        if forms in tried:  # rounding decides which form this sample has
            found.alone.append(first)
            progress(1)
            left = rest
            continue
        tried.add(forms)
        drawn = _draw_all(request, source, left, forms, mesh)
        own = drawn.contained & drawn.holds
        found.outside += left[~drawn.contained].tolist()
        if np.any(differing := own & ~drawn.agrees):
            # By itself, which decides what it is, when it is used: there, rounding may take it across the limit again.
            found.sentences[represent(request, int(left[differing][0])).representation] = None
            found.alone += left[differing].tolist()
        good = own & drawn.agrees
        if np.any(good):
            parts = jax.tree.map(lambda leaf: leaf[good], (drawn.train, drawn.validation))  # noqa: B023
            stacks.append(Stack(left[good], *parts))
            found.sentences[found_in(request.start, parts[0])] = None
        progress(int(np.sum(~drawn.contained | own)))
        left = left[drawn.contained & ~drawn.holds]
    return found.samples(request, stacks)


def _forms_of_any(request: Request, source: Draws) -> Forms | None:
    """Return the forms of every sample, where they depend on no observation; None where samples decide."""
    try:
        form = form_of_any(request.start, source.observation(request.start))
    except NotApplicable:
        return None
    held_out = validation_count(source.size, request.validation_fraction)
    if form is None or min(source.size - held_out, held_out or source.size) < form.separated().least:
        return None
    return form, form if held_out else None


def _drawn_directly(
    request: Request, source: Draws, positions: np.ndarray, mesh: Mesh, progress: Callable[[int], None]
) -> Samples:
    """Draw statistics in place of samples: a short sample shows that the model factors, no other is ever drawn."""
    few = Draws(source.target, LOOKED_AT, base_seed=source.base_seed)  # whatever the count: one program for all
    look = represent(dataclasses.replace(request, source=few, seeds=np.zeros(1, np.int64)), 0)
    if look.forms is None:
        raise InputValueError(f"by='statistics' needs a model with sufficient statistics: {look.representation}")
    drawn = _draw_all(request, source, positions, look.forms, mesh)
    progress(len(positions))
    none = np.zeros(0, np.int64)
    stack = Stack(positions, drawn.train, drawn.validation)
    return Samples(request, (stack,), none, none, look.representation)


def _draw_all(request: Request, source: Draws, positions: np.ndarray, forms: Forms, mesh: Mesh) -> _Drawn:
    """Draw and summarize these samples, spread over the devices."""
    seeds, directly = request.seeds[positions // len(request.sources)], source.by == "statistics"
    held_out = validation_count(source.size, request.validation_fraction)
    program = _drawing(source.size, held_out, directly, forms, mesh)
    setting, drawn = tuning(mesh.devices.flat[0]), 1 if directly else source.size
    per_call = int(np.clip(setting.drawn // drawn, *setting.seeds)) * mesh.devices.size
    parts = []
    with jax_randomness():
        for first in range(0, len(seeds), per_call):
            chunk = seeds[first : first + per_call]
            padded = np.concatenate([chunk, np.full(per_call - len(chunk), chunk[0])])
            parts.append(jax.device_get(program(request.start, source.target, source.base_seed, padded)))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *parts)


@functools.lru_cache(maxsize=16)
def _drawing(count: int, held_out: int, directly: bool, forms: Forms, mesh: Mesh) -> Callable[..., _Drawn]:
    """Return the compiled function that draws and summarizes, kept from one sweep to the next."""
    used = [form for form in forms if form is not None]

    def one(start: Model, target: Model, base: Any, seed: Any) -> _Drawn:
        if directly:
            sizes = (count - held_out, held_out)
            made = [draw_summary(target, base, seed, size, i, form) for i, (size, form) in enumerate(zip(sizes, used))]  # noqa: B905
            yes = jnp.asarray(True)
            return _Drawn(made[0], made[1] if held_out else None, yes, yes, yes)
        values = [part for part in draw_with_jax(target, base, seed, count, held_out) if row_count(part)]
        # Behind a barrier: a sample is summarized as it would be if it had been given.
        values = jax.lax.optimization_barrier(values)
        made = [summarize_with(form, part) for form, part in zip(used, values, strict=True)]
        found = examine(start, [summary for summary, _ in made], values)
        return _Drawn(
            train=made[0][0],
            validation=made[1][0] if held_out else None,
            holds=functools.reduce(jnp.logical_and, [holds for _, holds in made]),
            agrees=jnp.all(found.apart <= AGREEMENT),
            contained=jnp.all(found.contained),
        )

    def share(start: Model, target: Model, base: Any, seeds: Any) -> _Drawn:
        # One after the other on each device, so that memory stays flat.
        return jax.lax.map(lambda seed: one(start, target, base, seed), seeds)

    runs, everywhere = PartitionSpec("runs"), PartitionSpec()
    specs = (everywhere, everywhere, everywhere, runs)
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=runs, check_vma=False))


def draw_summary(target: Any, base: Any, seed: Any, count: int, part: int, form: Form) -> Summary:
    """Return the summary of a part of a sample, drawn directly: that of observations with the same mean and scatter."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(base, impl="threefry2x32"), seed), part)
    summary, _ = summarize_with(form, target.draw_closed_form(key, count).typical_observations())
    return eqx.tree_at(lambda s: s.count, summary, jnp.asarray(float(count), summary.count.dtype))
