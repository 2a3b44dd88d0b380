import numpy as np
import pytest

from mlejax import Exponential
from mlejax.ascent.ground import Ground, climb_and_look, is_inside
from mlejax.status import Status


@pytest.mark.slow
def test_a_sample_is_climbed_from_anywhere_by_one_program():
    values = np.array([0.5, 1.5, 4.0])
    ground = Ground.of(Exponential(1.0), values, np.array([1.0, 2.0, 3.0]), None)
    assert ground.count == 6.0
    mean = (0.5 + 3.0 + 12.0) / 6
    for start in (0.0, -3.0):
        found = climb_and_look(ground, np.array([start]))
        assert found.end.status is Status.CONVERGED
        assert found.views == []  # the standard error of log rate is 1 / sqrt(6)
        assert ground.model(found.end.coordinates).rate == pytest.approx(1 / mean, rel=1e-9)
        assert ground.covariance(found.end)[0, 0] == pytest.approx(1 / mean**2 / 6, rel=1e-6)


def test_the_domain_is_open():
    assert is_inside(Exponential(1.0))
    assert not is_inside(Exponential(0.0))
    assert not is_inside(Exponential(np.inf))
