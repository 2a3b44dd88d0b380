import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mlejax
from mlejax import Support
from mlejax.models import support

SUPPORTS = {
    "the line": (Support(), [-1e300, 0.0, 2.5], [math.inf, -math.inf, math.nan], "finite numbers"),
    "positive": (support.positive_numbers, [5e-324, 1.0], [0.0, -0.0, -1.0, math.inf, math.nan], "positive numbers"),
    "from zero": (support.numbers_from_zero, [0.0, -0.0, 3.5], [-5e-324, -2.0], "numbers >= 0"),
    "an interval": (support.fractions, [1e-9, 0.5], [0.0, 1.0, 1.5, -0.5], "numbers > 0 and < 1"),
    "counts": (support.counts, [0.0, 1.0, 2.0**60], [0.5, -1.0, math.nan, math.inf], "whole numbers >= 0"),
    "a die": (Support(1, 6, whole=True), [1, 6], [0, 7], "whole numbers >= 1 and <= 6"),
    "to the right": (
        Support(-2.5, math.inf, lower_included=False), [-2.4, 1e9], [-2.5, -3.0, math.inf], "numbers > -2.5"
    ),
}  # fmt: skip
supports = pytest.mark.parametrize(("the", "members", "others", "rule"), SUPPORTS.values(), ids=SUPPORTS)


@supports
def test_a_support_tells_members_from_others_and_says_the_rule(the, members, others, rule, x64):
    assert the.rule == rule
    assert the.contains(np.array(members)).tolist() == [True] * len(members)
    assert the.contains(np.array(others)).tolist() == [False] * len(others)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, np.int16], ids=str)
def test_a_support_is_the_same_in_every_type_and_under_jit(dtype):
    values = np.array([0, 1, 2, 6, 7], dtype)
    die = Support(1, 6, whole=True)
    assert die.contains(values).tolist() == [False, True, True, True, False]
    assert jax.jit(die.contains)(jnp.asarray(values)).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)], ids=str)
def test_an_empty_support_is_refused(ends):
    with pytest.raises(ValueError, match="a support needs lower < upper; got lower="):
        Support(*ends)


def test_a_parameter_cannot_hide_the_support():
    class Hidden(mlejax.Model):
        support: float = mlejax.parameter(mlejax.positive)

        def log_prob(self, x):
            return -x * self.support

    with pytest.raises(ValueError, match="Hidden: a parameter cannot be named 'support', which every model has"):
        mlejax.train(Hidden(1.0), [1.0, 2.0])
