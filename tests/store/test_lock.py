"""One process at a time writes into a directory."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

from mlejax.store.layout import StoreError
from mlejax.store.store import Store


def open_store(path):
    return Store(path, {"seed": np.arange(3)}, ("mean",), {"a": 1})


def test_a_second_handle_is_refused_until_the_first_is_closed(tmp_path):
    first = open_store(tmp_path)
    with pytest.raises(StoreError, match=rf"is in use by another process \(pid {os.getpid()}\)\. Wait for it"):
        open_store(tmp_path)
    first.close()
    open_store(tmp_path).close()


@pytest.mark.slow
def test_a_second_process_is_refused(tmp_path):
    program = f"""
import sys, numpy as np
from mlejax.store.store import Store
held = Store({str(tmp_path)!r}, {{"seed": np.arange(3)}}, ("mean",), {{"a": 1}})
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(StoreError, match=rf"in use by another process \(pid {other.pid}\)"):
                open_store(tmp_path)
        finally:
            other.kill()
    open_store(tmp_path).close()  # the system let go of the lock
