"""What stands for a sample: what it is given, or its statistics."""

import jax
import numpy as np

from mlejax import Normal, Observations, summarize
from mlejax.samples.representation import as_sample


def test_arrays_are_wrapped_and_samples_are_left_alone():
    sample, _ = summarize(Normal(0.0, 1.0), np.arange(9.0))
    with jax.enable_x64(True):
        assert as_sample(sample) is sample
    with jax.enable_x64(False):
        assert {leaf.dtype for leaf in jax.tree.leaves(as_sample(sample))} == {np.dtype(np.float32)}
    wrapped = as_sample([1.0, 2.0, 3.0])
    assert isinstance(wrapped, Observations)
    assert wrapped.count == 3
