"""Sweeps: what each run finds, that no run depends on another, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from helpers import arrays, draws
from zoo import Hazard, Rayleigh

import mlejax
from mlejax.results.schema import QUANTITIES
from mlejax.status import Status
from mlejax.store.export import write_table

N, FRACTION = 1000, 0.2
NEAR, FAR = (0.0, 1.0), (7.0, 40.0)
AXES = {
    "seed": [0, 1, 4],
    "start": [0, 1],
    "learning_rate": [0.1, 0.5, 2.0, 1e4],
    "max_epochs": [300, 1300],
    "patience": [10, 50],
    "tolerance": [1e-8, 1e-3],
}
sweep = functools.partial(mlejax.sweep, mlejax.Normal(*NEAR), progress=False)


@functools.cache
def parts(seed):
    """The article's sample for a seed, small, and its split."""
    x = np.random.RandomState(seed).normal(7.2, 2.8, N)
    return tuple(x[index] for index in oracles.train_test_indices(N, FRACTION, 42))


@pytest.fixture(scope="module")
def grid():
    result = sweep(
        seeds=AXES["seed"],
        starts=[mlejax.Normal(*NEAR), mlejax.Normal(*FAR)],
        learning_rates=AXES["learning_rate"],
        max_epochs=AXES["max_epochs"],
        patience=AXES["patience"],
        tolerance=AXES["tolerance"],
        observations=draws(N, "numpy"),
    )
    assert result.shape == (3, 2, 4, 2, 2, 2)
    return result


# What is found ----------------------------------------------------------------------------------------------------


def test_axes_are_labeled_and_in_order(grid):
    assert list(grid.axes) == list(AXES)
    for name, values in AXES.items():
        np.testing.assert_array_equal(grid.axes[name], values)


def test_results_are_numpy_arrays_of_the_shape_of_the_axes(grid):
    for name, array in arrays(grid).items():
        assert type(array) is np.ndarray, name
        assert array.shape == grid.shape, name
        assert array.dtype == (QUANTITIES[name].dtype if name in QUANTITIES else "float64"), name


def closest_decision(train, validation, path, tolerance):
    """The smallest difference that a stop hung on; where it is small, rounding may decide."""
    other, best, closest = oracles.Statistics.of(validation), -np.inf, np.inf
    for parameters in path:
        measured = other.log_likelihood(*parameters)
        gap = abs(measured - best)
        closest = min(closest, gap, abs(gap - tolerance) if measured <= best else np.inf)
        best = max(best, measured)
    return closest


@pytest.mark.slow
def test_every_run_is_the_run_of_the_numpy_loop(grid):
    fates = set()
    for index in np.ndindex(*grid.shape):
        seed, start, rate, max_epochs, patience, tolerance = (v[i] for v, i in zip(AXES.values(), index, strict=True))
        train, validation = parts(seed)
        limits = {"max_epochs": max_epochs, "patience": patience, "tolerance": tolerance}
        expected = oracles.ascend_normal(train, validation, rate, (NEAR, FAR)[start], **limits)
        # Log-likelihoods of 200 observations are near 500; their rounding errors are near 1e-12.
        assert closest_decision(train, validation, expected.path, tolerance) > 1e-9
        found = grid.run(*index)
        where = str(found.axes)
        assert found.status.name == expected.status, where
        assert (found.epochs, found.best_epoch) == (expected.epochs, expected.best_epoch), where
        np.testing.assert_allclose(
            [found.model.mean, found.model.variance], expected.estimate, rtol=1e-9, atol=1e-12, err_msg=where
        )
        for name, part in (("train", train), ("validation", validation)):
            likelihood = oracles.Statistics.of(part).log_likelihood(*expected.estimate)
            assert getattr(found, f"{name}_log_likelihood") == pytest.approx(likelihood, rel=1e-9), where
        exact = oracles.exact_normal(train, *expected.estimate)["distance"] if index[3:] == (0, 0, 0) else None
        assert exact is None or found.distance == pytest.approx(exact, rel=1e-6, abs=1e-9), where
        fates.add(expected.status)
    assert fates == {"PATIENCE", "TOLERANCE", "MAX_EPOCHS", "DIVERGED"}  # PRECISION: see the float32 test


@pytest.mark.slow
def test_fit_finds_the_same(grid):
    train, validation = parts(1)
    order = np.concatenate(oracles.train_test_indices(N, FRACTION, 42))
    x = np.empty(N)
    x[order] = np.concatenate([train, validation])
    alone = mlejax.train(mlejax.Normal(*NEAR), x, max_epochs=1300, progress=False)
    run = grid.run(1, 0, 0, 1, 1, 0)
    assert (alone.status, alone.epochs, alone.best_epoch) == (run.status, run.epochs, run.best_epoch)
    np.testing.assert_allclose(
        [alone.model.mean, alone.model.variance], [run.model.mean, run.model.variance], rtol=1e-12
    )
    assert alone.distance == pytest.approx(run.distance, rel=1e-9)


def test_diverged_runs_keep_finite_parameters_inside_the_domain(grid):
    diverged = grid.status == Status.DIVERGED
    assert diverged.any()
    assert np.isfinite(grid.model.mean[diverged]).all()
    assert (grid.model.variance[diverged] > 0).all()
    assert np.isfinite(grid.train_log_likelihood[diverged]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "rate", "epochs"), [(0, 0.1, 3150), (123, 0.1, 2843), (42, 0.2, 221)])
def test_the_articles_program_stops_in_the_same_epoch(seed, rate, epochs):
    found = sweep(seeds=[seed], learning_rates=[rate], observations=draws(100_000, "numpy")).run(0, 0)
    assert (found.status, found.epochs) == (Status.PATIENCE, epochs)


def test_rates_per_parameter_are_axes_of_their_own():
    rates = mlejax.Normal([0.1, 0.5], [0.5, 2.0, 5.0])
    result = sweep(seeds=[0, 1], learning_rates=rates, observations=draws(N, "numpy"), max_epochs=300)
    assert list(result.axes) == ["seed", "learning_rate.mean", "learning_rate.variance"]
    assert result.shape == (2, 2, 3)
    for index in np.ndindex(2, 2, 3):
        train, validation = parts(index[0])
        rate = np.array([rates.mean[index[1]], rates.variance[index[2]]])
        expected = oracles.ascend_normal(train, validation, rate, max_epochs=300)
        found = result.run(*index)
        assert (found.status.name, found.epochs) == (expected.status, expected.epochs)
        assert found.model.variance == pytest.approx(expected.estimate[1], rel=1e-9)


def test_one_rate_of_two_may_be_fixed():
    result = sweep(
        seeds=[0], learning_rates=mlejax.Normal(0.1, [0.5, 2.0]), observations=draws(N, "numpy"), max_epochs=300
    )
    assert list(result.axes) == ["seed", "learning_rate.variance"]
    expected = oracles.ascend_normal(*parts(0), np.array([0.1, 2.0]), max_epochs=300)
    assert result.run(0, 1).model.variance == pytest.approx(expected.estimate[1], rel=1e-9)
    assert result.provenance.settings["learning_rate.mean"] == 0.1


@pytest.mark.slow
def test_seeds_split_data_that_are_given(small_normal):
    result = sweep(seeds=[3, 4], learning_rates=[0.5], observations=small_normal, max_epochs=300)
    for i, seed in enumerate([3, 4]):
        train, validation = (small_normal[j] for j in oracles.train_test_indices(200, FRACTION, seed))
        expected = oracles.ascend_normal(train, validation, 0.5, max_epochs=300)
        assert result.run(i, 0).epochs == expected.epochs
        assert result.run(i, 0).model.mean == pytest.approx(expected.estimate[0], rel=1e-9)
    assert result.model.mean[0, 0] != result.model.mean[1, 0]


@pytest.mark.slow
def test_without_validation_the_train_likelihood_decides_and_the_maximum_is_reached(small_normal):
    result = sweep(
        seeds=[0], learning_rates=[0.5, 1.0], observations=small_normal, validation_fraction=0, max_epochs=5000
    )
    mean, variance = oracles.exact_mean_and_variance(small_normal)
    np.testing.assert_allclose(result.model.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(result.model.variance, variance, rtol=1e-4)
    assert result.arrived.all()
    assert np.isnan(result.validation_log_likelihood).all()


@pytest.mark.slow
def test_float32_says_when_its_digits_run_out():
    result = sweep(seeds=[1, 2], learning_rates=[0.1], dtype=np.float32, observations=draws(20_000, "numpy"))
    assert (result.status == Status.PRECISION).any()
    assert result.model.mean.dtype == np.float64
    np.testing.assert_array_equal(result.model.mean, result.model.mean.astype(np.float32))


# Draws and digits ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_draws_are_from_the_target():
    n, target = 20_000, mlejax.Normal(-3.0, 4.0)
    result = sweep(
        seeds=range(8),
        learning_rates=[1.0],
        observations=mlejax.Draws(target, n),
        validation_fraction=0,
        max_epochs=3000,
    )
    assert result.arrived.all()
    estimates = np.stack([result.model.mean, result.model.variance])[..., 0]
    errors = np.abs(estimates - np.array([[-3.0], [4.0]])) / np.array([[np.sqrt(4 / n)], [np.sqrt(2 * 16 / n)]])
    assert (errors < 5).all()
    assert (errors > 1e-6).all()
    assert len(np.unique(estimates)) == 16


# Other models, other optimizers -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_that_does_not_factor_trains_on_the_raw_observations():
    target, start = mlejax.Weibull(2.0, 3.0), mlejax.Weibull(1.0, 1.0)
    common = {"observations": mlejax.Draws(target, 500), "max_epochs": 400, "progress": False}
    result = mlejax.sweep(start, seeds=[0, 5], learning_rates=[0.1, 0.5], **common)
    assert result.provenance.representation.startswith("raw observations")
    assert result.model.scale.shape == (2, 2)
    alone = mlejax.sweep(start, seeds=[5], learning_rates=[0.5], **common)
    assert alone.model.scale[0, 0] == result.model.scale[1, 1]
    assert alone.epochs[0, 0] == result.epochs[1, 1]
    # The standard error of a Weibull's scale is near 1.05 scale / shape / sqrt(n).
    assert result.model.scale[1, 1] == pytest.approx(3.0, abs=5 * 1.05 * 3 / 2 / np.sqrt(400))


@pytest.mark.slow
def test_raw_observations_and_statistics_agree():
    summed, raw = (
        sweep(seeds=[0], learning_rates=[0.1, 0.5], observations=draws(300, "numpy"), max_epochs=200, summarize=s)
        for s in (True, False)
    )
    assert raw.provenance.representation == "raw observations, as asked"
    np.testing.assert_array_equal(summed.epochs, raw.epochs)
    np.testing.assert_allclose(summed.model.variance, raw.model.variance, rtol=1e-10)
    np.testing.assert_allclose(summed.distance, raw.distance, rtol=1e-8)


@pytest.mark.slow
def test_a_model_of_ones_own():
    x = np.random.RandomState(0).rayleigh(2.0, 400)
    result = mlejax.sweep(
        Rayleigh(1.0), seeds=[0], learning_rates=[0.1], observations=x, validation_fraction=0, progress=False
    )
    assert type(result.model) is Rayleigh
    assert result.model.scale[0, 0] == pytest.approx(np.sqrt(np.mean(x**2) / 2), rel=1e-6)
    assert "sufficient statistic" in result.provenance.representation


@pytest.mark.slow
def test_an_optimizer_of_optax_gives_what_fit_gives():
    optimizer = optax.scale_by_adam()
    result = sweep(
        seeds=[0], learning_rates=[0.1, 0.01], observations=draws(N, "numpy"), max_epochs=400, optimizer=optimizer
    )
    x = np.random.RandomState(0).normal(7.2, 2.8, N)
    for i, rate in enumerate([0.1, 0.01]):
        alone = mlejax.train(
            mlejax.Normal(*NEAR), x, learning_rate=rate, max_epochs=400, optimizer=optimizer, progress=False
        )
        assert alone.epochs == result.epochs[0, i]
        assert alone.model.mean == pytest.approx(result.model.mean[0, i], rel=1e-10)
    assert result.provenance.settings["optimizer"].startswith("optax ")
    assert result.stability_limit("learning_rate") is None


# The caller's process -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_sweep_of_the_same_shape_compiles_nothing():
    compiled = []

    def listen(name, seconds, **_):
        if name == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        sweep(seeds=[0, 1], learning_rates=[0.1, 0.2, 0.4], observations=draws(777), max_epochs=50)
        assert compiled  # the listener hears: 777 was not drawn before
        compiled.clear()
        sweep(seeds=[5, 8], learning_rates=[0.3, 0.6, 0.9], observations=draws(777), max_epochs=90, patience=7)
        assert compiled == []
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.slow
def test_the_callers_float64_flag_is_left_alone():
    before = jax.config.jax_enable_x64
    sweep(seeds=[0], learning_rates=[0.1], observations=draws(N), max_epochs=10)
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(()).dtype == (jnp.float64 if before else jnp.float32)


@pytest.mark.slow
def test_progress_goes_to_standard_error_only_and_tells_of_compiling(capsys):
    mlejax.sweep(mlejax.Normal(*NEAR), seeds=[0], learning_rates=[0.1], observations=draws(333), max_epochs=10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "drawing" in err
    assert "runs" in err
    # Another optimizer is another program.
    mlejax.sweep(
        mlejax.Normal(*NEAR),
        seeds=[0],
        learning_rates=[0.1],
        observations=draws(333),
        max_epochs=10,
        optimizer=optax.scale(0.5),
    )
    assert "compiling" in capsys.readouterr().err
    sweep(seeds=[0], learning_rates=[0.1], observations=draws(333), max_epochs=10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_an_array_of_parameters_is_one_variable_with_a_dimension_of_its_own(tmp_path):
    lives, start = np.random.RandomState(0).exponential(1.5, 200), Hazard(np.ones(3))
    starts = [start, Hazard(np.array([0.5, 1.0, 2.0]))]
    result = mlejax.sweep(
        start, seeds=range(2), learning_rates=[0.2, 0.5], starts=starts, observations=lives, max_epochs=50,
        out=tmp_path / "sweep", progress=False,
    )  # fmt: skip
    one = mlejax.train(starts[1], lives, split_seed=1, learning_rate=0.5, max_epochs=50, progress=False)
    assert result.model.rates.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(result.run(1, 1, 1).model.rates, one.model.rates, rtol=1e-12)
    assert next(result.records())["rates[old]"] == result.model.rates[0, 0, 0, 2]
    assert result.run(0, 0, 0).record()["rates[old]"] == result.model.rates[0, 0, 0, 2]
    assert result.information.shape == (3, 3)
    stored = result.to_xarray().rates
    assert stored.dims == ("seed", "start", "learning_rate", "rates_index")
    assert stored.attrs["rates_index_labels"] == ["young", "middle", "old"]
    again = mlejax.load(tmp_path / "sweep", start)
    np.testing.assert_array_equal(again.model.rates, result.model.rates)
    assert not mlejax.verify(tmp_path / "sweep", start, observations=lives, progress=False).different
    write_table(result.to_xarray(), "csv", tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().startswith("seed,start,learning_rate,rates[young],rates[middle],")
    history = mlejax.record(
        tmp_path / "sweep", {"seed": 0, "start": 1}, model=start, observations=lives, progress=False
    )
    assert history.model.rates.shape == (1, 1, 2, history.epoch.shape[-1], 3)
