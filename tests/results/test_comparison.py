"""What a comparison says: weights, ties, JSON, the table."""

import json

import numpy as np
import pytest

import mlejax

WAITS = np.random.RandomState(0).exponential(2.0, 30)


@pytest.fixture(scope="module")
def compared():
    return mlejax.compare(["exponential", "normal", "rayleigh"], WAITS, progress=False)


def test_weights_are_those_of_akaike(compared):
    aic = np.array([fit.aic for fit in compared.fits.values()])
    shares = np.exp(-(aic - aic.min()) / 2)
    np.testing.assert_allclose(list(compared.weights.values()), shares / shares.sum(), rtol=1e-12)
    assert compared.differences["exponential"] == 0
    assert compared.tied == ("exponential",)


@pytest.mark.slow
def test_what_is_tied_and_what_few_observations_mean_is_said():
    found = mlejax.compare(["gumbel", "logistic"], [1.0, 2.0, 2.5, 4.0, 4.4, 5.0], progress=False)
    assert set(found.tied) == {"gumbel", "logistic"}
    assert any("are not told apart: their AIC differs by less than 2" in remark for remark in found.remarks)
    assert any(remark.startswith("With 6 observations AICc") for remark in found.remarks)


def test_the_table_and_the_notebook_show_every_family(compared):
    lines = str(compared).splitlines()
    assert lines[0] == "3 families, 30 observations"
    assert [line.split()[0] for line in lines[4:7]] == list(compared.fits)
    assert compared._repr_html_().count("<tr>") == 4
    assert repr(compared).endswith("best by AIC: exponential>")


def test_json_has_the_rows_by_rising_aic(compared):
    made = json.loads(compared.to_json())
    assert [row["model"] for row in made["models"]] == list(compared.fits)
    assert made["best"] == "exponential"
    rate = made["models"][0]["parameters"]["rate"]["estimate"]
    assert rate == pytest.approx(1 / np.mean(WAITS), rel=1e-9)


@pytest.mark.slow
def test_without_a_maximum_there_is_no_best():
    found = mlejax.compare([mlejax.Geometric], [0, 0, 0], progress=False)
    assert not found.converged
    assert json.loads(found.to_json())["best"] is None
    assert found.weights == {"Geometric": 0.0}
    with pytest.raises(ValueError, match="no family has a maximum"):
        _ = found.best
