"""The benchmark of starts: what it draws, and that it tells a fit that failed from one that did not."""

import numpy as np
import pytest

from benchmarks import starts
from mlejax.models import FAMILIES
from mlejax.models.parameters import Parameters, parameter_dict


@pytest.mark.parametrize("name", FAMILIES)
def test_models_are_drawn_inside_their_ranges(name):
    models = starts.drawn_models(name, 5)
    assert len({repr(model) for model in models}) == 5
    for model in models:
        assert bool(Parameters.of(model).inside(model))
        for parameter, (low, high) in starts.RANGES.get(name, {}).items():
            assert low <= parameter_dict(model)[parameter] <= high


def test_every_range_is_of_a_parameter():
    for name, ranges in starts.RANGES.items():
        assert set(ranges) <= set(FAMILIES[name].__dataclass_fields__)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mlejax.ConvergenceWarning")
def test_fates_are_counted(monkeypatch):
    found = starts.fates("exponential", shapes=2, each=3, count=20)
    assert found["fits"] == 18
    assert (found["ends"], found["below"]) == ({"CONVERGED": 18}, 0)
    # data that have no maximum: fewer scattered than counts are
    even = np.tile([2.0, 3.0], 10)
    monkeypatch.setattr(starts, "samples", lambda models, each, count: np.tile(even, (len(models), each, 1)))
    declined = starts.fates("negative_binomial", shapes=1, each=2, count=20)
    assert declined["fits"] == 2
    assert "CONVERGED" not in declined["ends"]
    assert starts.cells(declined)["declined"].startswith("2 ")
    assert declined["examples"][0]["reason"]
