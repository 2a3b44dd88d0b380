"""What a model may do besides its log-density. Each is a method; a model that has it can do it."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Key, Num

from .base import Model
from .constraints import Number
from .moments import Weights
from .rows import Rows

_Asking: type[type] = type if TYPE_CHECKING else type(Protocol)


class _Ability(_Asking):
    """A metaclass that looks through a class of models once, not whenever it is asked what one of its models can do."""

    def __instancecheck__(self, instance: Any) -> bool:
        known = _defines(self, instance if isinstance(instance, type) else type(instance))
        return super().__instancecheck__(instance) if known is None else known


@functools.lru_cache(maxsize=1024)
def _defines(ability: Any, of: type) -> bool | None:
    """Return whether all models of a class have an ability; None where each has to be asked, or of another class."""
    plain = issubclass(of, Model) and not hasattr(of, "__getattr__")
    return _Asking.__instancecheck__(ability, of) if plain else None


@runtime_checkable
class CanSample(Protocol, metaclass=_Ability):
    """A model that can draw observations; needed as the target of a sweep over drawn samples."""

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        ...


@runtime_checkable
class HasLabels(Protocol, metaclass=_Ability):
    """A model that names the numbers in its arrays, such as the coefficients of a regression; others are numbered."""

    def labels(self, field: str) -> tuple[str, ...]:
        """Return a label for each number of the array in this field, in row order; () where they are to be numbered."""
        ...


@runtime_checkable
class HasStart(Protocol, metaclass=_Ability):
    """A family that finds a start for the ascent in the observations."""

    @classmethod
    def start(cls, observations: Rows | Sequence[float], weights: Weights = None) -> Model:
        """Return a model of floats inside its domain, near enough to the maximum for damped Newton steps to reach it.

        Args:
            observations: n of them, inside the support.
            weights: (n,), non-negative, how many times each observation counts; None: once.

        Returns:
            A model, from moments, logarithmic moments or quantiles, found in time proportional to n.
        """
        ...


@runtime_checkable
class CanStartMany(HasStart, Protocol):
    """A family whose `start` also takes many samples of one size side by side, (n, m), each a column, without weights.

    It then returns a model of arrays (m,). `starts_side_by_side` says so: a `start` that was written for one sample
    might mix them. Ask `starts_many`: what one class says of its `start` says nothing of that of another.
    """

    starts_side_by_side: ClassVar[bool]


def starts_many(family: object, start: str = "start") -> bool:
    """Return whether the class that wrote the `start` of a family says that it takes many samples side by side.

    Args:
        family: a class, or anything else that finds a start.
        start: the name of the method that finds it.
    """
    classes = (family if isinstance(family, type) else type(family)).__mro__
    wrote = next((each for each in classes if start in vars(each)), object)
    return "starts_side_by_side" in vars(wrote) and bool(getattr(family, "starts_side_by_side", False))


@runtime_checkable
class CanNarrow(HasStart, Protocol):
    """A family of numbers whose density grows without bound at any number of its support as it narrows about that.

    So observations that are all equal have no maximum. Ask `narrows`: one that was made of it may have no such density.
    """

    narrows: ClassVar[str]
    """What the parameters do on that way, in words that follow "as"."""


def narrows(family: type) -> str:
    """Return what the parameters of a family do as it narrows about a number; "" of one that does not say so itself."""
    return vars(family).get("narrows", "")


@runtime_checkable
class HasSeveralStarts(HasStart, Protocol):
    """A family whose likelihood has several maxima, so that one start is not enough."""

    def starts(
        self, observations: np.ndarray | Sequence[float], weights: Weights = None, number: int | None = None
    ) -> Sequence[Model]:
        """Return so many starts, the first that of `start`; as many as the family needs where `number` is None."""
        ...


@runtime_checkable
class HasCanonicalForm(Protocol, metaclass=_Ability):
    """A model that other parameters describe as well, such as the same components in another order."""

    def canonical(self) -> Model:
        """Return the parameters that are shown, of all that describe the same distribution."""
        ...


@runtime_checkable
class HasClosedForm(Protocol, metaclass=_Ability):
    """A family whose maximum of the likelihood has a formula; reports show it beside the estimate."""

    @staticmethod
    def closed_form(observations: np.ndarray | Sequence[float], weights: Weights = None) -> Model:
        """Return the model of highest likelihood for observations (n,), each counted `weights` times.

        Where the maximum lies on the border of the domain, so do the parameters.
        """
        ...


def has_one_top(family: type) -> bool:
    """Return whether the maximum is the only level place: of a class with a closed form of its own.

    A class that is made of one, such as a mixture, may have others.
    """
    return "closed_form" in vars(family)


FEW = 10
"""Observations up to which a maximum is held against that which `HasStartInside` finds: of few, several are common."""


@dataclasses.dataclass(frozen=True)
class Irregular:
    """What is known of a maximum at which the log-likelihood is not smooth."""

    reason: str  # why the curvature there says nothing, and where the errors come from instead
    standard_errors: Model  # NaN of a parameter that has none


@runtime_checkable
class HasIrregularMaximum(HasClosedForm, Protocol):
    """A family whose log-likelihood has a corner or a jump at its maximum, which is the closed form."""

    def irregular(self, count: float) -> Irregular:
        """Return what is known of the maximum, which this model is, of so many observations."""
        ...


@runtime_checkable
class CanBeUnbounded(Protocol, metaclass=_Ability):
    """A family whose likelihood grows without bound in a part of its domain, whatever the sample."""

    def unbounded(self, count: float) -> str:
        """Return what this model approaches where the likelihood of `count` observations grows without bound.

        Args:
            count: of the observations, as a multiple of those that are equal to the most frequent one.

        Returns:
            Words that follow "as"; none where a maximum may be nearby.
        """
        ...


@runtime_checkable
class HasStartInside(CanBeUnbounded, Protocol, metaclass=_Ability):
    """A family whose likelihood is unbounded in parts of its domain, and may have several maxima elsewhere."""

    @classmethod
    def start_inside(cls, observations: np.ndarray, weights: Weights = None) -> Model | None:
        """Return a model near the highest of the maxima, as its profile shows them; None where it shows none.

        Args:
            observations: (n,), inside the support.
            weights: (n,), non-negative, how many times each observation counts; None: once.
        """
        ...


@runtime_checkable
class CanLackMaximum(Protocol, metaclass=_Ability):
    """A family of which the observations themselves tell whether the likelihood has a maximum."""

    def without_maximum(self, observations: np.ndarray) -> str:
        """Return what this model approaches where the likelihood of observations grows without bound.

        Returns:
            Words that follow "as"; none where there is a maximum.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Limit:
    """What the models of a family become far out in their domain."""

    family: HasStart
    way: str  # which parameters run to infinity, in words that follow "as"
    apart: bool = False  # whether it may be higher than a maximum from which no profile leads up to it


@runtime_checkable
class HasLimits(Protocol, metaclass=_Ability):
    """A family whose likelihood may be highest at infinity, where it is that of another family."""

    def limits(self) -> Sequence[Limit]:
        """Return what the family becomes at infinity, as far as that is known."""
        ...


@runtime_checkable
class CanSeeOneValue(Protocol, metaclass=_Ability):
    """A model of observations that may be known in part: one value may be all that was seen of them."""

    def only_value(self, observations: Any) -> float | None:
        """Return the one value that was seen, where no observation rules out that all have it; else None."""
        ...


@runtime_checkable
class CanBeCertain(Protocol, metaclass=_Ability):
    """A model of observations that are known in part: one of its distributions may give all of them probability 1."""

    def certain(self, observations: Any) -> str:
        """Return where a distribution has to lie for that, such as "narrows between 1 and 2"; "" if nowhere."""
        ...


@runtime_checkable
class CanBeIrregular(Protocol, metaclass=_Ability):
    """A family whose maximum, in a part of its domain, is not normally distributed however large the sample."""

    def irregularity(self) -> str:
        """Return why the curvature at a maximum here tells nothing of its errors; nothing where it does."""
        ...


@runtime_checkable
class HasDistribution(Protocol, metaclass=_Ability):
    """A model that knows the share of its distribution on either side of a number: for truncation and censoring."""

    def log_cdf(self, x: Number) -> Array:
        """Return log P(X <= x) of ONE number inside the support, accurate where it is very small."""
        ...

    def log_survival(self, x: Number) -> Array:
        """Return log P(X > x), likewise."""
        ...


@runtime_checkable
class HasAngles(Protocol, metaclass=_Ability):
    """A model of angles: a distribution function of these begins where the circle is cut."""

    @property
    def cut(self) -> float:
        """The angle opposite to where the distribution lies, in radians."""
        ...


@runtime_checkable
class HasTypicalObservations(Protocol, metaclass=_Ability):
    """A family with a few observations that stand for all: its expected information is exact over them.

    The second derivatives of its log-density are quadratic in x, and every expectation of a quadratic is the average
    over `typical_observations`.
    """

    def typical_observations(self) -> Num[Array, " m"]:
        """Return observations (m,) over which the average of any quadratic is its expectation under this model."""
        ...


@runtime_checkable
class CanDrawClosedForm(HasTypicalObservations, Protocol):
    """A family of which the closed form of a sample can be drawn without the sample.

    `typical_observations` of that closed form have the same sufficient statistics, per observation, as the sample.
    """

    def draw_closed_form(self, key: Key[Array, ""], count: int) -> HasTypicalObservations:
        """Return the closed form of a sample of `count` draws, exact in distribution."""
        ...
