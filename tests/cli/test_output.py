"""Files first, then words; and standard streams that are closed, full, or read by nobody."""

import json
import os
import subprocess
import sys

import pytest
from helpers import ROOT

from mlejax.cli import output

# The program `mlejax plot`, whose command has much to say and writes a file instead of JSON: no JAX is needed for it.
PROGRAM = """
import sys, types
from mlejax.cli import output
answer = output.Answer("word " * 100_000, lambda: {}, status=int(sys.argv.pop()), complaint="")
sys.modules["mlejax.cli.commands"] = types.SimpleNamespace(COMMANDS={"plot": lambda options: answer})
def write_json(answer, file):
    print("{}") if file == "-" else open(file, "w").write("{}")
output._write_json = write_json
from mlejax.cli import run
sys.exit(run())
"""


def shell(line, tmp_path, status=0):
    """Run a line of bash in which $MLEJAX is the program; its exit status, output and errors."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PROGRAM": PROGRAM, "PYTHON": sys.executable}
    line = line.replace("mlejax", '"$PYTHON" -c "$PROGRAM"').replace("WORDS", f"plot x --json r.json {status}")
    done = subprocess.run(
        ["bash", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("status", [0, 1])
def test_a_reader_that_goes_away_loses_no_file(tmp_path, status):
    assert shell("mlejax WORDS | true; exit ${PIPESTATUS[0]}", tmp_path, status) == (141, "", "")
    assert (tmp_path / "r.json").read_text() == "{}"


CLOSED = {
    "standard output": ("mlejax WORDS >&-", 1, ""),
    "standard error": ("mlejax WORDS 2>&- >/dev/null", 1, ""),
    "both": ("mlejax WORDS >&- 2>&-", 1, ""),
    "all": ("mlejax WORDS <&- >&- 2>&-", 1, ""),
    "standard output, for JSON": (
        "mlejax plot x --json - 0 >&-",
        2,
        "mlejax plot: --json -: standard output is closed\n",
    ),
    "all, for JSON": ("mlejax plot x --json - 0 >&- 2>&-", 2, ""),
    "a full disk": ("mlejax WORDS >/dev/full", 2, "mlejax plot: standard output: No space left on device\n"),
    "a full disk for errors": ("mlejax plot x --json nowhere/r.json 0 2>/dev/full", 2, ""),
}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "status", "said"), CLOSED.values(), ids=CLOSED)
def test_streams_that_take_nothing(tmp_path, line, status, said):
    if "/dev/full" in line and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    assert shell(line, tmp_path, 1) == (status, "", said)
    assert (tmp_path / "r.json").exists() == ("WORDS" in line)


UNDELIVERED = {
    "closed": ("mlejax plot x 0 >&-", "standard output is closed"),
    "left": (
        "mlejax plot x 0 | true; exit ${PIPESTATUS[0]}",
        "standard output was closed before all was written to it",
    ),
}


@pytest.mark.parametrize(("line", "why"), UNDELIVERED.values(), ids=UNDELIVERED)
def test_an_answer_that_nobody_gets_is_no_success(tmp_path, line, why):
    said = f"mlejax plot: {why}; --json FILE takes the answer too\n"
    assert shell(line, tmp_path) == (141, "", said)


def test_json_is_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "r.json"
    file.write_text("old")

    def runs():
        yield {"mean": 1.0}
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        output.write(output.Answer("", lambda: {"runs": runs()}), str(file))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("r.json", "old")]
    output.write(output.Answer("", lambda: {"runs": iter([{"mean": 1.0}])}), str(file))
    assert json.loads(file.read_text()) == {"runs": [{"mean": 1.0}]}


def test_an_answer_is_out_before_its_pictures_are_drawn(tmp_path, capsys):
    file = tmp_path / "r.json"

    def pictures():
        assert capsys.readouterr().out == "the answer\n"
        assert json.loads(file.read_text()) == {"runs": []}
        return "pictures: a.png"

    assert output.write(output.Answer("the answer", lambda: {"runs": []}, pictures=pictures), str(file)) == ""
    assert capsys.readouterr().out == "pictures: a.png\n"


def test_json_on_standard_output_has_no_pictures_behind_it(capsys):
    drawn = []
    answer = output.Answer("the answer", lambda: {"runs": []}, pictures=lambda: drawn.append(1) or "pictures: a.png")
    assert output.write(answer, "-") == ""
    assert drawn
    assert json.loads(capsys.readouterr().out) == {"runs": []}


def test_json_is_alone_on_standard_output(tmp_path):
    assert shell("mlejax plot x --json - 0", tmp_path) == (0, "{}\n", "")


def test_a_directory_is_made_and_checked(tmp_path, monkeypatch):
    assert output.folder(str(tmp_path / "a" / "b")).is_dir()
    assert not output.folder(str(tmp_path / "c"), make=False).exists()
    (tmp_path / "file").touch()
    with pytest.raises(output.UsageError, match="file is a file, not a directory"):
        output.folder(str(tmp_path / "file" / "x" / "y"))
    monkeypatch.setattr(output.os, "access", lambda *_: False)
    with pytest.raises(output.UsageError, match="may not be written to"):
        output.folder(str(tmp_path / "d"))
    with pytest.raises(output.UsageError, match="may not be written"):
        output.check_json(str(tmp_path / "r.json"), closed=False)


def test_json_to_a_device_is_possible():
    output.check_json("/dev/null", closed=False)
    output.check_json("-", closed=False)
    output.check_json(None, closed=True)
