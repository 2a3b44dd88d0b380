"""The commands and their options."""

import shlex

import pytest

from mlejax.cli import commands, options


@pytest.mark.parametrize("command", options.COMMANDS)
def test_help_has_an_example_that_parses(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    first, *others = out.split("example: ")[1].split("\n\n")
    for example in (first, *(other.splitlines()[-1] for other in others)):
        words = shlex.split(example)
        assert words[:2] == ["mlejax", command]
        assert options.parse(words[1:]).name == command


def test_help_of_a_fit_shows_what_needs_several_columns(run):
    _, out, _ = run("fit", "--help")
    examples = out.split("example: ")[1]
    assert all(f" {option} " in examples for option in ("--event", "--upper-column", "--response", "--columns"))


def test_help_lists_the_commands(run):
    status, out, _ = run("--help")
    assert status == 0
    assert all(command in out for command in options.COMMANDS)


@pytest.mark.parametrize(
    ("command", "said", "shown"),
    [
        ("train", "To arrive, raise `patience` or the rate.", "To arrive, raise --patience or the rate."),
        ("train", "hold nothing out (`validation_fraction=0`)", "hold nothing out (--validation-fraction 0)"),
        ("sweep", "hold none out (validation_fraction=0).", "hold none out (--validation-fraction 0)."),
        ("train", "use `dtype=float64`.", "use --dtype float64."),
        ("sweep", "learning_rates must be positive; got -1", "--learning-rates must be positive; got -1"),
        ("sweep", "tolerance=1e-8 and `x`: y must", "--tolerance 1e-8 and `x`: y must"),
        ("sweep", "learning_rate must be distinct; got 1", "--learning-rates must be distinct; got 1"),
        ("sweep", "learning_rate.mean must be distinct", "--learning-rate-mean must be distinct"),
        ("sweep", "count must be a whole number", "--observations must be a whole number"),
        ("train", "learning_rate must be positive", "--learning-rate must be positive"),
        ("train", "count must be", "count must be"),
        ("plot", "`patience`", "`patience`"),  # no such option
        ("sweep", "the seeds must be; out of range", "the seeds must be; out of range"),
    ],
)
def test_sentences_of_the_library_name_the_options(command, said, shown):
    assert options.in_options(said, command) == shown


@pytest.mark.parametrize(
    ("words", "fraction"), [([], 0.2), (["--validation-fraction", "0"], 0.0)], ids=["default", "0"]
)
def test_what_is_held_out_of_the_samples_of_a_sweep(words, fraction):
    assert commands.sweep_arguments(options.parse(["sweep", *words]), None)["validation_fraction"] == fraction


@pytest.mark.parametrize(("words", "seeds"), [(["--seeds", "-3:2"], [-3, -2, -1, 0, 1]), (["--seeds", "-1"], [-1])])
def test_what_begins_like_a_number_is_no_option(words, seeds):
    assert options.parse(["sweep", *words, "--explain"]).seeds.tolist() == seeds
    assert options.parse(["sweep", *words]).explain is False


def test_several_numbers_of_observations_are_an_axis():
    several = commands.sweep_arguments(options.parse(["sweep", "--observations", "100,1000"]), None)["observations"]
    assert [each.size for each in several.by_count()] == [100, 1000]
    assert several.axes()["count"].tolist() == [100, 1000]
    for words, count in (([], 100_000), (["--observations", "50"], 50)):
        one = commands.sweep_arguments(options.parse(["sweep", *words]), None)["observations"]
        assert (one.size, one.axes()) == (count, {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["models", "nope"], "mlejax models: unrecognized arguments: nope (see mlejax models --help)"),
        (["fit", "a.csv", "--wieghts", "z"], "--wieghts z; did you mean --weights? (see mlejax fit --help)"),
        (["fit", "a.csv", "--decimal", ";"], "argument --decimal: expected point or comma; got ';'"),
    ],
    ids=["argument", "option", "decimal mark"],
)
def test_what_a_command_does_not_know_is_said_by_the_command(words, said, capsys):
    with pytest.raises(SystemExit):
        options.parse(words)
    assert said in capsys.readouterr().err


def test_a_decimal_mark_by_its_name_or_itself():
    found = [options.parse(["fit", "a.csv", "--decimal", mark]).decimal for mark in (",", "comma", ".")]
    assert found == ["comma", "comma", "point"]
