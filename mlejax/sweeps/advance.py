"""How the runs of a chunk go on by some epochs: a function for each way, which a backend's `Tuning` names."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from ..formula.jaxpr import NotApplicable
from .kernel import advance_in_registers


def turn_by_turn(one: Callable[[Any, Any], Any], run: Any, state: Any, turns: Any, unroll: int) -> Any:
    """Return the states of runs after some turns of a loop.

    Args:
        one: makes one epoch of ONE run: (run, state) -> state.
        run: what decides the runs; leaves with a leading axis over lanes.
        state: likewise.
        turns: of the loop; traced, or a number that is known when it is compiled.
        unroll: epochs in a turn.
    """
    every = jax.vmap(one)

    def turn(_: Any, state: Any) -> Any:
        for _ in range(unroll):
            state = every(run, state)
        return state

    return jax.lax.fori_loop(0, turns, turn, state)


def in_registers(one: Callable[[Any, Any], Any], run: Any, state: Any, turns: int, unroll: int) -> Any:
    """Return the same by a kernel that loads each run once: on a GPU by Triton, on a CPU interpreted, for tests.

    A step with loops or tables inside, such as an optimizer whose sense is asked for, goes on turn by turn.
    """

    def on(platform: str) -> Callable[[Any, Any], Any]:
        return lambda run, state: advance_in_registers(one, run, state, turns * unroll, platform=platform)

    try:
        return jax.lax.platform_dependent(run, state, cpu=on("cpu"), cuda=on("cuda"), rocm=on("rocm"))
    except NotApplicable:
        return turn_by_turn(one, run, state, turns, unroll)


ADVANCES: Mapping[str, Callable[..., Any]] = {"loop": turn_by_turn, "fixed": turn_by_turn, "registers": in_registers}
"""The ways, by their names. "loop" gets a traced number of turns, the others one that is known."""
