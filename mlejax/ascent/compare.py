"""`compare`: several families fitted to the same observations."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from ..checks import ConvergenceWarning, InputError, InputTypeError, InputValueError, shown
from ..models import FAMILIES
from ..models.abilities import HasStart
from ..models.base import Model, name_of
from ..models.named import family_named
from ..models.rows import Rows, described, one_of
from ..models.support import Support
from ..models.wrappers import Family, support_of
from ..results.comparison import Comparison, by_rising_aic
from ..results.fit import FitResult
from ..samples.observations import checked_sample
from .fit import fit

APART = {
    "von_mises": "a density of angles, over one turn",
    "binomial": "it needs a number of trials: binomial(10)",
}
"""Families that are compared where they are asked for only, and why."""

COUNTED = "All observations are whole numbers: families of counts were compared; others can be asked for by name."


def compare(
    families: Iterable[Family | Model | str] | Mapping[str, Family | Model] | None,
    observations: object,
    *,
    weights: ArrayLike | None = None,
    progress: bool = True,
) -> Comparison:
    """Fit several families to the same observations, and order them by Akaike's criterion.

    A family of whole numbers gives probabilities, any other densities, which cannot be compared. So of observations
    that are all whole numbers, the families of whole numbers are compared by default, where there is one for them.

    Args:
        families: families or models, such as `Gamma`, `Shifted.of(Weibull)` or `"gamma"`, perhaps by names of your own;
            None for every family that is chosen by name and has a density for all these observations.
        observations: (n,) finite numbers; where families are named, whatever `fit` takes.
        weights: (n,) numbers, at least 0: how often each observation counts. None counts each once.
        progress: show a progress bar on standard error when this takes more than a second.

    Returns:
        A `Comparison`; `print` shows it as a table.

    Raises:
        TypeError, ValueError: an argument is not as described; families that were asked for cannot be compared, or one
            of them has no density for an observation.

    Reference: H. Akaike, A new look at the statistical model identification, IEEE Transactions on Automatic Control 19
    (1974).

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> waits = np.random.RandomState(0).gamma(2.0, 3.0, 1000)
        >>> found = mlejax.compare([mlejax.Gamma, mlejax.Exponential], waits, progress=False)
        >>> list(found.fits), round(found.differences["Exponential"])
        (['Gamma', 'Exponential'], 270)
    """
    left_out: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    if families is None:
        chosen, left_out, notes = _every(checked_sample(observations, weights, ())[0])
    else:
        chosen = _asked_for(families)
        _check_comparable(chosen)
    fits: dict[str, FitResult[Any]] = {}
    bar = tqdm(chosen.items(), desc="fitting", unit=" families", delay=1, leave=False, disable=not progress)
    for name, family in bar:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
            try:
                fits[name] = fit(family, observations, weights=weights, progress=False)
            except InputError as refusal:
                if families is not None:
                    raise
                left_out[name] = str(refusal)
                continue
        _check_comparable({name: fit.model for name, fit in fits.items()})  # which know more than their families
    if not fits:
        raise InputValueError(f"no family can be fitted to these observations: {'; '.join(left_out.values())}")
    count = next(iter(fits.values())).count
    return Comparison(by_rising_aic(fits), left_out, count, notes)


def _every(values: Rows) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    """Return the families that are compared by default, those that are not and why, and what should be known."""
    if not isinstance(values, np.ndarray) or values.ndim > 1:
        raise InputTypeError(
            "families must be a list of families, where an observation is not a number: families of numbers alone are "
            f"chosen by default; got observations each of which is {described(one_of(values))}"
        )
    counted = bool(np.all(values == np.round(values)))
    admitted: dict[str, Family] = {}
    left_out = {}
    for name, family in FAMILIES.items():
        support = support_of(family)
        if name in APART or support is None:
            left_out[name] = APART.get(name, "its observations are of another kind")
        elif not np.all(inside := support.contains(values)):
            left_out[name] = f"it needs {support.rule}; got {values[np.argmin(inside)]}"
        else:
            admitted[name] = family
    whole = {name: family for name, family in admitted.items() if support_of(family).whole}  # type: ignore[union-attr]
    if counted and whole:
        left_out |= dict.fromkeys(admitted.keys() - whole.keys(), "a density, and all observations are whole numbers")
        return whole, {name: left_out[name] for name in FAMILIES if name in left_out}, (COUNTED,)
    return admitted, left_out, ()


def _asked_for(families: Iterable[Any]) -> dict[str, Any]:
    """Return families by name; those of the same name are numbered."""
    if isinstance(families, str) or not isinstance(families, Iterable):
        raise InputTypeError(f"families must be a list of families, or None; got {shown(families)}")
    chosen: dict[str, Any] = {}
    named = families if isinstance(families, Mapping) else {}
    for i, each in enumerate(families):
        family = (
            named[each]
            if isinstance(each, str) and each in named
            else family_named(each)
            if isinstance(each, str)
            else each
        )
        if not isinstance(family, Model | HasStart) and not (isinstance(family, type) and issubclass(family, Model)):
            raise InputTypeError(f"families[{i}] must be a family or a model; got {shown(family)}")
        name = each if isinstance(each, str) else name_of(family)
        if any(family is other or family == other for other in chosen.values()):
            raise InputValueError(f"families[{i}]: {name} is given twice")
        same = sum(other == name or other.startswith(f"{name} #") for other in chosen)
        chosen[f"{name} #{same + 1}" if same else name] = family
    if not chosen:
        raise InputValueError("families must hold a family at least")
    return chosen


def _check_comparable(chosen: Mapping[str, Any]) -> None:
    """Refuse to compare probabilities with densities."""
    whole: dict[Any, dict[bool, str]] = {}  # by the part of a record that has the support
    for name, family in chosen.items():
        support = getattr(family, "support", None)
        parts = support if isinstance(support, dict) else {"": support}
        for part, own in parts.items():
            if isinstance(own, Support):
                whole.setdefault(part, {}).setdefault(own.whole, name)
    for kinds in whole.values():
        if len(kinds) > 1:
            raise InputValueError(
                f"{kinds[True]} gives probabilities of whole numbers, {kinds[False]} a density: these cannot be "
                "compared; compare families of one kind. A formula of your own says by `support` of which it is"
            )
