"""Plain lines of numbers are read as the careful reader reads them, to the bit, or left to it."""

import io

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from mlejax.samples import plain, text
from mlejax.samples.files import TableError
from mlejax.samples.plain import Shape, plain_numbers, whole_lines

ONE = Shape(",", 1, (0,))


@pytest.mark.parametrize(
    ("lines", "shape", "values"),
    [
        (b"1.5\n2.5\n", ONE, [[1.5, 2.5]]),
        (b"1.5\r\n2.5", ONE, [[1.5, 2.5]]),
        (b" 1.5\n2.5\t\n", ONE, [[1.5, 2.5]]),
        (b"-.5e-3\n+2.\n0e9\n-0\n", ONE, [[-0.0005, 2.0, 0.0, -0.0]]),
        (b'"1.5"\n"2.5"\n', ONE, [[1.5, 2.5]]),
        ("Zoë;1.5;3\nBob;2.5;4\n".encode(), Shape(";", 3, (2, 1)), [[3.0, 4.0], [1.5, 2.5]]),
        (b'"An, n",1.5\nBob,2.5\n', Shape(",", 2, (1,)), [[1.5, 2.5]]),
        (b"1,5;2\n-,5e3;4\n", Shape(";", 2, (0, 1), comma=True), [[1.5, -500.0], [2.0, 4.0]]),
        (b"1\t2\n3\t4\n", Shape("\t", 2, (0, 0)), [[1.0, 3.0]] * 2),
        (b"9007199254740993\n179769313486231570000e288\n4.9e-324\n", ONE, [[2.0**53, np.finfo(float).max, 5e-324]]),
    ],
)
def test_plain_lines_are_read(lines, shape, values):
    found = plain_numbers(lines, shape, drop=False)
    assert [each.tobytes() for each in found.values] == [np.array(each).tobytes() for each in values]
    assert found.kept.tolist() == [True] * len(values[0])


NOT_PLAIN = {
    "a blank line": (b"1\n\n2\n", ONE),
    "a line of spaces": (b"1\n \n2\n", ONE),
    "a word": (b"1\nhigh\n", ONE),
    "a word in quotes": (b'1\n"high"\n', ONE),
    "a gap": (b"1,2\n3,\n", Shape(",", 2, (1,))),
    "an underscore": (b"1_000\n2\n", ONE),
    "hexadecimal": (b"0x10\n2\n", ONE),
    "not a number": (b"1\nnan\n", ONE),
    "infinite": (b"1\n-inf\n", ONE),
    "too large": (b"1\n1e999\n", ONE),
    "too small": (b"1\n0.01e-999\n", ONE),
    "digits of another script": ("1\n\u0663\n".encode(), ONE),
    "a space of another kind": ("1\n2\u00a0\n".encode(), ONE),
    "a late byte order mark": ("1\n\ufeff2\n".encode(), ONE),
    "two numbers in a cell": (b"1\n2 3\n", ONE),
    "two points": (b"1\n1.2.3\n", ONE),
    "half an exponent": (b"1\n1e\n", ONE),
    "a comment": (b"1\n#2\n", ONE),
    "a longer line": (b"1\n2,3\n", ONE),
    "a longer and a shorter line": (b"1,2\n3\n4,5,6\n", Shape(",", 2, (0,))),
    "a point beside decimal commas": (b"1,5\n1.234\n", Shape(";", 1, (0,), comma=True)),
    "a decimal comma": (b"1,5;2\n3;4\n", Shape(";", 2, (0,))),
    "another delimiter": (b"1;2\n", Shape(",", 2, (0,))),
    "old line ends": (b"1\r2\r", ONE),
    "a NUL in another column": (b"a\0,2\n", Shape(",", 2, (1,))),
    "bytes that are no text in another column": (b"\xff,2\n", Shape(",", 2, (1,))),
    "a lone surrogate in another column": (b"\xed\xa0\x80,2\n", Shape(",", 2, (1,))),
    "a cell of two lines": (b'"a\nb",2\nc,3\n', Shape(",", 2, (1,))),
    "a quote that never closes": (b'1\n"2\n', ONE),
    "a quote that closes too early": (b'1\n"2"5\n', ONE),
    "a line without cells in quotes": (b'"1",2\n\n', Shape(",", 2, (1,))),
    "an endless cell": (b"x" * 131_073 + b",2\n", Shape(",", 2, (1,))),
    "an endless cell in quotes": (b'"' + b"x" * 131_073 + b'",2\n', Shape(",", 2, (1,))),
}


@pytest.mark.parametrize(("lines", "shape"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_all_else_is_left_to_the_careful_reader(lines, shape):
    assert plain_numbers(lines, shape, drop=False) is None


def test_rows_that_lack_a_value_are_left_out():
    found = plain_numbers(b"1,2,x\nNA,3,x\n4,,x\n5,-,\n6,7,\n", Shape(",", 3, (0, 1)), drop=True)
    assert found.kept.tolist() == [True, False, False, False, True]
    assert [each.tolist() for each in found.values] == [[1.0, 6.0], [2.0, 7.0]]
    for wrong in (b"1\nNA\ninf\n", b"1\nNA\nx\n"):
        assert plain_numbers(wrong, ONE, drop=True) is None


@hypothesis.given(st.binary(max_size=40), st.integers(1, 5))
def test_lines_are_cut_where_they_end(content, size):
    source = io.BytesIO(content)
    blocks = list(whole_lines(iter(lambda: source.read(size), b"")))
    assert b"".join(blocks) == content
    assert all(block.endswith((b"\n", b"\r")) for block in blocks[:-1])
    # No line ends within a line end: cut or not, the lines are the same.
    lines = [line for block in blocks for line in io.StringIO(block.decode("latin1"), newline="")]
    assert lines == list(io.StringIO(content.decode("latin1"), newline=""))


# Against the careful reader -------------------------------------------------------------------------------------------


def outcome(content, size, columns, drop, fast=True, comma=False):
    """What is read of a table in pieces, or why it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(text, "plain_numbers", lambda *_: None)
        source = io.BytesIO(content)
        try:
            pieces, separator = iter(lambda: source.read(size), b""), ";" if comma else ","
            found = text.read_text("a.csv", pieces, columns, separator, drop, comma=comma)
        except TableError as refused:
            return str(refused)
    return [
        (one.values.tobytes(), one.name, one.header, one.dropped, [one.place(i) for i in range(len(one.values))])
        for one in found
    ]


CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["0", "-0.0", "1e400", "1e-400", "nan", "-inf", "", " ", "NA", "1_000", "0x10", "#1", "\u0663"]),
    st.sampled_from(['"1"', '"a,b"', '"a\nb"', '"', '1"', "a\0", "+5.", ".5", ".", "e5", "1d5", "1 2", "\t7", "é"]),
)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n \n"])
GOOD_CELLS = st.floats(allow_nan=False, allow_infinity=False).map(repr)


@st.composite
def tables(draw):
    """A table of two columns, in which little, and sometimes nothing, is malformed."""
    rows = draw(st.lists(st.tuples(GOOD_CELLS, GOOD_CELLS), min_size=1, max_size=12))
    rows = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 2))):
        rows[draw(st.integers(0, len(rows) - 1))][draw(st.integers(0, 1))] = draw(CELLS)
    ends = ["\n"] * len(rows)
    if draw(st.booleans()):
        ends[draw(st.integers(0, len(rows) - 1))] = draw(ENDS)
    body = "".join(",".join(row) + end for row, end in zip(rows, ends, strict=True))
    content = (draw(st.sampled_from(["a,b\n", "", "\ufeffa,b\r\n", "# c\na,b\n"])) + body).encode()
    return content + draw(st.sampled_from([b"", b"", b"5", b"1,2", b"\xff,3", b"\n", b"\n\n"]))


@hypothesis.given(tables(), st.integers(1, 60), st.sampled_from([["2"], ["a", "b"], ["b", "1"]]), st.booleans())
@hypothesis.settings(max_examples=200)
def test_the_same_is_read_or_refused(content, size, columns, drop):
    assert outcome(content, size, columns, drop) == outcome(content, size, columns, drop, fast=False)


@hypothesis.given(tables(), st.integers(1, 60), st.booleans())
def test_a_decimal_comma_is_read_as_a_point_is(content, size, fast):
    hypothesis.assume(b'"' not in content)  # in quotes these are part of a column's name
    commas = content.translate(bytes.maketrans(b",.", b";,"))
    pointed = outcome(content, size, ["2"], drop=False)
    read = outcome(commas, size, ["2"], drop=False, fast=fast, comma=True)
    assert read == pointed if isinstance(pointed, list) else isinstance(read, str)
    if isinstance(pointed, list) and b"." in content and b"," in content:
        # with a point in it no number is read
        points = outcome(content.translate(bytes.maketrans(b",", b";")), size, ["1", "2"], drop=False, comma=True)
        assert isinstance(points, str)


def test_plain_tables_are_not_read_a_cell_at_a_time(monkeypatch):
    def careful(*_):
        raise AssertionError

    monkeypatch.setattr(text, "number", careful)
    content = b"a,b\n" + b"1,2\n" * 50
    assert isinstance(outcome(content, 30, ["a", "b"], drop=False), list)
    monkeypatch.setattr(plain, "IN_NUMBERS", b"")  # nothing is plain
    with pytest.raises(AssertionError):
        outcome(content, 30, ["a", "b"], drop=False)
