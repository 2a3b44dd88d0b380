"""What is kept of every run besides its parameters: name, type, unit, meaning."""

import numpy as np

from ..status import Status

ARRIVED = 0.01
"""A run has arrived when its estimate is within this many standard errors of a stationary point."""

QUANTITIES = {
    "status": ("int8", "1", "why the run ended"),
    "epochs": ("int32", "epochs", "the epoch that the run ended in"),
    "best_epoch": ("int32", "epochs", "the epoch that measured the estimate"),
    "train_log_likelihood": ("float64", "nats", "train log-likelihood at the estimate, a sum"),
    "validation_log_likelihood": ("float64", "nats", "validation log-likelihood at the estimate, a sum"),
    "distance": ("float64", "standard errors", "distance of the estimate from a stationary point"),
}
"""Per run, besides the parameters: type, unit, meaning."""


def blank(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of results that are not there yet."""
    kind = QUANTITIES.get(name, ("float64",))[0]
    return np.zeros(shape, kind) if "int" in kind else np.full(shape, np.nan)


STATUS_FLAGS = {
    "flag_values": np.array([int(status) for status in Status], np.int8),
    "flag_meanings": " ".join(status.name for status in Status),
}
