"""A table of heights in a store: other axes, other variables, and parameters of any shape; no fit is computed here."""

import numpy as np
import pytest
import xarray
import zarr

from mlejax.results.schema import QUANTITIES, Dimension, Variable
from mlejax.status import Status
from mlejax.store import layout
from mlejax.store.batches import refuse_damage, scan
from mlejax.store.files import StoreError
from mlejax.store.layout import DamageError, Description, Layout
from mlejax.store.load import load
from mlejax.store.reading import read_layout, read_root
from mlejax.store.store import open_store

AGES = Dimension("coefficients_index", 3, ("intercept", "age", "a, b"))
COEFFICIENTS = Variable("coefficients", "float64", None, "estimate", (AGES,))
MATRIX = Variable("factor", "float64", None, "estimate", (Dimension("row", 2), Dimension("column", 2)))
FITS = (
    COEFFICIENTS,
    MATRIX,
    Variable("standard_error", "float64", None, "standard errors of the coefficients", (AGES,)),
    QUANTITIES["status"],
    Variable("log_likelihood", "float64", "nats", "log-likelihood at the estimate"),
    Variable("converged", "bool", None, "whether the estimate is the maximum", fill=0),
    Variable("steps", "int32", "1", "steps taken", fill=0),
)


def opened(path, groups=12, kind="table of heights", rule=1, **arguments):
    wanted = Layout.of({"group": np.arange(groups) * 10}, FITS)
    return open_store(path, wanted, Description({"rule": rule}, [{"version": "1"}], {}, {}, kind), **arguments)


def fits(store, number):
    """Results of a batch that say which group they are of."""
    (place,) = store.layout.place(number)
    groups = store.layout.axes["group"][place].astype(float)
    found = store.layout.blank(number)
    for name in ("coefficients", "factor", "standard_error"):
        inside = found[name].shape[1:]
        found[name] = groups.reshape(-1, *[1] * len(inside)) + np.arange(np.prod(inside)).reshape(inside)
    found |= {"log_likelihood": -groups, "status": np.full(len(groups), 7, np.int8)}
    return found | {"converged": groups > 20, "steps": groups.astype(np.int32)}


def write(store, numbers):
    for number in numbers:
        store.write_batch(number, fits(store, number))


def check(path, numbers):
    """Check that the batches with these numbers are there, the others blank."""
    kept, _ = read_layout(path, read_root(path))
    found = scan(path, kept)
    refuse_damage(path, kept, found.damaged)
    store = opened(path, len(kept.axes["group"]))
    for number in range(kept.batches):
        expected = fits(store, number) if number in numbers else kept.blank(number)
        for name, values in store.read_batch(number).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)
    assert np.all((store.status != Status.RUNNING) == np.isin(np.arange(len(store.status)) // 5, numbers))
    store.close()


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Twelve groups in three batches, of which two are written."""
    monkeypatch.setattr(layout, "SMALLEST_BATCH", 5)
    store = opened(tmp_path / "table")
    assert store.layout.grid == (3,)
    write(store, [0, 2])
    store.close()
    return tmp_path / "table"


def test_it_is_written_and_gone_on_with(table):
    check(table, [0, 2])
    store = opened(table)
    write(store, [1])
    store.close()
    check(table, [0, 1, 2])
    kept, description = read_layout(table, read_root(table))
    assert (kept.variables, description.kind) == (FITS, "table of heights")


def test_it_is_extended(table):
    store = opened(table, groups=15)
    np.testing.assert_array_equal(np.flatnonzero(store.status), [0, 1, 2, 3, 4, 10, 11])
    whole = store.arrays()
    np.testing.assert_array_equal(whole["coefficients"][11], [110.0, 111.0, 112.0])
    np.testing.assert_array_equal(whole["factor"][4], [[40.0, 41.0], [42.0, 43.0]])
    assert np.isnan(whole["standard_error"][12:]).all()
    store.close()


@pytest.mark.parametrize("name", ["coefficients/c/2/0", "factor/c/2/0/0", "converged/c/2"])
def test_its_damage_is_repaired(table, name):
    content = bytearray((table / name).read_bytes())
    content[len(content) // 2] ^= 1
    (table / name).write_bytes(content)
    with pytest.raises(DamageError, match=rf"1 damaged batch, {name.split('/')[0]}\[10:12\] first"):
        opened(table)
    store = opened(table, repair=True)
    np.testing.assert_array_equal(np.flatnonzero(store.status), range(5))
    write(store, [1, 2])
    store.close()
    check(table, [0, 1, 2])


@pytest.mark.parametrize("name", ["zarr.json", "coefficients/zarr.json", "group/c/0"])
def test_its_metadata_is_written_again(table, name):
    whole = (table / name).read_bytes()
    (table / name).unlink()
    with pytest.raises(DamageError, match=r"is missing|damaged or missing"):
        opened(table)
    opened(table, repair=True).close()
    assert (table / name).read_bytes() == whole
    check(table, [0, 2])


def test_zarr_reads_it(table):
    array = zarr.open_group(table, mode="r")["coefficients"]
    assert array.metadata.dimension_names == ("group", "coefficients_index")
    np.testing.assert_array_equal(array[11], [110.0, 111.0, 112.0])
    assert array.attrs["coefficients_index_labels"] == ["intercept", "age", "a, b"]


def test_it_is_no_sweep(table):
    with pytest.raises(StoreError, match="holds a table of heights, not a sweep or a table of fits"):
        load(table)
    with pytest.raises(StoreError, match=r"holds a table of heights, not a sweep\. Use another directory"):
        opened(table, kind="sweep")
    with pytest.raises(StoreError, match="holds a table of heights with rule = 1; this one has 2"):
        opened(table, rule=2)
    check(table, [0, 2])


def test_columns_are_named_after_labels():
    assert list(COEFFICIENTS.columns().values()) == [
        "coefficients[intercept]",
        "coefficients[age]",
        "coefficients[a, b]",
    ]
    assert list(MATRIX.columns().values()) == ["factor[0,0]", "factor[0,1]", "factor[1,0]", "factor[1,1]"]
    assert QUANTITIES["status"].columns() == {(): "status"}


LABELS = {
    "text": (["ähren", "b", "a longer name", ""], ["ähren", "b", "a longer name", "", "a still longer one"], "U"),
    "dates": (["2024-02-29", "1969-12-31"], ["1969-12-31", "2024-02-28", "2024-02-29"], "M8[D]"),
    "times": (["2024-02-29T01:02:03.000000004"], ["2024-02-29T01:02:03.000000004", "1970-01-01"], "M8[ns]"),
    "months": (["2024-02"], ["2024-02", "2024-03"], "M8[M]"),
    "numbers": ([0.5, -1e300], [0.5, 7.0, -1e300], "f8"),
    "truths": ([True], [False, True], "?"),
}
REASON = Variable("reason", "text", None, "why there is no maximum", fill="")


def stored(path, labels, kind="table of heights"):
    """A store in which each label's reason is the label itself."""
    wanted = Layout.of({"group": labels}, (QUANTITIES["status"], REASON))
    store = open_store(path, wanted, Description({}, [{}], {}, {}, kind))
    for number in range(store.layout.batches):
        (place,) = store.layout.place(number)
        here = labels[place]
        store.write_batch(number, {"status": np.full(len(here), 7, np.int8), "reason": here.astype(str)})
    store.close()


@pytest.mark.parametrize(("some", "all_of_them", "of"), LABELS.values(), ids=LABELS)
def test_labels_of_any_type_are_read_back_and_extended(tmp_path, some, all_of_them, of):
    labels, more = np.array(some, of), np.array(all_of_them, of)
    stored(tmp_path, labels)
    kept, _ = read_layout(tmp_path, read_root(tmp_path))
    np.testing.assert_array_equal(kept.axes["group"], labels)
    assert kept.axes["group"].dtype.kind == labels.dtype.kind
    with xarray.open_zarr(tmp_path) as dataset:
        as_dates = labels.dtype.kind == "M" and labels.dtype != "M8[M]"
        found = dataset.group.values.astype(labels.dtype) if as_dates else dataset.group.values
        np.testing.assert_array_equal(found, labels.astype("int64") if labels.dtype == "M8[M]" else labels)
        assert dataset.reason.values.tolist() == labels.astype(str).tolist()
    wanted = Layout.of({"group": more}, (QUANTITIES["status"], REASON))
    store = open_store(tmp_path, wanted, Description({}, [{}], {}, {}, "table of heights"))
    there = store.status != Status.RUNNING
    store.close()
    np.testing.assert_array_equal(there, np.isin(more, labels))
    assert store.arrays()["reason"].tolist() == np.where(there, more.astype(str), "").tolist()


def test_labels_of_another_type_are_refused(tmp_path):
    stored(tmp_path, np.array(["1", "2"]))
    with pytest.raises(StoreError, match="whose values of group are text; those of this one are int64"):
        stored(tmp_path, np.array([1, 2]))


def test_text_is_written_as_zarr_writes_it(tmp_path):
    words = np.array(["", "a", "größer", "x" * 1000, ""])
    stored(tmp_path, words)
    array = zarr.open_group(tmp_path, mode="r+")["reason"]
    written = (tmp_path / "reason/c/0").read_bytes()
    array[...] = words.astype(object)
    assert (tmp_path / "reason/c/0").read_bytes() == written
    (tmp_path / "reason/c/0").write_bytes(written[:-5] + bytes([written[-5] ^ 1]) + written[-4:])
    kept, _ = read_layout(tmp_path, read_root(tmp_path))
    with pytest.raises(DamageError, match=r"1 damaged batch, reason\[0:5\] first"):
        refuse_damage(tmp_path, kept, scan(tmp_path, kept).damaged)
