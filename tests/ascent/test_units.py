import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import mlejax
from mlejax import LogNormal, Normal, Poisson
from mlejax.ascent import units as module
from mlejax.ascent.units import FEWEST, _laws, _surely_ordinary, extraordinary, some_of, suggested, that_hold, units_for
from mlejax.models.parameters import Parameters

NEAR_A_MILLION_MILLION = 1e15 + np.array([0.0, 1.0, 2.0])


def laws(model):
    return [None if law is None else law.tolist() for law in _laws(Parameters.of(model), model.support)]


def units(model, values):
    return units_for(Parameters.of(model), model.support, values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # Powers of the scale, logarithms of it, and shifts: a variance has the square of the unit.
        (Normal(0.0, 1.0), [[1, 2], [0, 0], [1, 0]]),
        (LogNormal(0.0, 1.0), [[0, 0], [1, 0], None]),
        (zoo.Rayleigh(1.0), [[1], [0], None]),  # a person's own
        (mlejax.Beta(1.0, 1.0), [None, None, None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_change_of_units_does_is_found_in_the_formula(model, expected):
    assert laws(model) == expected


def test_a_formula_with_a_unit_of_its_own_is_left_alone():
    # The second term knows what 1 is, so no change of the parameter undoes a change of the unit.
    own = zoo.family(lambda m, x: -x / m.scale - x**2 - m.scale, scale=mlejax.positive)(1.0)
    assert laws(own)[0] is None
    assert units(own, np.array([1e200, 2e200, 3e200])) is None


@pytest.mark.slow
def test_a_threshold_in_the_formula_is_noticed_in_the_data():
    def log_prob(m, x):
        z = x / m.scale
        return jnp.where(x > 1e30, -2 * z, -z) - jnp.log(m.scale)

    own = zoo.family(log_prob, scale=mlejax.positive)(1.0)
    assert laws(own)[0] == [1.0]  # at ordinary points it follows a change of scale
    assert units(own, np.array([1e40, 2e40])) is None
    assert units(own, np.array([1e-20, 2e-20])) is not None


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-200, 1e160])
def test_parameters_there_and_back(unit):
    found = units(mlejax.Cauchy(0.0, 1.0), unit * np.array([-1.0, 1.0, 2.0, 5.0]))
    own = found.of_observations(unit * np.array([-1.0, 1.0, 2.0, 5.0]))
    assert 0.1 < np.median(np.abs(own)) < 10
    raw = found.to_data(mlejax.Cauchy(0.5, 2.0))
    assert raw.scale == pytest.approx(2.0 * found.scale, rel=1e-15)
    back = found.from_data(raw)
    assert (back.location, back.scale) == pytest.approx((0.5, 2.0), rel=1e-15)


def test_a_mean_far_from_zero_is_taken_off_exactly():
    found = units(Normal(0.0, 1.0), NEAR_A_MILLION_MILLION)
    assert found.shift == 1e15 + 1
    assert found.of_observations(NEAR_A_MILLION_MILLION).tolist() == [-1.0, 0.0, 1.0]
    assert found.to_data(Normal(0.0, 2.0)).mean == 1e15 + 1


def test_ordinary_observations_whole_ones_and_constants_stay_as_they_are():
    assert units(Normal(0.0, 1.0), np.array([1.0, 2.0, 3e5])) is None
    assert units(Normal(0.0, 1.0), np.array([1e300, 1e300])) is None
    assert units(Poisson(1.0), np.array([1e15, 1e15 + 1])) is None


@pytest.mark.slow
@pytest.mark.parametrize("values", [[1e308, -1e308, 1.5e308], [1e308, 1.5e308, 1.7e308]], ids=["overflows", "largest"])
def test_numbers_whose_variance_float64_does_not_hold_are_refused_without_a_warning(values):
    with pytest.raises(ValueError, match=r"Normal.variance of these observations would be inf"):
        mlejax.fit(Normal, values, progress=False)


def test_units_of_many_samples_are_those_of_each(x64):
    threshold = zoo.family(
        lambda m, x: -x / m.scale * (1 + (x > 1e30)) - jnp.log(m.scale), scale=mlejax.positive
    )(1.0)  # fmt: skip
    near = np.array([1.0, 2.0, 5.0])
    for model, samples in ((Normal(0.0, 1.0), [near, 1e15 + near, 1e-20 * near]), (threshold, [near, 1e-20 * near])):
        side_by_side, table = np.stack([*samples, 1e40 * near], axis=1), Parameters.of(model)
        found = that_hold(suggested(table, model.support, side_by_side), model.support, some_of(side_by_side))
        alone = [units(model, column) for column in side_by_side.T]
        assert found.shift.tolist() == [0.0 if each is None else each.shift for each in alone]
        assert found.scale.tolist() == [1.0 if each is None else each.scale for each in alone]
    assert alone[-1] is None  # where the formula is another
    assert alone[1] is not None


MANY = 1 << 14
NORMAL = np.random.RandomState(0).normal(size=MANY + 1)
DRAWN = {
    "ordinary": (3 + 2 * NORMAL, True),
    "positive": (np.exp(NORMAL), True),
    "heavy tails": (np.random.RandomState(1).standard_cauchy(MANY), True),
    "sorted": (np.sort(NORMAL), True),
    "far": (1e5 + NORMAL, False),
    "nearly far": (990 * 0.6745 + NORMAL, False),  # beside the typical distance from the center, 0.6745
    "tiny": (1e-13 * NORMAL, False),
    "huge": (1e13 * NORMAL, False),
    "mostly zeros": (NORMAL * (np.arange(MANY + 1) % 3 == 0), False),
    "equal": (np.full(MANY, 3.0), False),
    "what is looked at is unlike the rest": (np.where(np.arange(MANY + 1) % 16 == 0, NORMAL, 1e13 * NORMAL), False),
    "the largest": (1e307 * np.sign(NORMAL) * (1 + np.abs(NORMAL)), False),
    "a hundred": (NORMAL[:100], True),
    "few": (NORMAL[: FEWEST - 1], False),
    "two heaps": (np.repeat([-1.0, 1e13], MANY), False),
    "huge on both sides": (np.where(np.arange(MANY) % 16, 1e13 * (-1.0) ** np.arange(MANY), NORMAL[:MANY]), False),
}


@pytest.mark.parametrize(("values", "shown"), DRAWN.values(), ids=DRAWN)
def test_counting_shows_that_numbers_are_ordinary_only_where_they_are(values, shown):
    assert _surely_ordinary(values) == shown
    assert not (shown and extraordinary(values[:, None]).any())


@pytest.mark.parametrize("count", [16, 15])
def test_pairs_call_no_sample_ordinary_that_medians_do_not(count):
    random = np.random.RandomState(0)
    kinds = (
        random.normal(size=(4000, count)), random.normal(7.2, 2.8, (4000, count)),
        random.standard_cauchy((4000, count)),
        random.normal(1000.0, 1.0, (4000, count)), random.gamma(0.05, 1.0, (4000, count)),
        random.poisson(3.0, (4000, count)).astype(float), np.full((1, count), 3.0), np.zeros((1, count)),
    )  # fmt: skip
    samples = np.concatenate([scale * kind for kind in kinds for scale in (1.0, -1.0, 2.0**-41, 2.0**41, 1e-300)]).T
    exact, shown = module._Sizes.of(samples).extraordinary, module._ordinary_by_pairs(samples)
    assert not np.any(shown & exact)
    assert np.mean(shown[:8000]) > 0.9 if count == 16 else not np.any(shown)
    np.testing.assert_array_equal(extraordinary(samples), exact)
