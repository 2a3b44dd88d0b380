"""Samples climbed side by side: none knows of the others, of what lies behind it, or of its block."""

import dataclasses

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.together import ROWS, Begin, Rowful, climb_rows, shared_form
from mlejax.models.parameters import Parameters
from mlejax.samples.spans import WIDTH

AT, NONE = np.tile(np.log([1.0, 0.2]), (1, ROWS, 1)), np.full((1, ROWS), False)
BEGIN = Begin(AT, NONE, np.ones((1, ROWS, 2)), np.full((1, ROWS), 100))


@pytest.mark.slow
@pytest.mark.parametrize("factored", [True, False])
def test_a_row_has_the_same_bits_whatever_is_beside_and_behind_it(factored):
    random = np.random.RandomState(0)
    start = mlejax.Gamma(np.float64(1.0), np.float64(0.2))
    table = Parameters.of(start)
    own = random.gamma(2.0, 3.0, 100)
    with jax.enable_x64(True):
        form = shared_form(start, jax.ShapeDtypeStruct((), own.dtype)) if factored else None
        assert (form is not None) == factored

        def climb(values, sizes, first, tiles):
            rows = Rowful(values, None, np.array([first]), np.array([tiles]), sizes[None], BEGIN, np.int64(1))
            return climb_rows(table, form, rows)

        def laid(first, tiles, row, scale):
            values = random.gamma(5.0, scale, (ROWS, 8 * WIDTH))
            sizes = random.randint(10, tiles * WIDTH, ROWS)
            values[row, first : first + 100], sizes[row] = own, 100
            return {name: each[row] for name, each in climb(values, sizes, first, tiles).items()}

        there = laid(0, 2, 3, 0.1)
        assert there["sound"]
        assert there["count"] == 100
        for other in (laid(0, 2, 3, 7.0), laid(128, 2, 1, 0.1), laid(64, 6, 0, 0.1)):
            for name in there:
                np.testing.assert_array_equal(there[name], other[name], err_msg=name)
    alone = mlejax.fit(mlejax.Gamma, own)
    np.testing.assert_allclose(there["estimate"], list(alone.parameters.values()), rtol=1e-9)


@pytest.mark.slow
def test_an_observation_outside_the_support_and_a_form_that_is_not_that_of_the_data_are_seen():
    start = mlejax.Gamma(np.float64(1.0), np.float64(0.2))
    table, values = Parameters.of(start), np.random.RandomState(0).gamma(2.0, 3.0, (ROWS, WIDTH))
    values[2, 5] = -1.0
    values[3] = 1e9 + 1e-6 * values[3]  # whose mean logarithm is rounded as much as it tells of the shape
    sizes = np.full((1, ROWS), WIDTH)
    with jax.enable_x64(True):
        form = shared_form(start, jax.ShapeDtypeStruct((), values.dtype))
        rows = Rowful(values, None, np.array([0]), np.array([1]), sizes, BEGIN, np.int64(1))
        sound = climb_rows(table, form, rows)["sound"]
    assert np.flatnonzero(~sound).tolist()[:1] == [2]
    assert np.sum(~sound) <= 2


def test_a_formula_that_every_sample_takes_alike_has_a_shared_form(x64):
    number = jax.ShapeDtypeStruct((), np.float64)
    assert shared_form(mlejax.Gamma(1.0, 1.0), number) is not None
    assert shared_form(mlejax.StudentT(0.0, 1.0, 5.0), number) is None  # passes over the observations
    assert shared_form(mlejax.Pareto(1.0, 1.0), number) is None  # has branches, which samples decide


@pytest.mark.slow
def test_what_is_held_stays_and_steps_are_limited(x64):
    table, values = Parameters.of(mlejax.Gamma(1.0, 1.0)), np.random.RandomState(0).gamma(2.0, 3.0, (ROWS, WIDTH))
    free, most = np.ones((1, ROWS, 2)), np.full((1, ROWS), 100)
    free[0, 1, 0], most[0, 2] = 0.0, 0
    rows = Rowful(
        values, None, np.array([0]), np.array([1]), np.full((1, ROWS), WIDTH), Begin(AT, NONE, free, most),
        np.int64(1),
    )  # fmt: skip
    form = shared_form(mlejax.Gamma(1.0, 1.0), jax.ShapeDtypeStruct((), np.float64))
    found = climb_rows(table, form, rows)
    assert found["coordinates"][1, 0] == 0.0
    assert found["estimate"][1, 1] == pytest.approx(1 / values[1].mean(), rel=1e-9)  # of an exponential distribution
    assert found["coordinates"][2].tolist() == AT[0, 2].tolist()
    at_estimates = Begin(found["estimate"][None], ~NONE, free, np.zeros((1, ROWS), int))
    again = climb_rows(table, form, dataclasses.replace(rows, begin=at_estimates))
    np.testing.assert_allclose(again["coordinates"], found["coordinates"], atol=1e-14)
