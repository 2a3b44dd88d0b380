"""What the commands do: what they print, the files they write, and the exit status."""

import io
import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

import mlejax
from mlejax.cli import data, fits
from mlejax.cli import main as cli
from mlejax.sweeps import collect

SWEEP = ["sweep", "--seeds", "0:2", "--learning-rates", "0.1:1:2", "--observations", "300", "--max-epochs", "50"]


@pytest.mark.slow
def test_train(run, heights, tmp_path):
    file, x = heights
    status, out, _ = run("train", file, "--column", "cm", "--validation-fraction", "0", "--out", tmp_path / "f")
    assert status == 0
    assert out.startswith(f"120 observations from {file}")
    mean = next(line.split() for line in out.splitlines() if line.startswith("mean"))
    assert mean[1] == mean[3] == f"{np.mean(x):.6f}"  # the natural gradient arrives, whatever the unit
    assert "Ascent by the natural gradient, at a learning rate of 1 from the curvature." in out
    pictures = out.splitlines()[-1].removeprefix("pictures: ").split(", ")
    assert len(pictures) == 3
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.slow
def test_fit_finds_the_maximum(run, heights, tmp_path):
    file, x = heights
    status, out, err = run("fit", file, "--column", "cm", "--out", tmp_path / "f")
    assert (status, err) == (0, "")
    assert out.startswith(f"120 observations from {file}")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith(("mean", "variance"))}
    assert rows["mean"][:2] == [f"{x.mean():.6f}", f"{np.sqrt(x.var() / 120):.6f}"]
    assert "converged       yes, in 0 steps" in out
    pictures = out.splitlines()[-1].removeprefix("pictures: ").split(", ")
    assert [Path(picture).name for picture in pictures] == ["distribution.png", "quantiles.png"]
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.slow
def test_a_picture_that_cannot_be_drawn_costs_no_answer(run, tmp_path, monkeypatch):
    def fault(*_):
        raise RuntimeError("the axes are gone")

    (tmp_path / "x.csv").write_text("x\n" + "".join(f"{value}\n" for value in range(20)))
    monkeypatch.setattr(fits, "draw_fit", fault)
    status, out, err = run("fit", tmp_path / "x.csv", "--out", tmp_path / "f")
    assert status == cli.FAULT
    assert "converged" in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("mean")] == ["9.500000"]
    assert "the axes are gone" in err


def test_fit_by_weight_and_without_what_is_missing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(fits, "draw_fit", lambda *_: [])
    file = tmp_path / "waits.csv"
    file.write_text("hours,times\n0.5,2\nNA,1\n1.5,1\n4,\n")
    words = ("fit", file, "--column", "hours", "--weights", "times", "--model", "exponential")
    status, out, _ = run(*words, "--missing", "drop")
    assert status == 0
    assert out.startswith(f"2 observations from {file}; 2 rows with a missing value left out\n")
    assert "rate       1.200000" in out  # 3 / (2 * 0.5 + 1.5)
    assert "over 3 observations, by weight" in out
    assert run(*words) == (2, "", f"mlejax fit: {file}, line 3, column 'hours': 'NA' is not a number; fill it in, or "
        "leave the row out; --missing drop leaves out all such\n")  # fmt: skip


@pytest.mark.slow
def test_a_fit_without_a_maximum_exits_with_one(run, tmp_path):
    file = tmp_path / "same.csv"
    file.write_text("x\n5\n5\n")
    status, out, err = run("fit", file, "--json", "-")
    assert status == 1
    assert err == (
        "mlejax fit: no maximum: all 2 observations equal 5: the log-likelihood grows without bound as variance "
        "approaches 0\n"
    )
    read = json.loads(out)
    assert (read["status"], read["converged"], read["aic"]) == ("UNBOUNDED", False, None)
    assert read["parameters"]["mean"]["standard_error"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--learning-rate", "0.1"], "fit finds the maximum; train takes --learning-rate"),
        (["--max-epochs=5"], "fit finds the maximum; train takes --max-epochs"),
        (["--model", "gama"], "--model gama: there is no family gama (did you mean gamma?); they are normal,"),
        (["--model", "nowhere:Own"], "--model nowhere:Own: there is no module nowhere"),
        (["--model", "mlejax:Nothing"], "--model mlejax:Nothing: the module mlejax has no Nothing"),
        (["--model", "mlejax:fit"], "--model mlejax:fit: neither a family nor a model, but function"),
        (["--model", "beta"], "Beta needs numbers > 0 and < 1; got 1.5 in {file}, line 3, column 'x'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_fit_says_what_it_does_not_take(run, tmp_path, words, said):
    file = tmp_path / "x.csv"
    file.write_text("x\n0.5\n1.5\n")
    status, out, err = run("fit", file, *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mlejax fit: {said.format(file=file)}")


@pytest.mark.slow
def test_fit_starts_at_a_model_of_a_persons_own(run, tmp_path):
    (tmp_path / "ownmodel.py").write_text("import mlejax\nstart = mlejax.Exponential(7.0)\n")
    (tmp_path / "x.csv").write_text("x\n1\n3\n")
    status, out, _ = run("fit", "x.csv", "--model", "ownmodel:start")
    assert status == 0
    assert "rate       0.500000" in out


@pytest.mark.slow
def test_a_first_line_of_numbers_is_said_to_be_data(run, tmp_path):
    file = tmp_path / "years.csv"
    file.write_text("2001,2002\n1,5\n2,7\n4,3\n3,4\n")
    _, out, _ = run("train", file, "--column", "2", "--validation-fraction", "0")
    assert out.startswith(f"5 observations from {file}, which has no header: its first line is read as data\n")


@pytest.mark.slow
def test_train_with_a_learning_rate_is_plain_ascent(run, heights):
    file, _ = heights
    arguments = ("--learning-rate", "0.1", "--max-epochs", "20", "--json", "-", "--start-mean", "100")
    status, out, err = run("train", file, "--column", "2", *arguments)
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


def test_sweep(swept, run):
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


@pytest.mark.slow
def test_sweep_again_goes_on_and_prints_the_report(swept, run):
    status, out, err = run(*SWEEP, "--out", swept)
    assert status == 0
    assert "4 runs: " in out
    assert f"results: {swept} (xarray.open_zarr opens it)" in out
    assert err == ""  # no bar where there is no terminal


@pytest.mark.slow
def test_json_to_standard_output_is_alone_there(swept, run):
    status, out, _ = run(*SWEEP, "--out", swept, "--json", "-")
    assert status == 0
    assert json.loads(out) == json.loads((swept.parent / "all.json").read_text()) | {
        "summary": json.loads(out)["summary"]
    }


@pytest.mark.slow
def test_sweep_with_a_rate_per_parameter_and_a_file(run, heights, tmp_path):
    file, _ = heights
    status, out, _ = run(
        "sweep", "--seeds", "1,5", "--learning-rate-mean", "0.1,0.2", "--file", file, "--column", "cm",
        "--max-epochs", "20", "--out", tmp_path / "s", "--json", "-",
    )  # fmt: skip
    assert status == 0
    read = json.loads(out)
    assert [(r["seed"], r["learning_rate.mean"]) for r in read["runs"]] == [(1, 0.1), (1, 0.2), (5, 0.1), (5, 0.2)]
    assert read["summary"]["made"]["mlejax"]["settings"]["learning_rate.variance"] == 0.1
    assert read["summary"]["made"]["mlejax"]["settings"]["data"].startswith("120 observations given")


@pytest.mark.slow
@pytest.mark.slow
def test_a_sweep_over_the_number_of_observations(run, tmp_path):
    words = [
        "sweep",
        "--seeds",
        "0:3",
        "--learning-rates",
        "0.5,2",
        "--observations",
        "60,30,120",
        "--max-epochs",
        "50",
    ]
    status, out, _ = run(*words, "--validation-fraction", "0", "--out", tmp_path / "s", "--json", tmp_path / "s.json")
    assert status == 0
    assert out.startswith("data: the reference problem, 60, 30 or 120 draws from N(7.2, 2.8^2) per seed")
    assert {path.name for path in (tmp_path / "s").glob("*.png")} >= {"counts.png", "atlas_30.png", "map_arrived.png"}
    read = json.loads((tmp_path / "s.json").read_text())
    runs = [(run["seed"], run["count"], run["learning_rate"]) for run in read["runs"]]
    assert runs == [(seed, count, rate) for seed in range(3) for count in (60, 30, 120) for rate in (0.5, 2.0)]
    assert len(read["summary"]["best_by_count"]) == 3
    status, out, _ = run("verify", tmp_path / "s", "--runs", "all")
    assert (status, out) == (0, "18 of 18 runs, 3 of 3 seeds recomputed, 0 different\n")
    status, out, _ = run("export", tmp_path / "s", "--format", "csv")
    assert status == 0
    assert (tmp_path / "s.csv").read_text().startswith("seed,count,learning_rate,mean,variance,status,")


@pytest.mark.slow
def test_plot(swept, run):
    for old in swept.glob("*.svg"):
        old.unlink()
    status, out, _ = run("plot", swept, "--format", "svg")
    assert status == 0
    assert out.startswith("pictures: ")
    assert list(swept.glob("*.svg"))


@pytest.mark.slow
def test_a_finished_sweep_that_may_not_be_written_is_answered(swept, run, tmp_path, monkeypatch):
    def read_only(*_):
        raise OSError(30, "Read-only file system")

    access = os.access
    monkeypatch.setattr("mlejax.store.lock.Lock._take", read_only)
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != swept and access(path, mode))
    before = sorted(file.name for file in swept.iterdir())
    status, out, err = run(*SWEEP, "--out", swept)
    assert (status, err) == (0, "")
    assert "4 runs: " in out
    assert out.endswith(f"pictures: none, {swept} may not be written to; mlejax plot {swept} --out FOLDER draws them\n")
    assert run("plot", swept, "--out", tmp_path / "figures")[0] == 0
    assert list((tmp_path / "figures").glob("*.png"))
    status, out, err = run("plot", swept)
    assert (status, out) == (2, "")
    assert "may not be written to" in err
    status, out, err = run(*SWEEP[:2], "0:3", *SWEEP[3:], "--out", swept)  # this one has something to compute
    assert (status, out) == (2, "")
    assert "Change the permissions" in err
    assert sorted(file.name for file in swept.iterdir()) == before


@pytest.mark.slow
def test_standard_input_is_not_read_to_verify(run, tmp_path, monkeypatch):
    numbers = "\n".join(map(str, range(30)))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(numbers.encode())))
    given = ("--seeds", "0:2", "--learning-rates", "1", "--max-epochs", "5", "--out", "s")
    status, out, _ = run("sweep", "--file", "-", *given)
    assert status == 0
    assert out.startswith("data: standard input; seeds are splits\n")
    said = "mlejax verify: s was made of standard input; --file says where the numbers are now\n"
    assert run("verify", "s") == (2, "", said)
    (tmp_path / "a.csv").write_text(numbers)
    assert run("verify", "s", "--file", "a.csv")[0] == 0


def test_an_observation_without_a_density_is_named_by_its_line(run, tmp_path):
    (tmp_path / "a.csv").write_text("cm\n1\n\n2\n1e200\n")
    status, out, err = run("train", "a.csv")
    assert (status, out) == (2, "")
    assert "got log_prob(1e+200) = -inf in a.csv, line 5, column 'cm'" in err
    status, out, err = run("sweep", "--file", "a.csv", "--out", "s")
    assert (status, out) == (2, "")
    assert "in a.csv, line 5, column 'cm'" in err


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """A sweep of four runs that was interrupted when the first had ended."""
    folder = tmp_path_factory.mktemp("unfinished") / "atlas"

    def interrupted(self, ids, outcome):
        put(self, ids[:1], jax.tree.map(lambda leaf: leaf[:1], outcome))
        raise KeyboardInterrupt

    put = collect.Collector.put
    settings = {"seeds": range(2), "learning_rates": [0.5, 1.0], "observations": np.arange(30.0), "max_epochs": 50}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect.Collector, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mlejax.sweep(mlejax.Normal(0.0, 1.0), **settings, out=folder, progress=False)
    return folder


@pytest.mark.slow
def test_reports_of_an_unfinished_sweep_say_so(run, unfinished, tmp_path):
    said = "unfinished: 1 of 4 runs have ended; the others are blank\n"
    status, out, _ = run("plot", unfinished, "--out", tmp_path / "figures")
    assert (status, out[: len(said)]) == (0, said)
    assert list((tmp_path / "figures").glob("*.png"))
    assert not list(unfinished.glob("*.png"))
    status, out, _ = run("export", unfinished, "--format", "csv", "--out", tmp_path / "t.csv")
    assert (status, out[: len(said)]) == (0, said)
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 5
    status, out, _ = run("export", unfinished, "--format", "csv", "--out", tmp_path / "t.csv", "--finished-only")
    assert (status, out) == (0, f"{said.replace('blank', 'left out')}table: {tmp_path / 't.csv'}\n")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize("words", [["train"], ["sweep", "--out", "s", "--file"]], ids=["train", "sweep"])
def test_devices_are_started_before_anything_is_computed(run, tmp_path, monkeypatch, words):
    (tmp_path / "a.csv").write_text("1\n2\n1e200\n")
    called = []
    monkeypatch.setattr(fits.devices, "start", lambda *_: called.append("start"))
    monkeypatch.setattr(data, "check_support", lambda *_, **__: called.append("check") or 1 / 0)
    assert run(*words, "a.csv")[0] == 70
    assert called == ["start", "check"]


@pytest.mark.slow
def test_verify_takes_the_file_where_it_is_now(run, tmp_path):
    (tmp_path / "a.csv").write_text("\n".join(map(str, range(30))))
    given = ("--seeds", "0:2", "--learning-rates", "1", "--max-epochs", "5", "--out", "s")
    assert run("sweep", "--file", "a.csv", *given)[0] == 0
    said = "2 of 2 runs, 2 of 2 seeds recomputed, 0 different\n"
    assert run("verify", "s")[:2] == (0, said)
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    status, _, err = run("verify", "s")
    assert (status, err) == (2, "mlejax verify: a.csv: no such file; --file says where the numbers are now\n")
    assert run("verify", "s", "--file", "b.csv", "--runs", "all")[:2] == (0, said)
    assert run("verify", "s", "--column", "1")[0] == 2


@pytest.mark.slow
def test_rows_that_lack_a_value_are_left_out_of_training_and_sweeps(run, heights, monkeypatch):
    file, _ = heights
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:5], "-1,NA", *lines[5:]]))
    for words in (["train", file], ["sweep", "--file", file, "--seeds", "0", "--learning-rates", "1", "--explain"]):
        words += ["--column", "cm"]
        assert run(*words)[0] == 2
        assert run(*words, "--missing", "drop")[0] == 0
    out = run("train", file, "--column", "cm", "--missing", "drop")[1]
    assert out.startswith(f"120 observations from {file}; 1 row with a missing value left out\n")
    assert run("sweep", "--missing", "drop")[2] == "mlejax sweep: --missing is of a --file, and none is given\n"
