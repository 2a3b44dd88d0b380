"""Recompute runs of a result directory and compare their bits."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import checks, devices
from ..ascent.vary import Optimizers
from ..models.base import Model
from ..progress import Progress, Tally
from ..results.schema import COMPUTED_BY, variables
from ..results.sweep import SweepResult
from ..status import Status
from ..store.files import StoreError
from ..store.load import load_sweep
from ..store.reading import read_root
from .measure import Measured, Work, samples_for
from .outcomes import columns_of
from .spec import SweepSpec


@dataclasses.dataclass(frozen=True)
class Verification:
    """The result of `verify`."""

    checked: int  # runs recomputed
    of: int  # runs that have ended, and were computed as this machine computes
    seeds_checked: int  # seeds, or other samples, of which at least one run was recomputed
    of_seeds: int  # likewise, of which at least one run has ended
    different: list[dict[str, Any]]  # of each that differs: its axes, and per quantity the values (stored, recomputed)
    left_out: int  # runs that have ended and were computed in another way, which gives other bits
    samples: str = "seed"  # the name of the axis along which samples lie

    def __str__(self) -> str:
        """Say it in one line."""
        left_out = f"; {self.left_out:,} computed in another way, left out" if self.left_out else ""
        return (
            f"{self.checked:,} of {self.of:,} runs, {self.seeds_checked:,} of {self.of_seeds:,} {self.samples}s "
            f"recomputed, {len(self.different):,} different{left_out}"
        )


def verify(
    path: str | Path,
    model: Model | None = None,
    observations: Any = None,
    optimizer: Optimizers = None,
    *,
    runs: int | None = 64,
    random_seed: int | None = None,
    progress: bool = True,
) -> Verification:
    """Recompute runs of a stored sweep, finished or not, and compare all bits.

    What the sweep was is read from the store. Only what a digest cannot give back is asked for by name.

    Args:
        path: the `out` of the sweep.
        model: an instance of the model, if it is not one of the library's.
        observations: the data, if data were given.
        optimizer: the optimizer, if there was one.
        runs: how many to recompute, spread at random over all that have ended; None for all.
        random_seed: of the selection; None for another one every time.
        progress: show a progress bar on standard error.

    Returns:
        How many were recomputed, of how many, and which differ.

    Raises:
        StoreError: no run that has ended is there, the store is damaged, or all was computed in another way.
        ValueError: something is asked for by name, or is another than the sweep had.

    Example:
        >>> import tempfile, mlejax
        >>> with tempfile.TemporaryDirectory() as out:
        ...     _ = mlejax.sweep(
        ...         mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[0.5, 1.0], max_epochs=100, out=out,
        ...         observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 100), progress=False,
        ...     )
        ...     print(mlejax.verify(out, progress=False))
        4 of 4 runs, 2 of 2 seeds recomputed, 0 different
    """
    if runs is not None:
        runs = int(checks.counts("runs", runs))
    path = checks.path("path", path)
    read_root(path)  # a store of another version can be loaded, not verified
    stored = load_sweep(path)
    spec = SweepSpec.from_record(
        stored.provenance.settings, stored.axes, model=model, observations=observations, optimizer=optimizer
    )
    devices.start()
    mesh = devices.mesh()
    ended = np.flatnonzero(stored.status.ravel() != Status.RUNNING)
    if not len(ended):
        raise StoreError(f"{path} holds no finished run yet")
    comparable = ended[_here(path, stored, devices.computed_by(list(mesh.devices.flat))).ravel()[ended]]
    random = np.random.default_rng(random_seed)
    ids = comparable
    if runs is not None and runs < len(ids):
        ids = np.sort(random.choice(ids, runs, replace=False))
    different = []
    with jax.enable_x64(True), Progress(enabled=progress) as told:
        wanted = np.zeros(stored.shape, bool)
        wanted.flat[ids] = True
        samples = samples_for(spec, wanted, mesh, told)
        told.train(len(ids), 0)
        for part in Work(spec, mesh, Tally(), told).outcomes(samples, wanted):
            different += _differences(stored, part)
    axis = list(stored.axes).index(spec.source.axis)
    checked, of = (len(np.unique(np.unravel_index(some, stored.shape)[axis])) for some in (ids, ended))
    return Verification(
        len(ids), len(comparable), checked, of, different, len(ended) - len(comparable), spec.source.axis
    )


def _here(path: Path, stored: SweepResult[Any], here: Mapping[str, Any]) -> np.ndarray:
    """Return which runs were computed as this process computes.

    Raises:
        StoreError: none were.
    """
    ways = stored.provenance.computed_by
    if here not in ways:
        names = [name for name in dict.fromkeys([*here, *ways[-1]]) if here.get(name) != ways[-1].get(name)]
        differing = "; ".join(f"{name} = {ways[-1].get(name)}, here {here.get(name)}" for name in names)
        raise StoreError(
            f"{path} was computed in another way, which may give other bits ({differing}). Verify it where it was "
            "computed."
        )
    if len(ways) == 1:
        return np.full(stored.shape, True)
    return stored.arrays[COMPUTED_BY.name] == list(ways).index(here)


def _differences(stored: SweepResult[Any], part: Measured) -> list[dict[str, Any]]:
    """Return what differs, run by run: the axes, and the values (stored, recomputed) by name."""
    again = columns_of(part.outcome)
    places = np.unravel_index(part.ids, stored.shape)
    pairs = {
        column: (stored.arrays[kept.name][(*places, *index)], again[kept.name][(slice(None), *index)])
        for kept in variables(stored.template)
        for index, column in kept.columns().items()
    }
    pairs = {name: (old, np.asarray(new, old.dtype)) for name, (old, new) in pairs.items()}
    unequal = {name: _unequal(old, new) for name, (old, new) in pairs.items()}
    found = []
    for i in np.flatnonzero(np.any(list(unequal.values()), axis=0)):
        axes = {
            name: values[place[i]].item() for (name, values), place in zip(stored.axes.items(), places, strict=True)
        }
        found.append(
            axes | {name: (old[i].item(), new[i].item()) for name, (old, new) in pairs.items() if unequal[name][i]}
        )
    return found


def _unequal(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return where numbers differ in any bit; one that is undefined is like any other."""
    bits = [np.ascontiguousarray(each).view(f"u{each.itemsize}") for each in (old, new)]
    return (bits[0] != bits[1]) & ~(np.isnan(old) & np.isnan(new))
