"""`mlejax fit --by COLUMN`: a fit for each group of the rows of a file."""

import csv
import json

import numpy as np
import pytest

from mlejax.cli.main import main


@pytest.fixture
def demand(tmp_path):
    """A file of three stores, the rows in no order; one store sells the same every week."""
    random = np.random.RandomState(0)
    rows = [("north", value) for value in random.gamma(2.0, 3.0, 60)]
    rows += [("south", value) for value in random.gamma(5.0, 1.0, 40)]
    rows += [("shut", 7.0)] * 5
    order = random.permutation(len(rows))
    path = tmp_path / "demand.csv"
    path.write_text("store,week,units\n" + "".join(f"{rows[i][0]},{i},{float(rows[i][1])!r}\n" for i in order))
    return path


@pytest.mark.slow
def test_each_group_has_a_row_and_a_failure_is_no_result(demand, tmp_path, capsys):
    out, json_file = tmp_path / "out", tmp_path / "fits.json"
    arguments = [str(demand), "--column", "units", "--by", "store", "--model", "gamma", "--out", str(out)]
    assert main(["fit", *arguments, "--json", str(json_file)]) == 1  # one of them has no maximum
    said = capsys.readouterr()
    assert "2 of 3 converged\n1 UNBOUNDED, such as group shut: all 5 observations equal 7" in said.out
    assert "1 of 3 groups have no maximum" in said.err
    rows = {row["group"]: row for row in csv.DictReader((out / "fits.csv").read_text().splitlines())}
    assert rows["shut"]["standard_error.shape"] == ""
    assert rows["north"]["count"] == "60"
    fits = json.loads(json_file.read_text())["fits"]
    assert [each["group"] for each in fits] == ["north", "shut", "south"]
    assert fits[2]["shape"] == float(rows["south"]["shape"])
    assert (out / "estimates.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("g,x\na,1\n,2\n", [], "line 3: no label in column 1; --missing drop leaves such out"),
        ("g,x\na,1\nb,2\n", ["--weights", "x"], "--by cannot go with --weights"),
        ("g,x\na,1\nb,2\n", ["--starts", "3"], "--by cannot go with --starts"),
        ("g,x\na,1\nb,y\n", [], "line 3, column 'x'"),
        ("h,x\na,1\nb,2\n", [], "no column 'g'; the columns are h, x"),
    ],
)
def test_what_cannot_be_grouped_is_refused_in_a_line(tmp_path, capsys, text, more, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    out = ["--out", str(tmp_path / "out")]
    assert main(["fit", str(path), "--column", "x", "--by", "g", *out, *more]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
