"""Samples that are drawn and summarized on the devices are those that are drawn alone and then summarized."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.devices import mesh
from mlejax.models.tracing import ONE_NUMBER
from mlejax.samples.drawn import draw_summaries, draw_summary
from mlejax.samples.summary import form_of_any


@pytest.mark.slow
def test_a_summary_is_that_of_the_sample_of_its_seed(x64):
    start, source = mlejax.Normal(np.float64(0.0), np.float64(1.0)), mlejax.Draws(mlejax.Normal(7.0, 4.0), 50)
    alone = [jax.device_get(mlejax.summarize(start, part)[0]) for part in source.cut(9, 0.2)]
    drawn = draw_summaries(source, np.array([4, 9, 5]), 10, start, (alone[0].form, alone[1].form), mesh())
    assert drawn.holds.tolist() == drawn.agrees.tolist() == drawn.contained.tolist() == [True] * 3
    for part, expected in zip((drawn.train, drawn.validation), alone, strict=True):
        assert part.centers.shape == (3, 1)
        np.testing.assert_array_equal(part.centers[1], expected.centers)
        np.testing.assert_array_equal(part.averages[1], expected.averages)


def test_drawn_statistics_have_the_form_of_a_summary(x64):
    target = mlejax.Normal(np.float64(7.0), np.float64(4.0))
    form = form_of_any(target, ONE_NUMBER)
    drawn = jax.eval_shape(lambda seed: draw_summary(target, 0, seed, 100, 0, form), 3)
    assert (drawn.form, drawn.centers.shape, drawn.averages.shape, drawn.count.shape) == (form, (1,), (1,), ())
    assert drawn.centers.dtype == np.float64


@pytest.mark.slow
def test_statistics_are_drawn_near_those_of_the_model(x64):
    target = mlejax.Normal(np.float64(7.0), np.float64(4.0))
    drawn = draw_summary(target, 0, 3, 10**8, 0, form_of_any(target, ONE_NUMBER))
    assert float(drawn.count) == 10**8
    assert float(drawn.centers[0]) == pytest.approx(7.0, abs=5 * 2e-4)  # five standard errors, sqrt(4 / n)
    assert float(drawn.averages[0]) == pytest.approx(4.0, abs=5 * 4 * np.sqrt(2e-8))
