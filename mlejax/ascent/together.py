"""Many samples climbed by one program: rows of observations filled up to one length."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..formula.jaxpr import NotApplicable
from ..formula.sufficient import Form
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.rows import Observation, Rows
from ..samples.agreement import AGREEMENT, examine
from ..samples.filled import Filled
from ..samples.raw import observe
from ..samples.summary import form_of_any, summarize_with
from .ground import end_of
from .newton import MAX_STEPS, Climb

LENGTHS = tuple(32 * 4**power for power in range(11))
"""Rows are filled up to one of these lengths: there are few, so that there is little to compile."""

AT_ONCE = 1 << 20
"""Observations in the rows of one call, about."""

MOST_ROWS = 1024
"""Rows of one call, at most."""

BLOCK = 16
"""Rows that go on side by side: the vector units are full, their data stay in the cache, and none waits long."""


class Batch(eqx.Module):
    """Samples side by side, and where to start."""

    values: Rows | None  # leaves (b, m, ...): each row a sample, and copies of its first observation; None: shared
    counts: Any  # (b,): how many observations a row has
    weights: Any  # (b, m) with zeros behind; None counts each observation once
    starts: Any  # (b, p) unconstrained coordinates


def length_for(size: int) -> int:
    """Return to what length a sample of this size is filled up; its own where it is longer than any."""
    return next((length for length in LENGTHS if size <= length), size)


def rows_for(length: int) -> int:
    """Return how many rows of this length a call takes."""
    return int(np.clip(AT_ONCE // length, 1, MOST_ROWS))


def shared_form(model: Model, observation: Observation) -> Form | None:
    """Return the form in which every sample of such observations factors; None where samples decide, or none does."""
    try:
        return form_of_any(model, observation)
    except NotApplicable:
        return None


@functools.partial(jax.jit, static_argnums=(0, 1))
def climb_rows(table: Parameters[Any], form: Form | None, batch: Batch, shared: Rows | None = None) -> dict[str, Any]:
    """Climb from the start of every row.

    Args:
        table: of the parameters.
        form: in which all samples factor; None climbs on the observations themselves.
        batch: the samples.
        shared: the observations of all rows, leaves (m, ...), where these differ in their weights alone.

    Returns:
        What `ground.end_of` does, of each row; and `agrees`: whether the factored form agrees with the observations.
    """

    def one(row: Batch) -> dict[str, Any]:
        values = shared if row.values is None else row.values
        model, filled = table.from_real(row.starts), Filled(values, row.counts)
        agrees = jnp.asarray(True)
        if form is None:
            weights = filled.counts.astype(row.starts.dtype) if row.weights is None else row.weights
            sample: Any = observe(model, values, weights)
        else:
            plain, holds = summarize_with(form, filled)
            agrees = holds & (examine(model, [plain], [filled]).apart[0] <= AGREEMENT)
            sample = plain if row.weights is None else summarize_with(form, filled, row.weights)[0]
        climb = Climb(sample, row.starts, np.ones(table.real_size), np.int64(MAX_STEPS), table)
        return dict(end_of(climb)) | {"agrees": agrees, "count": jnp.asarray(sample.count, row.starts.dtype)}

    return jax.lax.map(one, batch, batch_size=min(BLOCK, len(batch.counts)))
