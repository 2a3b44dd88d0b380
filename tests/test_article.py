"""The article's figures, to the digit, and the two questions that it leaves open."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import mlejax
from mlejax import article
from mlejax.cli import main as cli
from mlejax.results.schema import ARRIVED

POINTS = 9


@pytest.fixture(scope="module")
def observations(article_data):
    return article_data(42)


@pytest.fixture(scope="module")
def separate(observations):
    result = article.separate_learning_rates(observations, points=POINTS, progress=False)
    assert result.shape == (1, POINTS, POINTS)
    return result


@pytest.fixture(scope="module")
def ascents(observations):
    return {ascent.name: ascent for ascent in article.compare_ascents(observations, points=5)}


def test_the_observations_are_the_articles(observations):
    found = article.article_observations()
    assert found.shape == (100_000,)
    np.testing.assert_array_equal(found, observations)


@pytest.fixture(scope="module")
def reproduced(observations):
    return article.article_run(observations, progress=False)


@pytest.mark.slow
def test_all_eight_figures_are_the_same(reproduced):
    run, figures = reproduced
    assert figures == article.PRINTED
    assert len(figures) == 8
    assert article.figures_text(figures).count(" same") == 8
    assert run.epochs == 10_000


def test_a_figure_that_differs_is_told():
    text = article.figures_text(article.PRINTED | {"sample mean": "7.202708"})
    assert text.count("DIFFERS") == 1
    assert text.count(" same") == 7


@pytest.mark.slow
def test_why_the_mean_comes_first():
    """At v = 7.84: curvatures 1/v and 1/(2 v^2), limits 2/curvature, half-lives log 2 / -log(1 - rate curvature)."""
    rows = {line.split()[0]: line for line in article.convergence_text().splitlines() if line}
    assert re.search(r"0\.127551 +15\.68 +54$", rows["mean"])
    assert re.search(r"0\.008135 +245\.86 +852$", rows["variance"])
    assert "15.7 times smaller" in article.convergence_text()


@pytest.mark.slow
def test_separate_rates_reach_the_maximum(separate, observations):
    rates = np.geomspace(0.01, 1000.0, POINTS)
    np.testing.assert_array_equal(separate.axes["learning_rate.mean"], rates)
    different = ~np.eye(POINTS, dtype=bool)
    arrived = separate.arrived[0]
    assert arrived[different].sum() > 0  # the claim that they must be the same does not hold
    closed = mlejax.Normal.closed_form(observations)
    error = np.sqrt(closed.variance / 100_000)
    assert np.abs(separate.model.mean[0][arrived] - closed.mean).max() < ARRIVED * error * 1.01


@pytest.mark.slow
def test_what_is_said_of_separate_rates_is_what_was_found(separate):
    text = " ".join(article.separate_rates_text(separate).split())
    different = ~np.eye(POINTS, dtype=bool)
    arrived, epochs = separate.arrived[0], separate.epochs[0]
    rates = np.geomspace(0.01, 1000.0, POINTS)
    count = int((arrived & different).sum())
    assert f"Of 72 pairs of different rates, {count} reach the maximum" in text
    shared = min((epochs[i, i], rates[i]) for i in range(POINTS) if arrived[i, i])
    apart = min((epochs[i, j], rates[i], rates[j]) for i, j in np.argwhere(arrived & different))
    assert re.search(rf"\b{shared[1]:.3g}\b.* epoch {shared[0]}\b", text)
    assert re.search(rf"{apart[1]:.3g} for the mean .*{apart[2]:.3g} for the variance.* epoch {apart[0]}\b", text)
    limits = [separate.stability_limit(f"learning_rate.{name}") for name in ("mean", "variance")]
    assert f"{limits[0]:.1f} for the mean" in text
    assert f"{limits[1]:.0f} for the variance" in text
    np.testing.assert_allclose(limits, [2 * 7.854133, 4 * 7.854133**2], rtol=1e-4)


@pytest.mark.slow
def test_faster_ascents_come_in_the_expected_order(ascents):
    """The more an ascent knows of the curvature, the sooner; momentum overshoots from this start, and does not pay."""
    epochs = {name: ascent.epochs for name, ascent in ascents.items()}
    assert set(epochs) == set(article.METHODS)
    assert None not in epochs.values()
    assert epochs["natural gradient"] == min(epochs.values()) < 30
    assert epochs["linear warm-up over 300 epochs"] < epochs["Adam"] < epochs["plain ascent"] < epochs["momentum 0.9"]


@pytest.mark.slow
def test_the_history_of_an_ascent_is_its_distance(ascents):
    for ascent in ascents.values():
        assert ascent.history[ascent.epochs - 1] <= ARRIVED
        assert (ascent.history[: ascent.epochs - 1] > ARRIVED).all()
    text = article.ascents_text(list(ascents.values()))
    for ascent in ascents.values():
        assert re.search(rf"{re.escape(ascent.name)} +{ascent.learning_rate:.3g} +{ascent.epochs}\b", text)


@pytest.mark.slow
def test_the_command_prints_and_draws_everything(reproduced, separate, ascents, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(article, "article_run", lambda observations, progress: reproduced)
    monkeypatch.setattr(article, "separate_learning_rates", lambda observations, progress: separate)
    monkeypatch.setattr(article, "compare_ascents", lambda observations: list(ascents.values()))
    assert cli.main(["reproduce", "--out", str(tmp_path / "r"), "--json", str(tmp_path / "r.json")]) == 0
    out = capsys.readouterr().out
    assert out.count(" same") == 8
    told = [article.convergence_text(), article.separate_rates_text(separate)]
    for text in (*told, article.ascents_text(list(ascents.values()))):
        assert text in out
    read = json.loads((tmp_path / "r.json").read_text())
    assert set(read) == {"runs", "summary"}
    assert read["runs"][0]["mean"] == reproduced[0].model.mean
    assert read["summary"]["figures"]["estimated mean"] == {"article": "7.218075", "mlejax": "7.218075"}
    assert set(read["summary"]["ascents"]) == set(article.METHODS)
    pictures = out.splitlines()[-1].removeprefix("pictures: ").split(", ")
    assert len(pictures) == 5
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_an_ascent_that_never_arrives_is_told():
    never = article.Ascent("slow", 0.1, None, np.array([3.0, 2.0]))
    assert article.ascents_text([never]).endswith("never")
