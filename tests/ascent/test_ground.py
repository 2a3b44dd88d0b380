import numpy as np
import pytest

from mlejax import Exponential, Weibull, fit
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


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_another_number_of_observations_compiles_nothing(weighted, compilations):
    x = 3 * np.random.RandomState(1).weibull(1.7, 1000)
    weights = np.arange(1000) % 3 + 0.5
    fit(Weibull, x, weights=weights if weighted else None, progress=False)
    before = len(compilations)
    for n in (999, 980, 961):
        found = fit(Weibull, x[:n], weights=weights[:n] if weighted else None, progress=False)
        assert found.count == (weights[:n].sum() if weighted else n)
        assert found.representation.startswith("raw observations")
    assert len(compilations) == before
    # What was filled in counts for nothing: the score of the observations alone is zero.
    model, counts = found.model, weights[:n] if weighted else np.ones(n)
    power = (x[:n] / model.scale) ** model.shape
    assert np.average(power, weights=counts) == pytest.approx(1, abs=1e-9)
