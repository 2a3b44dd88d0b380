"""What an option of a command is, and the options that several commands share."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from .numbers import decimal_mark, number, path, whole

FORMATS = ("png", "svg", "pdf")


@dataclasses.dataclass(frozen=True)
class Option:
    """An option or an argument of a command."""

    name: str
    help: str
    type: Callable[[str], Any] = str
    metavar: str | None = None
    default: Any = None
    choices: tuple[str, ...] | None = None
    flag: bool = False  # an option without a value
    required: bool = False
    may_lack: bool = False  # an argument that may be left out
    repeated: bool = False  # an option whose values, each time that it is given, make a list

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add it to the parser of a command."""
        if self.flag:
            parser.add_argument(self.name, action="store_true", help=self.help)
            return
        optional = {"required": self.required, "default": self.default} if self.name.startswith("-") else {}
        optional |= {"action": "append"} if self.repeated else {}
        optional |= {"nargs": "?"} if self.may_lack else {}
        parser.add_argument(
            self.name, type=self.type, metavar=self.metavar, choices=self.choices, help=self.help, **optional
        )


@dataclasses.dataclass(frozen=True)
class Command:
    """A command: what `--help` says of it, and its options."""

    text: str
    example: str
    options: tuple[Option, ...]
    more: Mapping[str, str] = dataclasses.field(default_factory=dict)  # further examples, by what they are of

    @property
    def examples(self) -> str:
        """All of them, as the end of a page of help."""
        others = (f"{of}:\n  {line}" for of, line in self.more.items())
        return "\n\n".join([f"example: {self.example}", *others])


def output(folder: str, what: str = "directory for the figures") -> tuple[Option, ...]:
    return (
        Option("--out", f"{what}; default {folder}", path, "DIR", folder),
        Option("--format", "figure format; default png", choices=FORMATS, default="png"),
        JSON,
    )


JSON = Option("--json", "write the results as JSON; `-`: JSON only, on standard output", path, "FILE")
DIRECTORY = Option("directory", "the result directory of a sweep", path, "DIR")
HELD_OUT = Option("--validation-fraction", "fraction held out for early stopping; default 0.2", number, "FRACTION", 0.2)
COLUMN = (
    Option("--column", "the column, by name or number from 1; needed when there are several", metavar="NAME"),
    Option("--delimiter", "comma, semicolon, tab or pipe; default what the first lines show", metavar="NAME"),
    Option("--decimal", "what stands before the decimals of a number; default point", decimal_mark, "point|comma"),
    Option("--missing", "rows that lack a value, such as NA: default refuse", choices=("refuse", "drop")),
)
STOPPING = (
    Option("--max-epochs", "default 10000", whole, "N", 10_000),
    Option("--patience", "epochs without a better validation log-likelihood; default 50", whole, "N", 50),
    Option("--tolerance", "default 1e-8", number, "NATS", 1e-8),
    Option("--dtype", "default float64", choices=("float64", "float32"), default="float64"),
)
FILE = Option(
    "file",
    "a .csv, .tsv or other text file (also .gz), .npy, .npz, .parquet, or `-` for text on standard input",
    path,
    "FILE",
)
