"""Results that are computed again, beside those in a store, bit by bit."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..results.schema import COMPUTED_BY, Variable
from ..store.files import StoreError


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
    fits: bool = False  # whether fits were recomputed, one for each sample

    def __str__(self) -> str:
        """Say it in one line."""
        left_out = f"; {self.left_out:,} computed in another way, left out" if self.left_out else ""
        if self.fits:
            return f"{self.checked:,} of {self.of:,} fits recomputed, {len(self.different):,} different{left_out}"
        return (
            f"{self.checked:,} of {self.of:,} runs, {self.seeds_checked:,} of {self.of_seeds:,} {self.samples}s "
            f"recomputed, {len(self.different):,} different{left_out}"
        )


def chosen(ids: np.ndarray, most: int | None, random_seed: int | None) -> np.ndarray:
    """Return so many of some runs, at most, chosen at random; in their order.

    Args:
        ids: their numbers.
        most: how many; None for all.
        random_seed: of the choice; None for another one every time.
    """
    if most is None or most >= len(ids):
        return ids
    return np.sort(np.random.default_rng(random_seed).choice(ids, most, replace=False))


def made_here(
    path: Path, ways: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray], here: Mapping[str, Any]
) -> np.ndarray:
    """Return which runs were computed as this process computes, of the shape of all.

    Args:
        path: of the store, for the message.
        ways: in which its runs were computed.
        arrays: its variables by name.
        here: the way of this process.

    Raises:
        StoreError: none were.
    """
    if here not in ways:
        names = [name for name in dict.fromkeys([*here, *ways[-1]]) if here.get(name) != ways[-1].get(name)]
        differing = "; ".join(f"{name} = {ways[-1].get(name)}, here {here.get(name)}" for name in names)
        raise StoreError(
            f"{path} was computed in another way, which may give other bits ({differing}). Verify it where it was "
            "computed."
        )
    if len(ways) == 1:
        return np.full(arrays["status"].shape, True)
    return arrays[COMPUTED_BY.name] == list(ways).index(here)


def differences(
    axes: Mapping[str, np.ndarray],
    kept: Sequence[Variable],
    arrays: Mapping[str, np.ndarray],
    ids: np.ndarray,
    again: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return what differs, run by run: the axes, and the values (stored, recomputed) by name.

    Args:
        axes: name -> values.
        kept: the variables to compare.
        arrays: that are stored, by name.
        ids: the numbers of the runs that were computed again, (m,).
        again: their variables by name, each (m, ...).
    """
    shape = tuple(map(len, axes.values()))
    places = np.unravel_index(ids, shape)
    pairs = {
        column: (arrays[variable.name][(*places, *index)], again[variable.name][(slice(None), *index)])
        for variable in kept
        for index, column in variable.columns().items()
    }
    pairs = {name: (old, np.asarray(new, old.dtype)) for name, (old, new) in pairs.items()}
    unequal = {name: _unequal(old, new) for name, (old, new) in pairs.items()}
    found = []
    for i in np.flatnonzero(np.any(list(unequal.values()), axis=0)):
        at = {name: values[place[i]].item() for (name, values), place in zip(axes.items(), places, strict=True)}
        wrong = {name: (_plain(old[i]), _plain(new[i])) for name, (old, new) in pairs.items() if unequal[name][i]}
        found.append(at | wrong)
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else value.item()


def _unequal(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return where numbers differ in any bit, one that is undefined being like any other; or where texts differ."""
    if old.dtype.kind == "T":
        return old != new
    bits = [np.ascontiguousarray(each).view(f"u{each.itemsize}") for each in (old, new)]
    return (bits[0] != bits[1]) & ~(np.isnan(old) & np.isnan(new))
