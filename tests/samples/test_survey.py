"""What a fit climbs on is what `summarize` gives, found in one pass; and what is wrong with a sample is seen."""

import jax
import numpy as np
import pytest
import zoo
from oracles import exact_mean_and_variance

import mlejax
from mlejax.models.parameters import with_dtype
from mlejax.samples import survey as surveys
from mlejax.samples.agreement import LOOKED_AT
from mlejax.samples.moments import moments_of_products
from mlejax.samples.survey import survey

MANY = LOOKED_AT + 1000
"""Observations whose last tile is not full, at the same length as in other tests."""

NORMAL = with_dtype(mlejax.Normal(6.0, 7.0), np.float64)


def drawn(count=MANY, mean=7.2, deviation=2.8):
    return np.random.RandomState(0).normal(mean, deviation, count)


def test_statistics_of_one_pass_are_those_of_two(x64):
    """Also where the mean is large beside the deviation: mean and variance by exact arithmetic."""
    x = drawn(mean=1e6, deviation=0.1)
    found = survey(with_dtype(mlejax.Normal(1e6, 0.01), np.float64), x, None)
    assert isinstance(found.sample, mlejax.Summary)
    assert found.finite
    assert found.sample.count == MANY
    mean, variance = exact_mean_and_variance(x)
    assert float(found.sample.centers[0]) == pytest.approx(mean, rel=1e-15)
    assert float(found.sample.averages[0]) == pytest.approx(variance, rel=1e-13)
    assert found.representation == mlejax.summarize(NORMAL, x)[1]


def test_one_observation_that_is_not_looked_at_elsewhere_counts(x64):
    """A wrong sum over all of them is seen at the start alone."""
    x = drawn()
    x[5] += 1e-3
    assert not np.isin(5, surveys._places(MANY))
    other, _ = mlejax.summarize(NORMAL, x)
    assert float(survey(NORMAL, x, None).sample.averages[0]) == pytest.approx(float(other.averages[0]), rel=1e-14)


def test_the_extremes_are_among_those_that_are_looked_at_elsewhere():
    x = drawn()
    x[[5, 6]] = -1e3, 1e3
    some = surveys._some(x, None)
    assert len(some) == LOOKED_AT
    assert np.isin([-1e3, 1e3], some).all()
    assert np.isin(x[surveys._places(MANY)][2:], some).all()


@pytest.mark.slow
def test_statistics_that_are_not_those_of_the_data_are_seen(x64, monkeypatch):
    right = surveys.recentered

    def wrong(form, about, firsts, *rest):
        return right(form, about, [first * (1 + 1e-6) for first in firsts], *rest)

    monkeypatch.setattr(surveys, "recentered", wrong)
    surveys._program().clear_cache()
    found = survey(NORMAL, drawn(), None)
    surveys._program().clear_cache()
    assert isinstance(found.sample, mlejax.Observations)
    assert "differs from the data" in found.representation


@pytest.mark.slow
def test_a_gradient_that_is_another_one_away_from_the_start_is_seen(x64):
    found = survey(with_dtype(zoo.Turning(6.0, 1.0), np.float64), drawn(), None)
    assert isinstance(found.sample, mlejax.Observations)


@pytest.mark.slow
def test_branches_are_decided_by_all_observations(x64):
    counts = np.random.RandomState(0).poisson(3.0, MANY).astype(float)
    model = with_dtype(zoo.ZeroInflatedPoisson(2.0, 0.1), np.float64)
    for x in (counts, counts + 1):
        found, (known, said) = survey(model, x, None), mlejax.summarize(model, x)
        assert found.representation == said
        assert found.finite
        at = with_dtype(zoo.ZeroInflatedPoisson(3.0, 0.2), np.float64)
        assert float(found.sample.mean_log_prob(at)) == pytest.approx(float(known.mean_log_prob(at)), rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("family", [mlejax.Exponential, mlejax.Weibull], ids=lambda family: family.__name__)
@pytest.mark.parametrize("count", [100, MANY])
def test_an_observation_without_a_finite_density_is_seen(family, count, x64):
    """Statistics and observations alike; -1 and infinity are outside of the support, which is checked elsewhere."""
    x = np.random.RandomState(0).exponential(1.0, count)
    start = with_dtype(family.start(x), np.float64)
    assert survey(start, x, None).finite
    x[5] = np.inf
    assert not survey(start, x, None).finite


@pytest.mark.slow
def test_a_sample_is_looked_through_whatever_is_promoted(x64):
    with jax.numpy_dtype_promotion("strict"):
        assert survey(NORMAL, drawn(), None).finite


def rows(apart, constant=1.0):
    """Return a constant column, one of its own, one that differs from it by so much, and a response."""
    random = np.random.RandomState(0)
    x, y = random.normal(size=(2, MANY))
    return {
        "x": np.column_stack([np.full(MANY, constant), 1e3 + x, x + apart * y]),
        "y": 2 * x + y + random.normal(size=MANY),
    }


PLANE = with_dtype(zoo.Plane(np.zeros(3), 1.0), np.float64)


def products_of(summary):
    root = np.asarray(summary.averages)
    return root.T @ root


@pytest.mark.slow
def test_moments_of_columns_that_are_apart_come_from_their_products(x64, monkeypatch):
    asked, program, values = [], surveys._program(), rows(1.0)
    monkeypatch.setattr(surveys, "_program", lambda: lambda *all: asked.append(all) or program(*all))
    found = survey(PLANE, values, None)
    assert len(asked) == 1
    assert found.representation == mlejax.summarize(PLANE, values)[1]
    columns = np.column_stack([values["y"], values["x"]]).astype(np.longdouble)
    away = columns - columns.mean(axis=0)
    exact = (away.T @ away / MANY).astype(float)
    size = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert np.all(np.abs(products_of(found.sample) - exact) <= 1e-14 * size)
    assert np.asarray(found.sample.centers) == pytest.approx(columns.mean(axis=0).astype(float), rel=1e-15, abs=1e-16)


@pytest.mark.slow
@pytest.mark.parametrize("values", [rows(1e-4), rows(1.0, constant=0.1)], ids=["nearly one", "no integer"])
def test_where_products_are_not_enough_columns_are_decomposed(values, x64):
    found, (known, said) = survey(PLANE, values, None), mlejax.summarize(PLANE, values)
    assert found.representation == said
    assert np.asarray(found.sample.averages) == pytest.approx(np.asarray(known.averages), rel=1e-12, abs=1e-15)
    assert found.finite


def test_products_say_where_they_are_not_enough(x64):
    """Two columns that differ by 1e-4 of their size: their products hold the difference to half of the digits."""
    columns = rows(1e-4)["x"]
    for some, enough in ((columns[:, :2], True), (columns, False), (columns[:, 1:2] * 1e-9 + 1e7, False)):
        away = some - some[:1]
        given = some[0], away.mean(axis=0), away.T @ away / MANY
        _, good = moments_of_products(*map(jax.numpy.asarray, given))
        assert bool(good) == enough
