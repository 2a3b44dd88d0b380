"""What a sweep is: its axes, its runs, and the settings that decide their results."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import jaxlib
import numpy as np

from .. import checks
from ..devices import compiler_options
from ..devices import mesh as device_mesh
from ..devices import start as start_devices
from ..models import Model
from ..models.parameters import parameter_names, per_parameter, with_dtype
from ..progress import Progress
from ..samples.sources import Datasets, datasets
from .lanes import Run
from .plan import Along, Plan


def axes_and_runs(
    start: Model, seeds: Any, starts: Any, learning_rates: Any, max_epochs: Any, patience: Any, tolerance: Any
) -> tuple[dict[str, np.ndarray], Run]:
    """The axes by name, and the part of the runs that does not depend on data."""
    seeds = checks.counts("seeds", np.atleast_1d(np.asarray(seeds)), at_least=0, at_most=2**32 - 1)
    axes: dict[str, np.ndarray] = {"seed": checks.distinct("seeds", seeds)}

    def along(name: str, values: np.ndarray, always: bool = False) -> Along:
        if np.ndim(values) == 0 and not always:
            return Along(np.reshape(values, (1,)))
        axes[name] = checks.distinct(name, np.atleast_1d(values))
        return Along(axes[name], len(axes) - 1)

    model = jax.tree.map(lambda leaf: Along(np.asarray(leaf)[None]), start)
    if starts is not None:
        models = [with_dtype(each, np.float64, f"starts[{i}]") for i, each in enumerate(starts)]
        _check_family(start, "starts", models)
        axes["start"] = np.arange(len(models))
        position = len(axes) - 1
        model = jax.tree.map(lambda *leaves: Along(np.stack(leaves), position), *models)
    if isinstance(learning_rates, Model):
        _check_family(start, "learning_rates", [learning_rates])
        names = [f"learning_rate.{name}" for name in parameter_names(start)]
        leaves = jax.tree.leaves(learning_rates, is_leaf=lambda x: not isinstance(x, Model))
        found = [along(name, checks.positive(name, np.asarray(v))) for name, v in zip(names, leaves, strict=True)]
        rates = jax.tree.unflatten(jax.tree.structure(start), found)
    else:
        rate = along("learning_rate", checks.positive("learning_rates", np.asarray(learning_rates)), always=True)
        rates = per_parameter(rate, start)
    return axes, Run(
        start=model,
        learning_rate=rates,
        max_epochs=along("max_epochs", checks.counts("max_epochs", max_epochs)),
        patience=along("patience", checks.counts("patience", patience)),
        tolerance=along("tolerance", checks.non_negative("tolerance", tolerance)),
        train=None,
        validation=None,
    )


def _check_family(start: Model, name: str, models: Sequence[Model]) -> None:
    if not models:
        raise ValueError(f"{name} must be a non-empty sequence of models")
    for each in models:
        if type(each) is not type(start):
            raise TypeError(f"{name}: expected a {type(start).__name__}, as the start is; got a {type(each).__name__}")


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


@dataclasses.dataclass(frozen=True)
class Job:
    """A sweep that is ready to run."""

    start: Model
    plan: Plan
    data: Datasets
    optimizer: Any
    dtype: np.dtype
    mesh: Any
    settings: dict[str, Any]  # what decides the results besides the axes


def prepare(
    model: Model,
    *,
    seeds: Any,
    learning_rates: Any,
    observations: Any = 100_000,
    target: Model | None = None,
    draw: str = "jax",
    starts: Sequence[Model] | None = None,
    validation_fraction: float | int = 0.2,
    split_seed: int = 42,
    base_seed: int = 0,
    max_epochs: Any = 10_000,
    patience: Any = 50,
    tolerance: Any = 1e-8,
    optimizer: Any = None,
    dtype: Any = np.float64,
    summarise: bool = True,
    devices: Sequence[Any] | None = None,
    bar: Progress,
) -> Job:
    """Check the arguments of `sweep`, lay out its runs, and draw or cut their samples."""
    start_devices()
    dtype = checks.floating_type(dtype)
    start = with_dtype(model, np.float64)
    with jax.enable_x64(True):
        mesh = device_mesh(devices)
        axes, run = axes_and_runs(start, seeds, starts, learning_rates, max_epochs, patience, tolerance)
        bar.draw(len(axes["seed"]))
        data, draws = datasets(
            start, axes["seed"], observations, target, draw, validation_fraction, split_seed, base_seed, summarise
        )
        if data.factored:
            data.summarise(mesh, draws, bar.seeds_done)
        train, validation = jax.tree.map(lambda leaf: Along(np.asarray(leaf), 0), (data.train, data.validation))
        plan = Plan(axes, dataclasses.replace(run, train=train, validation=validation))
        settings = {"computed_by": computed_by(mesh), "dtype": dtype.name}
        settings |= settings_of(plan, data, validation_fraction) | {"optimizer": fingerprint(optimizer, start)}
    return Job(start, plan, data, optimizer, dtype, mesh, settings)
