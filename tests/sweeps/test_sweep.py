"""Sweeps: what each run finds, that no run depends on another, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from helpers import arrays, assert_same_bits, printed_by
from zoo import Rayleigh

import mlejax
from mlejax import devices
from mlejax.results.schema import QUANTITIES
from mlejax.status import Status
from mlejax.sweeps import schedule

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
        observations=N,
        draw="numpy",
    )
    assert result.shape == (3, 2, 4, 2, 2, 2)
    return result


# What is found ----------------------------------------------------------------------------------------------------


def test_axes_are_labelled_and_in_order(grid):
    assert list(grid.axes) == list(AXES)
    for name, values in AXES.items():
        np.testing.assert_array_equal(grid.axes[name], values)


def test_results_are_numpy_arrays_of_the_shape_of_the_axes(grid):
    for name, array in arrays(grid).items():
        assert type(array) is np.ndarray, name
        assert array.shape == grid.shape, name
        assert array.dtype == QUANTITIES.get(name, ("float64",))[0], name


def closest_decision(train, validation, path, tolerance):
    """The smallest difference that a stop hung on; where it is small, rounding may decide."""
    other, best, closest = oracles.Statistics.of(validation), -np.inf, np.inf
    for parameters in path:
        measured = other.log_likelihood(*parameters)
        gap = abs(measured - best)
        closest = min(closest, gap, abs(gap - tolerance) if measured <= best else np.inf)
        best = max(best, measured)
    return closest


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


@pytest.mark.parametrize(("seed", "rate", "epochs"), [(0, 0.1, 3150), (123, 0.1, 2843), (42, 0.2, 221)])
def test_the_articles_program_stops_in_the_same_epoch(seed, rate, epochs):
    found = sweep(seeds=[seed], learning_rates=[rate], draw="numpy").run(0, 0)
    assert (found.status, found.epochs) == (Status.PATIENCE, epochs)


def test_rates_per_parameter_are_axes_of_their_own():
    rates = mlejax.Normal([0.1, 0.5], [0.5, 2.0, 5.0])
    result = sweep(seeds=[0, 1], learning_rates=rates, observations=N, max_epochs=300, draw="numpy")
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
        seeds=[0], learning_rates=mlejax.Normal(0.1, [0.5, 2.0]), observations=N, max_epochs=300, draw="numpy"
    )
    assert list(result.axes) == ["seed", "learning_rate.variance"]
    expected = oracles.ascend_normal(*parts(0), np.array([0.1, 2.0]), max_epochs=300)
    assert result.run(0, 1).model.variance == pytest.approx(expected.estimate[1], rel=1e-9)
    assert result.attributes["learning_rate.mean"] == 0.1


def test_seeds_split_data_that_are_given(small_normal):
    result = sweep(seeds=[3, 4], learning_rates=[0.5], observations=small_normal, max_epochs=300)
    for i, seed in enumerate([3, 4]):
        train, validation = (small_normal[j] for j in oracles.train_test_indices(200, FRACTION, seed))
        expected = oracles.ascend_normal(train, validation, 0.5, max_epochs=300)
        assert result.run(i, 0).epochs == expected.epochs
        assert result.run(i, 0).model.mean == pytest.approx(expected.estimate[0], rel=1e-9)
    assert result.model.mean[0, 0] != result.model.mean[1, 0]


def test_without_validation_the_train_likelihood_decides_and_the_maximum_is_reached(small_normal):
    result = sweep(
        seeds=[0], learning_rates=[0.5, 1.0], observations=small_normal, validation_fraction=0, max_epochs=5000
    )
    mean, variance = oracles.exact_mean_and_variance(small_normal)
    np.testing.assert_allclose(result.model.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(result.model.variance, variance, rtol=1e-4)
    assert result.arrived.all()
    assert np.isnan(result.validation_log_likelihood).all()


# Independence of the runs -------------------------------------------------------------------------------------------

SMALL = {"observations": N, "max_epochs": 700}


@pytest.fixture(scope="module", params=["float64", "float32"])
def reference(request):
    result = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 0.5, 2.0], dtype=request.param, **SMALL)
    assert result.shape == (3, 3)
    return request.param, result


def pick(result, seeds, rates):
    return result._part(np.ix_(seeds, rates), result.axes)


def test_a_run_alone_has_the_same_bits(reference):
    dtype, grid = reference
    for i, j in [(1, 0), (2, 2)]:
        alone = sweep(seeds=[[0, 7, 9][i]], learning_rates=[[0.1, 0.5, 2.0][j]], dtype=dtype, **SMALL)
        assert_same_bits(alone, pick(grid, [i], [j]))


def test_the_order_of_values_does_not_matter(reference):
    dtype, grid = reference
    other = sweep(seeds=[9, 0, 7], learning_rates=[2.0, 0.1, 0.5], dtype=dtype, **SMALL)
    assert_same_bits(other, pick(grid, [2, 0, 1], [2, 0, 1]))


def test_a_bad_run_does_not_disturb_others(reference):
    dtype, grid = reference
    other = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 1e30, 0.5, 2.0], dtype=dtype, **SMALL)
    assert_same_bits(pick(other, [0, 1, 2], [0, 2, 3]), grid)
    assert np.isfinite(other.model.variance).all()


@pytest.mark.parametrize(
    ("tuning", "smallest"),
    [
        (devices.CPU, devices.CPU.lanes),
        (devices.CPU._replace(chunk=16, epochs=37), schedule.SMALLEST),
    ],
    ids=["the widest", "narrow chunks, 37 epochs a visit"],
)
def test_the_width_and_length_of_calls_do_not_matter(reference, tuning, smallest, monkeypatch):
    """From 16 lanes on, that is: a single lane is compiled to scalar code, whose last bits are its own on JAX 0.12."""
    dtype, grid = reference
    monkeypatch.setattr(devices, "CPU", tuning)
    monkeypatch.setattr(schedule, "SMALLEST", smallest)
    other = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 0.5, 2.0], dtype=dtype, **SMALL)
    assert_same_bits(other, grid)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_width_does_not_matter_on_raw_observations(dtype, monkeypatch):
    def in_lanes(width):
        monkeypatch.setattr(schedule, "SMALLEST_RAW", width)
        return mlejax.sweep(
            mlejax.Weibull(1.0, 1.0), target=mlejax.Weibull(2.0, 3.0), observations=500, max_epochs=100, seeds=[3],
            learning_rates=np.geomspace(0.01, 0.3, 20), dtype=dtype, progress=False,
        )  # fmt: skip

    one, other = in_lanes(16), in_lanes(64)
    assert one.attributes["path"].startswith("raw")
    np.testing.assert_array_equal(one.model.scale, other.model.scale)
    np.testing.assert_array_equal(one.model.shape, other.model.shape)
    np.testing.assert_array_equal(one.epochs, other.epochs)


@pytest.mark.parametrize("count", [1, 2])
def test_the_number_of_devices_does_not_matter(reference, count, monkeypatch):
    monkeypatch.setattr(schedule, "SMALLEST", 16)  # 27 runs, which one device would get as a rule
    dtype, grid = reference
    given = SMALL | {"devices": jax.local_devices()[:count], "dtype": dtype}
    other = sweep(seeds=[0, 7, 9, 1, 2, 3, 4, 5, 6], learning_rates=[0.1, 0.5, 2.0], **given)
    assert other.attributes["device"] == f"{count} x cpu"
    assert_same_bits(pick(other, [0, 1, 2], [0, 1, 2]), grid)


def test_other_data_give_other_bits():
    """The negative control of the tests above."""
    first, second = (sweep(seeds=[0], learning_rates=[0.1], base_seed=base, **SMALL) for base in (0, 1))
    assert first.model.mean != second.model.mean


def test_float32_says_when_its_digits_run_out():
    result = sweep(seeds=[1, 2], learning_rates=[0.1], dtype=np.float32, draw="numpy", observations=20_000)
    assert (result.status == Status.PRECISION).any()
    assert result.model.mean.dtype == np.float64
    np.testing.assert_array_equal(result.model.mean, result.model.mean.astype(np.float32))


# Draws --------------------------------------------------------------------------------------------------------------


def test_draws_are_from_the_target():
    n, target = 20_000, mlejax.Normal(-3.0, 4.0)
    result = sweep(
        seeds=range(8), learning_rates=[1.0], observations=n, target=target, validation_fraction=0, max_epochs=3000
    )
    assert result.arrived.all()
    estimates = np.stack([result.model.mean, result.model.variance])[..., 0]
    errors = np.abs(estimates - np.array([[-3.0], [4.0]])) / np.array([[np.sqrt(4 / n)], [np.sqrt(2 * 16 / n)]])
    assert (errors < 5).all()
    assert (errors > 1e-6).all()
    assert len(np.unique(estimates)) == 16


# Other models, other optimizers -------------------------------------------------------------------------------------


def test_a_model_that_does_not_factor_trains_on_the_raw_observations():
    target, start = mlejax.Weibull(2.0, 3.0), mlejax.Weibull(1.0, 1.0)
    common = {"target": target, "observations": 500, "max_epochs": 400, "progress": False}
    result = mlejax.sweep(start, seeds=[0, 5], learning_rates=[0.1, 0.5], **common)
    assert result.attributes["path"].startswith("raw observations")
    assert result.model.scale.shape == (2, 2)
    alone = mlejax.sweep(start, seeds=[5], learning_rates=[0.5], **common)
    assert alone.model.scale[0, 0] == result.model.scale[1, 1]
    assert alone.epochs[0, 0] == result.epochs[1, 1]
    # The standard error of a Weibull's scale is near 1.05 scale / shape / sqrt(n).
    assert result.model.scale[1, 1] == pytest.approx(3.0, abs=5 * 1.05 * 3 / 2 / np.sqrt(400))


def test_raw_observations_and_statistics_agree():
    summed, raw = (
        sweep(seeds=[0], learning_rates=[0.1, 0.5], observations=300, max_epochs=200, draw="numpy", summarise=s)
        for s in (True, False)
    )
    assert raw.attributes["path"] == "raw observations, as asked"
    np.testing.assert_array_equal(summed.epochs, raw.epochs)
    np.testing.assert_allclose(summed.model.variance, raw.model.variance, rtol=1e-10)
    np.testing.assert_allclose(summed.distance, raw.distance, rtol=1e-8)


def test_a_model_of_ones_own():
    x = np.random.RandomState(0).rayleigh(2.0, 400)
    result = mlejax.sweep(
        Rayleigh(1.0), seeds=[0], learning_rates=[0.1], observations=x, validation_fraction=0, progress=False
    )
    assert type(result.model) is Rayleigh
    assert result.model.scale[0, 0] == pytest.approx(np.sqrt(np.mean(x**2) / 2), rel=1e-6)
    assert "sufficient statistic" in result.attributes["path"]


def test_an_optimizer_of_optax_gives_what_fit_gives():
    optimizer = optax.scale_by_adam()
    result = sweep(
        seeds=[0], learning_rates=[0.1, 0.01], observations=N, max_epochs=400, draw="numpy", optimizer=optimizer
    )
    x = np.random.RandomState(0).normal(7.2, 2.8, N)
    for i, rate in enumerate([0.1, 0.01]):
        alone = mlejax.train(
            mlejax.Normal(*NEAR), x, learning_rate=rate, max_epochs=400, optimizer=optimizer, progress=False
        )
        assert alone.epochs == result.epochs[0, i]
        assert alone.model.mean == pytest.approx(result.model.mean[0, i], rel=1e-10)
    assert result.attributes["optimizer"].startswith("optax ")
    assert result.stability_limit("learning_rate") is None


# The caller's process -----------------------------------------------------------------------------------------------


def test_a_second_sweep_of_the_same_shape_compiles_nothing():
    compiled = []

    def listen(name, seconds, **_):
        if name == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        sweep(seeds=[0, 1], learning_rates=[0.1, 0.2, 0.4], observations=777, max_epochs=50)
        assert compiled  # the listener hears: 777 was not drawn before
        compiled.clear()
        sweep(seeds=[5, 8], learning_rates=[0.3, 0.6, 0.9], observations=777, max_epochs=90, patience=7)
        assert compiled == []
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_the_callers_float64_flag_is_left_alone():
    before = jax.config.jax_enable_x64
    sweep(seeds=[0], learning_rates=[0.1], observations=N, max_epochs=10)
    assert jax.config.jax_enable_x64 == before
    assert jnp.ones(()).dtype == (jnp.float64 if before else jnp.float32)


def test_progress_goes_to_standard_error_only_and_tells_of_compiling(capsys):
    mlejax.sweep(mlejax.Normal(*NEAR), seeds=[0], learning_rates=[0.1], observations=333, max_epochs=10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "drawing" in err
    assert "runs" in err
    # Another optimizer is another program.
    mlejax.sweep(
        mlejax.Normal(*NEAR),
        seeds=[0],
        learning_rates=[0.1],
        observations=333,
        max_epochs=10,
        optimizer=optax.scale(0.5),
    )
    assert "compiling" in capsys.readouterr().err
    sweep(seeds=[0], learning_rates=[0.1], observations=333, max_epochs=10)
    assert capsys.readouterr() == ("", "")


# What is refused ----------------------------------------------------------------------------------------------------

REFUSED = {
    "no seeds": ({"seeds": []}, ValueError, "seeds must be a non-empty sequence of numbers"),
    "a seed twice": ({"seeds": [1, 2, 1]}, ValueError, "seeds must be distinct; got 1 at index 0 and 2"),
    "a negative seed": ({"seeds": [0, -1]}, ValueError, "seeds must be whole numbers .* got -1 at index 1"),
    "half a seed": ({"seeds": [0.5]}, ValueError, "seeds must be whole numbers .* got 0.5 at index 0"),
    "a seed's name": ({"seeds": ["a"]}, TypeError, "seeds must be .* numbers; got"),
    "a negative rate": (
        {"learning_rates": [0.1, 0.2, 0.3, -0.1]},
        ValueError,
        r"learning_rates must be positive; got -0.1 at index 3",
    ),
    "no rate": ({"learning_rates": []}, ValueError, "learning_rate must be a non-empty sequence"),
    "a rate twice": (
        {"learning_rates": [0.1, 0.1]},
        ValueError,
        "learning_rate must be distinct; got 0.1 at index 0 and 1",
    ),
    "rates of another model": (
        {"learning_rates": mlejax.Gamma([0.1], [0.1])},
        TypeError,
        "learning_rates: expected a Normal, as the start is; got a Gamma",
    ),
    "a bad rate of a parameter": (
        {"learning_rates": mlejax.Normal([0.1, 0.0], 0.1)},
        ValueError,
        r"learning_rate.mean must be positive; got 0 at index 1",
    ),
    "no starts": ({"starts": []}, ValueError, "starts must be a non-empty sequence of models"),
    "a start of another model": (
        {"starts": [mlejax.Gamma(1.0, 1.0)]},
        TypeError,
        "starts: expected a Normal, as the start is; got a Gamma",
    ),
    "a start outside": (
        {"starts": [mlejax.Normal(0.0, 1.0), mlejax.Normal(0.0, -1.0)]},
        ValueError,
        r"starts\[1\]: Normal.variance must be positive; got -1",
    ),
    "no epochs": ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number .* got 0"),
    "no patience": ({"patience": [5, 0]}, ValueError, "patience must be whole numbers .* got 0 at index 1"),
    "a negative tolerance": ({"tolerance": -1.0}, ValueError, "tolerance must be at least 0; got -1"),
    "another dtype": ({"dtype": "float16"}, ValueError, "dtype must be float64 or float32; got 'float16'"),
    "another draw": ({"draw": "torch"}, ValueError, "draw must be one of jax, numpy, statistics; got 'torch'"),
    "one observation": ({"observations": 1}, ValueError, "observations must be a whole number from 2 .* got 1"),
    "observations that are not finite": ({"observations": [1.0, np.nan]}, ValueError, "nan"),
    "a negative base seed": ({"base_seed": -1}, ValueError, "base_seed must be a whole number .* got -1"),
    "all held out": ({"validation_fraction": 1.0}, ValueError, "validation_fraction"),
    "a target for NumPy": (
        {"target": mlejax.Gamma(1.0, 1.0), "draw": "numpy"},
        ValueError,
        "draw='numpy' draws from a Normal target, as the article does; got Gamma",
    ),
}


@pytest.mark.parametrize(("arguments", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_are_refused(arguments, error, message):
    usual = {"seeds": [0], "learning_rates": [0.1], "observations": 10}
    with pytest.raises(error, match=message):
        sweep(**usual | arguments)


def test_what_is_no_model_is_refused_by_name():
    program = """
import mlejax
for arguments in ({"model": (0.0, 1.0)}, {"target": 3}, {"starts": [1.0]}):
    try:
        mlejax.sweep(**{"model": mlejax.Normal(0.0, 1.0), "seeds": [0], "learning_rates": [0.1]} | arguments)
    except TypeError as refusal:
        print(refusal)
"""
    for name, line in zip(("start", "target", "starts[0]"), printed_by(program).splitlines(), strict=True):
        assert line.startswith(f"{name} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got")


def test_a_model_without_a_target_cannot_be_drawn():
    with pytest.raises(ValueError, match="give the target= to draw from, or give data"):
        mlejax.sweep(Rayleigh(1.0), seeds=[0], learning_rates=[0.1], progress=False)
    with pytest.raises(TypeError, match="target: Rayleigh cannot draw; give it a method sample"):
        mlejax.sweep(Rayleigh(1.0), seeds=[0], learning_rates=[0.1], target=Rayleigh(2.0), progress=False)


def test_formulas_and_optimizers_have_the_same_name_in_every_process():
    """A store refuses another formula by its name: it must not depend on where functions lie in memory."""
    program = """
import jax, numpy as np, optax, mlejax
from mlejax.sweeps.spec import fingerprint, formula_digest
class Hidden(mlejax.Model):
    a: float
    def log_prob(self, x):
        return jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((), np.float64), x * self.a)
with jax.enable_x64(True):
    one = np.float64(1.0)
    names = [formula_digest(Hidden(one)), formula_digest(mlejax.NormalMixture(one / 2, one, one, one, one))]
    names += [fingerprint(o, mlejax.Normal(one, one)) for o in (optax.adam(0.1), mlejax.natural_gradient())]
print(*names)
"""
    printed = {printed_by(program) for _ in range(2)}
    assert len(printed) == 1


def test_other_formulas_and_optimizers_have_other_names():
    from mlejax.sweeps.spec import fingerprint, formula_digest

    def scaled(by):
        constant = np.linspace(0.0, by, 50)

        class Tabled(mlejax.Model):
            a: float

            def log_prob(self, x):
                return self.a * x * jnp.sum(jnp.asarray(constant))

        return Tabled(np.float64(1.0))

    with jax.enable_x64(True):
        assert formula_digest(scaled(1.0)) != formula_digest(scaled(2.0))
        start = mlejax.Normal(np.float64(0.0), np.float64(1.0))
        names = [fingerprint(o, start) for o in (None, optax.scale(0.1), optax.scale(0.1 + 1e-12), optax.adam(0.1))]
        assert len(set(names)) == 4
