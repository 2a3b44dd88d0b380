"""`sweep`: axes, runs, lanes, results."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import checks
from ..devices import describe
from ..models import Model
from ..models.base import M
from ..progress import Progress, Tally
from ..results.sweep import SweepResult
from .collect import Collector
from .measure import outcomes
from .prepare import prepare


def sweep(
    model: M,
    *,
    seeds: Any,
    learning_rates: Any,
    observations: Any = 100_000,
    target: Model | None = None,
    draw: str = "jax",
    starts: Sequence[M] | None = None,
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
    out: str | Path | None = None,
    repair: bool = False,
    attributes: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> SweepResult[M]:
    """Run gradient ascent for every combination of seeds, learning rates and whatever else is given as a sequence.

    Args:
        model: the start point; scalar parameters.
        seeds: whole numbers. Each is a sample of its own (drawn data), or a split of its own (data given).
        learning_rates: one axis of rates for all parameters, or a model with a number or a sequence per parameter,
            such as `Normal([0.1, 1.0], [1.0, 10.0])`, whose sequences become axes `learning_rate.mean`, ...
        observations: how many to draw from `target` per seed, or the data, (n,).
        target: the model to draw from; by default, where `model` is a Normal, the article's N(7.2, 2.8^2).
        draw: `"jax"`: independent draws from `fold_in(key(base_seed), seed)`; `"numpy"`: the article's legacy stream
            `RandomState(seed)` and its split; `"statistics"`: a sample's sufficient statistics drawn directly, exact
            in distribution, for families with `draw_closed_form`.
        starts: start points to use in place of `model`: an axis `start`, numbered from 0.
        validation_fraction: as in `train`.
        split_seed: of the split that `draw="numpy"` makes.
        base_seed: of the key that draws by JAX are folded from.
        max_epochs: as in `train`; a sequence becomes an axis.
        patience: as in `train`; a sequence becomes an axis.
        tolerance: as in `train`; a sequence becomes an axis.
        optimizer: as in `train`.
        dtype: `float64` or `float32`.
        summarise: whether to look for sufficient statistics.
        devices: the devices to use; all local ones by default.
        out: a directory for the results: a Zarr store, which xarray opens at any time. The same sweep again goes on
            where it was interrupted; one with more values along an axis computes only the new runs.
        repair: recompute damaged batches of `out`.
        attributes: further attributes of the result: plain values, as JSON has them.
        progress: show a progress bar on standard error.

    Returns:
        A `SweepResult` whose arrays have the shape of the axes, in the order seed, start, learning rates, max_epochs,
        patience, tolerance. A run's result depends on nothing else in the sweep.

    Raises:
        TypeError, ValueError: an argument is not as described; the message names the value, its place and the rule.
        StoreError: (a ValueError) `out` cannot be used; the message says why and what to do.

    Example:
        >>> import mlejax
        >>> result = mlejax.sweep(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(3), learning_rates=[0.5, 2.0], observations=1000, max_epochs=2000
        ... )
        >>> result.model.mean.shape, list(result.axes)
        ((3, 2), ['seed', 'learning_rate'])
    """
    own = checks.attributes(attributes or {})
    with Progress(enabled=progress) as bar:
        job = prepare(
            model, seeds=seeds, learning_rates=learning_rates, observations=observations, target=target, draw=draw,
            starts=starts, validation_fraction=validation_fraction, split_seed=split_seed, base_seed=base_seed,
            max_epochs=max_epochs, patience=patience, tolerance=tolerance, optimizer=optimizer, dtype=dtype,
            summarise=summarise, devices=devices, bar=bar,
        )  # fmt: skip
        tally, settings = Tally(), dict(job.settings)
        with (
            jax.enable_x64(True),
            Collector.of(
                job.start, job.plan.axes, settings, settings.pop("computed_by"), out=out, repair=repair, attributes=own
            ) as kept,
        ):
            if (result := kept.stored()) is not None:
                return result
            waiting = kept.waiting()
            bar.train(job.plan.count, job.plan.count - len(waiting))
            with contextlib.closing(outcomes(job, waiting, tally, bar)) as ended:
                for ids, outcome in ended:
                    kept.put(ids, outcome)
            return kept.finish(job.data.path, describe(job.mesh), tally.executed, job.data.of, bar.waiting_for)
