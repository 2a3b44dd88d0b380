"""What a training run says of itself: whether it arrived, what is shown, and what to do."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from zoo import NormalMixture

import mlejax
from mlejax import Normal, Status, StudentT, train
from mlejax.results.text import train_report


@pytest.fixture(scope="module")
def data():
    return np.random.RandomState(1).normal(1.0, 2.0, 500)


@pytest.fixture(scope="module")
def arrived(data):
    result = train(Normal(0.0, 1.0), data, learning_rate=1.0, validation_fraction=0, progress=False)
    assert result.distance < 0.01
    return result


@pytest.fixture(scope="module")
def short(data):
    result = train(Normal(0.0, 1.0), data, learning_rate=0.5, max_epochs=40, progress=False)
    assert 0.01 < result.distance < math.inf
    return result


# Shown or not -----------------------------------------------------------------------------------------------------


def test_a_run_that_has_not_arrived_shows_no_standard_errors_and_no_criteria(short):
    assert not short.arrived
    numbers = [*jax.tree.leaves(short.standard_errors), short.aic, short.bic]
    assert len(numbers) == 4
    assert all(math.isnan(number) for number in numbers)
    shown = str(short)
    assert "AIC" not in shown.split("Not converged")[0]
    assert "BIC" not in shown.split("Not converged")[0]
    assert "nan" not in shown
    mean = next(line for line in shown.splitlines() if line.startswith("mean"))
    assert mean.split() == ["mean", f"{short.model.mean:.6f}", "-"]
    assert f"Not converged: stopped {short.distance:.2g} standard errors short of the maximum" in shown
    assert "To arrive, allow more epochs or choose another learning rate." in shown


def test_a_run_that_arrived_shows_them_and_says_converged(arrived):
    shown = str(arrived)
    mean = next(line for line in shown.splitlines() if line.startswith("mean"))
    assert mean.split() == ["mean", f"{arrived.model.mean:.6f}", f"{arrived.standard_errors.mean:.6f}"]
    assert f"AIC             {arrived.aic:.4f}" in shown
    assert "Converged:" in shown
    assert "look at" not in shown


@pytest.mark.slow
def test_criteria_of_a_part_say_of_which(data):
    result = train(
        Normal(0.0, 1.0), data, learning_rate=1.0, patience=3000, tolerance=0.0, max_epochs=3000, progress=False
    )
    assert result.arrived
    assert f"AIC             {result.aic:.4f} over the 400 observations trained on" in str(result)
    assert "closed form, all 500" in train_report(result, Normal(1.0, 4.0)).splitlines()[0]


def test_criteria_count_numbers_and_not_fields(arrived):
    pair = dataclasses.replace(arrived, model=Normal(np.zeros(2), np.ones(3)))
    assert pair.parameter_count == 5
    assert pair.aic - arrived.aic == pytest.approx(2 * (5 - 2))
    assert pair.bic - arrived.bic == pytest.approx((5 - 2) * math.log(500))


def test_without_validation_no_sentence_speaks_of_it(arrived, short):
    for status in Status:
        for result in (arrived, dataclasses.replace(arrived, distance=0.5), dataclasses.replace(arrived, distance=9.0)):
            shown = str(dataclasses.replace(result, status=status))
            assert "validation" not in shown, status
    assert "  validation" in str(short)
    assert "validation log-likelihood" in dataclasses.replace(short, status=Status.PATIENCE).reason


def test_its_repr_is_one_short_line(arrived):
    assert repr(arrived).startswith(f"<TrainResult Normal(mean={arrived.model.mean:.6g}, variance=")
    assert repr(arrived).endswith(f"{arrived.status.name} in epoch {arrived.epochs}, distance {arrived.distance:.2g}>")
    assert len(repr(arrived)) < 150


# Advice -----------------------------------------------------------------------------------------------------------


def test_advice_is_of_the_status_and_the_type(short):
    def advice(**changed):
        return dataclasses.replace(short, **changed).reason

    assert "raise `patience` or the learning rate, or, where the maximum" in advice(status=Status.PATIENCE)
    assert "lower `tolerance` or raise the learning rate" in advice(status=Status.TOLERANCE)
    assert "use a smaller learning rate" in advice(status=Status.DIVERGED)
    assert "so the estimate is the start" in advice(status=Status.DIVERGED, best_epoch=1)
    assert "so the estimate is the start" not in advice(status=Status.DIVERGED, best_epoch=2)
    assert "use `dtype=float64`" in advice(status=Status.PRECISION, dtype=np.dtype(np.float32))
    assert "float64" not in advice(status=Status.PRECISION).split("To arrive")[1]
    assert "a sum in float64, changed by no more than its own rounding" in advice(status=Status.PRECISION)
    assert advice(status=Status.OUTSIDE_SUPPORT) == Status.OUTSIDE_SUPPORT.advice


@pytest.mark.slow
def test_a_run_that_diverged_at_the_maximum_says_that_it_is_there(data):
    start = Normal(data.mean() + 1e-7, data.var() + 1e-7)  # of which no gradient is zero
    jump = optax.stateless(lambda gradient, _: jax.tree.map(lambda g: 100 * jnp.sign(g), gradient))
    result = train(start, data, optimizer=jump, learning_rate=1.0, validation_fraction=0, progress=False)
    assert result.status is Status.DIVERGED
    assert result.arrived
    assert "Converged, nevertheless" in result.reason
    assert "learning rate" not in result.reason
    assert result.standard_errors.mean == pytest.approx(math.sqrt(data.var() / 500), rel=1e-6)


@pytest.mark.slow
def test_a_parameter_that_the_data_do_not_determine_is_no_result():
    """Evenly spread data have lighter tails than any t: the likelihood rises with the degrees of freedom for ever."""
    x = (np.arange(20) + 0.5) / 10 - 1
    result = train(StudentT(0.0, 0.5, 1e5), x, validation_fraction=0, progress=False)
    assert result.distance < 0.01  # which alone would call it a maximum
    assert result.undetermined == result.at_infinity == ("degrees_of_freedom",)
    assert not result.arrived
    assert math.isnan(result.standard_errors.degrees_of_freedom)
    assert "degrees_of_freedom not determined by these data" in str(result)


def test_a_parameter_that_is_hardly_determined_is_named(arrived):
    result = dataclasses.replace(arrived, undetermined=("variance",))
    assert result.arrived
    assert "Not determined by these data: variance, whose standard error exceeds the estimate." in result.reason
    assert "ot determined" not in arrived.reason


@pytest.mark.slow
def test_an_unbounded_likelihood_is_not_blamed_on_the_learning_rate():
    x = np.array([0.0] * 10 + [1.0, 5.0])
    result = train(StudentT(0.1, 1.0, 1.0), x, learning_rate=0.01, validation_fraction=0, progress=False)
    assert result.status is Status.DIVERGED
    assert not math.isfinite(result.distance)
    assert "still rises when scale is halved" in result.reason
    assert "grows without bound" in result.reason


@pytest.mark.slow
def test_a_symmetric_start_says_why_it_has_no_errors():
    x = np.concatenate([np.linspace(-3, -1, 20), np.linspace(2, 4, 20)])
    start = NormalMixture(0.5, 0.0, 1.0, 0.0, 1.0)
    result = train(start, x, validation_fraction=0, max_epochs=50, progress=False)
    assert "first_mean and second_mean began equal and stayed so" in result.reason
    other = train(NormalMixture(0.5, -1.0, 1.0, 1.0, 1.0), x, validation_fraction=0, max_epochs=50, progress=False)
    assert "began equal" not in other.reason  # the variances did, and went their own ways


@pytest.mark.slow
def test_data_whose_squares_no_float_holds_are_told_to_be_rescaled():
    x = np.random.RandomState(0).normal(5.0, 2.0, 100) * 1e-200
    result = train(Normal(0.0, 1.0), x, validation_fraction=0, progress=False)
    assert not result.arrived
    assert "divide them by a number of that size" in result.reason
    assert mlejax.train(Normal(0.0, 1.0), x * 1e200, validation_fraction=0, max_epochs=5, progress=False).spread < 20
