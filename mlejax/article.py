"""The article's program again: its printed figures, its pictures, and answers to the two questions it leaves open."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from . import __version__
from .ascent.optimizers import natural_gradient
from .ascent.sense import Optimizer
from .ascent.train import train
from .likelihood import distance, expected_information, log_likelihood
from .models.normal import Normal
from .results.record import train_record
from .results.schema import ARRIVED
from .results.sweep import SweepResult
from .results.text import settings_digest, table
from .results.train import TrainResult
from .sweeps.sweep import sweep

ARTICLE_TARGET = Normal(7.2, 2.8**2)
"""The distribution that the reference problem draws from."""

SEED, OBSERVATIONS, LEARNING_RATE = 42, 100_000, 0.1
START = Normal(0.0, 1.0)

PRINTED = {
    "sample mean": "7.202707",
    "sample variance": "7.854133",
    "estimated mean": "7.218075",
    "estimated variance": "7.836873",
    "train log-likelihood": "-195870.32",
    "validation log-likelihood": "-49077.16",
    "error of the mean": "0.01536817",
    "error of the variance": "0.01726031",
}
"""What the article prints, to the digit."""


class Reproduction(NamedTuple):
    """Everything that `mlejax reproduce` finds."""

    observations: np.ndarray
    run: TrainResult[Normal]
    figures: dict[str, str]  # by the names of `PRINTED`, in the article's format
    separate_rates: SweepResult[Normal]
    ascents: "list[Ascent]"


class Ascent(NamedTuple):
    """One way of ascending, at the learning rate that brings it to the maximum soonest."""

    name: str
    learning_rate: float
    epochs: int | None  # to within `ARRIVED` standard errors; None if never
    history: np.ndarray  # sqrt(2 (L_max - L)) before every epoch, in standard errors


def article_observations() -> np.ndarray:
    """Return the article's 100,000 draws: NumPy's legacy stream, seed 42."""
    return np.random.RandomState(SEED).normal(7.2, 2.8, OBSERVATIONS)


def article_run(observations: np.ndarray, progress: bool = True) -> tuple[TrainResult[Normal], dict[str, str]]:
    """Make the article's run; return its figures as the article prints them."""
    run = train(START, observations, learning_rate=LEARNING_RATE, progress=progress)
    whole = Normal.closed_form(observations)
    figures = {
        "sample mean": f"{whole.mean:.6f}",
        "sample variance": f"{whole.variance:.6f}",
        "estimated mean": f"{run.model.mean:.6f}",
        "estimated variance": f"{run.model.variance:.6f}",
        "train log-likelihood": f"{run.train_log_likelihood:.2f}",
        "validation log-likelihood": f"{run.validation_log_likelihood:.2f}",
        "error of the mean": f"{abs(whole.mean - run.model.mean):.8f}",
        "error of the variance": f"{abs(whole.variance - run.model.variance):.8f}",
    }
    return run, figures


def separate_learning_rates(observations: np.ndarray, points: int = 41, progress: bool = True) -> SweepResult[Normal]:
    """Sweep every pair of rates for mean and variance over all observations: nothing but the rates acts.

    Without held-out data the train log-likelihood decides the stop, which then only comes once it no longer rises.
    """
    rates = np.geomspace(0.01, 1000.0, points)
    both = Normal(rates, rates)  # type: ignore[arg-type]
    return sweep(
        START, seeds=[0], learning_rates=both, observations=observations, validation_fraction=0, progress=progress
    )


METHODS: dict[str, tuple[Optimizer | None, float, float]] = {
    "plain ascent": (None, 0.1, 3.2),
    "momentum 0.9": (optax.trace(0.9), 0.01, 1.0),
    "Adam": (optax.scale_by_adam(), 0.1, 10.0),
    "linear warm-up over 300 epochs": (optax.scale_by_schedule(optax.linear_schedule(0.01, 1.0, 300)), 1.0, 15.0),
    "natural gradient": (natural_gradient(), 0.5, 1.0),
}
"""Name -> the optimizer, and the range of learning rates among which the best is looked for."""


def compare_ascents(observations: np.ndarray, points: int = 8) -> list[Ascent]:
    """Compare ways of ascending, each at the best of several learning rates, in epochs to the maximum."""
    found = []
    for name, (optimizer, low, high) in METHODS.items():
        tried = [_ascend(name, optimizer, rate, observations) for rate in np.geomspace(low, high, points).tolist()]
        found.append(min(tried, key=lambda ascent: (ascent.epochs or math.inf, ascent.history[-1])))
    return found


def _ascend(name: str, optimizer: Any, rate: float, observations: np.ndarray) -> Ascent:
    run = train(
        START, observations, validation_fraction=0, learning_rate=rate, optimizer=optimizer, tolerance=0.0,
        patience=200, progress=False,
    )  # fmt: skip
    rows = len(run.history.epoch)
    padded = jax.tree.map(lambda leaf: np.resize(leaf, 10_000), run.history.model)  # one length: one compilation
    with jax.enable_x64(True):
        away, top = jax.device_get(_distances(padded, Normal.closed_form(observations), run.train))
    near = np.flatnonzero(away[:rows] <= ARRIVED)
    below = np.sqrt(2 * np.maximum(top - run.history.train_log_likelihood, 0))
    return Ascent(name, rate, int(near[0]) + 1 if len(near) else None, below)


@jax.jit
def _distances(models: Normal, maximum: Normal, sample: Any) -> Any:
    """Return the distances of all models from the maximum, in standard errors; and the log-likelihood there."""
    return jax.vmap(distance, (0, None))(models, sample), log_likelihood(maximum, sample)


# What it says ---------------------------------------------------------------------------------------------------------


def figures_text(figures: dict[str, str]) -> str:
    """Return the article's printed figures beside these."""
    rows = [
        [name, PRINTED[name], ours, "same" if ours == PRINTED[name] else "DIFFERS"] for name, ours in figures.items()
    ]
    return table(rows, header=["", "article", "mlejax", ""])


def convergence_text() -> str:
    """Say why the mean converges before the variance: curvature, stability limit and half-life of each."""
    with jax.enable_x64(True):
        curvatures = np.diagonal(np.asarray(expected_information(ARTICLE_TARGET)))
    rows = [
        [name, formula, f"{c:.6f}", f"{2 / c:.2f}", f"{math.log(2) / -math.log1p(-LEARNING_RATE * c):.0f}"]
        for name, formula, c in zip(("mean", "variance"), ("1 / v", "1 / (2 v^2)"), curvatures, strict=True)
    ]
    header = [
        "parameter",
        "curvature",
        f"at v = {ARTICLE_TARGET.variance:g}",
        "largest stable rate",
        "half-life, epochs",
    ]
    return "\n".join(
        [
            table(rows, header=header),
            "",
            "Near the maximum an epoch shrinks an error by the factor 1 - rate * curvature. The variance has one",
            f"{curvatures[0] / curvatures[1]:.1f} times smaller, so with one rate of {LEARNING_RATE:g} its error "
            "halves that many times more slowly: the mean comes first.",
        ]
    )


def separate_rates_text(result: SweepResult[Normal]) -> str:
    """Return what the map says about the claim that mean and variance must share one learning rate."""
    mean, variance = np.meshgrid(*result.axes.values(), indexing="ij")[1:]
    arrived, epochs = result.arrived, result.epochs
    same = mean == variance

    def fastest(where: np.ndarray) -> tuple[float, float, int]:
        index = np.unravel_index(int(np.argmin(np.where(where, epochs, np.iinfo(np.int32).max))), epochs.shape)
        return float(mean[index]), float(variance[index]), int(epochs[index])

    shared, apart = fastest(arrived & same), fastest(arrived & ~same)
    worst = float(np.max(result.distance[arrived & ~same]))
    limits = [result.stability_limit(f"learning_rate.{name}") for name in ("mean", "variance")]
    return "\n".join(
        [
            "Claim: different learning rates for mean and variance cause significant errors.",
            f"Of {np.sum(~same)} pairs of different rates, {np.sum(arrived & ~same)} reach the maximum, the worst "
            f"of them to {worst:.1g} standard errors: the claim does not hold.",
            "The rest are too slow for 10,000 epochs, or overshoot on the way, or lie beyond a stability limit, 2 / "
            f"curvature: {limits[0]:.1f} for the mean, {limits[1]:.0f} for the variance.",
            f"Soonest with one rate: {shared[0]:.3g} for both, done in epoch {shared[2]}. "
            f"With two: {apart[0]:.3g} for the mean and {apart[1]:.3g} for the variance, in epoch {apart[2]}.",
            "Larger rates for the variance, though stable at the maximum, throw it far beyond the maximum in the first",
            "epochs, and from there the way back is long: from (0, 1) the start decides, not the end.",
        ]
    )


def ascents_text(ascents: list[Ascent]) -> str:
    """Run the adaptive-rate exercise."""
    rows = [[a.name, f"{a.learning_rate:.3g}", "never" if a.epochs is None else str(a.epochs)] for a in ascents]
    return table(rows, header=["ascent", "learning rate", f"epochs to {ARRIVED} standard errors"])


def record(found: Reproduction) -> dict[str, Any]:
    """Return everything as JSON."""
    result = train_record(found.run)
    figures = {name: {"article": PRINTED[name], "mlejax": ours} for name, ours in found.figures.items()}
    ascents = {a.name: {"learning_rate": a.learning_rate, "epochs": a.epochs} for a in found.ascents}
    return {"runs": result["runs"], "summary": result["summary"] | {"figures": figures, "ascents": ascents}}


def draw(found: Reproduction, folder: Path, suffix: str) -> list[Path]:
    """Write all pictures to a folder; return their paths."""
    from . import plotting

    pictures = {
        "log_likelihood": plotting.fit_figure(found.run),
        "distribution": plotting.distribution(found.run, found.observations, ARTICLE_TARGET),
        "surface": plotting.surface(found.run),
        "separate_learning_rates": plotting.heat_map(
            found.separate_rates, x="learning_rate.mean", y="learning_rate.variance"
        ),
        "ascents": plotting.ascents(found.ascents, about=_about(found)),
    }
    return plotting.save_all(pictures, folder, suffix)


def _about(found: Reproduction) -> str:
    """Return the small print of the picture of several ways of ascending."""
    digest = settings_digest([[ascent.name, ascent.learning_rate] for ascent in found.ascents])
    count = len(found.observations)
    return f"{len(found.ascents)} runs; n = {count:,}; mlejax {__version__}; settings {digest}"
