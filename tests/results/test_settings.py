"""The settings of a sweep: what became of their runs, and which of them to use."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from mlejax.results import settings
from mlejax.results.schema import ARRIVED
from mlejax.status import Status

P, D, OUT, R = (int(s) for s in (Status.PATIENCE, Status.DIVERGED, Status.OUTSIDE_SUPPORT, Status.RUNNING))


def compared(arrived, epochs):
    """Settings whose seeds arrive where the rows of `arrived`, (settings, seeds), say, each after so many epochs."""
    arrived = np.array(arrived, bool)
    axes = {"seed": np.arange(arrived.shape[1]), "learning_rate": np.arange(1.0, len(arrived) + 1)}
    distance = np.where(arrived, ARRIVED / 2, 2.0).T
    status, epochs = np.full(distance.shape, P), np.broadcast_to(epochs, distance.shape)
    rows = settings.settings(axes, status, distance, epochs)
    return settings.recommend(rows, axes, status, distance)


def first(count, of=1000):
    return np.arange(of) < count


def test_every_run_has_one_fate():
    status, distance = np.meshgrid([int(s) for s in Status], [0.0, 0.01, 0.011, 1.0, 1.01, np.inf, np.nan])
    found = settings.fates(status, distance)
    assert set(found) == set(settings.FATES)
    np.testing.assert_array_equal(sum(where.astype(int) for where in found.values()), 1)


@pytest.mark.parametrize(
    ("status", "distance", "fate"),
    [
        (P, 0.01, "arrived"),
        (D, 0.01, "arrived"),  # a run that diverged at the maximum has found it
        (P, 0.0101, "close"),
        (P, 1.01, "stopped_short"),
        (P, np.inf, "stopped_short"),
        (D, 0.5, "diverged"),
        (OUT, np.nan, "outside_support"),
        (R, np.nan, "running"),
    ],
)
def test_the_fate_of_a_run(status, distance, fate):
    found = settings.fates(np.array([status]), np.array([distance]))
    assert [name for name, where in found.items() if where[0]] == [fate]


def test_medians_are_numpys_over_those_that_count():
    values = np.random.RandomState(0).normal(size=(9, 40))
    values[values > 1] = np.inf
    where = np.random.RandomState(1).uniform(size=values.shape) < 0.6
    where[:, 0] = False
    expected = [np.median(column[chosen]) if chosen.any() else np.nan for column, chosen in zip(values.T, where.T)]  # noqa: B905
    np.testing.assert_allclose(settings.median(values, where), expected)


def test_rows_add_up_whatever_is_looked_at_together(monkeypatch):
    random = np.random.RandomState(0)
    axes = {"start": np.arange(3), "seed": np.arange(7), "patience": np.array([5, 50])}
    status, distance = random.randint(0, len(Status), (3, 7, 2)), random.exponential(1.0, (3, 7, 2))
    epochs = random.randint(1, 100, (3, 7, 2))
    rows = settings.settings(axes, status, distance, epochs)
    assert [(row["start"], row["patience"]) for row in rows] == [(i, p) for i in range(3) for p in (5, 50)]
    assert all(sum(row[name] for name in settings.FATES) == row["runs"] == 7 for row in rows)
    ended = (status[1, :, 1] != R) & (status[1, :, 1] != OUT)
    assert rows[3]["epochs"] == np.median(epochs[1, ended, 1])
    monkeypatch.setattr(settings, "TOGETHER", 20)
    assert settings.settings(axes, status, distance, epochs) == rows


def test_the_fastest_of_those_tied_for_the_most_is_recommended():
    """Of 1,000 seeds 515 and 492 are a tie where the seeds that differ are many, and 400 is none."""
    random = np.random.RandomState(0)
    arrived = [random.permutation(first(count)) for count in (515, 492, 400)]
    found = compared(arrived, [10_000, 2373, 100])
    assert (found.row["arrived"], found.most["arrived"], found.tied) == (492, 515, 2)
    assert "learning_rate = 2: 492 of 1000 seeds arrive, after a median of 2,373 epochs" in found.sentence({})
    assert (
        "fastest of 2 settings statistically tied for the most arrivals, 515 at learning_rate = 1 (McNemar"
        in found.sentence({})
    )


def test_seeds_are_paired():
    """The same counts are no tie where every seed that arrives with the one arrives with the other too."""
    found = compared([first(515), first(492)], [10_000, 2373])
    assert (found.row["arrived"], found.tied) == (515, 1)
    assert found.sentence({}).endswith("No other is tied with it.")


@pytest.mark.parametrize(("more", "fewer"), [(5, 0), (6, 0), (12, 3), (12, 4), (30, 15), (30, 17)])
def test_a_tie_is_that_of_scipys_binomial_test(more, fewer):
    both = np.ones(100)
    one, other = np.append(both, first(more, more + fewer)), np.append(both, ~first(more, more + fewer))
    p = scipy.stats.binomtest(more, more + fewer).pvalue
    assert compared([one, other], [10, 5]).tied == 1 + (p > settings.SIGNIFICANCE)


def test_a_handful_of_seeds_does_not_tie_nothing_with_all():
    found = compared([first(3, 3), first(1, 3), first(0, 3)], [900, 50, 1])
    assert (found.row["arrived"], found.tied) == (3, 1)


def test_only_epochs_of_arrivals_make_a_setting_fast():
    """A setting at which half of the seeds are stopped at once is not fast for that."""
    random = np.random.RandomState(1)
    arrived = np.stack([random.permutation(first(50, 100)) for _ in range(2)], 1)
    axes = {"seed": np.arange(100), "learning_rate": np.array([0.1, 1.0])}
    epochs, distance = np.where(arrived, [900, 1000], [900, 1]), np.where(arrived, 0.0, 5.0)
    status = np.full(arrived.shape, P)
    rows = settings.settings(axes, status, distance, epochs)
    assert rows[1]["epochs"] < rows[0]["epochs"]
    assert settings.recommend(rows, axes, status, distance).row["learning_rate"] == 0.1


def test_where_nothing_arrived_nothing_is_recommended():
    assert compared([first(0, 5), first(0, 5)], [10, 20]) is None


def test_optimizers_are_called_by_their_names():
    found = compared([first(3, 3), first(3, 3)], [100, 50])
    row = {name.replace("learning_rate", "optimizer"): value for name, value in found.row.items()}
    made = {"optimizer": [["adam", "optax 12ab"], ["plain", "plain ascent"], ["momentum", "optax 34cd"]]}
    said = settings.Recommendation(row, row, 2).sentence(made)
    assert row["optimizer"] == 2
    assert said.startswith("Best setting: optimizer = momentum: 3 of 3 seeds arrive, after a median of 50 epochs.")
    assert settings.in_words({"optimizer": "plain ascent"}, "optimizer", 0) == "0"


def test_each_number_of_observations_has_a_setting_of_its_own(counted):
    summary = counted.summary()
    rows, best = summary["settings"], summary["best_by_count"]
    assert len(rows) == 3 * 30
    assert best == [rows[19], rows[30 + 23], None]
    assert [row["count"] for row in best[:2]] == [100, 2000]
    assert summary["best"] is best[1]  # of the most observations
    for count, row in zip(counted.axes["count"].tolist(), best, strict=True):
        alone = counted.sel(count=count).summary()
        assert "best_by_count" not in alone
        assert alone["best"] == (None if row is None else {k: v for k, v in row.items() if k != "count"})
    assert summary["recommendation"].count("Best setting for") == 2
    assert (
        "Best setting for 2,000 observations: learning_rate = 2.395: 4 of 4 seeds arrive" in summary["recommendation"]
    )
    unfinished = dataclasses.replace(counted, arrays={**counted.arrays, "status": counted.status * 0})
    assert unfinished.summary()["best_by_count"] == [None, None, None]
