"""The same sweep through mlejax and through what people would use instead: runs per second, answers compared."""

import argparse
import contextlib
import ctypes
import dataclasses
import functools
import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax

import mlejax
from mlejax import devices
from mlejax.article import ARTICLE_TARGET
from mlejax.samples import split
from mlejax.sweeps import sweep as sweep_module

from . import batches, common, epochs, workers

ENDINGS = ("PATIENCE", "TOLERANCE", "MAX_EPOCHS", "PRECISION", "DIVERGED")
PATIENCE, TOLERANCE, MAX_EPOCHS, PRECISION, DIVERGED = (float(mlejax.Status[name]) for name in ENDINGS)

SLOW = 8.0
"""A program that takes so many seconds is run once, not in every round."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """The sweep: the reference problem for every seed and learning rate."""

    seeds: int = 100
    learning_rates: int = 41
    slowest: float = 0.1
    fastest: float = 10.0
    observations: int = 100_000
    max_epochs: int = 10_000
    patience: int = 50
    tolerance: float = 1e-8

    @property
    def rates(self) -> np.ndarray:
        return np.geomspace(self.slowest, self.fastest, self.learning_rates)

    @property
    def limits(self) -> dict[str, Any]:
        return {"max_epochs": self.max_epochs, "patience": self.patience, "tolerance": self.tolerance}

    def runs(self) -> batches.Runs:
        """Every run with its sample's statistics: the seed's draws by NumPy, cut as scikit-learn cuts them."""
        rows = []
        for seed in range(self.seeds):
            values = np.random.RandomState(seed).normal(7.2, 2.8, self.observations)
            train, held_out = split.split(values, 0.2, 42)
            rows.append([train.mean(), train.var(), held_out.mean(), held_out.var()])
        columns = np.repeat(np.array(rows), self.learning_rates, axis=0).T
        rates = np.tile(self.rates, self.seeds)
        counts = {"train_count": len(train), "held_out_count": len(held_out)}
        return batches.Runs(rates, *columns, **counts, **self.limits)


# Programs: each in a process of its own ------------------------------------------------------------------------------


class Peer:
    """A program that makes runs; made in a worker.

    Args:
        problem: the sweep.
        runs: what differs from run to run, with the statistics of the samples.
        counts: of the observations, train and held out.
        cores: that the process may use.
    """

    def __init__(self, problem: Mapping[str, Any], runs: Mapping[str, Any], counts: Mapping[str, Any], cores: int):
        self.problem, self.cores = Problem(**problem), cores
        self.runs = batches.Runs.of(runs, **counts, **self.problem.limits)
        self.setup()

    def setup(self) -> None:
        """Start-up; not timed."""

    def fit(self) -> dict[str, Any]:
        """All runs to their ends: `mean`, `variance`, and where there is such a thing `status` and `epochs`."""
        raise NotImplementedError

    def timed(self) -> dict[str, Any]:
        """Seconds, and what was found."""
        began = time.perf_counter()
        found = self.fit()
        return {"seconds": time.perf_counter() - began, "found": found}

    def concluded(self, found: Mapping[str, Any], last: tuple[Any, Any], best: tuple[Any, Any]) -> dict[str, Any]:
        """Measure the last parameters of a run out of epochs too, and keep the better."""
        measure = self.runs.held_out_log_likelihood
        better = (found["status"] == mlejax.Status.MAX_EPOCHS) & (measure(*last) > measure(*best))
        names = ("mean", "variance")
        estimate = {n: np.where(better, new, old) for n, new, old in zip(names, last, best, strict=True)}
        return {"status": found["status"], "epochs": found["epochs"], **estimate}


@contextlib.contextmanager
def preparations() -> Iterator[list[float]]:
    """Seconds that calls of `mlejax.sweep` spend on drawing and on summaries, call by call."""
    seconds: list[float] = []
    samples_for = sweep_module.samples_for

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return samples_for(*arguments, **named)
        finally:
            seconds.append(time.perf_counter() - began)

    with mock.patch.object(sweep_module, "samples_for", timed):
        yield seconds


class Sweep(Peer):
    """mlejax: the whole call, its data drawn in it; what the drawing costs is measured in the same call."""

    def setup(self) -> None:
        devices.start(self.cores)

    def fit(self) -> dict[str, Any]:
        with preparations() as self.prepared:
            result = self._sweep()
        model = result.model
        found = {"status": result.status, "epochs": result.epochs, "mean": model.mean, "variance": model.variance}
        return {name: np.ravel(values) for name, values in found.items()}

    def apart(self) -> float:
        """Seconds of the last call until its samples were drawn and summarized."""
        return self.prepared[-1]

    def _sweep(self) -> mlejax.SweepResult:
        problem = self.problem
        return mlejax.sweep(
            mlejax.Normal(*batches.START),
            seeds=range(problem.seeds),
            learning_rates=problem.rates,
            observations=mlejax.Draws(ARTICLE_TARGET, problem.observations, by="numpy"),
            max_epochs=problem.max_epochs,
            patience=problem.patience,
            tolerance=problem.tolerance,
            progress=False,
        )


class Cpp(Peer):
    """epochs.cpp: threads take run after run from a common queue into the lanes of their tiles."""

    def setup(self) -> None:
        library, _ = common.compile_library(batches.SOURCE, batches.FAST)
        self.function = library.sweep_float64
        self.columns = self.runs.columns(np.float64)
        self.states = np.empty((8, len(self.runs)))

    def fit(self) -> dict[str, Any]:
        data = (ctypes.c_void_p(array.ctypes.data) for array in (self.columns, self.states))
        start = map(ctypes.c_double, batches.START)
        self.function(ctypes.c_size_t(len(self.runs)), *start, *data, self.cores, batches.SCAN)
        mean, variance, best_mean, best_variance, _, _, ended, status = self.states
        found = {"status": status.astype(int), "epochs": ended.astype(int)}
        return self.concluded(found, (mean, variance), (best_mean, best_variance))


class NumPy(Peer):
    """All runs together, whole arrays at a time; those that have ended are taken out."""

    def fit(self) -> dict[str, Any]:
        counts = {"train_count": self.runs.train_count, "held_out_count": self.runs.held_out_count}
        program = batches.NumPy(runs=self.runs.varying, **counts, **self.problem.limits)
        program.advance(self.problem.max_epochs)
        found = program.answer()
        return self.concluded(found, program.last, (found["mean"], found["variance"]))


class Torch(Peer):
    """PyTorch: `vmap(grad)` of the log-likelihood of the statistics, every 50 epochs those that ended taken out."""

    compiled = False

    def setup(self) -> None:
        import torch

        torch.set_num_threads(self.cores)
        step = functools.partial(torch_step, self.problem.limits, self.runs.held_out_count)
        self.step = torch.compile(step, dynamic=True) if self.compiled else step

    def fit(self) -> dict[str, Any]:
        import torch

        n, double = len(self.runs), torch.float64
        data = torch.tensor(np.stack(list(self.runs.varying.values())))
        mean, variance = (torch.full((n,), value, dtype=double) for value in batches.START)
        zeros = torch.zeros(n, dtype=double)
        state = (mean, variance, mean.clone(), variance.clone(), zeros - torch.inf, zeros, zeros.clone(), zeros.clone())
        ends, ids = torch.zeros(len(state), n, dtype=double), torch.arange(n)
        with torch.no_grad():
            for number in range(1, self.problem.max_epochs + 1):
                state = self.step(data, state)
                if number % 50 == 0 or number == self.problem.max_epochs:
                    over = state[-1] != 0
                    if over.any():
                        ends[:, ids[over]] = torch.stack(state)[:, over]
                        ids, data, state = ids[~over], data[:, ~over], tuple(x[~over] for x in state)
                    if len(ids) < 2:  # a compiled program takes one run for another kind of thing than many
                        break
        if len(ids):
            ends[:, ids] = torch.stack(self._finish(data, state))
        mean, variance, best_mean, best_variance, _, _, ended, status = ends.numpy()
        found = {"status": status.astype(int), "epochs": ended.astype(int)}
        return self.concluded(found, (mean, variance), (best_mean, best_variance))

    def _finish(self, data: Any, state: Any) -> Any:
        while (state[-1] == 0).any():
            state = torch_step(self.problem.limits, self.runs.held_out_count, data, state)
        return state


class TorchCompiled(Torch):
    """The same, its step compiled."""

    compiled = True


def torch_step(limits: Mapping[str, Any], held_out_count: float, data: Any, state: Any) -> Any:
    """One epoch of all runs."""
    import torch

    half_log_2pi = 0.5 * math.log(2 * math.pi)

    def log_likelihood(mean: Any, variance: Any, sample_mean: Any, sample_variance: Any) -> Any:
        scatter = ((sample_mean - mean) ** 2 + sample_variance) / variance
        return -half_log_2pi - 0.5 * (torch.log(variance) + scatter)

    rate, train_mean, train_variance, held_out_mean, held_out_variance = data
    mean, variance, best_mean, best_variance, best, best_epoch, epoch, ended = state
    gradient = torch.func.vmap(torch.func.grad(log_likelihood, argnums=(0, 1)))
    slopes = gradient(mean, variance, train_mean, train_variance)
    measured = held_out_count * log_likelihood(mean, variance, held_out_mean, held_out_variance)
    next_mean, next_variance = mean + rate * slopes[0], variance + rate * slopes[1]

    running, improved = ended == 0, measured > best
    following = epoch + 1
    shortfall, resolution = (measured - best).abs(), 8 * torch.finfo(measured.dtype).eps * measured.abs()
    by_patience = torch.where(shortfall > resolution, PATIENCE, PRECISION)
    by_tolerance = torch.where(limits["tolerance"] > resolution, TOLERANCE, PRECISION)
    close = torch.where(shortfall < limits["tolerance"], by_tolerance, 0.0)
    now = torch.where(following - best_epoch >= limits["patience"], by_patience, close)
    now = torch.where(improved, 0.0, now)
    now = torch.where((now == 0) & (following >= limits["max_epochs"]), MAX_EPOCHS, now)
    healthy = measured.isfinite() & next_mean.isfinite() & next_variance.isfinite() & (next_variance > 0)
    now = torch.where(healthy, now, DIVERGED)
    moves, better = running & healthy, running & improved & measured.isfinite()
    return (
        torch.where(moves, next_mean, mean),
        torch.where(moves, next_variance, variance),
        torch.where(better, mean, best_mean),
        torch.where(better, variance, best_variance),
        torch.where(better, measured, best),
        torch.where(better, following, best_epoch),
        torch.where(running, following, epoch),
        torch.where(running, now, ended),
    )


class WhileLoop(Peer):
    """JAX as one writes it first: `vmap` of a `while_loop` with `optax.sgd`."""

    def setup(self) -> None:
        self.function = jax.jit(jax.vmap(functools.partial(while_loop, self.problem.limits, self.runs.held_out_count)))

    @batches.wide
    def fit(self) -> dict[str, Any]:
        last, best, ended, status = jax.device_get(self.function(*self.runs.varying.values()))
        return self.concluded({"status": status, "epochs": ended}, last, best)


def while_loop(limits: Mapping[str, Any], held_out_count: float, rate: Any, *statistics: Any) -> Any:
    """One run to its end: last and best parameters, epochs, status."""
    train, held_out = statistics[:2], statistics[2:]
    status, optimizer = mlejax.Status, optax.sgd(rate)

    def loss(parameters: Any, sample: Any) -> Any:
        (mean, variance), (sample_mean, sample_variance) = parameters, sample
        scatter = ((sample_mean - mean) ** 2 + sample_variance) / variance
        return 0.5 * (jnp.log(2 * jnp.pi * variance) + scatter)

    def epoch(state: Any) -> Any:
        parameters, memory, best_parameters, best, waited, number, _ = state
        measured = -held_out_count * loss(parameters, held_out)
        updates, memory = optimizer.update(jax.grad(loss)(parameters, train), memory)
        following = optax.apply_updates(parameters, updates)
        improved = measured > best
        waited, number = jnp.where(improved, 0, waited + 1), number + 1
        shortfall, resolution = jnp.abs(measured - best), 8 * jnp.finfo(measured.dtype).eps * jnp.abs(measured)
        by_patience = jnp.where(shortfall > resolution, status.PATIENCE, status.PRECISION)
        by_tolerance = jnp.where(limits["tolerance"] > resolution, status.TOLERANCE, status.PRECISION)
        close = jnp.where(shortfall < limits["tolerance"], by_tolerance, status.RUNNING)
        now = jnp.where(waited >= limits["patience"], by_patience, close)
        now = jnp.where(improved, status.RUNNING, now)
        now = jnp.where((now == status.RUNNING) & (number >= limits["max_epochs"]), status.MAX_EPOCHS, now)
        healthy = jnp.isfinite(measured) & jnp.all(jnp.isfinite(jnp.stack(following))) & (following[1] > 0)
        now = jnp.where(healthy, now, status.DIVERGED)

        def choose(condition: Any, new: Any, old: Any) -> Any:
            return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)

        better = improved & jnp.isfinite(measured)
        kept = choose(better, (parameters, measured), (best_parameters, best))
        return choose(healthy, following, parameters), memory, *kept, waited, number, now

    start = tuple(jnp.full_like(rate, value) for value in batches.START)
    begin = (start, optimizer.init(start), start, jnp.full_like(rate, -jnp.inf), 0, 0, int(status.RUNNING))
    begin = jax.tree.map(jnp.asarray, begin)
    last, _, best, _, _, number, now = jax.lax.while_loop(lambda s: s[-1] == status.RUNNING, epoch, begin)
    return last, best, number, now


class SciPy(Peer):
    """A Python loop over `scipy.optimize.minimize`, L-BFGS-B with the gradient."""

    def fit(self) -> dict[str, Any]:
        from scipy.optimize import minimize

        rows = []
        for mean, variance in zip(self.runs.train_mean, self.runs.train_variance, strict=True):
            found = minimize(
                functools.partial(loss_and_slopes, mean, variance), batches.START, jac=True, method="L-BFGS-B",
                bounds=[(None, None), (1e-12, None)], options={"ftol": 1e-15, "gtol": 1e-9},
            )  # fmt: skip
            rows.append(found.x)
        return dict(zip(("mean", "variance"), np.array(rows).T, strict=True))


def loss_and_slopes(sample_mean: float, sample_variance: float, parameters: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative mean log-likelihood of the statistics, and its gradient."""
    mean, variance = parameters
    scatter = (sample_mean - mean) ** 2 + sample_variance
    slopes = np.array([(mean - sample_mean) / variance, (1 - scatter / variance) / (2 * variance)])
    return (np.log(2 * np.pi * variance) + scatter / variance) / 2, slopes


class NumPyro(Peer):
    """NumPyro: `SVI.run` with an `AutoDelta` guide and SGD, run after run, compiled once."""

    @batches.wide
    def setup(self) -> None:
        import numpyro
        from numpyro import distributions, infer

        constraints, count = distributions.constraints, self.runs.train_count

        def model(sample_mean: Any, sample_variance: Any) -> None:
            mean = numpyro.sample("mean", distributions.ImproperUniform(constraints.real, (), ()))
            variance = numpyro.sample("variance", distributions.ImproperUniform(constraints.positive, (), ()))
            # The density of the observations at the sample's mean, and what their scatter about it adds.
            average = distributions.Normal(mean, jax.numpy.sqrt(variance)).log_prob(sample_mean)
            numpyro.factor("observations", count * (average - sample_variance / (2 * variance)))

        start = dict(zip(("mean", "variance"), map(jax.numpy.float64, batches.START), strict=True))
        guide = infer.autoguide.AutoDelta(model, init_loc_fn=infer.init_to_value(values=start))

        def one(rate: Any, sample_mean: Any, sample_variance: Any) -> Any:
            svi = infer.SVI(model, guide, numpyro.optim.SGD(rate / (10 * count)), infer.Trace_ELBO())
            key = jax.random.key(0)
            result = svi.run(key, self.problem.max_epochs, sample_mean, sample_variance, progress_bar=False)
            return result.params["mean_auto_loc"], result.params["variance_auto_loc"]

        self.function = jax.jit(one)

    @batches.wide
    def fit(self) -> dict[str, Any]:
        rows = zip(self.runs.learning_rate, self.runs.train_mean, self.runs.train_variance, strict=True)
        found = np.array([self.function(*row) for row in rows])
        return dict(zip(("mean", "variance"), found.T, strict=True))


# The table -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table."""

    program: str
    make: str
    cores: int
    packages: tuple[str, ...] = ()
    part: int | None = None  # only so many of the runs, spread over the sweep
    note: str = ""


def table_rows(cores: int) -> list[Row]:
    converges = "climbs to the maximum itself: no early stopping, nothing kept on the way"
    crowd = "one thread: for so few runs at a time, threads wait for each other more than they help"
    everything = [
        Row("mlejax.sweep", "Sweep", cores, note="draws the data itself: not counted here, see below"),
        Row("mlejax.sweep", "Sweep", 1, note="likewise"),
        Row("C++ fast-math", "Cpp", cores, note="threads; no distances from the maximum"),
        Row("C++ fast-math", "Cpp", 1, note="likewise"),
        Row("JAX, vmap of while_loop, optax", "WhileLoop", cores, note="waits for the slowest run"),
        Row("PyTorch, vmap(grad), compiled", "TorchCompiled", 1, ("torch",), note=crowd),
        Row("PyTorch, vmap(grad)", "Torch", 1, ("torch",), note=crowd),
        Row("NumPy, vectorized over runs", "NumPy", 1),
        Row("SciPy, L-BFGS-B in a loop", "SciPy", 1, part=400, note=converges),
        Row(
            "NumPyro, SVI with AutoDelta",
            "NumPyro",
            cores,
            ("numpyro",),
            24,
            f"a tenth of the rates, in log variance; {converges}",
        ),
    ]
    return list({(row.program, row.cores): row for row in everything}.values())


def results(problem: Problem, cores: int, rounds: int) -> dict[str, Any]:
    """Measure all programs; their records, and what making the statistics took."""
    began = time.perf_counter()
    runs = problem.runs()
    data_seconds = time.perf_counter() - began
    rows = table_rows(cores)
    records: list[dict[str, Any]] = [{"program": row.program, "cores": row.cores, "note": row.note} for row in rows]
    measured: dict[int, dict[str, Any]] = {}
    parts = {number: part_of(len(runs), row.part) for number, row in enumerate(rows)}
    with contextlib.ExitStack() as stack:
        waiting = {}
        for number, row in enumerate(rows):
            absent = [name for name in row.packages if importlib.util.find_spec(name) is None]
            if absent:
                records[number]["missing"] = f"pip install {' '.join(absent)}"
                continue
            print(f"{row.program}, {row.cores} cores: first call", file=sys.stderr)
            try:
                waiting[number] = stack.enter_context(start(row, problem, runs, parts[number]))
                first = waiting[number].call("timed")
            except workers.WorkerError as reason:
                records[number]["missing"] = str(reason)
                waiting.pop(number, None)
                continue
            measured[number] = {"first": first["seconds"], "samples": [], "apart": [], "found": first["found"]}
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for number, worker in waiting.items():
                one = measured[number]
                if turn == 0 or one["samples"][0] < SLOW:
                    one["samples"].append(worker.call("timed")["seconds"])
                    if rows[number].make == "Sweep":
                        one["apart"].append(worker.call("apart"))
    reference = {name: np.array(values) for name, values in measured[0]["found"].items()}
    for number, one in measured.items():
        found = {name: np.array(values) for name, values in one["found"].items()}
        records[number] |= figures(one, parts[number], len(runs), found, reference, runs)
    add_ratios(records)
    return {"results": records, "runs": len(runs), "statistics_seconds": data_seconds}


def part_of(count: int, part: int | None) -> np.ndarray:
    """Which runs a program makes: all of them, or so many spread evenly over the sweep."""
    return np.arange(count) if part is None or part >= count else np.linspace(0, count - 1, part).astype(int)


def start(row: Row, problem: Problem, runs: batches.Runs, part: np.ndarray) -> workers.Worker:
    varying = {name: values[part] for name, values in runs.varying.items()}
    counts = {"train_count": runs.train_count, "held_out_count": runs.held_out_count}
    environment = {"OMP_NUM_THREADS": str(row.cores)}
    return workers.Worker(
        f"{__package__}.peers",
        row.make,
        {"problem": dataclasses.asdict(problem), "runs": varying, "counts": counts, "cores": row.cores},
        cores=row.cores,
        environment=environment,
    )


def figures(
    one: Mapping[str, Any], part: np.ndarray, count: int, found: Any, reference: Any, runs: batches.Runs
) -> dict[str, Any]:
    """One row's numbers. A program that made a part of the runs stands for one that made them all."""
    whole = statistics.median(one["samples"])
    apart = one["apart"] or [0.0] * len(one["samples"])
    seconds = statistics.median(np.subtract(one["samples"], apart).tolist()) * count / len(part)
    record = {
        "seconds": seconds,
        "runs_per_second": count / seconds,
        "repetitions": len(one["samples"]),
        "samples": one["samples"],
        "first_call_seconds": one["first"] - whole,
        "whole_call_seconds": whole if one["apart"] else None,
        "scaled_from_runs": len(part) if len(part) < count else None,
    }
    if "status" not in found:  # beside the maximum that it looks for
        maximum = {"mean": runs.train_mean[part], "variance": runs.train_variance[part]}
        return record | {"from_maximum": differ(found, maximum), "difference": None, "same_end": None}
    alike = (found["status"] == reference["status"][part]) & (found["epochs"] == reference["epochs"][part])
    same = {name: values[part][alike] for name, values in reference.items()}
    return record | {
        "same_end": float(np.mean(alike)),
        "same_status": float(np.mean(found["status"] == reference["status"][part])),
        "difference": differ({name: values[alike] for name, values in found.items()}, same),
        "difference_of_all": differ(found, {name: values[part] for name, values in reference.items()}),
    }


def differ(found: Mapping[str, Any], reference: Mapping[str, Any]) -> float:
    """Return the largest relative difference of an estimate."""
    return float(np.max(epochs.differences(found, reference), initial=0.0))


def add_ratios(records: list[dict[str, Any]]) -> None:
    """Compare the runs per second with those of mlejax on as many cores."""
    of_mlejax = {r["cores"]: r["runs_per_second"] for r in records if r["program"] == "mlejax.sweep" and "seconds" in r}
    for record in records:
        if "seconds" in record:
            other = of_mlejax.get(record["cores"])
            record["times_mlejax"] = record["runs_per_second"] / other if other else None


def cells(record: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table."""
    place = {"program": record["program"], "cores": str(record["cores"])}
    if "missing" in record:
        return place | {"runs/s": record["missing"]}
    scaled = record["scaled_from_runs"]
    shown = place | {
        "runs/s": f"{record['runs_per_second']:,.4g}" + (" *" if scaled else ""),
        "x mlejax": common.ratio(record["times_mlejax"]),
        "whole sweep": common.duration(record["seconds"]),
        "first call adds": common.duration(max(0.0, record["first_call_seconds"])),
    }
    if record["same_end"] is None:
        return shown | {"all differ by": f"{record['from_maximum']:.0e} +"}
    return shown | {
        "same status": f"{record['same_status']:.1%}",
        "and epoch": f"{record['same_end']:.1%}",
        "these differ by": f"{record['difference']:.0e}",
        "all differ by": f"{record['difference_of_all']:.0e}",
    }


def report(record: Mapping[str, Any]) -> str:
    """Return the table with what is needed to read it."""
    problem, rows = record["problem"], record["results"]
    lines = [
        common.table([cells(row) for row in rows]),
        "",
        f"{record['runs']:,} runs: {problem['seeds']} seeds, {problem['learning_rates']} learning rates from "
        f"{problem['slowest']:g} to {problem['fastest']:g}, {problem['observations']:,} observations a seed, at most "
        f"{problem['max_epochs']:,} epochs.",
        f"All work on the statistics of the samples, which took {common.duration(record['statistics_seconds'])} to "
        "draw and summarize (once, on one core).",
        *(
            f"mlejax.sweep draws them in the call, which took {common.duration(row['whole_call_seconds'])} in all on "
            f"{row['cores']} cores; the rows hold what was left of the call then, until its table was there."
            for row in rows
            if row.get("whole_call_seconds")
        ),
        "x mlejax: beside mlejax on as many cores. first call adds: compilation. differ: largest relative difference",
        "of an estimate from mlejax's; ends and estimates hang on rounding where log-likelihoods differ by less than",
        "their last digits resolve. + from the maximum of the train likelihood.",
    ]
    scaled = [f"{row['program']}: {row['scaled_from_runs']}" for row in rows if row.get("scaled_from_runs")]
    if scaled:
        lines.append(f"* on a part of the runs, and scaled ({'; '.join(scaled)}).")
    lines += [f"{row['program']}, {row['cores']} cores: {row['note']}." for row in rows if row["note"]]
    return "\n".join([*lines, common.describe(record["environment"])])


def chart(record: Mapping[str, Any]) -> Any:
    """Horizontal bars on a logarithmic axis: runs per second."""
    from matplotlib.figure import Figure

    rows = sorted((r for r in record["results"] if "seconds" in r), key=lambda r: r["runs_per_second"])
    figure = Figure(figsize=(8.6, 0.42 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = ["#dd8452" if row["program"].startswith("mlejax") else "#4c72b0" for row in rows]
    values = [row["runs_per_second"] for row in rows]
    axes.barh(range(len(rows)), values, color=colours, height=0.68)
    for position, (row, value) in enumerate(zip(rows, values, strict=True)):
        text = f"{float(f'{value:.2g}'):,.0f}" + (" (scaled)" if row["scaled_from_runs"] else "")
        axes.annotate(text, (value, position), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
    names = [f"{row['program']}, {row['cores']} core{'s' if row['cores'] > 1 else ''}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 8)
    axes.set_xlabel("runs per second (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    machine = record["environment"]
    title = f"The same {record['runs']:,} runs by different programs ({machine['cpu']}, {machine['cores']} cores)"
    axes.set_title(title, fontsize=10.5, loc="left")
    return figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--learning-rates", type=int, default=41, help="how many, from 0.1 to 10 (default 41)")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of everything but the slow (default 3)")


def main(arguments: argparse.Namespace) -> None:
    problem = Problem(seeds=arguments.seeds, learning_rates=arguments.learning_rates)
    cores = devices.cores()
    found = results(problem, cores, arguments.rounds)
    record = {
        "benchmark": "peers",
        "environment": common.environment() | {name: common.version(name) for name in ("torch", "numpyro", "optax")},
        "problem": dataclasses.asdict(problem),
        **found,
    }
    common.write(record, report(record), arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    chart(record).savefig(arguments.out / "peers.png", dpi=160)
