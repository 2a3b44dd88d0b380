import dataclasses
import json
import math
import re

import numpy as np
import pytest

from mlejax import ConvergenceWarning, Exponential, Normal, fit
from mlejax.results.text import caption

WAITS = [0.5, 1.5, 4.0]


@pytest.fixture(scope="module")
def fitted():
    return fit(Exponential, WAITS, progress=False)


@pytest.fixture(scope="module")
def unbounded():
    with pytest.warns(ConvergenceWarning):
        return fit(Normal, [5.0, 5.0], progress=False)


def test_the_table(fitted):
    assert str(fitted) == (
        "Exponential\n"
        "\n"
        "parameter  estimate  standard error          95 % interval\n"
        "---------  --------  --------------  ---------------------\n"
        "rate       0.500000        0.288675  -0.065793 to 1.065793\n"
        "\n"
        "log-likelihood  -5.0794 over 3 observations\n"
        "AIC             12.1589\n"
        "BIC             11.2575\n"
        "converged       yes, in 0 steps\n"
        "data            1 sufficient statistic found in Exponential.log_prob"
    )
    assert repr(fitted).startswith("<FitResult Exponential(rate=0.5), CONVERGED, distance ")


@pytest.mark.parametrize(
    ("count", "words"), [(1_000_000, "1,000,000"), (1_234_567.5, "1,234,567.5"), (0.3, "0.3"), (2.0, "2")]
)
def test_how_many_observations(fitted, count, words):
    assert f" over {words} observations\n" in str(dataclasses.replace(fitted, count=count))


def test_the_small_print_of_its_pictures_tells_samples_apart(fitted):
    said = caption(fitted)
    assert re.fullmatch(r"1 fit; n = 3; mlejax [\d.a-z]+; settings [0-9a-f]{8}", said)
    assert caption(dataclasses.replace(fitted)) == said
    assert caption(dataclasses.replace(fitted, observations=np.array([0.5, 1.5, 4.0 + 1e-15]))) != said
    assert caption(dataclasses.replace(fitted, weights=np.ones(3))) != said


def test_criteria_by_hand(fitted):
    height = 3 * math.log(0.5) - 3
    assert fitted.log_likelihood == pytest.approx(height)
    assert fitted.aic == pytest.approx(2 - 2 * height)
    assert fitted.aicc == pytest.approx(2 - 2 * height + 4 / 1)
    assert fitted.bic == pytest.approx(math.log(3) - 2 * height)


def test_intervals_and_covariance_by_hand(fitted):
    error = 0.5 / math.sqrt(3)
    assert fitted.covariance() == pytest.approx(np.array([[error**2]]), rel=1e-9)
    assert fitted.confidence_intervals(0.5)["rate"] == pytest.approx(
        (0.5 - 0.6744897501960817 * error, 0.5 + 0.6744897501960817 * error), rel=1e-9
    )
    # The scores are 1 / rate - x.
    sandwich = error**4 * sum((2 - x) ** 2 for x in WAITS)
    assert fitted.covariance("sandwich")[0, 0] == pytest.approx(sandwich, rel=1e-9)


def test_json_has_null_where_a_number_would_mislead(fitted, unbounded):
    read = json.loads(fitted.to_json())
    assert set(read) == {
        "model", "parameters", "log_likelihood", "aic", "aicc", "bic", "count", "converged", "distance", "status",
        "reason", "steps",
    }  # fmt: skip
    assert read["parameters"]["rate"]["estimate"] == pytest.approx(0.5)
    assert read["parameters"]["rate"]["interval"] == pytest.approx([-0.0658, 1.0658], abs=1e-4)
    assert read["status"] == "CONVERGED"
    other = json.loads(unbounded.to_json())
    assert other["parameters"]["variance"]["standard_error"] is None
    assert other["parameters"]["variance"]["interval"] == [None, None]
    assert (other["aic"], other["log_likelihood"], other["converged"]) == (None, None, False)


def test_a_fit_without_a_maximum_never_looks_like_one(unbounded):
    text = str(unbounded)
    assert [line.split()[2:] for line in text.splitlines() if line.startswith(("mean", "variance"))] == [["-", "-"]] * 2
    assert "AIC" not in text
    assert "converged       no: all 2 observations equal 5: the log-likelihood grows without bound" in text
    assert np.isnan(unbounded.covariance()).all()
    assert np.isnan(unbounded.confidence_intervals()["mean"]).all()


def test_a_notebook_shows_the_same(fitted):
    page = fitted._repr_html_()
    assert "<td>rate</td><td>0.500000</td><td>0.288675</td>" in page
    assert "<td>AIC</td><td>12.1589</td>" in page


def test_a_row_of_a_table(fitted):
    row = fitted.to_dict()
    assert list(row)[:3] == ["model", "rate", "standard_error.rate"]
    assert row["converged"] is True


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda fitted: fitted.covariance("robust"), "kind must be observed or sandwich; got 'robust'"),
        (lambda fitted: fitted.confidence_intervals(95), "level must be between 0 and 1; got 95"),
        (lambda fitted: fitted.confidence_intervals(method="bayes"), "method must be wald or profile; got 'bayes'"),
        (lambda fitted: fitted.confidence_intervals(method="bca"), r"got 'bca': those .* of result.bootstrap\(\)"),
    ],
    ids=["kind", "level", "method", "resamples"],
)
def test_questions_are_refused_by_value_and_rule(fitted, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(fitted)


def test_a_log_likelihood_that_is_0_to_its_digits_has_no_sign(fitted):
    assert "log-likelihood  0.0000 over" in str(dataclasses.replace(fitted, log_likelihood=-1e-9))
