"""Recompute runs of a result directory and compare their bits."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import checks, devices
from ..ascent.vary import Optimizers
from ..checks import InputTypeError, InputValueError
from ..models.abilities import HasStart
from ..models.base import Model
from ..progress import Progress, Tally
from ..results.schema import variables
from ..status import Status
from ..store.files import StoreError
from ..store.layout import FITS
from ..store.load import load_sweep
from ..store.load import stored as stored_in
from ..store.reading import read_root
from .known import digests_of_samples
from .measure import Work, samples_for
from .outcomes import columns_of
from .recomputed import Verification, chosen, differences, made_here
from .refitted import verify_fits
from .spec import SweepSpec


def verify(
    path: str | Path,
    model: Model | type[Model] | HasStart | None = None,
    observations: Any = None,
    optimizer: Optimizers = None,
    *,
    runs: int | None = 64,
    random_seed: int | None = None,
    progress: bool = True,
) -> Verification:
    """Recompute runs of a stored sweep, or fits of a stored table, finished or not, and compare all bits.

    What the sweep was, or the table, is read from the store. Only what a digest cannot give back is asked for by name.

    Args:
        path: the `out` of `sweep` or of `fit_many`.
        model: an instance of the model, if it is not one of the library's; of fits, the family or the model that they
            were given.
        observations: the data, if data were given; of fits, the source of samples, such as `Groups(data, labels)`.
        optimizer: the optimizer, if there was one.
        runs: how many to recompute, spread at random over all that have ended; None for all.
        random_seed: of the selection; None for another one every time.
        progress: show a progress bar on standard error.

    Returns:
        How many were recomputed, of how many, and which differ.

    Raises:
        StoreError: no run that has ended is there, the store is damaged, or all was computed in another way.
        ValueError: something is asked for by name, or is another than the sweep had.

    Example:
        >>> import tempfile, mlejax
        >>> with tempfile.TemporaryDirectory() as out:
        ...     _ = mlejax.sweep(
        ...         mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.5, 1.0], max_epochs=100, out=out,
        ...         observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 100), progress=False,
        ...     )
        ...     print(mlejax.verify(out, progress=False))
        4 of 4 runs, 2 of 2 seeds recomputed, 0 different
    """
    if runs is not None:
        runs = int(checks.counts("runs", runs))
    path = checks.path("path", path)
    read_root(path)  # a store of another version can be loaded, not verified
    if stored_in(path).description.kind == FITS:
        if optimizer is not None:
            raise InputValueError("optimizer: fits have none")
        return verify_fits(path, model, observations, runs, random_seed, progress)
    if not isinstance(model, Model | None):
        raise InputTypeError(f"model: a sweep needs an instance of it; got {checks.shown(model)}")
    stored = load_sweep(path)
    spec = SweepSpec.from_record(
        stored.provenance.settings, stored.axes, model=model, observations=observations, optimizer=optimizer,
        digests=digests_of_samples(stored),
    )  # fmt: skip
    devices.start()
    mesh = devices.mesh()
    ended = np.flatnonzero(stored.status.ravel() != Status.RUNNING)
    if not len(ended):
        raise StoreError(f"{path} holds no finished run yet")
    here = devices.computed_by(list(mesh.devices.flat))
    comparable = ended[made_here(path, stored.provenance.computed_by, stored.arrays, here).ravel()[ended]]
    ids, different = chosen(comparable, runs, random_seed), []
    with devices.own_settings(), Progress(enabled=progress) as told:
        wanted = np.zeros(stored.shape, bool)
        wanted.flat[ids] = True
        samples = samples_for(spec, wanted, mesh, told)
        told.train(len(ids), 0)
        for part in Work(spec, mesh, Tally(), told).outcomes(samples, wanted):
            different += differences(
                stored.axes, variables(stored.template), stored.arrays, part.ids, columns_of(part.outcome)
            )
    axis = list(stored.axes).index(spec.source.axis)
    checked, of = (len(np.unique(np.unravel_index(some, stored.shape)[axis])) for some in (ids, ended))
    return Verification(
        len(ids), len(comparable), checked, of, different, len(ended) - len(comparable), spec.source.axis
    )
