"""Compiling: nothing in the library is CPU-only, and what is compiled once is not compiled again."""

import functools
import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.export  # jax does not import it itself
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax import devices
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.samples.observations import as_observations
from mlejax.samples.representation import summarize
from mlejax.sweeps import lanes

pytestmark = pytest.mark.usefixtures("x64")
X = np.random.RandomState(3).normal(7.2, 2.8, 60)
FAMILIES = {"normal": (mlejax.Normal(0.0, 1.0), X), "weibull": (mlejax.Weibull(1.0, 1.0), np.abs(X) + 0.1)}
"""One that trains on sufficient statistics, and one that needs the raw observations."""

# A TPU has float64 by emulation in XLA; it is exported for all the same.
platforms = pytest.mark.parametrize("platform", ["cuda", "tpu", "cpu"])
types = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
families = pytest.mark.parametrize("family", FAMILIES)


def samples(family, dtype):
    model, values = FAMILIES[family]
    start = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), model)
    parts = [summarize(start, as_observations(part))[0] for part in (values[12:], values[:12])]
    assert isinstance(parts[0], mlejax.Summary) == (family == "normal")
    return start, jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tuple(parts))


def exported(function, platform, *arguments):
    """The program for another kind of device, made on this one."""
    made = jax.export.export(function, platforms=(platform,))(*arguments)
    assert made.platforms == (platform,)
    return made


@pytest.mark.slow
@platforms
@types
@families
def test_the_step_can_be_compiled_for_other_devices(family, dtype, platform):
    start, parts = samples(family, dtype)
    state, rate = mlejax.init_state(start), np.asarray(0.1, dtype)

    @jax.jit
    def step(leaves, train, validation):
        state = jax.tree.unflatten(tree, leaves)
        state, info = mlejax.train_step(
            state, train_of(train), validation_of(validation), rate, patience=50, max_epochs=100
        )
        return jax.tree.leaves((state, info))

    leaves, tree = jax.tree.flatten(state)
    (train, train_of), (validation, validation_of) = (flat(part) for part in parts)
    made = exported(step, platform, leaves, train, validation)
    floating = {aval.dtype for aval in made.out_avals if jnp.issubdtype(aval.dtype, jnp.floating)}
    assert floating == {np.dtype(dtype)}
    if platform == "cpu":  # what was exported is the step
        expected = jax.tree.leaves(mlejax.train_step(state, *parts, rate, patience=50, max_epochs=100))
        for one, other in zip(made.call(leaves, train, validation), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == np.float32 else 1e-13)


def flat(tree):
    """The leaves, and what makes the pytree of them: records are not among what `jax.export` takes."""
    leaves, structure = jax.tree.flatten(tree)
    return leaves, functools.partial(jax.tree.unflatten, structure)


@pytest.mark.slow
@platforms
@types
@families
def test_the_lane_program_can_be_compiled_for_other_devices(family, dtype, platform):
    start, parts = samples(family, dtype)
    shared = (None, None) if family == "normal" else parts
    train, validation = parts if family == "normal" else (None, None)
    number = functools.partial(np.asarray, dtype=dtype)
    run = Run(
        start=start,
        learning_rate=jax.tree.map(lambda leaf: number(0.1), start),
        stopping=Stopping(np.asarray(100), np.asarray(50), number(1e-8)),
        train=train,
        validation=validation,
    )
    engine = lanes.Engine(run, shared, None, np.dtype(dtype), devices.ACCELERATOR)
    width = 64
    arguments = engine.arguments(width)
    leaves, tree = jax.tree.flatten(arguments)

    @jax.jit
    def program(leaves):
        return jax.tree.leaves(engine.advance(*jax.tree.unflatten(tree, leaves)))

    made = exported(program, platform, leaves)
    finished = eqx.filter_eval_shape(engine.advance, *arguments)[1]
    assert finished.rows.shape == ((engine.queue + 1) * width, engine.end_layout.width)
    assert finished.rows.dtype == dtype
    assert any(aval.shape == finished.rows.shape and aval.dtype == dtype for aval in made.out_avals)


@pytest.mark.slow
def test_what_is_cpu_only_does_not_go_to_other_devices():
    """The logarithm by integer arithmetic is for CPUs; others have one of their own."""
    variance = jnp.float64(2.0)
    start, (train, _) = samples("normal", np.float64)
    leaves, sample_of = flat(train)

    @jax.jit
    def value(variance, leaves):
        return mlejax.log_likelihood(mlejax.Normal(start.mean, variance), sample_of(leaves))

    texts = {p: exported(value, p, variance, leaves).mlir_module() for p in ("cpu", "cuda", "tpu")}
    assert "stablehlo.log " not in texts["cpu"]
    assert "bitcast_convert" in texts["cpu"]
    for platform in ("cuda", "tpu"):
        assert "stablehlo.log " in texts[platform]
        assert "bitcast_convert" not in texts[platform]


# The compilation cache --------------------------------------------------------------------------------------------

COUNTED = """
import sys
import jax
from mlejax.cli import commands
from mlejax.cli import main as cli
seen = []
jax.monitoring.register_event_listener(lambda event, **_: seen.append(event))
commands.draw_sweep = lambda *_: []
status = cli.main(sys.argv[1:])
hits, misses = (seen.count(f"/jax/compilation_cache/cache_{kind}") for kind in ("hits", "misses"))
print("counted", status, hits, misses)
"""
SWEEP = [
    "sweep", "--devices", "1", "--seeds", "0:4", "--learning-rates", "0.1:1:4", "--observations", "300",
    "--draw", "statistics",
]  # fmt: skip


def sweep_in_a_process(folder, name, epochs):
    """How many programs came out of the cache, how many were compiled, and the files of the cache."""
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "JAX_PLATFORMS": "cpu"}
    arguments = [*SWEEP, "--max-epochs", str(epochs), "--out", str(folder / name)]
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    status, hits, misses = map(int, done.stdout.splitlines()[-1].removeprefix("counted").split())
    assert status == 0
    programs = {path.name for path in (folder / "cache" / "mlejax").glob("*-cache")}
    return hits, misses, programs


@pytest.mark.slow
def test_a_second_process_compiles_nothing_of_note(tmp_path):
    first_hits, _, first = sweep_in_a_process(tmp_path, "first", 50)
    assert first_hits == 0
    assert any("advance" in name for name in first), first
    hits, _, second = sweep_in_a_process(tmp_path, "second", 60)  # other values, the same shapes
    assert second == first
    assert hits == len(first)
