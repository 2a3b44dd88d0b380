"""`fit`: the maximum likelihood estimate of a sample, its uncertainty, and an honest word on whether it is one."""

import dataclasses
import inspect
import math
import warnings
from collections.abc import Sequence
from typing import Any, Generic

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from tqdm import tqdm

from .. import checks, devices, likelihood
from ..checks import ConvergenceWarning, InputTypeError
from ..models.abilities import (
    FEW,
    CanBeCertain,
    CanBeIrregular,
    CanBeUnbounded,
    CanLackMaximum,
    HasIrregularMaximum,
    HasLimits,
    HasSeveralStarts,
    HasStart,
    HasStartInside,
    narrows,
)
from ..models.base import M, Model, name_of
from ..models.parameters import Parameters, with_dtype
from ..models.rows import Extremes, Rows, row_count
from ..models.start import starts_of
from ..models.structure import family_of
from ..progress import saying
from ..results.fit import FitResult
from ..results.schema import check_names
from ..samples.columns import columns_read
from ..samples.observations import checked_sample
from ..status import Status
from .alike import all_alike, is_narrow, most_equal, narrowest, only_value, said_unbounded
from .begin import check_fitted, found_start, given_start, off_the_border
from .below import below_all, distance_below
from .design import Design
from .ground import Ground, climb_and_look, is_inside
from .limit import beside_limits
from .outward import End
from .train import train
from .verdict import Verdict, judge

AGREE = 1e-6
"""Nats, and relative, within which two starts have led to the same height."""

CERTAIN = -1e-9
"""A mean log-probability of what is known in part above which all of it is as good as certain; nats."""

LARGE = 100_000
"""Observations from which on a fit says that it is under way, where it takes long."""


def fit(
    family_or_model: type[M] | HasStart | M,
    observations: object,
    *,
    weights: ArrayLike | None = None,
    starts: int | Sequence[M] | None = None,
    progress: bool = True,
    **training: object,
) -> FitResult[M]:
    """Find the maximum of a likelihood, by damped Newton steps in unconstrained coordinates.

    `converged` means: within 1e-6 standard errors of a maximum, with a positive definite information, that stays a
    maximum when looked at from further away. Otherwise `status` and `reason` say why there is none, and there are no
    standard errors.

    Args:
        family_or_model: a family, such as `Gamma` or `Binomial.of(10)`, which finds its start in the data; or a model,
            to start there; where no maximum is found from it, its family's own start is tried too, and a note says so.
        observations: what `log_prob` takes, with an axis in front: n finite numbers (n,), vectors (n, d), or a record
            of such columns (a dict, a table of pandas or PyArrow, a named tuple), inside the family's support.
        weights: (n,) numbers, at least 0: how often each observation counts. None counts each once.
        starts: models to start from besides, or how many starts in all, the others found by the family, such as a
            mixture, or drawn about the first; of the ends that are maxima the highest is taken, and `reason` says how
            many led there. None: one; of a mixture several.
        progress: say on standard error what is under way when that takes more than a second: how many starts are done,
            or, of a large sample, for how long.
        **training: what `train` takes is refused: a fit needs no learning rate.

    Returns:
        A `FitResult`; `print` shows it as a table.

    Raises:
        TypeError, ValueError: an argument is not as described, or the observations are not; it names the value.

    Reference: J. Nocedal and S. Wright, Numerical Optimization (2006), chapter 3.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> waits = np.random.RandomState(0).gamma(2.0, 3.0, 1000)
        >>> result = mlejax.fit(mlejax.Gamma, waits)
        >>> print(f"{result.model.shape:.4f} +- {result.standard_errors.shape:.4f}", result.status.name)
        2.1409 +- 0.0893 CONVERGED
    """
    _refuse(training)
    result = fitted(family_or_model, observations, weights, starts, progress)
    if not result.converged:
        warnings.warn(f"{name_of(family_or_model)}: {result.reason}", ConvergenceWarning, stacklevel=2)
    return result


def fitted(
    family_or_model: type[M] | HasStart | M,
    observations: object,
    weights: ArrayLike | None = None,
    starts: int | Sequence[M] | None = None,
    progress: bool = False,
) -> FitResult[M]:
    """Return what `fit` finds, without a warning: what warns, and what keeps from it, is shared by all threads."""
    devices.start()
    check_fitted("fit", family_or_model)
    found = _fitted(family_or_model, observations, weights, starts, progress)
    if found.converged or starts is not None or not isinstance(family_or_model, Model):
        return found
    # Far from the maximum float64 may not tell where the log-likelihood rises: the family knows a better start.
    try:
        family = family_of(family_or_model)
        if not isinstance(family, HasStart) or isinstance(family, HasSeveralStarts):
            return found
        again = _fitted(family, found.observations, found.weights, None, progress)
    except (ArithmeticError, AttributeError, TypeError, ValueError):  # of a start that is a person's own
        return found
    if not (again.converged or again.log_likelihood > found.log_likelihood + AGREE):
        return found
    note = f"a climb from the start that was given ended elsewhere: {found.reason}"
    return dataclasses.replace(again, start=found.start, notes=(*again.notes, note))


def _fitted(
    family_or_model: type[M] | HasStart | M,
    observations: object,
    weights: ArrayLike | None,
    starts: int | Sequence[M] | None,
    progress: bool,
) -> FitResult[M]:
    name = name_of(family_or_model)
    values, heavy = checked_sample(observations, weights, columns_read(family_or_model, observations))
    n, extremes = row_count(values), Extremes.of_numbers(values)
    with saying(f"fitting {n:,} observations", long := progress and n >= LARGE):
        if isinstance(family_or_model, Model):
            first, units = given_start(family_or_model, values, heavy, extremes)
        else:
            first, units = found_start(family_or_model, values, heavy, extremes)
        first, units = below_all(first, units, values)
        check_names(name, Parameters.of(first).names)
        ground = Ground.of(first, values, heavy, units, extremes)
        found = _narrow(ground, first, values) or _irregular(ground, first, values, heavy)
        if found is None:
            begun = [ground.start, *_others(starts, ground, family_or_model, values, heavy)]
            found = _regular(begun, ground, values, heavy, progress and not long)
            endless = found.status is Status.UNBOUNDED
            tried = endless or n <= FEW
            if tried and (inner := _inside(first, ground, values, heavy)) is not None:
                between = _regular([inner], ground, values, heavy, progress=False)
                higher = endless or between.log_likelihood > found.log_likelihood + AGREE
                found = between if between.status is Status.CONVERGED and higher else found
    return FitResult(
        **vars(found),
        start=first if units is None else units.to_data(first),
        count=ground.count if weights is not None else n,
        observations=values,
        weights=heavy,
        representation=ground.representation,
        ground=ground,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Found(Generic[M]):
    """The part of a `FitResult` that the way to the maximum decides."""

    model: M
    status: Status
    reason: str
    notes: tuple[str, ...]
    log_likelihood: float
    distance: float
    steps: int
    starts: int
    agreed: int
    own_covariance: np.ndarray
    end: End | None


def _regular(
    begun: Sequence[np.ndarray], ground: Ground[M], values: Rows, weights: np.ndarray | None, progress: bool
) -> _Found[M]:
    """Climb from every start, look outward, and judge the highest end; of several, the highest that is a maximum."""
    shown = progress and len(begun) > 1
    bar = tqdm(begun, desc="fitting", unit=" starts", delay=1, leave=False) if shown else begun
    ended = [climb_and_look(ground, start) for start in bar]
    arrived = [each for each in ended if each.end.arrived and not any(view.endless for view in each.views)]
    highest = max(arrived or ended, key=lambda each: each.end.mean_log_likelihood)
    height = ground.count * highest.end.mean_log_likelihood
    heights = [ground.count * each.end.mean_log_likelihood for each in ended]
    agreed = sum(bool(abs(height - other) <= AGREE * (1 + abs(height))) for other in heights)
    model = ground.estimate(highest.end)
    limits = model.limits() if isinstance(model, HasLimits) else ()
    verdict = judge(
        highest.end,
        highest.views,
        ground.table,
        ground.count,
        ground.offset,
        highest.edge,
        ground.words if isinstance(ground.units, Design) else None,
        highest.ridge,
        highest.invariant,
        limits,
    )
    if isinstance(ground.units, Design) and ground.units.known is not None:
        verdict = ground.units.known
    if isinstance(model, CanBeUnbounded) and (highest.edge or verdict.status in (Status.MAX_STEPS, Status.PRECISION)):
        how = model.unbounded(ground.count / most_equal(values, weights))
        verdict = Verdict(Status.UNBOUNDED, said_unbounded(how)) if how else verdict
    if isinstance(model, CanLackMaximum) and (how := model.without_maximum(values)):  # type: ignore[arg-type]
        verdict = Verdict(Status.UNBOUNDED, said_unbounded(how))
    alike, only, mean = all_alike(values), only_value(model, values), highest.end.mean_log_likelihood
    if only is not None and verdict.status not in (Status.CONVERGED, Status.UNBOUNDED) and is_narrow(model, only, mean):
        about = "" if alike else f" about {only:g}, the only value that was seen"
        verdict = Verdict(Status.UNBOUNDED, said_unbounded(f"the distribution narrows{about}"))
    if mean > CERTAIN and isinstance(model, CanBeCertain) and (how := model.certain(values)):
        verdict = Verdict(Status.AT_BOUNDARY, f"the log-likelihood approaches 0, its supremum and no maximum, as {how}")
    moved = distance_below(ground.table) is not None
    looked = moved or bool(highest.views) or verdict.status is not Status.CONVERGED
    if not alike and looked:
        verdict = beside_limits(verdict, limits, height + ground.offset, values, weights)
    converged = verdict.status is Status.CONVERGED
    irregular = model.irregularity() if converged and isinstance(model, CanBeIrregular) else ""
    why = irregular if converged else (f"{alike}: " if alike else "") + verdict.reason
    covariance = ground.covariance(highest.end)
    several = "" if len(begun) == 1 else f"{agreed} of {len(begun)} starts led to this height"
    return _Found(
        model=model,
        status=verdict.status,
        reason="; ".join(part for part in (why, several) if part),
        notes=verdict.notes,
        log_likelihood=height + ground.offset,
        distance=highest.end.distance,
        steps=highest.end.steps,
        starts=len(begun),
        agreed=agreed,
        own_covariance=np.full_like(covariance, np.nan) if irregular else covariance,
        end=highest.end,
    )


def _narrow(ground: Ground[M], first: M, values: Rows) -> _Found[M] | None:
    """Return what becomes of a family that narrows about the number that all observations equal; None of others."""
    how, alike = narrows(type(first)), all_alike(values)
    if not (how and alike):
        return None
    p = ground.table.size
    (numbers,) = narrowest(type(first), np.asarray(values[:1], np.float64))  # type: ignore[arg-type]
    reason, unknown = f"{alike}: {said_unbounded(how)}", np.full((p, p), np.nan)
    model, none = ground.table.to_model(numbers), math.inf
    return _Found(model, Status.UNBOUNDED, reason, (), none, none, 0, 1, 1, unknown, None)


def _irregular(ground: Ground[M], first: M, values: Rows, weights: np.ndarray | None) -> _Found[M] | None:
    """Return the closed form of a family whose log-likelihood is not smooth there; None where there is none."""
    if not isinstance(first, HasIrregularMaximum):
        return None
    own = values if ground.units is None else ground.units.of_observations(values)
    best = first.closed_form(own, weights)
    if not is_inside(best):
        return None
    known = best.irregular(ground.count)  # type: ignore[attr-defined]
    errors = np.array(jax.tree.leaves(known.standard_errors), np.float64)
    height = float(likelihood.log_likelihood(best, ground.sample))
    model: Any = best if ground.units is None else ground.units.to_data(best)  # type: ignore[arg-type]
    return _Found(
        model, Status.CONVERGED, known.reason, (), height + ground.offset, 0.0, 0, 1, 1, np.diag(errors**2), None
    )  # type: ignore[arg-type]


def _inside(
    first: Model, ground: Ground[Any], values: Rows, weights: np.ndarray | None
) -> Float[np.ndarray, " p"] | None:
    """Return coordinates between places where the likelihood is unbounded, by a maximum; None where there is none."""
    if not isinstance(first, HasStartInside):
        return None
    own: Any = values if ground.units is None else ground.units.of_observations(values)
    found = first.start_inside(own, weights)
    return None if found is None or not is_inside(found) else ground.coordinates(found)


# Arguments ------------------------------------------------------------------------------------------------------------


def _refuse(training: dict[str, object]) -> None:
    """Refuse an argument of `train`, which a person who means training may give, and any other."""
    for name in training:
        if name in inspect.signature(train).parameters:
            raise InputTypeError(f"fit finds the maximum; train takes {name}")
        raise InputTypeError(f"fit() got an unexpected keyword argument {name!r}")


def _others(
    starts: int | Sequence[Model] | None,
    ground: Ground[Any],
    family: object,
    values: Rows,
    weights: np.ndarray | None,
) -> list[np.ndarray]:
    """Return the coordinates of the starts besides the first."""
    if isinstance(starts, int | np.integer):
        checks.counts("starts", starts)
    if isinstance(family, HasSeveralStarts) and (starts is None or isinstance(starts, int | np.integer)):
        own = values if ground.units is None else ground.units.of_observations(values)
        with np.errstate(all="ignore"):
            found = map(off_the_border, starts_of(family, own, weights, None if starts is None else int(starts)))
            return [ground.coordinates(each) for each in found][1:]
    if starts is None:
        return []
    if isinstance(starts, int | np.integer):
        first = ground.start
        unit = ground.ascend(first, np.ones(len(first)), 0).unit
        random = np.random.RandomState(0)
        return [first + unit * random.normal(size=len(first)) for _ in range(int(starts) - 1)]
    if isinstance(starts, str) or not isinstance(starts, Sequence):
        raise InputTypeError(f"starts must be a whole number, or a list of models; got {checks.shown(starts)}")
    own = [with_dtype(start, np.float64, f"starts[{i}]") for i, start in enumerate(starts)]
    for i, start in enumerate(own):
        if Parameters.of(start) != Parameters.of(ground.own_model(ground.start)):
            raise InputTypeError(f"starts[{i}] must be a {ground.table.family}; got {start!r}")
    return [ground.coordinates(start if ground.units is None else ground.units.from_data(start)) for start in own]
