"""Samples that are drawn and summarized on the devices are those that are drawn alone and then summarized."""

import jax
import numpy as np

import mlejax
from mlejax.devices import mesh
from mlejax.samples.drawn import draw_summaries


def test_a_summary_is_that_of_the_sample_of_its_seed(x64):
    start, source = mlejax.Normal(np.float64(0.0), np.float64(1.0)), mlejax.Draws(mlejax.Normal(7.0, 4.0), 50)
    alone = [jax.device_get(mlejax.summarize(start, part)[0]) for part in source.cut(9, 0.2)]
    drawn = draw_summaries(source, np.array([4, 9, 5]), 10, start, (alone[0].form, alone[1].form), mesh())
    assert drawn.holds.tolist() == drawn.agrees.tolist() == drawn.contained.tolist() == [True] * 3
    for part, expected in zip((drawn.train, drawn.validation), alone, strict=True):
        assert part.centers.shape == (3, 1)
        np.testing.assert_array_equal(part.centers[1], expected.centers)
        np.testing.assert_array_equal(part.averages[1], expected.averages)
