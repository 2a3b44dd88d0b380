"""`sweep`: a description, its samples, its runs, the result."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import checks
from .. import devices as local
from ..ascent.vary import Optimizers
from ..models.base import M, Model
from ..progress import Progress, Tally
from ..results.schema import DIGEST, OF_ALL, variables
from ..results.sweep import SweepResult
from ..samples.sources import Numbers
from ..store.layout import Description, Layout
from .collect import Collector
from .known import digests_by_run
from .measure import Work, samples_for
from .outcomes import Outcomes
from .spec import SweepSpec


def sweep(
    model: M,
    *,
    seeds: Numbers | None = None,
    learning_rates: Numbers | Model,
    observations: object = None,
    starts: Iterable[M] | M | None = None,
    validation_fraction: float | int = 0.2,
    max_epochs: Numbers = 10_000,
    patience: Numbers = 50,
    tolerance: Numbers = 1e-8,
    optimizer: Optimizers = None,
    dtype: DTypeLike = np.float64,
    summarize: bool = True,
    devices: Sequence[local.Device] | None = None,
    out: str | Path | None = None,
    repair: bool = False,
    allow_mixed: bool = False,
    attributes: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> SweepResult[M]:
    """Run gradient ascent for every combination of seeds, learning rates and whatever else is given as a sequence.

    Args:
        model: the start point.
        seeds: whole numbers. Each is a sample of its own (of a source that draws), or a split of its own (data given).
            A source with an axis of its own, such as `Groups`, takes none.
        learning_rates: one axis of rates for all parameters, or a model with a number or a sequence per parameter,
            such as `Normal([0.1, 1.0], [1.0, 10.0])`, whose sequences become axes `learning_rate.mean`, ...
        observations: the data, or a source of samples: `mlejax.Draws(target, count)` draws one for each seed;
            a sequence of counts becomes an axis `count`. `mlejax.Groups(data, labels)` trains on every group of a
            table, along an axis `group` of their labels, `Windows` on every window, `Resamples` on every bootstrap
            sample; each is cut as `train` cuts it. The status of one too small to be cut is OUTSIDE_SUPPORT.
        starts: start points to use in place of `model`: an axis `start`, numbered from 0.
        validation_fraction: as in `train`.
        max_epochs: as in `train`; a sequence becomes an axis.
        patience: as in `train`; a sequence becomes an axis.
        tolerance: as in `train`, in nats; a sequence becomes an axis.
        optimizer: as in `train`; `mlejax.vary(optax.trace, decay=[0.0, 0.9])` makes axes of its hyperparameters, and
            several by name, such as `{"plain": None, "adam": optax.scale_by_adam()}`, an axis `optimizer`, numbered
            from 0.
        dtype: `float64` or `float32`.
        summarize: whether to look for sufficient statistics.
        devices: the devices to use; all local ones by default.
        out: a directory for the results: a Zarr store, which xarray opens at any time. The same sweep again goes on
            where it was interrupted; one with more values along an axis computes only the new runs.
        repair: recompute damaged batches of `out`.
        allow_mixed: go on in `out` although something that decides the last bits of results has changed since its
            other runs were made: versions, the instruction set, the compiler's options. Each run says which.
        attributes: further attributes of the result: plain values, as JSON has them.
        progress: show a progress bar on standard error.

    Returns:
        A `SweepResult` whose arrays have the shape of the axes, in the order seed (or group), count, start, learning
        rates, max_epochs, patience, tolerance, those of the optimizer. A run's result depends on nothing else in the
        sweep: a sample that the model cannot have drawn gives its own runs the status OUTSIDE_SUPPORT, and no others.

    Raises:
        TypeError, ValueError: an argument is not as described; the message names the value, its place and the rule.
        StoreError: (a ValueError) `out` cannot be used; the message says why and what to do.

    Example:
        >>> import mlejax
        >>> result = mlejax.sweep(
        ...     mlejax.Normal(0.0, 1.0), seeds=range(3), learning_rates=[0.5, 2.0], max_epochs=2000,
        ...     observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 1000),
        ... )
        >>> result.model.mean.shape, list(result.axes)
        ((3, 2), ['seed', 'learning_rate'])
    """
    spec = SweepSpec.checked(
        model, seeds=seeds, learning_rates=learning_rates, observations=observations, starts=starts,
        validation_fraction=validation_fraction, max_epochs=max_epochs, patience=patience, tolerance=tolerance,
        optimizer=optimizer, dtype=dtype, summarize=summarize,
    )  # fmt: skip
    own = checks.attributes(attributes or {})
    local.start()
    mesh, tally = local.mesh(devices), Tally()
    computed_by = local.computed_by(list(mesh.devices.flat))
    known = {} if out is None else digests_by_run(spec)
    layout = Layout.of(spec.axes, (*variables(spec.start), *([DIGEST] if known else [])))
    description = Description(spec.settings(), [computed_by], own, {}, loose=OF_ALL if known else frozenset())
    with (
        local.own_settings(),
        Progress(progress) as told,
        Collector.of(layout, description, out=out, repair=repair, allow_mixed=allow_mixed, known=known) as kept,
    ):
        outcomes = Outcomes(spec.start, kept)
        if (finished := outcomes.stored()) is not None:
            told.train(spec.run_count, spec.run_count)
            return dataclasses.replace(finished, spent=told.spent(0, local.describe(mesh)))
        samples = None
        for waiting in kept.shares(told.waiting_for):
            samples = samples_for(spec, waiting, mesh, told)
            told.train(spec.run_count, spec.run_count - int(np.count_nonzero(waiting)))
            with contextlib.closing(Work(spec, mesh, tally, told, kept.look).outcomes(samples, waiting)) as ended:
                for part, outcome in ended:
                    outcomes.put(part, outcome)
        assert samples is not None  # one share is its own, however few runs are in it
        where, pair = local.describe(mesh), samples.pair
        result = outcomes.finish(samples.representation, where, tally.executed, lambda run: pair(spec.sample_of(run)))
        return dataclasses.replace(result, spent=told.spent(tally.useful, where))
