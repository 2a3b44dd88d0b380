"""What the benchmarks share: timing, the record of the machine, C++ compiled and loaded, tables, result files."""

import ctypes
import dataclasses
import datetime as dt
import importlib.metadata
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mlejax import devices
from mlejax.results import text

HERE = Path(__file__).parent
BUILD = HERE / "build"


# Timing ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """Something to time. `run` takes what `prepare` made outside the clock, and blocks until its result is there."""

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds per run."""

    median: float
    minimum: float
    maximum: float
    runs: int

    def scaled(self, factor: float) -> "Timing":
        """Return the same of a run that takes `factor` times as long."""
        return Timing(self.median * factor, self.minimum * factor, self.maximum * factor, self.runs)


def once(case: Case) -> tuple[float, Any]:
    """Seconds of one run, and its result."""
    prepared = case.prepare()
    began = time.perf_counter()
    result = case.run(prepared)
    return time.perf_counter() - began, result


def compile_seconds(case: Case) -> float:
    """How much longer the first call takes than the second: tracing and compilation."""
    jax.clear_caches()
    return once(case)[0] - once(case)[0]


def measure(cases: Mapping[Any, Case], *, rounds: int = 5, seconds: float = 0.2) -> dict[Any, tuple[Timing, Any]]:
    """Time every case: one warm-up, then `rounds` times all of them in turn, so that noise meets all of them alike.

    Args:
        cases: by name.
        rounds: at least this many runs of each.
        seconds: runs shorter than this are repeated for about as long in every round.

    Returns:
        For every name its timing and the result of its last run.
    """
    results = {name: once(case)[1] for name, case in cases.items()}
    samples: dict[Any, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, case in cases.items():
            began = time.perf_counter()
            while True:
                elapsed, results[name] = once(case)
                samples[name].append(elapsed)
                if time.perf_counter() - began >= seconds:
                    break
    return {
        name: (Timing(statistics.median(taken), min(taken), max(taken), len(taken)), results[name])
        for name, taken in samples.items()
    }


# The machine -------------------------------------------------------------------------------------------------------


def environment() -> dict[str, Any]:
    """Return what a figure depends on, without names of hosts, people or folders."""
    devices.start()
    packages = ("jax", "jaxlib", "numpy", "scipy", "mlejax")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": commit(),
        "device": f"{len(jax.local_devices())} x {jax.local_devices()[0].device_kind}",
        "cpu": cpu_model(),
        "cores": devices.cores(),
        "system": platform.system(),
        "compiler": compiler_version(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return getattr(sys.modules.get(package), "__version__", None)


def commit() -> str | None:
    """Return the short commit that is measured, marked when files of it have changed; None outside a repository."""
    git = ["git", "-C", str(HERE), "-c", "core.fsmonitor=false"]
    try:
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return name.stdout.strip() + (" and changes" if changed.stdout.strip() else "")


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe(record: Mapping[str, Any]) -> str:
    """Return the record of the machine as two lines of text."""
    tools = ", ".join(f"{name} {record[name]}" for name in ("python", "jax", "jaxlib", "numpy", "scipy"))
    return (
        f"{record['date']}, commit {record['commit']}, {record['cpu']} with {record['cores']} cores, "
        f"JAX on {record['device']}\n{tools}, {record['compiler'] or 'no C++ compiler'}"
    )


# C++ ---------------------------------------------------------------------------------------------------------------


class NoCompilerError(Exception):
    """There is no C++ compiler, or it refused; says which."""


def compiler() -> str | None:
    return next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), None)


def compiler_version() -> str | None:
    path = compiler()
    if path is None:
        return None
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def compile_library(source: Path, flags: Sequence[str]) -> tuple[ctypes.CDLL, float]:
    """Compile one C++ file and load it; the library, and the seconds that it took.

    Always anew: a library built for another machine's instructions would end the process.

    Raises:
        NoCompilerError: with the reason.
    """
    path = compiler()
    if path is None:
        raise NoCompilerError("no c++, g++ or clang++ found")
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        compiled, library = Path(folder, "program.o"), Path(folder, "program.so")
        began = time.perf_counter()
        try:
            command = [path, "-std=c++20", "-Wall", "-Wextra", "-fPIC", *flags, "-c", str(source), "-o", str(compiled)]
            subprocess.run(command, capture_output=True, text=True, check=True)
            # Linked without the flags: -ffast-math would switch off subnormal numbers in the whole process.
            subprocess.run([path, "-shared", str(compiled), "-o", str(library)], capture_output=True, check=True)
        except subprocess.CalledProcessError as error:
            raise NoCompilerError(
                f"{Path(path).name} {' '.join(flags)} ended with status {error.returncode}"
            ) from error
        return ctypes.CDLL(str(library)), time.perf_counter() - began


def vectors(flags: Sequence[str]) -> str | None:
    """Return the instruction set that the compiler may use with these flags, and the widest registers that it does.

    Compilers that may use 512 bits often prefer 256: what they made of the benchmark's own loop is looked at.
    """
    path = compiler()
    if path is None:
        return None
    macros = subprocess.run(
        [path, *flags, "-dM", "-E", "-x", "c++", "/dev/null"], capture_output=True, text=True
    ).stdout
    known = [name for name in ("SSE2", "AVX", "AVX2", "FMA", "AVX512F", "ARM_NEON") if f"#define __{name}" in macros]
    loop = "void f(double*x,long n){for(long i=0;i<n;++i)x[i]=1.0/(x[i]+1.0);}"
    made = subprocess.run([path, *flags, "-S", "-o", "-", "-x", "c++", "-"], input=loop, capture_output=True, text=True)
    widths = {"%zmm": "512", "%ymm": "256", "%xmm": "128"}
    widest = next((f"{bits}-bit registers" for name, bits in widths.items() if name in made.stdout), "")
    return " ".join(filter(None, [known[-1].lower() if known else platform.machine(), widest]))


# Output ------------------------------------------------------------------------------------------------------------


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Plain text, one line a row: the first column flush left, the others flush right; missing cells are `-`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return text.table([[row.get(name, "-") for name in names] for row in rows], header=names)


def duration(seconds: float | None) -> str:
    """Three digits and a unit; `-` for none."""
    return "-" if seconds is None or not np.isfinite(seconds) else text.duration(seconds)


def ratio(value: float | None) -> str:
    """Three digits."""
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(record: Mapping[str, Any], text: str, arguments: Any) -> None:
    """Write the table to standard output and the record to its file, or the record alone to standard output."""
    document = json.dumps(record, indent=1, allow_nan=False) + "\n"
    if arguments.json == "-":
        sys.stdout.write(document)
        return
    print(text)
    arguments.out.mkdir(parents=True, exist_ok=True)
    Path(arguments.json or arguments.out / f"{record['benchmark']}.json").write_text(document)
