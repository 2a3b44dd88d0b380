"""The commands and their options: one table."""

import argparse
import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..samples.cells import shown
from .numbers import (
    address,
    at_least_one,
    at_least_one_or_all,
    axis_values,
    geometric,
    number,
    path,
    sizes,
    whole,
    whole_numbers,
)

FORMATS = ("png", "svg", "pdf")
TABLES = ("csv", "parquet", "netcdf")

MOST_DEVICES = 1024

EPILOG = """exit status:
  0  done
  1  there is no maximum or it was not reached, or `verify` found a difference
  2  bad usage or bad input; one line on standard error says what
  70  a fault in mlejax
  129, 130, 143  ended by SIGHUP, Ctrl-C, SIGTERM; what a sweep had finished is kept
  141  standard output was closed, so the answer could not be printed; the files are written

Compiled programs are kept for the next command in mlejax/ of the cache directory (XDG_CACHE_HOME, or ~/.cache);
JAX_COMPILATION_CACHE_DIR names another place."""


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
    repeated: bool = False  # an option whose values, each time that it is given, make a list

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add it to the parser of a command."""
        if self.flag:
            parser.add_argument(self.name, action="store_true", help=self.help)
            return
        optional = {"required": self.required, "default": self.default} if self.name.startswith("-") else {}
        optional |= {"action": "append"} if self.repeated else {}
        parser.add_argument(
            self.name, type=self.type, metavar=self.metavar, choices=self.choices, help=self.help, **optional
        )


@dataclasses.dataclass(frozen=True)
class Command:
    """A command: what `--help` says of it, and its options."""

    text: str
    example: str
    options: tuple[Option, ...]


def _devices(text: str) -> int:
    count = at_least_one(text)
    if count > MOST_DEVICES:
        raise argparse.ArgumentTypeError(f"at most {MOST_DEVICES:,} devices are possible; got {shown(text)}")
    return count


def _output(folder: str, what: str = "directory for the figures") -> tuple[Option, ...]:
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
)
STOPPING = (
    Option("--max-epochs", "default 10000", whole, "N", 10_000),
    Option("--patience", "epochs without a better validation log-likelihood; default 50", whole, "N", 50),
    Option("--tolerance", "default 1e-8", number, "NATS", 1e-8),
    Option("--dtype", "default float64", choices=("float64", "float32"), default="float64"),
)
FILE = Option(
    "file", "a .csv, .tsv or other text file (also .gz), a .npy file, or `-` for standard input", path, "FILE"
)
FIT = (
    FILE,
    *COLUMN,
    Option("--model", "a family of `mlejax models`, or your own, module:Name; default normal", str, "NAME", "normal"),
    Option("--weights", "the column that says how often each row counts", metavar="NAME"),
    Option("--starts", "how many starts; the highest maximum is taken; default 1", at_least_one, "N"),
    Option(
        "--missing",
        "what becomes of a row in which a value is missing, such as NA; default refuse",
        choices=("refuse", "drop"),
        default="refuse",
    ),
)
TRAIN = (
    FILE,
    *COLUMN,
    Option(
        "--learning-rate",
        "plain gradient ascent with this rate; default the natural gradient, unaffected by units, at a suggested rate",
        number,
        "RATE",
    ),
    Option("--start-mean", "default 0", number, "MEAN", 0.0),
    Option("--start-variance", "default 1", number, "VARIANCE", 1.0),
    HELD_OUT,
    Option("--split-seed", "seed of the split; default 42", whole, "SEED", 42),
    *STOPPING,
)

COMMANDS = {
    "sweep": Command(
        "train at many seeds and learning rates, on all cores or GPUs",
        "mlejax sweep --seeds 0:1000 --learning-rates 0.01:10:31 --out atlas",
        (
            Option("--seeds", "0:100 or 0,5,7; default 0:100", whole_numbers, "SEEDS", "0:100"),
            Option("--learning-rates", "0.001:10:41 (geometric) or 0.1,0.2; default 0.001:10:41", geometric, "RATES"),
            Option("--learning-rate-mean", "rates of the mean alone, an axis of its own", geometric, "RATES"),
            Option("--learning-rate-variance", "rates of the variance alone, an axis of its own", geometric, "RATES"),
            Option(
                "--observations",
                "draws per seed from the reference problem, default 100000; several are an axis: 100,1000,10000 or "
                "100:10000:3",
                sizes,
                "N",
            ),
            Option("--file", "your own numbers in place of draws; seeds then vary the split", path, "FILE"),
            *COLUMN,
            Option(
                "--draw",
                "jax: independent draws; numpy: NumPy's legacy stream and scikit-learn's split; statistics: the "
                "sufficient statistics of a sample, drawn directly; default jax",
                choices=("jax", "numpy", "statistics"),
            ),
            HELD_OUT,
            Option("--devices", "number of CPU devices JAX should expose; default one per core", _devices, "N"),
            Option(
                "--distributed",
                "share the sweep with the other processes of the cluster that JAX finds: SLURM, Open MPI, Kubernetes, "
                "TPU",
                flag=True,
            ),
            Option("--coordinator", "the first process, where JAX finds no cluster", address, "HOST:PORT"),
            Option("--num-processes", "with --coordinator", at_least_one, "N"),
            Option("--process-id", "with --coordinator: this process, from 0", whole, "I"),
            Option(
                "--record",
                "keep the histories of the runs with these values, such as learning_rate=0.1,1 or seed=0:3; once for "
                "each axis; at most 1,000 runs",
                axis_values,
                "AXIS=VALUES",
                repeated=True,
            ),
            Option("--explain", "predict time, memory and disk from a short trial, and stop", flag=True),
            Option("--repair", "recompute what is damaged in the result directory", flag=True),
            Option(
                "--allow-mixed",
                "continue a sweep that was begun on other devices or versions, whose last bits may differ; each batch "
                "records how it was computed",
                flag=True,
            ),
            *STOPPING,
            *_output(
                "mlejax-sweep",
                "directory for the results (a Zarr store) and the figures; repeating a command resumes it",
            ),
        ),
    ),
    "fit": Command(
        "find the maximum of the likelihood of a column of numbers, with standard errors",
        "mlejax fit heights.csv --column cm --model gamma",
        (*FIT, *_output("mlejax-fit")),
    ),
    "train": Command(
        "train a normal distribution on a column of numbers, with early stopping",
        "mlejax train heights.csv --column cm",
        (*TRAIN, *_output("mlejax-train")),
    ),
    "reproduce": Command(
        "compute the figures of the reference problem, beside those that were published",
        "mlejax reproduce",
        _output("mlejax-reproduce"),
    ),
    "plot": Command(
        "redraw the figures of a stored sweep",
        "mlejax plot mlejax-sweep --format pdf",
        (
            DIRECTORY,
            Option("--out", "directory for the figures; default DIR", path, "FOLDER"),
            Option("--format", "figure format; default png", choices=FORMATS, default="png"),
            JSON,
        ),
    ),
    "verify": Command(
        "recompute some runs of a stored sweep and compare them bit for bit",
        "mlejax verify mlejax-sweep --runs 100",
        (
            DIRECTORY,
            Option("--runs", "how many, or all; default 64", at_least_one_or_all, "N", 64),
            Option("--file", "where the numbers are now, of a sweep that was given a file", path, "FILE"),
            *COLUMN,
            JSON,
        ),
    ),
    "models": Command(
        "list the families that come with mlejax: parameters, observations, sufficient statistics",
        "mlejax models --family weibull",
        (Option("--family", "tell more of one: its formula, its parameters, its source", metavar="NAME"), JSON),
    ),
    "export": Command(
        "write the results of a stored sweep as a table for other programs",
        "mlejax export mlejax-sweep --format csv",
        (
            DIRECTORY,
            Option("--format", "needs pip install 'mlejax[export]'", choices=TABLES, required=True),
            Option("--out", "default DIR with the format's suffix", path, "FILE"),
            Option("--finished-only", "leave out the runs that have not ended (csv, parquet)", flag=True),
            JSON,
        ),
    ),
}


AXES = {"count": "--observations", "learning_rate": "--learning-rates"}
"""Axes of a sweep that have another name than their options."""


LEFT_OUT = "fill it in, or leave the line out"
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
    return parser.parse_args(words)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    from .. import __version__

    parser = _Parser(
        prog="mlejax",
        description="Maximum likelihood by gradient ascent in JAX.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mlejax {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=command.text,
            description=f"{command.text[0].upper()}{command.text[1:]}.",
            epilog=f"example: {command.example}",
        )
        for option in command.options:
            option.add_to(one)
    return parser
