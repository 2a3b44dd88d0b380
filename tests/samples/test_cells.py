"""Numbers in words: strictly."""

import math

import hypothesis
import hypothesis.strategies as st
import pytest

from mlejax.samples import cells


@hypothesis.given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read(value):
    for text in (repr(value), f"{value:.17g}", f"{value:.17E}", f" {value!r}\t"):
        assert repr(cells.number(text)) == repr(value)


@hypothesis.given(st.text(st.sampled_from("0123456789.eE+-_, nainf\uff11"), max_size=8))
def test_what_is_read_is_what_python_reads_without_its_liberties(text):
    try:
        value = cells.number(text)
    except ValueError:
        return
    assert value == float(text)
    assert math.isfinite(value)
    assert not set(text.strip()) - set("0123456789.eE+-")
    assert cells.is_number(text)


@pytest.mark.parametrize(
    "text", ["1_0", "\uff11", "nan", "inf", "-Infinity", "", " ", "1 0", "0x1", "1e", ".", "e5", "1,5"]
)
def test_what_is_refused(text):
    assert not cells.is_number(text)
    with pytest.raises(ValueError, match=r"not a number|not a finite number|no value"):
        cells.number(text)


@pytest.mark.parametrize(("text", "message"), [("1e999", "too large"), ("-2e-400", "too small")])
def test_what_float64_cannot_hold(text, message):
    with pytest.raises(ValueError, match=message):
        cells.number(text)


@pytest.mark.parametrize("text", ["0", "-0.0", "0e-999", "0.000e5", "5e-324"])
def test_nought_and_the_smallest_are_numbers(text):
    assert cells.number(text) == float(text)


def test_long_texts_are_shortened():
    assert cells.shown("9" * 5000) == f"'{'9' * 40}... (5,000 characters)'"
    assert cells.listed(["a"] * 12) == ", ".join(["a"] * 12)
    assert cells.listed(["a"] * 13).endswith("... and 1 more")


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "#N/A", "null", "-", "."])
def test_what_to_do_about_a_missing_value(text):
    with pytest.raises(ValueError, match="fill it in, or leave the row out") as caught:
        cells.number(text)
    assert "digits" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1,234.5", "nothing where it marks thousands"),
        ("1.234,5", "nothing where it marks thousands"),
        ("1 2.5", "where a space parts two cells, write a comma"),
        ("1\u00a0234", "where it marks thousands, nothing"),
        ("\u22121.5", "write the minus sign as a hyphen"),
        ("#DIV/0!", "an error of a spreadsheet"),
        ("5.5%", "write the number alone"),
        ("$5", "write the number alone"),
        ("5.5 cm", "write the number alone"),
    ],
)
def test_what_to_do_about_a_number_in_another_dress(text, remedy):
    assert not cells.is_missing(text)
    with pytest.raises(ValueError, match=f"is not a number; .*{remedy}"):
        cells.number(text)


@pytest.mark.parametrize("text", ["2024-01-01", "Total", "a2", "0x10", "12:30"])
def test_nothing_is_advised_where_no_number_is_meant(text):
    with pytest.raises(ValueError, match=r"is not a number$"):
        cells.number(text)
