"""What is known of the observations of every run, before it is made and after it was stored."""

import numpy as np

from ..results.schema import DIGEST
from ..results.sweep import SweepResult
from ..samples.digests import Digests, digests_of
from ..samples.labeled import Labeled
from .spec import SweepSpec


def digests_by_run(spec: SweepSpec) -> dict[str, np.ndarray]:
    """Return a digest of the observations of every run, of the shape of the sweep, by the name of its variable.

    Nothing of a sweep over seeds, whose settings say what decides all samples.
    """
    if not isinstance(spec.source, Labeled):
        return {}
    each = digests_of(spec.source.members)
    return {DIGEST.name: np.broadcast_to(each.reshape(-1, *(1 for _ in spec.shape[1:])), spec.shape)}


def digests_of_samples(result: SweepResult) -> Digests | None:
    """Return the digest of the observations of each sample, 0 where none of its runs has ended; None without any."""
    if DIGEST.name not in result.arrays:
        return None
    stored = np.atleast_1d(result.arrays[DIGEST.name])
    return stored.reshape(len(stored), -1).max(axis=1)
