"""Labels: each is kept as it is, and what is none is named."""

import datetime as dt
import decimal

import numpy as np
import pytest

import mlejax
from mlejax.samples.labels import as_labels


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "b"], ["b", "a", "b"]),
        (["a\nb", 'a,"b', ""], ["a\nb", 'a,"b', ""]),
        ([2**60, 2**60 + 1], [2**60, 2**60 + 1]),
        (np.array([2**60, 2**60 + 1], object), [2**60, 2**60 + 1]),
        (np.array([2**63, 2**63 + 1], np.uint64), [2**63, 2**63 + 1]),
        (np.array([1, 2.5], object), [1.0, 2.5]),
        (np.array(["a", "bc"], np.dtypes.StringDType()), ["a", "bc"]),
        ([True, False], [True, False]),
        ([b"a", b"b"], ["a", "b"]),
        (np.array(["ä".encode(), b"b"]), ["ä", "b"]),
        (np.array([b"a", b"bc"], object), ["a", "bc"]),
    ],
)
def test_labels_are_kept(labels, expected):
    assert as_labels(labels).tolist() == expected


def test_dates_are_kept():
    dates = np.array(["2020-01-01", "2021-01-01"], "M8[D]")
    assert as_labels(dates) is dates
    days = [dt.date(2020, 1, 1), dt.date(2021, 1, 1)]
    np.testing.assert_array_equal(as_labels(days), dates)
    assert as_labels(days).dtype == "M8[D]"
    moments = [dt.datetime(2020, 1, 1, 0, 0, 0, 7), dt.datetime(2021, 1, 1)]
    assert as_labels(moments).tolist() == moments


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1.0, np.nan], "labels must be text or finite numbers; got nan at index 1"),
        ([1.0, np.inf], "labels must be text or finite numbers; got inf at index 1"),
        (np.array(["a", None], object), "labels must be text or numbers; got None at index 1"),
        (np.array(["a", np.nan], object), "labels must be text or numbers; got nan at index 1"),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), "labels must be text, numbers or dates; got NaT at index 1"),
        (np.array(["a", 1], object), "labels must be all text or all numbers; got both"),
        (["a", 1], "labels must be all text or all numbers; got both"),
        (["a", "a\0"], r"labels must not end in a null character; got 'a\\x00' at index 1"),
        (["a", "b\ud800"], r"half a surrogate pair in 'b\\ud800' at index 1"),
        (np.array(["\udfff", "b"]), r"half a surrogate pair in '\\udfff' at index 0"),
        ([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], r"got .*tzinfo=datetime.timezone.utc\) at index 0"),
        ([(1, "a"), (2, "b")], r"labels must be one-dimensional; got shape \(2, 2\) \(text may stand for anything"),
        ([decimal.Decimal(1), 2], r"labels must be text or numbers; got Decimal\('1'\) at index 0"),
        (np.array([2**60, 0.5], object), "or numbers that float64 holds; got 1152921504606846976"),
        (np.array([2**70, 1], object), "whole numbers of 64 bits, .*; got 1180591620717411303424"),
        ([b"a", b"\xff"], r"labels that are bytes must be text in UTF-8; got b'\\xff' at index 1: decode them"),
        (np.array([b"a", "a"], object), "labels must be text or numbers; got b'a' at index 0"),
        ([[1, 2]], r"labels must be one-dimensional; got shape \(1, 2\)"),
        ([["a"], ["b", "c"]], "labels must be one-dimensional; got sequences of different lengths"),
        ([1j, 2j], "labels must be text or numbers; got an array of complex128"),
    ],
)
def test_what_is_no_label_is_refused(labels, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mlejax.Groups([1.0, 2.0], labels)
