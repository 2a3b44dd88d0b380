"""The command line in this process: bad usage, faults, and what the machine lacks."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax.cli import data


def alone(program, *arguments, **how):
    """Run a Python program in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, **how)


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_needs_no_jax_does_not_import_it(word):
    program = "import sys\nfrom mlejax.cli import run\ntry: run()\nfinally: print(sorted(sys.modules), file=sys.stderr)"
    done = alone(program, word)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith({"--version": f"mlejax {mlejax.__version__}\n", "--help": "usage: mlejax"}[word])
    assert "'mlejax.cli.options'" in done.stderr
    assert not any(f"'{heavy}'" in done.stderr for heavy in ("jax", "numpy", "equinox"))


@pytest.mark.slow
def test_a_damaged_cache_costs_time_and_no_words(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("1\n2\n4\n")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    words = ("train", "a.csv", "--validation-fraction", "0")
    program = "import sys\nfrom mlejax.cli import run\nsys.exit(run())"
    first = alone(program, *words, cwd=tmp_path)
    entries = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert entries
    for path in entries:
        path.write_bytes(path.read_bytes()[:50])
    again = alone(program, *words, cwd=tmp_path)
    assert (first.returncode, first.stderr) == (again.returncode, again.stderr) == (0, "")
    assert first.stdout == again.stdout


def test_the_package_is_a_program():
    done = subprocess.run([sys.executable, "-m", "mlejax", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mlejax {mlejax.__version__}\n", "")


# Bad usage --------------------------------------------------------------------------------------------------------

BAD = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "another command": (["trail"], "invalid choice: 'trail'"),
    "another option": (["sweep", "--lr", "0.1"], "unrecognized arguments: --lr 0.1"),
    "a long option": (["sweep", "x" * 5000], "xxx ... xxx"),
    "no seeds": (["sweep", "--seeds", "5:5"], "'5:5' is empty: LAST is not included"),
    "a rate in words": (["sweep", "--learning-rates", "fast"], "expected LOW:HIGH:COUNT or numbers with commas; got"),
    "no devices": (["sweep", "--devices", "0"], "expected a whole number above 0; got '0'"),
    "too many devices": (["sweep", "--devices", "1000000000"], "at most 1,024 devices are possible"),
    "another format": (["plot", "x", "--format", "gif"], "invalid choice: 'gif'"),
    "a negative rate": (
        ["sweep", "--learning-rates", "-0.1,1", "--out", "o"],
        "--learning-rates must be positive; got -0.1 at index 0",
    ),
    "negative seeds": (
        ["sweep", "--seeds", "-3:2", "--out", "o"],
        "--seeds must be whole numbers from 0 to 4,294,967,295; got -3 at index 0",
    ),
    "a rate twice": (
        ["sweep", "--learning-rates", "1,1", "--out", "o"],
        "--learning-rates must be distinct; got 1 at index 0 and 1",
    ),
    "a range of one rate": (["sweep", "--learning-rates", "1:1:3"], "--learning-rates: LOW and HIGH are the same"),
    "one observation": (["sweep", "--observations", "1"], "--observations: expected whole numbers above 1; got 1"),
    "too many observations": (
        ["sweep", "--observations", "10,3000000000", "--out", "o"],
        "--observations must be whole numbers from 2 to 2,147,483,647; got 3,000,000,000 at index 1",
    ),
    "a negative rate, insisted on": (
        ["sweep", "--learning-rates=0.1,-0.1", "--out", "o"],
        "--learning-rates must be positive; got -0.1 at index 1",
    ),
    "a seed twice": (["sweep", "--seeds", "1,1", "--out", "o"], "--seeds must be distinct; got 1 at index 0 and 1"),
    "both kinds of rates": (
        ["sweep", "--learning-rates", "0.1", "--learning-rate-mean", "0.1"],
        "--learning-rates cannot go with --learning-rate-mean",
    ),
    "data twice": (["sweep", "--file", "good.csv", "--observations", "9"], "--file cannot go with --observations"),
    "data and draws": (["sweep", "--file", "good.csv", "--draw", "jax"], "--file cannot go with --draw"),
    "a column of no file": (["sweep", "--column", "cm"], "--column is of a --file, and none is given"),
    "a delimiter of no file": (["sweep", "--delimiter", "tab"], "--delimiter is of a --file, and none is given"),
    "a decimal of no file": (["sweep", "--decimal", "comma"], "--decimal is of a --file, and none is given"),
    "too many runs": (
        ["sweep", "--seeds", "0:100000000", "--learning-rates", "1:2:100", "--observations", "20:10000:10"],
        "100,000,000,000 runs are asked for; at most 10,000,000,000 are possible in one sweep",
    ),
    "explain and repair": (["sweep", "--explain", "--repair"], "--explain cannot go with --repair"),
    "explain and mix": (["sweep", "--explain", "--allow-mixed"], "--explain cannot go with --allow-mixed"),
    "a part of a cluster": (["sweep", "--num-processes", "2"], "must be given together"),
    "a process too many": (
        ["sweep", "--num-processes", "2", "--process-id", "3"],
        "--process-id must be from 0 to 1",
    ),
    "no epochs": (["sweep", "--max-epochs", "0", "--out", "o"], "--max-epochs must be a whole number"),
    "half an epoch": (["train", "good.csv", "--max-epochs", "1.5"], "expected a whole number; got '1.5'"),
    "a loose rate": (["train", "good.csv", "--learning-rate", "1_0"], "expected a finite number; got '1_0'"),
    "an infinite rate": (["train", "good.csv", "--learning-rate", "inf"], "expected a finite number; got 'inf'"),
    "bytes that are no text": (["sweep", "--seeds", "bad\udcff"], r"got 'bad\xff'"),
    "no such file": (["train", "nothing.csv"], "nothing.csv: no such file"),
    "no such file to sweep": (["sweep", "--file", "nothing.csv", "--out", "o"], "nothing.csv: no such file"),
    "no such directory": (["plot", "nothing"], "nothing holds no results"),
    "no start": (["train", "good.csv", "--start-variance", "-1"], "Normal.variance must be positive; got -1"),
    "all held out": (["train", "good.csv", "--validation-fraction", "1"], "--validation-fraction must be"),
    "a column missing": (["train", "two.csv"], "2 columns (a, b); say which with --column"),
    "json nowhere": (["train", "good.csv", "--json", "no/where.json"], "no/where.json: there is no such directory"),
    "json in a directory": (["train", "good.csv", "--json", "."], "--json .: is a directory, not a file"),
    "an empty name": (["sweep", "--out", ""], "expected the name of a file or directory; got ''"),
    "a file in the way": (["train", "good.csv", "--out", "good.csv"], "good.csv is a file, not a directory"),
    "a file in the way of a sweep": (["sweep", "--out", "good.csv/o"], "good.csv is a file, not a directory"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_readable_line(run, tmp_path, arguments, message):
    (tmp_path / "good.csv").write_text("1\n2\n3\n4\n5\n7\n")
    (tmp_path / "two.csv").write_text("a,b\n1,2\n2,3\n")
    before = sorted(tmp_path.iterdir())
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("mlejax")
    assert err.count("\n") == 1
    assert len(err) < 500
    assert set(tmp_path.iterdir()) - set(before) <= {tmp_path / "o", tmp_path / "mlejax-train"}


def test_a_fault_of_ours_is_not_called_bad_usage(monkeypatch, run):
    def broken(*_, **__):
        return len(3)  # not a `raise` statement

    monkeypatch.setattr(data, "read_column", broken)
    status, out, err = run("train", "a.csv")
    assert (status, out) == (70, "")
    assert "TypeError: object of type 'int' has no len()" in err
    assert err.splitlines()[-1] == "mlejax train: this is a fault in mlejax; please report it, with the lines above"


def test_what_numpy_says_is_not_called_bad_usage(monkeypatch, run):
    monkeypatch.setattr(data, "read_column", lambda *_, **__: np.zeros(3).reshape(2, 2))
    assert run("train", "a.csv")[0] == 70


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory."),
        (OSError(28, "No space left on device", "x/y"), "x/y: No space left on device"),
        (RuntimeError("Unable to initialize backend 'tpu'"), "Unable to initialize backend 'tpu'"),
    ],
    ids=["memory", "disk", "backend"],
)
def test_what_the_machine_lacks_is_said_in_a_line(monkeypatch, run, error, said):
    def lacking(*_, **__):
        raise error

    monkeypatch.setattr(data, "read_column", lacking)
    assert run("train", "a.csv") == (2, "", f"mlejax train: {said}\n")


def test_ctrl_c_is_130(monkeypatch, run):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "read_column", interrupted)
    status, out, err = run("train", "a.csv")
    assert (status, out) == (130, "")
    assert err.strip() == "mlejax train: interrupted."
