"""What decides the results of a sweep, in plain values: a directory of results refuses to mix two of them."""

import hashlib
from typing import Any

import jax
import jaxlib
import numpy as np

from .datasets import Datasets
from .devices import compiler_options
from .models import Model
from .models.base import parameter_names
from .plan import Plan


def settings_of(plan: Plan, data: Datasets, validation_fraction: float | int) -> dict[str, Any]:
    """What decides the results besides the axes, in plain values: a store refuses to mix two of them."""
    fixed = {
        name: leaf.values[0].item()
        for name, leaf in (
            ("max_epochs", plan.run.max_epochs),
            ("patience", plan.run.patience),
            ("tolerance", plan.run.tolerance),
        )
        if leaf.axis < 0
    }
    names = parameter_names(data.model)
    rates = zip(names, jax.tree.leaves(plan.run.learning_rate), strict=True)
    fixed |= {f"learning_rate.{name}": leaf.values[0].item() for name, leaf in rates if leaf.axis < 0}
    start = {name: leaf.values.tolist() for name, leaf in zip(names, jax.tree.leaves(plan.run.start), strict=True)}
    return (
        fixed
        | {
            "model": f"{type(data.model).__name__} {formula_digest(data.model)}",
            "start": start,
            "validation_fraction": validation_fraction,
            "sufficient_statistics": data.factored,
        }
        | data.origin
    )


def formula_digest(model: Model) -> str:
    """A short name for the formula of `log_prob`: it changes when the formula does."""
    x = jax.ShapeDtypeStruct((), np.float64)
    return _digest(jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, x))


def fingerprint(optimizer: Any, model: Model) -> str:
    """A short name for an optimizer, its own settings included."""
    if optimizer is None:
        return "plain ascent"
    return "optax " + _digest(jax.make_jaxpr(optimizer.update)(model, optimizer.init(model), model))


def _digest(jaxpr: Any) -> str:
    digest = hashlib.sha256(str(jaxpr).encode())  # JAX writes XXXX for the addresses of functions
    for constant in jaxpr.consts:
        digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()[:16]


def computed_by(mesh: Any) -> str:
    """Version, backend and compiler options: where they are the same a run has the same bits always."""
    return f"jaxlib {jaxlib.__version__}, {mesh.devices.flat[0].platform} {compiler_options()}".rstrip()
