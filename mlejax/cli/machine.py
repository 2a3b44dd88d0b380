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


def check_cluster(options: argparse.Namespace) -> bool:
    """Return whether there are to be several processes; refuse options that do not say which this is.

    Raises:
        UsageError: saying what is lacking, or out of range.
    """
    cluster = (options.num_processes, options.process_id)
    if len({part is None for part in cluster}) > 1:
        raise UsageError("--num-processes and --process-id must be given together")
    if options.process_id is not None and not 0 <= options.process_id < options.num_processes:
        raise UsageError(
            f"--process-id must be from 0 to {options.num_processes - 1}, one below --num-processes; "
            f"got {options.process_id}"
        )
    return options.distributed or options.process_id is not None


def start_devices(options: argparse.Namespace) -> bool:
    """Start JAX's devices, join the other processes where there are any; whether this is the first of them."""
    use_compilation_cache()
    devices.start(getattr(options, "devices", None))
    if options.distributed or options.process_id is not None:
        try:
            devices.join(options.num_processes, options.process_id)
        except RuntimeError as error:
            raise UsageError(f"cannot join the cluster that JAX finds: {str(error).splitlines()[0]}") from None
        if INTERRUPTS.watching:  # JAX has taken SIGTERM
            INTERRUPTS.watch()
    return devices.first()


def wait_for_followers(options: argparse.Namespace) -> None:
    """Wait, as the first of several processes that JAX connects, until the others have ended."""
    from ..store.lock import wait_for_followers

    if devices.connected():
        wait_for_followers(Path(options.out))
