"""Arrays are filled up to few lengths, and what was filled in counts for nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlejax import Normal, summarize, train
from mlejax.samples.filled import (
    SHORTEST,
    Filled,
    coarse_lengths,
    filled_length,
    filled_weights,
    with_copies,
    with_room,
)


@pytest.mark.slow
def test_lengths_are_few_and_near():
    lengths = [filled_length(n) for n in range(1, 100_000)]
    assert all(n <= length for n, length in enumerate(lengths, 1))
    assert lengths == sorted(lengths)
    assert len(set(lengths)) < 60
    assert all(length <= 1.25 * n for n, length in enumerate(lengths, 1) if n > 1024)
    assert [filled_length(n) for n in (1, SHORTEST, SHORTEST + 1, 129, 1 << 20)] == [8, 8, 128, 256, 1 << 20]


@pytest.mark.slow
@pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["host", "device"])
@pytest.mark.parametrize("n", [3, 128, 300])
def test_what_is_filled_in_does_not_count(n, array, x64):
    filled = Filled.of(array(np.arange(5.0, 5.0 + n)))
    assert filled.values.shape == (filled_length(n),)
    assert int(filled.count) == n
    assert np.asarray(filled.counts).nonzero()[0].tolist() == list(range(n))
    assert (np.asarray(filled.values)[n:] == 5.0).all()
    assert filled_weights(array(np.ones(n)), filled_length(n)).sum() == n


@pytest.mark.slow
def test_a_summary_is_that_of_the_observations_alone(x64):
    x = np.random.RandomState(0).normal(1e6, 1e-3, 1000)  # filled up to 1,024
    summary, _ = summarize(Normal(1e6, 1e-6), x)
    exact = np.longdouble(x)
    assert float(summary.count) == 1000
    assert float(summary.centers[0] + summary.residuals[0]) == float(exact.mean())
    assert float(summary.averages[0]) == pytest.approx(float(((exact - exact.mean()) ** 2).mean()), rel=1e-14)
    weighted, _ = summarize(Normal(1e6, 1e-6), np.repeat(x[:300], 3))
    assert float(weighted.count) == 900


def test_another_number_of_observations_compiles_nothing(compilations):
    x = np.random.RandomState(1).normal(7.2, 2.8, 1000)
    train(Normal(6.0, 7.0), x, max_epochs=3, progress=False)
    before = len(compilations)
    for n in (999, 980, 961):
        assert train(Normal(6.0, 7.0), x[:n], max_epochs=3, progress=False).representation.startswith("2 sufficient")
    assert len(compilations) == before


def test_samples_of_many_sizes_have_very_few_lengths():
    pairs = {}
    for n in range(2, 5000):
        held_out = -(-n // 5)
        train, second = coarse_lengths(n - held_out, held_out)
        assert n - held_out <= train <= max(32, 4 * (n - held_out))
        assert held_out <= second
        pairs[train, second] = n
    assert sorted(pairs) == [(32, 8), (128, 32), (512, 128), (1024, 256), (2048, 512), (4096, 1024)]
    assert coarse_lengths(10, 90) == (32, 128)


def test_a_program_takes_what_is_filled_up_on_the_host_without_a_copy(x64):
    made = Filled.of(np.arange(1000.0)).values
    assert jax.device_put(made, jax.devices("cpu")[0]).unsafe_buffer_pointer() == made.ctypes.data
    np.testing.assert_array_equal(Filled.of({"x": np.eye(9)}).values["x"][:9], np.eye(9))
    assert not np.shares_memory(made, Filled.of(made).values)


def test_a_copy_with_room_is_filled_up_where_it_lies():
    given = np.random.RandomState(0).normal(size=(1000, 3))
    copied = with_room(np.asfortranarray(given), float)
    np.testing.assert_array_equal(copied, given)
    assert not np.shares_memory(copied, given)
    filled = with_copies(copied)
    assert np.shares_memory(filled, copied)
    np.testing.assert_array_equal(filled, Filled.of(given).values)


def test_what_goes_on_with_other_numbers_is_copied():
    copied = with_room(np.arange(1000), int)
    copied[0] = 7  # its copies behind the others are now those of another number
    filled = with_copies(copied)
    assert not np.shares_memory(filled, copied)
    np.testing.assert_array_equal(filled[1000:], 7)
    part = with_room(np.arange(1000.0), float)[:900]
    assert not np.shares_memory(with_copies(part), part)


def test_a_strided_part_of_a_copy_is_copied():
    part = with_room(np.zeros((1000, 2)), float)[:, 1]
    assert not np.shares_memory(with_copies(part), part)
