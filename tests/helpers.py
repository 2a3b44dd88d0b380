"""Where the project is, and what several tests do: compare results bit by bit and fits, ask a process of its own."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import mlejax
from mlejax.models.parameters import entry_dict
from mlejax.results.schema import QUANTITIES
from mlejax.status import Status

ROOT = Path(__file__).parents[1]


def draws(count, by="jax", **seeds):
    """Return a source of samples of the reference problem, N(7.2, 2.8^2)."""
    return mlejax.Draws(mlejax.Normal(7.2, 2.8**2), count, by, **seeds)


def arrays(result):
    """Return every array of a sweep's result by its name, the parameters of its models first."""
    return vars(result.model) | {name: getattr(result, name) for name in QUANTITIES}


def assert_same_bits(one, other):
    """Check that two results of a sweep have the same names, and the same bits under each."""
    assert arrays(one).keys() == arrays(other).keys()
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, arrays(other)[name], err_msg=name)


def as_made(kind, **fields):
    """Check an object as its class does when it is made, where the tests' type checks do not come before."""
    model = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(model, name, value)
    for each in kind.__mro__:
        if "__check_init__" in vars(each):
            vars(each)["__check_init__"](model)


def printed_by(program, **variables):
    """Return what a Python program prints in a process of its own, with these environment variables besides."""
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def alone(family, values, weights=None):
    """Return the fit of a sample by itself, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlejax.ConvergenceWarning)
        return mlejax.fit(family, values, weights=weights, progress=False)


def check_fit(table, position, expected):
    """Compare a row of a table of fits with a fit: within 1e-6 standard errors, or NaN where that has NaN."""
    assert Status(int(table.status[position])) is expected.status
    assert table.reasons.get(position, "") == expected.reason
    assert table.count[position] == expected.count
    assert table.log_likelihood[position] == pytest.approx(expected.log_likelihood, rel=1e-9)
    errors = entry_dict(expected.standard_errors)
    for name, value in expected.parameters.items():
        error = errors[name]
        found = table.parameters[name][position]
        assert abs(found - value) <= 1e-6 * (error if np.isfinite(error) else abs(value)), name
        np.testing.assert_allclose(table.errors[name][position], error, rtol=1e-6, err_msg=name)
