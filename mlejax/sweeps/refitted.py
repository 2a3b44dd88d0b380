"""Fits of a stored table that are made again, and compared bit by bit."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

from .. import devices
from ..checks import InputValueError
from ..models.digest import digest_for
from ..models.normal import Normal
from ..models.structure import family_of, model_called
from ..progress import bar
from ..results.schema import DIGEST, fit_variables
from ..samples.digests import digests_of
from ..samples.members import members_of
from ..samples.sources import Draws
from ..status import Status
from ..store.files import StoreError
from ..store.load import Stored, fitted_shapes, stored
from .fits import Work
from .fitted import Fitted
from .recomputed import Verification, chosen, differences, made_here
from .recorded import source_recorded


def verify_fits(
    path: Path, family_or_model: Any, source: Any, most: int | None, random_seed: int | None, progress: bool
) -> Verification:
    """Make fits of a stored table again, finished or not, and compare all bits; see `verify`.

    Raises:
        StoreError: no fit is there, the store is damaged, or all was computed in another way.
        ValueError: something is asked for by name, or is another than the table had.
    """
    there = stored(path)
    ((axis, labels),) = there.layout.axes.items()
    ended = np.flatnonzero(there.arrays["status"] != Status.RUNNING)
    if not len(ended):
        raise StoreError(f"{path} holds no fit yet")
    settings = there.description.settings
    given = _family_recorded(settings, fitted_shapes(there.layout)) if family_or_model is None else family_or_model
    members = members_of(_source_recorded(settings, labels) if source is None else source, given)
    devices.start()
    work = Work(given, members)
    fitted: Fitted[Any] = Fitted(given, members, work.begun.like, work.begun.observation)
    here = json.loads(json.dumps(fitted.settings()))
    for name in dict.fromkeys([*settings, *here]):
        if settings.get(name) != here.get(name):
            raise InputValueError(
                f"{name}: the table was made with {settings.get(name)}; what is given has {here.get(name)}"
            )
    positions = _positions(there, members.labels, axis)
    _check_digests(there, digests_of(members), positions, ended, axis)
    comparable = ended[made_here(path, there.description.computed_by, there.arrays, devices.computed_by())[ended]]
    ids, different = chosen(comparable, most, random_seed), []
    kept = fit_variables(work.begun.like, axis)
    number = {int(positions[i]): int(i) for i in ids}
    with (
        bar("fitting again", len(ids), progress) as shown,
        contextlib.closing(work.outcomes(positions[ids])) as outcomes,
    ):
        for fits in outcomes:
            these = np.array([number[position] for position in fits.positions.tolist()], np.int64)
            again = fits.by_name(work.begun.table)
            different += differences(there.layout.axes, kept, there.arrays, these, again)
            shown.update(len(these))
    left_out = len(ended) - len(comparable)
    return Verification(len(ids), len(comparable), len(ids), len(ended), different, left_out, axis, fits=True)


def _family_recorded(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """Return the family of the library that a table was made with, or the model.

    Args:
        settings: of the table.
        shapes: of the parameters by name.

    Raises:
        ValueError: it is not the library's.
    """
    recorded, start = settings["model"], settings["start"]
    name = recorded.split()[0]
    model = model_called(name, shapes, settings.get("structure"))
    if model is None or f"{name} {digest_for(model, settings.get('observation'), recorded)}" != recorded:
        raise InputValueError(
            f"model: {settings['name']} is not one of the library's families: give model=, the family or the model "
            "that was fitted"
        )
    if isinstance(start, dict):
        return jax.tree.unflatten(jax.tree.structure(model), [np.asarray(value) for value in start.values()])
    return family_of(model)


def _source_recorded(settings: Mapping[str, Any], labels: np.ndarray) -> Any:
    """Return the draws that a table was made of.

    Raises:
        ValueError: it was made of something else, or of draws from a model that is not the library's.
    """
    if settings["source"] != "draws":
        what = {"groups": "mlejax.Groups(data, labels)", "windows": "mlejax.Windows(data, ...)"}
        given = what.get(settings["source"], "mlejax.Resamples(data, ...)")
        raise InputValueError(f"observations: the table was made of {settings['source']}: give observations={given}")
    draws = source_recorded({**settings, "data": ""}, {}, Normal(0.0, 1.0), None)
    return dataclasses.replace(cast(Draws, draws), seeds=labels)


def _positions(there: Stored, labels: np.ndarray, axis: str) -> np.ndarray:
    """Return where the samples of a table stand among those that are given.

    Raises:
        ValueError: one is not among them.
    """
    kept = there.layout.axes[axis]
    lacking = kept[~np.isin(kept, labels)]
    if len(lacking):
        raise InputValueError(f"observations: the table has {axis} {lacking[0]}, which is not among those given")
    order = np.argsort(labels)
    return order[np.searchsorted(labels, kept, sorter=order)]


def _check_digests(there: Stored, digests: np.ndarray, positions: np.ndarray, ended: np.ndarray, axis: str) -> None:
    """Refuse other observations than were fitted.

    Raises:
        ValueError: naming the first sample.
    """
    other = ended[there.arrays[DIGEST.name][ended] != digests[positions][ended]]
    if len(other):
        label = there.layout.axes[axis][other[0]]
        raise InputValueError(
            f"observations: {len(other):,} of {len(ended):,} {axis}s were fitted to others than are given, {label} "
            "first"
        )
