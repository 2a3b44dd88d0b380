"""The one loop over the epochs of a run that keeps something of them: for `train`, and for chosen runs of a sweep."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax

from ..models.base import M
from ..status import Status
from .run import Run, advance
from .sense import Optimizer
from .step import StepInfo, TrainState
from .vary import Making

K = TypeVar("K")


def ascend(
    state: TrainState[M],
    kept: K,
    run: Run[M],
    until: Any,
    *,
    keep: Callable[[K, TrainState[M], TrainState[M], StepInfo[M]], K],
    optimizer: Optimizer | Making | None,
    every: int = 1,
) -> tuple[TrainState[M], K]:
    """Advance one run up to an epoch, or to its end, and keep something of the first of every so many epochs.

    Args:
        state: of the run.
        kept: what has been kept so far: a pytree of arrays.
        run: what decides the run.
        until: the epoch after which to return; traced.
        keep: returns `kept` with one epoch more. It is given `kept`, the states before and after the epoch, and what
            the epoch measured. Where it leaves the last aside, the states have the bits that they have in a sweep.
        optimizer: of the run.
        every: how many epochs lie between one that is kept and the next.

    Returns:
        The state, and what has been kept.
    """

    def unfinished(carry: tuple[TrainState[M], K]) -> Any:
        state, _ = carry
        return (state.status == Status.RUNNING) & (state.epoch < until)

    def on(carry: tuple[TrainState[M], K]) -> tuple[TrainState[M], K]:
        state, kept = carry
        following, info = advance(run, state, optimizer)
        kept = keep(kept, state, following, info)
        # A run that ends on the way stays as it is.
        return jax.lax.fori_loop(1, every, lambda _, state: advance(run, state, optimizer)[0], following), kept

    return jax.lax.while_loop(unfinished, on, (state, kept))
