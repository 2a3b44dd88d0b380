"""What a command needs of the machine: devices, other processes, compiled programs that are kept."""

import argparse
import os
import warnings
from pathlib import Path

import jax

from .. import devices
from .output import UsageError
from .signals import INTERRUPTS


def use_compilation_cache() -> None:
    """Keep compiled programs for the next command, unless the user keeps them elsewhere or they cannot be kept."""
    # A cache that is damaged, full or not ours costs time and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(cache, "mlejax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def start_devices(options: argparse.Namespace) -> bool:
    """Start JAX's devices, join the other processes where there are any; whether this is the first of them."""
    use_compilation_cache()
    devices.start(options.devices)
    cluster = (options.coordinator, options.num_processes, options.process_id)
    if options.distributed or any(part is not None for part in cluster):
        try:
            devices.join(*cluster)
        except RuntimeError as error:
            where = options.coordinator or "the cluster that JAX finds"
            raise UsageError(f"cannot join {where}: {str(error).splitlines()[0]}") from None
        if INTERRUPTS.watching:  # JAX has taken SIGTERM
            INTERRUPTS.watch()
    return devices.first()


def wait_for_followers(options: argparse.Namespace) -> None:
    """Wait, as the first of several processes, until the others have ended."""
    from ..store.lock import wait_for_followers

    wait_for_followers(Path(options.out))
