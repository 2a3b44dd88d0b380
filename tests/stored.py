"""A small sweep that many tests store: 4 x 5 runs, in five batches of one rate each."""

import functools

import jax
from helpers import draws

import mlejax
from mlejax.sweeps import measure

SEEDS, RATES = [3, 4, 5, 6], [0.1, 0.2, 0.5, 1.0, 2.0]

sweep = functools.partial(
    mlejax.sweep, mlejax.Normal(0.0, 1.0), observations=draws(500, "numpy"), max_epochs=400, progress=False
)


def in_pieces(monkeypatch, most=1000, size=4):
    """Runs end `size` at a time, and are measured at once; after so many pieces comes Ctrl-C."""
    run_all = measure.run_all

    def pieces(*arguments):
        count = 0
        for ids, states in run_all(*arguments):
            for first in range(0, len(ids), size):
                if (count := count + 1) > most:
                    raise KeyboardInterrupt
                part = slice(first, first + size)
                yield ids[part], jax.tree.map(lambda leaf, part=part: leaf[part], states)

    monkeypatch.setattr(measure, "run_all", pieces)
