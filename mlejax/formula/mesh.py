"""Values that are spread over the devices of a caller's mesh."""

from typing import Any, TypeVar

import jax

T = TypeVar("T")


def varying(*values: Any) -> frozenset[str]:
    """Return the axes of a `shard_map` along which one of these values differs between devices."""
    types = (getattr(jax.typeof(value), "manual_axis_type", None) for value in values)
    return frozenset(axis for of in types for axis in getattr(of, "varying", ()))


def spread_over_a_mesh(*values: Any) -> bool:
    """Return whether a value varies so, or is sharded by its type: such an operation may not be made of its parts."""
    specs = (getattr(getattr(jax.typeof(value), "sharding", None), "spec", ()) for value in values)
    return bool(varying(*values)) or any(axis is not None for spec in specs for axis in spec)


def varying_as(tree: T, *values: Any) -> T:
    """Return arrays that vary over a mesh wherever one of some values does, as what a loop carries has to at first."""
    axes = varying(*values)

    def one(leaf: Any) -> Any:
        lacking = tuple(sorted(axes - varying(leaf)))
        return jax.lax.pcast(leaf, lacking, to="varying") if lacking else leaf

    return jax.tree.map(one, tree) if axes else tree
