"""The commands and their options."""

import pytest

from mlejax.cli import options


@pytest.mark.parametrize("command", options.COMMANDS)
def test_help_has_an_example_that_parses(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    example = " ".join(out.split("example: ")[1].split()).split()
    assert example[:2] == ["mlejax", command]
    assert options.parse(example[1:]).name == command


def test_help_lists_the_commands(run):
    status, out, _ = run("--help")
    assert status == 0
    assert all(command in out for command in options.COMMANDS)
