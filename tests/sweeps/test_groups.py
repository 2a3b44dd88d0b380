"""Sweeps over the groups of a table: each run is what `train` makes of its group, whatever the others are."""

import functools

import numpy as np
import pytest
from helpers import arrays

import mlejax
from mlejax import plotting
from mlejax.results.text import caption
from mlejax.status import Status

SIZES = {"amber": 150, "beige": 40, "coral": 7, "denim": 1, "ebony": 90}
"""One too small to be cut; one of them, ebony, is outside the support."""

LABELS = np.repeat(list(SIZES), list(SIZES.values()))
DATA = np.random.RandomState(0).gamma(2.0, 1.5, len(LABELS))
DATA[LABELS == "ebony"] *= -1
MIXED = np.random.RandomState(1).permutation(len(LABELS))
GROUPS = mlejax.Groups(DATA[MIXED], LABELS[MIXED])
TWO = mlejax.Groups(*(part[MIXED][np.isin(LABELS[MIXED], ["amber", "beige"])] for part in (DATA, LABELS)))
RATES = [0.02, 0.1, 1e4]
LIMITS = {"learning_rates": RATES, "max_epochs": 200, "progress": False}
STARTS = {"statistics": mlejax.Gamma(1.0, 1.0), "raw": mlejax.Weibull(1.0, 2.0)}


@functools.cache
def swept(kind):
    return mlejax.sweep(STARTS[kind], observations=GROUPS, **LIMITS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTS)
def test_every_run_is_the_one_that_train_makes_of_its_group(kind):
    found = swept(kind)
    assert found.axes["group"].tolist() == list(SIZES)
    for place in range(3):
        own = GROUPS.member(place).values
        for rate, learning_rate in enumerate(RATES):
            one = found.run(place, rate)
            alone = mlejax.train(STARTS[kind], own, learning_rate=learning_rate, max_epochs=200, progress=False)
            assert (one.status, one.epochs, one.best_epoch) == (alone.status, alone.epochs, alone.best_epoch)
            # Sums of the same numbers in another order, amplified by the epochs of a run that diverges.
            np.testing.assert_allclose(
                list(mlejax.models.parameters.entry_dict(one.model).values()),
                list(alone.parameters.values()),
                rtol=1e-9,
            )
            assert one.train_log_likelihood == pytest.approx(alone.train_log_likelihood, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTS)
def test_groups_that_cannot_be_trained_on_have_their_status_and_harm_none(kind):
    found = swept(kind)
    outside = found.status == Status.OUTSIDE_SUPPORT
    assert [outside[place].all() for place in range(5)] == [False, False, False, True, True]
    assert not outside[:3].any()
    alone = mlejax.sweep(STARTS[kind], observations=TWO, **LIMITS)
    assert alone.axes["group"].tolist() == ["amber", "beige"]
    for name, values in arrays(alone).items():
        np.testing.assert_array_equal(values, arrays(found)[name][:2], err_msg=name)


@pytest.mark.slow
def test_a_group_is_chosen_by_its_label():
    found = swept("statistics")
    assert found.sel(group="beige").status.tolist() == found.status[1].tolist()
    with pytest.raises(KeyError, match=r"no run with group = blue; there are amber, beige, coral, \.\.\."):
        found.sel(group="blue")
    assert next(found.records())["group"] == "amber"
    assert caption(found).startswith("15 runs (5 groups x 3 learning rates); n = 1 to 150; ")
    assert found.stability_limit("learning_rate") is None  # each group has its own


@pytest.mark.slow
def test_a_store_of_groups_is_gone_on_with_verified_recorded_and_drawn(tmp_path):
    out = tmp_path / "out"
    first = mlejax.sweep(STARTS["statistics"], observations=GROUPS, out=out, **LIMITS | {"learning_rates": RATES[:2]})
    first = np.array(first.model.shape)  # read before there is more
    found = mlejax.sweep(STARTS["statistics"], observations=GROUPS, out=out, **LIMITS)
    np.testing.assert_array_equal(found.model.shape[:, :2], first)
    loaded = mlejax.load(out)
    assert loaded.axes["group"].tolist() == list(SIZES)
    np.testing.assert_array_equal(loaded.model.shape, found.model.shape)
    checked = mlejax.verify(out, observations=GROUPS, progress=False)
    assert (checked.checked, checked.different) == (15, [])
    histories = mlejax.record(
        out, {"group": ["coral", "amber"], "learning_rate": 0.1}, observations=GROUPS, progress=False
    )
    assert histories.sweep.axes["group"].tolist() == ["coral", "amber"]
    pictures = plotting.sweep_pictures(loaded)
    assert set(pictures) == {"atlas", "map_distance", "map_epochs", "map_status"}
    labels = [text.get_text() for text in pictures["map_distance"].get_yticklabels()]
    assert labels == list(SIZES)
    with pytest.raises(
        ValueError, match=r"made of groups of 288 observations given, .* give observations=mlejax.Groups"
    ):
        mlejax.verify(out, progress=False)
    with pytest.raises(ValueError, match=r"groups of 288 observations given, .*; got 288 observations given"):
        mlejax.verify(out, observations=DATA, progress=False)


def test_seeds_are_for_sources_without_an_axis_of_their_own():
    with pytest.raises(
        ValueError, match=r"seeds do not apply to groups of 288 .*, whose axis is group: leave seeds out"
    ):
        mlejax.sweep(STARTS["statistics"], observations=GROUPS, seeds=[0], learning_rates=0.1)
    with pytest.raises(TypeError, match=r"seeds must be given, such as range\(100\)"):
        mlejax.sweep(STARTS["statistics"], observations=DATA[:150], learning_rates=0.1)


@pytest.mark.slow
def test_the_cost_of_groups_is_estimated_from_some_of_them():
    spec = mlejax.SweepSpec.checked(STARTS["statistics"], observations=GROUPS, learning_rates=RATES, max_epochs=20)
    assert mlejax.estimate_cost(spec, progress=False).runs == 15


@pytest.mark.slow
def test_the_setting_to_use_is_said_of_groups():
    found = mlejax.sweep(STARTS["statistics"], observations=TWO, validation_fraction=0, **LIMITS | {"max_epochs": 5000})
    assert "learning_rate = 0.1: 2 of 2 groups arrive, after a median of" in found.summary()["recommendation"]
    assert "on the same groups" in str(found)


@pytest.mark.slow
def test_windows_and_resamples_are_swept_as_groups_are(tmp_path):
    x = DATA[:40]
    windows = mlejax.sweep(STARTS["statistics"], observations=mlejax.Windows(x, 30, 5), **LIMITS)
    assert windows.axes["window"].tolist() == [0, 5, 10]
    alone = mlejax.train(STARTS["statistics"], x[5:35], learning_rate=0.1, max_epochs=200, progress=False)
    assert windows.run(1, 1).model.rate == pytest.approx(alone.model.rate, rel=1e-9)
    resamples, out = mlejax.Resamples(x, 3, seed=1), tmp_path / "out"
    few = mlejax.sweep(STARTS["statistics"], observations=mlejax.Resamples(x, 2, seed=1), out=out, **LIMITS)
    few = np.array(few.model.rate)
    found = mlejax.sweep(STARTS["statistics"], observations=resamples, out=out, **LIMITS)  # which is extended
    np.testing.assert_array_equal(found.model.rate[:2], few)
    drawn = np.repeat(x, resamples.member(2).weights.astype(int))
    alone = mlejax.train(STARTS["statistics"], drawn, learning_rate=0.1, max_epochs=200, progress=False)
    assert found.run(2, 1).model.rate == pytest.approx(alone.model.rate, rel=1e-9)
