"""The benchmark of starts: what it draws, and that it tells a fit that failed from one that did not."""

import math

import numpy as np
import pytest

from benchmarks import starts
from benchmarks.highest import Highest
from mlejax.models import FAMILIES
from mlejax.models.parameters import Parameters, parameter_dict
from mlejax.status import Status


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
    assert starts.cells(declined)["why declined"].startswith("2 ")
    assert declined["examples"][0]["reason"]
    assert (declined["confirmed"], declined["contradicted"]) == (2, 0)


INSIDE, OUTSIDE = Highest((-10.0, -11.0), -10.5, 0.5), Highest((-11.0,), -10.5, -0.5)
NOWHERE, ENDLESS, BESIDE = Highest((), -10.5, -math.inf), Highest((), math.inf, -math.inf), Highest(
    (-10.0,), math.inf, -math.inf
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "height", "reason", "right", "wrong"),
    [
        (Status.CONVERGED, -10.0, "", [INSIDE, BESIDE], [OUTSIDE, NOWHERE, ENDLESS]),
        (Status.CONVERGED, -11.0, "", [], [INSIDE, OUTSIDE, BESIDE]),
        (Status.CONVERGED, -10.00001, "", [], [INSIDE, BESIDE]),
        (Status.AT_INFINITY, -10.7, "its supremum, -10.5000 at infinity", [OUTSIDE, NOWHERE], [INSIDE, ENDLESS]),
        (Status.AT_INFINITY, -10.7, "its supremum, -10.6000 at infinity", [], [OUTSIDE, NOWHERE, INSIDE]),
        (Status.UNBOUNDED, 90.0, "", [ENDLESS], [BESIDE, INSIDE]),
        (Status.PRECISION, -10.7, "", [NOWHERE], [INSIDE, BESIDE]),
    ],
)
def test_a_fit_is_judged_by_what_is_known(status, height, reason, right, wrong):
    fit = starts.Fit(status, height, reason, shift=0.0)
    assert [fit.agrees(known) for known in (*right, *wrong)] == [True] * len(right) + [False] * len(wrong)


def test_a_unit_moves_the_supremum_that_is_named():
    # 5 observations in thousandths: each density is a thousand times as large
    fit = starts.Fit(Status.AT_BOUNDARY, -10.7, "its supremum, 24.0388 at 0, is no maximum", 5 * math.log(1e-3))
    assert fit.supremum == pytest.approx(-10.5, abs=1e-3)
