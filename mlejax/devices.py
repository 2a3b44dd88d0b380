"""Cores, GPUs, hosts: start-up, and the mesh that runs are spread over."""

import contextlib
import functools
import os
import platform
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax
import jaxlib
import numpy as np

from . import __version__
from .checks import InputTypeError, InputValueError, shown

FAST_LOOPS = "xla_cpu_use_multi_output_fusion,xla_cpu_small_while_loop_byte_threshold=100000000"
"""Options of XLA's CPU compiler that JAX's own settings do not reach: one kernel for a whole training step instead of
one for every array that it carries, and loops without a dispatch per iteration."""

TRIED = ("0.10.2", "0.12.0", "0.12.0.1")
"""The jaxlib versions on which they were tried: an option that XLA does not know ends the process."""


WIDE = {"xla_cpu_prefer_vector_width": 512}
"""Options of XLA's CPU compiler for the loop over epochs alone: by itself it stops at 256 bits, for CPUs that slow down
with more. Where a CPU has no more, they change nothing."""


@runtime_checkable
class Device(Protocol):
    """A device of JAX, which ships no types of it: what is asked of one here."""

    platform: str  # such as "cpu"
    device_kind: str


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute in float64, compiled, by JAX's ordinary rules, whatever the program around has set for code of its own.

    Not a number is the result of some runs and no fault of theirs, and many runs at once cannot be stepped through.
    """
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.debug_nans(False),
        jax.debug_infs(False),
        jax.disable_jit(False),
    ):
        yield


def start(cpu_devices: int | None = None, *, warn: bool = True) -> None:
    """Make every CPU core a device and its loops fast, unless JAX already runs or the user chose otherwise.

    Called by every entry point that computes, never at import. The user's own `XLA_FLAGS`, `JAX_NUM_CPU_DEVICES` and
    `JAX_PLATFORMS` win. When JAX has already started, it stays as it is; where that is slow, a warning says so once.

    Args:
        cpu_devices: the number of CPU devices; None for one per core that this process may use.
        warn: whether to warn where JAX started first; not where no loop over epochs is to come.
    """
    chosen = _cpu_devices() > 0 or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    count = cpu_devices or (None if chosen else cores())
    try:
        # Refused once the backends have started, and that is how to find out.
        jax.config.update("jax_num_cpu_devices", count or _cpu_devices())
    except RuntimeError:
        if warn and _loops_are_slow():
            _warn_late()
        return
    flags = os.environ.get("XLA_FLAGS", "")
    if jaxlib.__version__ in TRIED and "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_extra_options={FAST_LOOPS}".strip()


def _loops_are_slow() -> bool:
    """Return whether JAX computes on a CPU, started before its loops could be made fast."""
    flags = os.environ.get("XLA_FLAGS", "")
    return jaxlib.__version__ in TRIED and "xla_backend_extra_options" not in flags and jax.default_backend() == "cpu"


@functools.cache
def _warn_late() -> None:
    """Say once in a process what it costs that JAX started first, and what to do."""
    ours, all_cores = jax.local_device_count(), cores()
    warnings.warn(
        "JAX was at work in this process before mlejax, which can then not set its compiler options: an epoch of a "
        f"sweep takes about three times as long, on {ours} of {all_cores} core{'s' * (all_cores > 1)}. Begin the "
        "program with `from mlejax import devices; devices.start()`, before anything is computed with JAX.",
        stacklevel=4,
    )


def compiler_options(device: Device) -> dict[str, Any]:
    """Return what the compiler is given for the loop over epochs on this device, beside what `start` sets for all.

    None for jaxlib versions on which it was not tried, or where the user has set it.
    """
    ours = jaxlib.__version__ in TRIED and not any(name in os.environ.get("XLA_FLAGS", "") for name in WIDE)
    return dict(WIDE) if device.platform == "cpu" and ours else {}


NO_MATTER = ("xla_force_host_platform_device_count", "xla_dump", "xla_hlo_profile", "xla_gpu_cuda_data_dir")
"""Beginnings of the names of XLA's options that change no result."""


def cores() -> int:
    """Return how many CPU cores this process may use; on systems that do not say, how many there are."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1  # type: ignore[attr-defined]
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computed_by(devices: Sequence[Device] | None = None) -> dict[str, Any]:
    """Return what decides the last bits of a result, in plain values: where they are the same, so are the bits.

    Args:
        devices: the devices that compute; all local ones by default.
    """
    device = (jax.local_devices() if devices is None else devices)[0]
    flags = [flag.removeprefix("--") for flag in os.environ.get("XLA_FLAGS", "").split()]
    return {
        "mlejax": __version__,
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "platform": device.platform,
        "device": device.device_kind,
        "instructions": instructions() if device.platform == "cpu" else "",
        "xla_flags": sorted(flag for flag in flags if not flag.startswith(NO_MATTER)),
        "compiler_options": [f"{name}={value}" for name, value in compiler_options(device).items()],
        "random": "threefry2x32, partitionable",
    }


FLOATING_POINT = ("avx", "avx2", "fma", "avx512f", "avx512dq", "avx512vl")
"""Extensions of x86 processors that decide how XLA compiles floating-point loops."""


def instructions() -> str:
    """Return the instruction set of this CPU, as far as it decides the bits of floating-point results."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux: one set for each kind of machine there
        text = ""
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    present = found.group(1).split() if found else []
    return " ".join([platform.machine(), *(name for name in FLOATING_POINT if name in present)])


_GIVEN: list[tuple[int, int]] = []
"""Which process this is, and of how many, where the user has said it."""


SAID_BY = {"SLURM_NTASKS": "SLURM_PROCID", "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK"}
"""Variables in which SLURM and Open MPI say how many processes there are, each with that of which one this is."""


def join(processes: int | None = None, process: int | None = None) -> None:
    """Make this process one of several that share a sweep.

    Processes meet in the result directory and nowhere else: where it is said which of how many this is, none has to
    wait for another. SLURM and Open MPI say so in variables; elsewhere, such as on Cloud TPU, JAX connects them before
    anything is computed.

    Args:
        processes: how many there are.
        process: which of them this is, from 0.

    Raises:
        ValueError: no cluster was found, and none given; or only a part of it, or a process that it does not have.
    """
    if processes is None and process is None:
        given = [names for names in SAID_BY.items() if all(name in os.environ for name in names)]
        processes, process = (int(os.environ[name]) for name in given[0]) if given else (None, None)
    if processes is not None and process is not None:
        if not 0 <= process < processes:
            raise InputValueError(f"process must be from 0 to {processes - 1}, one below processes; got {process}")
        _GIVEN[:] = [(process, processes)]
        return
    if processes is not None or process is not None:
        raise InputValueError("a cluster is given by the number of processes and process together, or found by JAX")
    jax.config.update("jax_enable_recoverability", True)
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise InputValueError(
            "no cluster was found (SLURM, Open MPI, Kubernetes, Cloud TPU): give --num-processes and --process-id. "
            f"JAX says: {error}"
        ) from None
    jax.devices()  # which settles how many processes there are, and which this is
    if not first():
        # Nothing is exchanged from here on; and JAX would end this process at once if the first one died.
        leave()


def process_index() -> int:
    """Return which of several processes this is, from 0."""
    return _GIVEN[0][0] if _GIVEN else jax.process_index()


def process_count() -> int:
    """Return how many processes share the work."""
    return _GIVEN[0][1] if _GIVEN else jax.process_count()


def first() -> bool:
    """Return whether this is the only process, or the first of several."""
    return process_index() == 0


def connected() -> bool:
    """Return whether JAX connects the processes, so that the first has to stay until the others have ended."""
    return not _GIVEN and jax.process_count() > 1


def leave() -> None:
    """Part from the other processes."""
    if not _GIVEN:
        jax.distributed.shutdown()


def _cpu_devices() -> int:
    """Return JAX's setting; -1 where the user has not chosen."""
    return jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]


def mesh(devices: Sequence[Device] | None = None) -> jax.sharding.Mesh:
    """Return a mesh of all local devices, or of those given, as one axis named `runs`."""
    return jax.sharding.Mesh(np.asarray(jax.local_devices() if devices is None else checked(devices)), ("runs",))


def checked(devices: object) -> Any:
    """Return the devices, which must be a sequence of at least one.

    Raises:
        TypeError, ValueError: it is something else, or empty.
    """
    if not isinstance(devices, Sequence | np.ndarray) or not all(isinstance(each, jax.Device) for each in devices):
        raise InputTypeError(
            f"devices must be a sequence of devices, such as jax.local_devices()[:2]; got {shown(devices)}"
        )
    if not len(devices):
        raise InputValueError("devices must hold at least one device; got none")
    return devices


def describe(over: jax.sharding.Mesh) -> str:
    """Return the devices of a mesh in words, such as `4 x cpu`."""
    return f"{over.devices.size} x {over.devices.flat[0].device_kind}"


class Tuning(NamedTuple):
    """A backend's preferences. Those for the CPU were measured by `benchmarks/`; the accelerator's are estimates."""

    lanes: int  # per device, at most
    chunk: int  # lanes that are advanced together
    epochs: int  # per visit to a chunk, at most
    unroll: int  # epochs per turn of the innermost loop
    # "loop": it makes as many turns as a call asks for; "fixed": a number of turns known to the compiler, so that a GPU
    # need not ask the host; "registers": a kernel of its own, which needs a GPU. See `sweeps.advance`.
    advance: Literal["loop", "fixed", "registers"] = "loop"
    queue: int = 16  # waiting runs that a call may take, per lane
    # Likewise on raw observations, which are to stay in a cache; as many numbers as one vector register holds, since a
    # compiler that takes several for them may round in the one otherwise than in the other.
    chunk_raw: int = 8
    lanes_raw: int = 64  # per device, at most, where each has raw observations of its own, which take memory
    smallest: int = 64  # lanes per device at least: enough for the vector units
    smallest_raw: int = 16  # likewise on raw observations, where an empty lane costs as much as one that is busy
    fillings: int = 8  # runs per lane: with fewer, many lanes stand empty while the last runs end
    reports: int = 2  # unread reports of each device before it waits
    measured: int = 4096  # runs measured by one call, always so many, so that one compilation serves all
    measured_raw: int = 64  # likewise on raw observations: memory is this many times their number
    drawn: int = 1_000_000  # observations drawn in one call of a device: long enough beside what a call costs
    seeds: tuple[int, int] = (4, 64)  # minimum and maximum seeds per device and call; the last call is padded


# One chunk: the last runs would leave half empty ones behind, and more lanes are no faster. One epoch a turn: two in
# one loop are given so many operands that the compiler makes more kernels of each.
CPU = Tuning(lanes=256, chunk=256, epochs=256, unroll=1)
# On an accelerator an epoch costs its launches, whatever the width: many lanes, and many epochs in one kernel.
ACCELERATOR = Tuning(
    lanes=262_144, chunk=262_144, epochs=256, unroll=16, advance="fixed", queue=1, chunk_raw=262_144, lanes_raw=4096
)


def tuning(device: Device) -> Tuning:
    """Return the preferences of a device's backend."""
    return CPU if device.platform == "cpu" else ACCELERATOR
