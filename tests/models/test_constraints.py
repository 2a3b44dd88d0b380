import math

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlejax import Domain, covariance_matrix, ordered, positive, real, simplex, unit_interval

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


@pytest.mark.slow
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


# Arrays as a whole ----------------------------------------------------------------------------------------------------

ARRAYS = {
    "simplex": (simplex, (4,)),
    "rows of a simplex": (simplex, (2, 3)),
    "ordered": (ordered, (3,)),
    "covariance": (covariance_matrix, (3, 3)),
    "two covariances": (covariance_matrix, (2, 2, 2)),
    "numbers": (positive, (2, 2)),
}
arrays = pytest.mark.parametrize(("domain", "shape"), ARRAYS.values(), ids=ARRAYS)


def coordinates_of(domain, shape, scale=1.0):
    return scale * np.random.RandomState(3).normal(size=domain.real_shape(shape))


@pytest.mark.slow
@arrays
def test_arrays_of_a_domain_and_their_coordinates_are_one_to_one(domain, shape, x64):
    coordinates = coordinates_of(domain, shape)
    value = np.asarray(domain.from_real(coordinates))
    assert value.shape == shape
    assert np.all(domain.contains(value))
    assert np.all(domain.contains(jax.numpy.asarray(value)))
    np.testing.assert_allclose(domain.to_real(value), coordinates, rtol=0, atol=2e-14)


@pytest.mark.slow
@arrays
def test_the_derivatives_of_the_map_are_those_of_50_digits(domain, shape, x64):
    coordinates = coordinates_of(domain, shape)
    found = jax.jacfwd(lambda flat: domain.from_real(flat.reshape(coordinates.shape)))(coordinates.ravel())
    with mpmath.workdps(50):
        for j in range(coordinates.size):
            step, ends = mpmath.mpf(10) ** -20, []
            for sign in (1, -1):
                moved = [mpmath.mpf(float(c)) for c in coordinates.ravel()]
                moved[j] += sign * step
                ends.append(EXACTLY[type(domain)](np.array(moved, object).reshape(coordinates.shape)))
            expected = ((ends[0] - ends[1]) / (2 * step)).astype(float)
            np.testing.assert_allclose(found[..., j], expected, rtol=1e-13, atol=1e-15)


def exact_simplex(z):
    terms = np.concatenate([np.vectorize(mpmath.exp)(z), np.full_like(z[..., :1], mpmath.mpf(1))], -1)
    return terms / terms.sum(-1, keepdims=True)


def exact_ordered(z):
    return np.cumsum(np.concatenate([z[..., :1], np.vectorize(mpmath.exp)(z[..., 1:])], -1), -1)


def exact_covariance(z):
    size = {3: 2, 6: 3}[z.shape[-1]]
    factor = np.full((*z.shape[:-1], size, size), mpmath.mpf(0))
    for k, (i, j) in enumerate(zip(*np.tril_indices(size), strict=True)):
        factor[..., i, j] = np.vectorize(mpmath.exp)(z[..., k]) if i == j else z[..., k]
    return np.einsum("...ij,...kj->...ik", factor, factor)


EXACTLY = {
    type(simplex): exact_simplex,
    type(ordered): exact_ordered,
    type(covariance_matrix): exact_covariance,
    Domain: np.vectorize(mpmath.exp),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "outside"),
    [
        (simplex, [0.5, 0.5, 0.0]),
        (simplex, [0.5, 0.6, -0.1]),
        (simplex, [0.5, 0.4]),
        (simplex, [0.5, math.nan]),
        (ordered, [0.0, 0.0]),
        (ordered, [1.0, 0.0]),
        (ordered, [0.0, math.inf]),
        (ordered, [math.nan, 0.0]),
        (covariance_matrix, [[1.0, 1.0], [1.0, 1.0]]),
        (covariance_matrix, [[1.0, 0.5], [0.4, 1.0]]),
        (covariance_matrix, [[1.0, 2.0], [2.0, 1.0]]),
        (covariance_matrix, [[1.0, math.nan], [math.nan, 1.0]]),
        (covariance_matrix, [[-1.0, 0.0], [0.0, 1.0]]),
        (covariance_matrix, [[math.inf, 0.0], [0.0, 1.0]]),
    ],
    ids=str,
)
@pytest.mark.parametrize("array", [np.array, jax.numpy.array], ids=["NumPy", "JAX"])
def test_arrays_outside_a_domain(domain, outside, array, x64):
    assert not domain.contains(array(outside))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "coordinates", "value"),
    [
        (simplex, [-700.0, -700.0], [9.85967654375977e-305, 9.85967654375977e-305, 1.0]),
        (ordered, [1e-300, -600.0], [1e-300, 2.6503965530043106e-261]),
        (covariance_matrix, [-300.0, 0.0, 300.0], [[2.6503965530043106e-261, 0.0], [0.0, 3.7730203009299397e260]]),
        (covariance_matrix, [0.0, 1e3, 0.0], [[1.0, 1e3], [1e3, 1e6 + 1]]),
    ],
    ids=["vanishing shares", "a narrow gap", "unequal units", "highly correlated"],
)
def test_extreme_arrays(domain, coordinates, value, x64):
    coordinates = np.array(coordinates)
    np.testing.assert_allclose(domain.from_real(coordinates), value, rtol=1e-13)
    assert domain.contains(np.array(value))
    np.testing.assert_allclose(domain.to_real(np.array(value)), coordinates, rtol=1e-9, atol=1e-9)
    slopes = jax.jacfwd(domain.from_real)(coordinates)
    assert np.all(np.isfinite(slopes))


@pytest.mark.parametrize(
    ("domain", "shape"), [each for each in ARRAYS.values() if each[0] in (simplex, covariance_matrix)]
)
def test_a_direction_is_cut_to_the_nearest_that_stays_in_the_domain(domain, shape, x64):
    inside, anywhere = (
        np.asarray(domain.from_real(coordinates_of(domain, shape))),
        np.random.RandomState(0).normal(size=shape),
    )
    along = np.asarray(domain.tangent(anywhere))
    assert np.all(domain.contains(inside + 1e-3 * along))
    assert not np.any(domain.contains(inside + 1e-3 * anywhere))
    coordinates = domain.to_real(inside)
    ways = np.asarray(jax.jacfwd(domain.from_real)(coordinates)).reshape(anywhere.size, -1)
    # What was cut off is at right angles to all directions that stay, so no other of these is nearer.
    np.testing.assert_allclose((anywhere - along).ravel() @ ways, 0, atol=1e-14)
    np.testing.assert_allclose(domain.nearest(inside + anywhere), inside + along, atol=1e-15)


def test_numbers_that_nothing_binds_move_as_they_are():
    anywhere = np.random.RandomState(0).normal(size=3)
    for domain in (real, positive, ordered, Domain(0.0, 2.0)):
        assert domain.tangent(anywhere) is anywhere
        assert domain.nearest(anywhere) is anywhere


@pytest.mark.parametrize(
    ("domain", "shape", "message"),
    [
        (simplex, (), r"a simplex has at least 2 numbers; got shape \(\)"),
        (simplex, (3, 1), r"at least 2 numbers; got shape \(3, 1\)"),
        (ordered, (), "numbers in order have an axis of their own"),
        (covariance_matrix, (3,), r"a covariance is a square matrix; got shape \(3,\)"),
        (covariance_matrix, (2, 3), r"a covariance is a square matrix; got shape \(2, 3\)"),
    ],
    ids=str,
)
def test_arrays_of_a_shape_that_a_domain_has_not(domain, shape, message):
    with pytest.raises(ValueError, match=message):
        domain.real_shape(shape)


@pytest.mark.parametrize(
    ("domain", "index", "sign", "words", "wall"),
    [
        (positive, 1, -1, "b approaches 0", 0.0),
        (positive, 1, 1, "b grows", None),
        (Domain(upper=2.0), 0, 1, "a falls", None),
        (simplex, 1, -1, "b approaches 0", 0.0),
        (simplex, 1, 1, "d approaches 0", 0.0),
        (ordered, 0, -1, "a falls", None),
        (ordered, 2, 1, "c - b grows", None),
        (ordered, 2, -1, "c - b approaches 0", 0.0),
        (covariance_matrix, 0, -1, "the variance a approaches 0", 0.0),
        (covariance_matrix, 2, -1, "the variance d given the 1 before approaches 0", 0.0),
        (covariance_matrix, 2, 1, "d grows", None),
        (covariance_matrix, 1, -1, "c falls", None),
    ],
    ids=str,
)
def test_where_a_coordinate_leads_is_said_in_words(domain, index, sign, words, wall):
    way = domain.way("abcd", index, sign)
    assert (way.words, way.wall) == (words, wall)
