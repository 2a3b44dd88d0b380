"""The command line: `mlejax reproduce`, `fit`, `sweep`, `plot`. No mathematics."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

FORMATS = ("png", "svg", "pdf")


class UsageError(Exception):
    """The command line, or a file that it names, is not as it should be; the message is all a person needs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 done, 2 bad usage or input, 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    say = (lambda *_: None) if getattr(options, "json", None) == "-" else print
    try:
        options.command(options, say)
        sys.stdout.flush()
    except (UsageError, ValueError, TypeError, OSError) as problem:
        if os.environ.get("MLEJAX_TRACEBACK"):
            raise
        if isinstance(problem, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"mlejax {options.name}: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"\nmlejax {options.name}: interrupted. {interrupt}".rstrip(), file=sys.stderr)
        return 130
    return 0


# Commands ------------------------------------------------------------------------------------------------------------


def reproduce(options: Any, say: Callable[..., None]) -> None:
    from . import report
    from . import reproduce as article

    folder = _folder(options.out)
    observations = article.article_observations()
    run, figures = article.article_run(observations)
    say("The article's run: N(7.2, 2.8^2), 100,000 draws, gradient ascent from (0, 1), learning rate 0.1.\n")
    say(article.figures_text(figures))
    say(f"\nended      {run.status.name} in epoch {run.epochs}\ndistance   {report.how_far(run.distance)}\n")
    say("Why the mean comes first\n")
    say(article.convergence_text())
    separate = article.separate_learning_rates(observations)
    say("\nMust both share one learning rate?\n")
    say(article.separate_rates_text(separate))
    ascents = article.compare_ascents(observations)
    say("\nAdaptive learning rates, all observations, each at its best rate\n")
    say(article.ascents_text(ascents))
    found = article.Reproduction(observations, run, figures, separate, ascents)
    _list(say, article.draw(found, folder, options.format))
    _json(options, article.record(found))


def fit(options: Any, say: Callable[..., None]) -> None:
    from . import Normal, natural_gradient, report
    from .fitting import fit as run_fit

    observations = read_numbers(options.file, options.column)
    natural = options.learning_rate is None
    result = run_fit(
        Normal(options.start_mean, options.start_variance),
        observations,
        validation_fraction=options.validation_fraction,
        split_seed=options.split_seed,
        learning_rate=0.1 if natural else options.learning_rate,
        max_epochs=options.max_epochs,
        patience=options.patience,
        tolerance=options.tolerance,
        optimizer=natural_gradient() if natural else None,
        dtype=options.dtype,
    )
    say(f"{len(observations)} observations from {options.file}\n")
    say(report.fit_report(result, report.closed_form_of(result, observations)))
    folder = _folder(options.out)
    _list(say, _draw_fit(result, observations, folder, options.format))
    _json(options, report.fit_record(result))


def sweep(options: Any, say: Callable[..., None]) -> None:
    from . import Normal, report
    from .sweep import sweep as run_sweep

    _start_devices(options.devices)
    rates: Any = options.learning_rates
    if options.learning_rate_mean is not None or options.learning_rate_variance is not None:
        if rates is not None:
            raise UsageError(
                "--learning-rates is one rate for all; it cannot go with --learning-rate-mean or -variance"
            )
        default = np.float64(0.1)
        mean, variance = options.learning_rate_mean, options.learning_rate_variance
        rates = Normal(default if mean is None else mean, default if variance is None else variance)
    try:
        result = run_sweep(
            Normal(0.0, 1.0),
            seeds=options.seeds,
            learning_rates=geometric("0.001:10:41") if rates is None else rates,
            observations=read_numbers(options.file, options.column) if options.file else options.observations,
            draw=options.draw,
            max_epochs=options.max_epochs,
            patience=options.patience,
            tolerance=options.tolerance,
            dtype=options.dtype,
            out=options.out,
            repair=options.repair,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Finished runs are safe in {options.out}; the same command goes on from there."
        ) from None
    say(report.sweep_report(result))
    say(f"\nresults: {options.out} (xarray.open_zarr opens it)")
    _list(say, _draw_sweep(result, Path(options.out), options.format))
    _json(options, report.sweep_record(result) if options.json else {})


def plot(options: Any, say: Callable[..., None]) -> None:
    from .store import load

    _list(say, _draw_sweep(load(options.directory), Path(options.directory), options.format))


def _draw_fit(result: Any, observations: np.ndarray, folder: Path, suffix: str) -> list[Path]:
    from . import plotting

    pictures = {
        "log_likelihood": plotting.fit_figure(result),
        "distribution": plotting.distribution(result, observations),
        "surface": plotting.surface(result),
    }
    return plotting.save_all(pictures, folder, suffix)


def _draw_sweep(result: Any, folder: Path, suffix: str) -> list[Path]:
    from . import plotting

    return plotting.save_all(plotting.sweep_pictures(result), folder, suffix)


def _start_devices(count: int | None) -> None:
    from .devices import start

    start(count)


def _folder(path: str) -> Path:
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _list(say: Callable[..., None], paths: Sequence[Path]) -> None:
    say("pictures: " + ", ".join(str(path) for path in paths))


def _json(options: Any, record: dict[str, Any]) -> None:
    from .report import write_json

    if options.json:
        write_json(record, options.json)


# Reading -------------------------------------------------------------------------------------------------------------


def read_numbers(file: str, column: str | None) -> np.ndarray:
    """One column of finite numbers from a .csv (also .gz) or .npy file.

    Raises:
        UsageError: naming the file, and the line and column of the first thing that is not a finite number.
    """
    from .tables import TableError, read_column

    try:
        return read_column(file, column)
    except TableError as problem:
        raise UsageError(str(problem)) from None


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


# The parser ----------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and where to read more."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    from . import __version__

    parser = _Parser(prog="mlejax", description="Maximum likelihood by gradient ascent in JAX.")
    parser.add_argument("--version", action="version", version=f"mlejax {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    one = _command(
        commands, "reproduce", reproduce, "the article's run, its figures and its open questions", "mlejax reproduce"
    )
    _output(one, "mlejax-reproduce")

    one = _command(
        commands, "fit", fit, "fit a normal distribution to a column of numbers", "mlejax fit heights.csv --column cm"
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
        commands, "sweep", sweep, "many runs: seeds x learning rates, on all cores or GPUs",
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
        "--draw", choices=("jax", "numpy"), default="jax", help="numpy: the article's stream and split; default jax"
    )
    one.add_argument(
        "--devices", type=at_least_one, metavar="N", help="how many devices the CPU is to be; default one per core"
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
        plot,
        "the pictures of a sweep again, from its result directory",
        "mlejax plot mlejax-sweep --format pdf",
    )
    one.add_argument("directory", metavar="DIR", help="the result directory")
    one.add_argument("--format", choices=FORMATS, default="png")
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
    parser.add_argument(
        "--json", metavar="FILE", help="write the results as JSON; - for standard output, and nothing else there"
    )
