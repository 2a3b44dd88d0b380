"""A sample as its sufficient statistics where the formula has them and the data agree, otherwise as it is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..formula.algebra import NotSeparable
from ..models.base import Model
from .agreement import AGREEMENT, disagreement
from .raw import Observations, observe
from .summary import Summary, find_form, some_of, summarize_all, summarize_compiled

Sample = Observations | Summary


def as_sample(sample: Any) -> Sample:
    """A sample as it is, or an array of observations (n,) wrapped as one."""
    if isinstance(sample, Summary):
        return sample.in_jax_types()
    return sample if isinstance(sample, Observations) else Observations(jnp.asarray(sample))


def summarize(model: Model, values: np.ndarray, factoring: bool = True) -> tuple[Sample, str]:
    """Summarise observations (n,) for `model` where its log-density factors, checked against the data.

    Returns:
        The sample (a `Summary`, or `Observations` when the model does not factor or the factored form does not agree
        with the data to rounding) and a sentence that says which, and why.
    """
    with jax.enable_x64(True):

        def raw() -> Observations:
            return observe(model, jnp.asarray(values))

        array = jnp.asarray(some_of(values))
        if not factoring:
            return raw(), "raw observations, as asked"
        try:
            form = find_form(model, values)
        except NotSeparable as reason:
            return raw(), f"raw observations: {reason}"
        worst = float(disagreement(model, summarize_compiled(form, array)[0], Observations(array)))
        if not worst <= AGREEMENT:
            return raw(), f"raw observations: the factored form differs from the data by {worst:.1e} of its terms"
        summary, holds = summarize_all(model, form, values)
        if not holds:
            return raw(), "raw observations: rounding decides which branch of the formula one of them takes"
        count = len(summary.centres) + len(summary.averages)
        path = f"{count} sufficient statistic{'s' if count != 1 else ''} found in {type(model).__name__}.log_prob"
        return summary, path
