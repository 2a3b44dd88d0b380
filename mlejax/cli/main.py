"""The command line: streams, signals, errors and exit statuses. Nothing heavy is imported before they are in order."""

import contextlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from .output import UsageError, check_json, write
from .signals import INTERRUPTS

FAULT, READER_GONE = 70, 141
"""Exit statuses: of a fault in mlejax itself, as in sysexits.h; and of a program that SIGPIPE ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the words after `mlejax`. By default those of this process, which is then the command's own: its
            signals are handled, and standard streams that are closed are opened.

    Returns:
        The exit status: 0 done, 1 the estimate is not the maximum or `verify` found a difference, 2 bad usage or
        input, 70 a fault in mlejax, 129, 130 or 143 interrupted, 141 the answer could not be printed.

    Raises:
        SystemExit: after `--help`, `--version` and arguments that cannot be parsed.

    Example:
        >>> from mlejax.cli.main import main
        >>> main(["plot", "nowhere"])
        2
    """
    closed = False
    if arguments is None:
        INTERRUPTS.watch()
        closed = _open_streams()
        arguments = sys.argv[1:]
        # Before there are threads: what one of them restores when it leaves a context would let this warning through.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
    from .options import in_options, parse

    options = parse(arguments)
    options.arguments = list(arguments)
    options.progress = _is_watched()
    INTERRUPTS.command = f"mlejax {options.name}"
    try:
        check_json(options.json, closed)
        from .commands import COMMANDS

        answer = COMMANDS[options.name](options)
        unsaid = write(answer, options.json, closed)
        if answer.complaint:
            _complain(answer.complaint)
        if unsaid and options.json in (None, "-"):
            _complain(f"{unsaid}; --json FILE takes the answer too")
        delivered = not unsaid or (closed and options.json is not None)
        return answer.status if delivered else READER_GONE
    except KeyboardInterrupt as interrupt:
        INTERRUPTS.acknowledge()
        warnings.simplefilter("ignore")  # of what a library had begun and will not end
        _complain(f"interrupted. {interrupt}".rstrip())
        return INTERRUPTS.status
    except Exception as error:
        if INTERRUPTS.number:  # and a library made another exception of it
            _complain("interrupted.")
            return INTERRUPTS.status
        if _is_refusal(error):
            _complain(in_options(_in_words(error), options.name))
            return 2
        traceback.print_exc()
        _complain("this is a fault in mlejax; please report it, with the lines above")
        return FAULT


def _open_streams() -> bool:
    """Open the standard streams that are closed, on nothing; whether standard output was."""
    closed = sys.stdout is None
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text
    return closed


def _is_watched() -> bool:
    """Return whether a person sees the progress bar; in a file it leaves fragments."""
    return sys.stderr.isatty()


def _complain(message: str) -> None:
    """Print one line on standard error, where there is one."""
    text = " ".join(message.split("\n")).encode(errors="surrogateescape").decode(errors="backslashreplace")
    with contextlib.suppress(OSError):
        print(f"{INTERRUPTS.command}: {text}", file=sys.stderr, flush=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {error}".rstrip()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _is_refusal(error: Exception) -> bool:
    """Return whether an exception tells a person what to change; any other is a fault of ours.

    What is ours to say is an `InputError` or a `UsageError`; the system speaks of files and memory, JAX of devices.
    """
    from ..checks import InputError

    if isinstance(error, RuntimeError):
        return "Unable to initialize backend" in str(error)
    return isinstance(error, InputError | UsageError | OSError | MemoryError)
