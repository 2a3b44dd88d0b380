"""A run and a sweep to be drawn."""

import numpy as np
import pytest
from drawn import LIMIT, RATES, VARIANCE_RATES

import mlejax
from mlejax import Status, SweepResult
from mlejax.results.sweep import Provenance


@pytest.fixture(scope="module")
def data():
    return np.random.RandomState(1).normal(7.2, 2.8, 10_000)


@pytest.fixture(scope="module")
def result(data):
    result = mlejax.train(mlejax.Normal(0.0, 1.0), data, progress=False)
    assert result.status == Status.PATIENCE
    assert 0.5 < result.distance < 2  # short of the maximum: what is drawn must not take the estimate for it
    return result


@pytest.fixture(scope="module")
def sweep():
    """Three seeds; runs above the limit diverge, slow ones run out of epochs."""
    axes = {"seed": np.arange(3), "learning_rate.mean": RATES, "learning_rate.variance": VARIANCE_RATES}
    seed, rate, _ = np.meshgrid(*axes.values(), indexing="ij")
    diverged = rate > LIMIT
    epochs = np.where(diverged, 2.0, np.minimum(np.ceil((seed + 1) * 30 / rate), 10_000))
    distance = np.where(diverged, np.inf, (seed + 1) * 1e-4 / rate)
    status = np.where(diverged, Status.DIVERGED, np.where(epochs == 10_000, Status.MAX_EPOCHS, Status.PATIENCE))
    arrays = {
        "mean": np.zeros(status.shape),
        "variance": np.ones(status.shape),
        "status": status.astype(int),
        "epochs": epochs,
        "best_epoch": epochs,
        "distance": distance,
        "train_log_likelihood": -8000 - np.where(diverged, 1e6, distance),
        "validation_log_likelihood": -2000 - np.where(diverged, 1e6, distance),
    }
    # The limit of the other axis lies far outside every picture.
    made = Provenance({"optimizer": "plain ascent"}, [], information=(2 / LIMIT, 0.0, 0.0, 1e-9))
    return SweepResult(axes, mlejax.Normal(0.0, 1.0), arrays, made)
