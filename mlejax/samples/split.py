"""Train and validation parts of a sample."""

import math
from typing import Any

import numpy as np

from .. import checks
from ..checks import InputTypeError, InputValueError
from ..models.rows import Rows, row_count, take


def validation_count(n: int, validation_fraction: Any) -> int:
    """Return how many of n observations are held out: ceil(fraction n), at least one and at most n - 1; 0 for 0."""
    if isinstance(validation_fraction, bool) or not isinstance(validation_fraction, int | float | np.number):
        raise InputTypeError(f"validation_fraction must be a number; got {checks.shown(validation_fraction)}")
    if not 0 <= validation_fraction < 1:
        raise InputValueError(f"validation_fraction must be at least 0 and below 1; got {validation_fraction}")
    count = math.ceil(validation_fraction * n)
    if count >= n:
        raise InputValueError(f"validation_fraction={validation_fraction} leaves none of {n} observations to train on")
    return count


def split(observations: Rows, validation_fraction: float | int, seed: int) -> tuple[Rows, Rows]:
    """Train and validation parts, as scikit-learn's `train_test_split(test_size=..., random_state=seed)` cuts them.

    A random permutation of NumPy's legacy stream: its first ceil(fraction n) indices are the validation part and the
    rest the train part. With fraction 0 the validation part is empty.
    """
    n = row_count(observations)
    count = validation_count(n, validation_fraction)
    seed = int(checks.counts("split_seed", seed, 0, 2**32 - 1))
    if count == 0:
        return observations, take(observations, slice(0))
    order = np.random.RandomState(seed).permutation(n)
    return take(observations, order[count:]), take(observations, order[:count])
