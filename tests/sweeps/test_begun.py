"""Which samples are climbed side by side, and where they start."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.models.abilities import starts_many
from mlejax.samples.members import Groups, Resamples
from mlejax.samples.raw import Observations
from mlejax.samples.survey import Survey
from mlejax.sweeps import begun, fits
from mlejax.sweeps.fits import Work

X = np.random.RandomState(0).gamma(2.0, 3.0, 60)
GROUPS = Groups(X, np.repeat([0, 1], [20, 40]))


@pytest.mark.parametrize(
    ("family", "source", "beside"),
    [
        (mlejax.Gamma, GROUPS, True),
        (mlejax.Gamma(1.0, 1.0), GROUPS, True),
        (mlejax.Laplace, GROUPS, True),  # a closed form
        (mlejax.Mixture.of(mlejax.Normal, 2), GROUPS, True),  # from several starts
        (mlejax.Gamma, Resamples(X, 3), True),
        (mlejax.Gamma, Resamples(1e-15 * X, 3), True),  # in units of their own
        (mlejax.Poisson, Groups(np.array([1, 2, 1 << 60]), [0, 0, 0]), False),  # no floating-point number
    ],
)
def test_what_is_climbed_side_by_side(family, source, beside):
    assert Work(family, source).begun.beside == beside


def starts_of(family, *samples):
    """Return where samples start."""
    data, labels = np.concatenate(samples), np.repeat(np.arange(len(samples)), [len(each) for each in samples])
    work = Work(family, Groups(data, labels))
    return work.begun.starts(work._rows, np.arange(len(samples)))


def test_starts_are_those_that_the_family_finds_and_say_which_need_units():
    starts = starts_of(mlejax.Gamma, X[:20], X[20:], 1e-15 * X[20:])
    assert starts.units.changed.tolist() == [False, False, True]
    assert starts.plain.all()
    own = starts.units.of(2).of_observations(1e-15 * X[20:])
    for at, sample in zip(starts.at, (X[:20], X[20:], own), strict=True):
        alone = mlejax.Gamma.start(sample)
        np.testing.assert_allclose(at, [alone.shape, alone.rate], rtol=0.3)  # of observations evenly spread


@pytest.mark.parametrize("family", [mlejax.StudentT, mlejax.Normal, mlejax.Logistic])
def test_a_start_has_the_same_bits_whatever_is_beside_it(family):
    one = starts_of(family, X[:20], X[20:], 1e6 + X[:20])
    other = starts_of(family, np.arange(300.0), X[:20], np.arange(7.0), X[20:], 1e6 + X[:20])
    np.testing.assert_array_equal(one.at, other.at[[1, 3, 4]])
    np.testing.assert_array_equal(one.units.shift, other.units.shift[[1, 3, 4]])
    np.testing.assert_array_equal(one.at[:1], starts_of(family, X[:20]).at)


def test_a_start_outside_the_domain_is_left_to_fit():
    class Off(mlejax.Exponential):
        @classmethod
        def start(cls, observations, weights=None):
            return cls(rate=2.0 - np.max(observations, axis=0))

        starts_side_by_side = True

    near = X[:20] / np.max(X[:20])
    starts = starts_of(Off, near, 3 * near)
    assert (starts.at[:, 0].tolist(), starts.plain.tolist()) == ([1.0, -1.0], [True, False])


CENSORED = {"time": X, "event": (np.arange(60) % 3 > 0) * 1.0}


@pytest.mark.parametrize(
    ("family", "data"),
    [
        (mlejax.Fixed.of(mlejax.Weibull, scale=7.0), X),
        (mlejax.Truncated.of(mlejax.Normal, lower=0.0), X),
        (mlejax.RightCensored.of(mlejax.Weibull), CENSORED),
        (mlejax.RightCensored.of(mlejax.GeneralizedPareto), CENSORED),  # one at a time
    ],
    ids=["fixed", "truncated", "censored", "one at a time"],
)
def test_models_of_a_model_start_as_the_family_inside_does(family, data, x64):
    work = Work(family, Groups(data, np.repeat([0, 1], [28, 32])))  # in which many observations are looked at
    starts = work.begun.starts(work._rows, np.array([0, 1]))
    alone = family.start({name: part[28:] for name, part in data.items()} if isinstance(data, dict) else data[28:])
    np.testing.assert_allclose(starts.at[1], np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(alone)]))
    assert starts.plain.all()
    assert starts_many(family) == ("GeneralizedPareto" not in family.__name__)


def test_a_start_that_was_written_for_one_sample_starts_one_sample_at_a_time(x64):
    class Mixed(mlejax.Exponential):
        @classmethod
        def start(cls, observations, weights=None):
            return cls(rate=1 / np.mean(observations))

    class Inherits(Mixed):
        pass

    for family in (Mixed, Inherits):
        starts = starts_of(family, X[:20], 5 * X[:20])
        np.testing.assert_allclose(starts.at[:, 0], [1 / np.mean(X[:20]), 1 / np.mean(5 * X[:20])], rtol=1e-12)


def test_a_family_that_starts_one_sample_at_a_time_starts_each(x64):
    starts = starts_of(mlejax.GeneralizedPareto, X[:20], X[20:], 1e-15 * X[20:])
    assert starts.plain.all()
    assert starts.units.changed.tolist() == [False, False, True]
    alone = mlejax.GeneralizedPareto.start(X[20:])
    assert starts.at[1].tolist() == [alone.scale, alone.shape]


def test_a_form_that_shared_observations_do_not_bear_out_is_not_used(monkeypatch):
    family, source = mlejax.Gamma(2.0, 0.3), Resamples(X, 3)
    assert Work(family, source).begun.form is not None
    monkeypatch.setattr(begun, "survey", lambda *_, length: Survey(Observations(X), "raw", True, None))
    assert Work(family, source).begun.form is None


@pytest.mark.parametrize("family", [mlejax.Gamma, mlejax.Mixture.of(mlejax.Normal, 2)])
def test_of_no_samples_none_is_outside(family):
    found = Work(family, GROUPS).begun
    size = found.table.size
    assert found.inside(np.empty((0, size))).shape == (0,)
    assert not found.inside(np.full((2, size), -1.0)).any()


class Own(mlejax.Normal):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(("family", "looks"), [(mlejax.Normal, False), (Own, True)])
def test_the_only_maximum_of_a_closed_form_is_not_looked_at_from_further_away(family, looks, monkeypatch):
    climbed, climb = [], fits.climb_rows
    monkeypatch.setattr(fits, "climb_rows", lambda *given, **named: climbed.append(given) or climb(*given, **named))
    around = np.random.RandomState(0).normal(size=30)  # the mean may be far out on either side of 0, as far as it knows
    table = mlejax.fit_many(family, Groups(around - np.mean(around), np.zeros(30)), progress=False)
    assert table.converged.all()
    assert (len(climbed) > 1) == looks


@pytest.mark.slow
def test_a_closed_form_that_nearly_ends_is_looked_at_all_the_same():
    """A probability of which nearly nothing is seen may be lost at 0."""
    table = mlejax.fit_many(mlejax.Poisson, Groups([0.0, 0.0, 0.0, 1.0, 2.0], [0, 0, 0, 1, 1]), progress=False)
    assert [mlejax.Status(status).name for status in table.status] == ["AT_BOUNDARY", "CONVERGED"]
