"""The same sweep in frameworks that differentiate and compile: JAX and optax, PyTorch, NumPyro."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import mlejax

from . import batches, jax_batches
from .peer_programs import Peer

ENDINGS = ("PATIENCE", "TOLERANCE", "MAX_EPOCHS", "PRECISION", "DIVERGED")
PATIENCE, TOLERANCE, MAX_EPOCHS, PRECISION, DIVERGED = (float(mlejax.Status[name]) for name in ENDINGS)


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

    @jax_batches.wide
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


class NumPyro(Peer):
    """NumPyro: `SVI.run` with an `AutoDelta` guide and SGD, run after run, compiled once."""

    @jax_batches.wide
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

    @jax_batches.wide
    def fit(self) -> dict[str, Any]:
        rows = zip(self.runs.learning_rate, self.runs.train_mean, self.runs.train_variance, strict=True)
        found = np.array([self.function(*row) for row in rows])
        return dict(zip(("mean", "variance"), found.T, strict=True))
