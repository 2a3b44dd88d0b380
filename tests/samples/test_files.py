"""A column of numbers from a file; and a readable refusal of everything else."""

import gzip

import numpy as np
import pytest

from mlejax.samples.files import TableError, read_column

GOOD = {
    "a column without a header": ("a.csv", "1.5\n2.5\n-3\n", None, [1.5, 2.5, -3.0]),
    "a column with a header": ("a.csv", "cm\n1.5\n2.5\n", None, [1.5, 2.5]),
    "by name": ("a.csv", "id,cm\n1,1.5\n2,2.5\n", "cm", [1.5, 2.5]),
    "by number, with a header": ("a.csv", "id,cm\n1,1.5\n2,2.5\n", "2", [1.5, 2.5]),
    "by number, without a header": ("a.csv", "1,1.5\n2,2.5\n", "1", [1.0, 2.0]),
    "text beside it": ("a.csv", "name,cm\nAnn,1.5\nBob,2.5\n", "cm", [1.5, 2.5]),
    "blank lines and spaces": ("a.csv", "\n cm \n\n 1.5 \n2.5\n\n", "cm", [1.5, 2.5]),
    "quotes": ("a.csv", '"id","a, b"\n1,"1.5"\n2,"2.5"\n', "a, b", [1.5, 2.5]),
    "Windows' line ends": ("a.csv", "cm\r\n1.5\r\n2.5\r\n", None, [1.5, 2.5]),
    "a byte order mark before a name": ("a.csv", "\ufeffcm,kg\n1.5,3\n2.5,4\n", "cm", [1.5, 2.5]),
    "a byte order mark before a number": ("a.csv", "\ufeff1.5\n2.5\n", None, [1.5, 2.5]),
    "exponents": ("a.csv", "1e3\n-2.5E-3\n", None, [1000.0, -0.0025]),
    "more cells in some lines": ("a.csv", "1,1.5\n2,2.5,9\n", "2", [1.5, 2.5]),
}


@pytest.mark.parametrize(("name", "text", "column", "values"), GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_tables_that_are_read(tmp_path, name, text, column, values, compressed):
    file = tmp_path / (name + ".gz" * compressed)
    file.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    found = read_column(str(file), column)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


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
    found = read_column(str(tmp_path / "a.npy"), column)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


BAD = {
    "empty": (b"", None, "the file is empty"),
    "blank lines only": (b"\n \n", None, "the file is empty"),
    "a header only": (b"cm\n", None, "no numbers in column 'cm'"),
    "one number": (b"1.5\n", None, "one number in column 1; an estimate needs at least two"),
    "all equal": (b"2\n2.0\n2e0\n", None, "all 3 numbers in column 1 equal 2; there is nothing to estimate"),
    "a word": (b"cm\n1.5\nhigh\n", None, "line 3, column 'cm': 'high' is not a number"),
    "a comma for the point": (b'cm\n"1,5"\n"2,5"\n', None, "line 2, column 'cm': '1,5' is not a number"),
    "semicolons": (b"a;b\n1;2\n3;4\n", None, "line 2, column 'a;b': '1;2' is not a number"),
    "not a number": (b"1.5\n2.5\nnan\n", None, "line 3, column 1: nan is not a finite number"),
    "infinite": (b"cm\n1.5\n-inf\n", None, "line 3, column 'cm': -inf is not a finite number"),
    "too large": (b"1.5\n1e999\n", None, "line 2, column 1: 1e999 is not a finite number"),
    "a gap": (b"a,b\n1,2\n3,\n", "b", "line 3, column 'b': no value"),
    "a short line": (b"a,b\n1,2\n3\n", "b", "line 3, column 'b': no value"),
    "a blank line before": (b"a,b\n\n1,2\n\n3,x\n", "b", "line 5, column 'b': 'x' is not a number"),
    "which of two": (b"a,b\n1,2\n3,4\n", None, r"2 columns \(a, b\); say which with --column"),
    "which of two numbers": (b"1,2\n3,4\n", None, r"2 columns \(1, 2\); say which with --column"),
    "no such name": (b"a,b\n1,2\n3,4\n", "c", "no column 'c'; the columns are a, b"),
    "no such number": (b"1,2\n3,4\n", "3", "no column '3'; the columns have no names and are numbered 1, 2"),
    "column nought": (b"a,b\n1,2\n3,4\n", "0", "no column '0'"),
    "an odd digit": (b"a,b\n1,2\n3,4\n", "\u00b2", "no column"),
    "not text": (b"1.5\n\xff\xfe\n", None, "cannot be read: 'utf-8' codec"),
    "an endless cell": (b'1.5\n"' + b"1" * 200_000, None, "cannot be read: field larger than"),
}


@pytest.mark.parametrize(("content", "column", "message"), BAD.values(), ids=BAD)
def test_tables_that_are_refused(tmp_path, content, column, message):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(TableError, match=message) as refused:
        read_column(str(file), column)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


def saved(path, array):
    with path.open("wb") as handle:
        np.save(handle, array)


def archived(path, array):
    with path.open("wb") as handle:
        np.savez(handle, array)


NOT_ARRAYS = {
    "complex": (saved, np.array([1j, 2]), None, "not an array of numbers but of complex128"),
    "text": (saved, np.array(["a", "b"]), None, "not an array of numbers but of <U1"),
    "true and false": (saved, np.array([True, False]), None, "not an array of numbers but of bool"),
    "objects": (saved, np.array([1, None], object), None, "not an array of numbers: "),
    "an archive": (archived, np.arange(3.0), None, "not an array of numbers but an archive of several"),
    "one number": (saved, np.array(1.0), None, r"an array of shape \(\) is not a column"),
    "three axes": (saved, np.zeros((2, 2, 2)), None, r"an array of shape \(2, 2, 2\) is not a column"),
    "two columns": (saved, np.zeros((2, 2)), None, "2 columns"),
    "no such column": (saved, np.zeros((2, 2)), "3", "no column '3'; the columns have no names and are numbered 1, 2"),
    "not finite": (saved, np.array([1.0, 2.0, np.nan]), None, "the array: nan at index 2 is not a finite number"),
    "no numbers": (saved, np.array([]), None, "no numbers in the array"),
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


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TableError, match=r"a\.csv: no such file"):
        read_column(str(tmp_path / "a.csv"))
    with pytest.raises(TableError, match="is a directory, not a file of numbers"):
        read_column(str(tmp_path))


@pytest.mark.parametrize("damage", [lambda b: b"1.5\n2.5\n", lambda b: b[:-12], lambda b: b[:12] + b"\0\0" + b[14:]])
def test_a_damaged_archive(tmp_path, damage):
    file = tmp_path / "a.csv.gz"
    file.write_bytes(damage(gzip.compress(b"1.5\n2.5\n" * 50)))
    with pytest.raises(TableError, match=r"a\.csv\.gz: cannot be read: "):
        read_column(str(file))
