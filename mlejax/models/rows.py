"""Observations of any kind: each a number, a vector, or a record of them; a sample of them has an axis in front."""

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey, GetAttrKey, tree_flatten_with_path
from jaxtyping import Array, PyTree, Shaped

if TYPE_CHECKING:
    Rows: TypeAlias = Any
    """A sample: an array (n,) or (n, d), or a record of such arrays, a pytree."""

    Observation: TypeAlias = Any
    """The shape and the type of ONE observation: of a number, a vector, or each part of a record."""
else:  # which type checkers do not know
    Rows = PyTree[Shaped[Array | np.ndarray, "_ ..."]]
    Observation = PyTree[jax.ShapeDtypeStruct]


def row_count(values: Rows) -> int:
    """Return how many observations a sample has."""
    return jax.tree.leaves(values)[0].shape[0]


def take(values: Rows, index: Any) -> Rows:
    """Return those observations that an index, a slice or an array of indices names."""
    return jax.tree.map(lambda column: column[index], values)


class Extremes(NamedTuple):
    """The least and the greatest of the numbers of a column; NaN where one is."""

    lowest: Any
    highest: Any

    @classmethod
    def of(cls, column: np.ndarray) -> "Extremes":
        """Return those of a column that is not empty."""
        return cls(np.minimum.reduce(column, axis=None), np.maximum.reduce(column, axis=None))

    @classmethod
    def of_numbers(cls, values: Rows) -> "Extremes | None":
        """Return those of a sample of numbers; None of vectors and records."""
        return cls.of(values) if isinstance(values, np.ndarray) and values.ndim == 1 else None


def concatenate(parts: Sequence[Rows]) -> Rows:
    """Return samples one after the other: on the host if all are there."""
    on_host = all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(tuple(parts)))
    return jax.tree.map(lambda *columns: (np if on_host else jnp).concatenate(columns), *parts)


def one_of(values: Rows | Observation) -> Observation:
    """Return the shape and the type of one observation of a sample."""
    if isinstance(values, np.ndarray):
        return jax.ShapeDtypeStruct(values.shape[1:], values.dtype)
    return jax.tree.map(lambda column: jax.ShapeDtypeStruct(column.shape[1:], column.dtype), values)


def in_types(values: Rows, observation: Observation) -> Rows:
    """Return observations in the types of the one that is given."""
    return jax.tree.map(lambda column, one: _in_type(column, one.dtype), values, observation)


def _in_type(column: Any, dtype: Any) -> Any:
    return column if column.dtype == dtype else column.astype(dtype)


def is_number(observation: Observation) -> bool:
    """Return whether an observation is a single number."""
    return isinstance(observation, jax.ShapeDtypeStruct) and not observation.shape


def recorded_observation(observation: Observation) -> dict[str, Any] | None:
    """Return the shapes and types of a vector, or of a record, as JSON has them; None of a single number.

    Of a record that is no plain dict the way to each part besides: `["attribute", "x"]` of a named tuple.
    """
    if is_number(observation):
        return None
    parts = named_columns(observation)
    if list(parts) == [""] or (isinstance(observation, dict) and list(parts) == list(observation)):
        return {name: [list(of.shape), of.dtype.name] for name, of in parts.items()}
    paths = (list(map(_step, path)) for path, _ in tree_flatten_with_path(observation)[0])
    return {name: [list(of.shape), of.dtype.name, path] for (name, of), path in zip(parts.items(), paths, strict=True)}


def observation_recorded(recorded: Mapping[str, Any] | None) -> Observation | None:
    """Return the observation that was recorded; None of a single number.

    A record with attributes is a named tuple, whatever it was.

    Raises:
        LookupError: it was one from whose record it cannot be made again.
    """
    if recorded is None:
        return None
    if None in recorded.values():
        raise LookupError("a record of another kind than a dict")
    parts = [jax.ShapeDtypeStruct(tuple(shape), np.dtype(of)) for shape, of, *_ in recorded.values()]
    paths = [rest[0] if rest else [["key", name]] for name, (_, _, *rest) in recorded.items()]
    return parts[0] if list(recorded) == [""] else _made(paths, parts)


def _made(paths: Sequence[Sequence[Any]], parts: Sequence[Any]) -> Observation:
    """Return a record by the way to each part."""
    if not paths[0]:
        return parts[0]
    inner: dict[Any, list[int]] = {}
    for i, path in enumerate(paths):
        inner.setdefault(path[0][1], []).append(i)
    found = {key: _made([paths[i][1:] for i in of], [parts[i] for i in of]) for key, of in inner.items()}
    kind = paths[0][0][0]
    if kind == "attribute":
        try:
            return collections.namedtuple("Record", list(found))(**found)
        except ValueError as error:
            raise LookupError(f"a record whose attributes no named tuple has: {error}") from error
    return found if kind == "key" else tuple(found.values())


def named_columns(values: Any, is_leaf: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """Return the parts of a record by name; of anything else itself, under no name.

    Args:
        values: a pytree.
        is_leaf: says of a part whether it is to be taken whole.

    Example:
        >>> list(named_columns({"age": np.zeros(3), "income": np.zeros(3)}))
        ['age', 'income']
    """
    if isinstance(values, np.ndarray):
        return {"": values}
    return {".".join(map(_key, path)): leaf for path, leaf in tree_flatten_with_path(values, is_leaf)[0]}


def _step(key: Any) -> list[Any]:
    """Return a step of the way to a part of a record as JSON has it."""
    if isinstance(key, DictKey):
        return ["key", key.key]
    return ["attribute", key.name] if isinstance(key, GetAttrKey) else ["index", getattr(key, "idx", None)]


def _key(key: Any) -> str:
    return str(_step(key)[1])


def described(observation: Observation) -> str:
    """Return what an observation is, in words."""
    parts = named_columns(observation)
    if list(parts) != [""]:
        return f"a record of {', '.join(parts)}"
    return f"an array of shape {parts[''].shape}" if parts[""].shape else "a number"
