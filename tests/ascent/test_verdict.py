import numpy as np
import pytest

from benchmarks.shaped import of_alternatives
from mlejax import ConvergenceWarning, LogisticRegression, Lomax, NegativeBinomial, StudentT, fit
from mlejax.ascent.outward import End, View
from mlejax.ascent.verdict import judge
from mlejax.models.parameters import Parameters
from mlejax.status import Status

TABLE = Parameters.of(NegativeBinomial(1.0, 1.0))
COUNT = 100.0
LIGHT = [1.0, 1.1, 1.2, 1.3, 1.5]
"""Less scattered than exponential, with tails lighter than normal."""


def end(distance=1e-9, information=(1.0, 1.0), status=Status.CONVERGED):
    zero = np.zeros(2)
    return End(zero, -0.05, np.diag(information), np.eye(2), zero + 1, distance, 5, status, zero)


def test_a_climb_that_ended_short_says_how_far():
    verdict = judge(end(2.5, status=Status.MAX_STEPS), [], TABLE, COUNT, 0.0)
    assert verdict.status is Status.MAX_STEPS
    assert verdict.reason == "after 5 steps the estimate is 2.5 standard errors from the top of its parabola"


@pytest.mark.parametrize(
    ("falls", "error", "expected"),
    [
        (True, 2e3, Status.CONVERGED),
        (False, 2e3, Status.NOT_IDENTIFIED),  # a climb on the way may have stopped too low
        (True, 2e5, Status.NOT_IDENTIFIED),
    ],
)
def test_a_parabola_that_is_flat_is_believed_where_the_profile_was_seen_to_fall(falls, error, expected):
    here = end(information=(1 / (COUNT * error**2), 1.0))
    views = [View(0, sign, (-1e-3, -2e-3), here, error if falls else np.nan) for sign in (1, -1)]
    assert judge(here, views, TABLE, COUNT, 0.0).status is expected


@pytest.mark.filterwarnings("ignore::mlejax.ConvergenceWarning")
@pytest.mark.parametrize(
    ("family", "sample", "words"),
    [
        pytest.param(StudentT, LIGHT, "degrees_of_freedom grows; its supremum, {:.4f} at infinity, where the model is "
                     "Normal, is no maximum: fit Normal instead", id="student_t"),
        pytest.param(Lomax, LIGHT, "grows; its supremum, {:.4f} at infinity, where the model is Exponential, is no "
                     "maximum: fit Exponential instead", id="lomax", marks=pytest.mark.slow),
        pytest.param(NegativeBinomial, [2.0, 3, 2, 3], "size grows; its supremum, {:.4f} at infinity, where the model "
                     "is Poisson, is no maximum: fit Poisson instead", id="negative_binomial", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_what_the_family_becomes_at_infinity_is_named_and_has_that_height(family, sample, words):
    (limit,) = {limit.family for limit in family.start(sample).limits()}
    height = fit(limit, sample, progress=False).log_likelihood
    result = fit(family, sample, progress=False)
    assert result.status is Status.AT_INFINITY
    assert words.format(height) in result.reason


def test_responses_that_are_separated_do_not_converge_on_the_plateau():
    """So far out that every slope is rounding, and from where other coefficients lead down at once."""
    x = np.array([
        [0.7519465876771957, 0.5629897185861278], [-1.1949868052686603, -0.500409667304264],
        [0.25280350541915453, -0.4080147090398969], [1.7746585609733332, -0.39315319475411287],
        [-0.16221844757669085, 0.7694301781773039],
    ])  # fmt: skip
    sample = {"features": x, "response": np.array([1.0, 0, 1, 1, 0])}
    assert of_alternatives(sample).maxima == ()
    with pytest.warns(ConvergenceWarning, match="keeps rising as .*; its supremum, 0.0000 at infinity, is no maximum"):
        assert fit(LogisticRegression, sample, progress=False).status is Status.AT_INFINITY
    both = {"features": np.tile(x, (2, 1)), "response": np.concatenate([sample["response"], 1 - sample["response"]])}
    assert fit(LogisticRegression, both, progress=False).log_likelihood == pytest.approx(10 * np.log(0.5), abs=1e-9)
