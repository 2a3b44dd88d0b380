"""The maximum of a likelihood: against fifty digits, in any unit, with weights, and where there is none."""

import json
import warnings

import fits
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import scipy.stats
import zoo

import mlejax
from mlejax import ConvergenceWarning, Exponential, Gamma, InputError, Normal, fit, positive
from mlejax.models.rows import take
from mlejax.status import Status

WAITS = np.array([0.5, 1.5, 4.0, 0.7])


@pytest.mark.slow
def test_a_family_finds_its_start_and_a_model_is_one():
    for start in (Exponential, Exponential(30.0)):
        result = fit(start, WAITS, progress=False)
        assert result.converged
        assert result.model.rate == pytest.approx(1 / WAITS.mean(), rel=1e-12)
        assert result.standard_errors.rate == pytest.approx(1 / WAITS.mean() / 2, rel=1e-6)
        assert result.log_likelihood == pytest.approx(-4 * np.log(WAITS.mean()) - 4, rel=1e-14)
        assert result.distance < 1e-6
        assert result.count == 4
    assert fit(Exponential, WAITS, progress=False).steps == 0


@pytest.mark.slow
def test_a_family_with_a_number_that_is_given_finds_its_start():
    result = fit(mlejax.Binomial.of(11), [3, 4, 8], progress=False)
    assert result.converged
    assert result.model.trials == 11
    assert result.model.probability == pytest.approx(5 / 11, rel=1e-12)
    assert result.standard_errors.probability == pytest.approx(np.sqrt(5 / 11 * 6 / 11 / 33), rel=1e-6)
    with pytest.raises(InputError, match=r"Binomial.of\(3\) needs whole numbers >= 0 and <= 3; got 4.* at index 1"):
        fit(mlejax.Binomial.of(3), [3, 4, 1], progress=False)
    with pytest.raises(InputError, match=r"give mlejax.Binomial.of\(trials\) in its place"):
        fit(mlejax.Binomial, [3, 4, 1], progress=False)


@pytest.mark.slow
def test_a_large_sample_is_started_in_part_and_fitted_whole():
    x = np.random.RandomState(0).gamma(2.0, 3.0, 30_000)
    one, other = fit(Gamma, x, progress=False), fit(Gamma(1.0, 1.0), x, progress=False)
    assert one.converged
    assert one.model.shape == pytest.approx(other.model.shape, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("each", [1e-12, 1e12])
def test_weights_that_are_all_alike_move_nothing(each):
    plain, weighted = (fit(Gamma, WAITS, weights=weights, progress=False) for weights in (None, [each] * 4))
    assert weighted.converged
    assert weighted.model.shape == pytest.approx(plain.model.shape, rel=1e-9)
    assert weighted.standard_errors.shape == pytest.approx(plain.standard_errors.shape / np.sqrt(each), rel=1e-9)


@pytest.mark.slow
def test_a_weight_is_so_many_observations():
    weighted = fit(Exponential, WAITS, weights=[2, 0, 1, 3], progress=False)
    repeated = fit(Exponential, np.repeat(WAITS, [2, 0, 1, 3]), progress=False)
    assert weighted.model.rate == pytest.approx(repeated.model.rate, rel=1e-14)
    assert weighted.standard_errors.rate == pytest.approx(repeated.standard_errors.rate, rel=1e-14)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-14)
    assert weighted.count == 6
    assert fit(Exponential, WAITS, weights=[0.5] * 4, progress=False).count == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0.1}, "fit finds the maximum; train takes learning_rate"),
        ({"nonsense": 1}, "unexpected keyword argument 'nonsense'"),
        ({"weights": [1, 1, -1, 1]}, "weights must be at least 0; got -1 at index 2"),
        ({"weights": [1, 1]}, "weights must be one for each of 4 observations; got shape (2,)"),
        ({"weights": [0, 0, 0, 0]}, "weights must not all be 0"),
        ({"weights": [1e308] * 4}, "weights must add up to 1e-100 to 1e+100; they add up to inf"),
        ({"weights": [5e-324] * 4}, "weights must add up to 1e-100 to 1e+100; they add up to 1.97626e-323"),
        ({"starts": [Gamma(1.0, 1.0)]}, "starts[0] must be a Exponential"),
        ({"starts": 0}, "starts must be a whole number from 1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_are_refused_by_value_and_rule(arguments, message):
    with pytest.raises(TypeError if "train" in message or "unexpected" in message else (InputError)) as refused:
        fit(Exponential, WAITS, progress=False, **arguments)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("family", "values", "message"),
    [
        (zoo.Rayleigh, WAITS, "Rayleigh has no start(observations, weights) of its own: give a model to start at"),
        (Gamma, [1.0, -2.0], "Gamma needs positive numbers; got -2.0 at index 1"),
        (Gamma, [], "observations must hold at least one value; got 0"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_families_and_observations_are_refused_by_value_and_rule(family, values, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        fit(family, values, progress=False)


@pytest.mark.slow
def test_constant_observations_have_a_maximum_where_the_family_allows_it():
    assert fit(Exponential, [2.0, 2.0], progress=False).model.rate == pytest.approx(0.5)
    with pytest.warns(ConvergenceWarning, match="all 3 observations equal 5: the log-likelihood grows without bound"):
        result = fit(Normal, [5.0, 5.0, 5.0], progress=False)
    assert result.status is Status.UNBOUNDED
    assert np.isnan(result.standard_errors.variance)
    assert np.isnan(result.aic)
    assert json.loads(result.to_json())["log_likelihood"] is None


@pytest.mark.slow
@pytest.mark.parametrize("value", [1.0, 2.0302, 1e200], ids=str)
@pytest.mark.parametrize("family", [mlejax.Pareto, mlejax.InverseGaussian])
def test_constant_observations_make_a_narrow_family_unbounded_in_every_unit(family, value):
    with pytest.warns(ConvergenceWarning, match="observations equal .*: the log-likelihood grows without bound"):
        assert fit(family, [value] * 3, progress=False).status is Status.UNBOUNDED


@pytest.mark.slow
def test_ties_let_the_scale_of_a_student_t_approach_0():
    """Of twenty, ten equal: with df < 10 / 10 the log-likelihood grows as (df - 1) * 10 * log(scale) falls."""
    x = 5 + np.random.RandomState(0).standard_t(3, 20)
    x[:10] = x[0]
    heights = [np.sum(scipy.stats.t.logpdf(x, 0.5, x[0], scale)) for scale in (1e-20, 1e-40, 1e-60)]
    np.testing.assert_allclose(np.diff(heights), 5 * 20 * np.log(10), rtol=1e-9)
    with pytest.warns(
        ConvergenceWarning, match="grows without bound as the scale approaches 0 around one observation, or several"
    ):
        assert fit(mlejax.StudentT, x, progress=False).status is Status.UNBOUNDED


@pytest.mark.slow
@pytest.mark.parametrize("name", fits.FAMILIES)
def test_the_maximum_against_fifty_digits(name):
    family, values, exact = fits.FAMILIES[name]
    result, reference = fit(family, values, progress=False), exact(values)
    assert result.converged
    for parameter, value in result.parameters.items():
        error = getattr(result.standard_errors, parameter)
        assert abs(value - reference.estimate[parameter]) < 1e-6 * reference.standard_error[parameter]
        assert error == pytest.approx(reference.standard_error[parameter], rel=1e-4)
    assert result.log_likelihood == pytest.approx(reference.log_likelihood, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e9, 1e160])
@pytest.mark.parametrize("name", ["weibull", "gamma", "student_t"])
def test_units_decide_nothing(name, unit):
    family, values, _ = fits.FAMILIES[name]
    plain, other = fit(family, values, progress=False), fit(family, unit * values, progress=False)
    assert other.converged
    powers = {"weibull": (0, 1), "gamma": (0, -1), "student_t": (1, 1, 0)}[name]
    for parameter, power in zip(plain.parameters, powers, strict=True):
        scale = unit ** float(power)
        error = getattr(plain.standard_errors, parameter)
        assert abs(other.parameters[parameter] / scale - plain.parameters[parameter]) < 1e-6 * error
        assert getattr(other.standard_errors, parameter) / scale == pytest.approx(error, rel=1e-6)
    expected = plain.log_likelihood - len(values) * np.log(unit)
    assert other.log_likelihood == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_a_mean_that_is_large_beside_the_spread():
    result = fit(Normal, 1e15 + np.array([0.0, 1.0, 2.0]), progress=False)
    assert (result.model.mean, result.model.variance) == (1e15 + 1, pytest.approx(2 / 3, rel=1e-14))
    whole = fit(Normal, 10**15 + np.array([0, 1, 2]), progress=False)
    assert whole.model.variance == pytest.approx(2 / 3, rel=1e-14)
    student = fit(mlejax.Logistic, 1e15 + np.arange(10.0), progress=False)
    near = fit(mlejax.Logistic, np.arange(10.0), progress=False)
    assert student.model.scale == pytest.approx(near.model.scale, rel=1e-9)


@pytest.mark.slow
def test_parameters_that_float64_does_not_hold_are_refused():
    with pytest.raises(InputError, match=r"Normal\.variance of these observations would be inf"):
        fit(Normal, [1e160, 2e160, 4e160], progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", fits.NIST)
def test_the_univariate_samples_of_nist(name):
    values, mean, deviation = fits.NIST[name]
    result = fit(Normal, values, progress=False)
    n = len(values)
    assert result.model.mean == pytest.approx(mean, rel=1e-13)
    # The certified deviation is that of the decimal numbers; 10000000.1 itself is rounded by 1e-9.
    assert np.sqrt(result.model.variance * n / (n - 1)) == pytest.approx(deviation, rel=1e-7)
    exact = oracles.exact_mean_and_variance(values)
    assert (result.model.mean, result.model.variance) == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", fits.WITHOUT_MAXIMUM)
def test_where_there_is_no_maximum_the_reason_is_given(name):
    start, values, status, words = fits.WITHOUT_MAXIMUM[name]
    with pytest.warns(ConvergenceWarning, match=words):
        result = fit(start, values, progress=False)
    assert result.status is status
    assert words in result.reason
    assert all(np.isnan(error) for error in mlejax.models.parameters.parameter_dict(result.standard_errors).values())
    assert "no: " in str(result)


@pytest.mark.slow
def test_a_supremum_at_infinity_is_that_of_the_limit():
    start, values, *_ = fits.WITHOUT_MAXIMUM["t of light tails"]
    with pytest.warns(ConvergenceWarning):
        reason = fit(start, values, progress=False).reason
    limit = fit(Normal, values, progress=False).log_likelihood
    assert f"its supremum, {limit:.4f} at infinity" in reason


@pytest.mark.slow
def test_counts_have_a_maximum_exactly_if_they_are_overdispersed():
    """A theorem: B. Levin and J. Reeds, Compound multinomial likelihood functions are unimodal, 1977."""
    random = np.random.RandomState(5)
    found = []
    for _ in range(16):
        counts = random.poisson(4.0, 20)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            converged = fit(mlejax.NegativeBinomial, counts, progress=False).converged
        assert converged == (counts.var() > counts.mean())
        assert converged == (not warned)
        found.append(converged)
    assert set(found) == {True, False}


@pytest.mark.slow
def test_several_starts_say_how_many_agreed():
    random = np.random.RandomState(0)
    values = np.append(random.normal(0.0, 1.0, 60), random.normal(6.0, 1.0, 40))
    start = mlejax.Mixture.of([Normal(0.0, 1.0), Normal(5.0, 1.0)], [0.5, 0.5])
    swapped = mlejax.Mixture.of([Normal(5.0, 1.0), Normal(0.0, 1.0)], [0.5, 0.5])
    result = fit(start, values, starts=[swapped], progress=False)
    assert result.converged
    assert result.reason == "2 of 2 starts led to this height"
    assert fit(start, values, starts=3, progress=False).starts == 3


@pytest.mark.slow
@pytest.mark.parametrize("shape", [-0.7, -0.3])
@pytest.mark.parametrize("family", [mlejax.GeneralizedPareto, mlejax.GeneralizedExtremeValue])
def test_an_end_that_is_learned_too_fast_has_no_standard_errors(family, shape):
    random = np.random.RandomState(0)
    y = random.exponential(1.0, 500) if family is mlejax.GeneralizedPareto else random.gumbel(0.0, 1.0, 500)
    result = fit(family, np.expm1(shape * y) / shape, progress=False)
    assert result.converged
    assert result.model.shape == pytest.approx(shape, abs=0.15)
    assert np.isnan(result.standard_errors.scale) == (shape < -0.5)
    assert ("no standard errors: they hold at shapes above -1/2 only" in str(result)) == (shape < -0.5)


@pytest.mark.slow
def test_families_that_are_not_smooth_say_so():
    result = fit(mlejax.Laplace, [1.0, 2.0, 6.0], progress=False)
    assert (result.model.location, result.model.scale) == (2.0, pytest.approx(5 / 3))
    assert result.standard_errors.location == pytest.approx(5 / 3 / np.sqrt(3))
    assert "a corner at the median" in result.reason
    pareto = fit(mlejax.Pareto, [1.0, 2.0, 4.0], progress=False)
    assert pareto.model.minimum == 1.0
    assert np.isnan(pareto.standard_errors.minimum)
    assert pareto.standard_errors.shape == pytest.approx(1 / np.log(2) / np.sqrt(3))
    assert pareto.log_likelihood == pytest.approx(mlejax.log_likelihood(pareto.model, [1.0, 2.0, 4.0]))
    with pytest.raises(InputError, match="Pareto has no profile intervals"):
        pareto.confidence_intervals(method="profile")


def least_squares(columns, weights=None):
    """The closed form: intercept, slope, and the variance with divisor n."""
    weights = np.ones(len(columns["x"])) if weights is None else weights
    design, root = np.stack([np.ones(len(columns["x"])), columns["x"]], axis=1), np.sqrt(weights)
    found = np.linalg.lstsq(design * root[:, None], columns["y"] * root, rcond=None)[0]
    return [*found, np.average((columns["y"] - design @ found) ** 2, weights=weights)]


@pytest.mark.slow
def test_records_are_fitted_like_numbers():
    columns = zoo.points()
    result = mlejax.fit(zoo.Line(0.0, 0.0, 1.0), columns, progress=False)
    np.testing.assert_allclose(jax.tree.leaves(result.model), least_squares(columns), rtol=1e-9)
    assert result.converged
    assert result.representation == "5 sufficient statistics found in Line.log_prob"
    assert result.count == 40


@pytest.mark.slow
def test_a_weight_of_two_counts_a_record_twice():
    columns, weights = zoo.points(), np.arange(40) % 3 + 0.0
    result = mlejax.fit(zoo.Line(0.0, 0.0, 1.0), columns, weights=weights, progress=False)
    np.testing.assert_allclose(jax.tree.leaves(result.model), least_squares(columns, weights), rtol=1e-9)
    twice = mlejax.fit(
        zoo.Line(0.0, 0.0, 1.0), take(columns, np.repeat(np.arange(40), weights.astype(int))), progress=False
    )
    np.testing.assert_allclose(result.log_likelihood, twice.log_likelihood, rtol=1e-12)


@pytest.mark.slow
def test_records_without_statistics_are_fitted_in_every_representation_alike():
    columns, start = zoo.points(), zoo.Bent(0.0, 0.0, 1.0)
    result = mlejax.fit(start, columns, progress=False)
    assert result.representation.startswith("raw observations")
    vectors = mlejax.fit(Rows(*jax.tree.leaves(start)), np.stack([columns["x"], columns["y"]], axis=1), progress=False)
    np.testing.assert_allclose(jax.tree.leaves(vectors.model), jax.tree.leaves(result.model), rtol=1e-9)
    assert result.converged
    assert np.all(np.isfinite(result.covariance("sandwich")))


class Rows(zoo.Bent):
    """The same of vectors: the residual is a product with a row."""

    def log_prob(self, row):
        return super().log_prob({"x": row @ jnp.array([1.0, 0.0]), "y": row[1]})


# Arrays of parameters -------------------------------------------------------------------------------------------------

LIVES = np.random.RandomState(0).exponential(1.5, 400)
THROWS = np.repeat([0.0, 1.0, 2.0], [7, 11, 2])


@pytest.mark.slow
def test_an_array_of_parameters_reaches_its_closed_form_number_by_number():
    events = np.histogram(LIVES, [0, 1, 2, np.inf])[0]
    rates = events / [np.clip(LIVES - age, 0, most).sum() for age, most in ((0, 1), (1, 1), (2, np.inf))]
    result = fit(zoo.Hazard(np.ones(3)), LIVES, progress=False)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.model.rates, rates, rtol=1e-10)
    np.testing.assert_allclose(result.standard_errors.rates, rates / np.sqrt(events), rtol=1e-7)
    np.testing.assert_allclose(result.covariance("sandwich").shape, (3, 3))
    assert list(result.parameters) == ["rates[young]", "rates[middle]", "rates[old]"]
    assert result.aic == pytest.approx(6 - 2 * result.log_likelihood)
    low, high = result.confidence_intervals(method="profile")["rates[old]"]
    assert all(  # the profile of one rate, the others at their maximum
        events[2] * (np.log(end / rates[2]) + 1 - end / rates[2]) == pytest.approx(-1.9207294103, rel=1e-6)
        for end in (low, high)
    )
    assert "rates[middle]  " in str(result)
    assert result.to_dict()["standard_error.rates[young]"] == result.standard_errors.rates[0]


@pytest.mark.slow
def test_numbers_that_are_bound_to_each_other_have_the_covariance_of_their_coordinates():
    result = fit(zoo.Dice(np.full(3, 1 / 3)), THROWS, progress=False)
    shares = np.array([7, 11, 2]) / 20
    np.testing.assert_allclose(result.model.shares, shares, rtol=1e-12)
    # The curvature is that of the last point measured, within 1e-6 standard errors of the maximum.
    expected = (np.diag(shares) - np.outer(shares, shares)) / 20
    np.testing.assert_allclose(result.covariance(), expected, rtol=2e-6)
    np.testing.assert_allclose(result.covariance("sandwich"), expected, rtol=5e-6)
    assert result.parameter_count == 2
    assert result.bic == pytest.approx(2 * np.log(20) - 2 * result.log_likelihood)
    with pytest.raises(ValueError, match="Dice has no profile intervals: none of its numbers can be held while others"):
        result.confidence_intervals(method="profile")


@pytest.mark.slow
@pytest.mark.parametrize(("throws", "which"), [([0, 0, 1], 2), ([1, 2, 2], 0)], ids=["the last", "another"])
def test_a_share_of_what_was_never_seen_approaches_its_wall(throws, which):
    with pytest.warns(ConvergenceWarning, match=f"keeps rising as shares.{which}. approaches 0; its supremum, -1.9095"):
        result = fit(zoo.Dice(np.full(3, 1 / 3)), np.array(throws, float), progress=False)
    assert result.status is Status.AT_BOUNDARY
    assert np.all(np.isnan(result.covariance()))


@pytest.mark.slow
def test_an_array_in_units_of_its_own():
    def log_prob(m, x):
        shape, scale = m.both[0], m.both[1]
        return jnp.log(shape) - jnp.log(scale) - (shape + 1) * jnp.log1p(x / scale)

    lomax, x = zoo.family(log_prob, both=positive), np.random.RandomState(1).pareto(3, 400)
    plain, tiny = (fit(lomax(np.array([2.0, unit])), unit * x, progress=False) for unit in (1.0, 2.0**-600))
    assert plain.converged
    np.testing.assert_allclose(tiny.model.both * [1, 2.0**600], plain.model.both, rtol=1e-9)
    np.testing.assert_allclose(tiny.standard_errors.both * [1, 2.0**600], plain.standard_errors.both, rtol=1e-6)
