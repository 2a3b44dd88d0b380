"""The settings of JAX that a program may have made: what is asked for comes out, and without a false alarm."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import jax, jax.numpy as jnp, numpy as np
import mlejax

x = np.random.RandomState(0).gamma(2.0, 3.0, 200)
fitted = mlejax.fit(mlejax.Gamma, x, progress=False)
assert fitted.converged and fitted.standard_errors.shape > 0
if jax.config.jax_disable_jit:
    print("done")
    raise SystemExit
table = mlejax.fit_many(mlejax.Gamma, mlejax.Groups(x, np.repeat(range(4), 50)), progress=False)
assert table.converged.all()
arguments = {"seeds": range(3), "learning_rates": [0.1, 0.5], "max_epochs": 50, "progress": False}
draws = mlejax.Draws(mlejax.Normal(7.2, 7.84), 100)
assert mlejax.sweep(mlejax.Normal(0.0, 1.0), observations=draws, **arguments).finished
assert mlejax.sweep(mlejax.StudentT(5.0, 3.0, 5.0), observations=x, **arguments).finished
assert mlejax.train(mlejax.Normal(0.0, 1.0), x, max_epochs=100, progress=False).epochs > 0
start = mlejax.Normal(jnp.asarray(5.0), jnp.asarray(9.0))
some = jnp.asarray(x, start.mean.dtype)
state, info = mlejax.train_step(mlejax.init_state(start), some[:150], some[150:], 0.1)
assert jnp.isfinite(info.validation_log_likelihood)
rate = jax.jit(jax.grad(lambda y: mlejax.maximize(mlejax.Exponential(1.0), y).model.rate))(some[:3])
np.testing.assert_allclose(rate, -3 / np.sum(some[:3]) ** 2 * np.ones(3), rtol=1e-4)
assert mlejax.check(mlejax.Gamma, x).ok
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        "JAX_NUMPY_DTYPE_PROMOTION=strict",
        "JAX_NUMPY_RANK_PROMOTION=raise",
        "JAX_ENABLE_X64=0",
        "JAX_ENABLE_X64=1",
        "JAX_DEBUG_NANS=1",
        "JAX_DISABLE_JIT=1",
        "JAX_DEFAULT_PRNG_IMPL=rbg",
        "XLA_FLAGS=--xla_force_host_platform_device_count=2 --xla_cpu_enable_fast_math=false",
    ],
)
def test_the_same_comes_out_in_every_environment(setting):
    name, _, value = setting.partition("=")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, name: value}, capture_output=True, text=True, check=False
    )
    assert run.stdout == "done\n", run.stderr[-2000:]
