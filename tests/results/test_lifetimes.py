"""The product-limit estimate, against its published example and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlejax.results.lifetimes import interval_bounds, kaplan_meier

TIMES = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], float)
ENDED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
"""Weeks of remission with 6-mercaptopurine: E. A. Freireich et al., Blood 21 (1963) 699-716."""


def test_remissions_survive_as_published():
    """In D. R. Cox and D. Oakes, Analysis of Survival Data (1984), section 4.2; R's `survfit` prints the same."""
    found = kaplan_meier(TIMES, ENDED)
    np.testing.assert_array_equal(found.points, [6, 7, 10, 13, 16, 22, 23])
    np.testing.assert_array_equal(
        np.round(1 - found.after, 4), [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    )
    np.testing.assert_allclose(found.survival(np.array([5.9, 6.0, 9.9, 40.0])), [1, 0.857143, 0.806723, 0.448180], 1e-5)
    weighed = kaplan_meier(TIMES[4:], ENDED[4:], np.ones(17))
    doubled = kaplan_meier(np.repeat(TIMES[4:], 2), np.repeat(ENDED[4:], 2))
    np.testing.assert_allclose(kaplan_meier(TIMES[4:], ENDED[4:], np.full(17, 2.0)).after, doubled.after, rtol=1e-14)
    np.testing.assert_allclose(weighed.after, doubled.after, rtol=1e-14)


def test_without_censoring_it_is_the_share_up_to_each():
    found = kaplan_meier(np.array([3.0, 1.0, 1.0, 2.0]), np.ones(4))
    np.testing.assert_allclose(found.after, [0.5, 0.75, 1.0])
    np.testing.assert_allclose(found.middles, [0.25, 0.625, 0.875])


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12))
def test_on_the_left_it_is_that_of_the_mirror_image(pairs):
    times, seen = (np.array(column, float) for column in zip(*pairs, strict=True))
    found, mirrored = kaplan_meier(times, seen, left=True), kaplan_meier(-times, seen)
    # the share below a time is that beyond its mirror image
    np.testing.assert_allclose(found.before, mirrored.survival(-found.points), atol=1e-15)
    assert np.all(np.diff(np.append(found.before, found.after[-1:])) >= -1e-15)


def test_nothing_that_was_seen_leaves_no_steps():
    assert len(kaplan_meier(np.array([1.0, 2.0]), np.zeros(2)).points) == 0


def test_intervals_bound_the_share():
    least, most = interval_bounds(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 3.0]), np.array([1.0, 1.0, 2.0]))
    assert list(1 - most.survival(np.array([-1.0, 0.5, 2.5]))) == pytest.approx([0, 0.25, 1])
    assert list(1 - least.survival(np.array([-1.0, 1.0, 2.5, 3.0]))) == pytest.approx([0, 0.25, 0.25, 1])
