"""A sweep that is ready to run: its runs laid out, its samples drawn or cut."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from ..devices import mesh as device_mesh
from ..devices import start as start_devices
from ..models import Model, Normal
from ..models.parameters import with_dtype
from ..progress import Progress
from ..samples.datasets import Datasets, datasets
from ..samples.sources import ARTICLE_TARGET, Draws
from .lanes import Run
from .plan import Along, Plan
from .spec import SweepSpec, _named


@dataclasses.dataclass(frozen=True)
class Job:
    """A sweep that is ready to run."""

    spec: SweepSpec
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
    start = with_dtype(model, np.float64)
    source: Any = observations
    if np.ndim(observations) == 0:
        if target is None:
            if not isinstance(start, Normal):
                raise ValueError(f"observations={observations} asks for draws: give the target= to draw from")
            target = ARTICLE_TARGET
        base = {} if draw == "numpy" else {"base_seed": base_seed}
        cut = {"split_seed": split_seed} if draw == "numpy" else {}
        source = Draws(target, observations, draw, **base, **cut)  # type: ignore[arg-type]
    spec = SweepSpec.checked(
        start, seeds=seeds, learning_rates=learning_rates, observations=source, starts=starts,
        validation_fraction=validation_fraction, max_epochs=max_epochs, patience=patience, tolerance=tolerance,
        optimizer=optimizer, dtype=dtype, summarize=summarise,
    )  # fmt: skip
    with jax.enable_x64(True):
        mesh = device_mesh(devices)
        bar.draw(len(spec.axes["seed"]))
        data, draws = datasets(
            start, spec.axes["seed"], observations, target, draw, validation_fraction, split_seed, base_seed, summarise
        )
        if data.factored:
            data.summarise(mesh, draws, bar.seeds_done)
        train, validation = jax.tree.map(lambda leaf: Along(np.asarray(leaf), 0), (data.train, data.validation))
        plan = Plan(dict(spec.axes), _runs(spec, train, validation))
    settings = {"computed_by": spec.computed_by()} | spec.settings()
    return Job(spec, start, plan, data, optimizer, spec.dtype, mesh, settings)


def _runs(spec: SweepSpec, train: Any, validation: Any) -> Any:
    names = list(spec.axes)

    def along(name: str, values: Any) -> Along:
        return Along(values, names.index(name)) if name in names else Along(np.reshape(values, (1,)))

    start = jax.tree.map(lambda leaf: Along(np.asarray(leaf)[None]), spec.start)
    if spec.starts:
        start = jax.tree.map(lambda *leaves: Along(np.stack(leaves), names.index("start")), *spec.starts)
    leaves = [along(name, values) for name, values in spec.rates.items()]
    tree = jax.tree.structure(spec.start)
    rates = jax.tree.unflatten(tree, leaves * tree.num_leaves if len(leaves) < tree.num_leaves else leaves)
    stopping = {name: along(name, values) for name, values in _named(spec.stopping).items()}
    return Run(start=start, learning_rate=rates, **stopping, train=train, validation=validation)
