"""Recompute runs of a result directory and compare their bits."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import devices
from ..models import Model
from ..models.parameters import parameter_dict
from ..progress import Progress, Tally
from ..results.schema import QUANTITIES
from ..status import Status
from ..store.files import StoreError
from ..store.load import load
from ..store.reading import check_settings
from .measure import Work, samples_for
from .spec import SweepSpec

MOST_SEEDS = 8
"""Seeds whose samples are drawn again."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What came of it."""

    checked: int  # runs recomputed
    different: list[dict[str, Any]]  # of each that differs: its axes, and per quantity the values (stored, recomputed)


def verify(
    directory: str | Path, model: Model, *, runs: int = 64, random_seed: int | None = None, progress: bool = True,
    **arguments: Any,
) -> Verification:  # fmt: skip
    """Recompute a random selection of finished runs of a sweep and compare all bits.

    Args:
        directory: the `out` of the sweep.
        model: as the sweep was given.
        runs: how many to recompute.
        random_seed: of the selection; None for another one every time.
        progress: show a progress bar.
        **arguments: as the sweep was given, `out` and `repair` excepted.

    Raises:
        StoreError: no finished run is there, or it was made by other settings.
    """
    stored, path = load(directory), Path(directory)
    random = np.random.default_rng(random_seed)
    finished = np.argwhere(stored.status != Status.RUNNING)
    if not len(finished):
        raise StoreError(f"{path} holds no finished run yet")
    position = list(stored.axes).index("seed")
    present = np.unique(finished[:, position])
    chosen = np.sort(random.choice(present, min(MOST_SEEDS, len(present)), replace=False))
    finished = finished[np.isin(finished[:, position], chosen)]
    finished = finished[np.sort(random.choice(len(finished), min(runs, len(finished)), replace=False))]
    with Progress(enabled=progress) as bar:
        given: dict[str, Any] = arguments | {"seeds": stored.axes["seed"][chosen]}
        spec = SweepSpec.checked(model, **given)
        check_settings(path, stored.provenance.settings, json.loads(json.dumps(spec.settings())))
        within = finished.copy()
        within[:, position] = np.searchsorted(chosen, finished[:, position])
        ids = np.atleast_1d(np.ravel_multi_index(tuple(within.T), spec.shape))
        devices.start()
        mesh = devices.mesh()
        with jax.enable_x64(True):
            samples = samples_for(spec, ids, mesh, bar)
            bar.train(len(ids), 0)
            parts = list(Work(spec, mesh, Tally(), bar).outcomes(samples, ids))
    order = {int(run): tuple(row.tolist()) for run, row in zip(ids, finished, strict=True)}
    different = []
    for part, outcome in parts:
        again = parameter_dict(outcome.model) | {name: getattr(outcome, name) for name in QUANTITIES}
        for i, run in enumerate(part):
            record = _difference(stored, order[int(run)], {name: values[i] for name, values in again.items()})
            if record is not None:
                different.append(record)
    return Verification(len(ids), different)


def _difference(stored: Any, index: tuple[int, ...], again: dict[str, Any]) -> dict[str, Any] | None:
    arrays = parameter_dict(stored.model) | {name: getattr(stored, name) for name in QUANTITIES}
    pairs = {name: (arrays[name][index].item(), arrays[name].dtype.type(value).item()) for name, value in again.items()}
    unequal = {name: pair for name, pair in pairs.items() if not np.array_equal(*pair, equal_nan=True)}
    return {**stored.run(*index).axes, **unequal} if unequal else None
