"""Sums over a part of a column: what lies before, behind, and in tiles to spare changes no bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlejax.samples.spans import WIDTH, Span, sums


@pytest.fixture(scope="module")
def program():
    def both(columns, first, tiles, size):
        return sums(lambda x: [x, jnp.stack([x, x**2], axis=1)], columns, Span(first, tiles, size))

    return jax.jit(both)


@pytest.mark.parametrize(("size", "tiles"), [(1, 1), (WIDTH, 1), (WIDTH + 1, 2), (100, 2), (100, 5)])
def test_sums_of_a_span(program, x64, size, tiles):
    x = np.random.RandomState(0).normal(size=6 * WIDTH)
    own = x[WIDTH : WIDTH + size]
    total, both = program(x, WIDTH, tiles, size)
    assert float(total) == pytest.approx(own.sum(), rel=1e-13)
    np.testing.assert_allclose(both, [own.sum(), np.sum(own**2)], rtol=1e-13)
    others = np.full(8 * WIDTH, 1e300)
    others[2 * WIDTH : 2 * WIDTH + size] = own
    assert program(others, 2 * WIDTH, tiles + 1, size)[0] == total


def test_the_head_is_the_first_tile(program, x64):
    x = np.arange(4.0 * WIDTH)
    head = Span(0, 3, 2 * WIDTH + 5).head
    assert program(x, head.first, head.tiles, head.size)[0] == np.sum(x[:WIDTH])
    short = Span(0, 1, 5).head
    assert program(x, short.first, short.tiles, short.size)[0] == 0 + 1 + 2 + 3 + 4
