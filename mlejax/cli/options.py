"""The command line's options, and what may be given for them."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

FORMATS = ("png", "svg", "pdf")
TABLES = ("csv", "parquet", "netcdf")


def whole_numbers(text: str) -> list[int]:
    """`0:100` for 0 to 99, or `0,5,7`."""
    try:
        if ":" in text:
            first, last = map(int, text.split(":"))
            values = list(range(first, last))
        else:
            values = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FIRST:LAST or whole numbers with commas; got {text!r}") from None
    if not values:
        raise argparse.ArgumentTypeError(f"{text!r} is empty: LAST is not included")
    return values


def at_least_one(text: str) -> int:
    """A whole number above zero."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0; got {text!r}")
    return int(text)


def geometric(text: str) -> np.ndarray:
    """`0.001:10:41` for 41 values from 0.001 to 10 in equal ratios, or `0.1,0.2`."""
    try:
        if ":" not in text:
            return np.array([float(part) for part in text.split(",")])
        low, high, count = text.split(":")
        if not (float(low) > 0 and float(high) > 0 and int(count) > 0):
            raise argparse.ArgumentTypeError(f"LOW, HIGH and COUNT must be positive; got {text!r}")
        return np.geomspace(float(low), float(high), int(count))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected LOW:HIGH:COUNT or numbers with commas; got {text!r}") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and where to read more."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser(run: Mapping[str, Callable[..., None]]) -> argparse.ArgumentParser:
    """The parser of the whole command line; `options.command` is the chosen command."""
    from .. import __version__

    parser = _Parser(
        prog="mlejax",
        description="Maximum likelihood by gradient ascent in JAX.",
        epilog="Compiled programs are kept for the next command in mlejax/ of the cache directory (XDG_CACHE_HOME, "
        "or ~/.cache); JAX_COMPILATION_CACHE_DIR names another place.",
    )
    parser.add_argument("--version", action="version", version=f"mlejax {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    one = _command(
        commands,
        "reproduce",
        run["reproduce"],
        "the article's run, its figures and its open questions",
        "mlejax reproduce",
    )
    _output(one, "mlejax-reproduce")

    one = _command(
        commands,
        "fit",
        run["fit"],
        "fit a normal distribution to a column of numbers",
        "mlejax fit heights.csv --column cm",
    )
    one.add_argument("file", metavar="FILE", help="a .csv (also .csv.gz) or .npy file")
    one.add_argument(
        "--column", metavar="NAME", help="the column, by name or number from 1; needed when there are several"
    )
    one.add_argument(
        "--learning-rate", type=float, metavar="RATE",
        help="plain gradient ascent with this rate; by default the natural gradient, which no unit disturbs",
    )  # fmt: skip
    one.add_argument("--start-mean", type=float, default=0.0, metavar="MEAN", help="default 0")
    one.add_argument("--start-variance", type=float, default=1.0, metavar="VARIANCE", help="default 1")
    one.add_argument(
        "--validation-fraction",
        type=float,
        default=0.2,
        metavar="PART",
        help="held out to decide the stop; default 0.2",
    )
    one.add_argument("--split-seed", type=int, default=42, metavar="SEED", help="of the split; default 42")
    _limits(one)
    _output(one, "mlejax-fit")

    one = _command(
        commands, "sweep", run["sweep"], "many runs: seeds x learning rates, on all cores or GPUs",
        "mlejax sweep --seeds 0:1000 --learning-rates 0.01:10:31 --out atlas",
    )  # fmt: skip
    one.add_argument(
        "--seeds", type=whole_numbers, default=list(range(100)), metavar="SEEDS", help="0:100 or 0,5,7; default 0:100"
    )
    one.add_argument(
        "--learning-rates",
        type=geometric,
        metavar="RATES",
        help="0.001:10:41 (geometric) or 0.1,0.2; default 0.001:10:41",
    )
    for parameter in ("mean", "variance"):
        one.add_argument(
            f"--learning-rate-{parameter}",
            type=geometric,
            metavar="RATES",
            help=f"rates of the {parameter} alone, an axis of its own",
        )
    one.add_argument("--observations", type=int, default=100_000, metavar="N", help="draws per seed; default 100000")
    one.add_argument("--file", metavar="FILE", help="your own numbers in place of draws; seeds then vary the split")
    one.add_argument("--column", metavar="NAME", help="the column of FILE")
    one.add_argument(
        "--draw", choices=("jax", "numpy", "statistics"), default="jax",
        help="numpy: the article's stream and split; statistics: those of a sample drawn directly; default jax",
    )  # fmt: skip
    one.add_argument(
        "--devices", type=at_least_one, metavar="N", help="how many devices the CPU is to be; default one per core"
    )
    one.add_argument(
        "--distributed", action="store_true",
        help="share the sweep with the other processes of the cluster that JAX finds: SLURM, Open MPI, Kubernetes, TPU",
    )  # fmt: skip
    one.add_argument("--coordinator", metavar="HOST:PORT", help="of the first process, where JAX finds no cluster")
    one.add_argument("--num-processes", type=at_least_one, metavar="N", help="with --coordinator")
    one.add_argument("--process-id", type=int, metavar="I", help="with --coordinator: this process, from 0")
    one.add_argument(
        "--explain", action="store_true", help="predict time, memory and disk from a short trial, and stop"
    )
    one.add_argument("--repair", action="store_true", help="recompute damaged batches of the result directory")
    _limits(one)
    _output(
        one,
        "mlejax-sweep",
        "the results, a Zarr store, and the pictures; given again, goes on where it was interrupted",
    )

    one = _command(
        commands,
        "plot",
        run["plot"],
        "the pictures of a sweep again, from its result directory",
        "mlejax plot mlejax-sweep --format pdf",
    )
    one.add_argument("directory", metavar="DIR", help="the result directory")
    one.add_argument("--format", choices=FORMATS, default="png")
    _json_option(one)

    one = _command(
        commands, "verify", run["verify"], "recompute random runs of a sweep and compare all bits",
        "mlejax verify mlejax-sweep --runs 100",
    )  # fmt: skip
    one.add_argument("directory", metavar="DIR", help="the result directory")
    one.add_argument("--runs", type=at_least_one, default=64, metavar="N", help="how many; default 64")
    _json_option(one)

    one = _command(
        commands, "export", run["export"], "a sweep's results as a file for other programs",
        "mlejax export mlejax-sweep --format csv",
    )  # fmt: skip
    one.add_argument("directory", metavar="DIR", help="the result directory")
    one.add_argument("--format", choices=TABLES, required=True, help="needs pip install 'mlejax[export]'")
    one.add_argument("--out", metavar="FILE", help="default DIR with the format's suffix")
    _json_option(one)
    return parser


def _command(commands: Any, name: str, run: Callable[..., None], text: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: {example}"
    )
    parser.set_defaults(command=run)
    return parser


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-epochs", type=int, default=10_000, metavar="N", help="default 10000")
    parser.add_argument(
        "--patience",
        type=int,
        default=50,
        metavar="N",
        help="epochs without a better validation log-likelihood; default 50",
    )
    parser.add_argument("--tolerance", type=float, default=1e-8, metavar="NATS", help="default 1e-8")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")


def _output(parser: argparse.ArgumentParser, folder: str, what: str = "the pictures") -> None:
    parser.add_argument("--out", default=folder, metavar="DIR", help=f"{what}; default {folder}")
    parser.add_argument("--format", choices=FORMATS, default="png", help="of the pictures; default png")
    _json_option(parser)


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="results as JSON; - for standard output, and nothing else there")
