"""The parameters of a model as one table: names, shapes, domains, and the vector of all of them."""

import dataclasses
import functools
import math
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey, keystr, tree_flatten_with_path
from jaxtyping import Array, ArrayLike, Bool, DTypeLike, Num

from .. import checks
from ..checks import InputTypeError, InputValueError
from .base import M, Model, name_of
from .constraints import Domain, real

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Parameters(Generic[M]):
    """A table of the parameters of a model, a row for each leaf of its pytree, in leaf order.

    It stands for every model of the same class, static fields and shapes, so that it is hashable and can be a static
    argument of a compiled function. `Parameters.of(model)` makes it.

    Args:
        family: the name of the model's class.
        tree: the structure of the model as a pytree.
        paths: where each parameter stands in it.
        shapes: of each parameter; () for a single number.
        domains: of each parameter; the whole real line where none was declared.

    Example:
        >>> import mlejax
        >>> table = Parameters.of(mlejax.Normal(7.0, 8.0))
        >>> table.names, table.size
        (('mean', 'variance'), 2)
        >>> vector = table.to_vector(mlejax.Normal(7.0, 8.0))
        >>> print(vector, table.to_model(vector).variance)
        [7. 8.] 8.0
    """

    family: str
    tree: Any  # a PyTreeDef
    paths: tuple[tuple[Any, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    domains: tuple[Domain, ...]

    @classmethod
    def of(cls, model: M) -> "Parameters[M]":
        """Return the table of a model, whose leaves are numbers or arrays, traced or not.

        Args:
            model: an instance; its values do not matter.

        Returns:
            The table of all models like it.
        """
        leaves, tree = tree_flatten_with_path(model)
        shapes = tuple(np.shape(leaf) for _, leaf in leaves)
        return cls(name_of(model), tree, tuple(path for path, _ in leaves), shapes, _domains(model))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names: `mean`, `inner.mean` of a model in a model, `weights[0]` in a container.

        Those of a model in the field `base`, which a wrapper has, keep their own, unless two would be the same.
        """
        plain = tuple(map(plain_name, self.paths))
        return plain if len(set(plain)) == len(plain) else tuple(keystr(path).removeprefix(".") for path in self.paths)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each parameter holds."""
        return tuple(map(math.prod, self.shapes))

    @property
    def bounded(self) -> tuple[bool, ...]:
        """Whether the domain of each parameter has an end."""
        return tuple(domain.lower > -math.inf or domain.upper < math.inf for domain in self.domains)

    @property
    def size(self) -> int:
        """How many numbers are estimated: what information criteria count."""
        return sum(self.sizes)

    def require_single_numbers(self) -> None:
        """Refuse a parameter that is an array.

        Raises:
            ValueError: naming the first such parameter and its shape.
        """
        for name, shape in zip(self.names, self.shapes, strict=True):
            if shape:
                raise InputValueError(f"{self.family}.{name} has shape {shape}; parameters are single numbers for now")

    def by_name(self, model: M) -> dict[str, Any]:
        """Return the parameters of a model with this structure by name, whatever shape their leaves have."""
        return dict(zip(self.names, self.tree.flatten_up_to(model), strict=True))

    def to_vector(self, model: M) -> Num[Array, "*batch size"]:
        """Return all numbers of a model in leaf order, of one type, along the last axis.

        Args:
            model: one with this structure; its leaves may have further axes in front, the same for all.

        Returns:
            The vector, or as many as the axes in front say.
        """
        leaves = [jnp.asarray(leaf) for leaf in self.tree.flatten_up_to(model)]
        rows = zip(leaves, self.shapes, strict=True)
        return jnp.concatenate([leaf.reshape(*leaf.shape[: leaf.ndim - len(s)], math.prod(s)) for leaf, s in rows], -1)

    def to_model(self, vector: Num[Array | np.ndarray, "*batch size"]) -> M:
        """Return the model of a vector, or of many along axes in front: the inverse of `to_vector`."""
        ends = np.cumsum([0, *self.sizes])
        parts = zip(ends[:-1], ends[1:], self.shapes, strict=True)
        return self.tree.unflatten([vector[..., a:b].reshape((*vector.shape[:-1], *shape)) for a, b, shape in parts])

    def to_real(self, model: M) -> Num[Array, " size"]:
        """Return the unconstrained coordinates of a model: each number mapped from its domain to the real line."""
        leaves = zip(self.tree.flatten_up_to(model), self.domains, strict=True)
        return self.to_vector(self.tree.unflatten([domain.to_real(leaf) for leaf, domain in leaves]))

    def from_real(self, vector: Num[Array | np.ndarray, " size"]) -> M:
        """Return the model of unconstrained coordinates: the inverse of `to_real`."""
        leaves = zip(self.tree.flatten_up_to(self.to_model(vector)), self.domains, strict=True)
        return self.tree.unflatten([domain.from_real(leaf) for leaf, domain in leaves])

    def inside(self, model: M) -> Bool[Array, ""]:
        """Return whether every number of a model is finite and inside its domain. May be traced."""
        leaves = zip(self.tree.flatten_up_to(model), self.domains, strict=True)
        return functools.reduce(jnp.logical_and, (jnp.all(domain.contains(leaf)) for leaf, domain in leaves))

    def equal(self, one: M, other: M) -> Bool[Array, ""]:
        """Return whether two models are equal in every number. May be traced."""
        pairs = zip(self.tree.flatten_up_to(one), self.tree.flatten_up_to(other), strict=True)
        return functools.reduce(jnp.logical_and, (jnp.all(a == b) for a, b in pairs))

    def one_for_each(self, value: object) -> M:
        """Return one value for every parameter, such as its learning rate: a model as it is, anything else repeated."""
        return value if isinstance(value, Model) else self.tree.unflatten([value] * self.tree.num_leaves)  # type: ignore[return-value]


def plain_name(path: tuple[Any, ...]) -> str:
    """Return what a parameter at this place in a model is called; see `Parameters.names`."""
    return keystr(tuple(key for key in path if key != GetAttrKey("base"))).removeprefix(".")


def parameter_names(model: Model) -> tuple[str, ...]:
    """Return the names of a model's parameters in leaf order; see `Parameters.names`."""
    return Parameters.of(model).names


def parameter_dict(model: Model) -> dict[str, Any]:
    """Return a model's parameters by name, in leaf order."""
    return Parameters.of(model).by_name(model)


def with_dtype(model: M, dtype: DTypeLike, what: str = "start") -> M:
    """Return the same model with its parameters as arrays of one floating-point type, each inside its domain.

    Args:
        model: parameters as numbers or arrays of any shape.
        dtype: `float64` or `float32`.
        what: what the model is called in an error message.

    Returns:
        A model of NumPy arrays.

    Raises:
        TypeError: `model` is not a Model, or a parameter is not a real number.
        ValueError: a parameter is outside its domain, or bears the name of a part of `Model`.

    Example:
        >>> import numpy as np
        >>> import mlejax
        >>> with_dtype(mlejax.Normal(0, 1), np.float32).variance
        array(1., dtype=float32)
    """
    if not isinstance(model, Model):
        raise InputTypeError(f"{what} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got {model!r}")
    table = Parameters.of(model)
    if not table.names:
        raise InputValueError(f"{what}: {table.family} has no parameters to estimate")
    if hidden := [field.name for field in dataclasses.fields(model) if hasattr(Model, field.name)]:
        raise InputValueError(f"{table.family}: a parameter cannot be named {hidden[0]!r}, which every model has")
    arrays = []
    for (name, leaf), domain in zip(table.by_name(model).items(), table.domains, strict=True):
        array = np.asarray(leaf)
        if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
            raise InputTypeError(f"{what}: {table.family}.{name} must be a real number; got {checks.shown(leaf)}")
        array = array.astype(dtype)
        if not np.all(domain.contains(array)):
            raise InputValueError(f"{what}: {table.family}.{name} must be {domain}; got {leaf}")
        arrays.append(array)
    return table.tree.unflatten(arrays)


def cast(tree: T, dtype: DTypeLike) -> T:
    """Return a pytree with all floating-point leaves as JAX arrays of one type."""

    def one(leaf: ArrayLike) -> ArrayLike:
        return jnp.asarray(leaf, dtype) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else leaf

    return jax.tree.map(one, tree)


def _domains(module: eqx.Module) -> tuple[Domain, ...]:
    """Return the declared domain of every parameter, in leaf order, of modules in modules too."""
    found: list[Domain] = []
    for field in dataclasses.fields(module):
        if not field.metadata.get("static", False):
            for part in jax.tree.leaves(getattr(module, field.name), is_leaf=lambda x: isinstance(x, eqx.Module)):
                inner = isinstance(part, eqx.Module)
                found.extend(_domains(part) if inner else [field.metadata.get("domain", real)])
    return tuple(found)
