"""Families whose maximum is a closed form: many samples at once have what `fit` gives each."""

import numpy as np
import pytest
from helpers import alone, check_fit

import mlejax
from mlejax.sweeps.fits import Work

DRAWS = {
    "Laplace": (mlejax.Laplace, lambda random, n: random.laplace(1.0, 2.0, n)),
    "Pareto": (mlejax.Pareto, lambda random, n: 1 + random.pareto(3.0, n)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "draw"), DRAWS.values(), ids=DRAWS)
def test_every_group_and_every_resample_is_that_of_fit(family, draw):
    random = np.random.RandomState(0)
    parts = [draw(random, n) for n in (100, 70, 100, 1, 2)]
    parts += [np.full(30, 2.0), 1e9 + draw(random, 30), 1e-20 * draw(random, 30), -np.abs(draw(random, 5))]
    source = mlejax.Groups(np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts]))
    assert {0, 1, 2} <= set(next(Work(family, source).outcomes(np.arange(len(parts)))).positions.tolist())
    table = mlejax.fit_many(family, source, progress=False)
    for position, part in enumerate(parts[: 8 if family is mlejax.Pareto else 9]):
        check_fit(table, position, alone(family, part))
    if family is mlejax.Pareto:
        assert "got -" in table.reasons[8]
    for data in (parts[0], 1e-20 * parts[0]):
        resamples = mlejax.Resamples(data, 3, seed=1)
        again = mlejax.fit_many(family, resamples, progress=False)
        check_fit(again, 2, alone(family, data, resamples.member(2).weights))


@pytest.mark.parametrize(("family", "draw"), DRAWS.values(), ids=DRAWS)
def test_closed_forms_side_by_side_are_those_of_each_column(family, draw):
    x = draw(np.random.RandomState(1), (31, 3))
    found = family.closed_form(x)
    for column in range(3):
        alone = family.closed_form(x[:, column])
        for name, value in vars(alone).items():
            assert getattr(found, name)[column] == pytest.approx(value, rel=1e-14)


def test_a_closed_form_that_was_written_for_one_sample_is_found_one_by_one():
    class Mixed(mlejax.Laplace):
        @staticmethod
        def closed_form(observations, weights=None):
            return mlejax.Laplace(np.float64(np.median(observations)), np.float64(np.std(observations)))

    x = np.random.RandomState(0).normal(size=20)
    table = mlejax.fit_many(Mixed, mlejax.Groups(x, np.repeat([0, 1], 10)), progress=False)
    np.testing.assert_allclose(table.model.scale, [x[:10].std(), x[10:].std()], rtol=1e-14)


@pytest.mark.slow
def test_a_resample_without_the_smallest_observation_is_told_beside_the_others(monkeypatch):
    def never(*_):
        raise AssertionError("a sample was left to fit")

    x = np.sort(1 + np.random.RandomState(0).pareto(3.0, 50))
    source = mlejax.Resamples(x, 8, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(Work, "_alone", never)
        table = mlejax.fit_many(mlejax.Pareto, source, progress=False)
    without = [position for position in range(8) if source.member(position).weights[0] == 0]
    assert 0 < len(without) < 8
    for position in range(8):
        check_fit(table, position, alone(mlejax.Pareto, x, source.member(position).weights))
