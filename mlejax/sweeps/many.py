"""`fit_many`: the maximum likelihood estimates of many samples, each as `fit` finds it."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks, devices
from ..ascent.begin import check_fitted
from ..models.abilities import HasStart
from ..models.base import M
from ..progress import bar
from ..results.table import FitTable
from ..samples.members import members_of
from .fits import Work
from .fitted import Fitted


def fit_many(
    family_or_model: type[M] | HasStart | M,
    source: Any,
    *,
    out: str | Path | None = None,
    repair: bool = False,
    allow_mixed: bool = False,
    attributes: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> FitTable[M]:
    """Find the maximum of a likelihood for every sample of a source, as `fit` does for one.

    Samples are climbed side by side by one compiled program. One whose maximum has to be looked at from further away,
    or that has none, is given to `fit` itself: every status and every reason is that of `fit`. A sample that cannot be
    fitted has its reason in the table, and harms no other.

    Args:
        family_or_model: a family, such as `Gamma`, which finds a start in each sample; or a model, to start there.
        source: `Groups(data, labels)`, `Draws(target, count, seeds=...)`, `Resamples(data, count)` or
            `Windows(data, width, step)`.
        out: a directory for the fits: a Zarr store, which xarray opens at any time. The same call again goes on where
            it was interrupted; one with more samples, wherever they stand among the others, fits only the new ones.
        repair: fit again what is damaged in `out`.
        allow_mixed: go on in `out` although something that decides the last bits of results has changed since its
            other fits were made: versions, the instruction set, the compiler's options. Each fit says which.
        attributes: further attributes of the table: plain values, as JSON has them.
        progress: show a progress bar on standard error when it takes more than a second.

    Returns:
        A `FitTable`, with a row for each sample in the order of the source.

    Raises:
        TypeError, ValueError: an argument is not as described.
        StoreError: (a ValueError) `out` cannot be used; the message says why and what to do.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> random = np.random.RandomState(0)
        >>> shops, demand = np.repeat(["a", "b"], 500), random.gamma(2.0, np.repeat([1.0, 5.0], 500))
        >>> table = mlejax.fit_many(mlejax.Gamma, mlejax.Groups(demand, shops), progress=False)
        >>> print(table.converged, table.model.rate.round(2))
        [ True  True] [1.08 0.22]
    """
    devices.start()
    check_fitted("fit_many", family_or_model)
    members, own = members_of(source, family_or_model), checks.attributes(attributes or {})
    work, count = Work(family_or_model, members), len(members.labels)
    fitted: Fitted[Any] = Fitted(family_or_model, members, work.begun.like, work.begun.observation)
    here = devices.computed_by()
    with (
        fitted.collector(here, out, repair=repair, allow_mixed=allow_mixed, attributes=own) as kept,
        bar("fitting", count, progress, count - int(np.count_nonzero(kept.waiting()))) as shown,
    ):
        for waiting in kept.shares(lambda _: shown.set_description("waiting for other processes")):
            with contextlib.closing(work.outcomes(np.flatnonzero(waiting))) as outcomes:
                for fits in outcomes:
                    kept.put(fits.positions, fits.by_name(work.begun.table))
                    shown.update(len(fits.positions))
        return fitted.table(kept, here["device"])
