"""Results that several tests describe."""

import dataclasses

import numpy as np
import pytest

import mlejax
from mlejax.results.sweep import Provenance
from mlejax.status import Status


@pytest.fixture(scope="module")
def result():
    x = np.random.RandomState(5).normal(7.2, 2.8, 200)
    return mlejax.train(mlejax.Normal(0.0, 1.0), x, max_epochs=100, progress=False), x


@pytest.fixture(scope="module")
def swept():
    shape = (4, 30)
    distance = np.full(shape, 2.0)
    distance[:, 10:20] = 0.001
    status = np.full(shape, int(Status.PATIENCE), np.int8)
    status[:, 25:] = Status.DIVERGED
    epochs = np.tile(np.arange(1000, 970, -1, dtype=np.int32), (4, 1))
    zeros = np.zeros(shape)
    return mlejax.SweepResult(
        axes={"seed": np.arange(4), "learning_rate": np.geomspace(0.01, 10, 30)},
        template=mlejax.Normal(0.0, 1.0),
        arrays={
            "mean": zeros,
            "variance": zeros + 1,
            "status": status,
            "epochs": epochs,
            "best_epoch": epochs,
            "train_log_likelihood": zeros,
            "validation_log_likelihood": zeros * np.nan,
            "distance": distance,
        },
        provenance=Provenance({"optimizer": "plain ascent"}, [{}], information=[0.5, 0.0, 0.0, 0.1]),
    )


@pytest.fixture(scope="module")
def counted(swept):
    """The same at three numbers of observations: the rates that arrive move on, and at the last none does."""
    arrays = {name: np.stack([values] * 3, axis=1) for name, values in swept.arrays.items()}
    arrays["distance"] = np.stack([np.roll(swept.distance, 4 * i, axis=1) for i in range(3)], axis=1)
    arrays["distance"][:, 2] = 2.0
    axes = {
        "seed": swept.axes["seed"],
        "count": np.array([100, 2000, 30]),
        "learning_rate": swept.axes["learning_rate"],
    }
    return dataclasses.replace(swept, axes=axes, arrays=arrays)
