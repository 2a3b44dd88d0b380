"""`fit_many`: the maximum likelihood estimates of many samples, each as `fit` finds it."""

import contextlib
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import devices
from ..models.abilities import HasStart
from ..models.base import M
from ..results.table import FitTable
from ..samples.members import members_of
from .fits import COLUMNS, Work


def fit_many(family_or_model: type[M] | HasStart | M, source: Any, *, progress: bool = True) -> FitTable[M]:
    """Find the maximum of a likelihood for every sample of a source, as `fit` does for one.

    Samples are climbed side by side by one compiled program. One whose maximum has to be looked at from further away,
    or that has none, is given to `fit` itself: every status and every reason is that of `fit`. A sample that cannot be
    fitted has its reason in the table, and harms no other.

    Args:
        family_or_model: a family, such as `Gamma`, which finds a start in each sample; or a model, to start there.
        source: `Groups(data, labels)`, `Draws(target, count, seeds=...)`, `Resamples(data, count)` or
            `Windows(data, width, step)`.
        progress: show a progress bar on standard error when it takes more than a second.

    Returns:
        A `FitTable`, with a row for each sample in the order of the source.

    Raises:
        TypeError, ValueError: an argument is not as described.

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
    members = members_of(source)
    work, count = Work(family_or_model, members), len(members.labels)
    parameters = work.begun.table
    estimates, errors = np.full((2, count, parameters.size), np.nan)
    columns = {name: np.zeros(count, np.int64 if name in ("steps", "status") else np.float64) for name in COLUMNS}
    reasons: dict[int, str] = {}
    bar = tqdm(total=count, desc="fitting", unit=" samples", delay=1, leave=False, disable=not progress)
    with bar, contextlib.closing(work.outcomes(np.arange(count))) as outcomes:
        for fits in outcomes:
            estimates[fits.positions], errors[fits.positions] = fits.estimate, fits.standard_error
            for name, column in columns.items():
                column[fits.positions] = fits.columns[name]
            reasons |= fits.reasons
            bar.update(len(fits.positions))
    return FitTable(
        family=parameters.family,
        axis=members.axis,
        labels=members.labels,
        model=parameters.to_model(estimates),
        standard_errors=parameters.to_model(errors),
        reasons=dict(sorted(reasons.items())),
        provenance=None,
        attributes={},
        **columns,  # type: ignore[arg-type]
    )
