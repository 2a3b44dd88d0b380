"""The estimate of anything that follows from the parameters, with its standard error."""

import dataclasses

import numpy as np
from jaxtyping import Float

from .. import checks

Numbers = Float[np.ndarray | np.float64, "..."]


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """An estimate, and what its standard error says; `FitResult.estimate_of` makes it."""

    value: Numbers
    standard_error: Numbers  # of each number; NaN where there is none

    def confidence_interval(self, level: float | int = 0.95) -> tuple[Numbers, Numbers]:
        """Return the ends of an interval that holds the true value in a share `level` of large samples.

        Args:
            level: between 0 and 1.

        Raises:
            TypeError, ValueError: the level is not as described.
        """
        checks.level(level)
        from scipy.special import ndtri

        half = float(ndtri((1 + level) / 2)) * self.standard_error
        return self.value - half, self.value + half

    def __str__(self) -> str:
        from .text import number

        pairs = zip(np.ravel(self.value).tolist(), np.ravel(self.standard_error).tolist(), strict=True)
        return ", ".join(f"{number(value)} +- {number(error)}" for value, error in pairs)
