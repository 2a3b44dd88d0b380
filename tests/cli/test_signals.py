"""Signals at any moment, in processes of their own: no traceback, nothing swallowed, never exit status 0."""

import os
import signal
import subprocess
import sys

import pytest
from helpers import ROOT

from mlejax.cli import signals

STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}

# The first word says when the signal comes, the second which, the third how often at once.
MOMENTS = """
import gc, os, signal, sys
when, how, times = sys.argv[1:4]
del sys.argv[1:4]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
def send(*_, **__):
    global when
    if when in ("compile", "collect") and not os.path.exists("out/zarr.json"):  # JAX compiles before, too
        return
    if when:
        when = ""
        for _ in range(int(times)):
            os.kill(os.getpid(), getattr(signal, how))
class Finder:
    def find_spec(self, name, path=None, target=None):
        if when == f"import {name}":
            send()
        elif name == "mlejax.sweeps.sweep" and when in ("compile", "collect"):
            import jax
            if when == "collect":
                def collect(*_, **__):
                    gc.callbacks.append(send)
                    gc.collect()
                jax.monitoring.register_event_duration_secs_listener(collect)
            else:
                jax.monitoring.register_event_duration_secs_listener(send)
sys.meta_path.insert(0, Finder())
"""

REAL = """
from mlejax.cli import run
sys.exit(run())
"""

# `mlejax plot` with a command of its own: no JAX is needed for it. Its lines are of mlejax, those of THEIRS are not.
STUB = """
import time, types
from mlejax.cli import output, signals
signals.AGAIN = 0.001
"""


def run(program, *words, cwd=None):
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    environment |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(cwd or "/nonexistent")}
    heard = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # though the tests run under nohup
    command = [sys.executable, "-c", heard + program, *words]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


SWEEP = ["sweep", "--seeds", "0:64", "--learning-rates", "0.1:1:16", "--observations", "300", "--devices", "1"]
SWEEP += ["--patience", "1000000", "--tolerance", "0", "--max-epochs", "1000000", "--out", "out"]
KEPT = "mlejax sweep: interrupted. Finished runs are safe in out; the same command goes on from there.\n"


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("import argparse", "mlejax: interrupted.\n"),
        ("import numpy", "mlejax: interrupted.\n"),
        ("import jax._src.core", "mlejax sweep: interrupted.\n"),
        ("import mlejax.sweeps.sweep", "mlejax sweep: interrupted.\n"),
    ],
)
@pytest.mark.parametrize("how", STATUS)
def test_before_the_sweep_the_command_ends_at_once(tmp_path, when, how, times, said):
    assert run(MOMENTS + REAL, when, how, str(times), *SWEEP, cwd=tmp_path) == (STATUS[how], "", said)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "how", "times"),
    [
        ("import zarr", "SIGINT", 1),
        ("import zarr", "SIGTERM", 3),
        ("compile", "SIGINT", 1),
        ("compile", "SIGTERM", 3),
        ("collect", "SIGINT", 1),
        ("collect", "SIGHUP", 2),
    ],
)
def test_during_the_sweep_it_keeps_what_has_ended(tmp_path, when, how, times):
    assert run(MOMENTS + REAL, when, how, str(times), *SWEEP, cwd=tmp_path) == (STATUS[how], "", KEPT)


# One moment each, within a command that keeps something -----------------------------------------------------------

KEEPING = {
    "where it waits": ("send(); time.sleep(60)", ""),
    "in another library": ("theirs(send); time.sleep(60)", ""),
    "in a callback that swallows it": ("gc.callbacks.append(send); gc.collect(); time.sleep(60)", ""),
    "while a destructor runs": ("D(); time.sleep(60)", ""),
    "again while it is cleared up": (
        "try: send(); time.sleep(60)\n    finally: send(); time.sleep(0.1); say('cleared')",
        "cleared",
    ),
    "while a file is closed": ("with C(): pass\n    time.sleep(60)", "written"),
    "swallowed by a library": ("swallow(send); time.sleep(60)", ""),
    "made another exception": ("raise_another(send); time.sleep(60)", ""),
    "as the last thing": ("send()", ""),
}
BODY = """
import gc
def say(word):
    print(word, flush=True)
class C:
    def __enter__(self): return self
    def __exit__(self, *_):
        send(); time.sleep(0.1); say("written")
class D:
    def __del__(self): theirs(send)
def command(options):
    with signals.INTERRUPTS.keeping("All is kept."):
        work()
    return output.Answer("done", dict)
def work():
    {}
"""
THEIRS = """
import time
def theirs(send):
    send(); time.sleep(0.05)
def swallow(send):
    try: send(); time.sleep(0.1)
    except BaseException: pass
def raise_another(send):
    try: send(); time.sleep(0.1)
    except BaseException: raise ImportError("initialization failed") from None
"""
RUN = """
theirs = {"__name__": "another"}
exec(THEIRS, theirs)
space = {**theirs, "__name__": "mlejax.stub", "send": send, "signals": signals, "output": output, "time": time}
exec(BODY, space)
sys.modules["mlejax.cli.commands"] = types.SimpleNamespace(COMMANDS={"plot": space["command"]})
signals.PATIENCE = 0.02 if LATE else 60.0
from mlejax.cli import run
sys.exit(run())
"""


@pytest.mark.slow
@pytest.mark.parametrize("times", ["1", "3"])
@pytest.mark.parametrize(("body", "said"), KEEPING.values(), ids=KEEPING)
def test_a_signal_arrives_once_and_harms_nothing(body, said, times):
    late = "raise_another" in body or "swallow" in body  # it is not raised there before it has waited for long
    program = f"{MOMENTS}{STUB}THEIRS = {THEIRS!r}\nBODY = {BODY.format(body)!r}\nLATE = {late}\n{RUN}"
    status, out, err = run(program, "once", "SIGTERM", times, "plot", "x")
    assert (status, out.strip(), err) == (143, said, "mlejax plot: interrupted. All is kept.\n")


def test_signals_that_are_switched_off_stay_off():
    program = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{MOMENTS}{REAL}"
    status, out, err = run(program, "import argparse", "SIGHUP", "1", "--version")
    assert (status, err) == (0, "")
    assert out.startswith("mlejax ")


def test_the_library_leaves_the_handlers_alone():
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with signals.INTERRUPTS.keeping("All is kept."):
        assert [signal.getsignal(number) for number in signals.SIGNALS] == before
    with pytest.raises(signals.Interrupted, match="All is kept"), signals.INTERRUPTS.keeping("All is kept."):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="another"), signals.INTERRUPTS.keeping("All is kept."):
        raise ValueError("another")
