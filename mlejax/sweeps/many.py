"""`fit_many`: the maximum likelihood estimates of many samples, each as `fit` finds it."""

import dataclasses
import functools
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from .. import devices
from ..ascent.fit import fit, found_start, given_start
from ..ascent.ground import is_inside
from ..ascent.outward import doubtful, scale_of
from ..ascent.together import Batch, climb_rows, length_for, rows_for, shared_form
from ..checks import ConvergenceWarning, InputError, InputValueError
from ..formula.jaxpr import as_formula_takes
from ..formula.sufficient import Form
from ..models.abilities import (
    CanBeIrregular,
    CanLackMaximum,
    HasCanonicalForm,
    HasIrregularMaximum,
    HasSeveralStarts,
    HasStart,
)
from ..models.base import M, Model
from ..models.parameters import Parameters
from ..models.rows import Rows, one_of, row_count, take
from ..results.table import FitTable
from ..samples.filled import filled_weights
from ..samples.members import Member, Members, members_of
from ..status import Status


def fit_many(family_or_model: type[M] | HasStart | M, source: Any, *, progress: bool = True) -> FitTable[M]:
    """Find the maximum of a likelihood for every sample of a source, as `fit` does for one.

    Samples are climbed side by side by one compiled program. One whose maximum has to be looked at from further away,
    or that has none, is given to `fit` itself: every status and every reason is that of `fit`. A sample that cannot be
    fitted has its reason in the table, and harms no other.

    Args:
        family_or_model: a family, such as `Gamma`, which finds a start in each sample; or a model, to start there.
        source: `Groups(data, labels)`, `Draws(target, count, seeds=...)`, `Resamples(data, count)` or
            `Windows(data, width, step)`.
        progress: show a progress bar on standard error when it takes more than a second.

    Returns:
        A `FitTable`, with a row for each sample in the order of the source.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> random = np.random.RandomState(0)
        >>> shops, demand = np.repeat(["a", "b"], 500), random.gamma(2.0, np.repeat([1.0, 5.0], 500))
        >>> table = mlejax.fit_many(mlejax.Gamma, mlejax.Groups(demand, shops), progress=False)
        >>> print(table.converged, table.model.rate.round(2))
        [ True  True] [1.08 0.22]
    """
    devices.start()
    members, fits = members_of(source), _Fits(family_or_model)
    positions = np.argsort([length_for(size) for size in members.sizes.tolist()], kind="stable")
    bar = tqdm(total=len(positions), desc="fitting", unit=" samples", delay=1, leave=False, disable=not progress)
    with bar, ThreadPoolExecutor(devices.cores(), thread_name_prefix="mlejax") as pool, jax.enable_x64(True):
        under_way: deque[tuple[_Call, Future[dict[str, np.ndarray]]]] = deque()
        for call in fits.calls(members, positions):
            under_way.append((call, pool.submit(call.climb)))
            while under_way[0][1].done() or len(under_way) > 2 * devices.cores():
                bar.update(fits.take(*under_way.popleft()))
                if not under_way:
                    break
        for call, climbed in under_way:
            bar.update(fits.take(call, climbed))
        for position in sorted(fits.left):
            fits.alone(position, members.member(position))
            bar.update()
    return fits.table(members)


@dataclasses.dataclass(frozen=True, eq=False)
class _Call:
    """Samples that are climbed by one call of a program."""

    parameters: Parameters[Any]
    form: Form | None
    positions: np.ndarray  # (r,) of the samples, fewer than the call has rows perhaps
    batch: Batch
    shared: Rows | None

    def climb(self) -> dict[str, np.ndarray]:
        """Return what `climb_rows` finds of the samples."""
        with jax.enable_x64(True):  # a setting of each thread
            found = jax.device_get(climb_rows(self.parameters, self.form, self.batch, self.shared))
        return {name: at[: len(self.positions)] for name, at in found.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class _Fit:
    """The fit of one sample."""

    estimate: np.ndarray  # (p,)
    standard_errors: np.ndarray  # (p,)
    log_likelihood: float
    distance: float
    count: float
    steps: int
    status: Status
    reason: str


class _Fits:
    """The fits that have been found, and the samples that are left to `fit` itself."""

    def __init__(self, family_or_model: Any):
        self.family_or_model = family_or_model
        self.parameters: Parameters[Any] | None = None  # of the first sample that could be started
        self.found: dict[int, _Fit] = {}
        self.left: list[int] = []

    def calls(self, members: Members, positions: np.ndarray) -> Iterator[_Call]:
        """Yield calls for samples in an order in which those of one length follow each other."""
        waiting: list[tuple[int, Rows, Member, Model]] = []
        kind: Any = None
        # Samples that differ in their weights alone begin where the observations themselves do.
        common = None if members.shared is None else self._begun(Member(members.shared, None))
        for position in positions.tolist():
            member = members.member(position)
            begun = common if members.shared is not None else self._begun(member)
            if begun is None or _lacks_maximum(begun[0], member):  # `fit` says why
                self.left.append(position)
                continue
            start, values = begun
            new = length_for(row_count(values)), one_of(values), Parameters.of(start)
            if waiting and (new != kind or len(waiting) == rows_for(kind[0])):
                yield _call(kind, waiting, members.shared is not None)
                waiting = []
            kind = new
            waiting.append((position, values, member, start))
        if waiting:
            yield _call(kind, waiting, members.shared is not None)

    def _begun(self, member: Member) -> tuple[Model, Rows] | None:
        """Return where to start a sample, and its observations as the formula takes them; None where it is left."""
        values, weights = _counted(member)
        if isinstance(self.family_or_model, HasSeveralStarts):
            return None
        try:
            if isinstance(self.family_or_model, Model):
                start, units = given_start(self.family_or_model, values)
            else:
                start, units = found_start(self.family_or_model, values, weights)
        except InputError:
            return None
        if units is not None or isinstance(start, HasIrregularMaximum | HasCanonicalForm) or not is_inside(start):
            return None
        self.parameters = self.parameters or Parameters.of(start)
        return start, jax.tree.map(np.asarray, as_formula_takes(start, member.values))

    def take(self, call: _Call, climbed: "Future[dict[str, np.ndarray]]") -> int:
        """Keep the fits of a call that need no further look; return how many these are."""
        end, table = climbed.result(), call.parameters
        arrived = (end["status"] == int(Status.CONVERGED)) & end["agrees"]
        doubted = doubtful(end["coordinates"], end["information"], arrived, table.logarithmic, end["count"])
        good = ~np.any(doubted, axis=1)
        self.left += call.positions[~good].tolist()
        estimates = np.asarray(_estimates(table, end["coordinates"]))
        errors = np.sqrt(np.diagonal(_covariances(end), axis1=1, axis2=2))
        may_be_irregular = isinstance(table.to_model(estimates[0]), CanBeIrregular)
        for i in np.flatnonzero(good).tolist():
            model: Any = table.to_model(estimates[i]) if may_be_irregular else None
            irregular = model.irregularity() if may_be_irregular else ""
            self.found[int(call.positions[i])] = _Fit(
                estimates[i], np.full_like(errors[i], np.nan) if irregular else errors[i],
                float(end["count"][i] * end["mean"][i]), float(end["distance"][i]), float(end["count"][i]),
                int(end["steps"][i]), Status.CONVERGED, irregular,
            )  # fmt: skip
        return int(np.sum(good))

    def alone(self, position: int, member: Member) -> None:
        """Fit a sample by itself."""
        values, weights = _counted(member)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                result = fit(self.family_or_model, values, weights=weights, progress=False)
        except InputError as error:
            count = float(row_count(values) if weights is None else weights.sum())
            none = np.full(0, np.nan)
            self.found[position] = _Fit(none, none, np.nan, np.nan, count, 0, Status.OUTSIDE_SUPPORT, str(error))
            return
        table = Parameters.of(result.model)
        self.parameters = self.parameters or table
        estimate, errors = (np.asarray(table.to_vector(each)) for each in (result.model, result.standard_errors))
        several = result.log_likelihood, result.distance, float(result.count), result.steps, result.status
        self.found[position] = _Fit(estimate, errors, *several, result.reason)

    def table(self, members: Members) -> FitTable[Any]:
        """Return all fits in the order of the source.

        Raises:
            ValueError: no sample could be fitted at all.
        """
        fits = [self.found[position] for position in range(len(members.labels))]
        if self.parameters is None:
            raise InputValueError(f"{members.axis} {members.labels[0]}: {fits[0].reason}")
        none = np.full(self.parameters.size, np.nan)
        estimates, errors = (
            self.parameters.to_model(np.stack([at if len(at) else none for at in (getattr(f, name) for f in fits)]))
            for name in ("estimate", "standard_errors")
        )
        return FitTable(
            family=self.parameters.family, axis=members.axis, labels=members.labels, model=estimates,
            standard_errors=errors, reasons={i: each.reason for i, each in enumerate(fits) if each.reason},
            status=np.array([int(each.status) for each in fits]), provenance=None, attributes={},
            **{name: np.array([getattr(each, name) for each in fits]) for name in COLUMNS},
        )  # fmt: skip


COLUMNS = ("log_likelihood", "distance", "count", "steps")


def _lacks_maximum(model: Model, member: Member) -> bool:
    """Return whether the observations themselves tell that the likelihood has no maximum."""
    return isinstance(model, CanLackMaximum) and bool(model.without_maximum(_counted(member).values))


def _counted(member: Member) -> Member:
    """Return the observations of a sample that count."""
    values, weights = member
    return member if weights is None else Member(take(values, weights > 0), weights[weights > 0])


def _call(kind: Any, waiting: Sequence[tuple[int, Rows, Member, Model]], shared: bool) -> _Call:
    """Return the call for samples of one kind, filled up with copies of the first."""
    length, observation, table = kind
    positions, samples, members, starts = zip(*waiting, strict=True)
    again = [*range(len(waiting)), *[0] * (rows_for(length) - len(waiting))]

    def filled(column: np.ndarray) -> np.ndarray:
        more = np.broadcast_to(column[:1], (length - len(column), *column.shape[1:]))
        return np.concatenate([column, more])

    def stacked(*columns: np.ndarray) -> np.ndarray:
        return np.stack([filled(column) for column in columns])[again]

    weighted = members[0].weights is not None
    weights = [filled_weights(member.weights, length) for member in members] if weighted else []
    vectors = np.stack([np.asarray(table.to_vector(start)) for start in (starts[:1] if shared else starts)])
    real = np.asarray(_coordinates(table, vectors))
    batch = Batch(
        values=None if shared else jax.tree.map(stacked, *samples),
        counts=np.array([row_count(sample) for sample in samples])[again],
        weights=np.stack(weights)[again] if weighted else None,
        starts=real[[0] * len(again) if shared else again],
    )
    form = shared_form(starts[0], observation)
    return _Call(table, form, np.array(positions), batch, jax.tree.map(filled, samples[0]) if shared else None)


def _covariances(end: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the covariance of each estimate, (r, p, p); NaN where there is none."""
    scale = scale_of(end["information"])
    both = scale[:, :, None] * scale[:, None, :]
    determined = np.nan_to_num(end["information"] * both) + 0.0
    singular = np.linalg.eigvalsh(determined)[:, 0] <= 0
    determined[singular] = np.eye(scale.shape[1])
    inverse = np.linalg.inv(determined) * both / end["count"][:, None, None]
    inverse[singular] = np.nan
    return end["jacobian"] @ inverse @ np.swapaxes(end["jacobian"], 1, 2)


@functools.partial(jax.jit, static_argnums=0)
def _coordinates(table: Parameters[Any], vectors: Any) -> Any:
    return jax.vmap(lambda vector: table.to_real(table.to_model(vector)))(vectors)


@functools.partial(jax.jit, static_argnums=0)
def _estimates(table: Parameters[Any], coordinates: Any) -> Any:
    return jax.vmap(lambda at: table.to_vector(table.from_real(at)))(coordinates)
