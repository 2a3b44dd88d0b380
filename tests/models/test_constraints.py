import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlejax import Domain, positive, real, unit_interval

DOMAINS = {
    "real": real,
    "positive": positive,
    "unit_interval": unit_interval,
    "negative": Domain(upper=0.0),
    "interval": Domain(-3.0, 5.0),
    "above two": Domain(lower=2.0),
}
domains = pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)


@pytest.mark.slow
@domains
@given(value=st.floats(-15, 15))
def test_the_real_line_and_a_domain_are_one_to_one(domain, value):
    with jax.enable_x64(True):
        inside = domain.from_real(np.float64(value))
        back = float(domain.to_real(inside))
        assert bool(domain.contains(inside))
    # Near an end of width-8 intervals the distance to it keeps eps / exp(-15) = 7e-10 of its digits, times their width.
    assert back == pytest.approx(value, rel=1e-12, abs=3e-8)


@domains
def test_from_real_increases_or_decreases_strictly_and_smoothly(domain):
    with jax.enable_x64(True):
        grid = np.linspace(-5, 5, 101)
        slopes = np.asarray(jax.vmap(jax.grad(domain.from_real))(grid))
    assert np.all(slopes > 0) or np.all(slopes < 0)


@domains
def test_ends_infinities_and_nan_are_outside(domain):
    outside = np.array([domain.lower, domain.upper, -math.inf, math.inf, math.nan])
    assert not np.any(domain.contains(outside))


def test_contains_works_elementwise():
    np.testing.assert_array_equal(
        positive.contains(np.array([[-1.0, 0.0], [5e-324, 2.0]])), [[False, False], [True] * 2]
    )


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)], ids=str)
def test_an_empty_domain_is_refused(ends):
    with pytest.raises(ValueError, match=f"a domain needs lower < upper; got lower={ends[0]}, upper={ends[1]}"):
        Domain(*ends)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (real, "finite"),
        (positive, "positive"),
        (unit_interval, "between 0 and 1"),
        (Domain(-2.5, 7), "between -2.5 and 7"),
    ],
    ids=str,
)
def test_a_domain_reads_well_in_a_message(domain, words):
    assert str(domain) == words


def test_equal_domains_are_equal_keys():
    assert {Domain(0.0, 1.0): 1}[unit_interval] == 1
