"""Models that hold a model: some of its parameters fixed, its observations moved."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Generic

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from ..checks import InputTypeError, InputValueError, shown
from .abilities import CanBeIrregular, CanBeUnbounded, CanSample, HasStart, starts_many
from .base import M, Model, name_of
from .moments import Weights
from .parameters import Parameters, plain_name
from .rows import Rows
from .support import Support, Supports

Family = type[Model] | HasStart
"""A class of models, or anything else that finds a start for one in observations."""


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Given:
    """A number, or nested tuples of them, in the place of a parameter that is not estimated."""

    value: float | tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.value} (fixed)"

    @classmethod
    def of(cls, value: ArrayLike) -> "Given":
        """Return a number or an array as it is kept."""
        return cls(_tuples(np.asarray(value, np.float64).tolist()))

    @property
    def number(self) -> float | Array:
        """What a formula computes with."""
        return jnp.asarray(self.value) if isinstance(self.value, tuple) else self.value


class Wrapper(Model, Generic[M]):
    """A model that holds another in its field `base`, whose parameters keep their own names."""

    base: M

    def __check_init__(self) -> None:
        if not isinstance(self.base, Model):
            wrapper = type(self).__name__
            got = self.base.__name__ if isinstance(self.base, type) else shown(self.base)
            raise InputTypeError(
                f"{wrapper} holds a model, such as mlejax.Weibull(2.0, 1.0); got {got}: {wrapper}.of takes a family"
            )

    @property
    def __name__(self) -> str:  # type: ignore[override]
        """What the model is called: `Fixed(StudentT)`."""
        return f"{type(self).__name__}({name_of(self.base)})"

    def __getattr__(self, name: str) -> Any:
        if name == "base" or name.startswith("_"):
            raise AttributeError(name)
        return _parameter(self.base, name)

    def draws_inside(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of the model inside.

        Raises:
            TypeError: it cannot draw.
        """
        inner = filled(self.base)
        if not isinstance(inner, CanSample):
            raise InputTypeError(f"{name_of(inner)} has no sample(key, shape)")
        return inner.sample(key, shape)


class Fixed(Wrapper[M]):
    r"""A model of which some parameters are fixed numbers, and only the others are estimated.

    `Fixed.of(family, name=value)` is a family of them, `Fixed.of(model, name=value)` such a model.

    Args:
        base: the model inside, with a fixed number in the place of each parameter that is not estimated.

    Example:
        >>> import mlejax
        >>> mlejax.Fixed.of(mlejax.StudentT, degrees_of_freedom=9).start([1.0, 2.0, 4.0])
        Fixed(base=StudentT(location=2.0, scale=..., degrees_of_freedom=Given(value=9.0)))
    """

    base: M

    @staticmethod
    def of(inner: object, **values: object) -> Any:
        """Return a family, or a model, with parameters fixed.

        Args:
            inner: a family, such as `StudentT`; or a model.
            **values: the fixed parameters by name, in the parameter's own units and inside its domain.

        Returns:
            Of a family a `FixedFamily`, which finds its start; of a model a `Fixed`.

        Raises:
            TypeError: `inner` is neither, or finds no start.
            ValueError: it has no such parameter, the value is outside of its domain, or none is left to estimate.
        """
        if not values:
            raise InputValueError(f"Fixed needs a parameter to fix, such as Fixed.of({name_of(inner)}, name=value)")
        given = {name: _as_given(name, value) for name, value in values.items()}
        if isinstance(inner, Model):
            return Fixed(_with(inner, given))
        family = checked_family("Fixed", inner)
        if isinstance(family, type):
            known = [each.name for each in dataclasses.fields(family) if not each.metadata.get("static")]
            _check_known(name_of(family), list(given), known)
        return FixedFamily(family, tuple(given.items()))

    @property
    def support(self) -> Supports:  # type: ignore[override]
        """That of the model inside."""
        return filled(self.base).support

    def log_prob(self, x: Any) -> Array:
        return filled(self.base).log_prob(x)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.draws_inside(key, shape)

    def unbounded(self, count: float) -> str:
        """Return what the model inside says of a likelihood that grows without bound."""
        inner = filled(self.base)
        return inner.unbounded(count) if isinstance(inner, CanBeUnbounded) else ""

    def irregularity(self) -> str:
        """Return what the model inside says of a maximum that is not normally distributed."""
        inner = filled(self.base)
        return inner.irregularity() if isinstance(inner, CanBeIrregular) else ""


@dataclasses.dataclass(frozen=True)
class FixedFamily:
    """A family with some parameters fixed; `Fixed.of` makes it."""

    inner: Family
    values: tuple[tuple[str, Given], ...]

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"Fixed({name_of(self.inner)})"

    @property
    def support(self) -> Supports | None:
        """That of the family inside."""
        found = getattr(self.inner, "support", None)
        return None if isinstance(found, property) else found

    @property
    def starts_side_by_side(self) -> bool:
        """Whether the family inside starts many samples side by side."""
        return isinstance(self.inner, type) and starts_many(self.inner)

    def start(self, observations: Rows | ArrayLike, weights: Weights = None) -> Fixed[Any]:
        """Return the start that the family inside finds, with the fixed numbers in their places."""
        found: Any = self.inner.start(observations, weights)  # type: ignore[union-attr]
        if self.starts_side_by_side and np.ndim(observations) == 2:  # type: ignore[arg-type]
            return Fixed(dataclasses.replace(found, **dict(self.values)))  # the values were checked for the first
        return Fixed(_with(found, dict(self.values)))


def support_of(family: Family) -> Support | None:
    """Return the support of a family; None where it is not known before its parameters."""
    found = getattr(family, "support", None)
    return found if isinstance(found, Support) else None


def checked_family(wrapper: str, inner: object) -> Any:
    """Return what a wrapper is to hold, which must be a family that finds a start.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(inner, HasStart) or (isinstance(inner, type) and not issubclass(inner, Model)):
        what = f"{inner.__name__}, which has no start" if isinstance(inner, type) else shown(inner)
        raise InputTypeError(
            f"{wrapper}.of needs a family with a start(observations, weights), such as mlejax.Weibull; got {what}"
        )
    return inner


def family_of_numbers(wrapper: str, inner: object) -> Any:
    """Return what a wrapper is to hold, which must be a family that finds a start, not of records.

    Raises:
        TypeError: it is not.
    """
    family, support = checked_family(wrapper, inner), getattr(inner, "support", None)
    holder = getattr(getattr(family, "wrapper", None), "__name__", "")  # of times that are known in part
    if isinstance(getattr(family, "of_response", None), Support):
        parts = "a response and features"
    elif isinstance(support, dict):
        parts = " and ".join(map(str, support)) + (f"; {holder}.of goes outermost" if holder else "")
    else:
        return family
    raise InputTypeError(f"{wrapper}.of needs a family of numbers; {name_of(family)} is of records of {parts}")


def filled(model: M) -> M:
    """Return a model with its fixed parameters as numbers in their places."""
    return jax.tree.map(
        lambda leaf: leaf.number if isinstance(leaf, Given) else leaf, model, is_leaf=lambda x: isinstance(x, Given)
    )


def fixed_parameters(model: Model) -> dict[str, float]:
    """Return the numbers in a model that are fixed, by name; those of an array as `mean[0]`, `mean[1]`.

    Example:
        >>> import mlejax
        >>> fixed_parameters(mlejax.Fixed.of(mlejax.Normal(0.0, 1.0), mean=2))
        {'mean': 2.0}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(model, is_leaf=lambda x: isinstance(x, Given))
    return {
        plain_name(path) + (f"[{','.join(map(str, index))}]" if index else ""): float(value)
        for path, leaf in leaves
        if isinstance(leaf, Given)
        for index, value in np.ndenumerate(leaf.value)
    }


def _parameter(model: Model, name: str) -> Any:
    """Return a parameter of a model by its own name, also where a model inside holds it."""
    if name in {each.name for each in dataclasses.fields(model)}:
        value = getattr(model, name)
        return value.value if isinstance(value, Given) else value
    if isinstance(model, Wrapper):
        return _parameter(model.base, name)
    raise AttributeError(f"{name_of(model)} has no parameter {name}")


def _as_given(name: str, value: object) -> Given:
    if isinstance(value, Tracer):
        raise InputTypeError(
            f"Fixed: {name} must be known before JAX traces the program; where it is to be differentiated or batched, "
            "make it a part of each observation"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise InputTypeError(f"Fixed: {name} must be a number; got {shown(value)}")
    return Given.of(array)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _with(model: Model, given: Mapping[str, Given]) -> Any:
    """Return a model with these parameters fixed."""
    table = Parameters.of(model)
    _check_known(table.family, list(given), list(table.names))
    leaves = dict(zip(table.names, table.tree.flatten_up_to(model), strict=True))
    for name, domain, shape in zip(table.names, table.domains, table.shapes, strict=True):
        if name in given:
            value = np.asarray(given[name].value)
            if value.shape != shape:
                raise InputValueError(f"Fixed: {table.family}.{name} has shape {shape}; got shape {value.shape}")
            if not np.all(domain.contains(value)):
                raise InputValueError(f"Fixed: {table.family}.{name} must be {domain}; got {given[name].value}")
            leaves[name] = given[name]
    return table.tree.unflatten(leaves.values())


def _check_known(family: str, names: list[str], known: list[str]) -> None:
    """Refuse to fix what is no parameter, or all that there are."""
    for name in names:
        if name not in known:
            raise InputValueError(f"Fixed: {family} has no parameter {name}; it has {', '.join(known)}")
    if set(names) == set(known):
        raise InputValueError(f"Fixed: no parameter of {family} is left to estimate")
