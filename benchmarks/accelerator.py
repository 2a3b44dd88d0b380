"""The lane program on a GPU: the CPU's answers run by run, run-epochs per second, and the settings to use."""

import argparse
import functools
import itertools
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mlejax import devices
from mlejax.models.parameters import cast
from mlejax.sweeps import lanes

from . import batches, common, epochs, jax_batches

DTYPES = ("float64", "float32")


class Filled(jax_batches.Lanes):
    """The lane program on a device, with a tuning of its own, all of whose lanes are busy."""

    clock = staticmethod(time.perf_counter)  # of a device that is not the processor

    def __init__(self, device: Any, tuning: devices.Tuning, **arguments: Any):
        self.device, self.tuning = device, tuning
        super().__init__(**arguments)

    def setup(self) -> None:
        self._setup()


# What is tried ------------------------------------------------------------------------------------------------------


def tunings(
    base: devices.Tuning, widths: Sequence[int], unrolls: Sequence[int], ways: Sequence[str]
) -> list[devices.Tuning]:
    """Return the tunings to time: the middle of each list with all of the others, the likeliest first."""
    middle = widths[len(widths) // 2], unrolls[len(unrolls) // 2]
    found = []
    for width, unroll, way in itertools.product(widths, unrolls, ways):
        if middle[0] == width or middle[1] == unroll:
            epochs_a_visit = -(-base.epochs // unroll) * unroll
            found.append(
                base._replace(lanes=width, chunk=width, unroll=unroll, advance=way, epochs=epochs_a_visit, queue=1)
            )
    return sorted(found, key=lambda tuning: (tuning.lanes != middle[0]) + (tuning.unroll != middle[1]))


def timed(
    device: Any, tried: Iterable[devices.Tuning], dtypes: Sequence[str], seconds: float, deadline: float
) -> Iterator[dict[str, Any]]:
    """Time the lane program with each of the tunings, until there is no time left.

    Args:
        device: of JAX.
        tried: the tunings.
        dtypes: the types to compute in.
        seconds: of one measurement, at least; the best of three counts.
        deadline: by `time.monotonic`, after which nothing new begins.
    """
    for tuning, dtype in itertools.product(tried, dtypes):
        record: dict[str, Any] = {"tuning": tuning._asdict(), "dtype": dtype}
        if time.monotonic() > deadline:
            yield record | {"missing": "no time left"}
            continue
        print(f"{tuning.advance}, {tuning.lanes:,} lanes, {tuning.unroll} epochs a turn, {dtype}", file=sys.stderr)
        began = time.perf_counter()
        try:
            program = Filled(device, tuning, count=tuning.lanes, dtype=dtype, **batches.ENDLESS)
            program.seconds(tuning.epochs)
        except Exception as error:  # a compiler's own; the others are still worth their time
            yield record | {"missing": f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"}
            continue
        compiled, count = time.perf_counter() - began, tuning.epochs
        while (taken := program.seconds(count)) < seconds and count < batches.STRETCH:
            count = min(batches.STRETCH, max(2, round(seconds / taken)) * count)
        taken = min(taken, *(program.seconds(count) for _ in range(2)))
        yield record | {"compile": compiled, "rate": tuning.lanes * count / taken, "epochs": count}


# Right as on the CPU ------------------------------------------------------------------------------------------------


def ended(device: Any, tuning: devices.Tuning, runs: batches.Runs, dtype: str) -> dict[str, np.ndarray]:
    """Return what a device finds for these runs, all of them run to their ends."""
    limits = {"patience": runs.patience, "tolerance": runs.tolerance, "max_epochs": runs.max_epochs}
    program = Filled(device, tuning, runs=runs.varying, dtype=dtype, **limits)
    program.advance(runs.max_epochs)
    return program.answer()


def agreements(
    device: Any, ways: Sequence[str], unroll: int, count: int, dtypes: Sequence[str]
) -> list[dict[str, Any]]:
    """Compare a device with the CPU, run by run, for each way of going on."""
    runs, cpu = batches.batch(count, batches.ANSWER_RATES), jax.local_devices(backend="cpu")[0]
    found = []
    for dtype in dtypes:
        reference = ended(cpu, devices.CPU, runs, dtype)
        for way in ways:
            tuning = devices.Tuning(
                count, count, epochs=-(-256 // unroll) * unroll, unroll=unroll, advance=way, queue=1
            )
            record: dict[str, Any] = {"way": way, "dtype": dtype}
            try:
                answer = ended(device, tuning, runs, dtype)
            except Exception as error:
                found.append(record | {"missing": f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"})
                continue
            apart = np.max(
                [_in_standard_errors(name, answer, reference, runs) for name in ("mean", "variance")], axis=0
            )
            found.append(record | epochs.agreement(answer, reference) | {"standard_errors": float(np.max(apart))})
    return found


def _in_standard_errors(name: str, found: Mapping[str, Any], expected: Mapping[str, Any], runs: batches.Runs) -> Any:
    variance = runs.train_variance
    error = np.sqrt((variance if name == "mean" else 2 * variance**2) / runs.train_count)
    return np.abs(found[name] - expected[name]) / error


# What the device can do ---------------------------------------------------------------------------------------------


def limits(device: Any, dtype: str, seconds: float, megabytes: int = 256) -> dict[str, float]:
    """Measure a device: multiply-adds of numbers in registers, and bytes of a long array read and written, a second."""
    n = megabytes * 2**20 // np.dtype(dtype).itemsize
    with jax.enable_x64(True):
        x = jax.device_put(np.linspace(0.5, 1.5, n).astype(dtype), device)
        few = jax.device_put(np.linspace(0.5, 1.5, max(1, n // 64)).astype(dtype), device)

        def steps(x: Any) -> Any:
            chains = [x + i for i in range(ABREAST)]
            for _ in range(CHAIN // ABREAST):
                chains = [y * 0.999 + 0.001 for y in chains]
            return functools.reduce(jnp.add, chains)

        chain = jax.jit(lambda x: jax.lax.fori_loop(0, 16, lambda _, y: steps(y), x))
        copy = jax.jit(lambda x: x + 1)
        arithmetic = 2.0 * 16 * CHAIN * len(few) / _fastest(lambda: chain(few), seconds)
        bandwidth = 2.0 * x.nbytes / _fastest(lambda: copy(x), seconds)
    return {"flops": arithmetic, "bytes": bandwidth}


CHAIN, ABREAST = 256, 8
"""Multiply-adds in a turn of a loop, so many that loading and storing does not count; chains of them side by side."""


def _fastest(function: Any, seconds: float) -> float:
    function().block_until_ready()
    taken, began = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        function().block_until_ready()
        taken.append(time.perf_counter() - start)
    return min(taken)


@jax_batches.wide
def work(dtype: str) -> dict[str, float]:
    """Return what one epoch of one run takes: operations as XLA counts them, and the bytes of its run and its state."""
    width = 1024
    runs = cast(jax_batches.lane_runs(batches.batch(width)), np.dtype(dtype))
    lane = jax.vmap(lambda run: lanes.begin_lane(run, None))(runs)
    step = jax.jit(jax.vmap(lambda lane: lanes.advance_lane(lane, (None, None), None).state))
    cost = step.lower(lane).compile().cost_analysis()
    run, state = (sum(jnp.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree)) for tree in (lane.run, lane.state))
    operations = float((cost or {}).get("flops", float("nan"))) + float((cost or {}).get("transcendentals", 0.0))
    return {"flops": operations / width, "bytes": (run + 2 * state) / width}


def with_shares(record: dict[str, Any], able: Mapping[str, Any], needed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of the table with the shares of the device's limits that it reaches."""
    if "rate" not in record:
        return record
    passes = record["rate"] / record["tuning"]["unroll"]  # each turn reads and writes a run once, at the least
    one, other = able[record["dtype"]], needed[record["dtype"]]
    return record | {
        "arithmetic": record["rate"] * other["flops"] / one["flops"],
        "bandwidth": passes * other["bytes"] / one["bytes"],
    }


# Output -------------------------------------------------------------------------------------------------------------


def best(records: Sequence[Mapping[str, Any]], dtype: str) -> str | None:
    """Return the fastest tuning of a type as it would stand in the code; the narrowest of those within 5 %."""
    timed = [record for record in records if record["dtype"] == dtype and "rate" in record]
    if not timed:
        return None
    most = max(record["rate"] for record in timed)
    chosen = min((r for r in timed if r["rate"] >= 0.95 * most), key=lambda record: record["tuning"]["lanes"])
    tuning, usual = devices.Tuning(**chosen["tuning"]), devices.Tuning(0, 0, 0, 0)._asdict()
    words = [f"{name}={value!r}" for name, value in tuning._asdict().items() if value != usual[name]]
    return f"Tuning({', '.join(words)})"


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    tuning = record["tuning"]
    place = {"advance": tuning["advance"], "type": record["dtype"]}
    place |= {"lanes": f"{tuning['lanes']:,}", "epochs a turn": str(tuning["unroll"])}
    if "missing" in record:
        return place | {"run-epochs/s": record["missing"]}
    return place | {
        "run-epochs/s": f"{record['rate']:.3g}",
        "compile": common.duration(record["compile"]),
        "arithmetic": f"{record['arithmetic']:.1%}",
        "bandwidth": f"{record['bandwidth']:.1%}",
    }


def compared(record: Mapping[str, Any]) -> dict[str, str]:
    place = {"advance": record["way"], "type": record["dtype"]}
    if "missing" in record:
        return place | {"runs": record["missing"]}
    return place | {
        "runs": str(record["runs"]),
        "same status": str(record["same_status"]),
        "and epoch": str(record["same_end"]),
        "standard errors apart": f"{record['standard_errors']:.0e}",
    }


def report(document: Mapping[str, Any]) -> str:
    """Return the tables with what is needed to read them."""
    lines = [common.table([compared(record) for record in document["agreement"]]), ""]
    lines += ["The same runs as on this machine's CPU, all to their ends.", ""]
    lines += [common.table([cells(record) for record in document["results"]]), ""]
    lines += [
        "All lanes busy, each run with its own sample and rates; the best of three, compilation apart. arithmetic,",
        "bandwidth: shares of what the device does, measured here, where a turn reads and writes each run once; on a",
        "CPU lanes lie in caches, which do more than the memory.",
    ]
    for dtype, able in document["limits"].items():
        lines.append(f"{dtype}: {able['flops']:.3g} operations and {able['bytes']:.3g} bytes a second.")
    lines += [f"{dtype}: {tuning}" for dtype, tuning in document["best"].items() if tuning]
    return "\n".join([*lines, common.describe(document["environment"])])


def results(
    device: Any,
    *,
    widths: Sequence[int],
    unrolls: Sequence[int],
    ways: Sequence[str],
    runs: int,
    seconds: float,
    budget: float,
    dtypes: Sequence[str] = DTYPES,
    megabytes: int = 256,
) -> dict[str, Any]:
    """Measure and compare everything that fits into a budget of seconds."""
    deadline = time.monotonic() + budget
    alike = agreements(device, ways, unrolls[len(unrolls) // 2], runs, dtypes)
    able = {dtype: limits(device, dtype, seconds, megabytes) for dtype in dtypes}
    needed = {dtype: work(dtype) for dtype in dtypes}
    tried = tunings(devices.tuning(device), widths, unrolls, ways)
    records = [with_shares(record, able, needed) for record in timed(device, tried, dtypes, seconds, deadline)]
    found = {dtype: best(records, dtype) for dtype in dtypes}
    return {"agreement": alike, "limits": able, "work": needed, "results": records, "best": found}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    widths = [65_536, 262_144, 1_048_576]
    parser.add_argument("--widths", type=int, nargs="+", help=f"lanes (default {widths}; 256 and 1,024 on a CPU)")
    parser.add_argument("--unrolls", type=int, nargs="+", help="epochs a turn (default 4 16 64; 1 and 2 on a CPU)")
    parser.add_argument("--ways", nargs="+", help="of going on (default loop fixed registers; no registers on a CPU)")
    parser.add_argument("--runs", type=int, default=4096, help="runs whose answers are compared (default 4096)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement (default 0.3)")
    parser.add_argument("--budget", type=float, default=480.0, help="seconds after which nothing new begins")
    parser.set_defaults(gpu_widths=widths)


def main(arguments: argparse.Namespace) -> None:
    device = jax.local_devices()[0]
    small = device.platform == "cpu"
    found = results(
        device,
        widths=arguments.widths or ([256, 1024] if small else arguments.gpu_widths),
        unrolls=arguments.unrolls or ([1, 2] if small else [4, 16, 64]),
        ways=arguments.ways or (["loop", "fixed"] if small else ["loop", "fixed", "registers"]),
        runs=arguments.runs,
        seconds=arguments.seconds,
        budget=arguments.budget,
    )
    document = {"benchmark": "accelerator", "environment": common.environment(), **found}
    common.write(document, report(document), arguments)
