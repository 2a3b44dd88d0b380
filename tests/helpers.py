"""Where the project is, and what several tests do: compare results bit by bit, ask a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import mlejax
from mlejax.results.schema import QUANTITIES

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


def printed_by(program, **variables):
    """Return what a Python program prints in a process of its own, with these environment variables besides."""
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
