"""The command line, in this process: what it prints, where, and its exit status."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax.cli import commands, options
from mlejax.cli import main as cli

SWEEP = ["sweep", "--seeds", "0:2", "--learning-rates", "0.1:1:2", "--observations", "300", "--max-epochs", "50"]


@pytest.fixture
def heights(tmp_path):
    x = np.random.RandomState(0).normal(170.0, 8.0, 120)
    file = tmp_path / "heights.csv"
    file.write_text("id,cm\n" + "".join(f"{i},{value!r}\n" for i, value in enumerate(x.tolist())))
    return file, x


@pytest.fixture(autouse=True, scope="module")
def no_compilation_cache():
    """The user's is left alone, and what other tests compile is not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "use_compilation_cache", lambda: None)
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The default result directories are in the current one."""
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments):
    """The exit status, standard output and standard error."""
    try:
        status = cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    return status, *capsys.readouterr()


# Commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fit(capsys, heights, tmp_path):
    file, x = heights
    status, out, _ = run(capsys, "fit", file, "--column", "cm", "--validation-fraction", "0", "--out", tmp_path / "f")
    assert status == 0
    assert out.startswith(f"120 observations from {file}")
    mean = next(line.split() for line in out.splitlines() if line.startswith("mean"))
    assert mean[1] == mean[3] == f"{np.mean(x):.6f}"  # the natural gradient arrives, whatever the unit
    pictures = out.splitlines()[-1].removeprefix("pictures: ").split(", ")
    assert len(pictures) == 3
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_train_with_a_learning_rate_is_plain_ascent(capsys, heights):
    file, _ = heights
    arguments = ("--learning-rate", "0.1", "--max-epochs", "20", "--json", "-", "--start-mean", "100")
    status, out, err = run(capsys, "train", file, "--column", "2", *arguments)
    assert status == 1  # it has not arrived, and says so
    assert err.startswith("mlejax train: the estimate has not arrived: not at a maximum")
    read = json.loads(out)
    assert read["summary"]["learning_rate"] == {"mean": 0.1, "variance": 0.1}
    assert read["runs"][0]["epochs"] == 20
    assert read["runs"][0]["status"] == "MAX_EPOCHS"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept") / "atlas"
    assert cli.main([*SWEEP, "--out", str(folder), "--json", str(folder.parent / "all.json")]) == 0
    return folder


def test_sweep(swept, capsys):
    read = json.loads((swept.parent / "all.json").read_text())
    assert set(read) == {"runs", "summary"}
    assert [(r["seed"], r["learning_rate"]) for r in read["runs"]] == [(0, 0.1), (0, 1.0), (1, 0.1), (1, 1.0)]
    assert set(read["runs"][0]) == {
        "seed", "learning_rate", "mean", "variance", "status", "epochs", "best_epoch", "train_log_likelihood",
        "validation_log_likelihood", "distance",
    }  # fmt: skip
    assert read["runs"][0]["status"] in mlejax.Status.__members__
    assert read["summary"]["runs"] == 4
    assert (swept / "zarr.json").exists()
    assert list(swept.glob("*.png"))


def test_sweep_again_goes_on_and_prints_the_report(swept, capsys):
    status, out, err = run(capsys, *SWEEP, "--out", swept)
    assert status == 0
    assert "4 runs: " in out
    assert f"results: {swept} (xarray.open_zarr opens it)" in out
    assert err == ""  # no bar where there is no terminal


def test_json_to_standard_output_is_alone_there(swept, capsys):
    status, out, _ = run(capsys, *SWEEP, "--out", swept, "--json", "-")
    assert status == 0
    assert json.loads(out) == json.loads((swept.parent / "all.json").read_text()) | {
        "summary": json.loads(out)["summary"]
    }


def test_sweep_with_a_rate_per_parameter_and_a_file(capsys, heights, tmp_path):
    file, _ = heights
    status, out, _ = run(
        capsys, "sweep", "--seeds", "1,5", "--learning-rate-mean", "0.1,0.2", "--file", file, "--column", "cm",
        "--max-epochs", "20", "--out", tmp_path / "s", "--json", "-",
    )  # fmt: skip
    assert status == 0
    read = json.loads(out)
    assert [(r["seed"], r["learning_rate.mean"]) for r in read["runs"]] == [(1, 0.1), (1, 0.2), (5, 0.1), (5, 0.2)]
    assert read["summary"]["made"]["mlejax"]["settings"]["learning_rate.variance"] == 0.1
    assert read["summary"]["made"]["mlejax"]["settings"]["data"].startswith("120 observations given")


def test_plot(swept, capsys):
    for old in swept.glob("*.svg"):
        old.unlink()
    status, out, _ = run(capsys, "plot", swept, "--format", "svg")
    assert status == 0
    assert out.startswith("pictures: ")
    assert list(swept.glob("*.svg"))


def test_the_version_from_a_shell():
    done = subprocess.run([sys.executable, "-m", "mlejax", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mlejax {mlejax.__version__}\n", "")


# Help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", options.COMMANDS)
def test_help_has_an_example_that_parses(capsys, command):
    status, out, err = run(capsys, command, "--help")
    assert (status, err) == (0, "")
    example = " ".join(out.split("example: ")[1].split()).split()
    assert example[:2] == ["mlejax", command]
    assert options.parse(example[1:]).name == command


def test_help_lists_the_commands(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(command in out for command in options.COMMANDS)


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
    "a negative rate": (["sweep", "--learning-rates", "-0.1,1"], "expected one argument"),
    "a negative rate, insisted on": (
        ["sweep", "--learning-rates=0.1,-0.1", "--out", "o"],
        "learning_rates must be positive; got -0.1 at index 1",
    ),
    "a seed twice": (["sweep", "--seeds", "1,1", "--out", "o"], "seeds must be distinct; got 1 at index 0 and 1"),
    "both kinds of rates": (
        ["sweep", "--learning-rates", "0.1", "--learning-rate-mean", "0.1"],
        "--learning-rates cannot go with --learning-rate-mean",
    ),
    "data twice": (["sweep", "--file", "good.csv", "--observations", "9"], "--file cannot go with --observations"),
    "data and draws": (["sweep", "--file", "good.csv", "--draw", "jax"], "--file cannot go with --draw"),
    "a column of no file": (["sweep", "--column", "cm"], "--column is of a --file, and none is given"),
    "a delimiter of no file": (["sweep", "--delimiter", "tab"], "--delimiter is of a --file, and none is given"),
    "explain and repair": (["sweep", "--explain", "--repair"], "--explain cannot go with --repair"),
    "nonsense for a host": (["sweep", "--coordinator", "nonsense"], "expected HOST:PORT; got 'nonsense'"),
    "a part of a cluster": (["sweep", "--num-processes", "2"], "must be given together"),
    "a process too many": (
        ["sweep", "--coordinator", "a:1", "--num-processes", "2", "--process-id", "3"],
        "--process-id must be from 0 to 1",
    ),
    "no epochs": (["sweep", "--max-epochs", "0", "--out", "o"], "max_epochs must be a whole number"),
    "half an epoch": (["train", "good.csv", "--max-epochs", "1.5"], "expected a whole number; got '1.5'"),
    "a loose rate": (["train", "good.csv", "--learning-rate", "1_0"], "expected a finite number; got '1_0'"),
    "an infinite rate": (["train", "good.csv", "--learning-rate", "inf"], "expected a finite number; got 'inf'"),
    "bytes that are no text": (["sweep", "--seeds", "bad\udcff"], r"got 'bad\\xff'"),
    "no such file": (["train", "nothing.csv"], "nothing.csv: no such file"),
    "no such file to sweep": (["sweep", "--file", "nothing.csv", "--out", "o"], "nothing.csv: no such file"),
    "no such directory": (["plot", "nothing"], "nothing holds no sweep"),
    "no start": (["train", "good.csv", "--start-variance", "-1"], "Normal.variance must be positive; got -1"),
    "all held out": (["train", "good.csv", "--validation-fraction", "1"], "validation_fraction"),
    "a column missing": (["train", "two.csv"], "2 columns (a, b); say which with --column"),
    "json nowhere": (["train", "good.csv", "--json", "no/where.json"], "no/where.json: there is no such directory"),
    "json in a directory": (["train", "good.csv", "--json", "."], "--json .: is a directory, not a file"),
    "an empty name": (["sweep", "--out", ""], "expected the name of a file or directory; got ''"),
    "a file in the way": (["train", "good.csv", "--out", "good.csv"], "good.csv is a file, not a directory"),
    "a file in the way of a sweep": (["sweep", "--out", "good.csv/o"], "good.csv is a file, not a directory"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_readable_line(capsys, tmp_path, arguments, message):
    (tmp_path / "good.csv").write_text("1\n2\n3\n4\n5\n7\n")
    (tmp_path / "two.csv").write_text("a,b\n1,2\n2,3\n")
    before = sorted(tmp_path.iterdir())
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("mlejax")
    assert err.count("\n") == 1
    assert len(err) < 500
    assert set(tmp_path.iterdir()) - set(before) <= {tmp_path / "o", tmp_path / "mlejax-train"}


def test_a_fault_of_ours_is_not_called_bad_usage(monkeypatch, capsys):
    def broken(*_):
        return len(3)  # not a `raise` statement

    monkeypatch.setattr(commands, "read_column", broken)
    status, out, err = run(capsys, "train", "a.csv")
    assert (status, out) == (70, "")
    assert "TypeError: object of type 'int' has no len()" in err
    assert err.splitlines()[-1] == "mlejax train: this is a fault in mlejax; please report it, with the lines above"


def test_what_numpy_says_is_not_called_bad_usage(monkeypatch, capsys):
    monkeypatch.setattr(commands, "read_column", lambda *_: np.zeros(3).reshape(2, 2))
    assert run(capsys, "train", "a.csv")[0] == 70


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory."),
        (OSError(28, "No space left on device", "x/y"), "x/y: No space left on device"),
        (RuntimeError("Unable to initialize backend 'tpu'"), "Unable to initialize backend 'tpu'"),
    ],
    ids=["memory", "disk", "backend"],
)
def test_what_the_machine_lacks_is_said_in_a_line(monkeypatch, capsys, error, said):
    def lacking(*_):
        raise error

    monkeypatch.setattr(commands, "read_column", lacking)
    assert run(capsys, "train", "a.csv") == (2, "", f"mlejax train: {said}\n")


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "read_column", interrupted)
    status, out, err = run(capsys, "fit", "a.csv")
    assert (status, out) == (130, "")
    assert err.strip() == "mlejax fit: interrupted."
