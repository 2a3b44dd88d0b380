"""Samples climbed side by side: the lengths of their rows, and that none knows of the others."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.together import AT_ONCE, Batch, climb_rows, length_for, rows_for, shared_form
from mlejax.models.parameters import Parameters


@pytest.mark.parametrize(("size", "length"), [(1, 32), (32, 32), (33, 128), (1000, 2048), (10**6, 2**21)])
def test_rows_have_one_of_few_lengths(size, length):
    assert length_for(size) == length


@pytest.mark.parametrize("length", [32, 2048, 2**25])
def test_a_call_takes_about_as_many_observations(length):
    assert rows_for(length) == 1 or rows_for(length) * length <= AT_ONCE


@pytest.mark.slow
@pytest.mark.parametrize("factored", [True, False])
def test_a_row_has_the_same_bits_whatever_is_beside_it(factored):
    random = np.random.RandomState(0)
    x = random.gamma(2.0, 3.0, (64, 32))
    start = mlejax.Gamma(np.float64(1.0), np.float64(0.2))
    table = Parameters.of(start)
    with jax.enable_x64(True):
        form = shared_form(start, jax.ShapeDtypeStruct((), x.dtype)) if factored else None
        assert (form is not None) == factored
        real = np.tile(np.asarray(table.to_real(start)), (64, 1))

        def climb(values):
            return jax.device_get(climb_rows(table, form, Batch(values, np.full(64, 30), None, real)))

        there = climb(x)
        others = random.gamma(5.0, 0.1, (64, 32))
        others[17] = x[17]
        moved = climb(others)
    assert there["agrees"].all()
    for name in there:
        np.testing.assert_array_equal(there[name][17], moved[name][17], err_msg=name)
    # What stands behind the observations of a row does not matter.
    x[:, 30:] = x[:, :1]
    with jax.enable_x64(True):
        np.testing.assert_array_equal(climb(x)["coordinates"], there["coordinates"])
