"""`mlejax fit --by COLUMN`: a fit for each group of the rows of a file."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import ROOT

import mlejax
from mlejax.cli.main import main
from mlejax.status import Status
from mlejax.sweeps import fits


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


@pytest.mark.slow
def test_groups_of_times_that_did_not_end_and_of_intervals_are_those_of_fit_many_and_are_verified(tmp_path, capsys):
    random = np.random.RandomState(1)
    kind, life, watch = np.repeat(["old", "new"], 60), random.weibull(2.0, 120) * 40, random.uniform(10, 60, 120)
    time, died = np.minimum(life, watch), (life <= watch).astype(int)
    path = tmp_path / "lives.csv"
    rows = zip(kind, time.tolist(), died, np.floor(time), np.ceil(time), strict=True)
    path.write_text("kind,months,died,from,to\n" + "".join(f"{k},{t!r},{d},{a},{b}\n" for k, t, d, a, b in rows))
    options = {
        "--event": ("months", "died", mlejax.RightCensored),
        "--upper-column": ("from", "to", mlejax.IntervalCensored),
    }
    columns = {"months": time, "died": died, "from": np.floor(time), "to": np.ceil(time)}
    for option, (first, second, wrapper) in options.items():
        out = tmp_path / first
        said = [str(path), "--column", first, option, second, "--model", "weibull", "--by", "kind", "--out", str(out)]
        assert main(["fit", *said]) == 0
        capsys.readouterr()
        found = {row["group"]: row for row in csv.DictReader((out / "fits.csv").read_text().splitlines())}
        source = mlejax.Groups((columns[first], columns[second]), kind)
        for row in mlejax.fit_many(wrapper.of(mlejax.Weibull), source, progress=False).rows():
            assert float(found[row["group"]]["shape"]) == pytest.approx(row["shape"], rel=1e-12)
        assert main(["verify", str(out)]) == 0
        assert "2 of 2" in capsys.readouterr().out


@pytest.mark.slow
def test_fits_in_a_directory_are_gone_on_with_verified_and_exported(demand, tmp_path, capsys, monkeypatch):
    arguments = ["fit", str(demand), "--column", "units", "--by", "store", "--model", "gamma", "--out", "kept"]
    assert main(arguments) == 1
    first = capsys.readouterr()
    assert "results: kept (xarray.open_zarr opens it)" in first.out
    asked, outcomes = [], fits.Work.outcomes
    with monkeypatch.context() as patch:
        patch.setattr(fits.Work, "outcomes", lambda self, at: asked.append(len(at)) or outcomes(self, at))
        assert main(arguments) == 1
        assert capsys.readouterr().out == first.out
        demand.write_text(demand.read_text() + "aachen,1,2.5\naachen,2,3.5\naachen,3,1.5\n")
        assert main(arguments) == 1
        assert "3 of 4 converged" in capsys.readouterr().out
    assert asked == [0, 1]  # the new store alone
    assert main(["verify", "kept"]) == 0
    assert capsys.readouterr().out == "4 of 4 fits recomputed, 0 different\n"
    assert main(["plot", "kept", "--out", "figures"]) == 0
    assert capsys.readouterr().out == "pictures: figures/estimates.png\n"
    assert main(["export", "kept", "--format", "csv"]) == 0
    rows = {row["group"]: row for row in csv.DictReader((tmp_path / "kept.csv").read_text().splitlines())}
    kept = {row["group"]: row for row in csv.DictReader((tmp_path / "kept/fits.csv").read_text().splitlines())}
    assert list(rows) == ["aachen", "north", "shut", "south"]
    assert float(rows["north"]["shape"]) == float(kept["north"]["shape"])
    assert rows["shut"]["reason"] == kept["shut"]["reason"] != ""
    capsys.readouterr()
    demand.write_text(demand.read_text().replace("aachen,1,2.5", "aachen,1,2.75"))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "kept: the digest of the observations is another than it was, of 1 of 4, group = aachen first" in said
    assert main(["verify", "kept"]) == 2
    assert "observations: 1 of 4 groups were fitted to others than are given, aachen first" in capsys.readouterr().err
    assert main([*arguments[:-2], "--repair"]) == 2
    assert "--repair is of a directory that --out names" in capsys.readouterr().err


# A process whose fits come one by one, so that it can be stopped between them.
SLOWLY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
from mlejax.cli import main as cli
from mlejax.sweeps import collect, fits
collect.SECONDS_BETWEEN_SAVES = 0.01
outcomes = fits.Work.outcomes
def one_by_one(self, positions):
    for count, position in enumerate(positions, 1):
        yield from outcomes(self, positions[positions == position])
        print("fitted", flush=True)
        time.sleep(0.2 if count < 5 else 600)  # until it is stopped
fits.Work.outcomes = one_by_one
sys.argv[0] = "mlejax"
sys.exit(cli.main())
"""


PORTIONS = """for count, position in enumerate(positions, 1):
        if count % 20: continue"""
"""One group in twenty: the others are left."""


def ended_in(directory):
    return int(np.sum(mlejax.load(directory).status != Status.RUNNING))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_at_any_moment_it_keeps_what_had_ended(demand, tmp_path, how):
    demand.write_text("store,units\n" + "".join(f"s{i % 20},{1 + (i * i) % 17}\n" for i in range(200)))
    arguments = ["fit", str(demand), "--column", "units", "--by", "store", "--out", str(tmp_path / "kept")]
    command, environment = [sys.executable, "-c", SLOWLY, *arguments], os.environ | {"PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, **streams) as process:
        for _ in range(5):
            assert process.stdout.readline() == "fitted\n"
        deadline = time.monotonic() + 120
        while how == signal.SIGKILL and ended_in(tmp_path / "kept") < 3:  # a thread writes, however busy the machine is
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(how)
        _, err = process.communicate(timeout=240)
    assert 3 <= ended_in(tmp_path / "kept") < 20
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted. Fits that had ended are safe in" in err
        assert "Traceback" not in err
    assert main([*arguments, "--json", "fits.json"]) == 0
    assert main([*arguments[:-1], "other", "--json", "other.json"]) == 0
    assert (tmp_path / "fits.json").read_text() == (tmp_path / "other.json").read_text()


@pytest.mark.slow
def test_two_processes_share_the_fits_and_one_is_killed_and_started_again(tmp_path):
    file, slowly = tmp_path / "shops.csv", SLOWLY.replace("for count, position in enumerate(positions, 1):", PORTIONS)
    x = np.random.RandomState(0).gamma(2.0, 1.0, 300 * 6)  # 300 groups: a batch for each process
    file.write_text("shop,x\n" + "".join(f"s{i % 300},{value!r}\n" for i, value in enumerate(x.tolist())))
    arguments = ["fit", str(file), "--column", "x", "--by", "shop", "--model", "gamma", "--out"]
    started, unset = [], ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")
    environment = {k: v for k, v in os.environ.items() if k not in unset} | {"PYTHONPATH": str(ROOT)}

    def member(index, *command):
        cluster = ["--num-processes", "2", "--process-id", str(index)]
        words = [sys.executable, *command, *arguments, str(tmp_path / "shared"), *cluster]
        with open(tmp_path / f"{len(started)}.err", "w") as err:
            process = subprocess.Popen(
                words, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=err, text=True
            )
        started.append(process)
        return process

    try:
        first, victim = member(0, "-m", "mlejax"), member(1, "-c", slowly)
        assert victim.stdout.readline() == "fitted\n"
        victim.kill()
        victim.communicate()
        again = member(1, "-m", "mlejax")
        outs = [process.communicate(timeout=120)[0] for process in (first, again)]
        told = [(tmp_path / name).read_text()[-2000:] for name in ("0.err", "2.err")]
        assert (first.returncode, again.returncode) == (0, 0), told
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert "300 of 300 converged" in outs[0]
    assert outs[1] == ""  # of several processes the first speaks
    assert main([*arguments, str(tmp_path / "alone")]) == 0
    assert (tmp_path / "shared" / "fits.csv").read_text() == (tmp_path / "alone" / "fits.csv").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--process-id", "1"], "--num-processes and --process-id must be given together"),
        (["--distributed"], "several processes share the fits of groups: give --by, and --out"),
        (["--distributed", "--by", "store"], "several processes share the fits of groups: give --by, and --out"),
    ],
)
def test_processes_share_fits_in_a_directory_alone(demand, capsys, more, message):
    assert main(["fit", str(demand), "--column", "units", *more]) == 2
    assert message in capsys.readouterr().err
