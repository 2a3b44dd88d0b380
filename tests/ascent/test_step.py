"""One run, against a plain restatement of the loop in NumPy (`oracles.ascend`)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from jax.sharding import PartitionSpec

import mlejax
from mlejax import Exponential, Normal, Status, init_state, summarize, train_step
from mlejax.ascent import outcome, step
from mlejax.status import OF_TRAINING

START = (0.0, 1.0)
conclude = jax.jit(outcome.conclude)  # operation by operation it takes seconds


@pytest.fixture(scope="module")
def parts(small_normal):
    """Train and validation parts of 200 observations: raw, and as summaries."""
    train, validation = oracles.train_test_indices(200, 0.2, 42)
    raw = small_normal[train], small_normal[validation]
    assert (raw[0].shape, raw[1].shape) == ((160,), (40,))
    return {"raw": raw, "summary": tuple(jax.device_get(summarize(Normal(*START), x)[0]) for x in raw)}


@functools.partial(jax.jit, static_argnames=("length", "optimizer"))
def scan(
    state, train, validation, learning_rate, length, optimizer=None, patience=50, tolerance=1e-8, max_epochs=10_000
):
    """Many steps; the info of each."""

    def epoch(state, _):
        return train_step(
            state, train, validation, learning_rate,
            patience=patience, tolerance=tolerance, max_epochs=max_epochs, optimizer=optimizer,
        )  # fmt: skip

    return jax.lax.scan(epoch, state, length=length)


def path_of(info):
    return np.stack([np.asarray(info.model.mean), np.asarray(info.model.variance)], axis=-1)


def assert_run(state, train, validation, expected):
    """The state of a normal run that has ended is what the oracle found."""
    outcome = jax.device_get(conclude(state, train, validation))
    assert Status(int(outcome.status)).name == expected.status
    assert (int(outcome.epochs), int(outcome.best_epoch)) == (expected.epochs, expected.best_epoch)
    np.testing.assert_allclose([outcome.model.mean, outcome.model.variance], expected.estimate, rtol=1e-10)
    np.testing.assert_allclose([outcome.last_model.mean, outcome.last_model.variance], expected.last, rtol=1e-10)


# The loop ---------------------------------------------------------------------------------------------------------

ARTICLE = {(0, 0.1): ("PATIENCE", 3150), (123, 0.1): ("PATIENCE", 2843), (42, 0.2): ("PATIENCE", 221),
           (42, 0.1): ("MAX_EPOCHS", 10_000)}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "fate"), ARTICLE.items(), ids=str)
def test_the_articles_runs_stop_where_its_own_program_stops(setting, fate, article_data, article_fit):
    seed, learning_rate = setting
    train, validation = oracles.train_test_indices(100_000, 0.2, 42)
    data = article_data(seed)
    expected = oracles.ascend_normal(data[train], data[validation], learning_rate)
    found = article_fit(seed, learning_rate)
    assert (found.status.name, found.epochs) == fate == (expected.status, expected.epochs)
    assert found.best_epoch == expected.best_epoch
    np.testing.assert_allclose([found.model.mean, found.model.variance], expected.estimate, rtol=1e-10)
    np.testing.assert_allclose([found.last_model.mean, found.last_model.variance], expected.last, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["raw", "summary"])
def test_every_epoch_is_that_of_the_restated_loop_on_raw_data(which, parts, x64):
    state, info = scan(init_state(Normal(*START)), *parts[which], 0.5, length=300, tolerance=0.0)
    expected = oracles.ascend_normal(*parts["raw"], 0.5, raw=True, tolerance=0.0, max_epochs=300)
    n = expected.epochs
    assert n > 20  # the fixture really trains
    assert int(state.epoch) == n
    np.testing.assert_allclose(path_of(info)[:n], expected.path, rtol=1e-12)
    # The handwritten gradient at each of those points, and the log-likelihoods there.
    x, held_out = parts["raw"]
    gradient = np.array([oracles.article_gradient(x, *p) for p in expected.path])
    found = np.stack([info.gradient.mean, info.gradient.variance], axis=-1)[:n]
    np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-13)
    for statistics, likelihoods in (
        (oracles.Statistics.of(x), info.train_log_likelihood),
        (oracles.Statistics.of(held_out), info.validation_log_likelihood),
    ):
        np.testing.assert_allclose(likelihoods[:n], [statistics.log_likelihood(*p) for p in expected.path], rtol=1e-12)


FATES = {
    # learning rate, limits, start
    "PATIENCE": (0.5, {"tolerance": 0.0, "patience": 7}, START),
    "TOLERANCE": (0.5, {"tolerance": 1e-2}, START),
    "MAX_EPOCHS": (0.5, {"max_epochs": 11}, START),
    "DIVERGED": (2000.0, {}, (7.0, 20.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("fate", FATES)
def test_every_fate_is_that_of_the_oracle(fate, parts, x64):
    learning_rate, limits, start = FATES[fate]
    expected = oracles.ascend_normal(*parts["raw"], learning_rate, start, **limits)
    assert expected.status == fate
    state, _ = scan(init_state(Normal(*start)), *parts["summary"], learning_rate, length=300, **limits)
    assert_run(state, *parts["summary"], expected)


@pytest.mark.slow
@pytest.mark.parametrize("learning_rate", [5.0, 20.0, 120.0, 300.0, 500.0])
def test_large_learning_rates_end_as_in_the_oracle_and_stay_in_the_domain(learning_rate, parts, x64):
    expected = oracles.ascend_normal(*parts["raw"], learning_rate, (7.0, 6.0), max_epochs=60)
    state, info = scan(init_state(Normal(7.0, 6.0)), *parts["summary"], learning_rate, length=300, max_epochs=60)
    assert_run(state, *parts["summary"], expected)
    assert np.all(path_of(info)[:, 1] > 0)
    assert np.all(np.isfinite(path_of(info)))


def test_a_run_that_diverges_later_keeps_its_last_and_its_best_parameters(x64):
    x = np.array([0.5, 1.5, 2.5, 3.5])
    expected = oracles.ascend(
        lambda p: 4 * (np.log(p[0]) - 2 * p[0]), lambda p: 1 / p - 2, (0.48,), 1.05, inside=lambda p: p[0] > 0
    )
    state, _ = scan(init_state(Exponential(0.48)), x, None, 1.05, length=300)
    assert expected.status == "DIVERGED"
    assert expected.epochs > 3
    assert Status(int(state.status)) is Status.DIVERGED
    assert int(state.epoch) == expected.epochs
    # The iteration is unstable: every epoch at most a few times the rounding of the one before.
    assert float(state.model.rate) == pytest.approx(expected.last[0], rel=1e-9)
    assert float(state.best_model.rate) == pytest.approx(expected.estimate[0], rel=1e-9)


def test_a_start_without_likelihood_diverges_at_once_and_stays_where_it_was(parts, x64):
    state, _ = scan(init_state(Normal(1e200, 1.0)), *parts["summary"], 0.1, length=300)
    assert Status(int(state.status)) is Status.DIVERGED
    assert int(state.epoch) == 1
    assert (float(state.model.mean), float(state.best_model.mean)) == (1e200, 1e200)


@pytest.mark.parametrize("variance", [-1.0, 0.0, np.inf, np.nan])
def test_a_start_outside_the_domain_has_diverged_before_its_first_epoch(variance, parts, x64):
    begun = init_state(Normal(7.0, variance))
    state, info = scan(begun, *parts["summary"], 0.1, length=300)
    assert Status(int(begun.status)) is Status(int(state.status)) is Status.DIVERGED
    assert int(state.epoch) == 0
    np.testing.assert_array_equal([state.model.mean, state.model.variance], [7.0, variance])
    assert np.isnan(info.train_log_likelihood).all()
    assert np.isnan(info.validation_log_likelihood).all()


def test_a_finished_run_stays_as_it_is(parts, x64):
    state, _ = scan(init_state(Normal(*START)), *parts["summary"], 0.5, length=300, max_epochs=11)
    assert Status(int(state.status)) is Status.MAX_EPOCHS
    later, _ = scan(state, *parts["summary"], 0.5, length=300)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(later), strict=True):
        np.testing.assert_array_equal(old, new)


def test_out_of_epochs_the_last_parameters_are_measured_too(parts, x64):
    state, _ = scan(init_state(Normal(*START)), *parts["summary"], 0.5, length=300, max_epochs=11)
    outcome = conclude(state, *parts["summary"])
    assert int(state.best_epoch) == 11  # measured theta_10
    assert float(outcome.model.mean) == float(state.model.mean) != float(state.best_model.mean)
    assert float(outcome.validation_log_likelihood) > float(state.best_log_likelihood)
    assert float(outcome.distance) == pytest.approx(
        float(jax.jit(mlejax.distance)(state.model, parts["summary"][0])), rel=1e-12
    )


@pytest.mark.slow
def test_without_validation_the_train_log_likelihood_decides(parts, x64):
    train = parts["summary"][0]
    state, info = scan(init_state(Normal(*START)), train, None, 0.5, length=300, max_epochs=40)
    expected = oracles.ascend_normal(parts["raw"][0], parts["raw"][0], 0.5, max_epochs=40)
    assert_run(state, train, None, expected)
    assert float(state.best_log_likelihood) == float(info.train_log_likelihood[39])
    assert info.validation_log_likelihood is None
    assert np.isnan(float(conclude(state, train, None).validation_log_likelihood))


def test_a_step_without_validation_measures_nothing_that_is_no_number(parts, x64):
    with jax.debug_nans(True):
        _, info = train_step(init_state(Normal(*START)), parts["summary"][0], None, 0.1)
        with pytest.raises(FloatingPointError):  # the control
            jnp.log(-info.model.variance)
    assert np.isfinite(info.train_log_likelihood)


@pytest.mark.slow
def test_float32_ends_when_its_digits_do_and_does_not_call_it_anything_else(article_data):
    result = mlejax.train(Normal(*START), article_data(42), dtype=np.float32, progress=False)
    assert result.status is Status.PRECISION
    # The control: what the rule of the article makes of the same arithmetic is patience or tolerance, by noise.
    likelihoods = result.history.validation_log_likelihood
    best = np.maximum.accumulate(likelihoods)
    assert np.abs(best - likelihoods)[-50:].max() < 8 * np.finfo(np.float32).eps * 49_077


def test_every_status_occurs_on_this_page():
    # A sample outside the support is told from the sample, before any step.
    assert {*FATES, "PRECISION", "RUNNING", "OUTSIDE_SUPPORT"} == {status.name for status in OF_TRAINING}
    assert int(init_state(Normal(*START)).status) == Status.RUNNING


# Learning rates and optimizers ------------------------------------------------------------------------------------


def test_learning_rates_per_parameter(parts, x64):
    rates = Normal(0.3, 2.0)
    _, info = scan(init_state(Normal(*START)), *parts["summary"], rates, length=300, tolerance=0.0)
    expected = oracles.ascend_normal(*parts["raw"], np.array([0.3, 2.0]), tolerance=0.0, max_epochs=300)
    np.testing.assert_allclose(path_of(info)[: expected.epochs], expected.path, rtol=1e-10)
    plain = oracles.ascend_normal(*parts["raw"], 0.3, tolerance=0.0, max_epochs=300)
    assert abs(plain.path[5][1] - expected.path[5][1]) > 0.1


def adam(gradient, start, rate, epochs, b1=0.9, b2=0.999, eps=1e-8):
    """Kingma and Ba (2015), algorithm 1, uphill."""
    theta, m, v, path = np.array(start), np.zeros(2), np.zeros(2), []
    for t in range(1, epochs + 1):
        path.append(theta)
        g = np.array(gradient(theta))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta + rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return np.array(path)


def heavy_ball(gradient, start, rate, epochs, decay=0.9):
    theta, memory, path = np.array(start), np.zeros(2), []
    for t in range(epochs):
        path.append(theta)
        memory = decay * memory + np.array(gradient(theta))
        theta = theta + (rate(t) if callable(rate) else rate) * memory
    return np.array(path)


def halving(count):
    return 0.5 * 0.9**count


OPTIMIZERS = {
    "adam, its own rate": (optax.adam(1e-2), 1.0, lambda g: adam(g, START, 1e-2, 30)),
    "adam, our rate": (optax.scale_by_adam(), 1e-2, lambda g: adam(g, START, 1e-2, 30)),
    "momentum, its own rate": (optax.sgd(0.05, momentum=0.9), 1.0, lambda g: heavy_ball(g, START, 0.05, 30)),
    "momentum, our rate": (optax.trace(0.9), 0.05, lambda g: heavy_ball(g, START, 0.05, 30)),
    "a schedule": (optax.sgd(halving), 1.0, lambda g: heavy_ball(g, START, halving, 30, decay=0.0)),
    "no change": (optax.identity(), 0.5, lambda g: heavy_ball(g, START, 0.5, 30, decay=0.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "learning_rate", "reference"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_are_followed_uphill(optimizer, learning_rate, reference, parts, x64):
    state = init_state(Normal(*START), optimizer=optimizer)
    after, info = scan(state, *parts["summary"], learning_rate, length=30, optimizer=optimizer)
    statistics = oracles.Statistics.of(parts["raw"][0])
    np.testing.assert_allclose(path_of(info), reference(lambda p: statistics.mean_gradient(*p)), rtol=1e-10, atol=1e-12)
    assert int(after.epoch) == 30
    assert jax.tree.structure(after) == jax.tree.structure(state)


# The state --------------------------------------------------------------------------------------------------------


def described(tree):
    return jax.tree.structure(tree), [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(tree)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_step_keeps_the_structure_and_the_types_of_the_state(dtype, parts, x64):
    with jax.enable_x64(dtype == np.float64):
        state = init_state(Normal(dtype(0.0), dtype(1.0)))
        sample = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), parts["summary"][0])
        step = jax.eval_shape(lambda s: train_step(s, sample, None, 0.1)[0], state)
        assert described(step) == described(state)
        assert {leaf.dtype.itemsize for leaf in jax.tree.leaves(state)} == {np.dtype(dtype).itemsize}


def test_python_numbers_start_a_state_without_weak_types():
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(init_state(Normal(0, 1.0), optimizer=optax.adam(0.1))))


@pytest.mark.parametrize("optimizer", [None, optax.adam(0.1)], ids=["plain", "adam"])
def test_leaves_share_no_buffers_so_a_state_can_be_donated(optimizer, parts):
    state = init_state(Normal(jnp.float32(0.0), jnp.float32(1.0)), optimizer=optimizer)
    pointers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
    assert len(set(pointers)) == len(pointers)


def test_a_donated_state_leaves_the_start_alone(parts, x64):
    start = Normal(jnp.asarray(0.0), jnp.asarray(1.0))
    advance = jax.jit(lambda s: train_step(s, parts["summary"][0], None, 0.1)[0], donate_argnums=0)
    advance(init_state(start))
    assert (float(start.mean), float(start.variance)) == START


# Inside the caller's own transformations --------------------------------------------------------------------------

RATES = np.array([0.1, 0.2, 0.5, 1.0])
EPOCHS = 12


@pytest.fixture(scope="module")
def one_by_one(parts):
    """The mean and variance after twelve epochs, for each learning rate, by calling `train_step` from Python."""
    found = []
    with jax.enable_x64(True):
        for learning_rate in RATES:
            state = init_state(Normal(*START))
            for _ in range(EPOCHS):
                state, _ = train_step(state, *parts["summary"], learning_rate)
            found.append([float(state.model.mean), float(state.model.variance)])
    assert np.shape(found) == (4, 2)
    return np.array(found)


def train(learning_rate, samples, state=None):
    def epoch(state, _):
        return train_step(state, *samples, learning_rate)

    return jax.lax.scan(epoch, init_state(Normal(*START)) if state is None else state, length=EPOCHS)[0].model


def test_the_steps_are_those_of_the_oracle(one_by_one, parts):
    for learning_rate, found in zip(RATES, one_by_one, strict=True):
        expected = oracles.ascend_normal(*parts["raw"], learning_rate, max_epochs=EPOCHS)
        np.testing.assert_allclose(found, expected.last, rtol=1e-12)


def test_jit_and_scan(one_by_one, parts, x64):
    model = jax.jit(lambda rate: train(rate, parts["summary"]))(RATES[2])
    np.testing.assert_allclose([model.mean, model.variance], one_by_one[2], rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["raw", "summary"])
def test_vmap(which, one_by_one, parts, x64):
    samples = tuple(map(jnp.asarray, parts["raw"])) if which == "raw" else parts["summary"]
    model = jax.jit(jax.vmap(lambda rate: train(rate, samples)))(jnp.asarray(RATES))
    np.testing.assert_allclose(np.stack([model.mean, model.variance], -1), one_by_one, rtol=1e-12)


def test_shard_map_over_four_devices(one_by_one, parts, x64):
    assert len(jax.devices()) == 4
    mesh = jax.make_mesh((4,), ("runs",), axis_types=(jax.sharding.AxisType.Auto,))
    states = jax.vmap(lambda _: init_state(Normal(*START)))(RATES)

    @jax.jit
    @jax.shard_map(mesh=mesh, in_specs=PartitionSpec("runs"), out_specs=PartitionSpec("runs"))
    def run(rates, states):
        return jax.vmap(lambda rate, state: train(rate, parts["summary"], state))(rates, states)

    model = run(jnp.asarray(RATES), states)
    assert len(model.mean.sharding.device_set) == 4
    np.testing.assert_allclose(np.stack([model.mean, model.variance], -1), one_by_one, rtol=1e-12)


@pytest.mark.slow
def test_grad_through_a_step(parts, x64):
    """The derivative of theta_1 by the learning rate is the gradient at theta_0."""
    derivative = jax.grad(lambda rate: train_step(init_state(Normal(*START)), *parts["summary"], rate)[0].model.mean)(
        0.1
    )
    expected = oracles.article_gradient(parts["raw"][0], *START)[0]
    assert float(derivative) == pytest.approx(expected, rel=1e-12)


# Compilations -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_other_numbers_and_other_samples_of_the_same_shape_compile_nothing(parts, compilations, x64):
    x, y = parts["raw"][0][:100], parts["raw"][0][60:]
    state = init_state(Normal(*START))
    limits = {"patience": 5, "tolerance": 1e-3, "max_epochs": 7}
    train_step(state, x, x, 0.1, **limits)
    size, before = step._train_step._cache_size(), len(compilations)
    for learning_rate, sample in ((0.2, y), (0.3, x)):
        other = {"patience": 6, "tolerance": 1e-4, "max_epochs": 8}
        state, _ = train_step(state, sample, sample, learning_rate, **other)
    assert step._train_step._cache_size() == size
    assert len(compilations) == before
    train_step(state, x[:50], x, 0.1, **limits)  # the control: another shape does compile
    assert step._train_step._cache_size() == size + 1
    assert len(compilations) > before
