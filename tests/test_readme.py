"""What the README shows exists. Its Python is run by pytest itself, as doctests."""

import json
import re
import shlex
import tomllib

import numpy as np
import pytest
from helpers import ROOT

from benchmarks import readme
from mlejax import article
from mlejax.cli import main as cli
from mlejax.cli import options

TEXT = (ROOT / "README.md").read_text()
FLOWING = " ".join(TEXT.split())


def commands(text):
    """Every command of the shell blocks, as lists of words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]


COMMANDS = commands(TEXT)


def check_mlejax(words):

    assert options.parse(words).name in options.COMMANDS


def check_python(words):
    from benchmarks import __main__ as benchmarks

    assert words[:2] == ["-m", "benchmarks"]
    assert benchmarks.parser().parse_args(words[2:]).name in benchmarks.NAMES


def check_pip(words):
    assert words[0] == "install"
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    requested = re.fullmatch(r"\.(?:\[(\w+)\])?", words[1])
    assert requested[1] is None or requested[1] in extras


def check_pytest(words):
    assert words == []


CHECKS = {"mlejax": check_mlejax, "python": check_python, "pip": check_pip, "pytest": check_pytest}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_exist(words):
    CHECKS[words[0]](words[1:])


def test_the_two_commands_come_first_each_in_its_own_block():
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert blocks[:2] == ["pip install . && mlejax sweep\n", "pip install '.[test]' && pytest\n"]


@pytest.mark.slow
def test_a_command_that_does_not_exist_is_noticed(capsys):
    with pytest.raises(SystemExit):
        check_mlejax(["swep"])
    with pytest.raises(SystemExit):
        check_mlejax(["sweep", "--learning-rate-of-the-mean", "1"])
    with pytest.raises(SystemExit):
        check_python(["-m", "benchmarks", "references"])
    with pytest.raises(AssertionError):
        check_pip(["install", ".[cuda99]"])
    assert "invalid choice: 'swep'" in capsys.readouterr().err


def test_commands_in_sentences_exist_too():
    found = re.findall(r"`((?:mlejax|python -m benchmarks) [a-z0-9 -]+)`", TEXT)
    assert len(found) >= 4
    for command in found:
        words = shlex.split(command)
        CHECKS[words[0]](words[1:])
    for extra in re.findall(r"`pip install '(\.\[\w+\])'`", TEXT):
        check_pip(["install", extra])


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) >= 5
    for link in links:
        assert (ROOT / link).is_file(), link


def test_no_sentence_leans_on_a_text_that_cannot_be_looked_up():
    sentences = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    assert "reference problem" in sentences
    assert not re.search(r"\barticle\b", sentences)


def test_pictures_are_shown_small_and_all_of_docs():
    shown = set(re.findall(r"!\[[^\]]{20,}\]\(docs/([^)]+)\)", TEXT))
    assert shown == {path.name for path in (ROOT / "docs").glob("*.png")}
    for name in shown:
        picture = (ROOT / "docs" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert 10_000 < len(picture) < 200_000


@pytest.mark.slow
def test_ascents_are_those_that_reproduce_finds():

    shown = re.findall(r"^  \| ([^|]+) \| ([\d.]+) \| (\d+) \|$", TEXT, re.MULTILINE)
    found = article.compare_ascents(article.article_observations())
    assert [row[:2] for row in shown] == [(ascent.name, f"{ascent.learning_rate:.3g}") for ascent in found]
    # Rounding may move an arrival by an epoch.
    assert [int(row[2]) for row in shown] == pytest.approx([ascent.epochs for ascent in found], abs=1)


@pytest.mark.slow
def test_pairs_of_rates_are_those_that_reproduce_counts():

    result = article.separate_learning_rates(article.article_observations(), progress=False)
    pairs, reached = map(int, re.search(r"Of (\d+) pairs of different rates, (\d+) reach", TEXT).groups())
    different = ~np.eye(result.shape[-1], dtype=bool)
    assert pairs == different.sum()
    assert reached == pytest.approx(np.sum(result.arrived[0] & different), abs=1)


@pytest.mark.slow
def test_shares_that_stop_short_are_those_of_the_sweep(tmp_path):

    assert cli.main(["sweep", "--out", str(tmp_path / "sweep"), "--json", str(tmp_path / "sweep.json")]) == 0
    settings = json.loads((tmp_path / "sweep.json").read_text())["summary"]["settings"]
    above = [row for row in settings if row["learning_rate"] > 0.0999]
    stopped, arrived = ([row[key] for row in above] for key in ("stopped_short", "arrived"))
    least, most, of, best = map(int, re.search(r"(\d+) to (\d+) of (\d+) samples end .* most (\d+)", FLOWING).groups())
    assert {row["runs"] for row in settings} == {of}
    assert [least, most, best] == pytest.approx([min(stopped), max(stopped), max(arrived)], abs=1)
    assert f"{len(settings) * of:,} runs" in FLOWING
    assert f"at {len(settings)} learning rates" in FLOWING


@pytest.mark.slow
def test_curvatures_are_those_that_reproduce_prints():

    lines = article.convergence_text().splitlines()
    mean, variance = (next(line.split() for line in lines if line.startswith(name)) for name in ("mean", "variance"))
    assert f"every {mean[-1]} epochs in the mean and every {variance[-1]} in the variance" in FLOWING
    assert f"2 / curvature: {mean[-2]} and {variance[-2]}." in FLOWING


def test_benchmark_table_is_the_recorded_one():
    shown = readme.TABLE.search(TEXT)[2]
    assert shown.split() == readme.table(json.loads(readme.RECORD.read_text())).split(), "python -m benchmarks.readme"
