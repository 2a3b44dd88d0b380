"""What data leave undecided, in words."""

import re
from typing import Any

import numpy as np

import mlejax
from mlejax.ascent.unidentified import same_along, unidentified
from mlejax.models.parameters import Parameters

TABLE = Parameters.of(mlejax.Gamma(1.0, 1.0))


class SixNumbers(mlejax.Model):
    a: Any = mlejax.parameter(mlejax.real)
    b: Any = mlejax.parameter(mlejax.real)
    c: Any = mlejax.parameter(mlejax.real)
    s: Any = mlejax.parameter(mlejax.positive)
    d: Any = mlejax.parameter(mlejax.positive)
    e: Any = mlejax.parameter(mlejax.positive)

    def log_prob(self, x: Any) -> Any:
        raise NotImplementedError


def test_a_combination_is_named_by_what_changes_together():
    flat_along = np.array([1.0, -2.0])
    across = np.array([2.0, 1.0])
    assert flat_along @ across == 0
    assert unidentified(np.outer(across, across), [0, 1], TABLE) == (
        "these data do not tell shape and rate apart: the log-likelihood stays the same when log shape by 1, "
        "log rate by -2 change together"
    )


def test_a_parameter_alone_is_what_nothing_depends_on():
    assert unidentified(np.diag([1.0, 0.0]), [1], TABLE) == "the log-likelihood does not depend on rate"
    assert same_along(["slope"], np.array([3.0])) == "the log-likelihood does not depend on slope"


def test_each_direction_that_changes_nothing_is_named_by_itself():
    """Of a + b, not c, and s d e: one combination of a and b, c by itself, and two of s, d and e."""
    table = Parameters.of(SixNumbers(0.0, 0.5, 1.0, 1.0, 2.0, 0.5))
    mean, scale = np.array([1.0, 1, 0, 0, 0, 0]), np.array([0.0, 0, 0, 1, 1, 1])
    alone, *mixed = unidentified(np.outer(mean, mean) + np.outer(scale, scale) / 2, range(6), table).split("; ")
    assert alone == "the log-likelihood does not depend on c"
    assert mixed[0].endswith("when a by 1, b by -1 change together")
    changes = [dict(re.findall(r"log (\w) by ([^, ]+)", each)) for each in mixed[1:]]
    assert [set(each.values()) for each in changes] == [{"1", "-1"}] * 2
    assert set(changes[0]) != set(changes[1])
    # Of two numbers neither of which matters, no combination is named.
    assert unidentified(np.diag([0.0, 0.0]), [0, 1], TABLE) == "the log-likelihood does not depend on shape and rate"
