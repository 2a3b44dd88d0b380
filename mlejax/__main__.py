"""`python -m mlejax`."""

from .cli import run

raise SystemExit(run())
