"""What training on the command line has in common: the model, where it begins, its learning rates."""

import json

import numpy as np
import pytest

import mlejax
from mlejax.cli.options import parse
from mlejax.cli.output import UsageError
from mlejax.cli.training import rates_given, rates_of_each, start_of


def test_a_start_is_the_one_that_is_given_or_that_of_the_normal_distribution():
    given = start_of(parse(["train", "a.csv", "--model", "gamma", "--start", "rate=2,shape=1"]))
    assert (given.shape, given.rate) == (1.0, 2.0)
    default = start_of(parse(["sweep"]))
    assert (default.mean, default.variance) == (0.0, 1.0)
    with pytest.raises(UsageError, match=r"--model gamma needs --start, where training begins$"):
        start_of(parse(["train", "a.csv", "--model", "gamma"]))


def test_rates_of_single_parameters():
    options = parse(["sweep", "--learning-rate-of", "shape=0.1,1", "--learning-rate-mean", "2"])
    assert {name: values.tolist() for name, values in rates_given(options).items()} == {"shape": [0.1, 1], "mean": [2]}
    rates = rates_of_each(mlejax.Gamma(1.0, 1.0), {"rate": 3.0}, 0.5)
    assert (rates.shape, rates.rate) == (0.5, 3.0)
    with pytest.raises(UsageError, match="--learning-rate-of scale: the parameters of Gamma are shape, rate"):
        rates_of_each(mlejax.Gamma(1.0, 1.0), {"scale": 3.0})
    with pytest.raises(UsageError, match="names a parameter more than once"):
        rates_given(parse(["sweep", "--learning-rate-of", "mean=1", "--learning-rate-mean", "2"]))


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    file = tmp_path_factory.mktemp("lengths") / "lengths.csv"
    file.write_text("\n".join(["m", *map(repr, np.random.RandomState(3).gamma(3.0, 2.0, 200).tolist())]))
    return file


@pytest.mark.slow
def test_train_takes_a_model_a_start_and_rates(run, lengths, tmp_path):
    words = ("train", lengths, "--model", "gamma", "--validation-fraction", "0", "--json", "-", "--out", tmp_path / "f")
    status, out, err = run(*words, "--start", "shape=1,rate=1")
    found = json.loads(out)["runs"][0]
    expected = mlejax.fit(mlejax.Gamma, np.loadtxt(lengths, skiprows=1), progress=False).model
    assert (status, err) == (0, "")
    assert (found["shape"], found["rate"]) == pytest.approx((expected.shape, expected.rate), rel=1e-3)
    own = ("--start", "shape=1,rate=1", "--learning-rate-of", "shape=0.5", "--max-epochs", "3")
    rates = json.loads(run(*words, *own)[1])["summary"]["learning_rate"]
    assert rates == {"shape": 0.5, "rate": 0.1}


@pytest.mark.slow
def test_what_training_of_a_model_lacks_is_said(run, lengths):
    words = ("train", lengths, "--model", "gamma")
    status, _, err = run(*words)
    assert (status, "needs --start, where training begins, such as shape=" in err) == (2, True)
    start = ("--start", "shape=1,rate=1")
    assert "the parameters of Gamma are shape, rate" in run(*words, *start, "--learning-rate-of", "scale=1")[2]
    assert "a run has one rate" in run(*words, *start, "--learning-rate-of", "shape=0.1,0.2")[2]
    assert "give --start" in run("train", lengths, "--start-mean", "1", "--start", "mean=1,variance=2")[2]
    assert "are of a whole normal distribution alone" in run(*words, "--start-mean", "1")[2]
