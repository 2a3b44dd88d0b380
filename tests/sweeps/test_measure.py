"""Each run is measured on its own sample, in the form that this sample asks for; a bad sample ends its own runs."""

import functools
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import arrays, assert_same_bits, draws
from zoo import ZeroInflatedPoisson

import mlejax
from mlejax.status import Status
from mlejax.sweeps import measure
from mlejax.sweeps import sweep as sweep_module

sweep = functools.partial(mlejax.sweep, mlejax.Normal(0.0, 1.0), progress=False)

ONE_ZERO = np.r_[0, 1 + np.random.RandomState(0).poisson(4.0, 59)]
INFLATED = functools.partial(
    mlejax.sweep, ZeroInflatedPoisson(4.0, 0.05), learning_rates=[0.001], max_epochs=3000, progress=False
)


class DrawnCounts(ZeroInflatedPoisson):
    """A zero-inflated Poisson distribution that draws."""

    def sample(self, key, shape):
        zero, count = jax.random.split(key)
        counts = jax.random.poisson(count, self.rate, shape).astype(float)
        return jnp.where(jax.random.uniform(zero, shape) < self.zero, 0.0, counts)


SAMPLES = {"data": ONE_ZERO, "draws": mlejax.Draws(DrawnCounts(5.0, 0.02), 50)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_a_branch_on_the_data_is_decided_by_each_sample_for_itself(name):
    """Some samples hold a zero and others none: in any order, and alone, a seed has the same bits."""
    seeds = [0, 1, 2, 3]
    forward = arrays(INFLATED(seeds=seeds, observations=SAMPLES[name]))
    backward = arrays(INFLATED(seeds=seeds[::-1], observations=SAMPLES[name]))
    for i, seed in enumerate(seeds):
        alone = arrays(INFLATED(seeds=[seed], observations=SAMPLES[name]))
        for quantity, values in forward.items():
            np.testing.assert_array_equal(values[i], backward[quantity][3 - i], err_msg=quantity)
            np.testing.assert_array_equal(values[i], alone[quantity][0], err_msg=quantity)
    raw = INFLATED(seeds=seeds, observations=SAMPLES[name], summarize=False)
    np.testing.assert_array_equal(forward["status"], raw.status)
    np.testing.assert_allclose(forward["validation_log_likelihood"], raw.validation_log_likelihood, rtol=1e-9)


@pytest.mark.slow
def test_a_branch_on_the_data_is_decided_as_in_a_single_run():
    grid = INFLATED(seeds=[2, 1, 0], observations=ONE_ZERO)
    for i, seed in enumerate([2, 1, 0]):
        one = mlejax.train(
            ZeroInflatedPoisson(4.0, 0.05), ONE_ZERO, split_seed=seed, learning_rate=0.001, max_epochs=3000,
            progress=False,
        )  # fmt: skip
        found = grid.run(i, 0)
        assert (found.status, found.epochs, found.best_epoch) == (one.status, one.epochs, one.best_epoch)
        assert found.train_log_likelihood == pytest.approx(one.train_log_likelihood, rel=1e-13)
        assert found.model.rate == pytest.approx(one.model.rate, rel=1e-9)


FATES = {"statistics": mlejax.Exponential(1.0), "raw observations": mlejax.Weibull(1.0, 3.0)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FATES)
def test_a_sample_outside_the_support_ends_its_own_runs_and_no_others(name, tmp_path):
    """Some of these samples hold a negative number."""
    source = mlejax.Draws(mlejax.Normal(3.0, 1.4), 50)
    given = {"learning_rates": [0.01, 0.05], "observations": source, "max_epochs": 200, "progress": False}
    result = mlejax.sweep(FATES[name], seeds=range(8), **given, out=tmp_path / "out")
    outside = np.array([np.concatenate(source.cut(seed, 0.2)).min() <= 0 for seed in range(8)])
    assert 0 < outside.sum() < 8
    np.testing.assert_array_equal(result.status == Status.OUTSIDE_SUPPORT, np.broadcast_to(outside[:, None], (8, 2)))
    assert (result.epochs[outside] == 0).all()
    for quantity in ("distance", "train_log_likelihood", "validation_log_likelihood"):
        assert np.isnan(getattr(result, quantity)[outside]).all()
    for leaf in jax.tree.leaves(result.model):
        assert np.isnan(leaf[outside]).all()
        assert np.isfinite(leaf[~outside]).all()
    good = np.flatnonzero(~outside)
    alone = mlejax.sweep(FATES[name], seeds=good, **given)
    for quantity, values in arrays(alone).items():
        np.testing.assert_array_equal(values, arrays(result)[quantity][good], err_msg=quantity)
    again = mlejax.sweep(FATES[name], seeds=range(8), **given, out=tmp_path / "out")  # all runs have ended
    np.testing.assert_array_equal(again.status, result.status)


@pytest.mark.slow
@pytest.mark.parametrize("summarize", [True, False], ids=["statistics", "raw observations"])
def test_a_start_without_a_finite_log_density_ends_its_own_runs_and_no_others(summarize):
    starts = [mlejax.Exponential(1.0), mlejax.Exponential(1e308)]
    given = {"seeds": [0, 1], "learning_rates": [0.1], "max_epochs": 50, "summarize": summarize, "progress": False}
    source = mlejax.Draws(mlejax.Exponential(0.01), 30)
    result = mlejax.sweep(mlejax.Exponential(1.0), starts=starts, observations=source, **given)
    np.testing.assert_array_equal(result.status[:, 1, 0], [Status.OUTSIDE_SUPPORT] * 2)
    alone = mlejax.sweep(mlejax.Exponential(1.0), observations=source, **given)
    np.testing.assert_array_equal(result.model.rate[:, 0], alone.model.rate)


def test_data_outside_the_support_are_refused_at_once():
    with pytest.raises(ValueError, match=r"Poisson needs whole numbers >= 0; got 1\.5 at index 2"):
        mlejax.sweep(mlejax.Poisson(1.0), seeds=[0], learning_rates=[0.1], observations=[1.0, 2.0, 1.5])
    with pytest.raises(ValueError, match="finite log-density at the start; got log_prob"):
        mlejax.sweep(
            mlejax.Exponential(1.0), seeds=[0], learning_rates=[0.1], observations=[100.0, 200.0],
            starts=[mlejax.Exponential(1e308)],
        )  # fmt: skip


@pytest.mark.slow
def test_two_sweeps_in_two_threads_find_what_each_finds_alone():
    given = [{"seeds": [0, 1, 2], "learning_rates": [0.1, 0.5]}, {"seeds": [3, 4, 5], "learning_rates": [0.2, 1.0]}]
    both = functools.partial(sweep, observations=draws(500), max_epochs=900)
    alone = [both(**each) for each in given]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda each: both(**each), given))
    for one, other in zip(alone, together, strict=True):
        assert_same_bits(one, other)


@pytest.mark.slow
def test_nothing_is_drawn_before_the_directory_is_known_to_be_good(tmp_path, monkeypatch):
    given = {"seeds": [0, 1], "learning_rates": [0.1], "observations": draws(500), "max_epochs": 20}
    fresh = sweep(**given, out=tmp_path / "out")
    (tmp_path / "file").write_text("")

    def drawn(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(sweep_module, "samples_for", drawn)
    with pytest.raises(ValueError, match="max_epochs = 20; this one has 30"):
        sweep(**given | {"max_epochs": 30}, out=tmp_path / "out")
    with pytest.raises(ValueError, match="is a file"):
        sweep(**given, out=tmp_path / "file")
    assert_same_bits(sweep(**given, out=tmp_path / "out"), fresh)  # finished: answered without drawing


@pytest.mark.slow
def test_only_seeds_with_new_runs_are_drawn(tmp_path, monkeypatch):
    given = {"learning_rates": [0.1], "observations": draws(500), "max_epochs": 20, "out": tmp_path / "out"}
    sweep(seeds=[5, 6], **given)
    wanted, gather = [], measure.gather
    monkeypatch.setattr(measure, "gather", lambda request, positions, *rest: wanted.append(
        request.seeds[positions].tolist()) or gather(request, positions, *rest))  # fmt: skip
    sweep(seeds=[5, 6, 7], **given)
    assert wanted == [[7]]
