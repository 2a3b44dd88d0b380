"""One process at a time writes into a directory."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax.results.schema import variables
from mlejax.store.files import StoreError
from mlejax.store.layout import Description, Layout
from mlejax.store.store import open_store


def opened(path):
    layout = Layout.of({"seed": np.arange(3)}, variables(mlejax.Exponential(1.0)))
    return open_store(path, layout, Description({"a": 1}, [{}], {}, {}))


def test_a_second_handle_is_refused_until_the_first_is_closed(tmp_path):
    first = opened(tmp_path)
    with pytest.raises(StoreError, match=rf"is in use by another process \(pid {os.getpid()}\)\. Wait for it"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


@pytest.mark.slow
def test_a_second_process_is_refused(tmp_path):
    program = f"""
import sys, numpy as np
import mlejax
from mlejax.results.schema import variables
from mlejax.store.layout import Description, Layout
from mlejax.store.store import open_store
layout = Layout.of({{"seed": np.arange(3)}}, variables(mlejax.Exponential(1.0)))
held = open_store({str(tmp_path)!r}, layout, Description({{"a": 1}}, [{{}}], {{}}, {{}}))
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(StoreError, match=rf"in use by another process \(pid {other.pid}\)"):
                opened(tmp_path)
        finally:
            other.kill()
    opened(tmp_path).close()  # the system let go of the lock
