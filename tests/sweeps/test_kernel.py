"""The kernel that keeps runs in registers: XLA's bits where it is interpreted, and compiled for GPUs where JAX can."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import export

import mlejax
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.formula.jaxpr import NotApplicable
from mlejax.models.parameters import cast
from mlejax.samples.representation import summarize
from mlejax.sweeps import kernel, lanes

pytestmark = pytest.mark.usefixtures("x64")
LANES, EPOCHS = 64, 50
STARTS = {"normal": mlejax.Normal(0.0, 1.0), "log normal": mlejax.LogNormal(0.0, 1.0)}
kinds = pytest.mark.parametrize(
    ("family", "dtype"), [("normal", np.float64), ("normal", np.float32), ("log normal", np.float64)]
)


def runs(family, dtype):
    """Return runs with rates of their own, and their states before the first epoch; leaves (LANES, ...)."""
    start, rates = STARTS[family], np.geomspace(0.01, 30.0, LANES)
    x = np.random.RandomState(0).poisson(3.0, (2, 400)) + 1.0
    train, validation = (summarize(start, part, True)[0] for part in x)

    def repeated(tree):
        return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], LANES, 0), tree)

    stopping = repeated(Stopping(np.asarray(40), np.asarray(5), np.asarray(1e-8)))
    rate = jax.tree.map(lambda _: rates, start)
    run = cast(Run(repeated(start), rate, stopping, repeated(train), repeated(validation)), np.dtype(dtype))
    return run, jax.vmap(lambda run: lanes.begin_lane(run, None).state)(run)


def one(run, state, optimizer=None):
    return lanes.advance_lane(lanes.Lane(run, state), (None, None), optimizer).state


def in_registers(run, state, platform):
    return kernel.advance_in_registers(one, run, state, EPOCHS, platform=platform, block=32)


@pytest.mark.slow
@kinds
def test_interpreted_it_gives_the_bits_of_xla(family, dtype):
    run, state = runs(family, dtype)
    found = jax.jit(functools.partial(in_registers, platform="cpu"))(run, state)
    step = jax.vmap(one)
    expected = jax.jit(lambda run, state: jax.lax.fori_loop(0, EPOCHS, lambda _, now: step(run, now), state))(
        run, state
    )
    assert len(np.unique(expected.epoch)) >= 2
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@kinds
def test_it_can_be_compiled_for_a_gpu(family, dtype):
    run, state = runs(family, dtype)
    program = jax.jit(functools.partial(in_registers, platform="cuda"))
    checks = [export.DisabledSafetyCheck.custom_call(name) for name in ("__gpu$xla.gpu.triton", "triton_kernel_call")]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The Pallas Triton backend is deprecated", DeprecationWarning)
            made = export.export(program, platforms=["cuda"], disabled_checks=checks)(run, state)
    except RuntimeError as error:
        if "No supported GPU devices" not in str(error):
            raise
        pytest.skip(f"JAX {jax.__version__} compiles for a GPU only where there is one: {error}")
    assert "triton" in made.mlir_module()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: jax.lax.while_loop(lambda y: y < 9, lambda y: y + 1, x), "while"),
        (jnp.cumsum, "cumsum"),
        (jax.lax.lgamma, "lgamma"),
    ],
)
def test_what_is_no_operation_on_numbers_is_refused(function, name):
    with pytest.raises(NotApplicable, match=name):
        kernel.advance_in_registers(
            lambda run, state: jnp.sum(function(jnp.stack([state, run]))) if name != "while" else function(state),
            jnp.ones(4), jnp.ones(4), 3, platform="cpu",
        )  # fmt: skip


@pytest.mark.slow
def test_an_optimizer_whose_sense_is_asked_for_is_refused():
    run, _ = runs("normal", np.float64)
    momentum = optax.trace(0.5)
    state = jax.vmap(lambda run: lanes.begin_lane(run, momentum).state)(run)
    with pytest.raises(NotApplicable):
        kernel.advance_in_registers(functools.partial(one, optimizer=momentum), run, state, 3, platform="cpu")


@pytest.mark.slow
def test_arrays_of_a_run_are_so_many_numbers():
    matrix, vector = np.arange(12.0).reshape(2, 2, 3), np.arange(6.0).reshape(2, 3) / 7

    def step(run, state):
        found = jnp.sum(run * jnp.stack([state, 2 * state]), axis=1)
        return jnp.concatenate([found, found[:1] - jnp.max(state)])

    found = kernel.advance_in_registers(step, matrix, vector, 2, platform="cpu")
    expected = jax.vmap(lambda run, state: step(run, step(run, state)))(matrix, vector)
    np.testing.assert_allclose(found, expected, rtol=2e-15)  # whose sums may have another order
