"""A pass over observations counts each once, at every length, and does the same tile by tile as at once."""

import jax.numpy as jnp
import numpy as np
import pytest

from mlejax.samples.tiles import TILE, at_once, tiled

COMBINE = [jnp.add, jnp.minimum, jnp.maximum]


def thrice(columns):
    (x,) = columns
    return [x, x, x]


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, TILE - 1, TILE, TILE + 1, 2 * TILE, 5 * TILE + 7])
def test_each_observation_counts_once(n, x64):
    values = np.random.RandomState(n).permutation(np.arange(n) - 3.0)  # sums of whole numbers are exact
    for found in (tiled(thrice, [jnp.asarray(values)], COMBINE), at_once(thrice, [jnp.asarray(values)], COMBINE)):
        assert list(map(float, found)) == [values.sum(), values.min(), values.max()]


@pytest.mark.slow
@pytest.mark.parametrize("where", [0, TILE, 3 * TILE - 1])
def test_one_value_that_is_no_number_spoils_all(where, x64):
    values = np.ones(3 * TILE)
    values[where] = np.nan
    assert np.isnan(tiled(thrice, [jnp.asarray(values)], COMBINE)).all()


def test_a_wider_tile_adds_the_same_up(x64):
    values = jnp.arange(1000.0)
    assert float(tiled(lambda columns: columns, [values], [jnp.add], width=300)[0]) == 499_500
