"""Numbers and lists of numbers in words."""

import argparse

import numpy as np
import pytest

from mlejax.cli import numbers


@pytest.mark.parametrize(
    ("text", "values"), [("0:4", [0, 1, 2, 3]), ("0,5,7", [0, 5, 7]), ("3", [3]), ("8:10", [8, 9]), ("-1:1", [-1, 0])]
)
def test_whole_numbers(text, values):
    assert numbers.whole_numbers(text).tolist() == values


@pytest.mark.parametrize(
    ("text", "values"),
    [("0.1,0.2", [0.1, 0.2]), ("0.5", [0.5]), ("0.01:1:3", [0.01, 0.1, 1.0]), ("10:0.1:3", [10, 1, 0.1])],
)
def test_geometric(text, values):
    np.testing.assert_allclose(numbers.geometric(text), values, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "values"), [("100,1000", [100, 1000]), ("7,5", [7, 5]), ("100:10000:3", [100, 1000, 10000]),
    ("10:100:4", [10, 22, 46, 100]), ("2:2:1", [2])],
)  # fmt: skip
def test_sizes(text, values):
    found = numbers.sizes(text)
    assert found.tolist() == values
    assert found.dtype == np.int64


def test_one_size_is_no_axis():
    assert numbers.sizes("2") == 2
    assert isinstance(numbers.sizes("1000"), int)


@pytest.mark.parametrize(
    ("text", "axis", "values"),
    [("seed=0:3", "seed", [0, 1, 2]), ("learning_rate.mean=0.1,1", "learning_rate.mean", [0.1, 1.0]),
     ("learning-rate=0.01:1:3", "learning_rate", [0.01, 0.1, 1.0])],
)  # fmt: skip
def test_values_along_an_axis(text, axis, values):
    found = numbers.axis_values(text)
    assert found.axis == axis
    np.testing.assert_allclose(found.values, values, rtol=1e-12)


REFUSED = {
    numbers.axis_values: {
        "seed": "expected AXIS=VALUES, such as learning_rate=0.1,1 or seed=0:3; got 'seed'",
        "=1": "expected AXIS=VALUES",
        "seed=": "expected LOW:HIGH:COUNT or numbers with commas",
        "seed=3:1": "'3:1' is empty",
    },
    numbers.sizes: {
        "": "expected a whole number",
        "1": "expected whole numbers above 1; got 1",
        "0": "expected whole numbers above 1; got 0",
        "100,1": "expected whole numbers above 1; got 1",
        "1:100:3": "expected whole numbers above 1; got 1",
        "-5": "expected a whole number",
        "1e3": "expected a whole number",
        "1:2": "expected a whole number, several with commas, or LOW:HIGH:COUNT",
        "100,1000,": "expected a whole number",
        "100,20,100": "'100,20,100' has 100 more than once",
        "2:4:10": "'2:4:10' has 2 more than once",
        "9:9:2": "LOW and HIGH are the same",
    },
    numbers.whole_numbers: {
        "": "expected FIRST:LAST",
        "1:2:3": "expected FIRST:LAST",
        "a": "expected FIRST:LAST",
        "1,": "expected FIRST:LAST",
        "1;2": "expected FIRST:LAST",
        "0.5": "expected FIRST:LAST",
        "1_0": "expected FIRST:LAST",
        "\uff11": "expected FIRST:LAST",
        "7" * 5000: r"expected FIRST:LAST .* got '7{40}\.\.\. \(5,000 characters\)'$",
        "5:5": "'5:5' is empty: LAST is not included",
        "0:1000000000000": "asks for 1,000,000,000,000 values; at most 100,000,000 are possible",
    },
    numbers.geometric: {
        "": "expected LOW:HIGH:COUNT",
        "fast": "expected LOW:HIGH:COUNT",
        "0.1:1": "expected LOW:HIGH:COUNT",
        "1_0": "expected LOW:HIGH:COUNT",
        "1:inf:3": "expected LOW:HIGH:COUNT",
        "nan": "expected LOW:HIGH:COUNT",
        "1:2:1.5": "expected LOW:HIGH:COUNT",
        "0:1:3": "LOW and HIGH must be positive; got '0:1:3'",
        "1:2:0": "expected a whole number above 0; got '0'",
        "1:2:100000000000": "asks for 100,000,000,000 values; at most 1,000,000 are possible",
        "1e-300:1e300:3": "too far apart",
        "1e999,1": "expected a finite number",
        "1:1:3": "LOW and HIGH are the same, which is one value; got '1:1:3'",
    },
    numbers.whole: {"1_0": "expected a whole", "1.0": "expected a whole", "": "expected a whole", "\u0663": "whole"},
    numbers.at_least_one: {"0": "above 0", "-1": "above 0", "\u00b2": "above 0", "1_0": "above 0"},
    numbers.number: {"1_0": "finite", "nan": "finite", "inf": "finite", "": "finite", "1e999": "finite"},
    numbers.path: {"": "the name of a file", "a\0b": "the name of a file"},
}


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        pytest.param(read, text, message, id=f"{read.__name__}-{text[:20]!a}")
        for read, texts in REFUSED.items()
        for text, message in texts.items()
    ],
)
def test_what_is_refused(read, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message) as refused:
        read(text)
    assert len(str(refused.value)) < 200


def test_what_is_read():
    assert numbers.whole("-12") == -12
    assert numbers.at_least_one("12") == 12
    assert numbers.number("-1.5e3") == -1500.0
    assert numbers.path("a b") == "a b"
