"""Cores, GPUs, hosts: start-up, and the mesh that runs are spread over."""

import os
from typing import Any

import jax
import jaxlib
import numpy as np

FAST_LOOPS = "xla_cpu_use_multi_output_fusion,xla_cpu_small_while_loop_byte_threshold=100000000"
"""Options of XLA's CPU compiler that JAX's own settings do not reach: one kernel for a whole training step instead of
one for every array that it carries, and loops without a dispatch per iteration."""

TRIED = ("0.10.2", "0.12.0", "0.12.0.1")
"""The jaxlib versions on which they were tried: an option that XLA does not know ends the process."""


def start(cpu_devices: int | None = None) -> None:
    """Make every CPU core a device and its loops fast, unless JAX already runs or the user chose otherwise.

    Called by every entry point that computes, never at import. The user's own `XLA_FLAGS`, `JAX_NUM_CPU_DEVICES` and
    `JAX_PLATFORMS` win. When JAX has already started, it stays as it is.

    Args:
        cpu_devices: how many devices the CPU is to be; None for one per core that this process may use.
    """
    chosen = _cpu_devices() > 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    count = cpu_devices or (None if chosen else len(os.sched_getaffinity(0)))
    try:
        # Refused once the backends have started, and that is how to find out.
        jax.config.update("jax_num_cpu_devices", count or _cpu_devices())
    except RuntimeError:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    if jaxlib.__version__ in TRIED and "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_extra_options={FAST_LOOPS}".strip()


def _cpu_devices() -> int:
    """JAX's setting; -1 where the user has not chosen."""
    return jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]


def mesh(devices: Any = None) -> jax.sharding.Mesh:
    """All local devices, or those given, as one axis named `runs`."""
    return jax.sharding.Mesh(np.asarray(jax.local_devices() if devices is None else devices), ("runs",))


def describe(over: jax.sharding.Mesh) -> str:
    """The devices of a mesh in words, such as `4 x cpu`."""
    return f"{over.devices.size} x {over.devices.flat[0].device_kind}"
