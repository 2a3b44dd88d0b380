"""`python -m mlejax`."""

from .cli import main

raise SystemExit(main())
