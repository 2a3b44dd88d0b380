"""What is kept of a run that has ended, and what a look around its estimate tells."""

import equinox as eqx
import jax
import numpy as np
import oracles
import pytest

import mlejax
from mlejax import Status
from mlejax.ascent.outcome import conclude, look_around
from mlejax.ascent.step import init_state
from mlejax.models.parameters import with_dtype

pytestmark = pytest.mark.usefixtures("x64")


def normal(mean, variance):
    return with_dtype(mlejax.Normal(mean, variance), np.float64)


def ended(status, last, best):
    state = init_state(normal(*best))
    changed = (normal(*last), normal(*best), np.int64(status), np.int64(9), np.int64(4))
    where = lambda s: (s.model, s.best_model, s.status, s.epoch, s.best_epoch)  # noqa: E731
    return eqx.tree_at(where, state, changed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "last", "kept"),
    [
        (Status.MAX_EPOCHS, (7.0, 8.0), "last"),  # the last parameters are better, and nobody measured them
        (Status.MAX_EPOCHS, (0.0, 1.0), "best"),
        (Status.PATIENCE, (7.0, 8.0), "best"),
    ],
)
def test_the_better_parameters_are_kept_and_measured(status, last, kept, small_normal):
    best = (5.0, 9.0)
    sample = jax.numpy.asarray(small_normal)
    found = conclude(ended(status, last, best), mlejax.Observations(sample), None)
    expected = last if kept == "last" else best
    assert (found.model.mean, found.model.variance) == expected
    assert found.best_epoch == (9 if kept == "last" else 4)
    likelihood = oracles.Statistics.of(small_normal).log_likelihood(*expected)
    assert found.train_log_likelihood == pytest.approx(likelihood, rel=1e-12)
    assert np.isnan(found.validation_log_likelihood)
    assert found.distance == pytest.approx(oracles.exact_normal(small_normal, *expected)["distance"], rel=1e-9)


@pytest.mark.slow
def test_at_a_maximum_nothing_rises_and_everything_is_determined(small_normal):
    closed = mlejax.Normal.closed_form(small_normal)
    found = look_around(normal(closed.mean, closed.variance), mlejax.Observations(jax.numpy.asarray(small_normal)))
    assert not any(map(bool, [*found.undetermined, *found.doubled, *found.halved]))
    assert found.standard_errors.mean == pytest.approx(np.sqrt(closed.variance / 200), rel=1e-9)


def test_away_from_a_maximum_the_log_likelihood_rises_further_out(small_normal):
    data = mlejax.Observations(jax.numpy.asarray(small_normal))
    low, high = (look_around(normal(small_normal.mean(), variance), data) for variance in (1.0, 80.0))
    assert (bool(low.doubled[1]), bool(low.halved[1])) == (True, False)
    assert (bool(high.doubled[1]), bool(high.halved[1])) == (False, True)
