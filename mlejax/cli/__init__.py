"""The command line."""

import contextlib
import os
import sys


def run() -> int:
    """Run the command that this process was started for; its signals are handled before anything else is imported."""
    from .signals import INTERRUPTS

    INTERRUPTS.watch()
    from .main import main

    status = main()
    if INTERRUPTS.number:  # a thread may be compiling, which nothing stops, and Python would wait for it
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    return status
