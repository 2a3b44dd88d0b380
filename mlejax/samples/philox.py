"""Random numbers that a seed and a number decide: NumPy's generator Philox, of which each thread has one."""

import threading

import numpy as np

_KEPT = threading.local()


def generator(seed: int, number: int) -> np.random.Generator:
    """Return NumPy's generator `Philox(key=[seed, number])`, which the next call in the same thread sets anew.

    NumPy asks the system for entropy whenever one is made, and lets other threads in meanwhile: several times as long
    as setting one takes.
    """
    if (random := getattr(_KEPT, "random", None)) is None:
        random = _KEPT.random = np.random.Generator(np.random.Philox(key=[0, 0]))
        _KEPT.state = random.bit_generator.state
    _KEPT.state["state"]["key"][:] = seed, number
    random.bit_generator.state = _KEPT.state
    return random


def times_drawn(seed: int, number: int, n: int) -> np.ndarray:
    """Return how often each of n observations is among n that are drawn with replacement, (n,)."""
    return np.bincount(generator(seed, number).integers(0, n, n), minlength=n)
