import importlib
import math
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from zoo import Hazard, Rayleigh

import mlejax
from mlejax import Gamma, Normal, Observations, Status, Summary, Weibull, train

START = Normal(6.0, 7.0)


def quick(data, model=START, **keywords):
    return train(model, data, **{"max_epochs": 60, "learning_rate": 0.5, "progress": False, **keywords})


def leaves(result):
    return [float(value) for value in result.parameters.values()]


# The article ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_articles_figures_to_the_printed_digit(article_data, article_fit):
    data, result = article_data(42), article_fit(42)
    printed = {
        "sample mean": (f"{data.mean():.6f}", "7.202707"),
        "sample variance": (f"{data.var():.6f}", "7.854133"),
        "estimated mean": (f"{result.model.mean:.6f}", "7.218075"),
        "estimated variance": (f"{result.model.variance:.6f}", "7.836873"),
        "train log-likelihood": (f"{result.train_log_likelihood:.2f}", "-195870.32"),
        "validation log-likelihood": (f"{result.validation_log_likelihood:.2f}", "-49077.16"),
        "error of the mean": (f"{abs(result.model.mean - data.mean()):.8f}", "0.01536817"),
        "error of the variance": (f"{abs(result.model.variance - data.var()):.8f}", "0.01726031"),
    }
    assert {name: found for name, (found, _) in printed.items()} == {name: text for name, (_, text) in printed.items()}


@pytest.mark.slow
def test_the_article_arrives_with_one_rate_and_is_stopped_short_with_another(article_fit):
    assert article_fit(42).distance < 0.01
    assert article_fit(42, 0.2).distance > 1
    assert article_fit(42, 0.2).status is Status.PATIENCE


# What comes back --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result(small_normal):
    return quick(small_normal)


@pytest.mark.slow
def test_numbers_are_numpy_float64_and_python_and_the_flag_is_as_it_was(small_normal):
    before = jax.config.jax_enable_x64
    result = quick(small_normal)
    assert jax.config.jax_enable_x64 == before
    assert jnp.asarray(np.float32(1.0)).dtype == jnp.float32
    for model in (result.model, result.start, result.last_model, result.standard_errors, result.learning_rate):
        assert all(type(leaf) is np.float64 for leaf in jax.tree.leaves(model))
    assert isinstance(result.status, Status)
    assert {type(n) for n in (result.epochs, result.best_epoch, result.count)} == {int}
    assert {type(n) for n in (result.train_log_likelihood, result.validation_log_likelihood, result.distance)} == {
        float
    }
    for array in jax.tree.leaves((result.history, result.train, result.validation)):
        assert isinstance(array, np.ndarray | np.float64)
        assert array.dtype in (np.float64, np.int64)


def test_the_estimate_is_measured(result, small_normal, x64):
    train, validation = oracles.train_test_indices(200, 0.2, 42)
    expected = oracles.ascend_normal(small_normal[train], small_normal[validation], 0.5, (6.0, 7.0), max_epochs=60)
    assert (result.status.name, result.epochs, result.best_epoch) == (
        expected.status,
        expected.epochs,
        expected.best_epoch,
    )
    np.testing.assert_allclose(leaves(result), expected.estimate, rtol=1e-12)
    np.testing.assert_allclose([result.last_model.mean, result.last_model.variance], expected.last, rtol=1e-12)
    exact = oracles.exact_normal(small_normal[train], *leaves(result))
    assert result.train_log_likelihood == pytest.approx(exact["log_likelihood"], rel=1e-13)
    assert result.distance == pytest.approx(exact["distance"], rel=1e-9)
    a, b, c = (exact[f"information_{name}"] for name in ("mean", "cross", "variance"))
    assert result.curvature_errors.mean == pytest.approx(math.sqrt(c / (a * c - b * b)), rel=1e-10)
    assert result.curvature_errors.variance == pytest.approx(math.sqrt(a / (a * c - b * b)), rel=1e-10)
    held_out = oracles.exact_normal(small_normal[validation], *leaves(result))["log_likelihood"]
    assert result.validation_log_likelihood == pytest.approx(held_out, rel=1e-13)
    assert result.log_likelihood == pytest.approx(exact["log_likelihood"] + held_out, rel=1e-13)
    assert result.distance > 1
    assert all(math.isnan(leaf) for leaf in jax.tree.leaves(result.standard_errors))
    assert math.isnan(result.aic)
    assert math.isnan(result.bic)


@pytest.mark.slow
def test_a_run_that_arrived_has_standard_errors_and_the_criteria_of_what_it_trained_on(small_normal):
    result = quick(small_normal, learning_rate=5.0, max_epochs=5000, validation_fraction=0)
    assert result.distance < 0.01
    exact = oracles.exact_normal(small_normal, *leaves(result))
    variance = oracles.exact_mean_and_variance(small_normal)[1]
    assert result.standard_errors.mean == pytest.approx(math.sqrt(variance / 200), rel=1e-2)
    assert result.standard_errors.variance == pytest.approx(variance * math.sqrt(2 / 200), rel=1e-2)
    assert result.aic == pytest.approx(4 - 2 * exact["log_likelihood"], rel=1e-13)
    assert result.bic == pytest.approx(2 * math.log(200) - 2 * exact["log_likelihood"], rel=1e-13)


def test_an_interrupted_run_leaves_things_as_they_were(small_normal, monkeypatch):
    module = importlib.import_module("mlejax.ascent.train")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    before, handler = jax.config.jax_enable_x64, signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_at_once", interrupted)
        with pytest.raises(KeyboardInterrupt):
            quick(small_normal)
    assert jax.config.jax_enable_x64 == before
    assert signal.getsignal(signal.SIGINT) is handler
    assert quick(small_normal).epochs == 60


@pytest.mark.slow
def test_a_run_too_long_for_one_program_is_the_same_in_pieces(small_normal, monkeypatch):
    whole = quick(small_normal)
    monkeypatch.setattr(importlib.import_module("mlejax.ascent.train"), "FIRST_CALL", 70)  # 7 epochs in the first call
    pieces = quick(small_normal)
    for one, other in zip(jax.tree.leaves(whole.history), jax.tree.leaves(pieces.history), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (whole.status, whole.epochs, leaves(whole)) == (pieces.status, pieces.epochs, leaves(pieces))
    assert whole.distance == pytest.approx(pieces.distance, rel=1e-9)


def test_what_was_asked_is_kept(result):
    assert result.parameters == {"mean": result.model.mean, "variance": result.model.variance}
    assert (result.start.mean, result.start.variance) == (6.0, 7.0)
    assert (result.learning_rate.mean, result.learning_rate.variance) == (0.5, 0.5)
    assert result.count == 200
    assert result.representation == "2 sufficient statistics found in Normal.log_prob"
    assert isinstance(result.train, Summary)
    assert (float(result.train.count), float(result.validation.count)) == (160, 40)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 7, 1000])
def test_the_history_has_a_row_for_every_so_many_epochs(every, small_normal):
    train, validation = oracles.train_test_indices(200, 0.2, 42)
    expected = oracles.ascend_normal(small_normal[train], small_normal[validation], 0.5, (6.0, 7.0), max_epochs=60)
    history = quick(small_normal, record_every=every).history
    rows = np.arange(0, expected.epochs, every)
    np.testing.assert_array_equal(history.epoch, 1 + rows)
    path = np.array(expected.path)[rows]
    np.testing.assert_allclose(np.stack([history.model.mean, history.model.variance], -1), path, rtol=1e-12)
    for column, part in ((history.train_log_likelihood, train), (history.validation_log_likelihood, validation)):
        statistics = oracles.Statistics.of(small_normal[part])
        np.testing.assert_allclose(column, [statistics.log_likelihood(*p) for p in path], rtol=1e-12)


@pytest.mark.slow
def test_raw_observations_give_the_same_run(result, small_normal):
    raw = quick(small_normal, summarize=False)
    assert isinstance(raw.train, Observations)
    assert raw.representation == "raw observations, as asked"
    assert (raw.status, raw.epochs) == (result.status, result.epochs)
    np.testing.assert_allclose(leaves(raw), leaves(result), rtol=1e-12)


@pytest.mark.slow
def test_without_validation_everything_is_trained_on(small_normal):
    result = quick(small_normal, validation_fraction=0.0)
    expected = oracles.ascend_normal(small_normal, small_normal, 0.5, (6.0, 7.0), max_epochs=60)
    np.testing.assert_allclose(leaves(result), expected.estimate, rtol=1e-12)
    assert result.validation is None
    assert math.isnan(result.validation_log_likelihood)
    assert result.log_likelihood == result.train_log_likelihood
    assert np.all(np.isnan(result.history.validation_log_likelihood))


def test_another_split_is_another_run(result, small_normal):
    assert leaves(quick(small_normal, split_seed=1)) != leaves(result)


def test_a_repeat_gives_the_same_numbers(result, small_normal):
    again = quick(list(small_normal))
    assert leaves(again) == leaves(result)
    np.testing.assert_array_equal(again.history.validation_log_likelihood, result.history.validation_log_likelihood)


@pytest.mark.slow
def test_learning_rates_per_parameter_and_an_optimizer(small_normal):
    rates = Normal(0.3, 2.0)
    result = quick(small_normal, learning_rate=rates)
    train, validation = oracles.train_test_indices(200, 0.2, 42)
    parts = small_normal[train], small_normal[validation]
    expected = oracles.ascend_normal(*parts, np.array([0.3, 2.0]), (6.0, 7.0), max_epochs=60)
    np.testing.assert_allclose(leaves(result), expected.estimate, rtol=1e-10)
    adam = quick(small_normal, optimizer=optax.adam(0.3), learning_rate=1.0)
    assert adam.train_log_likelihood > quick(small_normal, max_epochs=5).train_log_likelihood


@pytest.mark.slow
def test_float32_results_leave_as_float64(small_normal, result):
    single = quick(small_normal, dtype="float32")
    assert type(single.model.mean) is np.float64
    assert leaves(single) == pytest.approx(leaves(result), rel=1e-4)
    assert leaves(single) != leaves(result)


def test_a_run_may_diverge_without_harm(small_normal):
    result = quick(small_normal, Normal(7.0, 20.0), learning_rate=2000.0)
    assert result.status is Status.DIVERGED
    assert (result.epochs, leaves(result)) == (1, [7.0, 20.0])


# Other models -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_lines_of_your_own(x64):
    x = np.random.RandomState(3).rayleigh(2.0, 500)
    result = quick(x, Rayleigh(1.0), validation_fraction=0.0, max_epochs=300)
    best = math.sqrt(np.mean(x**2) / 2)
    assert result.parameters == {"scale": pytest.approx(best, rel=1e-5)}  # stopped 1e-8 nats below the maximum
    assert result.arrived
    assert result.standard_errors.scale == pytest.approx(best / math.sqrt(4 * 500), rel=1e-4)
    assert result.representation == "2 sufficient statistics found in Rayleigh.log_prob"
    assert float(jax.jit(mlejax.distance)(result.model, x)) == pytest.approx(result.distance, abs=1e-6)
    assert float(jax.jit(mlejax.score)(Rayleigh(best), x).scale) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_a_family_without_sufficient_statistics():
    x = np.random.RandomState(3).weibull(1.5, 300) * 2
    result = quick(x, Weibull(1.0, 1.0), validation_fraction=0.0, max_epochs=2000)
    assert result.representation == "raw observations: `exp` of a value that mixes data and parameters"
    assert isinstance(result.train, Observations)
    assert result.distance < 1e-2
    k, scale = leaves(result)
    assert scale == pytest.approx(np.mean(x**k) ** (1 / k), rel=1e-4)  # the score by the scale is zero


@pytest.mark.slow
def test_counts_are_floating_point_numbers_to_the_formula():
    x = np.random.RandomState(3).poisson(4.0, 300)
    result = quick(x, mlejax.Poisson(1.0), validation_fraction=0.0, learning_rate=1.0)
    assert result.model.rate == pytest.approx(x.mean(), rel=1e-5)
    assert result.train.form.structure.observation.dtype == np.float64


# Bad arguments ----------------------------------------------------------------------------------------------------

X = [1.0, 2.0, 4.0, 8.0, 9.0]
BAD = {
    "start": ({"model": Normal(0.0, -1.0)}, ValueError, "start: Normal.variance must be positive; got -1.0"),
    "data": ({"observations": [1.0, np.nan]}, ValueError, "observations must be finite; got nan at index 1"),
    "support": (
        {"model": Gamma(1.0, 1.0), "observations": [1.0, -2.0]},
        ValueError, "Gamma needs positive numbers; got -2.0 at index 1",
    ),
    "learning rate": ({"learning_rate": -0.1}, ValueError, "learning_rate must be positive; got -0.1"),
    "no learning rate": ({"learning_rate": 0}, ValueError, "learning_rate must be positive; got 0"),
    "a learning rate in words": (
        {"learning_rate": "fast"}, TypeError, "learning_rate must be positive numbers; got 'fast'",
    ),
    "one rate of two": (
        {"learning_rate": Normal(0.1, -1.0)}, ValueError, "learning_rate.variance must be positive; got -1",
    ),
    "rates of another model": (
        {"learning_rate": Gamma(0.1, 0.1)}, TypeError, "learning_rate must be one number or a Normal of rates; got",
    ),
    "epochs": ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number from 1 to 16,777,216; got 0"),
    "patience": ({"patience": 0}, ValueError, "patience must be a whole number from 1 to 16,777,216; got 0"),
    "tolerance": ({"tolerance": -1e-8}, ValueError, "tolerance must be at least 0; got -1e-08"),
    "fraction": ({"validation_fraction": 1.0}, ValueError, "validation_fraction must be at least 0 and below 1"),
    "too large a fraction": ({"validation_fraction": 0.9}, ValueError, "validation_fraction=0.9 leaves none of 5 obs"),
    "split seed": ({"split_seed": -1}, ValueError, "split_seed must be a whole number from 0 to 4,294,967,295; got -1"),
    "dtype": ({"dtype": "float16"}, ValueError, "dtype must be float64 or float32; got 'float16'"),
    "record_every": ({"record_every": 0}, ValueError, "record_every must be a whole number from 1 to"),
    "optimizer": ({"optimizer": optax.set_to_zero()}, ValueError, "optimizer: its first 64 updates are zero"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_before_anything_runs(arguments, error, message):
    with pytest.raises(error, match=message):
        train(**{"model": START, "observations": X, "progress": False, "max_epochs": 5, **arguments})


class Confused(mlejax.Model):
    """Its parameter bears the name of a result."""

    epochs: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        return jnp.log(self.epochs) - self.epochs * x


def test_a_parameter_that_bears_the_name_of_a_result_is_refused():
    with pytest.raises(ValueError, match=r"Confused.epochs bears the name of a result: give the parameter another"):
        train(Confused(1.0), [1.0, 2.0, 0.3], progress=False)


# Compilations -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_other_numbers_and_other_data_of_the_same_shape_compile_nothing(result, small_normal, compilations):
    quick(small_normal)
    before = len(compilations)
    for other in ({"learning_rate": 0.1}, {"patience": 3}, {"tolerance": 1e-4}, {"max_epochs": 50}, {"split_seed": 3}):
        quick(small_normal, **other)
    quick(small_normal[::-1] + 1.0)
    quick(small_normal, Normal(1.0, 3.0))
    assert len(compilations) == before
    quick(small_normal[:100])  # the control: another shape does compile
    assert len(compilations) > before


def test_progress_is_shown_on_standard_error_only_when_a_run_takes_long(small_normal, capsys):
    quick(small_normal, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_an_array_of_parameters_is_trained_number_by_number():
    lives = np.random.RandomState(0).exponential(1.5, 200)
    rates = Hazard(np.array([0.5, 1.0, 1.5]))
    result = mlejax.train(
        Hazard(np.ones(3)), lives, validation_fraction=0, learning_rate=rates, patience=500, progress=False
    )
    maximum = mlejax.fit(Hazard(np.ones(3)), lives, progress=False)
    assert result.arrived
    np.testing.assert_allclose(result.model.rates, maximum.model.rates, rtol=1e-5)
    np.testing.assert_allclose(result.standard_errors.rates, maximum.standard_errors.rates, rtol=1e-4)
    assert result.history.model.rates.shape == (len(result.history.epoch), 3)
    assert result.rises_halved == ()
    assert list(result.parameters) == ["rates[young]", "rates[middle]", "rates[old]"]
    assert "rates[middle]  " in str(result)
