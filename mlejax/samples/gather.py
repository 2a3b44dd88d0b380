"""The samples of a sweep, each in the representation that its own observations ask for.

A sample is represented as `summarize` would represent it alone. Samples that share a form are stacked side by side;
draws by JAX are drawn and summarized on all devices at once, and each says whether the form is its own.
"""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, cast

import jax
import numpy as np
from jax.sharding import Mesh

from ..checks import InputValueError
from ..formula.jaxpr import NotApplicable
from ..models.rows import concatenate, row_count
from ..models.support import contains
from .beside import AT_ONCE, made_ready, rows_for
from .drawn import Drawn, Forms, draw_summaries
from .filled import coarse_lengths
from .representation import Sample, found_in, summarize_each, why_raw
from .request import MOST_BESIDE, Request
from .sources import Draws
from .split import validation_count
from .summary import Form, Summary, form_of_any

LOOKED_AT = 10_000
"""Observations that show whether a model factors, where its statistics are drawn in their place."""


class Pair(NamedTuple):
    """One sample, in two parts."""

    train: Sample | None  # None of a sample that is too small to be cut in two
    validation: Sample | None
    contained: bool  # whether the model's support holds all observations, and there are enough
    representation: str  # of the train sample, and why

    @property
    def forms(self) -> Forms | None:
        """The forms of the two parts, where both are summaries."""
        if isinstance(self.train, Summary) and isinstance(self.validation, Summary | None):
            return self.train.form, None if self.validation is None else self.validation.form
        return None

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return sum(leaf.size for leaf in jax.tree.leaves((self.train, self.validation)))

    def kind(self, largest: int) -> Hashable:
        """Return what samples that lie side by side have in common; None of one that lies alone.

        Args:
            largest: how many numbers a raw sample may be that lies beside others.
        """
        if self.forms is not None or self.size > largest:
            return self.forms
        leaves, structure = jax.tree.flatten((self.train, self.validation))
        return structure, *((leaf.shape, leaf.dtype) for leaf in leaves)


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """Samples of one form, side by side."""

    positions: np.ndarray  # (g,) their numbers
    train: Sample  # leaves (g, ...)
    validation: Sample | None  # likewise

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
        assert found.train is not None  # no run has such a sample
        return found.train, found.validation


def represent(request: Request, position: int) -> Pair:
    """Return one sample, by its number, represented as if it were alone."""
    if (cut := request.cut(position)) is None:
        return Pair(None, None, contained=False, representation="")
    train, held_out = cut
    contained = contains(request.start.support, concatenate([train, held_out]))
    parts = [part for part in (train, held_out) if row_count(part)]
    lengths = coarse_lengths(row_count(train), row_count(held_out))[: len(parts)] if request.ragged else ()
    (sample, why), *rest = summarize_each(request.start, parts, request.summarize, lengths=lengths)
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
    if not (request.summarize or request.ragged):
        progress(len(positions))
        return Samples(request, (), positions, none, "raw observations, as asked")
    if request.ragged:
        return _ragged(request, positions, progress)
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
    found = _Found(request)
    for position in positions.tolist():
        pair = represent(request, position)
        found.add(position, pair)
        progress(1)
    return found.samples(request, found.stacks())


def _ragged(request: Request, positions: np.ndarray, progress: Callable[[int], None]) -> Samples:
    """Make samples of many sizes ready, those of one class of sizes together."""
    found, waiting, (form, why) = _Found(request), {}, _form_of_many(request)

    def ready(lengths: tuple[int, ...]) -> None:
        places, parts = zip(*waiting.pop(lengths), strict=True)
        for position, each in zip(places, made_ready(request.start, parts, lengths, form), strict=True):
            if each.contained and not each.sound:  # what it is, it says by itself
                found.add(position, represent(request, position))
                continue
            said = found_in(request.start, each.train) if isinstance(each.train, Summary) else why
            found.add(position, Pair(each.train, each.validation, each.contained, said))
        progress(len(places))

    for position in positions.tolist():
        parts = request.cut(position)
        sizes = () if parts is None else tuple(row_count(part) for part in parts)
        lengths = coarse_lengths(*sizes)[: 1 + (sizes[1] > 0)] if sizes else (0,)
        few = form is not None and min(size for size in (*sizes, 1 << 62) if size) < form.separated().least
        if not sizes or few or max(lengths) > AT_ONCE or (form is None and not why):
            found.add(position, represent(request, position))
            progress(1)
            continue
        waiting.setdefault(lengths, []).append((position, parts))
        if len(waiting[lengths]) == rows_for(max(lengths)):
            ready(lengths)
    for lengths in list(waiting):
        ready(lengths)
    return found.samples(request, found.stacks())


def _form_of_many(request: Request) -> tuple[Form | None, str]:
    """Return the form in which every sample factors, or else why they are raw; where samples decide, neither."""
    why, observation = ", as asked", request.source.observation(request.start)
    if request.summarize:
        try:
            return form_of_any(request.start, observation), ""
        except NotApplicable as reason:
            why = f": {reason}"
    one = jax.tree.map(lambda of: np.ones((1, *of.shape), of.dtype), observation)
    with jax.enable_x64(True):
        return None, why_raw(request.start, one, why)


class _Found:
    """What is known of samples so far."""

    def __init__(self, request: Request) -> None:
        self.request, self.room = request, MOST_BESIDE
        self.alike: dict[Hashable, tuple[list[int], list[Any]]] = {}
        self.alone: list[int] = []
        self.outside: list[int] = []
        self.sentences: dict[str, None] = {}  # in the order in which they were found

    def add(self, position: int, pair: Pair) -> None:
        """Keep a sample, unless it lies alone: then it is cut again when it is used."""
        if not pair.contained:
            self.outside.append(position)
            return
        self.sentences[pair.representation] = None
        if (kind := pair.kind(self.request.largest_beside(self.room))) is None:
            self.alone.append(position)
            return
        if pair.forms is None:
            self.room -= pair.size
        where, pairs = self.alike.setdefault(kind, ([], []))
        where.append(position)
        pairs.append((pair.train, pair.validation))

    def stacks(self) -> list[Stack]:
        """Return the samples that lie side by side."""
        return [
            Stack(np.asarray(where), *jax.tree.map(lambda *leaves: np.stack(leaves), *pairs))
            for where, pairs in self.alike.values()
        ]

    def samples(self, request: Request, stacks: list[Stack]) -> Samples:
        said = "; ".join(sorted(self.sentences)) or f"no sample lies in the support of {type(request.start).__name__}"
        alone, outside = np.asarray(self.alone, np.int64), np.asarray(self.outside, np.int64)
        return Samples(request, tuple(stacks), alone, outside, said)


# Draws by JAX ---------------------------------------------------------------------------------------------------------


def _drawn_together(
    request: Request, source: Draws, positions: np.ndarray, mesh: Mesh, progress: Callable[[int], None]
) -> Samples:
    """Try the form of the first seed on all of them; those that it is not the form of go on to the next."""
    found, stacks, tried, left = _Found(request), [], set(), positions
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
        drawn = _drawn(request, source, left, forms, mesh)
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
    drawn = _drawn(request, source, positions, look.forms, mesh)
    progress(len(positions))
    none = np.zeros(0, np.int64)
    stack = Stack(positions, drawn.train, drawn.validation)
    return Samples(request, (stack,), none, none, look.representation)


def _drawn(request: Request, source: Draws, positions: np.ndarray, forms: Forms, mesh: Mesh) -> Drawn:
    seeds = request.seeds[positions // len(request.sources)]
    held_out = validation_count(source.size, request.validation_fraction)
    return draw_summaries(source, seeds, held_out, request.start, forms, mesh)
