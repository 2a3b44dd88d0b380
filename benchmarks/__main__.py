"""`python -m benchmarks`: the list of benchmarks; `python -m benchmarks NAME`: one of them."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = (
    "reference",
    "float32",
    "epochs",
    "lanes",
    "sweep",
    "cores",
    "raw",
    "newton",
    "fits",
    "many",
    "peers",
    "explain",
    "durability",
    "scale",
    "accelerator",
    "starts",
)
"""Modules of this package. Each has a docstring whose first line describes it, `add_arguments(parser)` and
`main(arguments)`."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure mlejax on this machine.")
    commands = parser.add_subparsers(dest="name", metavar="NAME")
    for name in NAMES:
        module = importlib.import_module(f"{__package__}.{name}")
        line = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=line, description=line)
        command.add_argument("--json", metavar="FILE", help="default DIR/NAME.json; - for standard output alone")
        command.add_argument("--out", metavar="DIR", type=Path, default=Path(__file__).parent / "results")
        module.add_arguments(command)
        command.set_defaults(main=module.main)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    if arguments.name is None:
        for name in NAMES:
            line = (importlib.import_module(f"{__package__}.{name}").__doc__ or "").splitlines()[0]
            print(f"{name:<12}{line}")
        return 0
    arguments.main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
