"""Many runs at once under a program's own settings of JAX: none of them reaches the library's computations."""

import jax
import numpy as np
import optax
import pytest

import mlejax

SETTINGS = {
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_enable_x64": True,
}
WAITS = np.random.RandomState(0).gamma(2.0, 3.0, 200)
RATES = [0.1, 1e4]
"""The second throws every run out of the domain."""


def _trained(start, optimizer):
    found = mlejax.sweep(
        start, seeds=[0, 1], learning_rates=RATES, observations=WAITS, max_epochs=20, optimizer=optimizer,
        progress=False,
    )  # fmt: skip
    return np.stack([*jax.tree.leaves(found.model), found.status, found.train_log_likelihood])


def _resampled():
    found = mlejax.fit(mlejax.Gamma, WAITS).bootstrap(20, progress=False)
    return np.stack(list(found.estimates.values()))


MANY = {
    "Adam": lambda: _trained(mlejax.Gamma(1.0, 1.0), optax.scale_by_adam()),
    "resamples": _resampled,
}


@pytest.mark.slow
@pytest.mark.parametrize("what", MANY)
def test_settings_of_the_program_do_not_reach_many_runs(what):
    expected = MANY[what]()
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    try:
        for name, value in SETTINGS.items():
            jax.config.update(name, value)
        jax.clear_caches()  # what is traced already would be traced by the old settings
        found = MANY[what]()
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    # Of resamples the fit before them is the program's own, whose NaN are looked for.
    np.testing.assert_allclose(found, expected, rtol=1e-12 if what == "resamples" else 0)
