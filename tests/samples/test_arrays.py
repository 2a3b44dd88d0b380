"""Columns of numbers from arrays in files."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlejax.samples.files import TableError, read_column, read_columns


@pytest.mark.parametrize(
    ("array", "column", "values"),
    [
        (np.array([1.5, 2.5]), None, [1.5, 2.5]),
        (np.array([1, 2], np.int16), None, [1.0, 2.0]),
        (np.array([[1.5], [2.5]], np.float32), None, [1.5, 2.5]),
        (np.array([[1.0, 1.5], [2.0, 2.5]]), "2", [1.5, 2.5]),
    ],
    ids=["float64", "int16", "one column", "two columns"],
)
def test_arrays_that_are_read(tmp_path, array, column, values):
    np.save(tmp_path / "a.npy", array)
    found = read_column(str(tmp_path / "a.npy"), column).values
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


def saved(path, array):
    with path.open("wb") as handle:
        np.save(handle, array)


NOT_ARRAYS = {
    "complex": (saved, np.array([1j, 2]), None, "not an array of numbers but of complex128"),
    "text": (saved, np.array(["a", "b"]), None, "not an array of numbers but of <U1"),
    "true and false": (saved, np.array([True, False]), None, "not an array of numbers but of bool"),
    "objects": (saved, np.array([1, None], object), None, "not an array of numbers: "),
    "one number": (saved, np.array(1.0), None, r"an array of shape \(\) is not a column"),
    "three axes": (saved, np.zeros((2, 2, 2)), None, r"an array of shape \(2, 2, 2\) is not a column"),
    "two columns": (saved, np.zeros((2, 2)), None, "2 columns"),
    "no such column": (saved, np.zeros((2, 2)), "3", "no column '3'; the columns have no names and are numbered 1, 2"),
    "not finite": (saved, np.array([1.0, 2.0, np.nan]), None, "the array: nan at index 2 is not a finite number"),
    "no numbers": (saved, np.array([]), None, "no numbers in the array"),
    "a column of one": (saved, np.arange(3.0), "2", "no column '2'; the array is one column without a name"),
    "nothing": (lambda path, _: path.write_bytes(b""), None, None, "cannot be read"),
    "a text": (lambda path, _: path.write_bytes(b"1.5\n2.5\n"), None, None, "not an array of numbers"),
}


@pytest.mark.parametrize(("write", "array", "column", "message"), NOT_ARRAYS.values(), ids=NOT_ARRAYS)
def test_arrays_that_are_refused(tmp_path, write, array, column, message):
    file = tmp_path / "a.npy"
    write(file, array)
    with pytest.raises(TableError, match=message) as refused:
        read_column(str(file), column)
    assert str(refused.value).startswith(str(file))


def test_what_is_missing_in_an_array_is_dropped_or_refused(tmp_path):
    file = tmp_path / "table.npy"
    np.save(file, np.array([[1.0, np.nan], [2.0, 5.0]]))
    first, second = read_columns(str(file), ["1", "2"], drop=True)
    assert (first.values.tolist(), second.values.tolist(), first.dropped) == ([2.0], [5.0], 1)
    with pytest.raises(TableError, match="column 2: nan at index 0 is not a finite number"):
        read_columns(str(file), ["1", "2"])


# Archives and Parquet -------------------------------------------------------------------------------------------------

TABLE = {
    "cm": np.array([1.5, 2.5, -3.0]),
    "age": np.array([7, 8, 2**53 + 2], np.int64),
    "small": np.arange(3, dtype=np.int8),
}


def stored(folder, ending, table=TABLE):
    file = folder / f"a{ending}"
    if ending == ".npz":
        np.savez(file, **table)
    else:
        pq.write_table(pa.table(table), file)
    return str(file)


@pytest.mark.parametrize("ending", [".npz", ".parquet", ".pq"])
def test_columns_by_name_and_number(tmp_path, ending):
    file = stored(tmp_path, ending)
    small, age, cm = read_columns(file, ["small", "2", "cm"])
    assert [column.values.dtype for column in (small, age, cm)] == [np.float64] * 3
    assert (small.values.tolist(), age.values.tolist(), cm.values.tolist()) == (
        [0, 1, 2],
        [7, 8, 2**53 + 2],
        [1.5, 2.5, -3],
    )
    assert "'cm'" in cm.name
    assert cm.place(2).endswith("index 2")
    with pytest.raises(TableError, match=r"3 columns \(cm, age, small\); say which with --column"):
        read_column(file)
    with pytest.raises(TableError, match="no column 'kg'; the columns are cm, age, small"):
        read_column(file, "kg")


def test_an_archive_of_one_array(tmp_path):
    file = stored(tmp_path, ".npz", {"both": np.array([[1.0, 5.0], [2.0, 6.0]])})
    assert read_column(file, "2").values.tolist() == [5.0, 6.0]
    file = stored(tmp_path, ".npz", {"cm": np.array([1.0, 5.0])})
    assert read_column(file).values.tolist() == read_column(file, "cm").values.tolist() == [1.0, 5.0]


def test_parquet_with_nulls_and_decimals(tmp_path):
    from decimal import Decimal

    table = {"price": [Decimal("0.1"), None, Decimal("2.3"), Decimal("4.5")], "count": [1, 2, None, 4]}
    file = stored(tmp_path, ".parquet", table)
    price, count = read_columns(file, ["price", "count"], drop=True)
    assert (price.values.tolist(), count.values.tolist(), price.dropped) == ([0.1, 4.5], [1.0, 4.0], 2)
    with pytest.raises(TableError, match="column 'count': nan at index 2 is not a finite number"):
        read_column(file, "count")


@pytest.mark.parametrize(
    ("ending", "table", "column", "message"),
    [
        (".npz", {"a": np.arange(3), "b": np.arange(4)}, ["a", "b"], "array 'a' has 3 numbers and array 'b' 4"),
        (".npz", {"a": np.array(["x", "y"]), "b": np.arange(2)}, ["a"], "not an array of numbers but of <U1"),
        (".npz", {"a": np.zeros((2, 2)), "b": np.arange(2)}, ["a"], r"an array of shape \(2, 2\) is not a column"),
        (".npz", {}, [None], "no arrays in it"),
        (".parquet", {"a": ["x", "y"]}, ["a"], "column 'a': not numbers but string"),
        (".parquet", {"a": [True, False]}, ["a"], "column 'a': not numbers but bool"),
        (".parquet", {"a": [{"b": 1.0}]}, ["a"], "column 'a': not numbers but struct"),
        (".parquet", {"a": [1.0, float("inf")]}, ["a"], "column 'a': inf at index 1 is not a finite number"),
        (".parquet", {"a": pa.array([], pa.float64())}, ["a"], "no numbers in column 'a'"),
    ],
)
def test_columns_that_are_refused(tmp_path, ending, table, column, message):
    file = stored(tmp_path, ending, table)
    with pytest.raises(TableError, match=message) as refused:
        read_columns(file, column)
    assert str(refused.value).startswith(file)


def test_a_name_twice_in_a_parquet_file(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(TableError, match="columns 1 and 2 are both named 'a'"):
        read_column(str(tmp_path / "a.parquet"), "a")
    with pytest.raises(TableError, match="several columns are named 'a'; rename all but one"):
        read_column(str(tmp_path / "a.parquet"), "2")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"1.5\n2.5\n", b"PK\x03\x04 and more", b"PAR1 and more"])
def test_what_is_no_such_file(tmp_path, ending, content):
    (tmp_path / f"a{ending}").write_bytes(content)
    with pytest.raises(TableError, match=r"a\.(npz|parquet): (not an? |cannot be read)"):
        read_column(str(tmp_path / f"a{ending}"))


def test_parquet_without_pyarrow_names_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match=r"a\.parquet: reading Parquet needs PyArrow: pip install 'mlejax\[parquet\]'"):
        read_column(str(tmp_path / "a.parquet"))
