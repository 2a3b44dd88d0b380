"""The command line, in this process: what it prints, where, and its exit status."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax.cli import main as cli
from mlejax.cli import options

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
        patch.setattr(cli, "use_compilation_cache", lambda: None)
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


def test_fit_with_a_learning_rate_is_plain_ascent(capsys, heights):
    file, _ = heights
    arguments = ("--learning-rate", "0.1", "--max-epochs", "20", "--json", "-", "--start-mean", "100")
    status, out, _ = run(capsys, "fit", file, "--column", "2", *arguments)
    assert status == 0
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
    assert "runs" in err  # the progress bar


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
    assert read["summary"]["made"]["learning_rate.variance"] == 0.1
    assert read["summary"]["made"]["data"].startswith("120 observations given")


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


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_has_an_example_that_parses(capsys, command):
    status, out, err = run(capsys, command, "--help")
    assert (status, err) == (0, "")
    example = " ".join(out.split("example: ")[1].split()).split()
    assert example[:2] == ["mlejax", command]
    assert options.make_parser(cli.COMMANDS).parse_args(example[1:]).name == command


def test_help_lists_the_commands(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(command in out for command in cli.COMMANDS)


# Bad usage --------------------------------------------------------------------------------------------------------

BAD = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "another command": (["train"], "invalid choice: 'train'"),
    "another option": (["sweep", "--lr", "0.1"], "unrecognized arguments: --lr 0.1"),
    "half a seed": (["sweep", "--seeds", "0.5"], "expected FIRST:LAST or whole numbers with commas; got '0.5'"),
    "no seeds": (["sweep", "--seeds", "5:5"], "'5:5' is empty: LAST is not included"),
    "a rate in words": (
        ["sweep", "--learning-rates", "fast"],
        "expected LOW:HIGH:COUNT or numbers with commas; got 'fast'",
    ),
    "two of three": (["sweep", "--learning-rates", "0.1:1"], "expected LOW:HIGH:COUNT"),
    "from nought": (["sweep", "--learning-rates", "0:1:3"], "LOW, HIGH and COUNT must be positive; got '0:1:3'"),
    "no devices": (["sweep", "--devices", "0"], "expected a whole number above 0; got '0'"),
    "another format": (["plot", "x", "--format", "gif"], "invalid choice: 'gif'"),
    "a negative rate": (["sweep", "--learning-rates", "-0.1,1"], "expected one argument"),
    "a negative rate, insisted on": (
        ["sweep", "--learning-rates=0.1,-0.1", "--out", "o"],
        "learning_rates must be positive; got -0.1 at index 1",
    ),
    "a seed twice": (["sweep", "--seeds", "1,1", "--out", "o"], "seeds must be distinct; got 1 at index 0 and 1"),
    "both kinds of rates": (
        ["sweep", "--learning-rates", "0.1", "--learning-rate-mean", "0.1"],
        "cannot go with --learning-rate-mean",
    ),
    "no epochs": (["sweep", "--max-epochs", "0", "--out", "o"], "max_epochs must be a whole number"),
    "no such file": (["fit", "nothing.csv"], "nothing.csv: no such file"),
    "no such file to sweep": (["sweep", "--file", "nothing.csv", "--out", "o"], "nothing.csv: no such file"),
    "no such directory": (["plot", "nothing"], "nothing holds no sweep"),
    "no start": (["fit", "good.csv", "--start-variance", "-1"], "Normal.variance must be positive; got -1"),
    "all held out": (["fit", "good.csv", "--validation-fraction", "1"], "validation_fraction"),
    "a column missing": (["fit", "two.csv"], "2 columns (a, b); say which with --column"),
    "json nowhere": (
        ["fit", "good.csv", "--json", "no/where.json"],
        "--json no/where.json: there is no such directory",
    ),
    "a file in the way": (["fit", "good.csv", "--out", "good.csv"], "good.csv"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_readable_line(capsys, tmp_path, arguments, message):
    (tmp_path / "good.csv").write_text("1\n2\n3\n4\n5\n7\n")
    (tmp_path / "two.csv").write_text("a,b\n1,2\n2,3\n")
    status, _, err = run(capsys, *arguments)
    assert status == 2
    said = [line for line in err.replace("\r", "\n").splitlines() if line.strip()]
    assert message in said[-1]
    assert said[-1].startswith("mlejax")
    assert not any("Traceback" in line for line in said)
    assert all("|" in line or "seeds [" in line for line in said[:-1])  # nothing else but a progress bar


def test_the_traceback_is_there_for_those_who_ask(monkeypatch, capsys):
    monkeypatch.setenv("MLEJAX_TRACEBACK", "1")
    with pytest.raises(cli.UsageError, match="no such file"):
        cli.main(["fit", "nothing.csv"])


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "read_numbers", interrupted)
    status, out, err = run(capsys, "fit", "a.csv")
    assert (status, out) == (130, "")
    assert err.strip() == "mlejax fit: interrupted."


# Numbers in words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"), [("0:4", [0, 1, 2, 3]), ("0,5,7", [0, 5, 7]), ("3", [3]), ("8:10", [8, 9])]
)
def test_whole_numbers(text, values):
    assert options.whole_numbers(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [("0.1,0.2", [0.1, 0.2]), ("0.5", [0.5]), ("0.01:1:3", [0.01, 0.1, 1.0]), ("10:0.1:3", [10, 1, 0.1])],
)
def test_geometric(text, values):
    np.testing.assert_allclose(options.geometric(text), values, rtol=1e-12)


@pytest.mark.parametrize("text", ["", "1:2:3", "a", "1,", "1;2"])
def test_whole_numbers_that_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected FIRST:LAST"):
        options.whole_numbers(text)
