"""A small sweep, fresh and stored, and a count of the runs that are computed."""

import numpy as np
import pytest
from stored import RATES, SEEDS, sweep

from mlejax.store import layout
from mlejax.sweeps import measure


@pytest.fixture
def small_batches(monkeypatch):
    """Five batches, one for each rate, so that there is something between nothing and everything."""
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 5)


@pytest.fixture(scope="session")
def fresh():
    result = sweep(seeds=SEEDS, learning_rates=RATES)
    assert result.shape == (4, 5)
    return result


@pytest.fixture
def saved(tmp_path, fresh, small_batches):
    sweep(seeds=SEEDS, learning_rates=RATES, out=tmp_path / "atlas")
    return tmp_path / "atlas"


@pytest.fixture
def computed(monkeypatch):
    """The runs that are computed, by number, call by call."""
    calls = []
    run_all = measure.run_all

    def counted(engine, devices, shared, count, portions, *rest):
        ids = np.concatenate(list(portions))
        calls.append(sorted(ids.tolist()))
        return run_all(engine, devices, shared, count, iter([ids]), *rest)

    monkeypatch.setattr(measure, "run_all", counted)
    return calls
