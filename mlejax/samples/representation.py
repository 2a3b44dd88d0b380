"""A sample as its sufficient statistics where the formula has them and the data agree, otherwise as it is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import devices
from ..formula.jaxpr import NotApplicable, as_formula_takes
from ..models.base import Model
from ..models.tracing import ONE_NUMBER, check_formula
from .agreement import AGREEMENT, disagreement
from .raw import Observations, divided, observe
from .summary import Summary, find_form, some_of, summarize_all, summarize_compiled

Sample = Observations | Summary


def as_sample(sample: Any) -> Sample:
    """Return a sample as it is, or an array of observations (n,) wrapped as one."""
    if isinstance(sample, Summary):
        return sample.in_jax_types()
    return sample if isinstance(sample, Observations) else Observations(jnp.asarray(sample))


def observation_of(model: Model, sample: Sample) -> jax.ShapeDtypeStruct:
    """Return the shape and the type in which the formula of `model` gets ONE observation of a sample."""
    if isinstance(sample, Summary):
        return sample.form.structure.observation
    if not isinstance(model, Model) or sample.values.ndim == 0:
        return ONE_NUMBER
    taken = as_formula_takes(model, sample.values)
    return jax.ShapeDtypeStruct(taken.shape[1:], taken.dtype)


def summarize(model: Model, values: np.ndarray, factoring: bool = True) -> tuple[Sample, str]:
    """Summarize observations (n,) for `model` where its log-density factors, checked against the data.

    Returns:
        The sample (a `Summary`, or `Observations` when the model does not factor or the factored form does not agree
        with the data to rounding) and a sentence that says which, and why.
    """
    if not isinstance(values, Tracer):
        devices.start(warn=False)  # before JAX starts, which could not be made fast later
    with jax.enable_x64(True):
        taken = as_formula_takes(model, values)
        check_formula(model, jax.ShapeDtypeStruct((), taken.dtype))
        kept = "; the observations stay whole numbers" if taken.dtype.kind in "iu" else ""

        def raw(reason: str) -> tuple[Observations, str]:
            try:
                divided(model, jnp.asarray(taken))
            except NotApplicable as undivided:
                if str(undivided) not in reason:
                    reason += f"; every epoch evaluates all of the formula: {undivided}"
            return observe(model, jnp.asarray(taken)), f"raw observations{reason}{kept}"

        if not factoring:
            return raw(", as asked")
        try:
            form = find_form(model, taken)
            array = jnp.asarray(some_of(taken))
            worst = float(disagreement(model, summarize_compiled(form, array)[0], Observations(array)))
            if worst == np.inf:
                return raw(": the factored form is infinite or NaN where the formula is finite")
            if worst > AGREEMENT:
                return raw(f": the factored form differs from the data by {worst:.1e} of its terms")
            summary, holds = summarize_all(model, form, taken)
        except NotApplicable as reason:
            return raw(f": {reason}")
        if not holds:
            return raw(": rounding decides which branch of the formula one of them takes")
        count = len(summary.centers) + len(summary.averages)
        found = f"{count} sufficient statistic{'s' if count != 1 else ''} found in {type(model).__name__}.log_prob"
        return summary, found + kept
