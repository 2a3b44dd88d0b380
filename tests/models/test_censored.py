"""Censored observations: closed forms, R's printed values, SciPy, many digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.stats

import mlejax
from mlejax.models.named import family_named
from mlejax.status import Status

DAYS = np.array([
    59, 115, 156, 421, 431, 448, 464, 475, 477, 563, 638, 744, 769, 770, 803, 855, 1040, 1106, 1129, 1206, 1227, 268,
    329, 353, 365, 377,
])  # fmt: skip
DIED = np.array([1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0])
"""Survival of 26 women with ovarian cancer: the data set `ovarian` of the R package survival. Source: J. H. Edmunson et
al., Different chemotherapeutic sensitivities and host factors affecting prognosis in advanced ovarian carcinoma versus
minimal residual disease, Cancer Treatment Reports 63 (1979)."""

log_probs = jax.jit(lambda model, *x: jax.vmap(lambda *pair: model.log_prob(pair))(*x))


@pytest.mark.slow
def test_the_exponential_has_a_closed_form():
    result = mlejax.fit(mlejax.RightCensored.of(mlejax.Exponential), (DAYS, DIED))
    rate = 12 / 15588  # deaths by days
    assert result.converged
    assert result.model.rate == pytest.approx(rate, rel=1e-9)
    assert result.standard_errors.rate == pytest.approx(rate / np.sqrt(12), rel=1e-6)
    assert result.log_likelihood == pytest.approx(12 * np.log(rate) - 12, rel=1e-10)


@pytest.mark.slow
def test_survreg_of_r():
    """survreg(Surv(futime, fustat) ~ 1, ovarian) prints, with standard errors: (Intercept) 7.111, 0.293;

    Log(scale) -0.103, 0.254; Loglik(model) -98.
    """
    result = mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), {"time": DAYS, "event": DIED})
    model, errors = result.model, result.standard_errors
    assert np.log(model.scale) == pytest.approx(7.111, abs=5e-4)
    assert errors.scale / model.scale == pytest.approx(0.293, abs=5e-4)
    assert -np.log(model.shape) == pytest.approx(-0.103, abs=5e-4)
    assert errors.shape / model.shape == pytest.approx(0.254, abs=5e-4)
    assert result.log_likelihood == pytest.approx(-98, abs=0.5)


@pytest.mark.slow
def test_the_score_of_the_weibull_in_fifty_digits():
    """With S = sum t^k: 1 / k = sum(t^k log t) / S - the mean of log t over the events, and scale^k = S / events."""
    model = mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), (DAYS, DIED)).model
    with mpmath.workdps(50):
        t = [mpmath.mpf(int(each)) for each in DAYS]
        seen = mpmath.fsum(mpmath.log(each) for each, event in zip(t, DIED, strict=True) if event) / 12

        def equation(k):
            powers = [each**k for each in t]
            logs = mpmath.fsum(p * mpmath.log(each) for p, each in zip(powers, t, strict=True))
            return logs / mpmath.fsum(powers) - 1 / k - seen

        shape = mpmath.findroot(equation, 1.1)
        scale = (mpmath.fsum(each**shape for each in t) / 12) ** (1 / shape)
    assert model.shape == pytest.approx(float(shape), rel=1e-8)
    assert model.scale == pytest.approx(float(scale), rel=1e-8)


@pytest.mark.slow
def test_log_prob_against_scipy(x64):
    x, event = jnp.asarray([0.3, 2.0, 5.0]), jnp.asarray([1.0, 0.0, 0.0])
    reference = scipy.stats.gamma(2.5, scale=1 / 0.7)
    right = log_probs(mlejax.RightCensored(mlejax.Gamma(2.5, 0.7)), x, event)
    expected = [reference.logpdf(0.3), reference.logsf(2.0), reference.logsf(5.0)]
    np.testing.assert_allclose(right, expected, rtol=1e-11)
    left = log_probs(mlejax.LeftCensored(mlejax.Gamma(2.5, 0.7)), x, event)
    np.testing.assert_allclose(left, [expected[0], reference.logcdf(2.0), reference.logcdf(5.0)], rtol=1e-11)


@pytest.mark.slow
def test_intervals_against_scipy_with_their_slopes(x64):
    low, high = np.array([0.3, 0.0, 2.0, 2.0]), np.array([0.5, 1.5, 2.0, 9.0])
    model = mlejax.IntervalCensored(mlejax.Weibull(1.5, 2.0))
    reference = scipy.stats.weibull_min(1.5, scale=2.0)
    found = log_probs(model, jnp.asarray(low), jnp.asarray(high))
    with np.errstate(divide="ignore"):
        within = np.log(reference.cdf(high) - reference.cdf(low))
    expected = np.where(low == high, reference.logpdf(high), within)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    slopes = jax.jit(jax.grad(lambda model: jnp.sum(log_probs(model, jnp.asarray(low), jnp.asarray(high)))))(model)
    assert np.all(np.isfinite(jax.tree.leaves(slopes)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "reference", "low", "high"),
    [
        (mlejax.Weibull(1.5, 2.0), scipy.stats.weibull_min(1.5, scale=2.0), [3.0, -1.0], [np.inf, 3.0]),
        (mlejax.Beta(2.0, 3.0), scipy.stats.beta(2, 3), [0.7, 0.0], [1.0, 0.7]),
        (mlejax.Normal(4.0, 9.0), scipy.stats.norm(4, 3), [-2.0, -np.inf], [np.inf, -2.0]),
    ],
    ids=["positive", "between two ends", "any number"],
)
def test_an_end_that_is_not_known_says_nothing(x64, base, reference, low, high):
    model, low, high = mlejax.IntervalCensored(base), jnp.asarray(low), jnp.asarray(high)
    expected = [reference.logsf(low[0]), reference.logcdf(high[1])]
    np.testing.assert_allclose(log_probs(model, low, high), expected, rtol=1e-12)
    slopes = jax.jit(jax.grad(lambda model: jnp.sum(log_probs(model, low, high))))(model)
    assert np.all(np.isfinite(jax.tree.leaves(slopes)))
    both = log_probs(model, jnp.full(2, -jnp.inf), jnp.full(2, jnp.inf))
    np.testing.assert_array_equal(both, [0.0, 0.0])


@pytest.mark.slow
def test_intervals_without_an_upper_end_are_censored_on_the_right():
    family = mlejax.IntervalCensored.of(mlejax.Weibull)
    days = np.append(DAYS, 0.0)  # and a woman of whom nothing is known
    found = mlejax.fit(family, (days, np.where(np.append(DIED, 0) == 1, days, np.inf)))
    expected = mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), (DAYS, DIED))
    assert found.converged
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    assert found.model.shape == pytest.approx(expected.model.shape, rel=1e-8)
    assert found.standard_errors.scale == pytest.approx(expected.standard_errors.scale, rel=1e-8)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            {"t": DAYS, "event": DIED},
            "a record of time and event is needed; it has event, t: name its columns so, or give a tuple",
        ),
        (
            (list(DAYS), list(DIED)),
            "an observation is a record of time, event: give a dict of columns, or a tuple of arrays",
        ),
    ],
    ids=["other names", "lists"],
)
def test_other_records_are_refused_with_what_is_needed(pair, said):
    with pytest.raises((ValueError, TypeError), match=said):
        mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), pair)


TIMES = np.array([1.0, 2.0, 3.0, 5.0, 8.0])
LAST, FIRST = (TIMES == 8.0).astype(int), (TIMES == 1.0).astype(int)
AROUND = np.where(TIMES == 3.0, TIMES, TIMES - 5), np.where(TIMES == 3.0, TIMES, TIMES + 3)
ONLY = {
    "the last event": (mlejax.RightCensored.of(mlejax.Gamma), (TIMES, LAST), 8),
    "the least amount": (mlejax.LeftCensored.of(mlejax.Weibull), (TIMES, FIRST), 1),
    "inside all intervals": (mlejax.IntervalCensored.of(mlejax.Gumbel), AROUND, 3),
}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "pair", "value"), ONLY.values(), ids=ONLY)
def test_one_value_that_no_other_observation_rules_out_has_no_maximum(family, pair, value):
    """The density there grows without bound as the distribution narrows about it, and the others keep their shares."""
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(family, pair)
    assert result.status is Status.UNBOUNDED
    assert f"the distribution narrows about {value}, the only value that was seen" in result.reason


@pytest.mark.slow
def test_one_value_that_another_observation_rules_out_has_a_maximum():
    assert mlejax.fit(mlejax.RightCensored.of(mlejax.Gamma), (TIMES, (TIMES == 5.0).astype(int))).converged


def test_intervals_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="every interval reaches from one end of the support to the other"):
        mlejax.fit(mlejax.IntervalCensored.of(mlejax.Weibull), (np.zeros(3), np.full(3, np.inf)))


@pytest.mark.slow
def test_narrow_intervals_are_as_good_as_the_numbers():
    x = np.random.RandomState(0).gamma(2.0, 3.0, 60)
    exact = mlejax.fit(mlejax.Weibull, x)
    found = mlejax.fit(mlejax.IntervalCensored.of(mlejax.Weibull), (x - 5e-4, x + 5e-4))
    assert found.converged
    assert found.model.shape == pytest.approx(exact.model.shape, rel=1e-5)


@pytest.mark.slow
def test_what_was_not_seen_to_end_raises_the_estimate():
    """Ignoring that watching ended makes lives shorter than they were; the censored estimate is near the truth."""
    random = np.random.RandomState(2)
    lives, watched = random.weibull(2.0, 2000) * 10, random.uniform(0, 15, 2000)
    time, event = np.minimum(lives, watched), lives <= watched
    found = mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), (time, event.astype(int)))
    assert abs(found.model.scale - 10) < 4 * found.standard_errors.scale
    assert mlejax.fit(mlejax.Weibull, time).model.scale < 7.5
    assert found.converged


@pytest.mark.slow
def test_a_censored_family_with_a_parameter_fixed():
    family = family_named("fixed(right_censored(weibull), shape=1)")
    assert mlejax.fit(family, (DAYS, DIED)).model.scale == pytest.approx(15588 / 12, rel=1e-9)


@pytest.mark.slow
def test_no_event_at_all_has_no_maximum():
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.RightCensored.of(mlejax.Exponential), (DAYS, 0 * DIED))
    assert result.status in (Status.AT_BOUNDARY, Status.UNBOUNDED, Status.AT_INFINITY)


@pytest.mark.slow
def test_no_event_at_all_has_no_maximum_wherever_the_climb_ends():
    """Everywhere far enough away the likelihood is 1, to rounding: a plateau, on which every point looks arrived."""
    family = mlejax.RightCensored.of(mlejax.Weibull)
    for seed in range(12):
        times = 3 * np.random.RandomState(seed).weibull(1.5, 5)
        with pytest.warns(mlejax.ConvergenceWarning):
            result = mlejax.fit(family, (times, np.zeros(5, bool)), progress=False)
        assert result.status is Status.AT_BOUNDARY
        assert np.all(np.isnan(jax.tree.leaves(result.standard_errors)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("time", "event", "said"),
    [
        (DAYS, 2 * DIED, "needs whole numbers >= 0 and <= 1 for event; got 2 at index 0"),
        (0 * DAYS, DIED, "needs positive numbers for time; got 0 at index 0"),
    ],
)
def test_pairs_that_cannot_be_are_refused(time, event, said):
    with pytest.raises(ValueError, match=said):
        mlejax.fit(mlejax.RightCensored.of(mlejax.Weibull), {"time": time, "event": event})
    with pytest.raises(ValueError, match=r"got [02] at index 0"):
        mlejax.fit(mlejax.RightCensored(mlejax.Weibull(1.0, 500.0)), (time, event))


def test_an_interval_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="lower must not be above upper; got 59 and 58 at index 0"):
        mlejax.fit(mlejax.IntervalCensored.of(mlejax.Weibull), (DAYS, DAYS - 1))


def test_counts_are_not_censored():
    with pytest.raises(ValueError, match="needs a continuous family; Poisson is of whole numbers"):
        mlejax.RightCensored.of(mlejax.Poisson)


CERTAIN = {
    "equal intervals, narrow": (
        mlejax.IntervalCensored.of(mlejax.Weibull),
        ([1.0] * 20, [2.0] * 20),
        "between 1 and 2,",
    ),
    "intervals with a part in common": (
        mlejax.IntervalCensored.of(mlejax.Normal),
        ([1.0, 1.2, 0.5] * 5, [2.0, 3.0, 1.9] * 5),
        "narrows between 1.2 and 1.9, which all intervals hold",
    ),
    "no event": (mlejax.RightCensored.of(mlejax.Weibull), ([1.0, 4.0, 2.5], [0, 0, 0]), "moves beyond 4,"),
    "nothing measured": (mlejax.LeftCensored.of(mlejax.Weibull), ([1.0, 4.0, 2.5], [0, 0, 0]), "moves below 1,"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CERTAIN)
def test_what_a_distribution_can_make_certain_has_no_maximum(name):
    family, columns, how = CERTAIN[name]
    with pytest.warns(mlejax.ConvergenceWarning, match=f"approaches 0, its supremum and no maximum, as the .*{how}"):
        found = mlejax.fit(family, tuple(map(np.array, columns)), progress=False)
    assert found.status is Status.AT_BOUNDARY


def test_what_is_seen_exactly_or_nowhere_in_common_is_not_certain():
    interval = mlejax.IntervalCensored(mlejax.Normal(0.0, 1.0))
    assert not interval.certain((np.array([1.0, 1.5]), np.array([2.0, 1.5])))
    assert not interval.certain((np.array([1.0, 2.0]), np.array([2.0, 3.0])))
    assert not mlejax.RightCensored(mlejax.Weibull(1.0, 1.0)).certain((np.array([1.0, 2.0]), np.array([0, 1])))


@pytest.mark.slow
def test_equal_intervals_whose_family_cannot_narrow_have_a_maximum():
    found = mlejax.fit(mlejax.IntervalCensored.of(mlejax.Exponential), (np.full(9, 1.0), np.full(9, 2.0)))
    assert found.converged
    assert found.model.rate == pytest.approx(np.log(2), rel=1e-9)  # where exp(-r) - exp(-2 r) is highest
