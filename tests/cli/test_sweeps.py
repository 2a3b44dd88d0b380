"""What a sweep is asked for on the command line, and the runs whose histories it records."""

import importlib
import json

import numpy as np
import pytest

import mlejax
from mlejax.cli import sweeps
from mlejax.cli.numbers import AxisValues
from mlejax.cli.output import UsageError

SWEEP = ["sweep", "--seeds", "0:3", "--learning-rates", "0.1:1:2", "--observations", "300", "--max-epochs", "50"]
AXES = {"seed": np.arange(3), "learning_rate": np.array([0.1, 1.0])}


def test_every_axis_is_named_once_or_more():
    given = [AxisValues("seed", np.array([2])), AxisValues("seed", np.array([0]))]
    runs = sweeps.chosen_runs(given, AXES)
    assert {name: values.tolist() for name, values in runs.items()} == {"seed": [2, 0]}
    assert sweeps.chosen_runs(None, AXES) == {}


@pytest.mark.parametrize(
    ("axis", "values", "message"),
    [
        ("rate", [1.0], "--record: no axis 'rate'; the axes are seed, learning_rate"),
        ("learning_rate", [0.3], "--record: no run with learning_rate = 0.3; the nearest are 0.1 and 1"),
        ("seed", [1, 1], "--record: seed must be distinct; got 1 at index 0 and 1"),
    ],
)
def test_runs_that_the_sweep_has_not_are_refused(axis, values, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        sweeps.chosen_runs([AxisValues(axis, np.array(values))], AXES)


def test_nothing_is_made_where_runs_are_refused(run, tmp_path):
    status, out, err = run(*SWEEP, "--record", "seed=7", "--out", "atlas")
    assert (status, out) == (2, "")
    assert err == "mlejax sweep: --record: no run with seed = 7; the nearest are 2 and 1\n"
    assert not (tmp_path / "atlas").exists()
    status, _, err = run(*SWEEP, "--record", "seed=1", "--explain")
    assert (status, err) == (2, "mlejax sweep: --explain cannot go with --record: nothing is computed\n")


@pytest.mark.slow
def test_histories_are_recorded_at_the_end_of_a_sweep_and_drawn(run, tmp_path):
    words = ("--record", "learning_rate=0.1", "--record", "seed=0:2", "--out", "atlas")
    status, out, _ = run(*SWEEP, *words)
    assert status == 0
    assert "\nhistories: 2 runs, at most 50 epochs of each, in atlas/histories (mlejax.load_histories)\n" in out
    assert out.endswith("atlas/histories.png\n")
    found = mlejax.load_histories("atlas")
    assert {name: values.tolist() for name, values in found.sweep.axes.items()} == {
        "seed": [0, 1], "learning_rate": [0.1],
    }  # fmt: skip
    status, out, _ = run(*SWEEP, "--record", "seed=2", "--out", "atlas")  # of a sweep that is there already
    assert "histories: 2 runs" in out
    assert mlejax.load_histories("atlas").sweep.axes["seed"].tolist() == [2]
    assert run("plot", "atlas", "--format", "svg")[0] == 0
    assert (tmp_path / "atlas" / "histories.svg").exists()
    assert run("verify", "atlas")[0] == run("export", "atlas", "--format", "csv")[0] == 0


@pytest.mark.slow
def test_what_is_wrong_with_histories_is_no_harm_to_the_sweep(run, heights, tmp_path, monkeypatch):
    file, _ = heights
    words = ("--file", file, "--column", "cm", "--out", "atlas")
    shape = ("sweep", "--seeds", "0:2", "--learning-rates", "0.1", "--max-epochs", "20")
    assert run(*shape, *words, "--record", "seed=1")[0] == 0
    chunk = next((tmp_path / "atlas" / "histories" / "variance" / "c").rglob("0/0"))
    (chunk if chunk.is_file() else chunk / "0").write_bytes(b"?")
    status, out, err = run("plot", "atlas", "--json", "-")
    assert status == 1
    assert "variance/c/0/0/0 is damaged or missing; recording them again (mlejax.record, or --record)" in err
    assert len(json.loads(out)["runs"]) == 2
    monkeypatch.setattr("mlejax.sweeps.record._Again.ends_as", lambda *_: False)
    status, out, err = run(*shape, *words, "--record", "seed=1")
    assert status == 1
    assert err.startswith("mlejax sweep: --record: sweep: 1 of the 1 chosen runs end in another way")
    assert "2 runs: " in out


@pytest.mark.slow
def test_an_interruption_while_histories_are_recorded_leaves_the_sweep(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlejax.sweeps.record.record", interrupted)
    status, out, err = run(*SWEEP, "--record", "seed=1", "--out", "atlas")
    assert (status, out) == (130, "")
    assert err.endswith("interrupted. The sweep is safe in atlas; the histories have not been recorded.\n")
    assert mlejax.load("atlas").finished
    assert mlejax.load_histories("atlas") is None


STORES = ["sweep", "--file", "demand.csv", "--column", "units", "--by", "store", "--learning-rates", "0.1:1:2"]


@pytest.fixture
def demand(tmp_path):
    """A file of the demand of three stores, one of them with a single row."""
    random = np.random.RandomState(0)
    rows = [f"{name},{random.normal(10, 2):.3f}" for name in ["rome"] * 30 + ["oslo"] * 50 + ["bern"]]
    (tmp_path / "demand.csv").write_text("\n".join(["store,units", *rows]))


@pytest.mark.slow
def test_groups_of_a_column_are_swept_recorded_verified_and_exported(demand, run, tmp_path):
    words = ("--max-epochs", "50", "--record", "group=oslo", "--record", "learning_rate=1", "--out", "atlas")
    status, out, _ = run(*STORES, *words, "--json", "runs.json")
    assert status == 0
    assert out.startswith("data: demand.csv; the samples are the groups of store\n")
    assert "histories: 1 run," in out
    runs = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert [each["group"] for each in runs] == ["bern", "bern", "oslo", "oslo", "rome", "rome"]
    assert [each["status"] for each in runs[:3]] == ["OUTSIDE_SUPPORT", "OUTSIDE_SUPPORT", "MAX_EPOCHS"]
    status, out, _ = run("verify", "atlas", "--runs", "all")
    assert (status, out) == (0, "6 of 6 runs, 3 of 3 groups recomputed, 0 different\n")
    (tmp_path / "demand.csv").rename(tmp_path / "moved.csv")
    assert run("verify", "atlas", "--file", "moved.csv", "--column", "units")[0] == 0
    assert run("export", "atlas", "--format", "csv")[0] == 0
    assert (tmp_path / "atlas.csv").read_text().splitlines()[1].startswith("bern,")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*STORES, "--seeds", "0:3"], "--by cannot go with --seeds: the samples are the groups"),
        (["sweep", "--by", "store"], "--by is of a --file, and none is given"),
        ([*STORES, "--record", "group=nice"], "--record: no run with group = nice; there are bern, oslo, rome"),
    ],
)
def test_groups_that_cannot_be_swept_are_refused(demand, run, tmp_path, words, message):
    status, out, err = run(*words, "--out", "atlas")
    assert (status, out, err) == (2, "", f"mlejax sweep: {message}\n")
    assert not (tmp_path / "atlas").exists()


# Other models than the normal distribution ----------------------------------------------------------------------------

GAMMA = ["sweep", "--model", "gamma", "--max-epochs", "50", "--learning-rates", "0.05,0.1"]
MINE = """import jax.numpy as jnp
import mlejax

class Ray(mlejax.Model):
    scale: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        return jnp.log(x) - 2 * jnp.log(self.scale) - x**2 / (2 * self.scale**2)

begin = Ray(2.0)
"""


@pytest.fixture
def shops(tmp_path):
    """A file of positive numbers in two groups, and these."""
    x = np.random.RandomState(0).gamma(2.0, 1.0, 60)
    file = tmp_path / "shops.csv"
    file.write_text("x,shop\n" + "".join(f"{value!r},{'ab'[i % 2]}\n" for i, value in enumerate(x.tolist())))
    return file, x


@pytest.mark.slow
def test_a_sweep_of_another_model_is_the_one_that_python_makes(run):
    words = [*GAMMA, "--true", "shape=2,rate=1", "--start", "shape=1,rate=1.5", "--seeds", "0:2", "--observations", 200]
    status, out, _ = run(*words, "--out", "atlas")
    assert status == 0
    assert out.startswith("data: 200 draws from gamma with shape 2, rate 1 per seed\n")
    target, start = mlejax.Gamma(2.0, 1.0), mlejax.Gamma(1.0, 1.5)
    expected = mlejax.sweep(
        start, seeds=range(2), learning_rates=[0.05, 0.1], observations=mlejax.Draws(target, 200), max_epochs=50,
        progress=False,
    )  # fmt: skip
    found = mlejax.load("atlas")
    assert type(found.template) is mlejax.Gamma
    np.testing.assert_array_equal(found.model.rate, expected.model.rate)
    more = [word if word != "0:2" else "0:3" for word in words]
    status, out, _ = run(*more, "--out", "atlas", "--json", "-")
    assert [row["seed"] for row in json.loads(out)["runs"]] == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(mlejax.load("atlas").model.shape[:2], expected.model.shape)
    status, out, _ = run("verify", "atlas")
    assert (status, out) == (0, "6 of 6 runs, 3 of 3 seeds recomputed, 0 different\n")
    assert run("plot", "atlas", "--format", "svg")[0] == 0


@pytest.mark.slow
def test_a_model_in_a_module_is_trained_on_the_groups_of_a_file(run, shops, tmp_path):
    (tmp_path / "rayleighs.py").write_text(MINE)
    words = ["sweep", "--file", shops[0], "--column", "x", "--by", "shop", "--max-epochs", 50]
    words += ["--learning-rate-of", "scale=0.05,0.2", "--record", "group=a", "--out", "mine"]
    status, out, _ = run(*words, "--model", "rayleighs:begin")
    assert status == 0
    assert "histories: 2 runs" in out
    found = mlejax.load("mine")
    assert found.axes["learning_rate.scale"].tolist() == [0.05, 0.2]
    alone = mlejax.train(
        importlib.import_module("rayleighs").begin, shops[1][::2], learning_rate=0.2, max_epochs=50, progress=False
    )
    assert found.run(0, 1).model.scale == pytest.approx(alone.model.scale, rel=1e-9)
    assert run("verify", "mine")[:2] == (0, "4 of 4 runs, 2 of 2 groups recomputed, 0 different\n")
    assert run("export", "mine", "--format", "csv")[0] == 0
    head = (tmp_path / "mine.csv").read_text().splitlines()[0]
    assert head.startswith("group,learning_rate.scale,scale,status,")
    status, out, _ = run(*words[:-1], "mine", "--model", "rayleighs:Ray", "--start", "scale=2")  # the same sweep
    assert status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (GAMMA, "--model gamma needs --start, where training begins"),
        ([*GAMMA, "--start", "shape=1,rate=1"], "--model gamma needs --true, the parameters to draw from, or --file"),
        ([*GAMMA, "--start", "shape=1,rate=-1"], "--start: Gamma.rate must be positive; got -1"),
        (
            [*GAMMA[:5], "--start", "shape=1,rate=1", "--true", "shape=1,rate=1", "--learning-rate-of", "scale=1"],
            "--learning-rate-of scale: the parameters of Gamma are shape, rate",
        ),
        (
            [*GAMMA, "--learning-rate-of", "rate=1"],
            "--learning-rates cannot go with --learning-rate-mean, ",
        ),
        ([*GAMMA, "--file", "x.csv", "--true", "shape=1,rate=1"], "--file cannot go with --true"),
        ([*GAMMA, "--learning-rate-of", "0.1"], "expected NAME=RATES, such as shape=0.1,1; got '0.1'"),
        (["sweep", "--learning-rate-of", "mean=1", "--learning-rate-mean", "1"], "names a parameter more than once"),
    ],
)
def test_what_another_model_lacks_is_asked_for(run, words, message):
    status, out, err = run(*words, "--out", "atlas")
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_where_training_may_begin_is_said_of_a_file(run, shops):
    status, _, err = run(*GAMMA, "--file", shops[0], "--column", "x")
    begin = mlejax.Gamma.start(shops[1])
    assert status == 2
    assert err.endswith(f"such as shape={begin.shape:.3g},rate={begin.rate:.3g}, where fit begins\n")
