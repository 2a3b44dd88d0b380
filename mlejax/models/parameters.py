"""The parameters of a model as one table: names, shapes, domains, and the vector of all of them."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import GetAttrKey, keystr, tree_flatten_with_path
from jaxtyping import Array, ArrayLike, Bool, DTypeLike, Num

from .. import checks
from ..checks import InputTypeError, InputValueError
from .abilities import HasLabels
from .base import M, Model, hidden_field, name_of
from .constraints import Domain, Way, real

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
        labels: of the numbers of each parameter, in row order; () where they are numbered.

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
    labels: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, model: M) -> "Parameters[M]":
        """Return the table of all models like this one, whose leaves are numbers or arrays, traced or not."""
        leaves, tree = jax.tree.flatten(model)
        shapes = tuple([leaf.shape if hasattr(leaf, "shape") else np.shape(leaf) for leaf in leaves])
        try:
            return _known(tree, shapes)
        except (TypeError, ValueError):  # a static field cannot be hashed or compared: what traces the formula says so
            return _table(tree, shapes)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters' names: `mean`, `inner.mean` of a model in a model, `weights[0]` in a container.

        Those of a model in the field `base`, which a wrapper has, keep their own, unless two would be the same.
        """
        plain = tuple(map(plain_name, self.paths))
        return plain if len(set(plain)) == len(plain) else tuple(keystr(path).removeprefix(".") for path in self.paths)

    @functools.cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each parameter holds."""
        return tuple(map(math.prod, self.shapes))

    @functools.cached_property
    def size(self) -> int:
        """How many numbers the parameters hold."""
        return sum(self.sizes)

    @functools.cached_property
    def entries(self) -> tuple[str, ...]:
        """The names of all numbers, in the order of the vector: `mean`, `covariance[0,1]`, `coefficients[age]`."""
        rows = zip(self.names, self.shapes, self.labels, strict=True)
        return tuple(f"{name}[{label}]" if label else name for name, a, b in rows for label in _labels(name, a, b))

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the numbers that a table shows: of a symmetric matrix each pair once."""
        rows = zip(self.domains, self.shapes, strict=True)
        flags = np.concatenate([domain.shown(shape).ravel() for domain, shape in rows])
        return tuple(itertools.compress(self.entries, flags))

    @property
    def entry_domains(self) -> tuple[Domain, ...]:
        """The domain that each number lives in, alone or with others."""
        return tuple(domain for domain, size in zip(self.domains, self.sizes, strict=True) for _ in range(size))

    @functools.cached_property
    def real_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of the unconstrained coordinates of each parameter."""
        return tuple(domain.real_shape(shape) for domain, shape in zip(self.domains, self.shapes, strict=True))

    @functools.cached_property
    def real_sizes(self) -> tuple[int, ...]:
        """How many unconstrained coordinates each parameter has."""
        return tuple(map(math.prod, self.real_shapes))

    @functools.cached_property
    def real_size(self) -> int:
        """How many unconstrained coordinates there are: the number that is estimated, as information criteria count."""
        return sum(self.real_sizes)

    @functools.cached_property
    def logarithmic(self) -> Bool[np.ndarray, " real_size"]:
        """Which coordinates are logarithms, of which 1 is a long way."""
        rows = zip(self.domains, self.shapes, strict=True)
        return np.concatenate([domain.logarithmic(shape).ravel() for domain, shape in rows])

    @functools.cached_property
    def coordinates(self) -> tuple[str, ...]:
        """The names of the unconstrained coordinates: `mean`, `log variance`, `log(weights[0] / weights[1])`."""
        return tuple(name for part in self._arrays() for name in part.domain.coordinates(part.entries))

    def way(self, index: int, sign: int) -> Way:
        """Return where the coordinate of this index leads as it grows, or as it falls where `sign` is -1."""
        places = ((part, i) for part in self._arrays() for i in range(len(part.domain.coordinates(part.entries))))
        part, within = next(itertools.islice(places, index, None))
        return part.domain.way(part.entries, within, sign)

    def _arrays(self) -> Iterator["_Array"]:
        """Yield the numbers that a domain constrains together, or one by one where it does not, in order."""
        entries = iter(self.entries)
        for domain, shape in zip(self.domains, self.shapes, strict=True):
            size = math.prod(shape[len(shape) - domain.rank :]) if domain.rank else 1
            for _ in range(math.prod(shape) // size):
                yield _Array(domain, tuple(itertools.islice(entries, size)))

    def by_name(self, model: M) -> dict[str, Any]:
        """Return the parameters of a model with this structure by name, whatever shape their leaves have."""
        return dict(zip(self.names, self.tree.flatten_up_to(model), strict=True))

    def by_entry(self, model: M) -> dict[str, Any]:
        """Return the numbers of a model with this structure by name, the array of many models in place of each."""
        found: list[Any] = []
        for leaf, shape in zip(self.tree.flatten_up_to(model), self.shapes, strict=True):
            found += [leaf[..., *index][()] for index in np.ndindex(shape)] if shape else [leaf]
        return dict(zip(self.entries, found, strict=True))

    def to_vector(self, model: M) -> Num[Array, "*batch size"]:
        """Return all numbers of a model in leaf order, of one type, along the last axis.

        Args:
            model: one with this structure; its leaves may have further axes in front, the same for all.

        Returns:
            The vector, or as many as the axes in front say.
        """
        return _joined(self.tree.flatten_up_to(model), self.shapes)

    def to_model(self, vector: Num[Array | np.ndarray, "*batch size"]) -> M:
        """Return the model of a vector, or of many along axes in front: the inverse of `to_vector`."""
        return self.tree.unflatten(_parts(vector, self.shapes))

    def to_real(self, model: M) -> Num[Array, "*batch real_size"]:
        """Return the unconstrained coordinates of a model: each parameter mapped from its domain to real numbers."""
        leaves = zip(self.tree.flatten_up_to(model), self.domains, strict=True)
        return _joined([domain.to_real(leaf) for leaf, domain in leaves], self.real_shapes)

    def from_real(self, vector: Num[Array | np.ndarray, "*batch real_size"]) -> M:
        """Return the model of unconstrained coordinates: the inverse of `to_real`."""
        leaves = zip(_parts(vector, self.real_shapes), self.domains, strict=True)
        return self.tree.unflatten([domain.from_real(leaf) for leaf, domain in leaves])

    def inside(self, model: M) -> Bool[Array, ""]:
        """Return whether every number of a model is finite and inside its domain. May be traced."""
        leaves = zip(self.tree.flatten_up_to(model), self.domains, strict=True)
        return functools.reduce(jnp.logical_and, (jnp.all(domain.contains(leaf)) for leaf, domain in leaves))

    def tangent(self, direction: M) -> M:
        """Return the part of a direction that keeps what binds numbers to each other; see `Domain.tangent`."""
        leaves = zip(self.tree.flatten_up_to(direction), self.domains, strict=True)
        return self.tree.unflatten([domain.tangent(leaf) for leaf, domain in leaves])

    def nearest(self, model: M) -> M:
        """Return the nearest model whose numbers are bound to each other as declared; see `Domain.nearest`."""
        leaves = zip(self.tree.flatten_up_to(model), self.domains, strict=True)
        return self.tree.unflatten([domain.nearest(leaf) for leaf, domain in leaves])

    def bound(self, curvature: Num[Array | np.ndarray, "size size"]) -> Num[Array | np.ndarray, "size size"]:
        """Return second derivatives by all numbers along the directions of `tangent` alone, zero across them."""
        if self.real_size == self.size:
            return curvature
        along = self.to_vector(self.tangent(self.to_model(np.eye(self.size))))
        return along @ curvature @ along

    def equal(self, one: M, other: M) -> Bool[Array, ""]:
        """Return whether two models are equal in every number. May be traced."""
        pairs = zip(self.tree.flatten_up_to(one), self.tree.flatten_up_to(other), strict=True)
        return functools.reduce(jnp.logical_and, (jnp.all(a == b) for a, b in pairs))

    def one_for_each(self, value: object) -> M:
        """Return one value for every parameter, such as its learning rate: a model as it is, anything else repeated."""
        return value if isinstance(value, Model) else self.tree.unflatten([value] * self.tree.num_leaves)  # type: ignore[return-value]


@dataclasses.dataclass(frozen=True)
class _Array:
    """The numbers that a domain constrains together: one, or those of an array."""

    domain: Domain
    entries: tuple[str, ...]  # their names


def _joined(leaves: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> Array:
    """Return arrays as one vector; they may have further axes in front, the same for all."""
    arrays = zip(map(jnp.asarray, leaves), shapes, strict=True)
    return jnp.concatenate([leaf.reshape(*leaf.shape[: leaf.ndim - len(s)], math.prod(s)) for leaf, s in arrays], -1)


def _parts(vector: Array | np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[Array | np.ndarray | np.number]:
    """Return the arrays and numbers of a vector, or of many: the inverse of `_joined`."""
    ends = list(itertools.accumulate(map(math.prod, shapes), initial=0))
    parts = zip(ends[:-1], ends[1:], shapes, strict=True)
    if isinstance(vector, np.ndarray) and vector.ndim == 1:
        return [vector[a:b].reshape(shape) if shape else vector[a] for a, b, shape in parts]
    return [vector[..., a:b].reshape((*vector.shape[:-1], *shape)) for a, b, shape in parts]


def _labels(name: str, shape: tuple[int, ...], labels: tuple[str, ...]) -> Iterator[str]:
    """Yield what stands in brackets after the name of a parameter for each of its numbers; nothing for a single one.

    Axes in front of those that are labeled are numbered.
    """
    if not shape:  # a rate, for example, of all of an array
        yield ""
        return
    counted = next((i for i in range(len(shape) + 1) if math.prod(shape[i:]) == len(labels)), None)
    if not labels:
        yield from (",".join(map(str, index)) for index in np.ndindex(shape))
        return
    if counted is None:
        raise InputValueError(f"{name} has shape {shape} and {len(labels)} labels: each of its numbers needs one")
    for index in np.ndindex(shape[:counted]):
        yield from (",".join([*map(str, index), label]) for label in labels)


def plain_name(path: tuple[Any, ...]) -> str:
    """Return what a parameter at this place in a model is called; see `Parameters.names`."""
    return keystr(tuple(key for key in path if key != GetAttrKey("base"))).removeprefix(".")


def parameter_names(model: Model) -> tuple[str, ...]:
    """Return the names of a model's parameters in leaf order; see `Parameters.names`."""
    return Parameters.of(model).names


def parameter_dict(model: Model) -> dict[str, Any]:
    """Return a model's parameters by name, in leaf order."""
    return Parameters.of(model).by_name(model)


def entry_dict(model: Model) -> dict[str, Any]:
    """Return all numbers of a model by name, those of its arrays one by one; see `Parameters.entries`."""
    return Parameters.of(model).by_entry(model)


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
    if hidden := hidden_field(type(model)):
        raise InputValueError(f"{table.family}: a parameter cannot be named {hidden!r}, which every model has")
    arrays = []
    for name, leaf, domain in zip(table.names, table.tree.flatten_up_to(model), table.domains, strict=True):
        array = np.asarray(leaf)
        if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
            raise InputTypeError(f"{what}: {table.family}.{name} must be a real number; got {checks.shown(leaf)}")
        array = array.astype(dtype)
        try:
            domain.real_shape(array.shape)
        except InputValueError as error:
            raise InputValueError(f"{what}: {table.family}.{name}: {error}") from None
        inside: Any = domain.contains(array)
        if not (inside.all() if inside.ndim else inside):
            raise InputValueError(f"{what}: {table.family}.{name} must be {domain}; got {leaf}")
        arrays.append(array)
    return table.tree.unflatten(arrays)


def cast(tree: T, dtype: DTypeLike) -> T:
    """Return a pytree with all floating-point leaves as JAX arrays of one type."""

    def one(leaf: ArrayLike) -> ArrayLike:
        return jnp.asarray(leaf, dtype) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else leaf

    return jax.tree.map(one, tree)


def _declared(module: eqx.Module) -> list[tuple[Domain, tuple[str, ...]]]:
    """Return the domain and the labels of every parameter, in leaf order, of modules in modules too."""
    found: list[tuple[Domain, tuple[str, ...]]] = []
    for field in dataclasses.fields(module):
        if not field.metadata.get("static", False):
            for part in jax.tree.leaves(getattr(module, field.name), is_leaf=lambda x: isinstance(x, eqx.Module)):
                if isinstance(part, eqx.Module):
                    found.extend(_declared(part))
                    continue
                named: Any = module if issubclass(type(module), HasLabels) else None  # not by a field of that name
                labels = () if named is None else tuple(named.labels(field.name))
                found.append((field.metadata.get("domain", real), labels))
    return found


def _table(tree: Any, shapes: tuple[tuple[int, ...], ...]) -> Parameters[Any]:
    model = tree.unflatten(list(map(np.zeros, shapes)))
    paths = tuple(path for path, _ in tree_flatten_with_path(model)[0])
    domains, labels = zip(*found, strict=True) if (found := _declared(model)) else ((), ())
    return Parameters(name_of(model), tree, paths, shapes, domains, labels)


_known = functools.lru_cache(maxsize=256)(_table)
