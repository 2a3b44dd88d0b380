"""The samples of a sweep, seed by seed."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import mlejax
from mlejax import devices
from mlejax.samples.datasets import Datasets, DrawsByJax, draw_with_numpy
from mlejax.samples.split import validation_count

TARGET = mlejax.Normal(np.float64(-3.0), np.float64(4.0))
START = mlejax.Normal(np.float64(0.0), np.float64(1.0))
N = 2000
pytestmark = pytest.mark.usefixtures("x64")


def drawn(seeds, count=4, base=0, fraction=0.2, directly=False):
    """Summarised draws by JAX, on so many devices."""
    draws = DrawsByJax(TARGET, base, N, validation_count(N, fraction), directly)
    data = Datasets(START, np.asarray(seeds), draws.cut, True, {})
    done = []
    data.summarise(devices.mesh(jax.local_devices()[:count]), draws, done.append)
    assert sum(done) == len(seeds)
    return data


def leaves(tree, index):
    return [leaf[index] for leaf in jax.tree.leaves(tree)]


@pytest.mark.slow
@pytest.mark.parametrize("directly", [False, True], ids=["observations", "statistics"])
@pytest.mark.parametrize("count", [1, 4])
def test_a_seed_draws_the_same_alone_and_among_others(count, directly):
    seeds = [3, 7, 1, 100, 5, 2, 8, 2**32 - 1, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    alone, among = drawn([7], directly=directly), drawn(seeds, count, directly=directly)
    assert leaves((alone.train, alone.validation), 0) == leaves((among.train, among.validation), 1)
    assert leaves(among.train, 0) != leaves(among.train, 1)


def test_another_base_draws_others():
    assert leaves(drawn([7]).train, 0) != leaves(drawn([7], base=1).train, 0)


def test_draws_are_independent_and_from_the_target():
    cut = DrawsByJax(TARGET, 0, N, 400, False).cut
    samples = np.stack([np.concatenate(cut(seed)) for seed in range(20)])
    assert samples.shape == (20, N)
    z = (samples + 3.0) / 2.0
    count = z.size
    assert abs(z.mean()) < 5 / np.sqrt(count)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((z**3).mean()) < 5 * np.sqrt(15 / count)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / count)
    correlations = np.corrcoef(samples)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(N)


def test_statistics_that_are_drawn_directly_have_the_distribution_of_those_of_draws():
    """The mean is N(m, v/n); the scatter, v chi^2(n - 1) / n, has mean v (n - 1)/n and variance 2 v^2 (n - 1)/n^2."""
    seeds = 400
    data = drawn(range(seeds), directly=True)
    for sample, n in ((data.train, 1600), (data.validation, 400)):
        np.testing.assert_array_equal(sample.count, np.full(seeds, n))
        mean, scatter = closed_forms(sample)
        for values, centre, variance in ((mean, -3.0, 4 / n), (scatter, 4 * (n - 1) / n, 2 * 16 * (n - 1) / n**2)):
            z = (values - centre) / np.sqrt(variance)
            assert abs(z.mean()) < 5 / np.sqrt(seeds)
            assert abs(z.var() - 1) < 5 * np.sqrt(2 / seeds) * 1.1  # a chi^2 has slightly more kurtosis
        assert abs(np.corrcoef(mean, scatter)[0, 1]) < 5 / np.sqrt(seeds)


def closed_forms(samples):
    """Means and scatters of summarised normal samples, from the log-likelihood at three points: it is quadratic."""

    def at(mean):
        one = jax.vmap(lambda sample: mlejax.mean_log_likelihood(mlejax.Normal(mean, 1.0), sample))
        return np.asarray(jax.jit(one)(samples))

    low, middle, high = map(at, (-4.0, -3.0, -2.0))
    mean = -3.0 - (high - low) / 2 / (low - 2 * middle + high)
    return mean, -2 * middle - np.log(2 * np.pi) - (mean + 3.0) ** 2


def test_statistics_are_those_of_the_draws():
    data = drawn([4, 9])
    for i, seed in enumerate([4, 9]):
        train, validation = data.cut(seed)
        assert (train.shape, validation.shape) == ((1600,), (400,))
        for sample, values in zip(data.of(i), (train, validation), strict=True):
            exact = oracles.Statistics.of(values)
            found = float(mlejax.log_likelihood(START, sample))
            assert found == pytest.approx(exact.log_likelihood(0.0, 1.0), rel=1e-12)


def test_without_validation_there_is_none():
    data = drawn([4], fraction=0.0)
    train, validation = data.of(0)
    assert validation is None
    assert float(train.count) == N


def test_numpy_draws_the_articles_stream_and_split(article_data):
    train, validation = draw_with_numpy(mlejax.Normal(7.2, 2.8**2), 100_000, 0.2, 42)(0)
    expected = [article_data(0)[i] for i in oracles.train_test_indices(100_000, 0.2, 42)]
    # sqrt(2.8^2) may differ from 2.8 in the last place.
    np.testing.assert_allclose(train, expected[0], rtol=1e-15)
    np.testing.assert_allclose(validation, expected[1], rtol=1e-15)


def test_raw_observations_are_cut_when_they_are_wanted():
    values = np.random.RandomState(0).weibull(2.0, 300)
    cuts = []

    def cut(seed):
        cuts.append(seed)
        return values[60:] + seed, values[:60] + seed

    data = Datasets(mlejax.Weibull(np.float64(1.0), np.float64(1.0)), np.array([5, 6]), cut, True, {})
    assert not data.factored
    assert data.path.startswith("raw observations: ")
    cuts.clear()
    train, validation = data.of(1)
    assert cuts == [6]
    np.testing.assert_array_equal(train.values, values[60:] + 6)
    np.testing.assert_array_equal(validation.values, values[:60] + 6)


def test_observations_outside_the_support_are_refused():
    def cut(seed):
        return np.array([1.0, 2.0, -3.0]), np.array([1.0])

    with pytest.raises(ValueError, match="-3"):
        Datasets(mlejax.LogNormal(np.float64(0.0), np.float64(1.0)), np.array([0]), cut, True, {})


class Drawn(mlejax.Model):
    mean: float

    def log_prob(self, x):
        return -((x - self.mean) ** 2)

    def sample(self, key, shape):
        return self.mean + jax.random.normal(key, shape, jnp.float64)


def test_a_target_of_ones_own_draws():
    draws = DrawsByJax(Drawn(np.float64(5.0)), 3, 100, 20, False)
    train, _ = draws.cut(7)
    key = jax.random.fold_in(jax.random.key(3), 7)
    np.testing.assert_allclose(train, 5.0 + np.asarray(jax.random.normal(key, (100,), jnp.float64))[20:], rtol=1e-15)
