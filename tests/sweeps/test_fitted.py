"""Fits of many samples in a store: gone on with, extended, repaired, refused; the fits themselves are made up."""

import jax
import numpy as np
import pytest
import xarray

import mlejax
from mlejax.models.tracing import ONE_NUMBER
from mlejax.results.schema import fit_variables
from mlejax.samples.members import members_of
from mlejax.status import Status
from mlejax.store import layout
from mlejax.store.files import StoreError
from mlejax.sweeps.fitted import Fitted

X = np.random.RandomState(0).gamma(2.0, size=120)
SHOPS = np.repeat(["berlin", "oslo", "rome"], [60, 40, 20])
WAY = {"version": "1"}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 2)


def fitted(source, family=mlejax.Gamma, model=None):
    return Fitted(family, members_of(source, family), model or mlejax.Gamma(0.5, 0.5), ONE_NUMBER)


def columns(found, positions):
    """Fits that say which sample they are of; every third has no maximum."""
    labels = found.members.labels[positions]
    numbers = np.array([sum(map(ord, str(label))) for label in labels], float)
    failed = numbers % 3 == 1
    made = {variable.name: variable.blank((len(positions),)) for variable in fit_variables(found.model, "group")}
    made |= {name: numbers + i for i, name in enumerate(made) if name not in ("status", "reason", "steps")}
    made["status"][:] = np.where(failed, Status.UNBOUNDED, Status.CONVERGED)
    made["reason"][:] = np.where(failed, [f"of {label} there is none: ∞" for label in labels], "")
    made["steps"][:] = 7
    return made


def compute(found, path, most=10**6, **arguments):
    """Make the fits that are waiting, so many at most; return the table and the labels of those that were made."""
    with found.collector(WAY, path, **arguments) as kept:
        waiting = np.flatnonzero(kept.waiting())[:most]
        for position in waiting:
            kept.put(np.array([position]), columns(found, np.array([position])))
        return found.table(kept, "2 x cpu"), found.members.labels[waiting].tolist()


def same(one, other):
    assert list(one.rows()) == list(other.rows())
    assert (one.family, one.axis, one.labels.tolist()) == (other.family, other.axis, other.labels.tolist())


def test_a_table_is_stored_loaded_and_not_made_again(tmp_path):
    found = fitted(mlejax.Groups(X, SHOPS))
    plain, _ = compute(found, None)
    stored, made = compute(found, tmp_path)
    assert made == ["berlin", "oslo", "rome"]
    same(stored, plain)
    same(mlejax.load(tmp_path), plain)
    assert stored["oslo"]["reason"] == "of oslo there is none: ∞"
    assert dict(stored.reasons) == {1: "of oslo there is none: ∞"}
    again, made = compute(found, tmp_path)
    assert made == []
    same(again, plain)
    loaded = mlejax.load(tmp_path)
    assert isinstance(loaded.model, mlejax.Gamma)
    assert loaded.provenance.settings["name"] == "Gamma"
    assert loaded.provenance.device == "2 x cpu"
    with xarray.open_zarr(tmp_path) as dataset:
        assert dataset["standard_error.rate"].sel(group="rome").item() == plain["rome"]["standard_error.rate"]
        assert dataset.reason.values.tolist() == ["", "of oslo there is none: ∞", ""]


def test_what_is_missing_is_made_and_no_more(tmp_path):
    found = fitted(mlejax.Groups(X, SHOPS))
    part, made = compute(found, tmp_path, most=2)
    assert made == ["berlin", "oslo"]
    assert part.status.tolist() == [Status.CONVERGED, Status.UNBOUNDED, Status.RUNNING]
    assert part["rome"]["shape"] is None
    assert mlejax.load(tmp_path).summary().splitlines()[0] == "1 of 3 converged"
    assert "1 RUNNING, such as group rome: not fitted yet" in part.summary()
    _, made = compute(found, tmp_path)
    assert made == ["rome"]


def test_groups_are_added_in_the_middle_and_nowhere_cut(tmp_path):
    first = np.isin(SHOPS, ["berlin", "rome"])
    compute(fitted(mlejax.Groups(X[first], SHOPS[first])), tmp_path)
    whole = fitted(mlejax.Groups(X, SHOPS))
    table, made = compute(whole, tmp_path)
    assert made == ["oslo"]
    same(table, compute(whole, None)[0])
    with pytest.raises(StoreError, match=r"results with group = oslo, which this table of fits leaves out: .* not cut"):
        compute(fitted(mlejax.Groups(X[first], SHOPS[first])), tmp_path)


@pytest.mark.parametrize(
    ("few", "many"),
    [
        (mlejax.Resamples(X, 3, seed=5), mlejax.Resamples(X, 8, seed=5)),
        (mlejax.Windows(X[:80], 20, 40), mlejax.Windows(X, 20, 20)),
        (
            mlejax.Draws(mlejax.Gamma(2.0, 1.0), 10, seeds=[3, 7]),
            mlejax.Draws(mlejax.Gamma(2.0, 1.0), 10, seeds=[1, 3, 9, 7]),
        ),
    ],
    ids=["resamples", "windows", "draws"],
)
def test_every_source_is_extended(tmp_path, few, many):
    _, first = compute(fitted(few), tmp_path)
    table, new = compute(fitted(many), tmp_path)
    assert sorted([*first, *new]) == sorted(members_of(many, mlejax.Gamma).labels.tolist())
    same(table, compute(fitted(many), None)[0])


OTHER = {
    "an observation": (
        fitted(mlejax.Groups(np.append(X[:-1], 9.0), SHOPS)),
        r"the digest of the observations is another than it was, of 1 of 3, group = rome first\. Use another directory",
    ),
    "another family": (
        fitted(mlejax.Groups(X, SHOPS), mlejax.Weibull, mlejax.Weibull(1.0, 1.0)),
        "with model = Gamma .*; this one has Weibull",
    ),
    "a start": (
        fitted(mlejax.Groups(X, SHOPS), mlejax.Gamma(2.0, 1.0)),
        'start = found in each sample; this one has {"shape": 2.0',
    ),
    "windows": (fitted(mlejax.Windows(X, 20, 20)), "with source = groups; this one has windows"),
}


@pytest.mark.parametrize(("other", "message"), OTHER.values(), ids=OTHER)
def test_what_is_not_the_same_is_refused_and_nothing_is_changed(tmp_path, other, message):
    found = fitted(mlejax.Groups(X, SHOPS))
    plain, _ = compute(found, tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.name != ".lock"}
    with pytest.raises(StoreError, match=message):
        compute(other, tmp_path)
    assert {file: file.read_bytes() for file in before} == before
    same(mlejax.load(tmp_path), plain)


def test_other_data_are_refused_before_a_table_is_extended(tmp_path):
    first = SHOPS != "rome"
    compute(fitted(mlejax.Groups(X[first], SHOPS[first])), tmp_path)
    with pytest.raises(StoreError, match="of 2 of 2, group = berlin first"):
        compute(fitted(mlejax.Groups(X + 1, SHOPS)), tmp_path)
    assert len(mlejax.load(tmp_path)) == 2


def test_another_seed_of_resamples_is_other_resamples(tmp_path):
    compute(fitted(mlejax.Resamples(X, 3, seed=5)), tmp_path)
    with pytest.raises(StoreError, match="with seed = 5; this one has 6"):
        compute(fitted(mlejax.Resamples(X, 3, seed=6)), tmp_path)
    with pytest.raises(StoreError, match="the digest of the observations is another"):
        compute(fitted(mlejax.Resamples(X + 1, 3, seed=5)), tmp_path)


@pytest.mark.parametrize("name", ["reason", "digest", "shape", "status"])
def test_damage_is_found_and_repaired(tmp_path, name):
    found = fitted(mlejax.Groups(X, SHOPS))
    plain, _ = compute(found, tmp_path)
    (file,) = (tmp_path / name / "c").glob("1")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    for call in (lambda: mlejax.load(tmp_path), lambda: compute(found, tmp_path)):
        with pytest.raises(StoreError, match=rf"1 damaged batch, {name}\[2:3\] first; the same call with repair"):
            call()
    table, made = compute(found, tmp_path, repair=True)
    assert made == ["rome"]
    same(table, plain)


def test_another_way_of_computing_is_refused_unless_it_is_allowed(tmp_path, monkeypatch):
    found = fitted(mlejax.Groups(X, SHOPS))
    compute(found, tmp_path, most=2)
    monkeypatch.setitem(WAY, "version", "2")
    with pytest.raises(StoreError, match="version = 1, here 2"):
        compute(found, tmp_path)
    table, made = compute(found, tmp_path, allow_mixed=True)
    assert made == ["rome"]
    assert [way["version"] for way in table.provenance.computed_by] == ["1", "2"]
    same(mlejax.load(tmp_path), table)


def test_several_processes_share_the_samples(tmp_path, monkeypatch):
    """Each takes the batches whose number is its own; the first makes the table of all."""
    found = fitted(mlejax.Groups(X, np.repeat(np.arange(12), 10)))
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with found.collector(WAY, tmp_path) as kept:
        shares = []
        for process in (1, 0):
            kept.process = process
            shares.append(np.flatnonzero(kept.waiting()))
            kept.put(shares[-1], columns(found, shares[-1]))
        table = found.table(kept, "cpu")
    assert sorted(np.concatenate(shares).tolist()) == list(range(12))
    assert min(map(len, shares)) > 3
    monkeypatch.undo()
    same(table, compute(found, None)[0])
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(ValueError, match="a table of fits over several processes needs out="):
        found.collector(WAY, None)


def test_labels_that_are_bytes_are_stored_as_text(tmp_path):
    compute(fitted(mlejax.Groups(X, SHOPS.astype("S"))), tmp_path)
    same(mlejax.load(tmp_path), compute(fitted(mlejax.Groups(X, SHOPS)), None)[0])
