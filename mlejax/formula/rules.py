"""Whether functions with a derivative of their own have that of their formula."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .jaxpr import Node, evaluate, opened

RULES_AGREE = 1e-9
"""How closely a declared derivative must agree with that of the formula, relative to the larger of 1 and its size."""


MOST_KNOWN = 256
"""Answers that are kept: a formula is factored in several ways, each of which asks."""

_KNOWN: dict[tuple[Any, ...], bool] = {}
"""The answers, by the equation, which is what it is for ever, and the signs."""


def follows_its_formula(node: Node, signs: Sequence[int]) -> bool:
    """Return whether a function with a derivative of its own has that of its formula.

    Asked at some hundred places from 1e-3 to 1e3, of the known signs. The factored form differentiates the formula;
    the two must not differ. Zero is left out: there a formula may be guarded, which is what a rule is declared for.
    """
    shapes = [atom.aval for atom in (*node.equation.invars, *node.equation.outvars)]
    floats = [jnp.issubdtype(aval.dtype, jnp.floating) for aval in shapes]
    if any(aval.shape for aval in shapes) or not all(floats):
        return True  # nothing to ask here; the data are compared with the result as a whole
    if (key := (node.equation, *signs)) not in _KNOWN:
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = _agree(node, signs, shapes)
    return _KNOWN[key]


def _agree(node: Node, signs: Sequence[int], shapes: Sequence[Any]) -> bool:
    """Return whether the two derivatives agree at some places."""
    random = np.random.RandomState(0)
    places = []
    for sign, aval in zip(signs, shapes, strict=False):
        size = np.exp(random.uniform(np.log(1e-3), np.log(1e3), 500))
        places.append((size * (sign or random.choice([-1, 1], 500))).astype(aval.dtype))
    formula, function = opened(node), node.function
    assert function is not None

    def written(*values: Any) -> Any:
        known = dict(zip(formula.inputs, values, strict=True))
        return sum(evaluate(result, known) for result in formula.results)

    def declared(*values: Any) -> Any:
        return sum(jax.tree.leaves(function(*values)))

    def both(*values: Any) -> Any:
        every = tuple(range(len(signs)))
        return tuple(jax.vmap(jax.grad(f, every))(*values) for f in (declared, written))

    # One program, not one for each operation; and made apart, as a caller may be tracing a program of its own.
    one, other = jax.jit(both).lower(*places).compile()(*places)
    for a, b in zip(map(np.asarray, one), map(np.asarray, other), strict=True):
        known = np.isfinite(a) & np.isfinite(b)
        tolerance = RULES_AGREE if a.dtype == np.float64 else 1e-3
        if np.any(np.abs(a - b)[known] > tolerance * np.maximum(1, np.abs(b[known]))):
            return False
    return True
