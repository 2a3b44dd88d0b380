"""Batches of training runs as programs that advance them by epochs: mlejax's lanes, and plain JAX."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import mlejax
from mlejax import devices
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.models.parameters import cast
from mlejax.samples import representation
from mlejax.samples.summary import Summary
from mlejax.sweeps import lanes

from .batches import SCAN, START, Program, Runs


def wide(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method use float64, as mlejax's entry points do: without flipping the process's own setting."""

    @functools.wraps(method)
    def inside(*arguments: Any, **options: Any) -> Any:
        with jax.enable_x64(True):
            return method(*arguments, **options)

    return inside


def lane_runs(runs: Runs) -> Run:
    """Return the same as `mlejax.sweep` gives them to its lanes: through a sample's summary, as found in `log_prob`."""
    start = mlejax.Normal(*map(np.float64, START))
    n = len(runs)

    def summary(mean: np.ndarray, variance: np.ndarray, count: float) -> Summary:
        found, path = representation.summarize(start, np.random.default_rng(0).normal(7.2, 2.8, 100), True)
        if np.shape(getattr(found, "centers", None)) != (1,) or np.shape(found.averages) != (1,):
            raise TypeError(f"expected a center and an average squared deviation: {path}")
        return dataclasses.replace(
            found,
            centers=mean[:, None],
            residuals=np.zeros((n, 1)),
            averages=variance[:, None],
            count=np.full(n, count),
        )

    return Run(
        start=jax.tree.map(lambda leaf: np.full(n, leaf), start),
        learning_rate=mlejax.Normal(runs.learning_rate, runs.learning_rate),
        stopping=Stopping(np.full(n, runs.max_epochs), np.full(n, runs.patience), np.full(n, runs.tolerance)),
        train=summary(runs.train_mean, runs.train_variance, runs.train_count),
        validation=summary(runs.held_out_mean, runs.held_out_variance, runs.held_out_count),
    )


def lane_answer(state: Any) -> dict[str, np.ndarray]:
    state = jax.device_get(state)
    return {
        "status": state.status,
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        **dict(zip(("mean", "variance"), jax.tree.leaves(state.best_model), strict=True)),
    }


class Lanes(Program):
    """mlejax's lane program, as a sweep runs it on each of its devices."""

    device: Any = None  # the first of this process
    tuning: devices.Tuning | None = None  # the one for that device

    def setup(self) -> None:
        devices.start(1)
        self._setup()

    def instructions(self) -> str:
        """Return the instruction set and the compiler's options that the lanes were compiled with."""
        known = devices.computed_by()
        return ", ".join([known["instructions"], *known["compiler_options"], *known["xla_flags"]])

    def in_lanes(self) -> tuple[Run, tuple[Any, Any]]:
        """Return the runs, leaves (width, ...), and the samples that all of them share, if they do."""
        return lane_runs(self.runs), (None, None)

    @wide
    def _setup(self) -> None:
        (runs, shared), device = cast(self.in_lanes(), self.dtype), self.device or jax.local_devices()[0]
        one, setting = jax.tree.map(lambda leaf: leaf[0], runs), self.tuning or devices.tuning(device)
        self.shared = jax.device_put(shared, device)
        self.engine = lanes.Engine(one, shared, None, self.dtype, setting)
        self.block = setting.epochs
        width = len(self.runs)
        rows = np.concatenate([np.reshape(leaf, (width, -1)) for leaf in jax.tree.leaves(runs)], axis=1)
        self.program = self.engine.program(width, device)
        waiting = self.engine.queue * width
        queued = np.zeros((waiting, rows.shape[1]), self.dtype)
        queued[:width] = rows
        full = lanes.Queue(queued, np.arange(waiting), np.int32(width))
        self.full = jax.device_put(full, device)
        self.nothing = dataclasses.replace(self.full, length=np.int32(0))

    @wide
    def reset(self) -> None:
        self.finished: list[lanes.Finished] = []
        self._call(self.full, 0, 1, self.engine.empty(len(self.runs)))

    @wide
    def advance(self, epochs: int) -> None:
        rounds, rest = divmod(epochs, self.block)
        self._call(self.nothing, self.block, rounds, self.lanes)
        if rest:
            self._call(self.nothing, rest, 1, self.lanes)

    @wide
    def _call(self, queue: Any, epochs: int, rounds: int, state: Any) -> None:
        turns = -(-epochs // self.engine.unroll)  # an epoch too many changes nothing: all runs have ended by then
        limits = lanes.Limits(np.int32(turns), np.int32(rounds), np.int32(0))
        self.lanes, finished = self.program(state, queue, limits, self.shared)
        self.finished.append(jax.block_until_ready(finished))

    def answer(self) -> dict[str, np.ndarray]:
        held, running = np.asarray(self.lanes.run_ids), lane_answer(self.lanes.lane.state)
        found = {name: np.zeros(len(held)) for name in running}
        for name, values in running.items():
            found[name][held[held >= 0]] = values[held >= 0]
        for finished in self.finished:
            n = int(finished.count)
            ids = np.asarray(finished.ids)[:n]
            ended = self.engine.end_layout.unpack(np.asarray(finished.rows)[:n])
            for name, values in lane_answer(ended).items():
                found[name][ids] = values
        return found


class OtherLanes(Lanes):
    """The lane program for other families: gamma by its sufficient statistics, Weibull on raw observations.

    All runs have the sample; they begin at different rates. `answer` is that of the family's two parameters.
    """

    def __init__(self, *arguments: Any, family: str, observations: int, **settings: Any):
        self.family, self.observations = family, observations
        super().__init__(*arguments, **settings)

    def in_lanes(self) -> tuple[Run, tuple[Any, Any]]:
        random, n = np.random.RandomState(42), len(self.runs)
        drawn = random.gamma(2.0, 1.5, self.observations) if self.family == "Gamma" else 3 * random.weibull(1.7, 100)
        start = getattr(mlejax, self.family)(np.float64(1.5), np.float64(2.5))
        train, validation = (
            representation.summarize(start, part)[0]
            for part in (drawn[self.observations // 5 :], drawn[: self.observations // 5])
        )
        by_statistics = isinstance(train, Summary)
        if by_statistics != (self.family == "Gamma"):
            raise TypeError(f"{self.family} was expected to be represented otherwise")
        rates = self.runs.learning_rate
        stopping = (self.runs.max_epochs, self.runs.patience, self.runs.tolerance)
        repeated = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, axis=0), (train, validation))
        run = Run(
            start=jax.tree.map(lambda leaf: np.full(n, leaf), start),
            learning_rate=jax.tree.map(lambda _: rates, start),
            stopping=Stopping(*(np.full(n, value) for value in stopping)),
            train=repeated[0] if by_statistics else None,
            validation=repeated[1] if by_statistics else None,
        )
        return run, (None, None) if by_statistics else (train, validation)


class Scan(Program):
    """What one writes first: `vmap` of the training step in a `scan`, on JAX as it starts by itself."""

    @wide
    def setup(self) -> None:
        runs = cast(lane_runs(self.runs), self.dtype)

        def advance(run: Any, state: Any) -> Any:
            def step(state: Any, _: Any) -> Any:
                following, _ = mlejax.train_step(
                    state,
                    run.train,
                    run.validation,
                    run.learning_rate,
                    patience=run.stopping.patience,
                    tolerance=run.stopping.tolerance,
                    max_epochs=run.stopping.max_epochs,
                )
                return following, None

            return jax.lax.scan(step, state, length=SCAN)[0]

        self.compiled, self.data = jax.jit(jax.vmap(advance), donate_argnums=1), jax.device_put(runs)

    @wide
    def reset(self) -> None:
        self.states = jax.jit(jax.vmap(lambda run: mlejax.init_state(run.start)))(self.data)

    @wide
    def advance(self, epochs: int) -> None:
        for _ in range(-(-epochs // SCAN)):
            self.states = self.compiled(self.data, self.states)
        jax.block_until_ready(self.states)

    def answer(self) -> dict[str, np.ndarray]:
        return lane_answer(self.states)
