"""From the words of a command line to its options, and from the sentences of the library back to them."""

import argparse
import difflib
import re
import textwrap
from collections.abc import Sequence
from typing import NoReturn

from .table import COMMANDS, FIT, TRAIN

EPILOG = """exit status:
  0  done
  1  there is no maximum or it was not reached, or `verify` found a difference, or `check` a fault
  2  bad usage or bad input; one line on standard error says what
  70  a fault in mlejax
  129, 130, 143  ended by SIGHUP, Ctrl-C, SIGTERM; what a sweep had finished is kept
  141  standard output was closed, so the answer could not be printed; the files are written

Compiled programs are kept for the next command in mlejax/ of the cache directory (XDG_CACHE_HOME, or ~/.cache);
JAX_COMPILATION_CACHE_DIR names another place."""

AXES = {"count": "--observations", "learning_rate": "--learning-rates"}
"""Axes of a sweep that have another name than their options."""


LEFT_OUT = "fill it in, or leave the row out"
"""How a message about a value that is missing ends."""


def in_options(text: str, command: str) -> str:
    """Return a sentence of the library in the words of a command: `--patience` where it says `patience`."""
    known = {option.name.lstrip("-").replace("-", "_"): option.name for option in COMMANDS[command].options}
    known = {name: option for name, option in known.items() if option.startswith("--")}
    known |= {name: option for name, option in AXES.items() if option in known.values() and name not in known}

    def option(found: re.Match[str]) -> str:
        name = found["quoted"] or found["set"] or found["first"].replace(".", "_")
        return found[0] if name not in known else f"{known[name]} {found['value'] or ''}".rstrip()

    forms = r"`(?P<quoted>[a-z_]+)`", r"`?\b(?P<set>[a-z_]+)=(?P<value>[\w.]+)`?", r"^(?P<first>[a-z_.]+)(?= must )"
    said = re.sub("|".join(forms), option, text)
    said = re.sub("^Fixed: ", "--fixed: ", said) if "fixed" in known else said
    return f"{said}; --missing drop leaves out all such" if "missing" in known and said.endswith(LEFT_OUT) else said


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, and where to read more."""
        text = message.encode(errors="surrogateescape").decode(errors="backslashreplace")
        if len(text) > 400:
            text = f"{text[:200]} ... {text[-100:]}"
        self.exit(2, f"{self.prog}: {text} (see {self.prog} --help)\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; `.name` is the command's."""
    words: list[str] = []
    for word in arguments:
        # No option begins like a number, but argparse takes `-3:2` for one.
        if re.match(r"-[0-9.]", word) and words and re.fullmatch(r"--[a-z-]+", words[-1]):
            words[-1] += f"={word}"
        else:
            words.append(word)
    parser = make_parser()
    if words[:1] == ["fit"]:
        training = {option.name for option in TRAIN} - {option.name for option in FIT}
        if asked := [word.split("=")[0] for word in words if word.split("=")[0] in training]:
            parser.exit(2, f"mlejax fit: fit finds the maximum; train takes {asked[0]}\n")
    options, unknown = parser.parse_known_args(words)
    if unknown:
        parser.prog = f"mlejax {options.name}"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_perhaps(unknown[0], options.name)}")
    return options


def _perhaps(word: str, command: str) -> str:
    """Return a question whether an option like this word is meant; nothing where there is none."""
    known = [option.name for option in COMMANDS[command].options if option.name.startswith("--")]
    near = difflib.get_close_matches(word.split("=")[0], known, 1) if word.startswith("--") else []
    return f"; did you mean {near[0]}?" if near else ""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    from .. import __version__

    parser = _Parser(
        prog="mlejax",
        description="Maximum likelihood in JAX: estimates, their uncertainty, and training runs by the million.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mlejax {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=command.text,
            description=textwrap.fill(f"{command.text[0].upper()}{command.text[1:]}.", 100),
            epilog=command.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for option in command.options:
            option.add_to(one)
    return parser
