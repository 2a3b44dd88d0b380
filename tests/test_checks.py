import ast
import math

import limits
import numpy as np
import pytest

import mlejax
from mlejax import checks

GOOD = {
    "positive: a number": (checks.positive, 0.5, 0.5),
    "positive: a whole number": (checks.positive, 3, 3.0),
    "positive: an array": (checks.positive, [[0.1, 2]], [[0.1, 2.0]]),
    "non_negative: zero": (checks.non_negative, 0, 0.0),
    "counts: a number": (checks.counts, 7, 7),
    "counts: floats that are whole": (checks.counts, [1.0, 1e4], [1, 10_000]),
    "counts: the largest": (checks.counts, 2**24, 2**24),
}
BAD = {
    "negative": (checks.positive, -0.1, ValueError, "rate must be positive; got -0.1$"),
    "zero": (checks.positive, 0, ValueError, "rate must be positive; got 0$"),
    "infinite": (checks.positive, math.inf, ValueError, "rate must be positive; got inf$"),
    "nan": (checks.positive, math.nan, ValueError, "rate must be positive; got nan$"),
    "negative in a list": (checks.positive, [1, 2, 3, -0.1], ValueError, "rate must be positive; got -0.1 at index 3$"),
    "in a matrix": (checks.positive, [[1, 2], [-3, 4]], ValueError, "rate must be positive; got -3 at index 1, 0$"),
    "a word": (checks.positive, "fast", TypeError, "rate must be positive numbers; got 'fast'"),
    "none": (checks.positive, None, TypeError, "rate must be positive numbers; got None"),
    "a word for a count": (
        checks.counts,
        "10",
        TypeError,
        "rate must be a whole number from 1 to 16,777,216; got '10'$",
    ),
    "a set": (checks.counts, {1, 2}, TypeError, r"rate must be a whole number .*; got \{1, 2\}; give a list$"),
    "a generator": (checks.counts, iter([1]), TypeError, "got <list_iterator object at .*>; give a list$"),
    "what NumPy wraps": (checks.counts, np.asarray({1: 2}), TypeError, r"; got \{1: 2\}; give a list$"),
    "a ragged list": (
        checks.counts,
        [[1, 2], [3]],
        TypeError,
        r"rate must be whole numbers .*; got \[\[1, 2\], \[3\]\]$",
    ),
    "something long": (checks.positive, "x" * 5000, TypeError, r"got 'x{59}\.\.\. \(5,002 characters\)$"),
    "a truth value": (checks.positive, True, TypeError, "rate must be positive numbers; got True"),
    "complex": (checks.positive, 1j, TypeError, "rate must be positive numbers; got 1j"),
    "a word, at least 0": (
        checks.non_negative,
        "a",
        TypeError,
        "^rate must be numbers at least 0; got 'a'$",
    ),
    "below zero": (checks.non_negative, -1e-9, ValueError, "rate must be at least 0; got -1e-09$"),
    "not whole": (checks.counts, 2.5, ValueError, "rate must be a whole number from 1 to 16,777,216; got 2.5$"),
    "none at all": (checks.counts, 0, ValueError, "rate must be a whole number from 1 to 16,777,216; got 0$"),
    "too many": (checks.counts, 1e9, ValueError, "a whole number from 1 to 16,777,216; got 1,000,000,000$"),
    "one not whole": (checks.counts, [1, 1.5], ValueError, "rate must be whole numbers from 1 .* 1.5 at index 1$"),
}


@pytest.mark.parametrize(("check", "values", "expected"), GOOD.values(), ids=GOOD)
def test_good_values_come_back_as_arrays(check, values, expected):
    found = check("rate", values)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == (np.int64 if check is checks.counts else np.float64)
    assert found.shape == np.shape(values)


@pytest.mark.parametrize(("check", "values", "error", "message"), BAD.values(), ids=BAD)
def test_bad_values_are_refused_by_name_place_and_rule(check, values, error, message):
    with pytest.raises(error, match=message):
        check("rate", values)


def test_limits_of_counts_can_be_chosen():
    assert checks.counts("seeds", 0, at_least=0) == 0
    with pytest.raises(ValueError, match="seeds must be a whole number from 0 to 9; got 10"):
        checks.counts("seeds", 10, at_least=0, at_most=9)


@pytest.mark.parametrize("dtype", [np.float64, "float64", "float32", np.dtype("f4"), float], ids=str)
def test_floating_types(dtype):
    assert checks.floating_type(dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["float16", np.int32, "double trouble", object, None], ids=str)
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be float64 or float32; got "):
        checks.floating_type(dtype)


def test_distinct_values_pass():
    values = np.array([3.0, 1.0, 2.0])
    assert checks.distinct("seeds", values) is values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"seeds must be a non-empty sequence of numbers; got shape \(0,\)"),
        (3.0, r"seeds must be a non-empty sequence of numbers; got shape \(\)"),
        ([5, 1, 2, 1, 1], "seeds must be distinct; got 1 at index 1 and 3"),
    ],
    ids=["none", "a number", "one twice"],
)
def test_repeated_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        checks.distinct("seeds", np.array(values))


def test_a_path_is_text_or_stands_for_one(tmp_path):
    assert checks.path("out", str(tmp_path)) == checks.path("out", tmp_path) == tmp_path
    for given in (3, True, None, b"results", [tmp_path]):
        with pytest.raises(TypeError, match=r"^out must be a path, such as 'results'; got "):
            checks.path("out", given)


# What mlejax refuses is told from what fails --------------------------------------------------------------------------

PLAIN = {"ValueError", "TypeError", "KeyError"}
CAUGHT = {"samples.cells", "store.batches", "store.layout", "sweeps.recorded"}
"""Modules whose own exceptions are caught by their callers, who say more."""


def raised(text):
    """Return the names of the exceptions that a module raises."""
    calls = [node.exc for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise)]
    return {call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}


def test_every_refusal_of_the_package_is_one():
    plain = {name for name, path in limits.modules().items() if raised(path.read_text()) & PLAIN}
    assert plain == CAUGHT
    text = "def f():\n    raise ValueError('x')\n    raise InputTypeError('y')"
    assert raised(text) == {"ValueError", "InputTypeError"}


KINDS = {
    "value": (lambda: mlejax.train(mlejax.Normal(0.0, -1.0), [1.0, 2.0]), ValueError),
    "type": (lambda: mlejax.train(mlejax.Normal(0.0, 1.0), [1.0, 2.0], learning_rate="fast"), TypeError),
    "observations": (lambda: mlejax.train(mlejax.Normal(0.0, 1.0), [1.0, np.nan]), ValueError),
    "directory": (lambda: mlejax.load("nowhere"), ValueError),
    "domain": (lambda: mlejax.Domain(1.0, 0.0), ValueError),
}


@pytest.mark.parametrize(("call", "kind"), KINDS.values(), ids=KINDS)
def test_a_refusal_is_also_the_error_that_python_has_for_it(call, kind):
    with pytest.raises(mlejax.InputError) as refusal:
        call()
    assert isinstance(refusal.value, kind)


def test_a_name_that_is_not_there_is_said_without_quotation_marks():
    assert str(checks.InputKeyError("no axis 'seed'")) == "no axis 'seed'"
    assert isinstance(checks.InputKeyError(), KeyError)


def test_a_fault_in_a_formula_is_none_and_names_the_model():
    class Broken(mlejax.Model):
        mean: float

        def log_prob(self, x):
            return x.no_such_thing - self.mean

    with pytest.raises(AttributeError) as fault:
        mlejax.train(Broken(0.0), [1.0, 2.0])
    assert not isinstance(fault.value, mlejax.InputError)
    assert "while JAX traced Broken.log_prob" in fault.value.__notes__


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1])
def test_whole_numbers_that_float64_does_not_hold_are_kept(seed):
    assert checks.counts("seed", seed, 0, 2**63 - 1) == seed
    with pytest.raises(ValueError, match=r"seed must be a whole number from 0 to 9,007,199,254,740,992; got "):
        checks.counts("seed", 2**53 + 1, 0, 2**53)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("0.9", TypeError, "level must be a number between 0 and 1; got '0.9'"),
        ([0.9], TypeError, r"level must be a number between 0 and 1; got \[0.9\]"),
        (True, TypeError, "level must be a number between 0 and 1; got True"),
        (1, ValueError, "level must be between 0 and 1; got 1$"),
        (math.nan, ValueError, "level must be between 0 and 1; got nan"),
    ],
)
def test_what_is_no_level_is_refused(value, error, message):
    checks.level(np.float64(0.5))
    with pytest.raises(error, match=message):
        checks.level(value)
