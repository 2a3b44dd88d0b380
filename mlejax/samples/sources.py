"""Where the samples of a sweep come from: data given, or a model that draws; along a named axis."""

import abc
import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias, cast, final

import jax
import numpy as np
from numpy.typing import ArrayLike

from .. import checks, devices
from ..checks import InputTypeError, InputValueError
from ..formula.jaxpr import as_formula_takes
from ..models.abilities import CanDrawClosedForm, CanSample
from ..models.base import Model
from ..models.digest import sample_digest
from ..models.normal import Normal
from ..models.parameters import entry_dict, parameter_dict, with_dtype
from ..models.rows import Observation, Rows, named_columns, one_of, row_count, take
from ..models.tracing import ONE_NUMBER, check_formula
from .observations import check_support
from .split import split, validation_count

Numbers: TypeAlias = ArrayLike | float | int
"""One number, or a sequence or array of them."""


class Parts(NamedTuple):
    """A sample in two parts."""

    train: Rows  # n - m: to ascend on
    held_out: Rows  # m: to decide the stop; empty where nothing is held out


class Source(abc.ABC):
    """A source of samples along a named axis, or along two: the second is of how many observations they have."""

    counts: ClassVar[str] = "count"
    """The name of the other axis, where there is one."""

    @property
    def axis(self) -> str:
        """The name of the axis along which its samples lie."""
        return "seed"

    @property
    def labels(self) -> np.ndarray | None:
        """The values along it, where the source has them itself, (m,); None where a caller gives seeds."""
        return None

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Observations in each sample; only a source whose samples all have as many knows it."""

    def axes(self) -> dict[str, np.ndarray]:
        """Return the values of its axis of counts by name; nothing where all samples have as many observations."""
        return {}

    def along(self, axes: Mapping[str, Numbers]) -> "Source":
        """Return the same with other values, by the names of axes; other axes are left aside."""
        return self

    def by_count(self) -> "tuple[Source, ...]":
        """Return a source for each of its counts, in their order, that gives the samples of that count."""
        return (self,)

    @abc.abstractmethod
    def cut(self, seed: Any, validation_fraction: float | int) -> Parts | None:
        """Return the sample of one seed, or label, cut in two; None where it is too small for that."""

    @abc.abstractmethod
    def observation(self, start: Model) -> Observation:
        """Return the type in which the formula of `start` gets ONE observation."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what decides the samples, in plain values."""

    @abc.abstractmethod
    def __str__(self) -> str:
        """Return a few words for a person."""

    def check(self, start: Model, starts: Sequence[Model], validation_fraction: float | int) -> None:
        """Refuse what this source cannot give.

        Args:
            start: the model that is trained.
            starts: other start points of it.
            validation_fraction: the part of each sample to hold out.

        Raises:
            TypeError, ValueError: naming the value and the rule.
        """
        validation_count(self.size, validation_fraction)


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Given(Source):
    """Data given: each seed is another split of the same observations."""

    values: Rows  # n of them

    @property
    def size(self) -> int:
        return row_count(self.values)

    def check(self, start: Model, starts: Sequence[Model], validation_fraction: float | int) -> None:
        super().check(start, starts, validation_fraction)
        devices.start()  # what follows starts JAX, whose devices could not be chosen any more
        check_support(start, self.values, starts=starts)

    def cut(self, seed: int, validation_fraction: float | int) -> Parts:
        return Parts(*split(self.values, validation_fraction, seed))

    def describe(self) -> dict[str, Any]:
        types = {name: column.dtype.name for name, column in named_columns(self.values).items()}
        of = types[""] if list(types) == [""] else types
        return {"source": "data", "count": self.size, "type": of, "sha256": digest_of(self.values)}

    def __str__(self) -> str:
        return f"{self.size} observations given, sha256 {digest_of(self.values)}"

    def observation(self, start: Model) -> Observation:
        with jax.enable_x64(True):
            return one_of(as_formula_takes(start, self.values))


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Draws(Source):
    """Samples drawn from a model: each seed is a sample of its own.

    Args:
        target: the model to draw from. By JAX it needs a method `sample(key, shape)`.
        count: how many observations each sample has, held-out ones included. A sequence is an axis `count`: for every
            seed a sample of each count, the one that is drawn where only this count is given. The samples of one seed
            are drawn from one key, so they are not independent of each other. What draws by JAX is compiled for each
            count, which takes some two seconds.
        by: `"jax"`: independent draws from the key `fold_in(key(base_seed), seed)`; `"numpy"`: NumPy's legacy stream
            `RandomState(seed)`, for a `Normal` target, cut as scikit-learn's `train_test_split` cuts;
            `"statistics"`: the sufficient statistics of a sample drawn in place of it, exact in distribution, for
            families with `draw_closed_form`.
        base_seed: of the key that draws by JAX are folded from.
        split_seed: of the split that `by="numpy"` makes; 42 where it is not given. Only there does it apply.
        seeds: of the samples, for `fit_many`; a sweep is given its own.

    Raises:
        TypeError, ValueError: an argument is not as described, or does not apply to `by`.

    Example:
        >>> import mlejax
        >>> str(mlejax.Draws(mlejax.Normal(7.2, 7.84), 100_000))
        '100000 draws from Normal(mean=7.2, variance=7.84) by JAX'
        >>> [each.size for each in mlejax.Draws(mlejax.Normal(7.2, 7.84), [100, 1000]).by_count()]
        [100, 1000]
    """

    target: Model
    count: Numbers  # an int; or an array of them, (k,), which is an axis
    by: str = "jax"
    base_seed: int = 0
    split_seed: int | None = None
    seeds: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise InputValueError(f"Draws: by must be one of {', '.join(WAYS)}; got {self.by!r}")
        put = functools.partial(object.__setattr__, self)
        put("target", with_dtype(self.target, np.float64, "target"))
        count = checks.counts("count", self.count, at_least=2, at_most=2**31 - 1)
        put("count", checks.distinct("count", count) if count.ndim else int(count))
        put("base_seed", int(checks.counts("base_seed", self.base_seed, at_least=0, at_most=2**32 - 1)))
        if isinstance(self.seeds, int | np.integer):
            raise InputTypeError(
                f"seeds must be a sequence: range({self.seeds}) for {self.seeds} seeds, or [{self.seeds}] for one, "
                f"number {self.seeds}"
            )
        if self.seeds is not None:
            seeds = np.atleast_1d(checks.counts("seeds", self.seeds, at_least=0, at_most=2**32 - 1))
            put("seeds", checks.distinct("seeds", seeds))
        family = type(self.target).__name__
        if self.by == "numpy":
            if not isinstance(self.target, Normal):
                raise InputValueError(f"Draws: by='numpy' draws from a Normal target; got {family}")
            if self.base_seed:
                raise InputValueError(f"Draws: base_seed={self.base_seed} does not apply to by='numpy'")
            split_seed = 42 if self.split_seed is None else self.split_seed
            put("split_seed", int(checks.counts("split_seed", split_seed, at_least=0, at_most=2**32 - 1)))
        else:
            if self.split_seed is not None:
                raise InputValueError(
                    f"Draws: split_seed={self.split_seed} applies to by='numpy' alone; got by={self.by!r}"
                )
            if not isinstance(self.target, CanSample):
                raise InputTypeError(f"target: {family} cannot draw; give it a method sample(key, shape)")

    @property
    def size(self) -> int:
        if np.ndim(self.count):
            raise InputValueError(f"count: {self} have no one size: by_count() gives those of each")
        return cast(int, self.count)

    def axes(self) -> dict[str, np.ndarray]:
        return {self.counts: np.asarray(self.count)} if np.ndim(self.count) else {}

    def along(self, axes: Mapping[str, Numbers]) -> "Draws":
        return dataclasses.replace(self, count=axes.get(self.counts, self.count)) if self.axes() else self

    def by_count(self) -> "tuple[Draws, ...]":
        return tuple(dataclasses.replace(self, count=count) for count in np.atleast_1d(self.count).tolist())

    def cut(self, seed: int, validation_fraction: float | int) -> Parts:
        if self.by == "numpy":
            assert isinstance(self.target, Normal)
            mean, scale = float(np.asarray(self.target.mean)), float(np.sqrt(np.asarray(self.target.variance)))
            values = np.random.RandomState(seed).normal(mean, scale, self.size)
            return Parts(*split(values, validation_fraction, cast(int, self.split_seed)))
        held_out = validation_count(self.size, validation_fraction)
        with jax_randomness():
            return Parts(*jax.device_get(_draw_one(self.target, self.base_seed, seed, self.size, held_out)))

    def describe(self) -> dict[str, Any]:
        parameters = {name: np.asarray(leaf, np.float64).tolist() for name, leaf in parameter_dict(self.target).items()}
        seeds = {"split_seed": self.split_seed} if self.by == "numpy" else {"base_seed": self.base_seed}
        target: dict[str, Any] = {"target": type(self.target).__name__, "target_parameters": parameters}
        if self.by == "jax" and not type(self.target).__module__.startswith("mlejax.models."):
            target |= {"target_sample": sample_digest(self.target)}
        count = {} if self.axes() else {"count": self.size}
        return {"source": "draws", **target, **count, "by": self.by, **seeds}

    def __str__(self) -> str:
        parameters = ", ".join(f"{name}={leaf:g}" for name, leaf in entry_dict(self.target).items())
        drawn = f"draws from {type(self.target).__name__}({parameters})"
        drawn = drawn if self.axes() else f"{self.count} {drawn}"
        return WAYS[self.by].format(drawn)

    def check(self, start: Model, starts: Sequence[Model], validation_fraction: float | int) -> None:
        if self.seeds is not None:
            raise InputValueError("Draws: seeds are for fit_many; give sweep its own seeds=")
        held_out = {each.size: validation_count(each.size, validation_fraction) for each in self.by_count()}
        check_formula(start, self.observation(start))
        if self.by != "statistics":
            return
        if not isinstance(self.target, CanDrawClosedForm) or type(self.target) is not type(start):
            raise InputValueError(
                "by='statistics' needs a start and a target of one family with draw_closed_form, such as Normal; "
                f"got {type(start).__name__} and {type(self.target).__name__}"
            )
        for count, held in held_out.items():
            if min(count - held, held or count) < 2:
                raise InputValueError(
                    f"by='statistics' needs two observations or more in each part; got {count - held} and {held}"
                )

    def observation(self, start: Model) -> Observation:
        if self.by != "jax":
            return ONE_NUMBER
        with jax_randomness():
            taken = jax.eval_shape(lambda: as_formula_takes(start, draw_with_jax(self.target, 0, 0, 2, 0)[0]))
        return one_of(taken)


WAYS = {
    "jax": "{} by JAX",
    "numpy": "{} by NumPy",
    "statistics": "statistics of {}, drawn directly by JAX",
}
"""How `Draws` draw, in words."""


@contextlib.contextmanager
def jax_randomness() -> Iterator[None]:
    """Draw the same numbers whatever JAX's own settings say: threefry, partitionable, in float64."""
    with jax.enable_x64(True), jax.threefry_partitionable(True), jax.default_prng_impl("threefry2x32"):
        yield


def digest_of(values: Rows, *others: np.ndarray) -> str:
    """Return sixteen digits that change when a bit of observations, or of other arrays, does."""
    digest = hashlib.sha256()
    for name, column in named_columns(values).items():
        digest.update(f"{name} {column.shape}".encode() if name or column.ndim > 1 else b"")
        digest.update(column.tobytes())
    for other in others:
        digest.update(other.tobytes())
    return digest.hexdigest()[:16]


def draw_with_jax(target: Any, base: Any, seed: Any, n: int, held_out: int) -> tuple[Rows, Rows]:
    """Draw from the key `fold_in(key(base), seed)`: independent draws need no permutation to be split."""
    values = target.sample(jax.random.fold_in(jax.random.key(base, impl="threefry2x32"), seed), (n,))
    return take(values, slice(held_out, None)), take(values, slice(held_out))


_draw_one = jax.jit(draw_with_jax, static_argnums=(3, 4))
