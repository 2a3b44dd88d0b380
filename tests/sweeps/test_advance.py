"""The ways in which a chunk goes on: whichever a backend prefers, every run is the same, bit for bit."""

import functools

import numpy as np
import optax
import pytest
from helpers import assert_same_bits, draws

import mlejax
from mlejax import devices
from mlejax.sweeps import advance

NARROW = devices.Tuning(lanes=8, chunk=4, epochs=12, unroll=3, queue=2)
MODELS = {
    "normal": (mlejax.Normal(0.0, 1.0), [0.1, 1.0, 30.0], draws(200)),
    "gamma": (mlejax.Gamma(2.0, 0.3), [0.01, 0.1, 30.0], mlejax.Draws(mlejax.Gamma(3.0, 0.5), 200)),
}


@functools.cache
def swept(way, family, optimizer=None):
    """A sweep whose runs end in several ways, on lanes that go on in this way."""
    start, rates, observations = MODELS[family]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "CPU", NARROW._replace(advance=way))
        return mlejax.sweep(
            start, seeds=range(3), learning_rates=rates, optimizer=optimizer, observations=observations,
            validation_fraction=0.2, max_epochs=[5, 600], progress=False,
        )  # fmt: skip


MOMENTUM = optax.trace(0.5)


def test_there_is_a_way_for_every_name():
    assert {devices.CPU.advance, devices.ACCELERATOR.advance} <= set(advance.ADVANCES)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "optimizer"), [("normal", None), ("normal", MOMENTUM), ("gamma", None)])
@pytest.mark.parametrize("way", ["fixed", "registers"])
def test_every_way_gives_the_same_bits(way, family, optimizer):
    expected = swept("loop", family, optimizer)
    assert len(np.unique(expected.status)) >= 2
    assert np.any(expected.epochs % NARROW.epochs)  # some end within a call, and stay as they are for the rest of it
    assert_same_bits(swept(way, family, optimizer), expected)
