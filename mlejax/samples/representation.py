"""A sample as its sufficient statistics where the formula has them and the data agree, otherwise as it is."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import devices
from ..formula.divide import divide
from ..formula.jaxpr import NotApplicable, Structure, as_formula_takes
from ..formula.sufficient import Form, structure_for_statistics
from ..models.base import Model, name_of
from ..models.rows import Observation, Rows, named_columns, one_of, row_count
from ..models.tracing import ONE_NUMBER, check_formula
from .agreement import AGREEMENT, examine
from .filled import Filled, filled_length, filled_up
from .raw import Observations, observe
from .summary import LARGE, Summary, find_form, some_of, summarize_all, summarize_array

Sample = Observations | Summary


def as_sample(sample: Any) -> Sample:
    """Return a sample as it is, or observations, an array or a record of arrays, wrapped as one."""
    if isinstance(sample, Summary):
        return sample.in_jax_types()
    if isinstance(sample, Observations):
        return sample
    return Observations(jax.tree.map(jnp.asarray, sample, is_leaf=lambda part: isinstance(part, list)))


def observation_of(model: Model, sample: Sample) -> Observation:
    """Return the shapes and types in which the formula of `model` gets ONE observation of a sample."""
    if isinstance(sample, Summary):
        return sample.form.structure.observation
    if not isinstance(model, Model) or any(column.ndim == 0 for column in jax.tree.leaves(sample.values)):
        return ONE_NUMBER
    return one_of(as_formula_takes(model, sample.values))


def summarize(
    model: Model,
    values: Rows,
    factoring: bool = True,
    weights: np.ndarray | None = None,
    fill: bool = False,
    known: bool = False,
) -> tuple[Sample, str]:
    """Summarize observations for `model` where its log-density factors, checked against the data.

    Args:
        model: its numbers are those that the factored form is checked at, and near.
        values: observations.
        factoring: whether to look for sufficient statistics.
        weights: how often each observation counts, (n,), not negative; None counts each once.
        fill: whether to fill raw observations up to one of few lengths, with some that count for nothing.
        known: whether the formula was checked just before.

    Returns:
        The sample (a `Summary`, or `Observations` when the model does not factor or the factored form does not agree
        with the data to rounding) and a sentence that says which, and why.
    """
    return summarize_each(model, [values], factoring, weights, fill, known=known)[0]


def summarize_each(
    model: Model,
    parts: Sequence[Rows],
    factoring: bool = True,
    weights: np.ndarray | None = None,
    fill: bool = False,
    lengths: Sequence[int] = (),
    known: bool = False,
) -> list[tuple[Sample, str]]:
    """Summarize several samples, each as `summarize` does alone; they are looked through by one program.

    Weights are those of a sample that is the only one; `lengths` those that raw observations are filled up to. `known`
    says that the formula was checked just before.
    """
    if not any(isinstance(column, Tracer) for column in jax.tree.leaves(list(parts))):
        devices.start(warn=False)  # before JAX starts, which could not be made fast later
    with jax.enable_x64(True):
        taken = [as_formula_takes(model, values) for values in parts]
        for values in () if known else taken:
            check_formula(model, one_of(values))
        to = lengths or [filled_length(row_count(values)) if fill else None for values in taken]
        raws = [functools.partial(_raw, model, weights=weights, length=length) for length in to]
        if not factoring:
            return [raw(values, ", as asked") for raw, values in zip(raws, taken, strict=True)]
        made = [_factored(model, values, weights) for values in taken]
        good = [found for found in made if not isinstance(found, str)]
        apart = iter(_apart(model, good))
        return [
            raw(values, found) if isinstance(found, str) else found.checked(model, float(next(apart)), raw)
            for raw, values, found in zip(raws, taken, made, strict=True)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class _Factored:
    """A sample and its summary, which is to be held against it."""

    values: Rows
    filled: Filled | None  # the same, filled up, unless they are very many
    summary: Summary
    holds: bool  # whether the observations take exactly the branches of the form
    weights: np.ndarray | None

    def checked(self, model: Model, apart: float, raw: Callable[[Rows, str], tuple[Sample, str]]) -> tuple[Sample, str]:
        """Return the summary if it agrees with the observations, or else these as they are, and a sentence."""
        if why := why_not(apart, self.holds):
            return raw(self.values, why)
        return self.summary, found_in(model, self.summary)


def why_not(apart: float, holds: bool) -> str:
    """Say why a factored form does not serve for a sample; nothing where it does.

    Args:
        apart: how far it and the observations are apart.
        holds: whether these take exactly its branches.
    """
    if apart == np.inf:
        return ": the factored form is infinite or NaN where the formula is finite"
    if apart > AGREEMENT:
        return f": the factored form differs from the data by {apart:.1e} of its terms"
    return "" if holds else ": rounding decides which branch of the formula one of them takes"


def _factored(model: Model, values: Rows, weights: np.ndarray | None) -> _Factored | str:
    """Return a sample with its summary, or why it has none."""
    try:
        form = find_form(model, values)
        filled = Filled.of(values) if row_count(values) <= LARGE else None
        summary, holds = summarize_all(model, form, values, weights, filled)
        return _Factored(values, filled, summary, holds, weights)
    except NotApplicable as reason:
        return f": {reason}"


def _apart(model: Model, samples: Sequence[_Factored]) -> Sequence[float]:
    """Return how far each summary and its observations, or some of very many, are apart."""
    if not samples:
        return []
    looked_at = [some_of(sample.values) for sample in samples]
    known = [
        sample.summary
        if row_count(some) == row_count(sample.values) and sample.weights is None
        else summarize_array(sample.summary.form, some)[0]
        for sample, some in zip(samples, looked_at, strict=True)
    ]
    filled = [sample.filled or Filled.of(some) for sample, some in zip(samples, looked_at, strict=True)]
    return np.asarray(examine(model, known, filled).apart).tolist()


def _raw(
    model: Model, values: Rows, reason: str, weights: np.ndarray | None, length: int | None
) -> tuple[Observations, str]:
    """Return observations as they are, and a sentence that ends with the reason."""
    said = why_raw(model, values, reason)
    if length is not None:
        values, weights = filled_up(values, weights, length)
    return observe(model, jax.tree.map(jnp.asarray, values), weights), said


def why_raw(model: Model, values: Rows, reason: str) -> str:
    """Return the sentence that says that observations are passed over as they are; it ends with the reason."""
    return _why_raw(structure_for_statistics(model, one_of(values)), reason)


@functools.lru_cache(maxsize=256)
def _why_raw(structure: Structure, reason: str) -> str:
    try:
        divide(structure)
    except NotApplicable as undivided:
        if str(undivided) not in reason:
            reason += f"; every epoch evaluates all of the formula: {undivided}"
    return f"raw observations{reason}{_kept(structure.observation)}"


def _kept(observation: Observation) -> str:
    whole = [name for name, part in named_columns(observation).items() if part.dtype.kind in "iu"]
    return (
        "; the observations stay whole numbers"
        if whole == [""]
        else "".join(f"; {name} stays whole numbers" for name in whole)
    )


def found_in(model: Model, summary: Summary) -> str:
    """Return the sentence that says how many statistics a sample, or each of many, has."""
    return _found(name_of(model), summary.form)


@functools.lru_cache(maxsize=256)
def _found(name: str, form: Form) -> str:
    count, kept = form.separated().count, _kept(form.structure.observation)
    return f"{count} sufficient statistic{'s' if count != 1 else ''} found in {name}.log_prob{kept}"
