"""The samples of a sweep, seed by seed."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import mlejax
from mlejax import devices
from mlejax.samples import sources
from mlejax.samples.gather import Request, gather
from mlejax.samples.labeled import source_of
from mlejax.samples.sources import Draws, Given

TARGET = mlejax.Normal(np.float64(-3.0), np.float64(4.0))
START = mlejax.Normal(np.float64(0.0), np.float64(1.0))
N = 2000
pytestmark = pytest.mark.usefixtures("x64")


def drawn(seeds, count=4, base=0, fraction=0.2, directly=False):
    """Summarized draws by JAX, on so many devices."""
    source = Draws(TARGET, N, "statistics" if directly else "jax", base_seed=base)
    done, mesh = [], devices.mesh(jax.local_devices()[:count])
    request = Request(START, source, np.asarray(seeds), fraction, True)
    found = gather(request, np.arange(len(seeds)), mesh, done.append)
    assert sum(done) == len(seeds)
    (alike,) = found.stacks
    return alike


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


@pytest.mark.slow
def test_another_base_draws_others():
    assert leaves(drawn([7]).train, 0) != leaves(drawn([7], base=1).train, 0)


@pytest.mark.slow
def test_draws_are_independent_and_from_the_target():
    source = Draws(TARGET, N)
    samples = np.stack([np.concatenate(source.cut(seed, 0.2)) for seed in range(20)])
    assert samples.shape == (20, N)
    z = (samples + 3.0) / 2.0
    count = z.size
    assert abs(z.mean()) < 5 / np.sqrt(count)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs((z**3).mean()) < 5 * np.sqrt(15 / count)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / count)
    correlations = np.corrcoef(samples)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(N)


@pytest.mark.slow
def test_statistics_that_are_drawn_directly_have_the_distribution_of_those_of_draws():
    """The mean is N(m, v/n); the scatter, v chi^2(n - 1) / n, has mean v (n - 1)/n and variance 2 v^2 (n - 1)/n^2."""
    seeds = 400
    data = drawn(range(seeds), directly=True)
    for sample, n in ((data.train, 1600), (data.validation, 400)):
        np.testing.assert_array_equal(sample.count, np.full(seeds, n))
        mean, scatter = closed_forms(sample)
        for values, center, variance in ((mean, -3.0, 4 / n), (scatter, 4 * (n - 1) / n, 2 * 16 * (n - 1) / n**2)):
            z = (values - center) / np.sqrt(variance)
            assert abs(z.mean()) < 5 / np.sqrt(seeds)
            assert abs(z.var() - 1) < 5 * np.sqrt(2 / seeds) * 1.1  # a chi^2 has slightly more kurtosis
        assert abs(np.corrcoef(mean, scatter)[0, 1]) < 5 / np.sqrt(seeds)


def closed_forms(samples):
    """Means and scatters of summarized normal samples, from the log-likelihood at three points: it is quadratic."""

    def at(mean):
        one = jax.vmap(lambda sample: mlejax.mean_log_likelihood(mlejax.Normal(mean, 1.0), sample))
        return np.asarray(jax.jit(one)(samples))

    low, middle, high = map(at, (-4.0, -3.0, -2.0))
    mean = -3.0 - (high - low) / 2 / (low - 2 * middle + high)
    return mean, -2 * middle - np.log(2 * np.pi) - (mean + 3.0) ** 2


@pytest.mark.slow
def test_statistics_are_those_of_the_draws():
    data = drawn([4, 9])
    for i, seed in enumerate([4, 9]):
        parts = Draws(TARGET, N).cut(seed, 0.2)
        assert (parts.train.shape, parts.held_out.shape) == ((1600,), (400,))
        samples = jax.tree.map(lambda leaf, i=i: leaf[i], (data.train, data.validation))
        for sample, values in zip(samples, parts, strict=True):
            exact = oracles.Statistics.of(values)
            found = float(mlejax.log_likelihood(START, sample))
            assert found == pytest.approx(exact.log_likelihood(0.0, 1.0), rel=1e-12)


@pytest.mark.slow
def test_without_validation_there_is_none():
    data = drawn([4], fraction=0.0)
    assert data.validation is None
    assert data.train.count.tolist() == [N]


def test_numpy_draws_the_articles_stream_and_split(article_data):
    train, validation = Draws(mlejax.Normal(7.2, 2.8**2), 100_000, by="numpy").cut(0, 0.2)
    expected = [article_data(0)[i] for i in oracles.train_test_indices(100_000, 0.2, 42)]
    # sqrt(2.8^2) may differ from 2.8 in the last place.
    np.testing.assert_allclose(train, expected[0], rtol=1e-15)
    np.testing.assert_allclose(validation, expected[1], rtol=1e-15)


class Drawn(mlejax.Model):
    mean: float

    def log_prob(self, x):
        return -((x - self.mean) ** 2)

    def sample(self, key, shape):
        return self.mean + jax.random.normal(key, shape, jnp.float64)


@pytest.mark.slow
def test_a_target_of_ones_own_draws():
    train, _ = Draws(Drawn(5.0), 100, base_seed=3).cut(7, 0.2)
    key = jax.random.fold_in(jax.random.key(3), 7)
    np.testing.assert_allclose(train, 5.0 + np.asarray(jax.random.normal(key, (100,), jnp.float64))[20:], rtol=1e-15)


SETTINGS = ("jax_threefry_partitionable", False), ("jax_default_prng_impl", "rbg")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_settings_of_jax_change_no_draw(name, value):
    expected = Draws(TARGET, 50).cut(3, 0.2).train, drawn([3]).train.centers
    before = getattr(jax.config, name)
    plain = jax.random.normal(jax.random.key(3), (50,))
    jax.config.update(name, value)
    try:
        assert not np.array_equal(jax.random.normal(jax.random.key(3), (50,)), plain)  # negative control
        found = Draws(TARGET, 50).cut(3, 0.2).train, drawn([3]).train.centers
    finally:
        jax.config.update(name, before)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_draws_are_float64_whatever_the_flag_of_the_process_says():
    with jax.enable_x64(False):
        found = Draws(TARGET, 50).cut(3, 0.2)
    np.testing.assert_array_equal(found.train, Draws(TARGET, 50).cut(3, 0.2).train)
    assert found.train.dtype == np.float64


def test_data_are_a_source_whose_seeds_are_splits(small_normal):
    source = source_of(list(small_normal))
    assert isinstance(source, Given)
    assert (source.axis, source.size) == ("seed", 200)
    for seed in (0, 7):
        train, validation = oracles.train_test_indices(200, 0.25, seed)
        parts = source.cut(seed, 0.25)
        np.testing.assert_array_equal(parts.train, small_normal[train])
        np.testing.assert_array_equal(parts.held_out, small_normal[validation])


def test_devices_are_started_before_data_are_evaluated(small_normal, monkeypatch):
    called = []
    monkeypatch.setattr(devices, "start", lambda *_: called.append("start"))
    monkeypatch.setattr(sources, "check_support", lambda *_, **__: called.append("check"))
    source_of(small_normal).check(mlejax.Normal(0.0, 1.0), (), 0.2)
    assert called == ["start", "check"]


def test_one_number_is_no_sequence_of_seeds():
    with pytest.raises(TypeError, match=r"seeds must be a sequence: range\(200\) for 200 seeds, or \[200\] for one"):
        Draws(TARGET, 100, seeds=np.int64(200))
    assert Draws(TARGET, 100, seeds=[200]).seeds.tolist() == [200]
