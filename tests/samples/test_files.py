"""A column of numbers from a file; and a readable refusal of everything else."""

import csv
import gzip
import io

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from mlejax.samples import files
from mlejax.samples.files import TableError, read_column, read_columns

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
    "old line ends": ("a.csv", "cm\r1.5\r2.5\r", None, [1.5, 2.5]),
    "semicolons": ("a.csv", "id;cm\n1;1.5\n2;2.5\n", "cm", [1.5, 2.5]),
    "semicolons without a header": ("a.csv", "1;1.5\n2;2.5\n", "2", [1.5, 2.5]),
    "tabs": ("a.txt", "id\tcm\n1\t1.5\n2\t2.5\n", "cm", [1.5, 2.5]),
    "tabs by the name": ("a.tsv", "cm, at noon\tkg\n1.5\t3\n2.5\t4\n", "cm, at noon", [1.5, 2.5]),
    "a semicolon in a name": ("a.csv", "a;b,cm\n1,1.5\n2,2.5\n", "cm", [1.5, 2.5]),
    "a name of another language": ("a.csv", "größe\n1.5\n2.5\n", "größe", [1.5, 2.5]),
    "a line end within quotes": ("a.csv", 'name,cm\n"An\nn",1.5\nBob,2.5\n', "cm", [1.5, 2.5]),
    "a year as a name": ("a.csv", "country,1990\nA,1.5\nB,2.5\n", "1990", [1.5, 2.5]),
    "a first column without a name": ("a.csv", ",cm\n1,1.5\n2,2.5\n", "cm", [1.5, 2.5]),
    "comments before the header": ("a.csv", '# of 2020, "raw"\n#\ncm\n1.5\n2.5\n', "cm", [1.5, 2.5]),
    "a comment before numbers": ("a.csv", "# heights, in cm\n1.5\n2.5\n", "1", [1.5, 2.5]),
    "names in a comment": ("a.csv", "# of 2020\n# id, cm\n1,1.5\n2,2.5\n", "cm", [1.5, 2.5]),
    "names in a comment, text beside": ("a.csv", "#id,name,cm\n1,Ann,1.5\n2,Bob,2.5\n", "cm", [1.5, 2.5]),
    "numbered rows": ("a.csv", "#,name,cm\n1,Ann,1.5\n2,Bob,2.5\n", "cm", [1.5, 2.5]),
    "points without digits on one side": ("a.csv", ".5\n2.\n+3\n", None, [0.5, 2.0, 3.0]),
}


@pytest.mark.parametrize(("name", "text", "column", "values"), GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_tables_that_are_read(tmp_path, name, text, column, values, compressed):
    file = tmp_path / (name + ".gz" * compressed)
    file.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    found = read_column(str(file), column).values
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


BAD = {
    "empty": (b"", None, "the file is empty"),
    "blank lines only": (b"\n \n", None, "the file is empty"),
    "a header only": (b"cm\n", None, "no numbers in column 'cm'"),
    "one number": (b"1.5\n", None, "one number in column 1; an estimate needs at least two"),
    "all equal": (b"2\n2.0\n2e0\n", None, "all 3 numbers in column 1 equal 2; there is nothing to estimate"),
    "a word": (b"cm\n1.5\nhigh\n", None, "line 3, column 'cm': 'high' is not a number"),
    "a decimal comma in quotes": (
        b'cm\n"1,5"\n"2,5"\n',
        None,
        "line 2, column 'cm': '1,5' is .*--decimal comma",
    ),
    "a decimal comma": (b"y\n1,5\n2,7\n", None, "line 2: 2 cells where the header has 1; is this a decimal comma"),
    "decimal commas, semicolons": (b"a;b\n1,5;2\n", "a", "line 2, column 'a': '1,5' is .*--decimal comma"),
    "commas or semicolons": (b"1,5;2,7\n3,1;4,2\n", "1", "may be cut at comma and semicolon; say which .*--delimiter"),
    "semicolons in one column": (b"cm\n1;2\n3;4\n", None, "'1;2' is not a number; are cells cut at the semicolon"),
    "more cells than the header": (
        b"a,b\n1,2\n3,4,5\n",
        "a",
        r"line 3: 3 cells .* has 2 \(cells are cut",
    ),
    "more cells than the first line": (b"1,2\n3,4,5\n", "1", "line 2: 3 cells where the first line has 2"),
    "fewer cells, in another column": (b"a,b,c\n1,2,3\n4,5\n", "a", "line 3: 2 cells where the header has 3"),
    "nothing but commas": (b"a,b\n1,2\n,\n", "a", "line 3, column 'a': no value"),
    "an empty cell in quotes": (b'a\n1\n""\n2\n', None, "line 3, column 'a': no value"),
    "not a number": (b"1.5\n2.5\nnan\n", None, "line 3, column 1: 'nan' is not a finite number"),
    "not a number first": (b"nan\n1.5\n2.5\n", None, "line 1: 'nan' is neither a number nor the name of a column"),
    "a gap first": (b'""\n1.5\n2.5\n', None, "line 1: '' is neither a number nor the name of a column"),
    "an odd number first": (b"1_000\n1.5\n2.5\n", None, "line 1: '1_000' is neither a number nor the name"),
    "a name beside a number": (b"Ann,1.5\nBob,2.5\n", "2", r"line 1: 1\.5 may be a number or the name of a column"),
    "infinite": (b"cm\n1.5\n-inf\n", None, "line 3, column 'cm': '-inf' is not a finite number"),
    "too large": (b"1.5\n1e999\n", None, "line 2, column 1: '1e999' is not a finite number"),
    "too small": (b"1.5\n1e-999\n", None, "line 2, column 1: '1e-999' is too small for float64, where it would be 0"),
    "an underscore": (b"cm\n1.5\n1_000\n", None, "line 3, column 'cm': '1_000' is not a number; write digits 0 to 9"),
    "fullwidth digits": (
        "cm\n1.5\n\uff11\uff12\n".encode(),
        None,
        "line 3, column 'cm': '\uff11\uff12' is not a number",
    ),
    "a thousands separator": (b'cm\n1.5\n"1,000"\n', None, "line 3, column 'cm': '1,000' is not a number"),
    "hexadecimal": (b"cm\n1.5\n0x10\n", None, "line 3, column 'cm': '0x10' is not a number"),
    "a gap": (b"a,b\n1,2\n3,\n", "b", "line 3, column 'b': no value"),
    "a short line": (b"a,b\n1,2\n3\n", "b", "line 3: 1 cell where the header has 2"),
    "a blank line before": (b"a,b\n\n1,2\n\n3,x\n", "b", "line 5, column 'b': 'x' is not a number"),
    "a line end within quotes before": (b'a,b\n"1\n",2\n3,x\n', "b", "line 4, column 'b': 'x' is not a number"),
    "a quote that closes too early": (b'cm\n1.5\n"2"5\n', None, "line 3: not a row of cells"),
    "a quote that never closes": (b'cm\n1.5\n"2\n3\n', None, "line 3: not a row of cells"),
    "which of two": (b"a,b\n1,2\n3,4\n", None, r"2 columns \(a, b\); say which with --column"),
    "which of two numbers": (
        b"1,2\n3,4\n",
        None,
        "2 cells in a line, and no header. Where .* decimal comma, --decimal comma reads it; .* a number from 1 to 2",
    ),
    "columns cut at semicolons": (b"1;2\n3;4\n", None, r"2 columns \(1, 2\); say which with --column"),
    "a title": (b"Report\n\nname,cm\na,1.5\n", None, r"line 3: 2 cells where the header has 1 \(cells are cut"),
    "a line for a spreadsheet": (b"sep=;\na;b\n1;2\n", "b", "line 1: 'sep=' tells a spreadsheet where to cut cells"),
    "an error of a spreadsheet": (b"#N/A\n1.5\n2.5\n", None, "line 1: '#N/A' is neither"),
    "an error that shouts": (b"#DIV/0!\n1.5\n2.5\n", None, "line 1: '#DIV/0!' is neither"),
    "a number in a comment": (b"#1.5\n2.5\n3.5\n", None, "1.5 may be a number or the name of a column"),
    "names or a row": (b"# rates, all\ncountry,1990\nA,1.5\nB,2.5\n", "2", "line 2: the first row, or the names"),
    "a late comment": (b"cm\n1.5\n# high\n2.5\n", None, "line 3, column 'cm': '# high' is not a number"),
    "comments only": (b"# a\n# b\n", None, "the file is empty"),
    "which of many": (
        b",".join(b"c%d" % i for i in range(2000)),
        None,
        r"2000 columns \(c0, .*c11, ... and 1,988 more",
    ),
    "a long name": (b"a" * 500 + b",b\n1,2\n", None, r"\(a{40}\.\.\. \(500 characters\), b\)"),
    "no such name": (b"a,b\n1,2\n3,4\n", "c", "no column 'c'; the columns are a, b"),
    "a name among others not cut": (b"a|b\n1|2\n", "b", r"the columns are a\|b; are cells cut at the pipe"),
    "no such number": (b"1,2\n3,4\n", "3", "no column '3'; the columns have no names and are numbered 1, 2"),
    "column nought": (b"a,b\n1,2\n3,4\n", "0", "no column '0'"),
    "an odd digit": (b"a,b\n1,2\n3,4\n", "\u00b2", "no column"),
    "a name twice": (
        b"a,b,a\n1,2,3\n4,5,6\n",
        "a",
        "columns 1 and 3 are both named 'a'; give the number of the column",
    ),
    "not text": (b"1.5\n\xff\xfe\n", None, "line 2: not UTF-8 text .byte 0xff.; save the file as UTF-8"),
    "a NUL late": (b"1.5\n" * 30_000 + b"2\0\n", None, "line 30001: a NUL character"),
    "UTF-16": ("cm\n1.5\n2.5\n".encode("utf-16"), None, "not a table of text but UTF-16 text; save it as UTF-8"),
    "UTF-16 without a mark": (
        "1.5\n2.5\n".encode("utf-16-le"),
        None,
        "not a table of text but UTF-16 text or a binary",
    ),
    "a spreadsheet": (b"PK\x03\x04 and more", None, "not a table of text but a ZIP archive"),
    "compressed": (gzip.compress(b"1.5\n2.5\n"), None, "not a table of text but compressed by gzip"),
    "an endless cell": (b'1.5\n"' + b"1" * 200_000, None, "line 2: not a row of cells: field larger than"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("content", "column", "message"), BAD.values(), ids=BAD)
def test_tables_that_are_refused(tmp_path, content, column, message):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(TableError, match=message) as refused:
        read_column(str(file), column)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


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


def test_a_damaged_first_byte(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x001.5\n2.5\n")
    with pytest.raises(TableError, match="a binary file"):
        read_column(str(tmp_path / "a.csv"))


@pytest.mark.parametrize("name", ["a.json", "a.XLSX", "a.feather", "a.json.gz"])
def test_other_kinds_of_files_are_refused_by_name(tmp_path, name):
    (tmp_path / name).write_text("1.5\n2.5\n")
    with pytest.raises(TableError, match=r"files are not read; give a \.csv, \.tsv, \.txt .* or \.parquet file"):
        read_column(str(tmp_path / name))


def test_a_name_that_only_contains_such_an_ending(tmp_path):
    (tmp_path / "a.json.csv").write_text("1.5\n2.5\n")
    assert read_column(str(tmp_path / "a.json.csv")).values.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("asked", ["semicolon", ";"])
def test_a_delimiter_that_is_asked_for(tmp_path, asked):
    (tmp_path / "a.csv").write_text("a,b;c\n1,5;2.5\n3,1;4.5\n")
    assert read_column(str(tmp_path / "a.csv"), "2", asked).values.tolist() == [2.5, 4.5]
    with pytest.raises(TableError, match=r"--delimiter must be one of comma, semicolon, tab, pipe, .* got 'x'"):
        read_column(str(tmp_path / "a.csv"), "2", "x")


COMMAS = {
    "a column": ("1,5\n2,5\n", None, [1.5, 2.5]),
    "semicolons": ("id;cm\n1;1,5\n2;-2,5e-3\n", "cm", [1.5, -0.0025]),
    "tabs": ("1,5\t3\n2,5\t4\n", "1", [1.5, 2.5]),
    "points beside them": ("day;cm\n1.2.2024;1,5\n2.2.2024;2,5\n", "cm", [1.5, 2.5]),
    "an end of lines of two cells": ("cm\n1,5\n2\n", None, [1.5, 2.0]),
}


@pytest.mark.parametrize(("text", "column", "values"), COMMAS.values(), ids=COMMAS)
def test_numbers_with_a_decimal_comma(tmp_path, text, column, values):
    (tmp_path / "a.csv").write_text(text)
    assert read_column(str(tmp_path / "a.csv"), column, comma=True).values.tolist() == values


@pytest.mark.parametrize("text", ["cm\n1.5\n2,5\n", "1.234\n2.345\n", "cm\n1,5\n1.234,5\n"])
def test_a_point_among_decimal_commas_is_refused(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(TableError, match=r"'1\.[\d,]*' has a point beside --decimal comma; write nothing where"):
        read_column(str(tmp_path / "a.csv"), comma=True)


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"cm\n1.5\n2.5\n")))
    found = read_column("-")
    assert found.values.tolist() == [1.5, 2.5]
    assert found.place(1) == "standard input, line 3, column 'cm'"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"cm\n1.5\nx\n")))
    with pytest.raises(TableError, match=r"^standard input, line 3, column 'cm': 'x' is not a number"):
        read_column("-")


def test_where_a_number_stands(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('name,cm\nAnn,1\n\n\n"Bo\nb",2\nCy,3\nDi,4\n')
    found = read_column(str(file), "cm")
    lines = [found.place(index).removeprefix(f"{file}, line ").removesuffix(", column 'cm'") for index in range(4)]
    assert lines == ["2", "5", "7", "8"]
    np.save(tmp_path / "a.npy", [1.0, 2.0])
    assert read_column(str(tmp_path / "a.npy")).place(1).endswith("a.npy, the array, index 1")


def test_how_much_of_a_large_file_has_been_read_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "PIECE", 100)
    (tmp_path / "a.csv").write_text("cm\n" + "".join(f"{i}\n" for i in range(500)))
    monkeypatch.setattr(files, "LARGE", 1000)
    assert len(read_column(str(tmp_path / "a.csv"), progress=True).values) == 500
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading: 0.00/1.89kB" in err
    read_column(str(tmp_path / "a.csv"))
    monkeypatch.setattr(files, "LARGE", 2000)
    read_column(str(tmp_path / "a.csv"), progress=True)
    assert capsys.readouterr().err == ""


# Random tables ----------------------------------------------------------------------------------------------------

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


def written(folder, rows, delimiter, **quoting):
    file = folder / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, delimiter=delimiter, **quoting).writerows(rows)
    return file


@pytest.mark.slow
@hypothesis.given(
    st.lists(st.tuples(FINITE, TEXT, FINITE), min_size=2, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read_back(folder, rows, delimiter, end, quoting):
    hypothesis.assume(len({row[2] for row in rows}) > 1)
    file = written(folder, [("a", "b", "c"), *rows], delimiter, lineterminator=end, quoting=quoting)
    assert read_column(str(file), "c", delimiter).values.tolist() == [row[2] for row in rows]


@hypothesis.given(st.lists(st.tuples(FINITE, FINITE), min_size=2, max_size=8), st.sampled_from(",;\t"), st.booleans())
def test_the_delimiter_is_recognized(folder, rows, delimiter, header):
    hypothesis.assume(len({row[1] for row in rows}) > 1)
    file = written(folder, [("a", "b")] * header + rows, delimiter)
    assert read_column(str(file), "2").values.tolist() == [row[1] for row in rows]


@hypothesis.given(st.data())
def test_a_damaged_table_is_read_as_the_csv_module_reads_it_or_not_at_all(folder, data):
    """Whatever is inserted, deleted or replaced: every number is the one that stands in that row and column."""
    rows = data.draw(st.lists(st.tuples(st.integers(0, 999), FINITE), min_size=2, max_size=5))
    file = written(folder, [("a", "b"), *rows], ",")
    text = file.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        odd = data.draw(
            st.sampled_from([",", ";", '"', "\n", "_", ".", "e", "-", " ", "7", "\uff17", "nan", "\0", "\t"])
        )
        text = text[:at] + odd + text[at + data.draw(st.integers(0, 3)) :]
    file.write_text(text, encoding="utf-8")
    try:
        found = read_column(str(file), "b", ",").values.tolist()
    except TableError:
        return
    table = [row for row in csv.reader(io.StringIO(text, newline="")) if "".join(row).strip()]
    place = [cell.strip() for cell in table[0]].index("b")
    assert {len(row) for row in table} == {len(table[0])}
    assert [repr(value) for value in found] == [repr(float(row[place])) for row in table[1:]]
    assert all(set(row[place].strip()) <= set("0123456789+-.eE") for row in table[1:])


def test_several_columns_are_read_in_one_pass(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b,c\n1,2,x\n,3,y\n4,nan,z\n5,6,z\n")
    b, a = read_columns(str(file), ["b", "a"], drop=True)
    assert (a.values.tolist(), b.values.tolist()) == ([1.0, 5.0], [2.0, 6.0])
    assert (a.dropped, b.name) == (2, "column 'b'")
    assert a.place(1) == f"{file}, line 5, column 'a'"
    with pytest.raises(TableError, match="line 2, column 'c': 'x' is not a number"):
        read_columns(str(file), ["a", "c"], drop=True)


def test_labels_are_text_or_whole_numbers_written_as_such(tmp_path):
    path = tmp_path / "table.csv"
    for written, expected in (("7,8", [7, 8]), ("007,8", ["007", "8"]), ("a,b", ["a", "b"]), ("1.5,2", ["1.5", "2"])):
        first, second = written.split(",")
        path.write_text(f"g,x\n{first},1.0\n {second} ,2.0\n")
        (column,) = read_columns(str(path), ["x"], label="g")
        assert column.labels.tolist() == expected
        assert column.values.tolist() == [1.0, 2.0]


def test_rows_without_a_label_are_left_out_where_missing_values_are(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("g,x\na,1.0\nNA,2.0\nb,NA\nb,4.0\n")
    (column,) = read_columns(str(path), ["x"], drop=True, label="g")
    assert column.labels.tolist() == ["a", "b"]
    assert column.dropped == 2
    assert column.place(1).endswith("line 5, column 'x'")


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_infinity_is_a_number_where_ends_are_asked_for_and_only_there(tmp_path, ending):
    file = tmp_path / f"visits.{ending}"
    numbers = {"from": [0.0, 1.0, 2.0], "to": [1.0, np.inf, np.inf]}
    if ending == "csv":
        file.write_text("from,to\n0,1\n1,inf\n2, +Infinity\n")
    else:
        np.savez(file, **numbers)
    found = read_columns(str(file), ["from", "to"], ends=(1,))
    for column, (name, values) in zip(found, numbers.items(), strict=True):
        np.testing.assert_array_equal(column.values, values, err_msg=name)
    for wrong in ({}, {"ends": (0,)}):
        with pytest.raises(TableError, match=r"inf.* is not a finite number"):
            read_columns(str(file), ["from", "to"], **wrong)


def test_an_upper_end_is_not_below_all(tmp_path):
    file = tmp_path / "visits.csv"
    file.write_text("to\n1\n-inf\n")
    with pytest.raises(TableError, match="'-inf' is not a finite number"):
        read_columns(str(file), ["to"], ends=(0,))
