"""Start-up: every core a device, unless the user chose otherwise or JAX already runs."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from helpers import ROOT

from mlejax import devices

CORES = len(os.sched_getaffinity(0))
REPORT = "print(jax.local_device_count(), os.environ.get('XLA_FLAGS', ''), sep=';')"


def printed_by(program, **variables):
    """What a fresh process prints after `start`: the number of devices, and XLA_FLAGS."""
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")
    environment = {k: v for k, v in os.environ.items() if k not in unset} | {"JAX_PLATFORMS": "cpu"} | variables
    program = f"import os, jax, jaxlib; from mlejax import devices\n{program}\n{REPORT}"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, flags = done.stdout.strip().split(";")
    return int(count), flags


@pytest.mark.slow
def test_every_core_becomes_a_device_with_fast_loops():
    count, flags = printed_by("devices.start()")
    assert count == CORES
    assert (devices.FAST_LOOPS in flags) == (jax.lib.__version__ in devices.TRIED)


def test_the_number_may_be_given():
    assert printed_by("devices.start(3)")[0] == 3


@pytest.mark.slow
def test_the_users_settings_win():
    assert printed_by("devices.start()", JAX_NUM_CPU_DEVICES="2")[0] == 2
    count, flags = printed_by("devices.start()", XLA_FLAGS="--xla_force_host_platform_device_count=5")
    assert count == 5
    assert flags.startswith("--xla_force_host_platform_device_count=5")
    own = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"
    assert printed_by("devices.start()", XLA_FLAGS=own) == (CORES, own)


@pytest.mark.slow
def test_flags_are_set_only_for_versions_that_were_tried():
    """An option that XLA does not know ends the process."""
    assert printed_by("jaxlib.__version__ = '99.0'; devices.start()") == (CORES, "")


@pytest.mark.slow
def test_nothing_happens_once_jax_runs():
    assert printed_by("jax.devices(); devices.start(3)") == (1, "")


@pytest.mark.slow
def test_importing_starts_nothing():
    program = """
import mlejax
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized()
devices.start(2)
"""
    assert printed_by(program)[0] == 2


def test_the_mesh_has_one_axis():
    assert jax.local_device_count() == 4  # conftest.py
    whole, part = devices.mesh(), devices.mesh(jax.local_devices()[1:3])
    assert whole.axis_names == part.axis_names == ("runs",)
    assert whole.devices.shape == (4,)
    np.testing.assert_array_equal(part.devices, jax.local_devices()[1:3])
    assert devices.describe(whole) == f"4 x {jax.local_devices()[0].device_kind}"
