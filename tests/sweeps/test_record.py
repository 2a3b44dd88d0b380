"""Chosen runs made again: each history is that of the loop, and of the very run that the sweep has."""

import dataclasses

import numpy as np
import optax
import oracles
import pytest
from helpers import draws
from zoo import Rayleigh

import mlejax
from mlejax.results.sweep import Provenance
from mlejax.status import Status
from mlejax.sweeps.record import keep_epochs

SEEDS, RATES = [4, 5, 6], [2.0, 8.0, 15.0]
SOURCE, LIMITS = draws(200, "numpy"), {"max_epochs": 700, "patience": 10}


def ascended(seed, rate):
    return oracles.ascend_normal(*SOURCE.cut(seed, 0.2), rate, start=(6.0, 6.0), **LIMITS)


@pytest.fixture(scope="module")
def made():
    """What a sweep of runs that end by patience, by tolerance and at the limit finds, by the loop of the oracle."""
    spec = mlejax.SweepSpec.checked(
        mlejax.Normal(6.0, 6.0), seeds=SEEDS, learning_rates=RATES, observations=SOURCE, **LIMITS
    )
    runs = [[ascended(seed, rate) for rate in RATES] for seed in SEEDS]
    status = np.array([[Status[run.status] for run in row] for row in runs], np.int8)
    assert len(np.unique(status)) == 3
    estimate = np.array([[run.estimate for run in row] for row in runs])
    unknown = np.full(status.shape, np.nan)
    arrays = {
        "mean": estimate[..., 0],
        "variance": estimate[..., 1],
        "status": status,
        **{name: np.array([[getattr(run, name) for run in row] for row in runs]) for name in ("epochs", "best_epoch")},
        "train_log_likelihood": unknown,
        "validation_log_likelihood": unknown,
        "distance": unknown,
    }
    return mlejax.SweepResult(spec.axes, spec.start, arrays, Provenance(spec.settings(), []))


def changed(made, **arrays):
    """The same with other values at seed 5 and a rate of 8."""
    found = {name: values.copy() for name, values in made.arrays.items()}
    for name, value in arrays.items():
        found[name][1, 1] = value
    return dataclasses.replace(made, arrays=found)


@pytest.mark.slow
def test_a_history_is_that_of_the_loop(made):
    """Each epoch that is kept, against the loop as the article has it."""
    histories = mlejax.record(made, {"seed": [6, 4]}, epochs=20, progress=False)
    assert list(histories.sweep.axes["seed"]) == [6, 4]
    assert histories.epoch.shape == (2, 3, 20)
    for index in np.ndindex(histories.sweep.shape):
        history, run = histories.run(*index), histories.sweep.run(*index)
        kept, path = history.epoch, np.array(ascended(*run.axes.values()).path)
        assert len(kept) == min(run.epochs, 20)
        if run.status is Status.TOLERANCE:  # rounding decides when
            assert abs(int(kept[-1]) - run.epochs) < 10
        else:
            assert {1, run.best_epoch, run.epochs} <= set(kept.tolist())
        there = kept <= len(path)
        path = path[kept[there] - 1]
        np.testing.assert_allclose(history.model.mean[there], path[:, 0], rtol=1e-9)  # after hundreds of roundings
        np.testing.assert_allclose(history.model.variance[there], path[:, 1], rtol=1e-9)
        for name, part in zip(("train", "validation"), SOURCE.cut(run.axes["seed"], 0.2), strict=True):
            exact = [oracles.Statistics.of(part).log_likelihood(*point) for point in path]
            np.testing.assert_allclose(getattr(history, f"{name}_log_likelihood")[there], exact, rtol=1e-9)


@pytest.mark.parametrize(
    ("last", "best", "most", "kept"),
    [
        (1000, 700, 9, [1, 3, 8, 21, 55, 145, 381, 700, 1000]),
        (1000, 1000, 4, [1, 10, 100, 1000]),
        (8, 3, 8, range(1, 9)),
        (9, 4, 8, [1, 2, 3, 4, 5, 6, 7, 9]),
        (100, 50, 3, [1, 50, 100]),
        (1, 0, 3, [1]),
    ],
    ids=str,
)
def test_the_epochs_to_keep(last, best, most, kept):
    assert keep_epochs(last, best, most).tolist() == list(kept)


def test_no_more_epochs_are_kept_than_asked_for():
    for last in (2, 9, 10, 11, 500, 10_000, 2**24):
        for best in {1, 2, last // 2, last - 1, last}:
            found = keep_epochs(last, best, 10)
            assert {1, max(best, 1), last} <= set(found.tolist())
            assert len(found) == min(last, 10)
            assert np.all(np.diff(found) > 0)


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({"learning_rate": [8, 1.9]}, "no run with learning_rate = 1.9; the nearest are 2 and 8"),
        ({"patience": 3}, "runs: no axis 'patience'; the axes are seed, learning_rate"),
        ({"seed": [4, 4]}, "runs: seed must be distinct; got 4 at index 0 and 1"),
        ({"seed": []}, "runs: seed must be a non-empty sequence"),
        ({"seed": "4"}, "runs: seed must be finite numbers; got '4'"),
    ],
    ids=str,
)
def test_runs_that_are_not_there_are_refused(made, runs, message):
    with pytest.raises(mlejax.InputError, match=message):
        mlejax.record(made, runs, progress=False)


@pytest.mark.parametrize("epochs", [2, 10_001])
def test_a_wrong_number_of_epochs_is_refused(made, epochs):
    with pytest.raises(ValueError, match="epochs must be a whole number from 3 to 10,000"):
        mlejax.record(made, {}, epochs=epochs, progress=False)


def test_a_part_of_a_sweep_is_refused(made):
    for part in ({"seed": 4}, {"learning_rate": 2.0}):
        with pytest.raises(ValueError, match=r"sweep: this is a part of one, .*: it has no .*Give the whole"):
            mlejax.record(made.sel(**part), {}, progress=False)


@pytest.mark.slow
def test_a_run_that_has_not_ended_is_refused(made):
    unfinished = changed(made, status=Status.RUNNING)
    with pytest.raises(ValueError, match="runs: 1 of the 3 chosen have not ended, seed = 5, learning_rate = 8 first"):
        mlejax.record(unfinished, {"seed": 5}, progress=False)
    assert mlejax.record(unfinished, {"seed": 5, "learning_rate": 2.0}, epochs=20, progress=False).sweep.count == 1


@pytest.mark.slow
@pytest.mark.parametrize(("away", "refused"), [(1e-8, False), (1e-5, True)])
def test_a_run_that_ends_in_another_way_is_refused(made, away, refused):
    """By more than a millionth of a standard error, which is some 0.2 here."""
    moved = changed(made, mean=made.arrays["mean"][1, 1] + away)
    if not refused:
        assert mlejax.record(moved, {"seed": 5}, epochs=20, progress=False).sweep.count == 3
        return
    said = (
        "sweep: 1 of the 3 chosen runs end in another way when they are made again, seed = 5, learning_rate = 8 first"
    )
    with pytest.raises(ValueError, match=said):
        mlejax.record(moved, {"seed": 5}, epochs=20, progress=False)


def test_another_status_is_refused(made):
    with pytest.raises(ValueError, match="in the sweep PRECISION in epoch"):
        mlejax.record(changed(made, status=Status.PRECISION), {"seed": 5}, epochs=20, progress=False)


# Kinds of sweeps ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("start", "target"),
    [(mlejax.Normal(0.0, 1.0), mlejax.Normal(7.2, 7.84)), (mlejax.Weibull(1.0, 1.0), mlejax.Weibull(2.0, 3.0))],
    ids=["statistics", "raw observations"],
)
def test_runs_of_either_type_have_the_bits_of_the_sweep(start, target, dtype):
    source = mlejax.Draws(target, 2000)
    given = {"learning_rates": np.geomspace(0.05, 2.0, 4), "max_epochs": 2000, "dtype": dtype, "progress": False}
    result = mlejax.sweep(start, seeds=range(3), observations=source, **given)
    found = mlejax.record(result, {}, epochs=64, progress=False)
    for index in np.ndindex(result.shape):
        history, run = found.run(*index), result.run(*index)
        if run.status is not Status.MAX_EPOCHS:
            best = history.epoch == run.best_epoch
            for name, estimate in vars(run.model).items():
                assert getattr(history.model, name)[best] == estimate
            assert history.train_log_likelihood[best] == pytest.approx(run.train_log_likelihood, rel=1e-13)


@pytest.mark.slow
def test_a_count_among_several_is_recorded_as_it_is_alone():
    given = {"seeds": [2, 5], "learning_rates": [0.1, 1.0], "max_epochs": 300, "progress": False}
    several = mlejax.sweep(mlejax.Normal(0.0, 1.0), observations=draws([50, 400, 100]), **given)
    found = mlejax.record(several, {"count": [100, 400], "seed": 5}, epochs=20, progress=False)
    for place, count in enumerate([100, 400]):
        alone = mlejax.sweep(mlejax.Normal(0.0, 1.0), observations=draws(count), **given)
        for name, values in mlejax.record(alone, {"seed": 5}, epochs=20, progress=False).arrays().items():
            np.testing.assert_array_equal(found.arrays()[name][:, place], values, err_msg=name)
    assert not np.array_equal(found.model.mean[:, 0], found.model.mean[:, 1])
    with pytest.raises(ValueError, match=r"this is a part of one, .* it has no 'count'"):
        mlejax.record(several.sel(count=100), {}, progress=False)


@pytest.mark.slow
def test_what_a_digest_cannot_give_back_is_asked_for_by_name(tmp_path):
    x = np.random.RandomState(0).rayleigh(2.0, 60)
    several = {"plain": None, "adam": optax.adam(0.2)}
    given = {"seeds": range(2), "learning_rates": [0.1], "observations": x, "max_epochs": 20, "progress": False}
    result = mlejax.sweep(Rayleigh(1.0), **given, optimizer=several, out=tmp_path)
    known = {"model": Rayleigh(5.0), "observations": x, "optimizer": several}
    for name in known:
        with pytest.raises(ValueError, match=name):
            mlejax.record(tmp_path, {}, **{key: value for key, value in known.items() if key != name}, progress=False)
    stored = mlejax.record(tmp_path, {"optimizer": [1, 0]}, **known, progress=False)
    del known["model"]  # a result in memory has it
    for place, number in enumerate([1, 0]):
        one = mlejax.record(result, {"optimizer": number}, **known, progress=False)
        np.testing.assert_array_equal(one.model.scale[..., 0, :], stored.model.scale[..., place, :])
        own = several[["plain", "adam"][number]]
        alone = mlejax.train(
            Rayleigh(1.0), x, split_seed=1, learning_rate=0.1, max_epochs=20, optimizer=own, progress=False
        )
        np.testing.assert_allclose(one.run(1, 0, 0).model.scale, alone.history.model.scale, rtol=1e-12)


@pytest.mark.slow
def test_hyperparameters_that_vary_and_runs_outside_the_support():
    """Some of these samples hold a negative number: their runs have no history."""
    source, varied = mlejax.Draws(mlejax.Normal(3.0, 1.4), 50), mlejax.vary(optax.trace, decay=[0.0, 0.5])
    given = {"observations": source, "max_epochs": 50, "optimizer": varied, "progress": False}
    result = mlejax.sweep(mlejax.Exponential(1.0), seeds=range(8), learning_rates=[0.05], **given)
    outside = result.status == Status.OUTSIDE_SUPPORT
    assert 0 < outside.sum() < outside.size
    found = mlejax.record(result, {}, optimizer=varied, progress=False)
    assert not np.any(found.epoch[outside])
    assert np.all(np.isnan(found.model.rate[outside]))
    assert np.all(found.epoch[~outside][:, 0] == 1)
    good = np.argwhere(~outside[:, 0, 0])[0, 0]
    assert not np.array_equal(found.model.rate[good, 0, 0], found.model.rate[good, 0, 1])
